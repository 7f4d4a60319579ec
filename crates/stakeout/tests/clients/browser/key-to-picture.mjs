// How long a person waits for the next candidate's picture, on a running demo: node key-to-picture.mjs URL [PRESSES]
// Each press is a key that leads on or back; the clock runs from the key to the frame in which both images are whole.
import { keyToPicture, launch, open } from "./person.mjs";

const [, , base, count = "60"] = process.argv;
if (!base) throw new Error("node key-to-picture.mjs URL [PRESSES]");
const VIEWS = [[{ width: 1280, height: 800 }, "swipe"], [{ width: 1280, height: 800 }, "side"], [{ width: 2560, height: 1440 }, "swipe"]];

const browser = await launch();
for (const [viewport, mode] of VIEWS) {
  const page = await open(browser, { site: "demo-plant", base, viewport });
  await page.locator("#queue button").first().waitFor();
  await page.locator(`[data-mode="${mode}"]`).click();
  await page.waitForLoadState("networkidle", { timeout: 10_000 }).catch(() => {});
  const queued = await page.locator("#queue [data-candidate]").count();
  const times = [];
  let asked = 0;
  // down the queue and up again
  while (times.length < Number(count)) {
    for (const key of ["j", "k"]) {
      const run = await keyToPicture(page, key, queued - 1);
      times.push(...run.times);
      asked += run.asked.length;
    }
  }
  const sorted = times.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(0);
  console.log(`${viewport.width} px, ${mode}: median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms of ${sorted.length} keys; ${asked} tiles asked for while waiting`);
  await page.context().close();
}
await browser.close();
