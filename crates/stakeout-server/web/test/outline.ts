import assert from "node:assert/strict";
import { test } from "node:test";
import { type Geometry, outlineOf } from "../src/review/outline";

/** A square near the equator with sides of so many ten-thousandths of a degree: 11.1 m each. */
const square = (side: number): number[][] => [[0, 0], [side, 0], [side, side], [0, side], [0, 0]].map(([x, y]) => [x! / 10_000, y! / 10_000]);
const polygon = (...rings: number[][][]): Geometry => ({ type: "Polygon", coordinates: rings });

test("an outline counts where it is another than the one that was found", () => {
  assert.equal(outlineOf(null, polygon(square(2))), null);
  assert.equal(outlineOf(undefined, polygon(square(2))), null);
  assert.equal(outlineOf(polygon(square(2)), polygon(square(2))), null);
  assert.deepEqual(outlineOf(polygon(square(3)), polygon(square(2)))?.geometry, polygon(square(3)));
});

test("its area is that of all its parts without their holes", () => {
  const area = (geometry: Geometry) => outlineOf(geometry, undefined)?.area_m2 ?? 0;
  const unit = area(polygon(square(1)));
  const near = (geometry: Geometry, units: number) => assert.ok(Math.abs(area(geometry) / unit - units) < 0.001, `${area(geometry) / unit} for ${units}`);
  near(polygon(square(4)), 16);
  near(polygon(square(4), square(2)), 12);
  near({ type: "MultiPolygon", coordinates: [[square(4)], [square(2)]] } as unknown as Geometry, 20);
});
