import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Comparison } from "../src/api";
import { ReviewDesk } from "../src/review/desk";
import { oneTab, storage } from "./support/browser";

const line = { textContent: "", classList: { add: () => {}, remove: () => {} } };
const REVISIONS = "stakeout-revisions";

/** Revisions of two annotations; and how the service answers when one is to come back. */
let revisions: Record<string, number>;
let restores: (() => Promise<Response>)[];
let asked: string[];

beforeEach(() => {
  const page = { window: { addEventListener: () => {}, setTimeout: () => 0 }, document: { getElementById: () => line, querySelector: () => null }, localStorage: storage(), sessionStorage: storage() };
  Object.assign(globalThis, page);
  revisions = { first: 2, second: 2 };
  restores = [];
  asked = [];
  globalThis.fetch = (async (path: string, init?: RequestInit) => {
    if (path.startsWith("/api/queue")) return Response.json({ features: [], standing: [] });
    const annotation = path.split("/").find((part) => part in revisions) as string;
    if (init?.method !== "POST") return Response.json({ properties: { revision: revisions[annotation] } }, { headers: { etag: '"e"' } });
    asked.push(annotation);
    const answer = await (restores.shift() ?? (async () => null))();
    return answer ?? Response.json({ properties: { revision: (revisions[annotation] = 3) } });
  }) as unknown as typeof fetch;
});

/** A desk whose person has changed the first annotation and then the second. */
async function desk(actor = "ann"): Promise<ReviewDesk> {
  const changed = (annotation: string) => ({ actor: "ann", comparison: "k", done: { batch: annotation, key: annotation, candidate: annotation, review: null, before: "confirmed", at: "2024-01-01T00:00:00Z", revised: { annotation, from: 1, to: 2, what: "words" } } });
  sessionStorage.setItem(REVISIONS, JSON.stringify([changed("first"), changed("second")]));
  const made = new ReviewDesk(oneTab);
  made.actor = actor;
  await made.show({ id: "k" } as Comparison);
  return made;
}
const left = () => (JSON.parse(sessionStorage.getItem(REVISIONS) as string) as { done: { key: string } }[]).map(({ done }) => done.key);

test("what could not be brought back is not said to be, and can be tried again", async () => {
  const made = await desk();
  restores = [() => Promise.reject(new TypeError("no connection"))];
  await made.takeBack();
  assert.match(line.textContent, /cannot be reached/);
  assert.deepEqual([left(), made.review.done.length], [["first", "second"], 2]);
  await made.takeBack();
  assert.match(line.textContent, /was taken back/);
  assert.deepEqual([asked, left(), made.review.done.length], [["second", "second"], ["first"], 1]);
});

test("what somebody has changed since is said to be, and is not in the way of what came before", async () => {
  const made = await desk();
  revisions["second"] = 5;
  await made.takeBack();
  assert.match(line.textContent, /not taken back: somebody has changed it since/);
  await made.takeBack();
  assert.deepEqual([asked, left(), line.textContent], [["first"], [], "the last change of words was taken back"]);
});

test("who presses twice takes back two, one after the other", async () => {
  const made = await desk();
  await Promise.all([made.takeBack(), made.takeBack()]);
  assert.deepEqual([asked, left(), made.review.done.length], [["second", "first"], [], 0]);
});

test("who signs in in the same tab takes back nothing that another person has changed", async () => {
  const made = await desk("bob");
  await made.takeBack();
  assert.deepEqual([made.review.done, asked, left()], [[], [], ["first", "second"]]);
});
