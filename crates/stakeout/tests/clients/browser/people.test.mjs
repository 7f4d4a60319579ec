// Several people in browsers of their own, on a server that knows them by their tokens: a copy of the reviewed one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { faults, foreign, launch, open, seriousFaultsInBoth, shot } from "./person.mjs";
import { Server, program } from "./server.mjs";

const PEOPLE = { ann: "analyst", bob: "analyst", rob: "reviewer", ada: "admin", vic: "viewer" };
const tokens = {};
const pages = {};
let browser;
let server;
let fresh;

const asked = async (name, path) => fetch(server.url + path, { headers: { authorization: `Bearer ${tokens[name]}` } });
const json = async (name, path) => (await asked(name, path)).json();
const sent = async (name, path, body, headers = {}) => {
  const answer = await fetch(server.url + path, { method: "POST", headers: { authorization: `Bearer ${tokens[name]}`, "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
};

async function signIn(name) {
  const page = await open(browser, { base: server.url, signIn: (page) => enter(page, name) });
  await page.locator("#queue button").first().waitFor();
  return page;
}

async function enter(page, name) {
  await page.locator("#token").waitFor();
  if (name === "ann") assert.deepEqual(await seriousFaultsInBoth(page, "sign-in"), []);
  await page.locator("#token").fill(tokens[name]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#sign-out").waitFor();
}

const current = (page) => page.locator('#queue [aria-current="true"]').getAttribute("data-candidate");
const choose = (page, id) => page.locator(`#queue [data-candidate="${id}"]`).click();
const settled = (page) => page.waitForFunction(() => !Object.entries(localStorage).some(([name, text]) => name.startsWith("stakeout-outbox/") && !JSON.parse(text).entry.conflict));
const press = async (page, key) => {
  await page.locator("#map").focus();
  await page.keyboard.press(key);
};
const give = async (page, id, key) => {
  await choose(page, id);
  await press(page, key);
  await settled(page);
};
const annotationsOf = async (name, id) => (await json(name, `/ogc/collections/annotations/items?candidate=${id}`)).features;

before(async () => {
  server = await Server.onCopy();
  for (const [name, role] of Object.entries(PEOPLE)) {
    const told = execFileSync(program, ["token", "create", "--data", server.data, "--role", role, "--name", name], { encoding: "utf8" });
    tokens[name] = told.match(/stk_[0-9a-f]{64}/)[0];
  }
  await server.start();
  // what is looked at here must not have been looked at before
  const { geometry } = await json("rob", "/ogc/collections/sites/items/plant");
  await sent("ada", "/ogc/collections/sites/items", { type: "Feature", id: "elsewhere", geometry, properties: { name: "Elsewhere" } });
  fresh = (await json("rob", "/ogc/collections/candidates/items?site=plant&limit=1000&state=pending")).features.map((feature) => feature.id);
  browser = await launch();
  for (const name of ["ann", "bob"]) pages[name] = await signIn(name);
});

after(async () => {
  await browser?.close();
  await server?.end();
});

test("nobody gets in without a token, and the cookie is none that a script can read", async () => {
  assert.equal((await fetch(`${server.url}/api/session`)).status, 401);
  assert.equal(await pages.ann.evaluate(() => document.cookie), "");
  const [cookie] = await pages.ann.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
});

test("the command that the sign-in names makes a token", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.url);
  const command = await page.locator("dialog code").textContent();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.locator("#message").textContent(), "", "nobody is told that they are signed in no more who never were");
  const [name, ...words] = command.replace("DIR", server.data).replace("NAME", "cat").split(" ");
  assert.equal(name, "stakeout");
  assert.match(execFileSync(program, words, { encoding: "utf8" }), /stk_[0-9a-f]{64}/);
  await context.close();
});

test("who may not make sites, add scenes or compare them is told so by the buttons for that", async () => {
  const vic = await signIn("vic");
  for (const [id, why] of Object.entries({ "site-open": /role admin; yours is viewer/, "scene-open": /role analyst; yours is viewer/, "compare-open": /role analyst; yours is viewer/ })) {
    assert.ok(await vic.locator(`#${id}`).isDisabled(), id);
    assert.match(await vic.locator(`#${id}`).getAttribute("title"), why);
  }
  await vic.context().close();
  assert.ok(await pages.ann.locator("#site-open").isDisabled());
  assert.ok(await pages.ann.locator("#scene-open").isEnabled());
});

test("a second person does not see the first verdict until they have given theirs; together they confirm", async () => {
  const { ann, bob } = pages;
  const id = fresh[0];
  await choose(ann, id);
  await ann.locator("#structure-type").selectOption("warehouse");
  await ann.locator("#title").fill("Ann's hall");
  await give(ann, id, "c");
  assert.equal((await annotationsOf("ann", id))[0].properties.status, "draft");

  await bob.locator(`#queue [data-candidate="${id}"][data-look="second"]`).waitFor();
  assert.equal(await bob.locator(`#queue [data-candidate="${id}"]`).getAttribute("data-state"), "pending");
  await choose(bob, id);
  await bob.getByText("Somebody has looked at this one").waitFor();
  assert.ok(!(await bob.content()).includes("Ann's hall"));
  assert.deepEqual(await annotationsOf("bob", id), []);
  assert.deepEqual(await json("bob", `/api/candidates/${id}/reviews`), { reviews: [], hidden: "ann" });
  assert.equal((await json("bob", `/ogc/collections/candidates/items/${id}`)).properties.state, "pending");
  assert.ok(!(await (await asked("bob", "/api/sites/plant/export?format=geojson")).text()).includes("Ann's hall"));
  await shot(bob, "second-look-1280");

  await bob.locator("#structure-type").selectOption("warehouse");
  await give(bob, id, "c");
  const [annotation] = await annotationsOf("bob", id);
  assert.deepEqual([annotation.properties.status, annotation.properties.title], ["confirmed", "Ann's hall"]);
  assert.deepEqual((await json("bob", `/api/candidates/${id}/reviews`)).reviews.map((review) => review.independent), [true, true]);
});

test("two who disagree make a dispute with both views side by side, and a third settles it", async () => {
  const { ann, bob } = pages;
  const id = fresh[1];
  await give(ann, id, "c");
  // bob's page has heard of it: what he gives is a second opinion, and no surprise
  await bob.locator(`#queue [data-candidate="${id}"][data-look="second"]`).waitFor();
  await bob.locator("#note").fill("a shadow");
  await give(bob, id, "r");
  assert.equal((await annotationsOf("bob", id))[0].properties.status, "disputed");
  await bob.locator("#show").selectOption("disputed");
  await choose(bob, id);
  for (const [name, words] of [["ann", "confirm"], ["bob", "reject"]]) {
    await bob.locator(`.view[data-person="${name}"]`, { hasText: words }).waitFor();
  }
  const [left, right] = await Promise.all(["ann", "bob"].map((name) => bob.locator(`.view[data-person="${name}"]`).boundingBox()));
  assert.ok(left.x + left.width <= right.x && Math.abs(left.y - right.y) < 2, "side by side");
  assert.deepEqual(await seriousFaultsInBoth(bob, "disputed"), []);
  await bob.locator("#show").selectOption("all");
  const rob = await signIn("rob");
  await give(rob, id, "c");
  assert.equal((await annotationsOf("rob", id))[0].properties.status, "confirmed");
  await rob.context().close();
});

/** Corners of a box that is drawn by mouse, from the middle of the map. */
async function drawBox(page, [left, top, right, bottom]) {
  const box = await page.locator("#map").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await press(page, "a");
  await page.mouse.click(x + left, y + top);
  await page.mouse.click(x + right, y + top);
  await page.mouse.click(x + right, y + bottom);
  await page.mouse.dblclick(x + left, y + bottom);
  await page.getByText("the structure was recorded").waitFor();
}

const drawn = async (name) => (await json(name, `/ogc/collections/candidates/items?filter=${encodeURIComponent("score IS NULL")}`)).features.map((feature) => feature.id);

test("what an analyst drew comes before a second person as any candidate does, and their word confirms it", async () => {
  const { ann, bob } = pages;
  await ann.locator("#title").fill("Ann's find");
  await ann.locator("#structure-type").selectOption("housing");
  await drawBox(ann, [-90, -70, -20, -10]);
  const [id] = await drawn("ann");
  assert.equal((await annotationsOf("ann", id))[0].properties.status, "draft");
  await ann.locator(`#queue [data-candidate="${id}"][data-look="waiting"]`).waitFor();
  const row = bob.locator(`#queue [data-candidate="${id}"][data-look="second"]`);
  await row.waitFor();
  assert.equal(await row.getAttribute("data-state"), "pending");
  await choose(bob, id);
  await bob.getByText("Somebody has drawn this one").waitFor();
  assert.deepEqual(await seriousFaultsInBoth(bob, "second-look"), []);
  assert.ok(!(await bob.content()).includes("Ann's find"));
  assert.deepEqual(await annotationsOf("bob", id), []);
  await bob.locator("#structure-type").selectOption("housing");
  await give(bob, id, "c");
  const [annotation] = await annotationsOf("bob", id);
  assert.deepEqual([annotation.properties.status, annotation.properties.title, annotation.properties.structure_type], ["confirmed", "Ann's find", "housing"]);
});

test("what an analyst posts from another program comes before a second person too, and deleting it takes it away", async () => {
  const { ann, bob } = pages;
  const { geometry } = await json("rob", `/ogc/collections/candidates/items/${fresh[0]}`);
  const items = `${server.url}/ogc/collections/annotations/items`;
  const post = async (title) => {
    const body = JSON.stringify({ type: "Feature", geometry, properties: { site: "plant", title, structure_type: "housing" } });
    const answer = await fetch(items, { method: "POST", headers: { authorization: `Bearer ${tokens.ann}`, "content-type": "application/geo+json" }, body });
    assert.equal(answer.status, 201);
    return { etag: answer.headers.get("etag"), ...(await answer.json()) };
  };
  const posted = await post("Ann's find in a desktop program");
  const id = posted.properties.candidate;
  await ann.locator(`#queue [data-candidate="${id}"][data-look="waiting"]`).waitFor();
  await bob.locator(`#queue [data-candidate="${id}"][data-look="second"]`).waitFor();
  await choose(bob, id);
  await bob.getByText("Somebody has drawn this one").waitFor();
  assert.ok(!(await bob.content()).includes("desktop program"));
  assert.equal((await asked("bob", `/ogc/collections/annotations/items/${posted.id}`)).status, 404);
  await bob.locator("#structure-type").selectOption("housing");
  await give(bob, id, "c");
  const [annotation] = await annotationsOf("bob", id);
  assert.deepEqual([annotation.id, annotation.properties.status, annotation.properties.title], [posted.id, "confirmed", "Ann's find in a desktop program"]);
  await choose(bob, id);
  await bob.locator("#recorded").getByText("Ann's find in a desktop program").waitFor();

  const another = await post("Posted by mistake");
  const row = `#queue [data-candidate="${another.properties.candidate}"]`;
  await bob.locator(row).waitFor();
  await fetch(`${items}/${another.id}`, { method: "DELETE", headers: { authorization: `Bearer ${tokens.ann}`, "if-match": another.etag } });
  for (const page of [ann, bob]) await page.locator(row).waitFor({ state: "detached" });
});

test("a second person who sees one structure in two drawings merges them with their confirmation, and can take it back", async () => {
  const { ann, bob } = pages;
  const had = await drawn("ann");
  await drawBox(ann, [-120, 20, -40, 80]);
  await drawBox(ann, [-70, 30, 20, 100]);
  await settled(ann);
  const [id, other] = (await drawn("ann")).filter((each) => !had.includes(each));
  await bob.locator(`#queue [data-candidate="${other}"][data-look="second"]`).waitFor();
  await choose(bob, id);
  await press(bob, "e");
  await bob.locator("#edit-bar").waitFor();
  await bob.waitForTimeout(300);
  await bob.locator(`#queue li:has([data-candidate="${other}"]) input`).check();
  await press(bob, "m");
  await press(bob, "Enter");
  await bob.getByText("the other part is rejected with it").waitFor();
  await give(bob, id, "c");
  const states = async () => Promise.all([id, other].map(async (each) => (await json("bob", `/ogc/collections/candidates/items/${each}`)).properties.state));
  assert.deepEqual(await states(), ["confirmed", "rejected"]);
  assert.equal((await annotationsOf("bob", other))[0].properties.status, "disputed", "ann says that it is one of its own");
  await press(bob, "z");
  await bob.getByText("the last 2 verdicts were taken back").waitFor();
  await settled(bob);
  assert.deepEqual(await states(), ["pending", "pending"]);
  for (let drawings = 0; drawings < 2; drawings += 1) await press(ann, "z");
  await settled(ann);
  assert.deepEqual(await drawn("ann"), had);
});

test("of two on one candidate at once the later one sees who was first, and no verdict is lost", async () => {
  const { ann, bob } = pages;
  const id = fresh[2];
  // bob's page does not hear of it in time
  await bob.route("**/api/queue?*", (route) => route.abort());
  await choose(bob, id);
  await give(ann, id, "c");
  await bob.locator("#note").fill("no roof");
  await choose(bob, id);
  await press(bob, "r");
  await bob.getByText("ann was first, at").waitFor();
  assert.deepEqual(await seriousFaultsInBoth(bob, "conflict"), []);
  assert.equal((await json("ann", `/api/candidates/${id}/reviews`)).reviews.length, 1);
  assert.ok(!(await bob.locator(".conflict").innerText()).includes("confirmed"), "the first verdict stays hidden");
  await bob.unroute("**/api/queue?*");
  // the alert is not written anew, and read out anew, by what does not concern it
  const alert = await bob.locator(".conflict").elementHandle();
  await press(bob, "j");
  assert.ok(await alert.evaluate((section) => section.isConnected));
  // from whichever site, its buttons lead to what they are about
  const elsewhere = bob.locator('[data-site="elsewhere"]');
  await elsewhere.click();
  await bob.locator("#no-candidates").waitFor();
  await bob.getByRole("button", { name: "Look again" }).click();
  await bob.locator(`#queue [data-candidate="${id}"][aria-current="true"]`).waitFor();
  await elsewhere.click();
  await bob.locator("#no-candidates").waitFor();
  await bob.getByRole("button", { name: "Give it as a second opinion" }).click();
  await bob.locator(".conflict").waitFor({ state: "detached" });
  await settled(bob);
  const { reviews } = await json("bob", `/api/candidates/${id}/reviews`);
  assert.deepEqual(reviews.map((review) => [review.actor, review.verdict, review.independent]), [["ann", "confirm", true], ["bob", "reject", true]]);
  assert.equal(reviews[1].note, "no roof");
});

test("how far people agree is told on a page of its own", async () => {
  const { bob } = pages;
  const report = await json("bob", "/api/agreement?site=plant");
  // ann confirmed three; bob confirmed one of them and rejected two
  assert.equal(report.verdicts.candidates, 3);
  assert.ok(Math.abs(report.verdicts.observed - 1 / 3) < 1e-9);
  assert.equal(report.verdicts.kappa, 0);
  assert.deepEqual(report.people.map((each) => each.people), [["ann", "bob"]]);
  assert.equal(report.outlines.length, 1);
  await bob.locator("#agreement-open").click();
  const words = "3 candidates were looked at by two people";
  await bob.getByText(words).waitFor();
  await bob.getByText("ann and bob").waitFor();
  assert.deepEqual(await seriousFaultsInBoth(bob, "agreement"), []);
  // the page has an address: a reload and Back lead where they should
  const address = bob.url();
  assert.match(address, /page=agreement/);
  await bob.reload();
  await bob.getByText(words).waitFor();
  await bob.keyboard.press("Escape");
  await bob.getByText(words).waitFor({ state: "hidden" });
  assert.doesNotMatch(bob.url(), /page=/);
  await bob.goBack();
  await bob.getByText(words).waitFor();
  const [{ candidate }] = report.outlines;
  await bob.locator(`[data-outline="${candidate}"]`).click();
  await bob.locator(`#queue [data-candidate="${candidate}"][aria-current="true"]`).waitFor();
});

test("what somebody else settles neither ends an edit nor leads to another candidate, though the filter hides it", async () => {
  const { bob } = pages;
  const id = fresh[3];
  await bob.locator("#show").selectOption("mine");
  await choose(bob, id);
  await bob.locator("#title").fill("Bob's hall");
  await press(bob, "e");
  await bob.locator("#edit-bar").waitFor();
  const etag = (await asked("rob", `/ogc/collections/candidates/items/${id}`)).headers.get("etag");
  await sent("rob", `/api/candidates/${id}/reviews`, { verdict: "reject", seen: {} }, { "if-match": etag });
  await bob.locator(`#queue [data-candidate="${id}"]`).waitFor({ state: "detached" });
  assert.ok(await bob.locator("#edit-bar").isVisible());
  assert.equal(await bob.locator("#title").inputValue(), "Bob's hall");
  await bob.locator("#show").selectOption("all");
  assert.equal(await current(bob), id);
  await bob.keyboard.press("Escape");
});

test("an analyst does not change what two people have settled, and is told why", async () => {
  const { bob } = pages;
  await choose(bob, fresh[0]);
  await bob.locator("#recorded-change").waitFor();
  assert.ok(await bob.locator("#recorded-change").isDisabled());
  assert.equal(await bob.locator("#recorded-change").getAttribute("title"), "It is settled: a reviewer may change it");
});

test("a verdict given while the server restarts is recorded once", async () => {
  const { ann } = pages;
  const id = (await json("rob", "/ogc/collections/candidates/items?site=plant&limit=1&state=confirmed")).features[0].id;
  await choose(ann, id);
  await server.stop();
  await press(ann, "u");
  await ann.getByText("no connection: 1 verdict is kept here").waitFor();
  await server.start();
  await settled(ann);
  const { reviews } = await json("ann", `/api/candidates/${id}/reviews`);
  assert.deepEqual(reviews.filter((review) => review.actor === "ann").map((review) => review.verdict), ["unsure"]);
});

test("what a person says in one tab shows in their other one, and the next word there is not against it", async () => {
  const { ann } = pages;
  const other = await ann.context().newPage();
  await other.goto(`${server.url}/#site=plant`);
  await other.locator("#queue button").first().waitFor();
  const id = fresh[4];
  await give(ann, id, "u");
  await other.locator(`#queue [data-candidate="${id}"][data-state="unsure"]`).waitFor();
  await give(other, id, "r");
  await ann.locator(`#queue [data-candidate="${id}"][data-state="rejected"]`).waitFor();
  for (const page of [ann, other]) {
    await settled(page);
    assert.deepEqual(await page.locator(`[data-conflict="${id}"]`).allInnerTexts(), []);
  }
  const { reviews } = await json("ann", `/api/candidates/${id}/reviews`);
  assert.deepEqual(reviews.filter((review) => review.actor === "ann").map((review) => review.verdict), ["unsure", "reject"]);
  await other.close();
});

test("where somebody else signs in in another tab, nothing is recorded under their name", async () => {
  const page = await signIn("rob");
  const become = (name) => page.context().request.post(`${server.url}/api/session`, { data: { token: tokens[name] } });
  const id = await current(page);
  // what an analyst said alone shows once somebody else has spoken
  const by = async () => (await json("ada", `/api/candidates/${id}/reviews`)).reviews.map((review) => review.actor).filter((name) => name !== "ann");
  const had = await by();
  await become("bob");
  await press(page, "u");
  await page.locator("#outbox", { hasText: "somebody else has signed in in this browser" }).waitFor();
  assert.deepEqual(await by(), had);
  await become("rob");
  await settled(page);
  assert.deepEqual(await by(), [...had, "rob"]);
  await page.context().close();
});

test("who may look only is told so by the keys too, and draws nothing that nobody takes", async () => {
  const page = await signIn("vic");
  for (const key of ["a", "e", "c"]) {
    await page.locator("#message").evaluate((line) => (line.textContent = ""));
    await press(page, key);
    await page.getByText("Your role may look, and not decide").waitFor();
    assert.ok(await page.locator("#edit-bar").isHidden());
  }
  await page.context().close();
});

test("what another program brings appears by itself, on the map too, and is withdrawn after a question", async () => {
  const { bob } = pages;
  const rob = await signIn("rob");
  const { geometry } = await json("rob", `/ogc/collections/candidates/items/${fresh[0]}`);
  // older than the images: no comparison shows it
  const properties = { site: "plant", title: "Old hall", structure_type: "housing", start_datetime: "2010-01-01T00:00:00Z", end_datetime: "2011-01-01T00:00:00Z" };
  await sent("rob", "/ogc/collections/annotations/items", { type: "Feature", geometry, properties }, { "content-type": "application/geo+json" });
  for (const page of [rob, bob]) await page.locator("#drawn", { hasText: "Old hall" }).waitFor();
  const withdraw = (page) => page.locator("#drawn").getByRole("button", { name: /^Withdraw/ });
  assert.ok(await withdraw(bob).isDisabled());
  await rob.locator("#drawn .what").click();
  await shot(rob, "drawn-elsewhere-1280");
  await withdraw(rob).click();
  const dialog = rob.getByRole("dialog", { name: "Withdraw this structure?" });
  await dialog.getByText("Old hall").waitFor();
  assert.deepEqual(await seriousFaultsInBoth(rob, "withdraw"), []);
  await dialog.getByRole("button", { name: "Withdraw" }).click();
  for (const page of [rob, bob]) await page.locator("#drawn").waitFor({ state: "hidden" });
  await rob.context().close();
});

test("nothing was loaded from another host and nothing failed", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(faults, []);
});
