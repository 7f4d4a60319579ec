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
/** Candidates that a person drew: no detector scored them. */
const drawn = async () => (await json(`/ogc/collections/candidates/items?filter=${encodeURIComponent("score IS NULL")}&limit=100`)).features;
const state = async (id) => (await candidate(id)).properties.state;
const annotationOf = async (id) => (await json(`/ogc/collections/annotations/items?candidate=${id}`)).features[0];
const settled = () => page.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith("stakeout-outbox/")));
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
  // what would take the place of the sketch waits, and says why
  for (const id of ["edit-split", "edit-hole"]) {
    assert.ok(await page.locator(`#${id}`).isDisabled());
    assert.match(await page.locator(`#${id}`).getAttribute("title"), /End what you are drawing first/);
  }
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
  await page.getByText("what was cut off becomes a structure of its own").waitFor();
  assert.equal((await drawn()).length, had, "nothing is recorded before the verdict");
  await key("c");
  await settled();
  const pieces = await drawn();
  assert.equal(pieces.length, had + 1);
  const kept = (await annotationOf(id)).properties.area_m2;
  const piece = pieces.find((each) => each.properties.state === "confirmed");
  assert.ok(Math.abs(kept + piece.properties.area_m2 - area) < area * 0.02);
  assert.equal((await annotationOf(piece.id)).properties.status, "confirmed");
  await page.locator(`#queue [data-candidate="${piece.id}"]`).waitFor({ state: "detached" }).catch(() => {});
  await key("z");
  await page.getByText("the last verdict and drawing were taken back").waitFor();
  await settled();
  assert.equal((await drawn()).length, had, "what was cut off is taken back with it");
  assert.equal(await state(id), "pending");
});

/** A rectangle drawn by mouse, by its corners from the middle of the map; gives its candidate. */
async function drawBox([left, top, right, bottom]) {
  const had = (await drawn()).map((feature) => feature.id);
  await key("a");
  const [x, y] = await middle();
  await page.mouse.click(x + left, y + top);
  await page.mouse.click(x + right, y + top);
  await page.mouse.click(x + right, y + bottom);
  await page.mouse.dblclick(x + left, y + bottom);
  // the words of an earlier drawing may still be on the page: only the service tells
  for (let tried = 0; tried < 100; tried += 1) {
    const made = (await drawn()).find((feature) => !had.includes(feature.id));
    if (made) return made.id;
    await page.waitForTimeout(100);
  }
  assert.fail("the rectangle was not recorded within 10 s");
}

async function takeDrawingsBack(count) {
  for (let at = 0; at < count; at += 1) await key("z");
  await settled();
  await page.waitForFunction(() => ![...document.querySelectorAll("#queue .score")].some((score) => score.textContent === "hand"));
}

test("parts of one structure are merged by a key: the others are rejected with a note, and undo brings all back", async () => {
  await page.locator("#show").selectOption("all");
  const [id, other, apart] = [await drawBox([-120, -60, -40, 0]), await drawBox([-70, -50, 20, 20]), await drawBox([60, 60, 90, 90])];
  const [first, second] = [await annotationOf(id), await annotationOf(other)];
  const select = (candidate) => page.locator(`#queue li:has([data-candidate="${candidate}"]) input`).check();
  const merge = async (candidate) => {
    await page.locator(`#queue [data-candidate="${id}"]`).click();
    await edit();
    await select(candidate);
    await key("m");
  };
  await merge(apart);
  await page.getByText("the two outlines do not overlap: reshape one until they do").waitFor();
  await key("Escape");
  await page.locator(`#queue li:has([data-candidate="${apart}"]) input`).uncheck();

  await merge(other);
  assert.ok(!(await page.locator(`#queue li:has([data-candidate="${other}"]) input`).isChecked()), "a verdict would be one on the whole");
  await key("Enter");
  await page.getByText(/was saved as a new revision|recorded: rejected/).waitFor();
  await page.locator(`#queue [data-candidate="${other}"][data-state="rejected"]`).waitFor();
  await settled();
  const merged = await annotationOf(id);
  const areas = [first, second, merged].map((annotation) => annotation.properties.area_m2);
  assert.ok(areas[2] > Math.max(areas[0], areas[1]) && areas[2] < areas[0] + areas[1], `${areas}: more than each, less than both`);
  assert.equal(merged.geometry.coordinates.length, 1);
  assert.equal(await state(other), "rejected");
  assert.equal((await lastReview(other)).note, `part of candidate ${id}`);
  assert.equal(await annotationOf(other), undefined, "what is part of another is none of its own");

  await key("z");
  await page.getByText("taken back").waitFor();
  await settled();
  assert.deepEqual((await annotationOf(id)).geometry, first.geometry);
  assert.deepEqual((await annotationOf(other)).geometry, second.geometry);
  assert.equal(await state(other), "confirmed");
  await takeDrawingsBack(3);
  await page.locator("#show").selectOption("mine");
});

test("a corner that is drawn near another outline snaps to it", async () => {
  await page.locator("#show").selectOption("all");
  const first = await drawBox([-120, -60, -40, 0]);
  const second = await drawBox([-36, -57, 40, 20]);
  const [corner] = (await candidate(first)).geometry.coordinates[0].filter(([lon, lat], _, all) => lon === Math.max(...all.map((at) => at[0])) && lat === Math.max(...all.map((at) => at[1])));
  const ring = (await candidate(second)).geometry.coordinates[0];
  assert.ok(ring.some((at) => Math.hypot(at[0] - corner[0], at[1] - corner[1]) < 1e-8), `${corner} is a corner of ${JSON.stringify(ring)}`);
  await takeDrawingsBack(2);
  await page.locator("#show").selectOption("mine");
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

test("a structure that was not found is drawn by keys alone, and undo takes it back", async () => {
  const had = (await drawn()).length;
  await page.locator("#title").fill("Drawn by keys");
  await key("a");
  for (const arrow of ["ArrowRight", "ArrowDown", "ArrowLeft"]) {
    await key("Enter");
    await key(arrow);
  }
  await key("Enter");
  await key("Shift+Enter");
  // the words may still be those of the one before
  await settled();
  await page.getByText("the structure was recorded").waitFor();
  const { features } = await json("/ogc/collections/annotations/items?title=Drawn%20by%20keys");
  const [annotation] = features;
  const made = await candidate(annotation.properties.candidate);
  assert.ok(annotation.properties.area_m2 > 0);
  assert.equal(annotation.properties.start_datetime, "2023-05-14T02:10:00Z");
  assert.equal(annotation.properties.sources.length, 2, "it rests on both images");
  await page.locator("#show").selectOption("all");
  await page.locator(`#queue [data-candidate="${made.id}"]`, { hasText: "hand" }).waitFor();
  await key("z");
  await page.locator(`#queue [data-candidate="${made.id}"]`).waitFor({ state: "detached" });
  await settled();
  assert.equal((await drawn()).length, had);
  await page.locator("#show").selectOption("mine");
});

test("drawing without a connection is kept, and recorded once when there is one", async () => {
  const had = (await drawn()).length;
  await page.context().setOffline(true);
  await key("a");
  const [x, y] = await middle();
  await page.mouse.click(x - 90, y - 90);
  await page.mouse.click(x - 40, y - 90);
  await page.mouse.dblclick(x - 40, y - 30);
  await page.getByText("no connection: 1 verdict is kept here").waitFor();
  await page.context().setOffline(false);
  await settled();
  assert.equal((await drawn()).length, had + 1);
  await page.getByText("the structure was recorded").waitFor();
  await key("z");
  await page.getByText("taken back").waitFor();
  await settled();
  assert.equal((await drawn()).length, had);
});

test("a drawing that the service refuses is kept over a reload, changed and sent again", async () => {
  const had = (await drawn()).length;
  // the page still offers a type that the service has no more
  await page.locator("#structure-type").evaluate((types) => types.add(new Option("Gone", "gone")));
  await page.locator("#structure-type").selectOption("gone");
  await page.locator("#title").fill("Refused once");
  await key("a");
  const [x, y] = await middle();
  await page.mouse.click(x - 90, y - 90);
  await page.mouse.click(x - 40, y - 90);
  await page.mouse.dblclick(x - 40, y - 30);
  const refused = page.locator("[data-refused]");
  await refused.getByText("Refused once").waitFor();
  assert.match(await refused.innerText(), /gone/);
  assert.equal((await drawn()).length, had);
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  await refused.getByRole("button", { name: "Change it" }).click();
  await page.locator("#edit-bar").waitFor();
  assert.equal(await page.locator("#structure-type").inputValue(), "");
  await page.locator("#structure-type").selectOption("warehouse");
  await shot(page, "refused-drawing");
  await key("Enter");
  await settled();
  await page.getByText("the structure was recorded").waitFor();
  assert.equal(await refused.count(), 0);
  const { features } = await json("/ogc/collections/annotations/items?title=Refused%20once");
  assert.deepEqual(features.map(({ properties }) => properties.structure_type), ["warehouse"]);
  await key("z");
  await settled();
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

test("the outline that is recorded is the one that is shown, to others too, and undo brings the one before back", async () => {
  await page.locator('#queue [data-state="confirmed"]').first().click();
  const id = await current();
  const row = (on) => on.locator(`#queue [data-candidate="${id}"] .what`);
  const area = async () => `${Math.round((await annotationOf(id)).properties.area_m2).toLocaleString("en")} m²`;
  const first = await area();
  await edit();
  await key("Shift+ArrowUp", 12);
  await key("Enter");
  await page.getByText("the outline was saved as a new revision").waitFor();
  assert.notEqual(await area(), first);
  await row(page).getByText(await area()).waitFor();
  const other = await open(browser, { base: server.url });
  await row(other).getByText(await area()).waitFor();
  // on the map it is where it was drawn
  await row(other).click();
  await other.waitForTimeout(500);
  await shot(other, "recorded-outline-1280");
  await key("z");
  await page.getByText("the last change of an outline was taken back").waitFor();
  for (const on of [page, other]) await row(on).getByText(first).waitFor();
  await other.context().close();
});

/** How degrees become pixels of the screen, by what the page tells of two places. */
async function toScreen() {
  const [x, y] = await middle();
  const told = [];
  for (const by of [-100, 100]) {
    await page.mouse.move(x + by, y + by);
    await page.waitForTimeout(50);
    told.push((await page.locator("#position").textContent()).split(" ").map(Number.parseFloat));
  }
  const [[south, west], [north, east]] = told;
  return ([lon, lat]) => [x - 100 + (200 * (lon - west)) / (east - west), y - 100 + (200 * (lat - south)) / (north - south)];
}

test("a corner that is chosen stays chosen where the mouse puts in another before it", async () => {
  await page.locator("#show").selectOption("all");
  const id = await drawBox([-60, -60, 60, 60]);
  await page.locator(`#queue [data-candidate="${id}"]`).click();
  await edit();
  const open = (geometry) => geometry.coordinates[0].slice(0, -1);
  const corners = open((await candidate(id)).geometry);
  await key(",");
  const place = await toScreen();
  const [x, y] = place([0, 1].map((axis) => (corners[0][axis] + corners[1][axis]) / 2));
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 20, y - 20, { steps: 4 });
  await page.mouse.up();
  await key("Shift+ArrowUp", 20);
  await key("Enter");
  await page.getByText("the outline was saved as a new revision").waitFor();
  const now = open((await annotationOf(id)).geometry);
  const stays = corners.map((corner) => now.some((at) => Math.hypot(at[0] - corner[0], at[1] - corner[1]) < 1e-8));
  assert.deepEqual([now.length, stays], [corners.length + 1, corners.map((_, at) => at < corners.length - 1)]);
  for (let back = 0; back < 2; back += 1) await key("z");
  await settled();
});

test("what is recorded is changed without another verdict, shows in the history, and undo takes it back over a reload", async () => {
  await page.locator('#queue [data-state="confirmed"]').first().click();
  const id = await current();
  const had = (await json(`/api/candidates/${id}/reviews`)).reviews.length;
  const first = await annotationOf(id);
  const { revision } = first.properties;
  await key("Shift+e");
  await page.getByRole("dialog", { name: "Change what is recorded" }).waitFor();
  assert.equal(await page.locator("#recorded-title").inputValue(), first.properties.title ?? "");
  await page.locator("#recorded-title").fill("Boiler house");
  await page.locator("#recorded-type").selectOption("housing");
  await page.locator("#recorded-confidence").selectOption("low");
  await page.locator("#recorded-note").fill("two chimneys");
  await shot(page, "change-recorded-1280");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("#recorded", { hasText: "Boiler house" }).waitFor();
  const { properties } = await annotationOf(id);
  assert.deepEqual([properties.title, properties.structure_type, properties.confidence, properties.note, properties.revision], ["Boiler house", "housing", "low", "two chimneys", revision + 1]);
  assert.equal((await json(`/api/candidates/${id}/reviews`)).reviews.length, had, "no verdict was given for it");
  await page.locator("#history [data-revision]", { hasText: "Boiler house" }).first().waitFor();
  await shot(page, "recorded-1280");
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  await page.locator(`#queue [data-candidate="${id}"]`).click();
  await key("z");
  await page.getByText("taken back").waitFor();
  const back = await annotationOf(id);
  assert.deepEqual([back.properties.title, back.properties.note, back.properties.revision], [first.properties.title, first.properties.note, revision + 2]);
  await page.locator("#recorded", { hasText: first.properties.title ?? "No title" }).waitFor();
});

test("an outline goes with one confirmation: a reload before loses none, the next has none, and undo hands it back", async () => {
  await page.locator("#show").selectOption("all");
  await page.locator('#queue [data-state="pending"]').first().click();
  const id = await current();
  const choose = () => page.locator(`#queue [data-candidate="${id}"]`).click();
  await edit();
  await key("Shift+ArrowUp", 6);
  await key("Enter");
  await page.locator("#edit-bar").waitFor({ state: "hidden" });
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  await choose();
  await key("c");
  await settled();
  const { geometry } = await lastReview(id);
  assert.notEqual(geometry, null);
  await choose();
  await key("c");
  await settled();
  assert.equal((await lastReview(id)).geometry, null);
  for (let back = 0; back < 2; back += 1) await key("z");
  await settled();
  assert.equal(await state(id), "pending");
  await choose();
  await key("c");
  await settled();
  assert.deepEqual((await lastReview(id)).geometry, geometry);
});

test("an outline that is changed and not kept goes with the verdict, and is kept where another candidate is looked at first", async () => {
  await page.locator('#queue [data-state="pending"]').first().click();
  const id = await current();
  const found = (await candidate(id)).geometry;
  await edit();
  await key("Shift+ArrowUp", 6);
  await key("j");
  await page.getByText("the outline that you changed is kept").waitFor();
  await page.locator(`#queue [data-candidate="${id}"]`).click();
  await edit();
  await key("Shift+ArrowUp", 6);
  await key("c");
  await settled();
  await page.locator("#edit-bar").waitFor({ state: "hidden" });
  const { geometry } = await lastReview(id);
  assert.notDeepEqual(geometry.coordinates, found.coordinates);
  assert.deepEqual((await annotationOf(id)).geometry, geometry);
});

test("the outline of what is recorded waits for the person: no verdict throws it away, nor does another candidate", async () => {
  await page.locator('#queue [data-state="confirmed"]').first().click();
  const id = await current();
  const first = await annotationOf(id);
  const had = (await json(`/api/candidates/${id}/reviews`)).reviews.length;
  await edit();
  await key("Shift+ArrowUp", 6);
  await key("c");
  await page.getByText("keep the outline or leave it first").waitFor();
  assert.equal((await json(`/api/candidates/${id}/reviews`)).reviews.length, had);
  await key("j");
  await page.getByText("E on its candidate goes on with it").waitFor();
  await page.locator(`#queue [data-candidate="${id}"]`).click();
  await edit();
  await key("Enter");
  await page.getByText("the outline was saved as a new revision").waitFor();
  const { geometry, properties } = await annotationOf(id);
  assert.notDeepEqual(geometry, first.geometry);
  assert.equal(properties.revision, first.properties.revision + 1);
  await page.route("**/restore", (route) => route.abort());
  await key("z");
  await page.getByText("the server cannot be reached").waitFor();
  assert.deepEqual((await annotationOf(id)).geometry, geometry);
  await page.unroute("**/restore");
  await key("z");
  await page.getByText("taken back").waitFor();
  assert.deepEqual((await annotationOf(id)).geometry, first.geometry);
});

test("an outline of what is recorded stays in hand until the service has it, and does not overwrite another unsaid", async () => {
  await page.locator('#queue [data-state="confirmed"]').first().click();
  const id = await current();
  const { id: annotation, properties } = await annotationOf(id);
  const path = `/ogc/collections/annotations/items/${annotation}`;
  const lose = (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue());
  await edit();
  await key("Shift+ArrowUp", 6);
  await page.route(`**${path}`, lose);
  await key("Enter");
  await page.getByText("the server cannot be reached").waitFor();
  assert.ok(await page.locator("#edit-bar").isVisible());
  await page.unroute(`**${path}`, lose);
  // another program changes it meanwhile
  const { headers } = await fetch(server.url + path);
  const change = { "content-type": "application/merge-patch+json", "if-match": headers.get("etag") };
  assert.ok((await fetch(server.url + path, { method: "PATCH", headers: change, body: JSON.stringify({ properties: { note: "by another program" } }) })).ok);
  await key("Enter");
  await page.getByText("somebody changed this meanwhile").waitFor();
  assert.equal((await annotationOf(id)).properties.revision, properties.revision + 1);
  await key("Enter");
  await page.getByText("the outline was saved as a new revision").waitFor();
  await page.locator("#edit-bar").waitFor({ state: "hidden" });
  assert.equal((await annotationOf(id)).properties.revision, properties.revision + 2);
  assert.equal((await annotationOf(id)).properties.note, "by another program");
});

test("what is typed of what is recorded is kept where somebody was first", async () => {
  await page.locator("#recorded-change").waitFor();
  const id = await current();
  await key("Shift+e");
  const dialog = page.getByRole("dialog", { name: "Change what is recorded" });
  await page.locator("#recorded-title").fill("Typed here");
  const path = `${server.url}/ogc/collections/annotations/items/${(await annotationOf(id)).id}`;
  const change = { "content-type": "application/merge-patch+json", "if-match": (await fetch(path)).headers.get("etag") };
  assert.ok((await fetch(path, { method: "PATCH", headers: change, body: JSON.stringify({ properties: { title: "Typed elsewhere" } }) })).ok);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("somebody changed this meanwhile, to: Typed elsewhere").waitFor();
  assert.equal(await page.locator("#recorded-title").inputValue(), "Typed here");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "hidden" });
  assert.equal((await annotationOf(id)).properties.title, "Typed here");
});

test("what is recorded of one candidate is never shown or changed in the place of another's", async () => {
  const [first, second] = await page.locator('#queue [data-state="confirmed"]').evaluateAll((rows) => rows.map((row) => row.dataset.candidate));
  const choose = (id) => page.locator(`#queue [data-candidate="${id}"]`).click();
  await choose(first);
  await page.locator("#recorded-change").waitFor();
  const path = `**/ogc/collections/annotations/items/${(await annotationOf(second)).id}`;
  await page.route(path, (route) => route.abort());
  await choose(second);
  await page.locator("#recorded").waitFor({ state: "hidden" });
  await key("Shift+e");
  await page.getByText("what is recorded of this candidate is not read yet").waitFor();
  assert.ok(await page.getByRole("dialog", { name: "Change what is recorded" }).isHidden());
  await page.unroute(path);
  // it is read again when anything changes
  await key("x");
  await page.locator("#recorded-change").waitFor();
  await key("x");
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
