// A person reviews candidates in Chromium; the HTTP interface then says whether it really happened.
// STAKEOUT_URL names a server with a reviewed comparison; STAKEOUT_SCREENSHOTS a folder for pictures.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const url = process.env.STAKEOUT_URL;
const pictures = process.env.STAKEOUT_SCREENSHOTS;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

let browser;
let page;
const foreign = [];
const faults = [];

const json = async (path) => (await fetch(url + path)).json();
const annotations = async () => (await json("/ogc/collections/annotations/items?limit=1")).numberMatched;
const current = () => page.locator('#queue [aria-current="true"]');
const shot = async (name) => pictures && page.screenshot({ path: `${pictures}/${name}.png` });

async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const opened = await context.newPage();
  opened.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) foreign.push(request.url());
  });
  opened.on("pageerror", (error) => faults.push(String(error)));
  await opened.goto(url);
  await opened.locator("#queue button").first().waitFor();
  await opened.waitForFunction(() => document.querySelectorAll("#map canvas").length > 0);
  return opened;
}

before(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  page = await open();
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
});

after(async () => {
  await browser.close();
});

/** Mean brightness and a fingerprint of the map's middle left part. */
async function look() {
  const picture = await page.screenshot({ clip: { x: 100, y: 200, width: 200, height: 300 } });
  return picture.toString("base64");
}

test("the page shows both images, and moving the swipe changes what is seen", async () => {
  const first = await look();
  await shot("review-1280-light");
  const handle = await page.locator("#swipe").boundingBox();
  await page.mouse.move(handle.x + handle.width / 2, handle.y + 100);
  await page.mouse.down();
  await page.mouse.move(60, handle.y + 100, { steps: 4 });
  await page.mouse.up();
  assert.ok(Number(await page.locator("#swipe").getAttribute("aria-valuenow")) < 20);
  await page.waitForTimeout(300);
  assert.notEqual(await look(), first);
});

test("the swipe moves by the arrow keys too", async () => {
  await page.locator("#swipe").focus();
  const at = Number(await page.locator("#swipe").getAttribute("aria-valuenow"));
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await page.locator("#swipe").getAttribute("aria-valuenow")), at + 2);
});

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

test("the page works on a large dark screen", async () => {
  const wide = await open({ viewport: { width: 2560, height: 1440 }, colorScheme: "dark" });
  await wide.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
  if (pictures) await wide.screenshot({ path: `${pictures}/review-2560-dark.png` });
  const box = await wide.locator("#stage").boundingBox();
  assert.ok(box.width > 2_000);
  await wide.context().close();
});

test("an analyst makes a site, adds two scenes, compares them and exports", async () => {
  const own = await open();
  const area = [[[127.58, 39.88], [127.62, 39.88], [127.62, 39.92], [127.58, 39.92], [127.58, 39.88]]];
  await own.locator("#site-open").click();
  await own.locator("#site-name").fill("Second plant");
  await own.locator("#site-area").fill("{no GeoJSON");
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("the area is no GeoJSON").waitFor();
  await own.locator("#site-area").fill(JSON.stringify({ type: "Polygon", coordinates: area }));
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("site Second plant made").waitFor();
  const site = await own.locator("#site").inputValue();
  for (const [name, time] of [["before.tif", "2023-05-14T02:10"], ["after.tif", "2024-10-21T02:25"]]) {
    await own.locator("#scene-open").click();
    await own.locator("#scene-file").setInputFiles(`${process.env.STAKEOUT_FIXTURE}/${name}`);
    await own.locator("#scene-time").fill(time);
    await own.locator("#scene-platform").fill("rendered");
    if (pictures && name === "before.tif") await own.screenshot({ path: `${pictures}/add-scene-1280.png` });
    await own.getByRole("button", { name: "Add the scene" }).click();
    await own.getByText(`scene ${name} added`).waitFor();
    await own.locator("#scene-dialog").waitFor({ state: "hidden" });
  }
  const { scenes } = await json(`/api/sites/${site}/scenes`);
  assert.deepEqual(scenes.map((scene) => scene.properties.datetime).sort(), ["2023-05-14T02:10:00Z", "2024-10-21T02:25:00Z"]);
  await own.locator("#compare-open").click();
  await own.getByRole("button", { name: "Find what is new" }).click();
  await own.locator("#queue button").first().waitFor({ timeout: 120_000 });
  const found = await json(`/ogc/collections/candidates/items?site=${site}&limit=1`);
  assert.equal(await own.locator("#queue button").count(), found.numberMatched);
  await own.getByText("Export what was confirmed").click();
  const [download] = await Promise.all([own.waitForEvent("download"), own.getByRole("link", { name: "GeoPackage" }).click()]);
  assert.equal(download.suggestedFilename(), `${site}-annotations.gpkg`);
  if (pictures) await own.screenshot({ path: `${pictures}/new-site-1280.png` });
  await own.context().close();
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
