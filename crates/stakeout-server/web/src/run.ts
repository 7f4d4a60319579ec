// Comparisons that run on the server: started, watched, stopped; and how well the images of the shown one fit.

import { type Job, Problem, compare, dismiss } from "./api";
import { element } from "./dom";
import { attempt, tell } from "./shell/tell";
import type { Workspace } from "./workspace";

export async function startComparison(workspace: Workspace): Promise<void> {
  const { before, after } = workspace.state;
  if (!before || !after) throw new Problem(0, "a comparison takes two scenes");
  await compare(before.id, after.id);
  tell("the comparison was started");
}

function showJob(job: Job): void {
  const running = job.status === "running" || job.status === "accepted";
  element("progress").textContent = running ? `comparison ${job.progress} %: ${job.message}` : `comparison ${job.status}`;
  const stop = element<HTMLButtonElement>("stop");
  stop.hidden = !running;
  stop.onclick = () => void attempt(() => dismiss(job.id));
}

export function watchJobs(workspace: Workspace): void {
  const events = new EventSource("/api/events");
  events.addEventListener("job", (event) => {
    const job = JSON.parse((event as MessageEvent<string>).data) as Job;
    showJob(job);
    if (job.status === "successful" && workspace.state.site) void attempt(() => workspace.openSite(workspace.state.site as string));
  });
}

export function mountFit(workspace: Workspace): void {
  workspace.watch(["comparison"], ({ comparison }) => {
    const fit = element("fit");
    fit.hidden = comparison?.fit.registrable ?? true;
    fit.textContent = `These images do not fit, so the candidates cannot be believed: ${comparison?.fit.reason ?? ""}`;
  });
}
