import assert from "node:assert/strict";
import { test } from "node:test";
import { labelsShown, rowsOf } from "../src/scenes/spans";

const span = (left: number, right: number) => ({ left, right });

test("spans that overlap stand in rows of their own, those that only touch in one", () => {
  assert.deepEqual(rowsOf([span(0, 10), span(10, 20), span(5, 15), span(0, 20), span(20, 30)]), [0, 0, 1, 2, 0]);
  assert.deepEqual(rowsOf([]), []);
});

test("a label that would cover another is left out, the first and the last stay", () => {
  // the first hangs to the right of its place, the last to the left, those between on both sides
  const spans = [span(0, 70), span(43, 113), span(73, 143), span(150, 220), span(200, 270)];
  assert.deepEqual(labelsShown(spans, 3), [0, 2, 4]);
  assert.deepEqual(labelsShown([span(0, 70), span(30, 100)], 3), [0], "of two that have no room the first");
});
