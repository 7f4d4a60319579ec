import assert from "node:assert/strict";
import { test } from "node:test";
import { pastedArea } from "../src/sites/pasted";

const polygon = (...ring: unknown[]) => ({ type: "Polygon", coordinates: [ring] });
const plant = polygon([127.6, 39.89], [127.62, 39.89], [127.62, 39.9], [127.6, 39.89]);

test("an area is a polygon, alone, in a feature or in a collection", () => {
  const feature = { type: "Feature", geometry: plant, properties: {} };
  for (const given of [plant, feature, { type: "FeatureCollection", features: [feature] }]) assert.deepEqual(pastedArea(JSON.stringify(given)), plant);
});

test("an area in the other order, or without positions, is refused in words", () => {
  assert.throws(() => pastedArea(JSON.stringify(polygon([39.89, 127.6], [39.89, 127.62], [39.9, 127.62], [39.89, 127.6]))), /longitude 39.89, latitude 127.6: the longitude comes first/);
  assert.throws(() => pastedArea(JSON.stringify(polygon([127.6], ["east", 39.89]))), /no longitude and latitude/);
  assert.throws(() => pastedArea('{"type":"Polygon"}'), /without corners/);
  assert.throws(() => pastedArea('{"type":"Point","coordinates":[1,2]}'), /no GeoJSON polygon but Point/);
  assert.throws(() => pastedArea("{"), /no GeoJSON/);
});
