// The queue of candidates and the verdict on the current one.

import { type CandidateProperties, type Comparison, all, get } from "../api";
import { element } from "../dom";
import type { Stage } from "../map/stage";
import { register } from "../shell/keys";
import { faultWords, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Action, type Candidate, type State, type Verdict, decide, empty, queue } from "./decide";
import { type ReviewBody, send, undo } from "./send";

const VERDICT_KEYS: Record<string, Verdict> = { c: "confirm", r: "reject", u: "unsure", b: "bad-imagery" };

export class ReviewPanel {
  private review = empty;
  private busy = false;

  constructor(private readonly workspace: Workspace, private readonly stage: Stage) {
    stage.picked = (id) => this.act({ type: "select", id });
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-verdict]")) {
      button.addEventListener("click", () => void this.record(button.dataset["verdict"] as Verdict));
    }
    element("undo").addEventListener("click", () => void this.takeBack());
    element("decision").addEventListener("submit", (event) => event.preventDefault());
    element<HTMLInputElement>("score").addEventListener("input", (event) => {
      const min = Number((event.target as HTMLInputElement).value);
      element("score-value").textContent = String(min);
      this.act({ type: "score", min });
    });
    this.registerKeys();
    void this.whileBusy(() => this.fillTypes());
    workspace.watch(["comparison"], ({ comparison }) => void this.whileBusy(() => this.show(comparison)));
  }

  private registerKeys(): void {
    for (const [key, verdict] of Object.entries(VERDICT_KEYS)) {
      register({ keys: [key], does: verdict.replace("-", " "), group: "Review", press: () => void this.record(verdict) });
    }
    register(
      { keys: ["z"], does: "undo the last verdict", group: "Review", press: () => void this.takeBack() },
      { keys: ["j"], does: "next candidate", group: "Review", press: () => this.act({ type: "step", by: 1 }) },
      { keys: ["k"], does: "previous candidate", group: "Review", press: () => this.act({ type: "step", by: -1 }) },
    );
  }

  private async fillTypes(): Promise<void> {
    const { types } = await get<{ types: { id: string; label: string }[] }>("/api/taxonomy");
    element("structure-type").replaceChildren(new Option("not said", ""), ...types.map((type) => new Option(type.label, type.id)));
  }

  private async show(comparison: Comparison | null): Promise<void> {
    this.review = empty;
    if (!comparison) {
      this.stage.showCandidates([]);
      return this.render();
    }
    const features = await all<CandidateProperties>(`/ogc/collections/candidates/items?comparison=${comparison.id}&limit=1000`);
    // another comparison may have been chosen meanwhile
    if (this.workspace.state.comparison !== comparison) return;
    this.stage.showCandidates(features);
    const candidates = features.map(({ id, properties }) => ({
      id,
      score: properties.score,
      area: properties.area_m2,
      change: properties.change,
      state: properties.state as State,
    }));
    this.act({ type: "loaded", candidates });
  }

  private act(action: Action): void {
    this.review = decide(this.review, action);
    this.render();
  }

  private render(): void {
    const shown = queue(this.review);
    const waiting = shown.filter((candidate) => candidate.state === "pending").length;
    element("tally").textContent = `${shown.length} candidates, ${waiting} to review`;
    element("queue").replaceChildren(...shown.map((candidate) => this.row(candidate)));
    element("queue").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-verdict]")) {
      button.disabled = this.busy || this.review.current === null;
      button.title = this.review.current === null ? "There is no candidate to decide on" : "";
    }
    element<HTMLButtonElement>("undo").disabled = this.busy || this.review.done.length === 0;
    const states = new Map(this.review.candidates.map((candidate) => [candidate.id, candidate.state]));
    this.stage.update(this.review.current, this.review.scoreMin, states);
  }

  private row(candidate: Candidate): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset["candidate"] = candidate.id;
    button.setAttribute("aria-current", String(candidate.id === this.review.current));
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
    button.dataset["state"] = candidate.state;
    button.addEventListener("click", () => this.act({ type: "select", id: candidate.id }));
    item.append(button);
    return item;
  }

  private words(verdict: Verdict): ReviewBody {
    const value = (id: string) => element<HTMLInputElement>(id).value.trim() || undefined;
    const { comparison } = this.workspace.state;
    const seen = { before: comparison?.before, after: comparison?.after, ...this.stage.seen() };
    if (verdict !== "confirm") return { verdict, seen, ...(value("note") ? { note: value("note") as string } : {}) };
    const given = { structure_type: value("structure-type"), confidence: value("confidence"), title: value("title"), note: value("note") };
    return { verdict, seen, ...(Object.fromEntries(Object.entries(given).filter(([, text]) => text)) as object) };
  }

  private async record(verdict: Verdict): Promise<void> {
    const id = this.review.current;
    if (this.busy || id === null) return;
    await this.whileBusy(async () => {
      const outcome = await send(id, this.words(verdict), crypto.randomUUID());
      this.act({ type: "recorded", id, state: outcome.state as State, review: outcome.review.id });
      element<HTMLInputElement>("title").value = "";
      element<HTMLTextAreaElement>("note").value = "";
      tell(`recorded: ${outcome.state}`);
    });
  }

  private async takeBack(): Promise<void> {
    const last = this.review.done.at(-1);
    if (this.busy || !last) return;
    await this.whileBusy(async () => {
      const outcome = await undo(last.review);
      this.act({ type: "undone", id: last.candidate, state: outcome.state as State, review: last.review });
      tell("the last verdict was taken back");
    });
  }

  private async whileBusy(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await work();
    } catch (error) {
      tell(faultWords(error));
    } finally {
      this.busy = false;
      this.render();
    }
  }
}
