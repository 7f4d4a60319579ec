import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, type Fate, Outbox, type Shelf, fate } from "../src/review/outbox";
import { newKey } from "../src/shell/browser";

const entry = (key: string, more: Partial<Entry> = {}): Entry =>
  ({ key, kind: "review", actor: "ann", comparison: "k", candidate: key, batch: key, etag: '"1"', ...more });

/** A shelf in memory and an outbox whose server answers with what `answers` gives next; an outcome is the tag of its candidate. */
function outbox(answers: (Fate<string> | Promise<Fate<string>>)[], kept: readonly Entry[] = [], turns = alone) {
  let entries = kept;
  const [asked, recorded, refused] = [[] as Entry[], [] as string[], [] as string[]];
  const takenBack = ({ key, candidate }: Entry) => entry(`undo ${key}`, { kind: "undo", candidate, review: key });
  const shelf: Shelf = { read: () => entries, write: (next) => (entries = next), forget: () => {} };
  const made = new Outbox<string>(shelf, async (each) => {
    asked.push(each);
    return answers.shift() ?? { type: "later" };
  }, { recorded: (each) => recorded.push(each.key), refused: (each) => refused.push(each.key), takenBack, etag: (outcome) => outcome, changed: () => {} }, () => "ann", turns);
  return { made, shelf, asked, recorded, refused, kept: () => entries.map((each) => each.key) };
}
/** As in a browser of one tab. */
const alone = (work: () => Promise<void>) => work();
const fine: Fate<string> = { type: "recorded", outcome: "ok" };

test("what the server took leaves the outbox, in the order in which it was put there", async () => {
  const box = outbox([fine, fine]);
  box.made.put(entry("a"), entry("b"));
  await box.made.idle();
  assert.deepEqual([box.recorded, box.kept()], [["a", "b"], []]);
});

test("without a connection it is kept, and sent under the same key later", async () => {
  const box = outbox([{ type: "later" }, fine]);
  box.made.put(entry("a"));
  await box.made.idle();
  assert.deepEqual([box.recorded, box.kept(), box.made.isWaiting], [[], ["a"], true]);
  await box.made.send();
  assert.deepEqual([box.recorded, box.kept(), box.made.isWaiting], [["a"], [], false]);
  assert.deepEqual(box.asked.map((each) => each.key), ["a", "a"]);
});

test("what was kept from before is sent, and what another person gave is not", async () => {
  const box = outbox([fine, fine], [entry("a"), entry("b", { actor: "bob" })]);
  await box.made.send();
  assert.deepEqual([box.recorded, box.kept()], [["a"], ["b"]]);
});

test("a verdict that came second waits for a decision and holds up no other", async () => {
  const box = outbox([{ type: "conflict", by: "bob", at: "14:03" }, fine, fine]);
  box.made.put(entry("a"), entry("b"));
  await box.made.idle();
  assert.deepEqual([box.recorded, box.kept(), box.made.entries()[0]?.conflict?.by], [["b"], ["a"], "bob"]);
  box.made.insist("a", '"2"');
  await box.made.idle();
  assert.equal(box.asked.at(-1)?.etag, '"2"');
  assert.deepEqual([box.recorded, box.kept()], [["b", "a"], []]);
});

test("what is put in while another is being sent is sent too", async () => {
  const box = outbox([fine, fine]);
  box.made.put(entry("a"));
  box.made.put(entry("b"));
  await box.made.idle();
  assert.deepEqual(box.recorded, ["a", "b"]);
});

test("what was not sent yet can be taken out, and what is on its way cannot", async () => {
  const box = outbox([{ type: "later" }], []);
  box.made.put(entry("a"), entry("b"));
  assert.equal(box.made.takeOut("a"), false);
  assert.equal(box.made.takeOut("b"), true);
  await box.made.idle();
  box.made.stop();
  assert.deepEqual(box.kept(), ["a"]);
});

test("what was asked for without an answer may be recorded: it cannot be taken out, by the next page neither", async () => {
  const box = outbox([{ type: "later" }]);
  box.made.put(entry("a"));
  assert.equal(box.shelf.read()[0]?.tried, true, "it is said before the first ask");
  await box.made.idle();
  box.made.stop();
  const next = outbox([], box.shelf.read());
  assert.deepEqual([box.made.takeOut("a"), next.made.takeOut("a"), next.kept()], [false, false, ["a"]]);
});

test("a verdict that was taken back while its answer was lost is undone once the server has named it, before what came after", async () => {
  const box = outbox([{ type: "later" }, fine, fine, fine]);
  box.made.put(entry("a"));
  await box.made.idle();
  box.made.takeBack("a");
  box.made.put(entry("b"));
  await box.made.idle();
  assert.deepEqual(box.asked.map((each) => each.key), ["a", "a", "undo a", "b"]);
  assert.deepEqual([box.recorded, box.kept()], [["undo a", "b"], []], "what was taken back does not show as recorded");
});

test("a verdict that is taken back on its way is undone when its answer comes", async () => {
  let answer: (fate: Fate<string>) => void = () => {};
  const box = outbox([new Promise((resolve) => (answer = resolve)), fine]);
  box.made.put(entry("a"));
  box.made.takeBack("a");
  answer(fine);
  await box.made.idle();
  assert.deepEqual([box.recorded, box.kept()], [["undo a"], []]);
});

test("what was taken back and not recorded after all leaves no trace", async () => {
  const box = outbox([{ type: "later" }, { type: "conflict", by: "bob", at: "14:03" }]);
  box.made.put(entry("a"));
  await box.made.idle();
  box.made.takeBack("a");
  await box.made.send();
  assert.deepEqual([box.recorded, box.refused, box.kept()], [[], [], []]);
});

test("a drawing that was refused is kept with the reason, holds up nothing and is not sent again by itself", async () => {
  const box = outbox([{ type: "refused", why: "no such type" }, fine]);
  box.made.put(entry("a", { kind: "drawn", candidate: "" }), entry("b"));
  await box.made.idle();
  assert.deepEqual([box.refused, box.recorded, box.kept(), box.made.entries()[0]?.refused], [["a"], ["b"], ["a"], "no such type"]);
  await box.made.send();
  assert.equal(box.asked.length, 2);
  assert.deepEqual([box.made.takeOut("a"), box.kept()], [true, []]);
});

test("a verdict that came second was answered: it can be given up", async () => {
  const box = outbox([{ type: "conflict", by: "bob", at: "14:03" }]);
  box.made.put(entry("a"));
  await box.made.idle();
  assert.deepEqual([box.made.takeOut("a"), box.kept()], [true, []]);
});

test("what a person says of a candidate next is based on what they said before, and on nobody else's", async () => {
  const recorded = (etag: string): Fate<string> => ({ type: "recorded", outcome: etag });
  const box = outbox([recorded('"2"'), recorded('"3"'), recorded('"4"'), recorded('"1b"')]);
  box.made.put(
    entry("first", { candidate: "c" }),
    entry("undo", { candidate: "c", kind: "undo", review: "first" }),
    entry("second", { candidate: "c" }),
    entry("other", { candidate: "d" }),
  );
  await box.made.idle();
  assert.deepEqual(box.asked.map(({ key, etag }) => [key, etag]), [["first", '"1"'], ["undo", '"1"'], ["second", '"3"'], ["other", '"1"']]);
});

test("an answer says what becomes of a verdict", () => {
  const isOurs = (body: unknown): body is string => body === "ok";
  const meant = (status: number, body: unknown) => fate(status, body, isOurs);
  assert.deepEqual(meant(201, "ok"), fine);
  // a sign-in page of a proxy is no answer of the server
  assert.equal(meant(200, {}).type, "later");
  assert.deepEqual(meant(507, { detail: "the disk is full" }), { type: "later", why: "the disk is full" });
  assert.deepEqual(meant(412, { by: "bob", at: "14:03" }), { type: "conflict", by: "bob", at: "14:03" });
  for (const status of [401, 429, 500, 503]) assert.equal(meant(status, {}).type, "later", String(status));
  assert.deepEqual(meant(400, { detail: "no such type" }), { type: "refused", why: "no such type" });
});

test("a verdict that waits for a sign-in is not told to wait for a connection", async () => {
  const box = outbox([fate(401, { type: "/problems/other-person" }, (_): _ is string => true), { type: "later" }, fine]);
  box.made.put(entry("a"));
  const told: unknown[] = [];
  await box.made.idle();
  for (let tries = 0; tries < 3; tries += 1) {
    told.push(box.made.signedOut);
    await box.made.send();
  }
  assert.deepEqual([told, box.kept()], [["other-person", null, null], []]);
});

test("what there is no room for is not kept in part", () => {
  const box = outbox([], [entry("a")]);
  box.shelf.write = () => {
    throw new Error("no room");
  };
  assert.equal(box.made.keep(entry("b"), entry("c")), false);
  assert.deepEqual(box.kept(), ["a"]);
});

test("a key is a random UUID, on pages of plain http too", () => {
  const keys = new Set(Array.from({ length: 50 }, newKey));
  assert.equal(keys.size, 50);
  for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("where there is no room to note that something is being sent, it is sent, and cannot be taken out", async () => {
  let entries: readonly Entry[] = [entry("a")];
  const shelf: Shelf = {
    read: () => entries,
    write: (next) => {
      if (next.some(({ tried }) => tried)) throw new Error("no room");
      entries = next;
    },
    forget: () => {},
  };
  let answer = (_: Fate<string>) => {};
  const told = { recorded: () => {}, refused: () => {}, takenBack: (each: Entry) => each, etag: (outcome: string) => outcome, changed: () => {} };
  const made = new Outbox<string>(shelf, () => new Promise((resolve) => (answer = resolve)), told, () => "ann", alone);
  void made.send();
  assert.deepEqual([made.takeOut("a"), made.isAsking("a")], [false, true]);
  answer(fine);
  await made.idle();
  assert.deepEqual([entries, made.isAsking("a")], [[], false]);
});

test("what is sent waits for its turn among the tabs, and takes what lies there by then", async () => {
  let begin = () => {};
  const turn = new Promise<void>((resolve) => (begin = resolve));
  const box = outbox([fine, fine], [entry("a")], (work) => turn.then(work));
  const sent = box.made.send();
  box.made.put(entry("b"));
  await Promise.resolve();
  assert.deepEqual(box.asked, []);
  begin();
  await sent;
  assert.deepEqual([box.recorded, box.kept()], [["a", "b"], []]);
});

test("what was recorded in another tab is what the same person's next word is based on, and nobody else's", async () => {
  const box = outbox([], [entry("a", { candidate: "c" }), entry("b", { candidate: "c", actor: "bob" }), entry("d"), entry("e", { candidate: "c", conflict: { by: "bob", at: "14:03" } })]);
  const before = box.shelf.read();
  box.made.recordedElsewhere({ actor: "ann", candidate: "c" }, '"2"');
  await box.made.idle();
  box.made.stop();
  assert.deepEqual(box.shelf.read().map(({ key, etag }) => [key, etag]), [["a", '"2"'], ["b", '"1"'], ["d", '"1"'], ["e", '"1"']]);
  for (const at of [1, 2, 3]) assert.equal(box.shelf.read()[at], before[at], "what stays is not written anew");
});

test("a verdict that was sent before another tab told of the person's own is sent again, whichever came first", async () => {
  const second: Fate<string> = { type: "conflict", by: "ann", at: "14:03" };
  const told = outbox([second, fine]);
  let answer: (fate: Fate<string>) => void = () => {};
  const late = outbox([new Promise((resolve) => (answer = resolve)), fine]);
  for (const box of [told, late]) box.made.put(entry("a", { candidate: "c" }));
  await told.made.idle();
  assert.equal(told.made.entries()[0]?.conflict?.by, "ann", "nothing says that it was in another tab");
  told.made.recordedElsewhere({ actor: "ann", candidate: "c" }, '"2"');
  late.made.recordedElsewhere({ actor: "ann", candidate: "c" }, '"2"');
  answer(second);
  for (const box of [told, late]) {
    await box.made.idle();
    assert.deepEqual([box.recorded, box.kept(), box.asked.map(({ etag }) => etag)], [["a"], [], ['"1"', '"2"']]);
  }
});

test("a verdict that came second to somebody else is held, whatever was recorded in another tab", async () => {
  const box = outbox([{ type: "conflict", by: "bob", at: "14:03" }]);
  box.made.recordedElsewhere({ actor: "ann", candidate: "c" }, '"2"');
  box.made.put(entry("a", { candidate: "c" }));
  await box.made.idle();
  assert.equal(box.made.entries()[0]?.conflict?.by, "bob");
});
