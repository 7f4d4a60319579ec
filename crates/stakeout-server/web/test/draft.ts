import assert from "node:assert/strict";
import { test } from "node:test";
import { type Draft, type Edit, onLeaving, whyNoVerdict } from "../src/review/draft";
import type { Ring } from "../src/review/geometry";

const outline = (ring: Ring): Draft => ({ polygon: [ring], parts: [], pieces: [] });
const square = outline([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]);
const wide = outline([[0, 0], [9, 0], [9, 4], [0, 4], [0, 0]]);
const crossed = outline([[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]);
const edit = (draft: Draft, isRecorded = false): Edit => ({ candidate: "c", begun: square, draft, based: undefined, isRecorded });

test("a verdict takes a changed outline with it, but no faulty one and none of what is recorded", () => {
  assert.equal(whyNoVerdict(edit(wide)), null);
  assert.equal(whyNoVerdict(edit(crossed)), "the outline crosses itself");
  assert.equal(whyNoVerdict(edit(wide, true)), "keep the outline or leave it first");
  assert.equal(whyNoVerdict(edit(outline([...square.polygon[0]!]), true)), null, "nothing was changed");
});

test("an outline that was changed is not lost when its candidate is left", () => {
  assert.equal(onLeaving(edit(wide)), "keep");
  assert.equal(onLeaving(edit(crossed)), "remember");
  assert.equal(onLeaving(edit(wide, true)), "remember");
  assert.equal(onLeaving(edit({ ...square, parts: ["d"] })), "keep", "a merge is a change too");
  assert.equal(onLeaving(edit({ ...square }, true)), "end");
});
