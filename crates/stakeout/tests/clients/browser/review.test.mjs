// A person reviews candidates in Chromium; the HTTP interface then says whether it really happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { faults, foreign, json, launch, open, shot } from "./person.mjs";

let browser;
let page;

const annotations = async () => (await json("/ogc/collections/annotations/items?limit=1")).numberMatched;
const current = () => page.locator('#queue [aria-current="true"]');

before(async () => {
  browser = await launch();
  page = await open(browser);
  await page.locator("#queue button").first().waitFor();
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
});

after(() => browser.close());

test("confirming a candidate by key makes an annotation with what was seen", async () => {
  const had = await annotations();
  const id = await current().getAttribute("data-candidate");
  await page.locator("#structure-type").selectOption("warehouse");
  await page.locator("#title").fill("Hall found in the browser");
  await page.locator("#map").focus();
  await page.keyboard.press("c");
  await page.getByText("recorded: confirmed").waitFor();
  assert.equal(await annotations(), had + 1);
  const candidate = await json(`/ogc/collections/candidates/items/${id}`);
  assert.equal(candidate.properties.state, "confirmed");
  const { reviews } = await json(`/api/candidates/${id}/reviews`);
  assert.equal(reviews.at(-1).title, "Hall found in the browser");
  assert.ok(reviews.at(-1).seen.view.resolution > 0);
  assert.notEqual(await current().getAttribute("data-candidate"), id);
});

test("undo takes the confirmation back", async () => {
  const had = await annotations();
  await page.keyboard.press("z");
  await page.getByText("the last verdict was taken back").waitFor();
  assert.equal(await annotations(), had - 1);
  const id = await current().getAttribute("data-candidate");
  assert.equal((await json(`/ogc/collections/candidates/items/${id}`)).properties.state, "pending");
});

test("rejecting by the button moves on to the next candidate that waits", async () => {
  const id = await current().getAttribute("data-candidate");
  await page.locator('[data-verdict="reject"]').click();
  await page.getByText("recorded: rejected").waitFor();
  assert.equal((await json(`/ogc/collections/candidates/items/${id}`)).properties.state, "rejected");
  assert.notEqual(await current().getAttribute("data-candidate"), id);
});

test("the keys are explained on a question mark", async () => {
  await page.locator("#map").focus();
  await page.keyboard.press("?");
  assert.ok(await page.locator("#keys").isVisible());
  await page.keyboard.press("Escape");
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
