// Comparisons that run on the server: started, watched, stopped; and how well the images of the shown one fit.

import { COMPARISON, type Comparison, type Job, Problem, compare, dismiss, get } from "./api";
import { element, icon, iconButton, make } from "./dom";
import type { Stage } from "./map/stage";
import { hear, onBroken } from "./shell/events";
import { whyNot } from "./shell/role";
import { attempt, tell } from "./shell/tell";
import type { Pair, Workspace } from "./workspace";

/** Changes of the record within this time are one, milliseconds. */
const CHANGES_MS = 400;
/** How long the end of a job stays in the bar, milliseconds. */
const ENDED_MS = 6_000;
/** Jobs of which it is known that they have ended, the last ones. */
const ENDED_MAX = 50;
/** What a person writes in. */
const WRITTEN_IN = "input:not([type=range], [type=checkbox], [type=radio]), textarea";

/** Pairs that the server is being asked to compare. */
const starting = new Set<Pair>();
/** Jobs that were started here and have not ended, with what they compare: what they find is opened. */
const own = new Map<string, Pair>();
/** Jobs that were last told of as running. */
const running = new Map<string, Job>();

/** Jobs that were told of as ended. */
const ended = new Map<string, Job>();
let fading = 0;

const isRunning = ({ status }: Pick<Job, "status">) => status === "running" || status === "accepted";

export async function startComparison(workspace: Workspace, stage: Stage): Promise<void> {
  const { before, after } = workspace.state;
  if (!before || !after) throw new Problem(0, "a comparison takes two scenes");
  const pair = { before: before.id, after: after.id };
  starting.add(pair);
  noteComparing(workspace);
  try {
    const id = await compare(pair.before, pair.after);
    own.set(id, pair);
    tell("the comparison was started");
    // its end may have been told before its id was
    const over = ended.get(id);
    if (over) await heardOf(workspace, stage, over);
  } finally {
    starting.delete(pair);
    noteComparing(workspace);
  }
}

function noteComparing(workspace: Workspace): void {
  workspace.set({ comparing: [...starting, ...own.values(), ...[...running.values()].flatMap(({ input }) => input ?? [])] });
}

/** Shows how a job goes; several jobs take turns, the one that was told last is seen. */
function showJob(workspace: Workspace, job: Job, until: "time" | "put away"): void {
  const isOn = isRunning(job);
  const bar = element<HTMLProgressElement>("job-share");
  const dates = [job.input?.before, job.input?.after].map((id) => workspace.state.scenes.find((scene) => scene.id === id)?.properties.datetime.slice(0, 10));
  const what = dates.every(Boolean) ? dates.join(" to ") : "comparison";
  element("job").hidden = false;
  const words = element("progress");
  // how it goes comes first: the bar may be too narrow for the rest
  words.textContent = `${isOn ? `${job.progress} %, ${job.message}` : ending(job)} · ${what}`;
  words.title = words.textContent;
  bar.hidden = !isOn;
  bar.value = job.progress / 100;
  const stop = element<HTMLButtonElement>("stop");
  stop.hidden = !isOn;
  const why = whyNot(workspace.state.role, "compare scenes");
  stop.disabled = why !== null;
  stop.title = why ?? "";
  stop.onclick = () => void attempt(() => dismiss(job.id));
  const { result } = job;
  const open = element<HTMLButtonElement>("open-found");
  const stays = until === "put away";
  open.hidden = !stays || !result;
  open.onclick = () => void attempt(async () => {
    if (result) await workspace.openSite(result.site, result.comparison);
    putAway();
  });
  element("put-away").hidden = !stays;
  clearTimeout(fading);
  if (!isOn && !stays) fading = window.setTimeout(putAway, ENDED_MS);
}

function putAway(): void {
  element("job").hidden = true;
}

function ending({ status, message, result }: Job): string {
  if (status === "failed") return `failed, ${message}`;
  if (status === "dismissed") return "stopped";
  return result ? `found ${result.candidates} candidate${result.candidates === 1 ? "" : "s"}` : "done";
}

export function watchJobs(workspace: Workspace, stage: Stage): void {
  element("job").append(
    make("button", { type: "button", id: "open-found", hidden: true }, "Open"),
    iconButton("close", "Put away", { id: "put-away", hidden: true, onclick: putAway }),
  );
  const changed = soon(() => workspace.recordChanged());
  for (const kind of ["candidate", "annotation"]) hear(kind, changed);
  // scenes and sites of other people appear too
  const refreshSites = async () => {
    const gone = await workspace.refreshSites();
    if (gone) tell(`the site ${gone.properties.name} was deleted`);
  };
  hear("site", soon(() => void attempt(refreshSites)));
  hear<{ site: string }>("scene", ({ site }) => {
    if (site === workspace.state.site) void attempt(() => workspace.refresh());
  });
  hear<Job>("job", (job) => {
    if (job.kind === COMPARISON) void attempt(() => heardOf(workspace, stage, job));
  });
  onBroken({
    missed: () => void attempt(async () => {
      await lookForJobs(workspace, stage);
      await refreshSites();
      await workspace.refresh();
    }),
    // whoever is not signed in any more is told that instead
    lost: () => void attempt(async () => {
      await get("/api/session");
      tell("what others do is not heard of at the moment: the page tries again, and looks for what it missed");
    }),
  });
  // a job that was running before the page was opened
  void attempt(() => lookForJobs(workspace, stage));
}

/** Does some work once after many calls that follow each other. */
function soon(work: () => void): () => void {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(work, CHANGES_MS);
  };
}

async function heardOf(workspace: Workspace, stage: Stage, job: Job): Promise<void> {
  if (!isRunning(job)) return heardTheEnd(workspace, stage, job);
  // an answer may be older than what was told meanwhile
  if (ended.has(job.id)) return;
  running.set(job.id, job);
  noteComparing(workspace);
  showJob(workspace, job, "time");
}

async function heardTheEnd(workspace: Workspace, stage: Stage, job: Job): Promise<void> {
  const { before, after, site } = workspace.state;
  const pair = own.get(job.id);
  own.delete(job.id);
  running.delete(job.id);
  rememberEnd(job);
  noteComparing(workspace);
  const found = job.status === "successful" ? job.result : null;
  const isShown = pair !== undefined && pair.before === before?.id && pair.after === after?.id;
  const opens = found?.site === site && isShown && !isBusy(stage);
  showJob(workspace, job, pair !== undefined && !opens && job.status !== "dismissed" ? "put away" : "time");
  if (found?.site !== site) return;
  if (opens) return workspace.refresh(found?.comparison);
  // nothing else is put under the hands of whoever draws or writes
  return isShown ? workspace.recount() : workspace.refresh();
}

function rememberEnd(job: Job): void {
  ended.set(job.id, job);
  const [oldest] = ended.keys();
  if (oldest !== undefined && ended.size > ENDED_MAX) ended.delete(oldest);
}

/** Whether the person draws, measures, places or writes. */
function isBusy(stage: Stage): boolean {
  return stage.tool !== null || (document.activeElement?.matches(WRITTEN_IN) ?? false);
}

/** Asks how the jobs stand that run, and those that were running when they were last heard of. */
async function lookForJobs(workspace: Workspace, stage: Stage): Promise<void> {
  const { jobs } = await get<{ jobs: (Job & { jobID: string; processID?: string })[] }>("/ogc/jobs");
  for (const { jobID: id, processID, ...job } of jobs) {
    if (processID !== COMPARISON) continue;
    if (!isRunning(job) && !running.has(id) && !own.has(id)) continue;
    const result = job.status === "successful" ? await get<Job["result"]>(`/ogc/jobs/${id}/results`) : null;
    await heardOf(workspace, stage, { ...running.get(id), ...job, id, result });
  }
}

/** Says how well the shown images fit, and loudly where they do not; and what else must be known of the comparison. */
export function mountFit(workspace: Workspace): void {
  const line = make("p", { id: "fit-words" });
  const cautions = make("ul", { id: "cautions", "aria-label": "Cautions" });
  element("comparison-panel").append(line, cautions);
  let shown: string | undefined;
  workspace.watch(["comparison", "before", "after"], ({ comparison, before, after }) => {
    const isBad = comparison !== null && !comparison.fit.registrable;
    const isOther = comparison?.id !== shown;
    shown = comparison?.id;
    const alarm = element("fit");
    alarm.hidden = !isBad;
    element("stage").classList.toggle("bad-fit", isBad);
    line.classList.toggle("bad", isBad);
    line.textContent = comparison && isBad ? `Bad fit: ${badFit(comparison)}` : comparison ? fitWords(comparison) : before && after ? "These two scenes were not compared yet." : "";
    // the bar may be too narrow for it
    line.title = line.textContent ?? "";
    cautions.replaceChildren(...(comparison?.cautions ?? []).map((caution) => make("li", {}, icon("warning"), caution)));
    cautions.hidden = !comparison?.cautions.length;
    // what was understood of one does not come up again with every look for news
    if (!comparison || !isBad || !isOther) return;
    // it can be made smaller, never put away
    const smaller = make("button", { type: "button", onclick: () => alarm.classList.add("small") }, "Understood");
    alarm.classList.remove("small");
    alarm.replaceChildren(icon("warning"), make("div", {}, make("strong", {}, "These images do not fit. Do not trust the candidates."), make("span", {}, badFit(comparison))), smaller);
  });
}

function badFit(comparison: Comparison): string {
  return `${comparison.fit.reason ?? "the images could not be laid onto each other"} · ${measured(comparison)}`;
}

function fitWords(comparison: Comparison): string {
  return `Fit: ${measured(comparison)}`;
}

/** What was measured of the fit, good or bad. */
function measured({ fit }: Comparison): string {
  const towards = (metres: number, plus: string, minus: string) => `${Math.abs(metres).toFixed(2)} m ${metres < 0 ? minus : plus}`;
  const seen = `${Math.round(fit.valid_share * 100)} % seen on both dates`;
  if (fit.residual_m === null) return `no shift could be measured · ${seen}`;
  const shift = `${towards(fit.shift_east_m, "east", "west")}, ${towards(fit.shift_north_m, "north", "south")}`;
  return `shift ${shift} · residual ${fit.residual_m.toFixed(2)} m · ${seen}`;
}
