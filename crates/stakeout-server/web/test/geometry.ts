import assert from "node:assert/strict";
import { test } from "node:test";
import { type Polygon, type Position, type Ring, cornerAt, fault, merged, orthogonal, orthogonalised, polygonArea, ringArea, selfCrossing, split, withHole } from "../src/review/geometry";

const box = (west: number, south: number, east: number, north: number): Ring => [[west, south], [east, south], [east, north], [west, north], [west, south]];
const near = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 1e-6, `${got} is not ${wanted}`);
const FAR: Position = [14_200_000, 4_850_000];
const there = (ring: Ring): Ring => ring.map(([x, y]) => [x + FAR[0], y + FAR[1]]);

test("an area does not depend on where it is or which way round it goes", () => {
  near(ringArea(box(0, 0, 4, 3)), 12);
  near(ringArea([...box(0, 0, 4, 3)].reverse()), 12);
  near(ringArea(there(box(0, 0, 4, 3))), 12);
  near(polygonArea([box(0, 0, 4, 3), box(1, 1, 2, 2)]), 11);
});

test("a bow tie crosses itself in the middle, and a box does not", () => {
  assert.deepEqual(selfCrossing([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]), [1, 1]);
  assert.equal(selfCrossing([box(0, 0, 2, 2)]), null);
  assert.match(fault([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]) ?? "", /crosses itself/);
});

test("a corner that touches another wall is a fault too", () => {
  assert.deepEqual(selfCrossing([[[0, 0], [4, 0], [4, 4], [2, 0], [0, 4], [0, 0]]]), [2, 0]);
});

test("two corners are no outline", () => {
  assert.match(fault([[[0, 0], [1, 1], [0, 0]]]) ?? "", /three corners/);
});

test("a skewed rectangle becomes one with right angles and about the same area", () => {
  const skewed: Ring = [[0, 0], [10, 0.6], [10.4, 5.1], [-0.2, 5], [0, 0]];
  const right = orthogonalised(skewed) as Ring;
  assert.equal(right.length, 5);
  for (let at = 0; at < 4; at += 1) {
    const [a, b, c] = [right[at], right[at + 1], right[at + 2] ?? right[1]] as [Position, Position, Position];
    near((b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]), 0);
  }
  assert.ok(Math.abs(ringArea(right) / ringArea(skewed) - 1) < 0.05);
});

test("an almost straight wall loses its extra corner, and an L stays an L", () => {
  const bent: Ring = there([[0, 0], [5, 0.1], [10, 0], [10, 10], [5, 10.1], [5, 5], [0, 5], [0, 0]]);
  const right = orthogonalised(bent) as Ring;
  assert.equal(right.length, 7);
  assert.ok(Math.abs(ringArea(right) - 75) < 2);
});

test("what has right angles keeps them", () => {
  const polygon: Polygon = [there(box(0, 0, 8, 6)), there(box(2, 2, 4, 4))];
  near(polygonArea(orthogonal(polygon) as Polygon), 44);
});

test("a line cuts a box in two parts that together are the box", () => {
  const parts = split([box(0, 0, 10, 4)], [[3, -1], [3, 5]]) as [Polygon, Polygon];
  assert.deepEqual(parts.map(polygonArea).sort((a, b) => a - b), [12, 28]);
});

test("a line with a bend cuts along the bend, drawn either way", () => {
  const line: Position[] = [[3, -1], [3, 2], [6, 2], [6, 5]];
  for (const drawn of [line, [...line].reverse()]) {
    const parts = split([box(0, 0, 10, 4)], drawn) as [Polygon, Polygon];
    assert.deepEqual(parts.map(polygonArea).sort((a, b) => a - b), [18, 22]);
  }
});

test("a cut from a wall back to the same wall takes a piece out of it", () => {
  const parts = split([box(0, 0, 10, 4)], [[2, -1], [2, 2], [5, 2], [5, -1]]) as [Polygon, Polygon];
  assert.deepEqual(parts.map(polygonArea).sort((a, b) => a - b), [6, 34]);
});

test("a hole goes to the part it lies in, and a cut through a hole is refused", () => {
  const holed: Polygon = [box(0, 0, 10, 4), box(1, 1, 2, 2)];
  const parts = split(holed, [[5, -1], [5, 5]]) as [Polygon, Polygon];
  assert.deepEqual(parts.map((part) => part.length).sort(), [1, 2]);
  near(parts.map(polygonArea).reduce((a, b) => a + b), 39);
  assert.equal(split(holed, [[1.5, -1], [1.5, 5]]), null);
});

test("a line that does not cross the outline twice does not split it", () => {
  assert.equal(split([box(0, 0, 10, 4)], [[3, 1], [3, 5]]), null);
  assert.equal(split([box(0, 0, 10, 4)], [[20, 0], [20, 5]]), null);
});

test("two boxes that overlap become one with the area of both", () => {
  const whole = merged([box(0, 0, 4, 4)], [box(2, 2, 6, 6)]) as Polygon;
  near(polygonArea(whole), 28);
  near(polygonArea(merged([[...box(2, 2, 6, 6)].reverse()], [box(0, 0, 4, 4)]) as Polygon), 28);
});

test("boxes that cross like a plus become a plus", () => {
  near(polygonArea(merged([box(0, 2, 6, 4)], [box(2, 0, 4, 6)]) as Polygon), 20);
});

test("a part that lies within adds nothing, and parts that lie apart do not merge", () => {
  near(polygonArea(merged([box(0, 0, 9, 9)], [box(1, 1, 2, 2)]) as Polygon), 81);
  assert.equal(merged([box(0, 0, 1, 1)], [box(5, 5, 6, 6)]), null);
});

test("a hole is cut where it lies within, and nowhere else", () => {
  near(polygonArea(withHole([box(0, 0, 9, 9)], box(1, 1, 3, 3)) as Polygon), 77);
  assert.equal(withHole([box(0, 0, 9, 9)], box(8, 8, 12, 12)), null);
  assert.equal(withHole([box(0, 0, 9, 9), box(1, 1, 4, 4)], box(2, 2, 3, 3)), null);
});

test("a corner is found by its position, through all rings", () => {
  const polygon: Polygon = [[[0, 0], [9, 0], [9, 9], [0, 0]], [[2, 1], [3, 1], [3, 2], [2, 1]]];
  assert.deepEqual([cornerAt(polygon, [0, 0]), cornerAt(polygon, [9, 9]), cornerAt(polygon, [3, 1]), cornerAt(polygon, [5, 5])], [0, 2, 4, -1]);
});
