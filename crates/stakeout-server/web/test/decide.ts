import assert from "node:assert/strict";
import { test } from "node:test";
import { type Candidate, type Done, type Review, type Standing, decide, empty, lastBatch, queue, targets, upcoming } from "../src/review/decide";

const candidate = (id: string, score: number, more: Partial<Candidate> = {}): Candidate => ({
  id, score, area: 100, change: "new", state: "pending", look: "first", etag: `"${id}"`, annotation: null, outline: null, at: [127.6, 39.9], ...more,
});
const load = (candidates: readonly Candidate[], done: readonly Done[] = []): Review => decide(empty, { type: "loaded", candidates, done });
const loaded = load([candidate("a", 0.5), candidate("b", 0.9), candidate("c", 0.7)]);
const shown = (review: Review) => queue(review).map((each) => each.id);
const give = (review: Review, verdict: "confirm" | "reject", batch: string): Review =>
  decide(review, { type: "given", verdict, batch, keys: new Map(targets(review).map((id) => [id, `key-${id}`])) });
const standing: Standing = { state: "confirmed", look: "waiting", etag: '"later"', annotation: { id: "an", status: "draft" }, outline: null };

test("the queue begins with the best score, and the first that waits is current", () => {
  assert.deepEqual(shown(loaded), ["b", "c", "a"]);
  assert.equal(loaded.current, "b");
});

test("the queue can be ordered by uncertainty, area and place", () => {
  const order = (to: "uncertainty" | "area" | "place", candidates: readonly Candidate[]) => shown(decide(load(candidates), { type: "filter", to: { order: to } }));
  assert.deepEqual(order("uncertainty", [candidate("a", 0.9), candidate("b", 0.45), candidate("c", 0.7)]), ["b", "c", "a"]);
  assert.deepEqual(order("area", [candidate("a", 0.9, { area: 5 }), candidate("b", 0.5, { area: 50 })]), ["b", "a"]);
  const places = [[127.6, 39.9], [127.7, 39.9], [127.60001, 39.90001], [127.70001, 39.90001]] as const;
  const walked = order("place", places.map((at, index) => candidate(String(index), 0.5, { at })));
  assert.ok(Math.abs(walked.indexOf("0") - walked.indexOf("2")) === 1, `neighbours come after each other: ${walked}`);
  assert.ok(Math.abs(walked.indexOf("1") - walked.indexOf("3")) === 1, `neighbours come after each other: ${walked}`);
});

test("a verdict moves on at once to the next that waits, and taking it back comes back", () => {
  const after = give(loaded, "confirm", "1");
  assert.equal(after.current, "c");
  assert.equal(after.candidates.find((each) => each.id === "b")?.state, "confirmed");
  const back = decide(after, { type: "taken-back", batch: "1" });
  assert.equal(back.current, "b");
  assert.deepEqual(back.done, []);
  assert.deepEqual(queue(back), queue(loaded));
});

test("an answer names the review, and the candidate stands as the server says", () => {
  const after = decide(give(loaded, "confirm", "1"), { type: "recorded", key: "key-b", id: "b", review: "r1", standing });
  assert.equal(after.done[0]?.review, "r1");
  assert.equal(after.candidates.find((each) => each.id === "b")?.etag, '"later"');
  assert.equal(after.current, "c");
});

test("a refused verdict leaves the candidate as it was and goes back to it", () => {
  const after = decide(give(loaded, "reject", "1"), { type: "refused", key: "key-b" });
  assert.deepEqual([after.current, after.done.length], ["b", 0]);
  assert.equal(after.candidates.find((each) => each.id === "b")?.state, "pending");
});

test("the last verdict stays where it is, since nothing waits any more", () => {
  let review = loaded;
  for (const batch of ["1", "2", "3"]) review = give(review, "reject", batch);
  assert.equal(review.current, "a");
  assert.deepEqual(review.done.map((done) => done.candidate), ["b", "c", "a"]);
});

test("undo is unlimited: each step takes back one batch, the last first", () => {
  let review = give(give(give(loaded, "reject", "1"), "confirm", "2"), "reject", "3");
  for (const [batch, id] of [["3", "a"], ["2", "c"], ["1", "b"]] as const) {
    assert.deepEqual(lastBatch(review).map((done) => done.candidate), [id]);
    review = decide(review, { type: "taken-back", batch });
  }
  assert.deepEqual(queue(review), queue(loaded));
});

test("a verdict on a selection is one batch, and one undo takes all of it back", () => {
  let review = decide(decide(loaded, { type: "toggle", id: "b" }), { type: "toggle", id: "a" });
  assert.deepEqual(targets(review), ["b", "a"]);
  review = give(review, "reject", "1");
  assert.deepEqual([review.selected.size, review.current], [0, "c"]);
  assert.equal(lastBatch(review).length, 2);
  review = decide(review, { type: "taken-back", batch: "1" });
  assert.ok(review.candidates.every((each) => each.state === "pending"));
});

test("stepping with extension selects what it passes, and all that is shown can be selected at once", () => {
  const review = decide(loaded, { type: "step", by: 1, extend: true });
  assert.deepEqual([...review.selected].sort(), ["b", "c"]);
  assert.equal(decide(review, { type: "toggle-shown" }).selected.size, 0);
  assert.equal(decide(loaded, { type: "toggle-shown" }).selected.size, 3);
  const partly = load([candidate("a", 0.5), candidate("b", 0.9, { state: "confirmed" })]);
  assert.deepEqual([...decide(partly, { type: "toggle-shown" }).selected], ["a"], "no verdict is given over another");
});

test("thresholds hide candidates and keep a current one that is shown", () => {
  const filtered = decide(decide(loaded, { type: "select", id: "a" }), { type: "filter", to: { scoreMin: 0.6 } });
  assert.deepEqual(shown(filtered), ["b", "c"]);
  assert.equal(filtered.current, "b");
  assert.deepEqual(shown(decide(loaded, { type: "filter", to: { areaMin: 101 } })), []);
});

test("a person may look only at what waits for them, or at what is disputed", () => {
  const review = load([candidate("a", 0.5, { state: "rejected" }), candidate("b", 0.9, { annotation: { id: "x", status: "disputed" }, state: "rejected" }), candidate("c", 0.7)]);
  assert.deepEqual(shown(decide(review, { type: "filter", to: { show: "mine" } })), ["c"]);
  assert.deepEqual(shown(decide(review, { type: "filter", to: { show: "disputed" } })), ["b"]);
});

test("among what waits for a person, the one just decided on leaves and the next becomes current", () => {
  const review = give(decide(loaded, { type: "filter", to: { show: "mine" } }), "confirm", "1");
  assert.deepEqual([review.current, shown(review)], ["c", ["c", "a"]]);
});

test("stepping stops at both ends", () => {
  assert.equal(decide(loaded, { type: "step", by: -1 }).current, "b");
  assert.equal(decide(decide(loaded, { type: "select", id: "a" }), { type: "step", by: 1 }).current, "a");
});

test("a reload keeps the current candidate, the verdicts on their way and what can be undone", () => {
  const given = give(loaded, "reject", "1");
  const recorded: Done = { batch: "0", key: "r0", candidate: "c", review: "r0", before: "pending" };
  const again = decide(given, { type: "loaded", candidates: loaded.candidates, done: [recorded] });
  assert.equal(again.current, "c");
  assert.equal(again.candidates.find((each) => each.id === "b")?.state, "rejected");
  assert.deepEqual(again.done.map((done) => done.key), ["r0", "key-b"]);
});

test("an answer to an earlier verdict does not hide a later one that is on its way", () => {
  const twice = give(decide(give(loaded, "confirm", "1"), { type: "select", id: "b" }), "reject", "2");
  const later = { ...twice, done: twice.done.map((done, at) => ({ ...done, key: `key-${at}` })) };
  const after = decide(later, { type: "recorded", key: "key-0", id: "b", review: "r1", at: "", standing });
  const b = after.candidates.find((each) => each.id === "b");
  assert.deepEqual([b?.state, b?.etag], ["rejected", '"later"']);
});

test("a reload keeps the current candidate though the filter hides it now, and a step leads into what is shown", () => {
  const mine = decide(loaded, { type: "filter", to: { show: "mine" } });
  const byOthers = loaded.candidates.map((each) => (each.id === "b" ? { ...each, state: "rejected" } as const : each));
  const again = decide(mine, { type: "loaded", candidates: byOthers, done: [] });
  assert.deepEqual([again.current, shown(again)], ["b", ["c", "a"]]);
  assert.equal(decide(again, { type: "step", by: 1 }).current, "c");
  assert.equal(decide(again, { type: "loaded", candidates: byOthers.slice(0, 1), done: [] }).current, "a", "what is gone is not current");
});

test("upcoming are the next that waits, and what a step to either side leads to", () => {
  const confirmed = { state: "confirmed" } as const;
  const review = load([candidate("a", 0.9), candidate("b", 0.8, confirmed), candidate("c", 0.7, confirmed), candidate("d", 0.6)]);
  assert.deepEqual(upcoming(review), ["d", "b", "c"]);
  assert.deepEqual(upcoming(decide(review, { type: "select", id: "b" })), ["d", "c", "a"]);
  assert.deepEqual(upcoming(decide(review, { type: "select", id: "d" })), ["a", "c"], "after the last that waits comes the first");
  assert.deepEqual(upcoming(empty), []);
});

test("what a filter hides is not selected, and a verdict is given to what is looked at", () => {
  const selected = decide(loaded, { type: "toggle-shown" });
  const few = decide(selected, { type: "filter", to: { scoreMin: 0.6 } });
  assert.deepEqual([...few.selected], ["b", "c"]);
  const hidden = decide(decide(loaded, { type: "toggle", id: "a" }), { type: "filter", to: { scoreMin: 0.8 } });
  assert.deepEqual([hidden.selected.size, targets(hidden)], [0, ["b"]]);
  const mine = decide(decide(selected, { type: "filter", to: { show: "mine" } }), { type: "stands", id: "c", standing });
  assert.deepEqual([...mine.selected], ["b", "a"], "nor what somebody else has settled");
});

test("a recorded outline counts with its own area, and an answer says what it is now", () => {
  const outline = { geometry: { type: "Polygon", coordinates: [] }, area_m2: 700 };
  const review = decide(decide(loaded, { type: "filter", to: { order: "area" } }), { type: "outlined", id: "c", outline });
  assert.deepEqual(shown(review), ["c", "a", "b"]);
  assert.deepEqual(shown(decide(review, { type: "filter", to: { areaMin: 500 } })), ["c"]);
  assert.equal(decide(review, { type: "stands", id: "c", standing }).candidates.find(({ id }) => id === "c")?.outline, null);
});

test("the queue is the same array until something of it changes", () => {
  assert.equal(queue(decide(loaded, { type: "step", by: 1 })), queue(loaded));
  assert.notEqual(queue(give(loaded, "reject", "1")), queue(loaded));
});
