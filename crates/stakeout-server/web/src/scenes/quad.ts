// A slanted view: the projective map from shares of an image (0 to 1, from the upper left, downwards) to places on the
// map that its four corners make.

import type { Place } from "./affine";

/** Corners from the upper left, clockwise. */
export type Quad = readonly [Place, Place, Place, Place];
/** `x = (a u + b v + c) / (g u + h v + 1)`, `y = (d u + e v + f) / (g u + h v + 1)`. */
export type Projective = readonly [number, number, number, number, number, number, number, number];

/** The map of the unit square onto four corners (P. Heckbert, "Fundamentals of Texture Mapping", 1989). */
export function projective([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]: Quad): Projective {
  const [ax, ay, bx, by] = [x1 - x2, y1 - y2, x3 - x2, y3 - y2];
  const [sx, sy] = [x0 - x1 + x2 - x3, y0 - y1 + y2 - y3];
  const det = ax * by - bx * ay;
  const [g, h] = [(sx * by - bx * sy) / det, (ax * sy - sx * ay) / det];
  return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h];
}

export function project([a, b, c, d, e, f, g, h]: Projective, [u, v]: Place): Place {
  const by = g * u + h * v + 1;
  return [(a * u + b * v + c) / by, (d * u + e * v + f) / by];
}

/** Where in the image a place on the map is. */
export function unproject([a, b, c, d, e, f, g, h]: Projective, [x, y]: Place): Place {
  // (a - g x) u + (b - h x) v = x - c, and the same for y
  const [p, q, r, s] = [a - g * x, b - h * x, d - g * y, e - h * y];
  const det = p * s - q * r;
  return [(s * (x - c) - q * (y - f)) / det, (p * (y - f) - r * (x - c)) / det];
}

/** Whether corners turn one way all around: only then they are a picture of a rectangle. */
export function isConvex(quad: Quad): boolean {
  const turns = quad.map(([x, y], at) => {
    const [[px, py], [nx, ny]] = [quad[(at + 3) % 4] as Place, quad[(at + 1) % 4] as Place];
    return Math.sign((x - px) * (ny - y) - (nx - x) * (y - py));
  });
  return turns[0] !== 0 && turns.every((turn) => turn === turns[0]);
}
