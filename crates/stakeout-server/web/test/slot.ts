import assert from "node:assert/strict";
import { test } from "node:test";
import { Slot } from "../src/map/slot";

test("whoever takes the place ends what had it, once", () => {
  const slot = new Slot();
  const ended: string[] = [];
  slot.take("measure", () => ended.push("measure"));
  const leave = slot.take("edit", () => ended.push("edit"));
  assert.deepEqual([ended, slot.holds], [["measure"], "edit"]);
  leave();
  assert.equal(slot.holds, null);
  slot.take("nudge", () => {});
  assert.deepEqual(ended, ["measure"], "who has left is not ended");
});

test("the former one that leaves while it ends does not free the place of the next", () => {
  const slot = new Slot();
  const leave = slot.take("measure", () => leave());
  slot.take("edit", () => {});
  assert.equal(slot.holds, "edit");
  leave();
  assert.equal(slot.holds, "edit");
});

test("who would lose something by being ended says so, as long as that is so", () => {
  const slot = new Slot();
  let isSketching = true;
  assert.equal(slot.isUnsaved, false);
  const leave = slot.take("edit", () => {}, () => isSketching);
  assert.equal(slot.isUnsaved, true);
  isSketching = false;
  assert.equal(slot.isUnsaved, false);
  isSketching = true;
  leave();
  assert.equal(slot.isUnsaved, false);
});
