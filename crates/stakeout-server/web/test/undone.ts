import assert from "node:assert/strict";
import { test } from "node:test";
import { undoneWords } from "../src/review/undone";

const batch = { verdicts: 0, drawings: 0, outlines: 0, words: 0 };

test("undo says what it took back", () => {
  assert.equal(undoneWords({ ...batch, verdicts: 1 }, false), "the last verdict was taken back");
  assert.equal(undoneWords({ ...batch, verdicts: 3 }, false), "the last 3 verdicts were taken back");
  assert.equal(undoneWords({ ...batch, drawings: 1 }, true), "the last drawing is taken back as soon as the server answers");
  assert.equal(undoneWords({ ...batch, words: 1 }, false), "the last change of words was taken back");
  assert.equal(undoneWords({ ...batch, verdicts: 2, outlines: 1 }, false), "the last 2 verdicts and change of an outline were taken back");
});
