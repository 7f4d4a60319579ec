// What can be done to an outline, as pure functions on plain positions. Positions are in metres of a local plane or of
// Web Mercator: all here is unchanged by a scale, so the stretch of Mercator does no harm.
//
// A ring is closed: its last position is its first. A polygon is its exterior ring, then its holes.

export type Position = readonly [number, number];
export type Ring = readonly Position[];
export type Polygon = readonly Ring[];

/** Corners closer to a straight line than this many degrees are no corners of a building. */
const STRAIGHT_DEG = 12;

/** Twice the signed area of a ring; positive counter-clockwise. */
function doubleArea(ring: Ring): number {
  const [originX, originY] = ring[0] ?? [0, 0];
  let sum = 0;
  for (const [[x, y], [nextX, nextY]] of edges(ring)) sum += (x - originX) * (nextY - originY) - (nextX - originX) * (y - originY);
  return sum;
}

export function ringArea(ring: Ring): number {
  return Math.abs(doubleArea(ring)) / 2;
}

export function polygonArea(polygon: Polygon): number {
  const [exterior, ...holes] = polygon;
  return (exterior ? ringArea(exterior) : 0) - holes.reduce((sum, hole) => sum + ringArea(hole), 0);
}

function edges(ring: Ring): [Position, Position][] {
  return ring.slice(1).map((to, at) => [ring[at] as Position, to]);
}

/** On which side of the line a-b a position lies: above 0 on the left, 0 on the line. */
function side([ax, ay]: Position, [bx, by]: Position, [x, y]: Position): number {
  return (bx - ax) * (y - ay) - (by - ay) * (x - ax);
}

/** Where two segments cross each other, if they properly do. */
export function crossing(a: Position, b: Position, c: Position, d: Position): Position | null {
  const [ofC, ofD, ofA, ofB] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (ofC * ofD >= 0 || ofA * ofB >= 0) return null;
  const share = ofA / (ofA - ofB);
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
}

/** Whether a position lies within a segment, its ends left out. */
function liesWithin(at: Position, [a, b]: [Position, Position]): boolean {
  if (side(a, b, at) !== 0) return false;
  const along = (at[0] - a[0]) * (b[0] - a[0]) + (at[1] - a[1]) * (b[1] - a[1]);
  return along > 0 && along < (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2;
}

/** Where the boundary of a polygon crosses or touches itself, if it does. */
export function selfCrossing(polygon: Polygon): Position | null {
  const all = polygon.flatMap(edges);
  for (const [at, first] of all.entries()) {
    for (const second of all.slice(at + 1)) {
      const crossed = crossing(...first, ...second);
      if (crossed) return crossed;
      const touched = [...second.filter((end) => liesWithin(end, first)), ...first.filter((end) => liesWithin(end, second))][0];
      if (touched) return touched;
    }
  }
  return null;
}

export function contains(ring: Ring, [x, y]: Position): boolean {
  let inside = false;
  for (const [[ax, ay], [bx, by]] of edges(ring)) {
    if (ay > y !== by > y && x < ax + ((bx - ax) * (y - ay)) / (by - ay)) inside = !inside;
  }
  return inside;
}

/** Which corner of a polygon lies at a position, counted through all its rings without their closing ones; -1 where none does. */
export function cornerAt(polygon: Polygon, [x, y]: Position): number {
  return polygon.flatMap((ring) => ring.slice(0, -1)).findIndex((at) => at[0] === x && at[1] === y);
}

/** What is wrong with a polygon, in words; `null` for a good one. */
export function fault(polygon: Polygon): string | null {
  const [exterior, ...holes] = polygon;
  if (!exterior || new Set(exterior.map(String)).size < 3) return "an outline takes three corners";
  if (selfCrossing(polygon)) return "the outline crosses itself";
  if (ringArea(exterior) === 0) return "the outline has no area";
  if (holes.some((hole) => !hole.every((at) => contains(exterior, at)))) return "a hole lies outside the outline";
  return null;
}

/** The direction of a ring's walls, radians: that of its edges by length, a quarter turn counting as none. */
function mainDirection(ring: Ring): number {
  let [x, y] = [0, 0];
  for (const [[ax, ay], [bx, by]] of edges(ring)) {
    const [length, angle] = [Math.hypot(bx - ax, by - ay), Math.atan2(by - ay, bx - ax)];
    x += length * Math.cos(4 * angle);
    y += length * Math.sin(4 * angle);
  }
  return Math.atan2(y, x) / 4;
}

/** Corners of a ring without those on an almost straight line; closed again. */
function withoutStraight(ring: Ring): Position[] {
  const open = ring.slice(0, -1);
  const kept = open.filter((at, index) => {
    const [before, after] = [open.at(index - 1) as Position, open[(index + 1) % open.length] as Position];
    const turn = Math.atan2(side(before, at, after), (at[0] - before[0]) * (after[0] - at[0]) + (at[1] - before[1]) * (after[1] - at[1]));
    return Math.abs(turn) > (STRAIGHT_DEG * Math.PI) / 180;
  });
  return kept.length >= 3 ? kept : open;
}

/**
 * A ring with walls in two directions, at right angles: each wall is turned to the nearer of the two about its own
 * middle, and corners are where the walls meet. `null` where that makes no good ring.
 */
export function orthogonalised(ring: Ring): Ring | null {
  const turn = mainDirection(ring);
  const turned = (at: Position, by: number): Position => [
    at[0] * Math.cos(by) - at[1] * Math.sin(by),
    at[0] * Math.sin(by) + at[1] * Math.cos(by),
  ];
  const origin = ring[0] as Position;
  const corners = withoutStraight(ring).map((at): Position => turned([at[0] - origin[0], at[1] - origin[1]], -turn));
  const walls = corners.map((from, at) => {
    const to = corners[(at + 1) % corners.length] as Position;
    const level = Math.abs(to[0] - from[0]) >= Math.abs(to[1] - from[1]);
    return { level, at: level ? (from[1] + to[1]) / 2 : (from[0] + to[0]) / 2, from, to };
  });
  // two walls of one direction in a row are joined by a short one at right angles where they meet
  const made = walls.flatMap((wall, at): Position[] => {
    const before = walls.at(at - 1) as (typeof walls)[number];
    if (before.level !== wall.level) return [wall.level ? [before.at, wall.at] : [wall.at, before.at]];
    const joint = wall.level ? wall.from[0] : wall.from[1];
    return wall.level ? [[joint, before.at], [joint, wall.at]] : [[before.at, joint], [wall.at, joint]];
  });
  const back = made.map((at): Position => {
    const [x, y] = turned(at, turn);
    return [x + origin[0], y + origin[1]];
  });
  const closed = [...back, back[0] as Position];
  return fault([closed]) ? null : closed;
}

/** A polygon with right angles in all its rings, or `null` where one of them cannot have them. */
export function orthogonal(polygon: Polygon): Polygon | null {
  const rings = polygon.map(orthogonalised);
  const whole = rings.filter((ring): ring is Ring => ring !== null);
  return whole.length === polygon.length && !fault(whole) ? whole : null;
}

interface Corner { readonly at: Position; readonly crossed: boolean }

/** A ring with the places where a line crosses it put in as corners; without the closing corner. */
function withCrossings(ring: Ring, line: readonly Position[]): Corner[] {
  const pieces = line.slice(1).map((to, at): [Position, Position] => [line[at] as Position, to]);
  return edges(ring).flatMap(([from, to]) => {
    const hits = pieces.map((piece) => crossing(from, to, ...piece)).filter((at): at is Position => at !== null);
    hits.sort((p, q) => Math.hypot(p[0] - from[0], p[1] - from[1]) - Math.hypot(q[0] - from[0], q[1] - from[1]));
    return [{ at: from, crossed: false }, ...hits.map((at) => ({ at, crossed: true }))];
  });
}

/**
 * A polygon cut in two along a line that enters and leaves its exterior once. Holes go to the part they lie in.
 * `null` where the line does not cut it that way, or cuts a hole.
 */
export function split(polygon: Polygon, line: readonly Position[]): [Polygon, Polygon] | null {
  const [exterior, ...holes] = polygon;
  if (!exterior || holes.some((hole) => withCrossings(hole, line).some((corner) => corner.crossed))) return null;
  const corners = withCrossings(exterior, line);
  const [enter, leave] = corners.flatMap((corner, at) => (corner.crossed ? [at] : []));
  if (enter === undefined || leave === undefined || corners.filter((corner) => corner.crossed).length !== 2) return null;
  const inner = line.filter((at) => contains(exterior, at));
  const back = isNearerAlong(line, corners[enter] as Corner, corners[leave] as Corner) ? [...inner].reverse() : inner;
  const places = corners.map((corner) => corner.at);
  const close = (ring: Position[]): Ring => [...ring, ring[0] as Position];
  const rings = [
    close([...places.slice(enter, leave + 1), ...back]),
    close([...places.slice(leave), ...places.slice(0, enter + 1), ...[...back].reverse()]),
  ];
  const parts = rings.map((ring): Polygon => [ring, ...holes.filter((hole) => contains(ring, hole[0] as Position))]);
  return parts.some(fault) ? null : (parts as [Polygon, Polygon]);
}

/** Whether a line comes by the first of two corners on it before the second. */
function isNearerAlong(line: readonly Position[], first: Corner, second: Corner): boolean {
  const along = ({ at }: Corner) => {
    let walked = 0;
    let best = { far: Infinity, along: 0 };
    for (const [index, to] of line.slice(1).entries()) {
      const from = line[index] as Position;
      const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
      const far = Math.abs(Math.hypot(at[0] - from[0], at[1] - from[1]) + Math.hypot(at[0] - to[0], at[1] - to[1]) - length);
      if (far < best.far) best = { far, along: walked + Math.hypot(at[0] - from[0], at[1] - from[1]) };
      walked += length;
    }
    return best.along;
  };
  return along(first) < along(second);
}

/**
 * Two polygons as one: they must overlap. The exterior is walked along, always turning outwards where the boundaries
 * cross, so that a gap between the two that both enclose is filled. `null` where they do not cross each other; one that
 * lies within the other adds nothing.
 */
export function merged(a: Polygon, b: Polygon): Polygon | null {
  const [outerA, outerB] = [a[0], b[0]];
  if (!outerA || !outerB) return null;
  if (outerB.every((at) => contains(outerA, at)) && !crosses(outerA, outerB)) return a;
  if (outerA.every((at) => contains(outerB, at)) && !crosses(outerA, outerB)) return b;
  const ring = outline(counterClockwise(outerA), counterClockwise(outerB));
  if (!ring) return null;
  const holes = [...a.slice(1).filter((hole) => !touches(hole, outerB)), ...b.slice(1).filter((hole) => !touches(hole, outerA))];
  const whole = [ring, ...holes];
  return fault(whole) ? null : whole;
}

function touches(hole: Ring, other: Ring): boolean {
  return hole.some((at) => contains(other, at)) || crosses(hole, other);
}

function crosses(a: Ring, b: Ring): boolean {
  return edges(a).some((edge) => edges(b).some((other) => crossing(...edge, ...other)));
}

function counterClockwise(ring: Ring): Ring {
  return doubleArea(ring) > 0 ? ring : [...ring].reverse();
}

/** The boundary of two counter-clockwise rings together: at a crossing the walk changes to the other ring. */
function outline(a: Ring, b: Ring): Ring | null {
  const walks = [withCrossings(a, b), withCrossings(b, a)];
  const start = (walks[0] ?? []).findIndex((corner) => !corner.crossed && !contains(b, corner.at));
  if (start < 0 || !walks[0]?.some((corner) => corner.crossed)) return null;
  const ring: Position[] = [];
  let [on, at] = [0, start];
  for (let steps = (walks[0]?.length ?? 0) + (walks[1]?.length ?? 0) + 1; steps > 0; steps -= 1) {
    const corner = walks[on]?.[at];
    if (!corner) return null;
    if (ring.length > 0 && on === 0 && at === start) return [...ring, ring[0] as Position];
    ring.push(corner.at);
    if (corner.crossed) {
      on = 1 - on;
      at = nearest(walks[on] ?? [], corner.at);
    }
    at = (at + 1) % (walks[on]?.length ?? 1);
  }
  return null;
}

function nearest(corners: readonly Corner[], to: Position): number {
  let best = 0;
  let least = Infinity;
  for (const [index, corner] of corners.entries()) {
    const far = Math.hypot(corner.at[0] - to[0], corner.at[1] - to[1]);
    if (corner.crossed && far < least) [best, least] = [index, far];
  }
  return best;
}

/** A polygon with a hole in it, or `null` where the hole does not lie within. */
export function withHole(polygon: Polygon, hole: Ring): Polygon | null {
  const whole = [...polygon, hole];
  const inAnother = polygon.slice(1).some((other) => contains(other, hole[0] as Position) || contains(hole, other[0] as Position));
  return inAnother || fault(whole) ? null : whole;
}
