import assert from "node:assert/strict";
import { test } from "node:test";
import type { SceneItem } from "../src/api";
import { changedCard, whyNotCompared } from "../src/scenes/timeline";

const scene = (id: string, isPlaced = true): SceneItem =>
  ({ id, geometry: isPlaced ? { type: "Polygon", coordinates: [] } : null, properties: { datetime: "2024-01-01T00:00:00Z" }, assets: {} });

test("a comparison takes two scenes, both of which have a place", () => {
  const [a, b, loose] = [scene("a"), scene("b"), scene("c", false)];
  assert.equal(whyNotCompared(a, b), null);
  for (const [before, after] of [[a, null], [null, b], [a, a]] as const) {
    assert.equal(whyNotCompared(before, after), "A comparison takes two scenes: choose before and after");
  }
  for (const [before, after] of [[loose, b], [a, loose], [loose, scene("d", false)]] as const) {
    assert.equal(whyNotCompared(before, after), "Place both scenes on the map first");
  }
});

test("two scenes are not compared twice at once", () => {
  const [a, b] = [scene("a"), scene("b")];
  assert.equal(whyNotCompared(a, b, [{ before: "a", after: "b" }]), "These two are being compared");
  assert.equal(whyNotCompared(a, b, [{ before: "a", after: "c" }]), null);
});

test("the strip is led to the scene that was chosen just now, and to none where the same ones were loaded anew", () => {
  const [a, b, c] = [scene("a"), scene("b"), scene("c")];
  const shown = { before: b, after: c };
  assert.equal(changedCard(shown, { before: a, after: c }), "a");
  assert.equal(changedCard(shown, { before: b, after: a }), "a");
  assert.equal(changedCard(shown, { before: a, after: b }), "b", "of a comparison that was chosen elsewhere the later one");
  assert.equal(changedCard(shown, { before: scene("b"), after: scene("c") }), null);
  assert.equal(changedCard(shown, { before: null, after: null }), null);
});
