import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Comparison, SceneItem } from "../src/api";
import { Workspace } from "../src/workspace";

const scene = (id: string): SceneItem => ({ id, geometry: null, properties: { datetime: `2024-01-0${id.slice(1)}T00:00:00Z` }, assets: {} });
const comparison = (id: string, before: string, after: string): Comparison => ({ id, before, after }) as Comparison;

/** What sites hold; requests wait until they are let go, in any order. */
let sites: Record<string, { scenes: SceneItem[]; comparisons: Comparison[] }>;
let waiting: { readonly path: string; readonly answer: () => void }[];

/** The sites that there are. */
let listed: string[];

globalThis.fetch = ((path: string) => new Promise<Response>((resolve) => {
  if (path.startsWith("/ogc/collections/sites")) return resolve(Response.json({ features: listed.map((id) => ({ id, properties: { name: id, parent: null } })), links: [] }));
  const site = path.match(/sites\/(\w+)\/scenes|site=(\w+)/)!.slice(1).find(Boolean) as string;
  waiting.push({ path: site, answer: () => resolve(Response.json(sites[site])) });
})) as unknown as typeof fetch;

beforeEach(() => {
  sites = {
    a: { scenes: ["a1", "a2", "a3"].map(scene), comparisons: [comparison("k", "a1", "a2")] },
    b: { scenes: ["b1", "b2"].map(scene), comparisons: [] },
  };
  listed = ["a", "b"];
  waiting = [];
});

/** Lets go what waits for a site, and waits for who asked. */
async function answer(site: string, ...asked: Promise<void>[]): Promise<void> {
  const ready = waiting.filter(({ path }) => path === site);
  waiting = waiting.filter((request) => !ready.includes(request));
  for (const request of ready) request.answer();
  await Promise.all(asked);
}

async function opened(site: string): Promise<Workspace> {
  const workspace = new Workspace();
  await answer(site, workspace.openSite(site));
  return workspace;
}

const shown = ({ state }: Workspace) => [state.site, state.before?.id, state.after?.id, state.comparison?.id];

test("of two sites that are opened one after the other the last one stays, whichever answers first", async () => {
  const workspace = new Workspace();
  const [first, second] = [workspace.openSite("a"), workspace.openSite("b")];
  await answer("b", second);
  await answer("a", first);
  assert.deepEqual(shown(workspace), ["b", "b1", "b2", undefined]);
});

test("news of the open site do not hold up another one that is being opened", async () => {
  const workspace = await opened("a");
  const opening = workspace.openSite("b");
  await workspace.refresh("k");
  await answer("b", opening);
  assert.deepEqual(shown(workspace), ["b", "b1", "b2", undefined]);
});

test("a refresh keeps the pair that was chosen, though it has no comparison", async () => {
  const workspace = await opened("a");
  workspace.showPair(workspace.state.scenes[1]!, workspace.state.scenes[2]!);
  await answer("a", workspace.refresh());
  assert.deepEqual(shown(workspace), ["a", "a2", "a3", undefined]);
});

test("a refresh keeps the pair that is chosen while it waits, and shows its comparison once there is one", async () => {
  const workspace = await opened("a");
  sites["a"]!.comparisons.unshift(comparison("later", "a2", "a3"));
  const refresh = workspace.refresh();
  workspace.showPair(workspace.state.scenes[1]!, workspace.state.scenes[2]!);
  await answer("a", refresh);
  assert.deepEqual(shown(workspace), ["a", "a2", "a3", "later"]);
});

test("a comparison that was started here opens though other news come before its answer", async () => {
  const workspace = await opened("a");
  sites["a"]!.comparisons.unshift(comparison("own", "a1", "a3"));
  const both = [workspace.refresh("own"), workspace.refresh()];
  await answer("a", ...both);
  assert.deepEqual(shown(workspace), ["a", "a1", "a3", "own"]);
  workspace.showComparison("k");
  await answer("a", workspace.refresh());
  assert.deepEqual(shown(workspace), ["a", "a1", "a2", "k"], "it is opened once");
});

test("sites of others come and go without the open one being opened anew, unless it is gone", async () => {
  const workspace = new Workspace();
  const loading = workspace.loadSites("a");
  await new Promise((resolve) => setImmediate(resolve));
  await answer("a", loading);
  workspace.showPair(workspace.state.scenes[1]!, workspace.state.scenes[2]!);
  listed = ["a", "c"];
  assert.equal(await workspace.refreshSites(), null);
  assert.deepEqual(workspace.state.sites.map(({ id }) => id), ["a", "c"]);
  assert.deepEqual([shown(workspace), waiting], [["a", "a2", "a3", undefined], []]);
  listed = ["c"];
  assert.equal((await workspace.refreshSites())?.id, "a");
  assert.deepEqual(shown(workspace), [null, undefined, undefined, undefined]);
  assert.deepEqual([workspace.state.scenes, workspace.state.comparisons], [[], []]);
});
