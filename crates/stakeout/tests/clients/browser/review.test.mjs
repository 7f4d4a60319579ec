// A person reviews candidates in Chromium; the HTTP interface then says whether it really happened.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { faults, foreign, keyToPicture, launch, open, shot } from "./person.mjs";
import { Server } from "./server.mjs";

let browser;
let page;
let server;

const json = (path) => server.json(path);
const annotations = async () => (await json("/ogc/collections/annotations/items?limit=1")).numberMatched;
const current = () => page.locator('#queue [aria-current="true"]');
const currentId = () => current().getAttribute("data-candidate");
const state = async (id) => (await json(`/ogc/collections/candidates/items/${id}`)).properties.state;
const reviews = async (id) => (await json(`/api/candidates/${id}/reviews`)).reviews;
const standing = async (id) => (await reviews(id)).filter((review) => !review.undone);
const shownIds = () => page.locator("#queue [data-candidate]").evaluateAll((rows) => rows.map((row) => row.dataset.candidate));
const key = async (name) => {
  await page.locator("#map").focus();
  await page.keyboard.press(name);
};
const settled = () => page.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith("stakeout-outbox/")));

before(async () => {
  server = await (await Server.onCopy()).start();
  await server.undoAll();
  browser = await launch();
  page = await open(browser, { base: server.url });
  await page.locator("#queue button").first().waitFor();
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
});

after(async () => {
  await browser?.close();
  await server?.end();
});

test("confirming a candidate by key makes an annotation with what was seen", async () => {
  const had = await annotations();
  const id = await currentId();
  await page.locator("#structure-type").selectOption("warehouse");
  await page.locator("#title").fill("Hall found in the browser");
  await key("c");
  await page.getByText("recorded: confirmed").waitFor();
  assert.equal(await annotations(), had + 1);
  assert.equal(await state(id), "confirmed");
  const [review] = await standing(id);
  assert.equal(review.title, "Hall found in the browser");
  assert.ok(review.seen.view.resolution > 0);
  assert.notEqual(await currentId(), id);
});

test("undo takes the confirmation back", async () => {
  const had = await annotations();
  await key("z");
  await page.getByText("the last verdict was taken back").waitFor();
  await settled();
  assert.equal(await annotations(), had - 1);
  assert.equal(await state(await currentId()), "pending");
});

test("rejecting by the button moves on to the next candidate that waits", async () => {
  const id = await currentId();
  await page.locator('[data-verdict="reject"]').click();
  await page.getByText("recorded: rejected").waitFor();
  assert.equal(await state(id), "rejected");
  assert.notEqual(await currentId(), id);
});

test("after a verdict by mouse, Space flickers and gives no other verdict", async () => {
  const had = await json(`/api/queue?comparison=${(await json("/api/comparisons?site=plant")).comparisons[0].id}`);
  await page.locator('[data-verdict="unsure"]').click();
  await page.keyboard.down(" ");
  await page.locator("#stage.flicker").waitFor();
  await page.keyboard.up(" ");
  await settled();
  const { standing: stands } = await json(`/api/queue?comparison=${(await json("/api/comparisons?site=plant")).comparisons[0].id}`);
  assert.equal(stands.length, had.standing.length + 1);
  await key("z");
  await settled();
});

test("after a type is chosen by mouse a letter is a key of the page again, and after one chosen by key it is not", async () => {
  const list = page.locator("#structure-type");
  const focused = () => page.evaluate(() => document.activeElement.id);
  // what a browser's own list does cannot be clicked
  await list.dispatchEvent("pointerdown");
  await list.selectOption("housing");
  assert.equal(await focused(), "map");
  await list.focus();
  await page.keyboard.press("ArrowDown");
  assert.notEqual(await list.inputValue(), "housing");
  assert.equal(await focused(), "structure-type");
  await page.locator("#map").focus();
});

test("a held verdict key gives one verdict, and a held J leads on and on", async () => {
  const hold = async (name) => {
    await page.locator("#map").focus();
    for (let repeated = 0; repeated < 3; repeated += 1) await page.keyboard.down(name);
    await page.keyboard.up(name);
  };
  const given = async () => (await json(`/api/queue?comparison=${(await json("/api/comparisons?site=plant")).comparisons[0].id}`)).standing.length;
  const had = await given();
  await hold("r");
  await settled();
  assert.equal(await given(), had + 1);
  await page.locator('[data-verdict="reject"]').focus();
  for (let repeated = 0; repeated < 3; repeated += 1) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await settled();
  assert.equal(await given(), had + 2, "nor does a held Enter on the button give more");
  for (let back = 0; back < 2; back += 1) await key("z");
  await settled();
  assert.equal(await given(), had);
  const ids = await shownIds();
  await page.locator(`[data-candidate="${ids[0]}"]`).click();
  await hold("j");
  assert.equal(await currentId(), ids[3]);
});

test("undo reaches back over a reload, as far as the record goes", async () => {
  const id = await currentId();
  await key("u");
  await settled();
  assert.equal(await state(id), "unsure");
  const had = (await json(`/api/queue?comparison=${(await json("/api/comparisons?site=plant")).comparisons[0].id}`)).standing.length;
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  for (let steps = 1; steps <= 2; steps += 1) {
    await key("z");
    await settled();
    const { standing } = await json(`/api/queue?comparison=${(await json("/api/comparisons?site=plant")).comparisons[0].id}`);
    assert.equal(standing.length, had - steps);
  }
  assert.equal(await state(id), "pending");
});

test("title and note stay with the candidate that they were written of", async () => {
  await page.locator("#queue button").first().click();
  const first = await currentId();
  await page.locator("#title").fill("Hall of the first");
  await page.locator("#note").fill("two chimneys");
  await key("j");
  const second = await currentId();
  assert.deepEqual([await page.locator("#title").inputValue(), await page.locator("#note").inputValue()], ["", ""]);
  await key("c");
  await settled();
  await page.locator(`#queue [data-candidate="${first}"]`).click();
  await key("c");
  await settled();
  const words = async (id) => (await standing(id)).map(({ title, note }) => [title, note]);
  assert.deepEqual(await words(second), [[null, null]]);
  assert.deepEqual(await words(first), [["Hall of the first", "two chimneys"]]);
  await page.locator(`#queue [data-candidate="${first}"]`).click();
  assert.equal(await page.locator("#title").inputValue(), "", "what was said is not said again");
  for (let back = 0; back < 2; back += 1) await key("z");
  await settled();
});

test("type and confidence are given by keys", async () => {
  const id = await currentId();
  await key("t");
  await page.locator("#type-palette").waitFor();
  // what names no type gives no verdict either
  await page.keyboard.press("u");
  assert.ok(await page.locator("#type-palette").isVisible());
  assert.deepEqual([await currentId(), await standing(id)], [id, []]);
  await page.keyboard.press("h");
  await page.locator("#type-palette").waitFor({ state: "hidden" });
  await key("2");
  await key("c");
  await settled();
  const [review] = await standing(id);
  assert.deepEqual([review.structure_type, review.confidence], ["housing", "moderate"]);
  await key("z");
  await settled();
});

test("the queue is ordered by score, uncertainty, area and place, and thresholds hide the rest", async () => {
  const features = (await json("/ogc/collections/candidates/items?site=plant&limit=1000")).features;
  const of = (id) => features.find((feature) => feature.id === id).properties;
  const orders = {
    score: (id) => -of(id).score,
    uncertainty: (id) => Math.abs(of(id).score - 0.5),
    area: (id) => -of(id).area_m2,
  };
  for (const [order, value] of Object.entries(orders)) {
    await page.locator("#order").selectOption(order);
    const values = (await shownIds()).map(value);
    assert.deepEqual(values, [...values].sort((a, b) => a - b), order);
  }
  await page.locator("#order").selectOption("place");
  assert.equal((await shownIds()).length, features.length);
  await page.locator("#area").fill("400");
  const large = features.filter((feature) => feature.properties.area_m2 >= 400);
  assert.ok(large.length < features.length, "the fixture has smaller ones too");
  assert.equal((await shownIds()).length, large.length);
  await page.locator("#area").fill("0");
  await page.locator("#show").selectOption("mine");
  assert.equal((await shownIds()).length, features.filter((feature) => feature.properties.state === "pending").length);
  await page.locator("#show").selectOption("all");
  await page.locator("#order").selectOption("score");
});

test("what a filter hides is not selected any more, and the verdict is on what is looked at", async () => {
  const ids = await shownIds();
  await page.locator(`#queue li:has([data-candidate="${ids.at(-1)}"]) input`).check();
  await page.getByText("1 selected").waitFor();
  await page.locator("#score").fill("0.6");
  assert.match(await page.locator("#selected").textContent(), /^Select all/);
  await page.locator('#queue [data-state="pending"]').first().click();
  const id = await currentId();
  assert.notEqual(id, ids.at(-1));
  await key("r");
  await settled();
  assert.deepEqual([await state(id), await state(ids.at(-1))], ["rejected", "pending"]);
  await key("z");
  await settled();
  await page.locator("#score").fill("0");
});

test("one verdict on several is given at once, and taken back at once", async () => {
  await page.locator("#show").selectOption("mine");
  const ids = (await shownIds()).slice(0, 3);
  await page.locator(`[data-candidate="${ids[0]}"]`).click();
  await key("Shift+j");
  await key("Shift+j");
  await page.getByText("3 selected").waitFor();
  await key("r");
  await settled();
  for (const id of ids) assert.equal(await state(id), "rejected");
  await key("z");
  await page.getByText("the last 3 verdicts were taken back").waitFor();
  await settled();
  for (const id of ids) assert.equal(await state(id), "pending");
  await page.locator("#show").selectOption("all");
});

test("a verdict without a connection is kept, shown as kept, and sent later", async () => {
  const id = await currentId();
  await page.context().setOffline(true);
  await key("r");
  await page.getByText("no connection: 1 verdict is kept here").waitFor();
  assert.notEqual(await currentId(), id);
  assert.deepEqual(await standing(id), []);
  await page.context().setOffline(false);
  await settled();
  assert.equal((await standing(id)).length, 1);
  assert.equal(await state(id), "rejected");
});

test("a verdict whose answer was lost is sent again and counts once", async () => {
  const id = await currentId();
  let sent = 0;
  await page.route("**/reviews", async (route) => {
    sent += 1;
    if (sent > 1) return route.continue();
    await route.fetch();
    await route.abort();
  });
  await key("u");
  await settled();
  await page.unroute("**/reviews");
  assert.ok(sent > 1);
  assert.equal((await standing(id)).length, 1);
});

test("a verdict whose answer was lost is taken back once the server has named it, by the next page too", async () => {
  const id = await currentId();
  const had = (await reviews(id)).length;
  let sent = 0;
  await page.route("**/reviews", async (route) => {
    sent += 1;
    if (sent === 1) await route.fetch();
    await route.abort();
  });
  await key("r");
  await page.getByText("no connection: 1 verdict is kept here").waitFor();
  assert.equal((await standing(id)).length, 1);
  await key("z");
  await page.getByText("the last verdict is taken back as soon as the server answers").waitFor();
  await page.getByText("no connection: 1 verdict is taken back as soon as there is one").waitFor();
  assert.equal(await currentId(), id);
  await page.unroute("**/reviews");
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  await settled();
  assert.deepEqual([(await reviews(id)).length, await standing(id)], [had + 1, []]);
  assert.equal(await state(id), "pending");
  await page.locator(`#queue [data-candidate="${id}"][data-state="pending"]`).waitFor();
});

test("a person who changes their mind without a connection is no conflict with themselves", async () => {
  const id = await currentId();
  await page.context().setOffline(true);
  await key("r");
  await page.locator(`#queue [data-candidate="${id}"]`).click();
  await key("u");
  await page.getByText("no connection: 2 verdicts are kept here").waitFor();
  await page.context().setOffline(false);
  await settled();
  assert.deepEqual((await standing(id)).map((review) => review.verdict), ["reject", "unsure"]);
  assert.equal(await state(id), "unsure");
  for (let back = 0; back < 2; back += 1) await key("z");
  await settled();
  assert.equal(await state(id), "pending");
});

test("a verdict on its way when the page is closed is sent by the next page", async () => {
  const id = await currentId();
  await page.context().setOffline(true);
  await key("b");
  await page.getByText("no connection").waitFor();
  await page.context().setOffline(false);
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  await settled();
  assert.deepEqual((await standing(id)).map((review) => review.verdict), ["bad-imagery"]);
});

test("the next candidate is framed at once, from pictures that are there already", async (context) => {
  await page.locator("#queue button").first().click();
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
  // what the click framed may still be drawn
  await page.waitForTimeout(1_000);
  const { times, asked } = await keyToPicture(page, "j", 6);
  const sorted = [...times].sort((a, b) => a - b);
  context.diagnostic(`key to picture: median ${Math.round(sorted[3])} ms, longest ${Math.round(sorted.at(-1))} ms of ${times.length}`);
  assert.equal(times.length, 6);
  assert.deepEqual(asked, [], "no tile is asked for between a key and its picture");
  const { asked: back } = await keyToPicture(page, "k", 3);
  assert.deepEqual(back, [], "nor on the way back");
});

test("what waits is rejected at once, and then the page leads to what was recorded", async () => {
  const waiting = (await json("/ogc/collections/candidates/items?site=plant&limit=1000&state=pending")).features.map(({ id }) => id);
  assert.ok(waiting.length > 1 && (await page.locator("#finished").isHidden()));
  const reviewed = await page.locator('#queue [data-state]:not([data-state="pending"])').count();
  await page.locator("#select-all").check();
  await page.getByText(`${waiting.length} selected, for one verdict`).waitFor();
  await key("r");
  await settled();
  for (const id of waiting) assert.equal((await standing(id)).length, 1);
  assert.equal(await page.locator("#queue [data-candidate]").count(), waiting.length + reviewed);
  // drafts and disputed structures are exported too, and the words say so
  assert.equal(await page.locator("#to-export").textContent(), "Export what was recorded");
  await page.locator("#to-export").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "GeoJSON", exact: true }).click()]);
  assert.equal(JSON.parse(await readFile(await download.path(), "utf8")).features.length, await annotations());
  assert.equal(await page.locator("#export-what option:checked").textContent(), "Recorded, with its status");
  await key("z");
  await settled();
  for (const id of waiting) assert.equal(await state(id), "pending");
  assert.ok(await page.locator("#finished").isHidden());
});

test("what happened while the events were broken off shows when they are heard again", async () => {
  const id = await page.locator('#queue [data-state="pending"]').first().getAttribute("data-candidate");
  // where something else answers in the server's place, the browser gives the stream up
  await page.route("**/api/events", (route) => route.fulfill({ status: 503 }));
  await server.stop();
  await server.start();
  await page.getByText("what others do is not heard of at the moment").waitFor();
  const path = `${server.url}/ogc/collections/candidates/items/${id}`;
  const headers = { "content-type": "application/json", "if-match": (await fetch(path)).headers.get("etag") };
  await fetch(`${server.url}/api/candidates/${id}/reviews`, { method: "POST", headers, body: JSON.stringify({ verdict: "unsure", seen: {} }) });
  const [comparison] = (await json("/api/comparisons?site=plant")).comparisons;
  await page.unroute("**/api/events");
  await page.locator(`#queue [data-candidate="${id}"][data-state="unsure"]`).waitFor();
  await page.locator("#comparison", { hasText: `(${comparison.pending} to review)` }).waitFor();
  await key("z");
  await settled();
  assert.equal(await state(id), "pending");
});

test("the keys are explained on a question mark", async () => {
  await key("?");
  assert.ok(await page.locator("#keys").isVisible());
  for (const words of ["confirm", "undo the last verdict", "edit the outline", "history of the candidate"]) {
    assert.ok(await page.locator("#keys dd", { hasText: words }).first().isVisible(), words);
  }
  await shot(page, "keys-1280");
  await page.keyboard.press("Escape");
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
