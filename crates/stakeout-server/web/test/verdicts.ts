import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Comparison } from "../src/api";
import { ReviewDesk } from "../src/review/desk";
import { browserShelf } from "../src/review/shelf";
import { type Storing, oneTab, storage, twoTabs } from "./support/browser";

const line = { textContent: "", classList: { add: () => {}, remove: () => {} } };
let local: Storing;

const square = { type: "Polygon", coordinates: [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]] };
const wider = { type: "Polygon", coordinates: [[[0, 0], [3, 0], [3, 2], [0, 2], [0, 0]]] };
const feature = (id: string, score: number) => ({ id, geometry: square, properties: { site: "s", score, area_m2: 100, change: "new", state: "pending" }, etag: '"1"', look: "first", annotation: null });
/** How the service answers reviews of each candidate, in turn. */
let answers: Record<string, (() => Response)[]>;
let undone: string[];
const taken = (id: string, verdict: string, annotation: unknown = null) => () =>
  Response.json({ review: { id: `review-${id}`, candidate: id, created: "2024-01-01T00:00:00Z" }, annotation, candidate: { state: verdict, look: "waiting", etag: '"2"', annotation: annotation && { id: "an", status: "draft" } } });
const second = () => Response.json({ type: "changed", by: "bob", at: "2024-01-01T00:00:00Z" }, { status: 412 });

beforeEach(() => {
  local = storage();
  const page = { window: { addEventListener: () => {}, setTimeout: () => 0 }, document: { getElementById: () => line, querySelector: () => null }, localStorage: local, sessionStorage: storage() };
  Object.assign(globalThis, page);
  browserShelf.forget();
  [answers, undone] = [{}, []];
  globalThis.fetch = (async (path: string) => {
    if (path.startsWith("/api/queue")) return Response.json({ features: [feature("a", 0.9), feature("b", 0.5)], standing: [] });
    const id = path.split("/").at(-2) as string;
    if (path.endsWith("/undo")) {
      undone.push(id);
      return taken(id.replace("review-", ""), "pending")();
    }
    return (answers[id]?.shift() as () => Response)();
  }) as unknown as typeof fetch;
});

async function desk(tabs: ConstructorParameters<typeof ReviewDesk>[0] = oneTab): Promise<ReviewDesk> {
  const made = new ReviewDesk(tabs);
  made.actor = "ann";
  await made.show({ id: "k" } as Comparison);
  return made;
}
const give = (made: ReviewDesk, verdict: "confirm" | "reject" | "unsure", id: string) => made.give([{ verdict, ids: [id], body: () => ({ verdict, seen: {} }) }]);
const state = (made: ReviewDesk, id: string) => made.review.candidates.find((each) => each.id === id)?.state;

test("undo takes back the second opinion that was insisted on, and not what was said before it", async () => {
  const made = await desk();
  answers = { a: [second, taken("a", "rejected")], b: [taken("b", "unsure")] };
  give(made, "unsure", "b");
  give(made, "reject", "a");
  await made.outbox.idle();
  const [entry] = made.outbox.entries();
  assert.equal(entry?.conflict?.by, "bob");
  await made.insist(entry!);
  assert.equal(state(made, "a"), "rejected");
  await made.outbox.idle();
  await made.takeBack();
  await made.outbox.idle();
  assert.deepEqual(undone, ["review-a"]);
});

test("the answer to a verdict says what the outline is now", async () => {
  const made = await desk();
  answers = { a: [taken("a", "confirmed", { id: "an", geometry: wider, properties: {} })] };
  give(made, "confirm", "a");
  await made.outbox.idle();
  assert.deepEqual([...made.outlines], [["a", wider]]);
  assert.deepEqual(made.outline("b"), square);
});

test("what the browser has no room for is not given, and whoever gave it is told", async () => {
  const made = await desk();
  local.isFull = true;
  assert.equal(give(made, "reject", "a"), false);
  assert.match(line.textContent, /nothing was recorded/);
  assert.equal(state(made, "a"), "pending");
  local.isFull = false;
  answers = { a: [taken("a", "rejected")] };
  assert.equal(give(made, "reject", "a"), true);
  await made.outbox.idle();
});

test("what was said in one tab is what the next word in another is based on, before that has looked anew", async () => {
  const bases: (string | undefined)[] = [];
  const given = globalThis.fetch;
  globalThis.fetch = (async (path: string, init?: RequestInit) => {
    if (path.endsWith("/reviews")) bases.push((init?.headers as Record<string, string>)["if-match"]);
    return given(path, init);
  }) as typeof fetch;
  const [first, second] = twoTabs();
  const [one, other] = [await desk(first), await desk(second)];
  answers = { a: [taken("a", "unsure"), taken("a", "rejected")] };
  give(one, "unsure", "a");
  await one.outbox.idle();
  assert.equal(state(other, "a"), "unsure");
  give(other, "reject", "a");
  await other.outbox.idle();
  assert.deepEqual(bases, ['"1"', '"2"']);
});

test("another person's tab of the same browser is told nothing", async () => {
  const [first, second] = twoTabs();
  const [one, other] = [await desk(first), await desk(second)];
  other.actor = "bob";
  answers = { a: [taken("a", "rejected")] };
  give(one, "reject", "a");
  await one.outbox.idle();
  assert.equal(state(other, "a"), "pending");
});

test("a verdict that another tab sends is answered where it was given, and can be taken back there", async () => {
  const [first, second] = twoTabs();
  const [one, other] = [await desk(first), await desk(second)];
  answers = { a: [taken("a", "rejected")], b: [() => Response.json({ detail: "no such type" }, { status: 400 })] };
  give(one, "reject", "a");
  give(one, "unsure", "b");
  // as if the other tab had been first to look at what lies there
  for (const done of one.review.done) other.act({ type: "given", verdict: "reject", batch: done.batch, keys: new Map([[done.candidate, done.key]]) });
  await one.outbox.idle();
  assert.deepEqual(other.review.done.map(({ candidate, review }) => [candidate, review]), [["a", "review-a"]]);
  assert.deepEqual(["a", "b"].map((id) => state(other, id)), ["rejected", "pending"]);
});
