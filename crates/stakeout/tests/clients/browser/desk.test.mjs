// A person makes sites, brings scenes, compares and exports; the HTTP interface then says whether it really happened.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { deflateSync } from "node:zlib";
import { faults, fixture, foreign, json, launch, open, seriousFaultsInBoth, shot, url } from "./person.mjs";

const JOB_TIMEOUT_MS = 120_000;
const AREA = [[[127.58, 39.88], [127.62, 39.88], [127.62, 39.92], [127.58, 39.92], [127.58, 39.88]]];

let browser;
let page;

before(async () => {
  browser = await launch();
  page = await open(browser);
  await page.locator("#queue button").first().waitFor();
  await settle(page);
});

after(() => browser.close());

/** Waits until no tile is on its way. */
const settle = (on) => on.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});

/** What a part of the stage looks like, by shares of its width: a fingerprint. */
async function look(on, [from, to] = [0.25, 0.45], selector = "#stage") {
  const box = await on.locator(selector).boundingBox();
  const clip = { x: box.x + box.width * from, y: box.y + 150, width: box.width * (to - from), height: box.height - 220 };
  return (await on.screenshot({ clip })).toString("base64");
}

/** Where the pointer is on the ground, as the page says. */
async function ground(on, x, y) {
  await on.mouse.move(x, y);
  await on.waitForTimeout(50);
  const [lat, lon] = (await on.locator("#position").textContent()).split(" ").map((text) => Number.parseFloat(text));
  return [lon, lat];
}

const dropFiles = async (on, names) => {
  const files = await Promise.all(names.map(async (name) => ({ name, base64: (await readFile(`${fixture}/${name}`)).toString("base64") })));
  const transfer = await on.evaluateHandle((given) => {
    const made = new DataTransfer();
    for (const { name, base64 } of given) made.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
    return made;
  }, files);
  for (const kind of ["dragover", "drop"]) await on.dispatchEvent("#stage", kind, { dataTransfer: transfer });
};

test("moving the swipe by mouse changes what is seen", async () => {
  const first = await look(page);
  await shot(page, "review-1280-light");
  const handle = await page.locator("#swipe").boundingBox();
  await page.mouse.move(handle.x + handle.width / 2, handle.y + 140);
  await page.mouse.down();
  await page.mouse.move(300, handle.y + 140, { steps: 4 });
  await page.mouse.up();
  assert.ok(Number(await page.locator("#swipe").getAttribute("aria-valuenow")) < 20);
  assert.notEqual(await look(page), first);
});

test("the swipe moves by the arrow keys too", async () => {
  await page.locator("#swipe").focus();
  const at = Number(await page.locator("#swipe").getAttribute("aria-valuenow"));
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await page.locator("#swipe").getAttribute("aria-valuenow")), at + 2);
});

test("holding a key flickers to the before image, and releasing it comes back", async () => {
  await page.locator("#map").focus();
  const shown = await look(page);
  await page.keyboard.down(" ");
  const held = await look(page);
  await page.keyboard.up(" ");
  assert.notEqual(held, shown);
  assert.equal(await look(page), shown);
});

test("side by side, both maps show the same place and move as one", async () => {
  await page.keyboard.press("s");
  await page.locator("#map-left canvas").first().waitFor();
  await settle(page);
  const [left, right] = [await look(page, [0, 1], "#map-left"), await look(page, [0, 1], "#map")];
  assert.notEqual(left, right);
  const box = await page.locator("#map-left").boundingBox();
  const other = await page.locator("#map").boundingBox();
  const at = [box.width / 3, box.height / 2];
  const [here, there] = [await ground(page, box.x + at[0], box.y + at[1]), await ground(page, other.x + at[0], other.y + at[1])];
  assert.ok(Math.abs(here[0] - there[0]) < 2e-5 && Math.abs(here[1] - there[1]) < 2e-5, `${here} and ${there}`);
  await page.keyboard.press("ArrowDown");
  await settle(page);
  assert.notEqual(await look(page, [0, 1], "#map-left"), left);
  assert.notEqual(await look(page, [0, 1], "#map"), right);
  await page.keyboard.press("ArrowUp");
});

test("blending and difference show what swiping does not", async () => {
  await page.keyboard.press("o");
  const half = await look(page);
  await page.locator("#opacity").fill("0");
  const none = await look(page);
  await page.keyboard.press("d");
  const difference = await look(page);
  assert.equal(new Set([half, none, difference]).size, 3);
  await page.locator("#gain").fill("8");
  assert.notEqual(await look(page), difference);
  await shot(page, "difference-1280-light");
  await page.keyboard.press("w");
});

test("each image is stretched on its own: gamma, what is in view, the other image, its own values", async () => {
  await page.keyboard.press("g");
  const seen = [await look(page)];
  await page.locator("#gamma-after").fill("2");
  seen.push(await look(page));
  await page.locator("#range-after").selectOption("match");
  seen.push(await look(page));
  await page.locator("#range-after").selectOption("view");
  await page.locator("#cut-after").fill("10");
  seen.push(await look(page));
  assert.equal(new Set(seen).size, seen.length);
  await page.locator("#range-after").selectOption("manual");
  const manual = page.waitForRequest((request) => request.url().includes("stretch=20,180"));
  await page.locator("#low-after").fill("20");
  await page.locator("#high-after").fill("180");
  await page.locator("#high-after").press("Tab");
  await manual;
  await shot(page, "stretch-1280-light");
  await page.keyboard.press("Escape");
});

test("tiles that could not be had come when the connection is back", async () => {
  const own = await open(browser);
  await settle(own);
  const failed = new Set();
  own.on("requestfailed", (request) => failed.add(request.url()));
  await own.route("**/WebMercatorQuad/**", (route) => route.abort());
  await own.keyboard.press("f");
  await own.locator("#map").focus();
  for (let step = 0; step < 3; step += 1) await own.keyboard.press("+");
  // those of the last view are asked for when the zoom has come to rest
  for (let tries = 0, before = -1; tries < 20 && (failed.size === 0 || failed.size > before); tries += 1) {
    before = failed.size;
    await own.waitForTimeout(700);
  }
  assert.ok(failed.size > 0);
  await own.unroute("**/WebMercatorQuad/**");
  const come = own.waitForResponse((answer) => failed.has(answer.url()) && answer.ok());
  await own.evaluate(() => window.dispatchEvent(new Event("online")));
  await come;
  await own.context().close();
});

test("places are told as longitude, latitude and grid reference", async () => {
  const box = await page.locator("#map").boundingBox();
  const [lon, lat] = await ground(page, box.x + box.width / 2, box.y + box.height / 2);
  const { scenes } = await json("/api/sites/plant/scenes");
  const [west, south, east, north] = scenes[0].bbox;
  assert.ok(lon > west && lon < east && lat > south && lat < north, `${lon}, ${lat}`);
  assert.match(await page.locator("#grid-reference").textContent(), /^52S CK \d{5} \d{5}$/);
});

test("lengths and areas are measured on the ground", async () => {
  const box = await page.locator("#map").boundingBox();
  const corners = [[0.3, 0.4], [0.6, 0.4], [0.6, 0.7], [0.3, 0.7]].map(([x, y]) => [box.x + box.width * x, box.y + box.height * y]);
  const at = [];
  for (const [x, y] of corners) at.push(await ground(page, x, y));
  // a plane is good enough to judge a hundred metres by
  const degree_m = 111_320;
  const [wide, high] = [(at[1][0] - at[0][0]) * degree_m * Math.cos((at[0][1] * Math.PI) / 180), (at[1][1] - at[2][1]) * degree_m];
  await page.keyboard.press("m");
  await page.mouse.click(...corners[0]);
  await page.mouse.dblclick(...corners[1]);
  const length = Number.parseFloat(await page.locator("#measured").textContent());
  assert.ok(Math.abs(length / wide - 1) < 0.02, `${length} m for ${wide}`);
  await page.keyboard.press("Shift+M");
  for (const corner of corners.slice(0, 3)) await page.mouse.click(...corner);
  await page.mouse.dblclick(...corners[3]);
  const words = await page.locator("#measured").textContent();
  const area = Number.parseFloat(words.replace(",", "")) * (words.includes(" ha") ? 10_000 : 1);
  assert.ok(Math.abs(area / (wide * high) - 1) < 0.02, `${words} for ${wide * high} m²`);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#measured").textContent(), "");
});

test("one tool is in hand at a time, none that would lose what it holds is ended, and panels of the bar open in one place", async () => {
  const own = await open(browser);
  await own.locator("#queue button").first().waitFor();
  await own.locator("#map").focus();
  const pressed = (name) => own.getByRole("button", { name }).getAttribute("aria-pressed");
  const box = await own.locator("#map").boundingBox();
  await own.keyboard.press("m");
  assert.equal(await pressed("Measure a length"), "true");
  await own.keyboard.press("a");
  assert.equal(await pressed("Measure a length"), "false");
  await own.mouse.click(box.x + box.width * 0.4, box.y + box.height * 0.5);
  await own.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.5);
  assert.equal(await own.locator("#measured").textContent(), "");
  await own.keyboard.press("n");
  await own.getByText("end what you are drawing or placing first").waitFor();
  assert.ok(await own.locator("#edit-bar").isVisible());
  await own.keyboard.press("Escape");
  await own.locator("#edit-bar").waitFor({ state: "hidden" });
  await own.keyboard.press("n");
  await own.keyboard.press("g");
  assert.equal(await pressed("Nudge the after image"), "false");
  assert.equal(await own.locator(".popover:visible").count(), 1);
  await own.keyboard.press("n");
  assert.equal(await own.locator(".popover:visible").count(), 1);
  await own.context().close();
});

test("keys are the images' again after a box was checked by mouse, and Space flickers beside a slider too", async () => {
  const own = await open(browser);
  await own.locator("#queue button").first().waitFor();
  const flickers = async () => {
    await own.keyboard.down(" ");
    const seen = await own.locator("#stage").evaluate((stage) => stage.classList.contains("flicker"));
    await own.keyboard.up(" ");
    return seen;
  };
  await own.locator('#queue input[type="checkbox"]').first().click();
  assert.ok(await flickers());
  await own.getByText("1 selected, for one verdict").waitFor();
  await own.locator("#score").focus();
  assert.ok(await flickers());
  await own.context().close();
});

test("the after image is nudged by keys and by hand; that is kept, and reviews say it with the stretch", async () => {
  const before = await look(page, [0.3, 0.9]);
  await page.locator("#map").focus();
  await page.keyboard.press("n");
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("ArrowUp");
  const box = await page.locator("#map").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 20, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  const said = await page.locator("#nudge").textContent();
  assert.match(said, /^east \+\d+\.\d\d m, north \+\d+\.\d\d m$/);
  assert.notEqual(await look(page, [0.3, 0.9]), before);
  await page.reload();
  await page.locator("#queue button").first().waitFor();
  assert.equal(await page.locator("#nudge").textContent(), said);
  const id = await page.locator('#queue [aria-current="true"]').getAttribute("data-candidate");
  await page.keyboard.press("u");
  await page.getByText("recorded: unsure").waitFor();
  const { seen } = (await json(`/api/candidates/${id}/reviews`)).reviews.at(-1);
  assert.equal(seen.nudge[0].toFixed(2), said.match(/\+([\d.]+)/)[1]);
  assert.deepEqual(seen.stretch, { before: "p2-98", after: "20,180 gamma 2" });
  await page.keyboard.press("z");
  await page.getByText("taken back").waitFor();
});

test("the map zooms and pans by wheel, keys and fingers", async () => {
  const touching = await open(browser, { hasTouch: true });
  const scale = () => touching.locator(".ol-scale-line-inner").evaluate((bar) => Number.parseFloat(bar.textContent) / bar.offsetWidth);
  await touching.keyboard.press("f");
  await touching.waitForTimeout(300);
  const box = await touching.locator("#map").boundingBox();
  const [x, y] = [box.x + box.width * 0.7, box.y + box.height / 2];
  const first = await scale();
  await touching.mouse.move(x, y);
  await touching.mouse.wheel(0, -300);
  await touching.waitForTimeout(500);
  const wheeled = await scale();
  assert.ok(wheeled < first, "the wheel zooms in");
  await touching.keyboard.press("-");
  await touching.waitForTimeout(400);
  assert.ok((await scale()) > wheeled, "the key zooms out");
  const fingers = await touching.context().newCDPSession(touching);
  const pinch = (type, spread) => fingers.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x: x - spread, y, id: 0 }, { x: x + spread, y, id: 1 }] });
  const still = await scale();
  await pinch("touchStart", 20);
  for (const spread of [30, 45, 60, 80]) await pinch("touchMove", spread);
  await pinch("touchEnd");
  await touching.waitForTimeout(500);
  assert.ok((await scale()) < still, "two fingers zoom in");
  await touching.context().close();
});

test("a site is drawn on the map as a part of a larger one, and found again by its tag", async () => {
  const own = await open(browser);
  await own.locator("#site-open").click();
  await own.locator("#site-name").fill("Assembly hall");
  await own.locator("#site-parent").selectOption("plant");
  await own.locator("#site-tags").fill("housing, workers");
  const box = await own.locator("#map").boundingBox();
  const corner = (x, y) => [box.x + box.width * x, box.y + box.height * y];
  for (const at of [corner(0.3, 0.4), corner(0.6, 0.4), corner(0.6, 0.6)]) await own.mouse.click(...at);
  await own.mouse.dblclick(...corner(0.3, 0.6));
  await shot(own, "new-site-1280-light");
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("site Assembly hall made").waitFor();
  const made = await json("/ogc/collections/sites/items/assembly-hall");
  assert.equal(made.properties.parent, "plant");
  assert.deepEqual(made.properties.tags, ["housing", "workers"]);
  assert.equal(made.geometry.coordinates[0].length, 5);
  await own.locator("#site-search").fill("WORKERS");
  assert.deepEqual(await own.locator("[data-site]").evaluateAll((rows) => rows.map((row) => row.dataset.site)), ["plant", "assembly-hall"]);
  await own.locator("#site-search").fill("no such place");
  await own.getByText("No site has that").waitFor();
  await own.context().close();
});

test("the form of a new site keeps what was typed when a sketch is given up, when it is put away and when it is asked for twice", async () => {
  const own = await open(browser);
  const name = own.locator("#site-name");
  await own.locator("#site-open").click();
  await name.fill("Half a site");
  const box = await own.locator("#map").boundingBox();
  await own.mouse.click(box.x + box.width * 0.4, box.y + box.height * 0.5);
  await own.locator("#map").focus();
  await own.keyboard.press("Escape");
  assert.equal(await name.inputValue(), "Half a site");
  assert.ok(await name.isVisible());
  await own.locator("#site-open").click();
  assert.equal(await name.inputValue(), "Half a site");
  await own.keyboard.press("Escape");
  await name.waitFor({ state: "hidden" });
  await own.locator("#site-open").click();
  assert.equal(await name.inputValue(), "Half a site");
  await own.locator("#new-site").getByRole("button", { name: "Cancel" }).click();
  await own.locator("#site-open").click();
  assert.equal(await name.inputValue(), "");
  await own.context().close();
});

test("sites that others make appear, and one that is deleted goes, with a word to whoever has it open", async () => {
  const own = await open(browser);
  const path = `${url}/ogc/collections/sites/items`;
  const site = { type: "Feature", id: "passing", geometry: { type: "Polygon", coordinates: AREA }, properties: { name: "Passing site" } };
  assert.equal((await fetch(path, { method: "POST", headers: { "content-type": "application/geo+json" }, body: JSON.stringify(site) })).status, 201);
  const row = own.locator('[data-site="passing"]');
  await row.waitFor();
  assert.ok(await own.locator('[data-site="plant"][aria-current="true"]').isVisible(), "what is open stays open");
  await row.click();
  await own.locator('[data-site="passing"][aria-current="true"]').waitFor();
  const etag = (await fetch(`${path}/passing`)).headers.get("etag");
  assert.equal((await fetch(`${path}/passing`, { method: "DELETE", headers: { "if-match": etag } })).status, 204);
  await own.getByText("the site Passing site was deleted").waitFor();
  assert.equal(await row.count(), 0);
  assert.ok(await own.locator("#scene-open").isDisabled());
  await own.context().close();
});

test("an analyst pastes a site's area, drops two images, stops a comparison, runs it, sees how they fit and exports", async () => {
  const own = await open(browser);
  await own.locator("#site-open").click();
  await own.locator("#site-name").fill("Second plant");
  await own.locator("#site-area").fill("{no GeoJSON");
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("the area is no GeoJSON").waitFor();
  await own.locator("#site-area").fill(JSON.stringify({ type: "Polygon", coordinates: AREA }));
  await own.getByRole("button", { name: "Make the site" }).click();
  await own.getByText("site Second plant made").waitFor();
  const site = await own.locator('.site[aria-current="true"]').getAttribute("data-site");
  let lost = 0;
  // the connection is lost once, in the middle of the first file
  await own.route("**/uploads/*", (route) => (route.request().method() === "PATCH" && lost++ === 0 ? route.abort() : route.continue()));
  await dropFiles(own, ["before.tif", "after.tif"]);
  for (const [name, time] of [["before.tif", "2023-05-14T02:10"], ["after.tif", "2024-10-21T02:25"]]) {
    await own.waitForFunction((wanted) => document.querySelector("#scene-file").files[0]?.name === wanted, name);
    await own.getByText("It says where it lies.").waitFor();
    await own.locator("#scene-time").fill(time);
    await own.locator("#scene-platform").fill("rendered");
    await own.locator("#scene-license").fill("CC0-1.0");
    if (name === "before.tif") await shot(own, "add-scene-1280-light");
    await own.getByRole("button", { name: "Add the scene" }).click();
    await own.getByText(`scene ${name} added`).waitFor();
  }
  await own.getByRole("dialog", { name: "Add a scene" }).waitFor({ state: "hidden" });
  const { scenes } = await json(`/api/sites/${site}/scenes`);
  assert.ok(lost > 2, "the piece that was lost was sent again");
  assert.deepEqual(scenes.map((scene) => scene.properties.datetime).sort(), ["2023-05-14T02:10:00Z", "2024-10-21T02:25:00Z"]);
  assert.ok(scenes.every((scene) => scene.properties.platform === "rendered" && scene.properties.license === "CC0-1.0"));
  await own.locator("#compare-open").click();
  await own.locator("#stop").click();
  await own.getByText("stopped · 2023-05-14 to 2024-10-21").waitFor();
  assert.equal((await json("/ogc/jobs")).jobs[0].status, "dismissed");
  await own.locator("#compare-open").click();
  await own.locator("#progress").getByText(/^\d+ %, .*2024-10-21/).waitFor();
  await own.locator("#queue button").first().waitFor({ timeout: JOB_TIMEOUT_MS });
  const found = await json(`/ogc/collections/candidates/items?site=${site}&limit=1`);
  assert.equal(await own.locator("#queue button").count(), found.numberMatched);
  const { fit } = (await json(`/api/comparisons?site=${site}`)).comparisons[0];
  assert.ok((await own.locator("#fit-words").textContent()).includes(`residual ${fit.residual_m.toFixed(2)} m · ${Math.round(fit.valid_share * 100)} %`));
  assert.ok(await own.locator("#fit").isHidden());
  assert.match(await own.locator(`[data-site="${site}"]`).textContent(), /2 scenes.*last 2024-10-21/);
  await own.getByText("Export and links").click();
  const [download] = await Promise.all([own.waitForEvent("download"), own.getByRole("link", { name: "GeoPackage" }).click()]);
  assert.equal(download.suggestedFilename(), `${site}-annotations.gpkg`);
  await own.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await own.getByRole("button", { name: "Copy: QGIS: the after image, as XYZ tiles" }).click();
  await own.getByText("copied: ").waitFor();
  assert.match(await own.evaluate(() => navigator.clipboard.readText()), new RegExp(`^${url}/tiles/[^/]+/WebMercatorQuad/{z}/{y}/{x}.png$`));
  await own.context().close();
});

test("the chart says what was built, and a construction window leads to the comparison of its dates", async () => {
  const own = await open(browser);
  await own.locator("#chart .window").waitFor();
  const { features } = await json("/ogc/collections/annotations/items?site=plant&limit=1000");
  const sign = ({ change }) => ({ new: 1, removed: -1 })[change] ?? 0;
  const count = features.reduce((sum, { properties }) => sum + sign(properties), 0);
  const area = features.reduce((sum, { properties }) => sum + sign(properties) * properties.area_m2, 0);
  const words = await own.locator("#chart-words").textContent();
  assert.ok(words.startsWith(`${count} structure${count === 1 ? "" : "s"}, ${Math.round(area).toLocaleString("en")} m² by 2024-10-21`), `${words} for ${count} and ${area}`);
  const [first] = await own.locator(".scene").all();
  await first.getByRole("button", { name: "as after" }).click();
  await own.getByText("After 2023-05-14", { exact: false }).waitFor();
  await own.locator("#chart .window").click();
  await own.getByText("after 2024-10-21", { exact: true }).waitFor();
  assert.match(await own.locator("#before-date").textContent(), /2023-05-14/);
  assert.ok((await own.locator("#queue button").count()) > 0);
  await own.context().close();
});

/** A picture of chance, grey, without a georeference. */
function noise(side_px) {
  const table = Array.from({ length: 256 }, (_, n) => Array.from({ length: 8 }).reduce((c) => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n) >>> 0);
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const sum = ~body.reduce((crc, byte) => table[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0;
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(sum);
    return Buffer.concat([length, body, check]);
  };
  let state = 7;
  const pixels = Buffer.from({ length: side_px * (side_px + 1) }, () => 0);
  for (let at = 0; at < pixels.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    pixels[at] = at % (side_px + 1) === 0 ? 0 : state >>> 24;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side_px, 0);
  head.writeUInt32BE(side_px, 4);
  head[8] = 8;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))]);
}

test("an image without a georeference is placed by its corners and a matched point; a bad fit cannot be missed", async () => {
  const own = await open(browser);
  await own.keyboard.press("f");
  await own.locator("#scene-open").click();
  await own.locator("#scene-file").setInputFiles({ name: "chance-20250310.png", mimeType: "image/png", buffer: noise(600) });
  await own.getByText("600 × 600 pixels. It does not say where it lies").waitFor();
  assert.equal(await own.locator("#scene-time").inputValue(), "2025-03-10T00:00");
  await own.getByRole("button", { name: "Add the scene" }).click();
  await own.locator("#placing").waitFor();
  const image = await restingImage(own);
  const centre = [image.x + image.width / 2, image.y + image.height / 2];
  // the lower right corner goes out, the upper left one stays
  await own.mouse.move(image.x + image.width, image.y + image.height);
  await own.mouse.down();
  await own.mouse.move(image.x + image.width + 40, image.y + image.height + 40, { steps: 4 });
  await own.mouse.up();
  const pulled = await own.locator(".placed-image").boundingBox();
  assert.ok(Math.abs(pulled.width - image.width - 40) < 3 && Math.abs(pulled.x - image.x) < 3);
  await own.locator("#match-point").click();
  await own.mouse.click(...centre);
  await own.getByText("Now click where that is").waitFor();
  await own.mouse.click(centre[0] + 15, centre[1] - 10);
  await own.getByText("1 matched: the image was moved").waitFor();
  await shot(own, "place-1280-light");
  const placed = await own.locator(".placed-image").boundingBox();
  assert.ok(Math.abs(placed.x - pulled.x - 15) < 3 && Math.abs(placed.y - pulled.y + 10) < 3);
  const upperLeft = await ground(own, placed.x + 1, placed.y + 1);
  await own.locator("#placed").click();
  await own.getByText("chance-20250310.png was placed").waitFor();
  const scene = (await json("/api/sites/plant/scenes")).scenes.find(({ properties }) => properties.datetime.startsWith("2025-03-10"));
  const [west, , , north] = scene.bbox;
  assert.ok(Math.abs(west - upperLeft[0]) < 3e-4 && Math.abs(north - upperLeft[1]) < 3e-4, `${scene.bbox} for ${upperLeft}`);
  await own.locator(`[data-scene="${scene.id}"]`).getByRole("button", { name: "as after" }).click();
  await own.locator("#compare-open").click();
  await own.locator("#fit").waitFor({ timeout: JOB_TIMEOUT_MS });
  const [latest] = (await json("/api/comparisons?site=plant")).comparisons;
  assert.equal(latest.after, scene.id);
  assert.equal(latest.fit.registrable, false);
  const alarm = await own.locator("#fit").textContent();
  assert.ok(alarm.includes(latest.fit.reason));
  const { residual_m: residual } = latest.fit;
  assert.ok(alarm.includes(residual === null ? "no shift could be measured" : `residual ${residual.toFixed(2)} m`), `${alarm} for ${residual}`);
  await shot(own, "bad-fit-1280-light");
  await own.context().close();
});

test("a comparison of images too coarse for the detector says so", async () => {
  const own = await open(browser);
  await own.keyboard.press("f");
  await own.locator("#scene-open").click();
  await own.locator("#scene-file").setInputFiles({ name: "coarse-20250311.png", mimeType: "image/png", buffer: noise(64) });
  await own.getByText("64 × 64 pixels. It does not say where it lies").waitFor();
  await own.getByRole("button", { name: "Add the scene" }).click();
  await own.locator("#placing").waitFor();
  await own.locator("#placed").click();
  await own.getByText("coarse-20250311.png was placed").waitFor();
  // the comparison that is shown stays, with what is said of it
  assert.equal(await own.locator("#cautions", { hasText: "it overlooks structures" }).count(), 0);
  const scene = (await json("/api/sites/plant/scenes")).scenes.find(({ properties }) => properties.datetime.startsWith("2025-03-11"));
  await own.locator(`[data-scene="${scene.id}"]`).getByRole("button", { name: "as after" }).click();
  // whoever measures is not led elsewhere by what is found meanwhile
  await own.locator("#map").focus();
  await own.keyboard.press("m");
  await own.locator("#compare-open").click();
  await own.locator("#open-found").waitFor({ timeout: JOB_TIMEOUT_MS });
  assert.match(await own.locator("#progress").textContent(), /found \d+ candidate/);
  assert.equal(await own.locator("#cautions").isVisible(), false);
  await own.locator("#open-found").click();
  await own.locator("#cautions").waitFor();
  assert.equal(await own.locator("#job").isVisible(), false);
  await own.locator("#map").focus();
  await own.keyboard.press("Escape");
  const [latest] = (await json("/api/comparisons?site=plant")).comparisons;
  assert.equal(latest.after, scene.id);
  assert.match(latest.cautions[0], /it overlooks structures/);
  assert.deepEqual(await own.locator("#cautions li").allTextContents(), latest.cautions);
  await shot(own, "cautions-1280-light");
  await own.context().close();
});

/** A grey TIFF that says nothing of where it lies: one strip, no compression. */
function plainTiff(side_px) {
  const tags = [[256, 3, side_px], [257, 3, side_px], [258, 3, 8], [259, 3, 1], [262, 3, 1], [273, 4, 8], [277, 3, 1], [278, 3, side_px], [279, 4, side_px * side_px]];
  const pixels = Uint8Array.from({ length: side_px * side_px }, (_, at) => (Math.floor(at / side_px / 40) + Math.floor((at % side_px) / 40)) % 2 === 0 ? 40 : 200);
  const directory = Buffer.alloc(2 + tags.length * 12 + 4);
  directory.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, kind, value], at) => {
    directory.writeUInt16LE(tag, 2 + at * 12);
    directory.writeUInt16LE(kind, 4 + at * 12);
    directory.writeUInt32LE(1, 6 + at * 12);
    directory.writeUInt32LE(value, 10 + at * 12);
  });
  const head = Buffer.from("II*\0", "latin1");
  const offset = Buffer.alloc(4);
  offset.writeUInt32LE(8 + pixels.length);
  return Buffer.concat([head, offset, pixels, directory]);
}

/** Where a placed image lies once it is drawn so many pixels to the right of where it lay: with the map's next frame. */
/** Where the image that is being placed lies on the screen, once the map has come to rest. */
const restingImage = async (own) => {
  for (let before = null; ; ) {
    const box = await own.locator(".placed-image").boundingBox();
    if (JSON.stringify(box) === JSON.stringify(before)) return box;
    before = box;
    await own.waitForTimeout(150);
  }
};
const movedBy = async (own, began, px) => {
  await own.waitForFunction((x) => Math.abs(document.querySelector(".placed-image").getBoundingClientRect().x - x) < 2, began.x + px);
  return own.locator(".placed-image").boundingBox();
};
const placementOf = (id) => json(`/api/scenes/${id}/placement`);

test("a scene that was stored without a place is placed later from its card, by keys alone, slanted", async () => {
  const own = await open(browser);
  await own.locator("#scene-open").click();
  await own.locator("#scene-file").setInputFiles({ name: "plain-20250401.tif", mimeType: "image/tiff", buffer: plainTiff(400) });
  await own.getByText("400 × 400 pixels. It does not say where it lies").waitFor();
  await own.getByRole("button", { name: "Add the scene" }).click();
  const picture = own.locator("img.placed-image");
  await picture.waitFor();
  assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth >= 256)), "the server draws what a browser cannot");
  await shot(own, "place-tiff-1280");
  await own.keyboard.press("Escape");
  await own.getByText("plain-20250401.tif has no place yet").waitFor();
  const scene = (await json("/api/sites/plant/scenes")).scenes.find(({ properties }) => properties.datetime.startsWith("2025-04-01"));
  assert.equal(scene.geometry, null);

  await own.getByRole("button", { name: "Place it: the scene of 2025-04-01" }).focus();
  await own.keyboard.press("Enter");
  await own.locator("#placing").waitFor();
  const began = await restingImage(own);
  for (let step = 0; step < 5; step += 1) await own.keyboard.press("ArrowRight");
  const moved = await movedBy(own, began, 40);
  await own.keyboard.press("v");
  await own.keyboard.press(".");
  await own.getByText("The arrows move the upper left corner.").waitFor();
  for (let step = 0; step < 4; step += 1) await own.keyboard.press("ArrowDown");
  assert.deepEqual(await seriousFaultsInBoth(own, "place-slanted"), []);
  await own.keyboard.press("Enter");
  await own.getByText("plain-20250401.tif was placed").waitFor();
  const { placement, geometry } = await placementOf(scene.id);
  assert.ok(geometry);
  const [a, b, c, d] = placement.footprint;
  const bend = [0, 1].map((axis) => a[axis] + c[axis] - b[axis] - d[axis]);
  assert.ok(bend[1] < -1e-6 && Math.abs(bend[0]) < 1e-7, `the upper left corner alone went down: ${bend}`);
  assert.equal(await own.getByRole("button", { name: "Place it: the scene of 2025-04-01" }).count(), 0);
  await own.context().close();
});

test("three points matched by keys are sent as control points", async () => {
  const own = await open(browser);
  await own.keyboard.press("f");
  await own.locator("#scene-open").click();
  await own.locator("#scene-file").setInputFiles({ name: "points-20250501.tif", mimeType: "image/tiff", buffer: plainTiff(300) });
  await own.getByText("300 × 300 pixels").waitFor();
  await own.getByRole("button", { name: "Add the scene" }).click();
  await own.locator("img.placed-image").waitFor();
  for (const [first, second] of [["ArrowDown", "ArrowRight"], ["ArrowUp", "ArrowUp"], ["ArrowRight", "ArrowUp"]]) {
    await own.keyboard.press("p");
    await own.keyboard.press(first);
    await own.keyboard.press("Enter");
    await own.getByText("Now click where that is on the map").waitFor();
    await own.keyboard.press(second);
    await own.keyboard.press("Enter");
  }
  await own.getByText("3 matched: laid where all points fit best").waitFor();
  // the points are not lost with the connection
  await own.route("**/placement", (route) => route.abort());
  await own.keyboard.press("Enter");
  await own.locator("#placing .fault", { hasText: "the server cannot be reached" }).waitFor();
  await own.unroute("**/placement");
  await own.keyboard.press("Enter");
  await own.getByText("points-20250501.tif was placed").waitFor();
  const scene = (await json("/api/sites/plant/scenes")).scenes.find(({ properties }) => properties.datetime.startsWith("2025-05-01"));
  assert.equal((await placementOf(scene.id)).placement.control_points.length, 3);
  await own.context().close();
});

const sceneOf = async (day) => (await json("/api/sites/plant/scenes")).scenes.filter(({ properties }) => properties.datetime.startsWith(day));
const placeAnew = (own, day) => own.getByRole("button", { name: `Place anew: the scene of ${day}` });

test("a scene that was placed by hand is placed anew, from where it lies", async () => {
  const own = await open(browser);
  const [scene] = await sceneOf("2025-05-01");
  const lay = await placementOf(scene.id);
  const [west, , , north] = scene.bbox;
  await placeAnew(own, "2025-05-01").click();
  await own.locator("#placing").waitFor();
  const began = await restingImage(own);
  const [lon, lat] = await ground(own, began.x + 1, began.y + 1);
  assert.ok(Math.abs(lon - west) < 5e-5 && Math.abs(lat - north) < 5e-5, `it begins at ${[lon, lat]}, not at ${[west, north]}`);
  await shot(own, "place-anew-1280-light");
  await own.keyboard.press("Escape");
  await own.getByText("points-20250501.tif stays where it was").waitFor();
  assert.deepEqual(await placementOf(scene.id), lay);

  await placeAnew(own, "2025-05-01").click();
  await own.locator("#placing").waitFor();
  for (let step = 0; step < 5; step += 1) await own.keyboard.press("ArrowRight");
  const moved = await movedBy(own, began, 40);
  const [east] = await ground(own, moved.x + 1, moved.y + 1);
  await own.keyboard.press("Enter");
  await own.getByText("points-20250501.tif was placed").waitFor();
  const [again] = await sceneOf("2025-05-01");
  assert.equal(again.id, scene.id);
  assert.ok(east > lon && Math.abs(again.bbox[0] - east) < 5e-5, `${again.bbox[0]} for ${east}`);
  assert.equal((await placementOf(scene.id)).revision, lay.revision + 1);
  await own.context().close();
});

test("a slanted view is placed anew from its own four corners", async () => {
  const own = await open(browser);
  const [scene] = await sceneOf("2025-04-01");
  const lay = await placementOf(scene.id);
  await placeAnew(own, "2025-04-01").focus();
  await own.keyboard.press("Enter");
  await own.locator("#placing").waitFor();
  assert.ok(await own.locator("#free-corners").isChecked());
  await own.keyboard.press("ArrowUp");
  await own.keyboard.press("Enter");
  await own.getByText("plain-20250401.tif was placed").waitFor();
  const { placement } = await placementOf(scene.id);
  const ways = placement.footprint.map(([lon, lat], corner) => [lon - lay.placement.footprint[corner][0], lat - lay.placement.footprint[corner][1]]);
  for (const [east, north] of ways) assert.ok(Math.abs(east) < 1e-7 && Math.abs(north - ways[0][1]) < 1e-7 && north > 0, `all corners went up alike: ${ways}`);
  await own.context().close();
});

test("a scene that a comparison rests on stays, and the page says why and what can be done", async () => {
  const own = await open(browser);
  const [scene] = await sceneOf("2025-03-10");
  const lay = await placementOf(scene.id);
  await placeAnew(own, "2025-03-10").click();
  const dialog = own.getByRole("dialog", { name: "This scene stays where it is" });
  await dialog.getByText("with 2025-03-10 rests on chance-20250310.png").waitFor();
  assert.deepEqual(await seriousFaultsInBoth(own, "stays"), []);
  await dialog.getByRole("button", { name: "Place another scene of the file" }).click();
  await own.locator("#placing").waitFor();
  await own.keyboard.press("ArrowLeft");
  await own.keyboard.press("Enter");
  await own.getByText("was placed as another scene of 2025-03-10").waitFor();
  const scenes = await sceneOf("2025-03-10");
  const copy = scenes.find(({ id }) => id !== scene.id);
  assert.equal(scenes.length, 2);
  assert.equal(copy.assets.original["file:checksum"], scene.assets.original["file:checksum"]);
  assert.ok(copy.bbox[0] < scene.bbox[0]);
  assert.deepEqual(await placementOf(scene.id), lay);
  await own.context().close();
});

test("a scene that is added leaves an older comparison as it is, and a file that is dropped meanwhile waits for its turn", async () => {
  const own = await open(browser);
  const { comparisons } = await json("/api/comparisons?site=plant");
  const older = comparisons.at(-1).id;
  assert.ok(comparisons.length > 1);
  await own.locator("#comparison").selectOption(older);
  await own.locator("#queue button").first().waitFor();
  let goOn;
  const held = new Promise((resolve) => (goOn = resolve));
  await own.route("**/api/sites/plant/scenes", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await own.locator("#scene-open").click();
  const choose = (name) => own.locator("#scene-file").setInputFiles({ name, mimeType: "image/png", buffer: noise(100) });
  await choose("late-20240101.png");
  await own.getByText("late-20240101.png: 100 × 100 pixels").waitFor();
  await choose("late-20250601.png");
  await own.getByText("late-20250601.png: 100 × 100 pixels").waitFor();
  assert.equal(await own.locator("#scene-time").inputValue(), "2025-06-01T00:00", "the date goes with the file whose name it came from");
  await own.getByRole("button", { name: "Add the scene" }).click();
  await own.getByText("the server checks and prepares it").waitFor();
  await dropFiles(own, ["after.tif"]);
  await own.getByText("late-20250601.png (1 of 2)").waitFor();
  goOn();
  await own.getByRole("group", { name: "Place late-20250601.png" }).waitFor();
  assert.equal(await own.locator("#comparison").inputValue(), older);
  const [image, stage] = [await restingImage(own), await own.locator("#stage").boundingBox()];
  assert.ok(image.x > stage.x && image.y > stage.y && image.x + image.width < stage.x + stage.width && image.y + image.height < stage.y + stage.height);
  await own.keyboard.press("Escape");
  await own.getByText("after.tif (2 of 2)").waitFor();
  assert.equal(await own.locator("#scene-by-hand").isChecked(), false);
  await own.keyboard.press("Escape");
  await own.context().close();
});

test("the page is light or dark as the system or the switch says, and uses a large screen", async () => {
  const wide = await open(browser, { viewport: { width: 2560, height: 1440 }, colorScheme: "dark" });
  const background = () => wide.locator("#topbar").evaluate((bar) => getComputedStyle(bar).backgroundColor);
  const dark = await background();
  await shot(wide, "review-2560-dark");
  assert.ok((await wide.locator("#stage").boundingBox()).width > 1_700);
  await wide.locator("#theme").click();
  assert.notEqual(await background(), dark);
  await shot(wide, "review-2560-light");
  await wide.context().close();
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
