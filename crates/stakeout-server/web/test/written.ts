import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, Written } from "../src/review/written";

const hall = { title: "Hall", note: "two chimneys" };

test("what was written of a candidate is found again, and no other candidate gets it", () => {
  const written = new Written();
  written.turnTo("a", NOTHING);
  assert.deepEqual(written.turnTo("b", hall), NOTHING);
  assert.deepEqual(written.of("a"), hall);
  assert.deepEqual(written.turnTo("a", NOTHING), hall);
});

test("what was refused comes back, but not over what has been written since", () => {
  const written = new Written();
  written.turnTo("a", NOTHING);
  assert.deepEqual(written.giveBack("a", hall, NOTHING), hall);
  assert.deepEqual(written.giveBack("a", hall, { title: "", note: "one chimney" }), { title: "Hall", note: "one chimney" });
  assert.deepEqual(written.giveBack("b", hall, { title: "Shed", note: "" }), { title: "Shed", note: "" });
  assert.deepEqual(written.turnTo("b", NOTHING), hall);
});

test("what was said is forgotten", () => {
  const written = new Written();
  written.turnTo("a", NOTHING);
  written.turnTo("b", hall);
  written.forget(["a"]);
  assert.deepEqual(written.turnTo("a", NOTHING), NOTHING);
});
