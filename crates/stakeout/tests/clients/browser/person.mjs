// A person in Chromium, as the tests see one. STAKEOUT_URL names a server with a reviewed comparison of the site
// `plant`; STAKEOUT_FIXTURE a folder with its images; STAKEOUT_SCREENSHOTS a folder for pictures.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const url = process.env.STAKEOUT_URL;
export const fixture = process.env.STAKEOUT_FIXTURE;
const pictures = process.env.STAKEOUT_SCREENSHOTS;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Requests to other hosts, and errors of the page's own code: there must be none. */
export const foreign = [];
export const faults = [];

export const json = async (path) => (await fetch(url + path)).json();
export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

/** A new browser profile with the page open at a site; `init` runs in it before the page. */
export async function open(browser, { site = "plant", base = url, signIn = async () => {}, init = () => {}, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  await context.addInitScript(init);
  const opened = await context.newPage();
  opened.on("request", (request) => {
    if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) foreign.push(request.url());
  });
  opened.on("pageerror", (error) => faults.push(String(error)));
  await opened.goto(`${base}/#site=${site}`);
  await signIn(opened);
  await opened.locator(`[data-site="${site}"][aria-current="true"]`).waitFor();
  await opened.waitForFunction(() => document.querySelectorAll("#map canvas").length > 0);
  return opened;
}

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds serious or critical in what is shown. */
export async function seriousFaults(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

/** What axe finds serious in light and in dark, with a picture of each at both sizes. */
export async function seriousFaultsInBoth(page, name) {
  const faults = [];
  const size = page.viewportSize();
  for (const [colorScheme, viewport] of [["dark", { width: 2560, height: 1440 }], ["light", size]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await shot(page, `${name}-${viewport.width}-${colorScheme}`);
    faults.push(...(await seriousFaults(page)));
  }
  return faults;
}

export async function shot(page, name) {
  if (!pictures) return;
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

/**
 * Presses a key that leads to another candidate, several times, each when the picture is whole and what comes next is
 * loaded. Gives how long each picture took, milliseconds, and the tiles that were asked for on the way to one.
 */
export async function keyToPicture(page, key, presses) {
  await page.locator("#map").focus();
  await page.evaluate(() => {
    performance.clearMeasures("key-to-picture");
    performance.clearResourceTimings();
    performance.setResourceTimingBufferSize(10_000);
  });
  for (let press = 1; press <= presses; press += 1) {
    await page.keyboard.press(key);
    await page.waitForFunction((count) => performance.getEntriesByName("key-to-picture").length >= count, press, { timeout: 10_000 });
    await page.waitForTimeout(250);
    await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
  }
  return page.evaluate(() => {
    const waits = performance.getEntriesByName("key-to-picture");
    const isWaitedFor = ({ name, startTime }) => name.includes("/tiles/") && waits.some((wait) => startTime >= wait.startTime && startTime < wait.startTime + wait.duration);
    return { times: waits.map((wait) => wait.duration), asked: performance.getEntriesByType("resource").filter(isWaitedFor).map(({ name }) => name) };
  });
}
