// A person makes a site, brings scenes, compares and exports; the HTTP interface then says whether it really happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { faults, fixture, foreign, json, launch, open, shot } from "./person.mjs";

let browser;
let page;

before(async () => {
  browser = await launch();
  page = await open(browser);
  await page.locator("#queue button").first().waitFor();
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
});

after(() => browser.close());

/** Mean brightness and a fingerprint of the map's middle left part. */
async function look() {
  const picture = await page.screenshot({ clip: { x: 330, y: 200, width: 200, height: 300 } });
  return picture.toString("base64");
}

test("the page shows both images, and moving the swipe changes what is seen", async () => {
  const first = await look();
  await shot(page, "review-1280-light");
  const handle = await page.locator("#swipe").boundingBox();
  await page.mouse.move(handle.x + handle.width / 2, handle.y + 100);
  await page.mouse.down();
  await page.mouse.move(300, handle.y + 100, { steps: 4 });
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

test("the page works on a large dark screen", async () => {
  const wide = await open(browser, { viewport: { width: 2560, height: 1440 }, colorScheme: "dark" });
  await shot(wide, "review-2560-dark");
  const box = await wide.locator("#stage").boundingBox();
  assert.ok(box.width > 1_700);
  await wide.context().close();
});

test("an analyst makes a site, adds two scenes, compares them and exports", async () => {
  const own = await open(browser);
  const area = [[[127.58, 39.88], [127.62, 39.88], [127.62, 39.92], [127.58, 39.92], [127.58, 39.88]]];
  await own.locator("#site-open").click();
  await own.locator("#site-name").fill("Second plant");
  await own.locator("#site-area").fill("{no GeoJSON");
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("the area is no GeoJSON").waitFor();
  await own.locator("#site-area").fill(JSON.stringify({ type: "Polygon", coordinates: area }));
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("site Second plant made").waitFor();
  const site = await own.locator('.site[aria-current="true"]').getAttribute("data-site");
  for (const [name, time] of [["before.tif", "2023-05-14T02:10"], ["after.tif", "2024-10-21T02:25"]]) {
    await own.locator("#scene-open").click();
    await own.locator("#scene-file").setInputFiles(`${fixture}/${name}`);
    await own.locator("#scene-time").fill(time);
    await own.locator("#scene-platform").fill("rendered");
    if (name === "before.tif") await shot(own, "add-scene-1280");
    await own.getByRole("button", { name: "Add the scene" }).click();
    await own.getByText(`scene ${name} added`).waitFor();
    await own.getByRole("dialog", { name: "Add a scene" }).waitFor({ state: "hidden" });
  }
  const { scenes } = await json(`/api/sites/${site}/scenes`);
  assert.deepEqual(scenes.map((scene) => scene.properties.datetime).sort(), ["2023-05-14T02:10:00Z", "2024-10-21T02:25:00Z"]);
  await own.locator("#compare-open").click();
  await own.locator("#queue button").first().waitFor({ timeout: 120_000 });
  const found = await json(`/ogc/collections/candidates/items?site=${site}&limit=1`);
  assert.equal(await own.locator("#queue button").count(), found.numberMatched);
  await own.getByText("Export what was confirmed").click();
  const [download] = await Promise.all([own.waitForEvent("download"), own.getByRole("link", { name: "GeoPackage" }).click()]);
  assert.equal(download.suggestedFilename(), `${site}-annotations.gpkg`);
  await shot(own, "new-site-1280");
  await own.context().close();
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
