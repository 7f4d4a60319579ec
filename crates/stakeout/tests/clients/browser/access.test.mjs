// Axe looks at every view, light and dark: nothing serious may be found. Pictures of the views at both sizes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fixture, launch, open, seriousFaults, shot } from "./person.mjs";
import { Server } from "./server.mjs";

let browser;
let server;

before(async () => {
  server = await (await Server.onCopy()).start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const key = async (page, name) => {
  await page.locator("#map").focus();
  await page.keyboard.press(name);
};

/** Views by name: each is opened from the page as it begins, and left by Escape. */
const VIEWS = {
  review: async () => {},
  keys: async (page) => {
    await key(page, "?");
    await page.locator("#keys dd").first().waitFor();
  },
  agreement: async (page) => {
    await key(page, "Shift+a");
    await page.locator("#agreement").waitFor();
  },
  types: async (page) => {
    await key(page, "t");
    await page.locator("#type-palette").waitFor();
  },
  edit: async (page) => {
    await key(page, "e");
    await page.locator("#edit-bar").waitFor();
  },
  recorded: async (page) => {
    await page.locator('#queue [data-state="confirmed"]').first().click();
    await key(page, "Shift+e");
    await page.getByRole("dialog", { name: "Change what is recorded" }).waitFor();
  },
  history: async (page) => {
    await page.locator('#queue [data-state="confirmed"]').first().click();
    await key(page, "h");
    await page.locator("#history [data-revision]").first().waitFor();
  },
};

for (const [colorScheme, viewport] of [["light", { width: 1280, height: 800 }], ["dark", { width: 2560, height: 1440 }]]) {
  test(`axe finds nothing serious in any view, ${colorScheme}`, async () => {
    const page = await open(browser, { base: server.url, colorScheme, viewport });
    await page.locator("#queue button").first().waitFor();
    for (const [name, show] of Object.entries(VIEWS)) {
      await show(page);
      await shot(page, `${name}-${viewport.width}-${colorScheme}`);
      assert.deepEqual(await seriousFaults(page), [], name);
      await page.keyboard.press("Escape");
    }
    await page.context().close();
  });
}

for (const [colorScheme, width, height] of [["light", 1024, 768], ["dark", 1024, 768], ["light", 640, 512], ["dark", 640, 512], ["light", 512, 384]]) {
  test(`on a screen of ${width} by ${height}, as a larger one is at 200 %, nothing runs over or out of the page, ${colorScheme}`, async () => {
    const page = await open(browser, { base: server.url, colorScheme, viewport: { width, height } });
    await page.locator("#queue button").first().waitFor();
    await key(page, "o");
    await page.locator("#opacity").waitFor();
    const [bar, stage] = [await page.locator("#tools").boundingBox(), await page.locator("#stage").boundingBox()];
    assert.ok(bar.x >= stage.x && bar.x + bar.width <= stage.x + stage.width, `the bar ${JSON.stringify(bar)} lies on the images ${JSON.stringify(stage)}`);
    assert.ok(stage.width > 380 && stage.height > 180, `the images have ${stage.width} by ${stage.height}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    await shot(page, `small-${width}-${colorScheme}`);
    await page.locator("#title").fill("Hall");
    for (const id of ["confirm", "bad-imagery"]) {
      const button = page.locator(`[data-verdict="${id}"]`);
      await button.scrollIntoViewIfNeeded();
      await button.click({ trial: true });
    }
    await shot(page, `small-verdict-${width}-${colorScheme}`);
    // the verdict stays under the pointer while one candidate comes after the other
    const scrolled = () => page.evaluate(() => scrollY);
    const at = await scrolled();
    await key(page, "j");
    await page.waitForTimeout(300);
    assert.equal(await scrolled(), at);
    assert.deepEqual(await seriousFaults(page), []);
    await page.context().close();
  });
}

test("every control of the review can be reached and used by keyboard, with a focus that is seen", async () => {
  const page = await open(browser, { base: server.url });
  await page.locator("#queue button").first().waitFor();
  const reached = new Set();
  await page.locator("body").click({ position: { x: 2, y: 2 } });
  for (let tab = 0; tab < 120; tab += 1) {
    await page.keyboard.press("Tab");
    const [id, isSeen] = await page.evaluate(() => {
      const active = document.activeElement;
      // the divider shows it on its handle
      const ring = getComputedStyle(active).outlineStyle !== "none" || getComputedStyle(active, "::after").boxShadow.includes(" 3px");
      return [active.id || active.dataset.verdict || active.dataset.candidate, ring];
    });
    if (!id) continue;
    assert.ok(isSeen, `${id} shows no focus`);
    reached.add(id);
  }
  for (const id of ["order", "show", "score", "area", "structure-type", "confidence", "title", "note", "confirm", "reject", "unsure", "bad-imagery", "edit", "agreement-open", "draw-new", "map", "swipe"]) {
    assert.ok(reached.has(id), `${id} cannot be reached by Tab`);
  }
  await page.context().close();
});

test("the focus stays on a box and a button that are used by key, though their lists are filled anew", async () => {
  const page = await open(browser, { base: server.url });
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const box = page.locator('#queue input[type="checkbox"]').first();
  await box.focus();
  const label = await focused();
  await page.keyboard.press(" ");
  await page.locator("#selected", { hasText: "1 selected" }).waitFor();
  assert.equal(await focused(), label);
  const role = page.locator("#scenes button.role").first();
  await role.focus();
  const shown = await focused();
  await page.keyboard.press("Enter");
  await page.waitForTimeout(200);
  assert.equal(await focused(), shown);
  await page.context().close();
});

test("where the page comes over plain http, verdicts are given too", async () => {
  const init = () => {
    // what pages that are neither of https nor of this machine lack
    delete Crypto.prototype.randomUUID;
    delete Navigator.prototype.clipboard;
  };
  const page = await open(browser, { base: server.url, init });
  const first = page.locator('#queue [data-state="pending"]').first();
  const id = await first.getAttribute("data-candidate");
  await first.click();
  await key(page, "r");
  await page.locator(`#queue [data-candidate="${id}"][data-state="rejected"]`, { hasNotText: "…" }).waitFor();
  await page.locator("#map").click({ button: "right", position: { x: 150, y: 150 } });
  await page.getByText("does not let the page copy").first().waitFor();
  await key(page, "z");
  await page.locator(`#queue [data-candidate="${id}"][data-state="pending"]`).waitFor();
  await page.context().close();
});

test("an upload that is cancelled ends on the server too, and its dialog opens clean", async () => {
  const page = await open(browser, { base: server.url });
  const asked = [];
  await page.route("**/uploads/*", async (route) => {
    const method = route.request().method();
    asked.push(method);
    // a line so slow that no piece arrives
    if (method !== "PATCH") await route.continue();
  });
  const has = async (method) => {
    for (let tries = 0; tries < 100 && !asked.includes(method); tries += 1) await page.waitForTimeout(50);
    assert.ok(asked.includes(method), `${method} among ${asked}`);
  };
  await page.locator("#scene-open").click();
  await page.locator("#scene-file").setInputFiles(`${fixture}/before.tif`);
  await page.locator("#scene-time").fill("2024-01-01T00:00");
  await page.getByRole("button", { name: "Add the scene" }).click();
  await has("PATCH");
  await page.keyboard.press("Escape");
  await has("DELETE");
  await page.locator("#scene-open").click();
  assert.ok(await page.locator("#scene-progress").isHidden());
  assert.equal(await page.locator('dialog[open] [role="alert"]').textContent(), "");
  await page.context().close();
});
