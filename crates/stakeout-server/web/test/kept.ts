import assert from "node:assert/strict";
import { test } from "node:test";
import { Drawer } from "../src/review/drawer";
import { type Kept, KeptOutlines, type OwnOutline } from "../src/review/kept";

const outline = (x: number): Kept => ({ geometry: { type: "Polygon", coordinates: [[[x, 0], [x + 1, 0], [x, 1], [x, 0]]] }, parts: [], pieces: [] });

type Place = Pick<Storage, "getItem" | "setItem">;
function place(): Place {
  let text: string | null = null;
  return { getItem: () => text, setItem: (_, next) => void (text = next) };
}
const outlines = (at: Place = place(), actor = "ann") => new KeptOutlines(new Drawer<OwnOutline>("outlines", () => at), () => actor);

test("an outline goes with one verdict, and not with the next", () => {
  const kept = outlines();
  kept.keep("c", outline(1));
  assert.deepEqual(kept.of("c"), outline(1));
  kept.said("c", "key");
  assert.equal(kept.of("c"), undefined);
  assert.deepEqual([...kept.shown()], [["c", outline(1)]], "it still shows what the person said");
  kept.recorded("key", "review");
  assert.deepEqual([...kept.shown()], [], "until the server tells what is recorded");
});

test("a verdict that is taken back hands its outline back, recorded or not", () => {
  for (const isRecorded of [false, true]) {
    const kept = outlines();
    kept.keep("c", outline(1));
    kept.said("c", "key");
    if (isRecorded) kept.recorded("key", "review");
    kept.handBack(isRecorded ? "review" : "key");
    assert.deepEqual(kept.of("c"), outline(1));
    assert.deepEqual([...kept.shown()], [["c", outline(1)]]);
  }
});

test("an outline that was made after the verdict is not replaced by the one that comes back", () => {
  const kept = outlines();
  kept.keep("c", outline(1));
  kept.said("c", "key");
  kept.keep("c", outline(2));
  kept.handBack("key");
  assert.deepEqual(kept.of("c"), outline(2));
});

test("a reload loses no outline, and another person in the same browser does not see it", () => {
  const at = place();
  outlines(at).keep("c", outline(1));
  assert.deepEqual(outlines(at).of("c"), outline(1));
  const bob = outlines(at, "bob");
  assert.deepEqual([bob.of("c"), [...bob.shown()]], [undefined, []]);
  bob.keep("c", outline(2));
  bob.forget("c");
  assert.deepEqual(outlines(at).of("c"), outline(1));
});

test("where the browser has no room an outline is kept as long as the page is, and that is said", () => {
  const full: Place = { getItem: () => null, setItem: () => { throw new Error("no room"); } };
  const kept = outlines(full);
  assert.equal(kept.keep("c", outline(1)), false);
  assert.deepEqual(kept.of("c"), outline(1));
  assert.equal(outlines().keep("c", outline(1)), true);
});
