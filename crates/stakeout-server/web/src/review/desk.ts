// The reviewer's desk: the queue of a comparison, verdicts given at once and sent behind the person's back, undo from the
// server's own record. Panels watch it.

import type { Comparison } from "../api";
import { tell } from "../shell/tell";
import { type Action, type Candidate, type Review, type Verdict, decide, empty, lastBatch, targets } from "./decide";
import { type Entry, Outbox, browserShelf } from "./outbox";
import { type Outcome, type QueueFeature, type ReviewBody, ask, loadQueue, undoable } from "./send";

/** How often a verdict of somebody else makes the queue load anew at most, milliseconds. */
const RELOAD_MS = 300;

export class ReviewDesk {
  review: Review = empty;
  features: ReadonlyMap<string, QueueFeature> = new Map();
  comparison: Comparison | null = null;
  readonly outbox: Outbox<Outcome>;
  actor: string | null = null;
  /** Called after every change of the state. */
  private readonly watchers: (() => void)[] = [];
  private reloading: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.outbox = new Outbox<Outcome>(browserShelf, ask, {
      recorded: (entry, outcome) => this.recorded(entry, outcome),
      refused: (entry, why) => this.refused(entry, why),
      changed: () => this.changed(),
    }, () => this.actor);
    window.addEventListener("online", () => void this.outbox.send());
    // another tab of this browser has put something in or sent it
    window.addEventListener("storage", () => this.changed());
  }

  watch(watcher: () => void): void {
    this.watchers.push(watcher);
    watcher();
  }

  act(action: Action): void {
    this.review = decide(this.review, action);
    this.changed();
  }

  get current(): Candidate | null {
    return this.review.candidates.find((candidate) => candidate.id === this.review.current) ?? null;
  }

  feature(id: string | null): QueueFeature | null {
    return (id && this.features.get(id)) || null;
  }

  /** Shows a comparison; the same one again keeps the place in the queue. */
  async show(comparison: Comparison | null): Promise<void> {
    if (comparison?.id !== this.comparison?.id) {
      this.review = { ...empty, order: this.review.order, show: this.review.show };
      this.features = new Map();
    }
    this.comparison = comparison;
    if (comparison) await this.load();
    this.changed();
  }

  async load(): Promise<void> {
    const { comparison } = this;
    if (!comparison) return;
    const answer = await loadQueue(comparison.id);
    // another comparison may have been chosen meanwhile
    if (this.comparison?.id !== comparison.id) return;
    this.features = new Map(answer.features.map((feature) => [feature.id, feature]));
    this.act({ type: "loaded", candidates: answer.features.map(candidate), done: undoable(answer) });
    this.layOnTheirWay();
  }

  /** Loads the queue anew soon: somebody has said something. */
  loadSoon(): void {
    clearTimeout(this.reloading);
    this.reloading = setTimeout(() => void this.load().catch(() => {}), RELOAD_MS);
  }

  /** Verdicts that an earlier visit left in the outbox show as given. */
  private layOnTheirWay(): void {
    const known = new Set(this.review.done.map((done) => done.key));
    for (const entry of this.outbox.entries()) {
      const isMine = entry.kind === "review" && entry.actor === this.actor && entry.comparison === this.comparison?.id;
      if (!isMine || entry.conflict || known.has(entry.key)) continue;
      const { current } = this.review;
      this.act({ type: "given", verdict: (entry.body as ReviewBody).verdict, batch: entry.batch, keys: new Map([[entry.candidate, entry.key]]) });
      if (current && current !== entry.candidate) this.act({ type: "select", id: current });
    }
  }

  /** Gives a verdict on the selected candidates, or on the current one; moves on at once. */
  give(verdict: Verdict, body: (id: string) => ReviewBody): void {
    this.giveAll(targets(this.review), verdict, body);
  }

  /** Gives one verdict with a note to candidates that are not on show. */
  giveTo(ids: readonly string[], verdict: Verdict, note: string): void {
    const seen = { before: this.comparison?.before, after: this.comparison?.after };
    this.giveAll(ids, verdict, () => ({ verdict, note, seen }));
  }

  private giveAll(ids: readonly string[], verdict: Verdict, body: (id: string) => ReviewBody): void {
    const { actor, comparison } = this;
    if (ids.length === 0 || !actor || !comparison) return;
    const batch = crypto.randomUUID();
    const entries = ids.map((id): Entry => {
      const said = body(id);
      const etag = this.review.candidates.find((each) => each.id === id)?.etag ?? "";
      return { key: crypto.randomUUID(), kind: "review", actor, comparison: comparison.id, candidate: id, batch, etag, body: { ...said, seen: { ...said.seen, batch } } };
    });
    this.act({ type: "given", verdict, batch, keys: new Map(entries.map((entry) => [entry.candidate, entry.key])) });
    this.outbox.put(...entries);
  }

  /** Takes the last batch of verdicts back. */
  async takeBack(): Promise<void> {
    const batch = lastBatch(this.review);
    const { actor, comparison } = this;
    if (batch.length === 0 || !actor || !comparison) return;
    // what is on its way cannot be caught: it is taken back when its answer has come
    if (batch.some((done) => !done.review && !this.outbox.takeOut(done.key))) await this.outbox.idle();
    const now = this.review.done.filter((done) => done.batch === batch[0]?.batch);
    const undos = now.flatMap((done): Entry[] =>
      done.review ? [{ key: crypto.randomUUID(), kind: "undo", actor, comparison: comparison.id, candidate: done.candidate, batch: done.batch, review: done.review }] : []);
    this.act({ type: "taken-back", batch: batch[0]?.batch ?? "" });
    this.outbox.put(...undos);
    tell(batch.length > 1 ? `the last ${batch.length} verdicts were taken back` : "the last verdict was taken back");
  }

  /** Gives a verdict that came second after all, as a second opinion on what the candidate is now. */
  async insist(entry: Entry): Promise<void> {
    await this.load();
    const etag = this.review.candidates.find((each) => each.id === entry.candidate)?.etag;
    if (!etag) return;
    const said = entry.body as ReviewBody;
    this.act({ type: "given", verdict: said.verdict, batch: entry.batch, keys: new Map([[entry.candidate, entry.key]]) });
    this.outbox.insist(entry.key, etag);
  }

  /** Gives a verdict up that came second. */
  drop(entry: Entry): void {
    this.outbox.takeOut(entry.key);
    this.loadSoon();
  }

  private recorded(entry: Entry, outcome: Outcome): void {
    const { candidate: standing, review } = outcome;
    if (entry.kind === "undo") this.act({ type: "stands", id: entry.candidate, standing });
    else {
      this.act({ type: "recorded", key: entry.key, id: entry.candidate, review: review.id, standing });
      tell(`recorded: ${standing.state}`);
    }
  }

  private refused(entry: Entry, why: string): void {
    if (entry.kind === "review") this.act({ type: "refused", key: entry.key });
    else this.loadSoon();
    tell(why);
  }

  private changed(): void {
    // a verdict that came second does not stand until the person has decided
    const second = this.outbox?.entries().filter((entry) => entry.conflict && this.review.done.some((done) => done.key === entry.key));
    for (const entry of second ?? []) this.review = decide(this.review, { type: "refused", key: entry.key, stay: true });
    for (const watcher of this.watchers) watcher();
  }
}

function candidate(feature: QueueFeature): Candidate {
  const ring = feature.geometry.coordinates[0] ?? [];
  const middle = (axis: 0 | 1) => ring.reduce((sum, at) => sum + (at[axis] ?? 0), 0) / Math.max(1, ring.length);
  const { score, area_m2: area, change, state } = feature.properties;
  const { id, etag, look, annotation } = feature;
  return { id, score, area, change, state: state as Candidate["state"], look, etag, annotation, at: [middle(0), middle(1)] };
}
