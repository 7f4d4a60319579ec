// Puts the page together: loads a site, shows its comparison, records verdicts.

import "./app.css";
import { type CandidateProperties, type Comparison, type ReviewBody, type SiteProperties, type TileJson, all, get, review as send, scenes, undo } from "./api";
import { openDesk, showJob, words as faultWords } from "./desk";
import { type Action, type Candidate, type State, type Verdict, decide, empty, queue } from "./decide";
import { element } from "./dom";
import { ReviewMap } from "./map";
import { Swipe } from "./swipe";

const KEYS: Record<string, Verdict> = { c: "confirm", r: "reject", u: "unsure", b: "bad-imagery" };

const EXPORTS = [["geojson", "GeoJSON"], ["gpkg", "GeoPackage"], ["kmz", "Google Earth"], ["fgb", "FlatGeobuf"], ["geoparquet", "GeoParquet"], ["csv", "CSV"]] as const;

let review = empty;
let comparison: Comparison | null = null;
let busy = false;

const map = new ReviewMap(
  element("map"),
  (id) => act({ type: "select", id }),
  ([lon, lat]) => (element("position").textContent = `${lon.toFixed(5)}, ${lat.toFixed(5)}`),
);
new Swipe(element("swipe"), (share) => map.swipe(share));

function act(action: Action): void {
  review = decide(review, action);
  render();
}

function tell(text: string): void {
  element("message").textContent = text;
}

function render(): void {
  const shown = queue(review);
  const waiting = shown.filter((candidate) => candidate.state === "pending").length;
  element("tally").textContent = `${shown.length} candidates, ${waiting} to review`;
  element("queue").replaceChildren(...shown.map(row));
  element("queue").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-verdict]")) {
    button.disabled = busy || review.current === null;
    button.title = review.current === null ? "There is no candidate to decide on" : button.title;
  }
  const undoable = element<HTMLButtonElement>("undo");
  undoable.disabled = busy || review.done.length === 0;
  map.update(review.current, review.scoreMin, new Map(review.candidates.map((candidate) => [candidate.id, candidate.state])));
}

function row(candidate: Candidate): HTMLElement {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset["candidate"] = candidate.id;
  button.setAttribute("aria-current", String(candidate.id === review.current));
  for (const [name, text] of [
    ["score", candidate.score.toFixed(2)],
    ["what", `${candidate.change}, ${Math.round(candidate.area).toLocaleString("en")} m²`],
    ["state", candidate.state],
  ] as const) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    button.append(part);
  }
  button.addEventListener("click", () => act({ type: "select", id: candidate.id }));
  item.append(button);
  return item;
}

function words(verdict: Verdict): ReviewBody {
  const value = (id: string) => element<HTMLInputElement>(id).value.trim() || undefined;
  const seen = { before: comparison?.before, after: comparison?.after, ...map.seen() };
  if (verdict !== "confirm") return { verdict, seen, ...(value("note") ? { note: value("note") as string } : {}) };
  const given = { structure_type: value("structure-type"), confidence: value("confidence"), title: value("title"), note: value("note") };
  return { verdict, seen, ...(Object.fromEntries(Object.entries(given).filter(([, text]) => text)) as object) };
}

async function record(verdict: Verdict): Promise<void> {
  const id = review.current;
  if (busy || id === null) return;
  await whileBusy(async () => {
    const outcome = await send(id, words(verdict), crypto.randomUUID());
    act({ type: "recorded", id, state: outcome.state as State, review: outcome.review.id });
    element<HTMLInputElement>("title").value = "";
    element<HTMLTextAreaElement>("note").value = "";
    tell(`recorded: ${outcome.state}`);
  });
}

async function takeBack(): Promise<void> {
  const last = review.done.at(-1);
  if (busy || !last) return;
  await whileBusy(async () => {
    const outcome = await undo(last.review);
    act({ type: "undone", id: last.candidate, state: outcome.state as State, review: last.review });
    tell("the last verdict was taken back");
  });
}

async function whileBusy(work: () => Promise<void>): Promise<void> {
  busy = true;
  try {
    await work();
  } catch (error) {
    tell(faultWords(error));
  } finally {
    busy = false;
    render();
  }
}

interface Shown { readonly id: string; readonly datetime: string }

async function showScenes(before: Shown | undefined, after: Shown | undefined): Promise<void> {
  const [first, second] = await Promise.all(
    [before, after].map((scene) => (scene ? get<TileJson>(`/tiles/${scene.id}/tilejson.json`) : undefined)),
  );
  map.showScenes(first, second);
  element("before-date").textContent = before ? `before: ${before.datetime.slice(0, 10)}` : "";
  element("after-date").textContent = after ? `after: ${after.datetime.slice(0, 10)}` : "";
}

/** A site without a comparison shows its last two scenes. */
async function showUncompared(site: string): Promise<void> {
  review = empty;
  map.showCandidates([]);
  render();
  element("fit").hidden = true;
  const own = (await scenes(site)).map(({ id, properties }) => ({ id, datetime: properties.datetime }));
  own.sort((a, b) => a.datetime.localeCompare(b.datetime));
  await showScenes(own.at(-2), own.at(-1));
  tell(own.length < 2 ? `this site has ${own.length} of the two scenes that a comparison takes: Add scene` : "nothing was compared here yet: Compare");
}

async function showComparison(chosen: Comparison): Promise<void> {
  comparison = chosen;
  await showScenes({ id: chosen.before, datetime: chosen.before_datetime }, { id: chosen.after, datetime: chosen.after_datetime });
  const fit = element("fit");
  fit.hidden = chosen.fit.registrable;
  fit.textContent = `These images do not fit, so the candidates cannot be believed: ${chosen.fit.reason ?? ""}`;
  const features = await all<CandidateProperties>(`/ogc/collections/candidates/items?comparison=${chosen.id}&limit=1000`);
  map.showCandidates(features);
  review = empty;
  const candidates = features.map(({ id, properties }) => ({
    id,
    score: properties.score,
    area: properties.area_m2,
    change: properties.change,
    state: properties.state as State,
  }));
  act({ type: "loaded", candidates });
}

function exportLink(site: string, format: string, label: string): HTMLElement {
  const link = document.createElement("a");
  link.href = `/api/sites/${site}/export?format=${format}`;
  link.download = "";
  link.textContent = label;
  return link;
}

async function showSite(site: string): Promise<void> {
  const { comparisons } = await get<{ comparisons: Comparison[] }>(`/api/comparisons?site=${site}`);
  const choice = element<HTMLSelectElement>("comparison");
  choice.replaceChildren(
    ...comparisons.map((each) => new Option(`${each.before_datetime.slice(0, 10)} to ${each.after_datetime.slice(0, 10)} (${each.pending} to review)`, each.id)),
  );
  choice.onchange = () => whileBusy(() => showComparison(comparisons.find((each) => each.id === choice.value) as Comparison));
  element("export").replaceChildren(...EXPORTS.flatMap(([format, label]) => [exportLink(site, format, label), " "]));
  const [latest] = comparisons;
  comparison = latest ?? null;
  await (latest ? showComparison(latest) : showUncompared(site));
}

/** Lists the sites and shows one: the given one, or the first within a larger site, where scenes are. */
async function showSites(shown?: string): Promise<void> {
  const sites = await all<SiteProperties>("/ogc/collections/sites/items?limit=1000");
  const choice = element<HTMLSelectElement>("site");
  const name = (id: string | null) => sites.find((site) => site.id === id)?.properties.name;
  choice.replaceChildren(
    ...sites.map((site) => {
      const parent = name(site.properties.parent);
      return new Option(parent ? `${site.properties.name} · ${parent}` : site.properties.name, site.id);
    }),
  );
  element("site-parent").replaceChildren(new Option("no larger site", ""), ...sites.map((site) => new Option(site.properties.name, site.id)));
  const first = sites.find((site) => site.id === shown) ?? sites.find((site) => site.properties.parent) ?? sites[0];
  for (const id of ["scene-open", "compare-open"]) element<HTMLButtonElement>(id).disabled = !first;
  if (!first) return tell("there is no site yet: make one with New site");
  choice.value = first.id;
  await showSite(first.id);
}

async function start(): Promise<void> {
  const [{ types }, session] = await Promise.all([
    get<{ types: { id: string; label: string }[] }>("/api/taxonomy"),
    get<{ actor: string; role: string }>("/api/session"),
  ]);
  element("who").textContent = `${session.actor} (${session.role})`;
  element("structure-type").replaceChildren(new Option("not said", ""), ...types.map((type) => new Option(type.label, type.id)));
  element("ogc-address").textContent = `${location.origin}/ogc`;
  const choice = element<HTMLSelectElement>("site");
  choice.onchange = () => whileBusy(() => showSite(choice.value));
  await showSites();
}

function listen(): void {
  const events = new EventSource("/api/events");
  events.addEventListener("job", (event) => {
    const job = JSON.parse((event as MessageEvent<string>).data) as Parameters<typeof showJob>[0];
    showJob(job);
    if (job.status === "successful") void whileBusy(() => showSite(element<HTMLSelectElement>("site").value));
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("[data-verdict]")) {
  button.addEventListener("click", () => void record(button.dataset["verdict"] as Verdict));
}
element("undo").addEventListener("click", () => void takeBack());
element("help").addEventListener("click", () => element<HTMLDialogElement>("keys").showModal());
element("decision").addEventListener("submit", (event) => event.preventDefault());
element<HTMLInputElement>("score").addEventListener("input", (event) => {
  const min = Number((event.target as HTMLInputElement).value);
  element("score-value").textContent = String(min);
  act({ type: "score", min });
});

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  if (document.querySelector("dialog[open]")) return true;
  return target.matches("input:not([type=range]), textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
}

document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  const verdict = KEYS[event.key.toLowerCase()];
  if (verdict) void record(verdict);
  else if (event.key === "z") void takeBack();
  else if (event.key === "j") act({ type: "step", by: 1 });
  else if (event.key === "k") act({ type: "step", by: -1 });
  else if (event.key === "?") element<HTMLDialogElement>("keys").showModal();
  else if (event.key === " " && !(event.target as HTMLElement).matches("button")) map.showBeforeOnly(true);
  else return;
  event.preventDefault();
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") map.showBeforeOnly(false);
});

openDesk({ site: () => element<HTMLSelectElement>("site").value, changed: (site) => showSites(site), tell });
render();
listen();
void whileBusy(start);
