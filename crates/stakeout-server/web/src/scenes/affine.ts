// Where an image without a georeference lies: an affine map from shares of its width and height (0 to 1, from the upper
// left, downwards) to places on the map.

export type Place = readonly [number, number];
/** `x = a u + b v + c`, `y = d u + e v + f`. */
export type Affine = readonly [number, number, number, number, number, number];

export interface Match {
  /** Where in the image, shares. */
  readonly image: Place;
  /** Where on the map. */
  readonly map: Place;
}

export function apply([a, b, c, d, e, f]: Affine, [u, v]: Place): Place {
  return [a * u + b * v + c, d * u + e * v + f];
}

export function invert([a, b, c, d, e, f]: Affine): Affine {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}

/** The corners from the upper left, clockwise. */
export function corners(at: Affine): readonly [Place, Place, Place, Place] {
  return [apply(at, [0, 0]), apply(at, [1, 0]), apply(at, [1, 1]), apply(at, [0, 1])];
}

/** The image upright, `width` wide, around a middle. */
export function upright([x, y]: Place, width: number, height: number): Affine {
  return [width, 0, x - width / 2, 0, -height, y + height / 2];
}

export function moved([a, b, c, d, e, f]: Affine, [right, up]: Place): Affine {
  return [a, b, c + right, d, e, f + up];
}

/** Turns and scales the image so that a corner comes to a place while the opposite one stays. */
export function pulled(at: Affine, corner: 0 | 1 | 2 | 3, to: Place): Affine {
  const all = corners(at);
  return similar(at, all[(corner + 2) % 4] as Place, all[corner], to);
}

/** Turns and scales about a place so that `from` comes to `to`. */
function similar(at: Affine, [px, py]: Place, from: Place, to: Place): Affine {
  const [fx, fy, tx, ty] = [from[0] - px, from[1] - py, to[0] - px, to[1] - py];
  const length = fx * fx + fy * fy;
  if (length === 0 || (tx === 0 && ty === 0)) return at;
  const [cosine, sine] = [(fx * tx + fy * ty) / length, (fx * ty - fy * tx) / length];
  const [a, b, c, d, e, f] = at;
  return [
    cosine * a - sine * d, cosine * b - sine * e, cosine * (c - px) - sine * (f - py) + px,
    sine * a + cosine * d, sine * b + cosine * e, sine * (c - px) + cosine * (f - py) + py,
  ];
}

/**
 * The image laid onto matched points: one moves it, two turn and scale it too, three or more give the affine map that
 * fits best. `at` is where it lay before.
 */
export function matched(at: Affine, matches: readonly Match[]): Affine {
  const [first, second] = matches;
  if (!first) return at;
  if (!second || matches.length === 2) {
    const here = apply(at, first.image);
    const along = moved(at, [first.map[0] - here[0], first.map[1] - here[1]]);
    return second ? similar(along, first.map, apply(along, second.image), second.map) : along;
  }
  return leastSquares(matches) ?? at;
}

/** Null where the points lie on a line. */
function leastSquares(matches: readonly Match[]): Affine | null {
  const mean = (read: (match: Match) => number) => matches.reduce((sum, match) => sum + read(match), 0) / matches.length;
  const [u0, v0] = [mean(({ image }) => image[0]), mean(({ image }) => image[1])];
  const [x0, y0] = [mean(({ map }) => map[0]), mean(({ map }) => map[1])];
  const sum = (read: (u: number, v: number, x: number, y: number) => number) =>
    matches.reduce((total, { image, map }) => total + read(image[0] - u0, image[1] - v0, map[0] - x0, map[1] - y0), 0);
  const [uu, uv, vv] = [sum((u) => u * u), sum((u, v) => u * v), sum((_, v) => v * v)];
  const det = uu * vv - uv * uv;
  if (det < 1e-9 * (uu + vv) ** 2) return null;
  const row = (ux: number, vx: number) => [(vv * ux - uv * vx) / det, (uu * vx - uv * ux) / det] as const;
  const [a, b] = row(sum((u, _, x) => u * x), sum((_, v, x) => v * x));
  const [d, e] = row(sum((u, _, __, y) => u * y), sum((_, v, __, y) => v * y));
  return [a, b, x0 - a * u0 - b * v0, d, e, y0 - d * u0 - e * v0];
}
