import assert from "node:assert/strict";
import { test } from "node:test";
import { type Candidate, type Review, decide, empty, queue } from "../src/review/decide";

const candidate = (id: string, score: number): Candidate => ({ id, score, area: 100, change: "new", state: "pending" });
const loaded: Review = decide(empty, { type: "loaded", candidates: [candidate("a", 0.5), candidate("b", 0.9), candidate("c", 0.7)] });

test("the queue begins with the best score, and the first that waits is current", () => {
  assert.deepEqual(queue(loaded).map((shown) => shown.id), ["b", "c", "a"]);
  assert.equal(loaded.current, "b");
});

test("a recorded verdict moves on to the next that waits, and undoing it comes back", () => {
  const after = decide(loaded, { type: "recorded", id: "b", state: "confirmed", review: "r1" });
  assert.equal(after.current, "c");
  const back = decide(after, { type: "undone", id: "b", state: "pending", review: "r1" });
  assert.equal(back.current, "b");
  assert.deepEqual(back.done, []);
  assert.deepEqual(queue(back), queue(loaded));
});

test("the last verdict stays where it is, since nothing waits any more", () => {
  let review = loaded;
  for (const id of ["b", "c", "a"]) review = decide(review, { type: "recorded", id, state: "rejected", review: id });
  assert.equal(review.current, "a");
  assert.deepEqual(review.done.map((done) => done.review), ["b", "c", "a"]);
});

test("a threshold hides candidates and keeps a current one that is shown", () => {
  const filtered = decide(decide(loaded, { type: "select", id: "a" }), { type: "score", min: 0.6 });
  assert.deepEqual(queue(filtered).map((shown) => shown.id), ["b", "c"]);
  assert.equal(filtered.current, "b");
});

test("stepping stops at both ends", () => {
  assert.equal(decide(loaded, { type: "step", by: -1 }).current, "b");
  assert.equal(decide(decide(loaded, { type: "select", id: "a" }), { type: "step", by: 1 }).current, "a");
});
