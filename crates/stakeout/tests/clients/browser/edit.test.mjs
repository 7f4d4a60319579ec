// A person edits outlines in Chromium, by keys alone where that is possible; the HTTP interface says what was recorded.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { faults, foreign, launch, open, shot } from "./person.mjs";
import { Server } from "./server.mjs";

let browser;
let page;
let server;

const json = (path) => server.json(path);
const current = () => page.locator('#queue [aria-current="true"]').getAttribute("data-candidate");
const candidate = (id) => json(`/ogc/collections/candidates/items/${id}`);
const lastReview = async (id) => (await json(`/api/candidates/${id}/reviews`)).reviews.at(-1);
const drawn = async () => (await json(`/ogc/collections/annotations/items?filter=${encodeURIComponent("candidate IS NULL")}&limit=100`)).features;
const annotationOf = async (id) => (await json(`/ogc/collections/annotations/items?candidate=${id}`)).features[0];
const settled = () => page.waitForFunction(() => (JSON.parse(localStorage.getItem("stakeout-outbox") ?? "[]")).length === 0);
const key = async (name, times = 1) => {
  await page.locator("#map").focus();
  for (let at = 0; at < times; at += 1) await page.keyboard.press(name);
};
const edit = async () => {
  await key("e");
  await page.locator("#edit-bar").waitFor();
  await page.waitForTimeout(300);
};
/** Middle of the map on the screen, where the current candidate is. */
const middle = async () => {
  const box = await page.locator("#map").boundingBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
};

before(async () => {
  server = await (await Server.onCopy()).start();
  await server.undoAll();
  browser = await launch();
  page = await open(browser, { base: server.url });
  await page.locator("#queue button").first().waitFor();
  await page.locator("#show").selectOption("mine");
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
});

after(async () => {
  await browser?.close();
  await server?.end();
});

test("a corner moved by keys goes into the verdict as the person's own outline", async () => {
  const id = await current();
  const before = (await candidate(id)).geometry;
  await edit();
  await shot(page, "edit-1280");
  await key("Shift+ArrowUp", 6);
  await key("Enter");
  await page.getByText("the outline is kept").waitFor();
  await key("c");
  await settled();
  const { geometry } = await lastReview(id);
  assert.notDeepEqual(geometry.coordinates, before.coordinates);
  assert.deepEqual((await annotationOf(id)).geometry, geometry);
  assert.deepEqual((await candidate(id)).geometry, before, "the candidate itself never changes");
});

test("an outline that crosses itself is told while it is drawn, and is not recorded", async () => {
  const had = (await drawn()).length;
  await key("a");
  const [x, y] = await middle();
  for (const [right, down] of [[-60, -60], [60, 60], [60, -60]]) await page.mouse.click(x + right, y + down);
  await page.mouse.move(x - 60, y + 60, { steps: 3 });
  await page.getByText("the outline crosses itself").waitFor();
  await page.mouse.dblclick(x - 60, y + 60);
  await page.getByText("not recorded: the outline crosses itself").waitFor();
  assert.equal((await drawn()).length, had);
});

test("right angles are made by a key", async () => {
  const id = await current();
  await edit();
  await key("Shift+ArrowUp", 5);
  await key("q");
  await key("Enter");
  await key("c");
  await settled();
  const ring = (await lastReview(id)).geometry.coordinates[0];
  const metres = ring.map(([lon, lat]) => [lon * 111_320 * Math.cos((ring[0][1] * Math.PI) / 180), lat * 110_574]);
  for (let at = 0; at + 2 < metres.length; at += 1) {
    const [a, b, c] = metres.slice(at, at + 3);
    const [first, second] = [[b[0] - a[0], b[1] - a[1]], [c[0] - b[0], c[1] - b[1]]];
    const cosine = (first[0] * second[0] + first[1] * second[1]) / (Math.hypot(...first) * Math.hypot(...second));
    assert.ok(Math.abs(cosine) < 0.02, `corner ${at + 1} has cosine ${cosine}`);
  }
});

test("a line splits an outline: the smaller part becomes a structure of its own", async () => {
  const had = (await drawn()).length;
  const id = await current();
  const { area_m2: area } = (await candidate(id)).properties;
  await edit();
  await key("p");
  const [x, y] = await middle();
  await page.mouse.click(x + 2, y - 180);
  await page.mouse.dblclick(x + 2, y + 180);
  await page.getByText("the smaller part becomes a structure of its own").waitFor();
  await key("Enter");
  await page.getByText("the outline is kept").waitFor();
  const pieces = await drawn();
  assert.equal(pieces.length, had + 1);
  await key("c");
  await settled();
  const kept = (await annotationOf(id)).properties.area_m2;
  assert.ok(Math.abs(kept + pieces.at(-1).properties.area_m2 - area) < area * 0.02);
});

test("a hole is cut into an outline", async () => {
  const id = await current();
  const { area_m2: area } = (await candidate(id)).properties;
  await edit();
  await key("l");
  const [x, y] = await middle();
  await page.mouse.click(x - 8, y - 8);
  await page.mouse.click(x + 8, y - 8);
  await page.mouse.dblclick(x, y + 8);
  await key("Enter");
  await key("c");
  await settled();
  const annotation = await annotationOf(id);
  assert.equal(annotation.geometry.coordinates.length, 2);
  assert.ok(annotation.properties.area_m2 < area);
});

test("a structure that was not found is drawn by keys alone, and can be withdrawn", async () => {
  const had = (await drawn()).length;
  await page.locator("#title").fill("Drawn by keys");
  await key("a");
  for (const arrow of ["ArrowRight", "ArrowDown", "ArrowLeft"]) {
    await key("Enter");
    await key(arrow);
  }
  await key("Enter");
  await key("Shift+Enter");
  await page.getByText("the structure was recorded").waitFor();
  const made = (await drawn()).find((feature) => feature.properties.title === "Drawn by keys");
  assert.ok(made.properties.area_m2 > 0);
  assert.equal(made.properties.start_datetime, "2023-05-14T02:10:00Z");
  await page.locator(`[data-annotation="${made.id}"] button`).click();
  await page.getByText("the drawn structure was withdrawn").waitFor();
  assert.equal((await drawn()).length, had);
});

test("history shows who did what, and an earlier revision comes back as a new one", async () => {
  await page.locator("#show").selectOption("all");
  const done = await page.locator('#queue [data-state="confirmed"]').last().getAttribute("data-candidate");
  await page.locator(`#queue [data-candidate="${done}"]`).click();
  const first = await annotationOf(done);
  await edit();
  await key("Shift+ArrowUp", 8);
  await key("Enter");
  await page.getByText("the outline was saved as a new revision").waitFor();
  const second = await annotationOf(done);
  assert.notDeepEqual(second.geometry, first.geometry);
  await key("h");
  await page.locator(`[data-restore="${first.properties.revision}"]`).click();
  await page.getByText("is back, as a new revision").waitFor();
  const third = await annotationOf(done);
  assert.equal(third.properties.revision, second.properties.revision + 1);
  assert.deepEqual(third.geometry, first.geometry);
  await page.locator("#history li").first().waitFor();
  await shot(page, "history-1280");
  const { versions } = await json(`/ogc/collections/annotations/items/${first.id}/versions`);
  assert.equal(versions.at(-1).kind, "annotation.restored");
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
