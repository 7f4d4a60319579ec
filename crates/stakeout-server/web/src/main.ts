// Puts the page together: loads a site, shows its comparison, records verdicts.

import "./app.css";
import { type CandidateProperties, type Comparison, Problem, type ReviewBody, type SiteProperties, type TileJson, all, get, review as send, undo } from "./api";
import { type Action, type Candidate, type State, type Verdict, decide, empty, queue } from "./decide";
import { ReviewMap } from "./map";
import { Swipe } from "./swipe";

const KEYS: Record<string, Verdict> = { c: "confirm", r: "reject", u: "unsure", b: "bad-imagery" };

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

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
    tell(error instanceof Problem ? error.message : `the server cannot be reached: ${error}`);
  } finally {
    busy = false;
    render();
  }
}

async function showComparison(chosen: Comparison | undefined): Promise<void> {
  comparison = chosen ?? null;
  if (!chosen) {
    review = empty;
    map.showCandidates([]);
    render();
    tell("this site has no comparison yet: add two scenes and start one");
    return;
  }
  const [before, after] = await Promise.all([chosen.before, chosen.after].map((scene) => get<TileJson>(`/tiles/${scene}/tilejson.json`)));
  map.showScenes(before as TileJson, after as TileJson);
  element("before-date").textContent = `before: ${chosen.before_datetime.slice(0, 10)}`;
  element("after-date").textContent = `after: ${chosen.after_datetime.slice(0, 10)}`;
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

async function showSite(site: string): Promise<void> {
  const { comparisons } = await get<{ comparisons: Comparison[] }>(`/api/comparisons?site=${site}`);
  const choice = element<HTMLSelectElement>("comparison");
  choice.replaceChildren(
    ...comparisons.map((each) => new Option(`${each.before_datetime.slice(0, 10)} to ${each.after_datetime.slice(0, 10)} (${each.pending} to review)`, each.id)),
  );
  choice.onchange = () => whileBusy(() => showComparison(comparisons.find((each) => each.id === choice.value)));
  element<HTMLAnchorElement>("export").href = `/ogc/collections/annotations/items?site=${site}&limit=10000`;
  await showComparison(comparisons[0]);
}

async function start(): Promise<void> {
  const [sites, { types }, session] = await Promise.all([
    all<SiteProperties>("/ogc/collections/sites/items?limit=1000"),
    get<{ types: { id: string; label: string }[] }>("/api/taxonomy"),
    get<{ actor: string; role: string }>("/api/session"),
  ]);
  element("who").textContent = `${session.actor} (${session.role})`;
  element("structure-type").replaceChildren(new Option("not said", ""), ...types.map((type) => new Option(type.label, type.id)));
  const choice = element<HTMLSelectElement>("site");
  const name = (id: string | null) => sites.find((site) => site.id === id)?.properties.name;
  choice.replaceChildren(
    ...sites.map((site) => {
      const parent = name(site.properties.parent);
      return new Option(parent ? `${site.properties.name} · ${parent}` : site.properties.name, site.id);
    }),
  );
  choice.onchange = () => whileBusy(() => showSite(choice.value));
  // a site within a larger one is where the scenes are
  const first = sites.find((site) => site.properties.parent) ?? sites[0];
  if (!first) return tell("there is no site yet: post one to /ogc/collections/sites/items");
  choice.value = first.id;
  await showSite(first.id);
}

function listen(): void {
  const events = new EventSource("/api/events");
  events.addEventListener("job", (event) => {
    const job = JSON.parse((event as MessageEvent<string>).data) as { status: string; progress: number; message: string };
    const running = job.status === "running" || job.status === "accepted";
    element("progress").textContent = running ? `comparison ${job.progress} %: ${job.message}` : `comparison ${job.status}`;
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

render();
listen();
void whileBusy(start);
