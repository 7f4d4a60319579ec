// Comparisons that run on the server: started, watched, stopped; and how well the images of the shown one fit.

import { type Comparison, type Job, Problem, compare, dismiss, get } from "./api";
import { element, icon, make } from "./dom";
import { hear, onBroken } from "./shell/events";
import { attempt, tell } from "./shell/tell";
import type { Workspace } from "./workspace";

/** Changes of the record within this time are one, milliseconds. */
const CHANGES_MS = 400;
/** How long the end of a job stays in the bar, milliseconds. */
const ENDED_MS = 6_000;

/** Jobs that were started here and have not ended: what they find is opened. */
const own = new Set<string>();
/** Jobs that were last told of as running. */
const running = new Map<string, Job>();

const isRunning = ({ status }: Pick<Job, "status">) => status === "running" || status === "accepted";

export async function startComparison(workspace: Workspace): Promise<void> {
  const { before, after } = workspace.state;
  if (!before || !after) throw new Problem(0, "a comparison takes two scenes");
  own.add(await compare(before.id, after.id));
  tell("the comparison was started");
}

/** Shows how a job goes; several jobs take turns, the one that was told last is seen. */
function showJob(workspace: Workspace, job: Job): void {
  const isOn = isRunning(job);
  const bar = element<HTMLProgressElement>("job-share");
  const dates = [job.input?.before, job.input?.after].map((id) => workspace.state.scenes.find((scene) => scene.id === id)?.properties.datetime.slice(0, 10));
  const what = dates.every(Boolean) ? `${dates.join(" to ")}: ` : "comparison: ";
  element("job").hidden = false;
  const words = element("progress");
  words.textContent = `${what}${isOn ? `${job.progress} %, ${job.message}` : ending(job)}`;
  // the bar may be too narrow for it
  words.title = words.textContent;
  bar.hidden = !isOn;
  bar.value = job.progress / 100;
  const stop = element<HTMLButtonElement>("stop");
  stop.hidden = !isOn;
  stop.onclick = () => void attempt(() => dismiss(job.id));
  // another job may have begun meanwhile
  if (!isOn) window.setTimeout(() => (element("job").hidden = element("stop").hidden), ENDED_MS);
}

function ending({ status, message, result }: Job): string {
  if (status === "failed") return `failed, ${message}`;
  if (status === "dismissed") return "stopped";
  return result ? `found ${result.candidates} candidate${result.candidates === 1 ? "" : "s"}` : "done";
}

export function watchJobs(workspace: Workspace): void {
  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(() => workspace.recordChanged(), CHANGES_MS);
  };
  for (const kind of ["candidate", "annotation"]) hear(kind, changed);
  // scenes and sites of other people appear too
  hear<{ site: string }>("scene", ({ site }) => {
    if (site === workspace.state.site) void attempt(() => workspace.refresh());
  });
  hear<Job>("job", (job) => void attempt(() => heardOf(workspace, job)));
  onBroken({
    missed: () => void attempt(async () => {
      await lookForJobs(workspace);
      await workspace.refresh();
    }),
    // whoever is not signed in any more is told that instead
    lost: () => void attempt(async () => {
      await get("/api/session");
      tell("what others do is not heard of at the moment: the page tries again, and looks for what it missed");
    }),
  });
  // a job that was running before the page was opened
  void attempt(() => lookForJobs(workspace));
}

async function heardOf(workspace: Workspace, job: Job): Promise<void> {
  showJob(workspace, job);
  if (isRunning(job)) return void running.set(job.id, job);
  running.delete(job.id);
  const isOwn = own.delete(job.id);
  if (job.status !== "successful" || job.result?.site !== workspace.state.site) return;
  await workspace.refresh(isOwn ? job.result?.comparison : undefined);
}

/** Asks how the jobs stand that run, and those that were running when they were last heard of. */
async function lookForJobs(workspace: Workspace): Promise<void> {
  const { jobs } = await get<{ jobs: (Job & { jobID: string })[] }>("/ogc/jobs");
  for (const { jobID: id, ...job } of jobs) {
    if (!isRunning(job) && !running.has(id) && !own.has(id)) continue;
    const result = job.status === "successful" ? await get<Job["result"]>(`/ogc/jobs/${id}/results`) : null;
    await heardOf(workspace, { ...running.get(id), ...job, id, result });
  }
}

/** Says how well the shown images fit, and loudly where they do not; and what else must be known of the comparison. */
export function mountFit(workspace: Workspace): void {
  const line = make("p", { id: "fit-words" });
  const cautions = make("ul", { id: "cautions", ariaLabel: "Cautions" });
  element("comparison-panel").append(line, cautions);
  workspace.watch(["comparison", "before", "after"], ({ comparison, before, after }) => {
    const isBad = comparison !== null && !comparison.fit.registrable;
    const alarm = element("fit");
    alarm.hidden = !isBad;
    element("stage").classList.toggle("bad-fit", isBad);
    line.classList.toggle("bad", isBad);
    line.textContent = comparison && isBad ? `Bad fit: ${badFit(comparison)}` : comparison ? fitWords(comparison) : before && after ? "These two scenes were not compared yet." : "";
    // the bar may be too narrow for it
    line.title = line.textContent ?? "";
    cautions.replaceChildren(...(comparison?.cautions ?? []).map((caution) => make("li", {}, icon("warning"), caution)));
    cautions.hidden = !comparison?.cautions.length;
    if (!comparison || !isBad) return;
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
  const signed = (metres: number) => `${metres < 0 ? "−" : "+"}${Math.abs(metres).toFixed(2)}`;
  const seen = `${Math.round(fit.valid_share * 100)} % seen on both dates`;
  if (fit.residual_m === null) return `no shift could be measured · ${seen}`;
  return `shift ${signed(fit.shift_east_m)} m east, ${signed(fit.shift_north_m)} m north · residual ${fit.residual_m.toFixed(2)} m · ${seen}`;
}
