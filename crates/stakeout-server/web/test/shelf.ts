import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../src/review/outbox";
import { type Places, StoredShelf } from "../src/review/shelf";

const entry = (key: string, more: Partial<Entry> = {}): Entry => ({ key, kind: "review", actor: "ann", comparison: "k", candidate: key, batch: key, ...more });
const keys = (shelf: StoredShelf) => shelf.read().map((each) => each.key);

/** A browser's storage with room for so many things, which notes what is written. */
function storage(room = Infinity): { places: Places; held: Map<string, string>; written: string[] } {
  const held = new Map<string, string>();
  const written: string[] = [];
  const places: Places = {
    get length() { return held.size; },
    key: (at) => [...held.keys()][at] ?? null,
    getItem: (name) => held.get(name) ?? null,
    setItem: (name, text) => {
      if (!held.has(name) && held.size >= room) throw new Error("no room");
      written.push(name);
      held.set(name, text);
    },
    removeItem: (name) => void held.delete(name),
  };
  return { places, held, written };
}

test("what lies there outlives the page, in its order, whatever was put before, between and behind", () => {
  const { places } = storage();
  const shelf = new StoredShelf(() => places);
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((key) => entry(key)) as [Entry, Entry, Entry, Entry, Entry];
  shelf.write([c, a]);
  shelf.write([b, c, a, d]);
  shelf.write([b, c, e, a, d]);
  assert.deepEqual([keys(shelf), keys(new StoredShelf(() => places))], [["b", "c", "e", "a", "d"], ["b", "c", "e", "a", "d"]]);
  shelf.write([c, d]);
  assert.deepEqual(keys(new StoredShelf(() => places)), ["c", "d"]);
});

test("of many only what changes is written", () => {
  const { places, written } = storage();
  const shelf = new StoredShelf(() => places);
  shelf.write(Array.from({ length: 50 }, (_, at) => entry(String(at))));
  written.length = 0;
  shelf.write(shelf.read().map((each) => (each.key === "7" ? { ...each, tried: true as const } : each)));
  shelf.write(shelf.read().filter((each) => each.key !== "7"));
  assert.deepEqual(written, ["stakeout-outbox/7"]);
  assert.equal(keys(shelf).length, 49);
});

test("where there is no room for all, nothing of them is kept", () => {
  const { places, held } = storage(3);
  const shelf = new StoredShelf(() => places);
  shelf.write([entry("a")]);
  const changed = { ...entry("a"), tried: true as const };
  assert.throws(() => shelf.write([changed, entry("b"), entry("c"), entry("d")]));
  assert.deepEqual([keys(shelf), held.size, shelf.read()[0]?.tried], [["a"], 1, undefined]);
  assert.equal(new StoredShelf(() => places).read()[0]?.tried, undefined);
});

test("two tabs write beside each other", () => {
  const { places } = storage();
  const [one, other] = [new StoredShelf(() => places), new StoredShelf(() => places)];
  assert.deepEqual([keys(one), keys(other)], [[], []]);
  one.write([entry("a")]);
  other.write([entry("b")]);
  one.forget();
  assert.deepEqual(keys(one), ["a", "b"]);
});

test("what an earlier version of the page left is sent too", () => {
  const { places, held } = storage();
  held.set("stakeout-outbox", JSON.stringify([entry("a"), entry("b")]));
  assert.deepEqual(keys(new StoredShelf(() => places)), ["a", "b"]);
  assert.deepEqual([...held.keys()], ["stakeout-outbox/a", "stakeout-outbox/b"]);
});
