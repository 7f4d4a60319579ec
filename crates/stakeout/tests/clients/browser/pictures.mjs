// Makes the pictures of the README from a running demo: node pictures.mjs http://127.0.0.1:8080 ../../../../../docs/images
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { launch, open } from "./person.mjs";

const [, , base, folder, image] = process.argv;
if (!folder) throw new Error("node pictures.mjs URL FOLDER [PNG without a georeference, to be placed]");

const browser = await launch();
const settle = (page) => page.waitForLoadState("networkidle", { timeout: 10_000 }).catch(() => {});
const picture = async (page, name) => {
  await settle(page);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(join(folder, `${name}.png`));
};

async function at(options) {
  const page = await open(browser, { site: "demo-plant", base, viewport: { width: 1280, height: 800 }, ...options });
  await page.locator("#queue button").first().waitFor();
  await page.locator("#map").focus();
  return page;
}

const light = await at({ colorScheme: "light" });
await light.locator("#structure-type").selectOption("assembly-hall");
for (const key of ["c", "c", "r"]) {
  await light.keyboard.press(key);
  await settle(light);
}
await light.waitForTimeout(8_500);
await picture(light, "review");
if (image) {
  await light.keyboard.press("f");
  await light.locator("#scene-open").click();
  await light.locator("#scene-file").setInputFiles({ name: "screenshot-20250310.png", mimeType: "image/png", buffer: await readFile(image) });
  await light.getByRole("button", { name: "Add the scene" }).click();
  await light.locator("img.placed-image").waitFor();
  await light.keyboard.press("v");
  await light.keyboard.press(".");
  for (let step = 0; step < 5; step += 1) await light.keyboard.press("ArrowRight");
  await light.waitForTimeout(8_500);
  await picture(light, "place");
}
await light.context().close();

const dark = await at({ colorScheme: "dark" });
await dark.keyboard.press("s");
await picture(dark, "side-by-side");
await browser.close();
