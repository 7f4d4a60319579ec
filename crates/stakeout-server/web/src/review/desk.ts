// The reviewer's desk: the queue of a comparison, verdicts given at once and sent behind the person's back, undo from the
// server's own record. Panels watch it.

import { type Comparison, Problem, isForLater, outerRing } from "../api";
import { newKey } from "../shell/browser";
import { isAtLeast } from "../shell/role";
import { attempt, faultWords, tell } from "../shell/tell";
import { type Action, type Candidate, type Done, type Review, type Verdict, decide, empty, lastBatch, targets } from "./decide";
import { Drawer } from "./drawer";
import { Echoes } from "./echoes";
import { type Kept, KeptOutlines, type OwnOutline } from "./kept";
import { type Entry, Outbox } from "./outbox";
import { type Geometry, outlineOf } from "./outline";
import { type Patch, Revisions, bringBack, revise } from "./revisions";
import { type DrawnBody, type Outcome, type QueueAnswer, type QueueFeature, type ReviewBody, ask, loadQueue, standingOf, undoable } from "./send";
import { browserShelf } from "./shelf";
import { type Tabs, browserTabs } from "./tabs";
import { type Batch, undoneWords } from "./undone";
import { giveBackWords } from "./words";

/** How often a verdict of somebody else makes the queue load anew at most, milliseconds. */
const RELOAD_MS = 300;

/** How long after a queue that could not be loaded it is asked for again, milliseconds. */
const RETRY_MS = 5_000;

/** How often a queue is asked for where verdicts are answered meanwhile. */
const LOADS_MAX = 3;

/** What became of what a person said, in whichever tab. */
type Answered = { readonly entry: Entry } & ({ readonly outcome: Outcome } | { readonly why: string });

/** One verdict on several candidates. */
export interface Said { readonly verdict: Verdict; readonly ids: readonly string[]; readonly body: (id: string) => ReviewBody }

export class ReviewDesk {
  review: Review = empty;
  features: ReadonlyMap<string, QueueFeature> = new Map();
  comparison: Comparison | null = null;
  readonly outbox: Outbox<Outcome>;
  readonly kept = new KeptOutlines(new Drawer<OwnOutline>("stakeout-outlines", () => sessionStorage), () => this.actor);
  actor: string | null = null;
  role: string | null = null;
  /** Counts how often the queue was loaded: what else is shown of it is as old. */
  loads = 0;
  private readonly revisions = new Revisions(() => this.actor);
  private readonly echoes = new Echoes((id) => this.outbox.isAsking(id), () => this.loadSoon(), (work, ms) => void setTimeout(work, ms));
  /** Reviews that came with a structure that the person drew here. */
  private readonly drawings = new Set<string>();
  /** Reviews that were taken back here: an answer of the server may be older than that. */
  private readonly takenBack = new Set<string>();
  /** Called after every change of the state. */
  private readonly watchers: (() => void)[] = [];
  private reloading: ReturnType<typeof setTimeout> | undefined;
  /** Whether the queue of the comparison is there. */
  queue: "loading" | "failed" | "loaded" = "loading";
  /** Counts the answers to what was said here: a queue that was asked for before the last one is older than that. */
  private answers = 0;
  /** What is being taken back: the next is taken back after it. */
  private takingBack: Promise<void> = Promise.resolve();

  constructor(tabs: Tabs<Answered> = browserTabs()) {
    this.outbox = new Outbox<Outcome>(browserShelf, ask, {
      recorded: (entry, outcome) => {
        // a drawing is told of with its comparison, and looked for everywhere
        if (entry.kind !== "drawn") this.echoes.answered(outcome.review.candidate);
        this.recorded(entry, outcome);
        tabs.tell({ entry, outcome });
      },
      refused: (entry, why) => {
        this.refused(entry, why);
        tabs.tell({ entry, why });
      },
      takenBack: (entry, outcome) => {
        const { review } = outcome;
        this.echoes.answered(review.candidate);
        tabs.tell({ entry, outcome });
        return this.undoOf(entry, review.candidate, review.id);
      },
      etag: ({ candidate }) => candidate.etag,
      changed: () => this.changed(),
    }, () => this.actor, (work) => tabs.alone(work));
    tabs.hear((answered) => this.answeredElsewhere(answered));
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

  /** Why the person may give no verdict and draw nothing; empty where they may, and as long as nobody has said who they are. */
  get whyNot(): string {
    return this.role === null || isAtLeast(this.role, "analyst") ? "" : "Your role may look, and not decide";
  }

  /**
   * Outlines that people have made of candidates, which stand in the place of those that were found: what is recorded, and
   * before it what the person has made and the server does not have yet.
   */
  get outlines(): ReadonlyMap<string, Geometry> {
    const recorded = this.review.candidates.flatMap(({ id, outline }) => (outline ? [[id, outline.geometry] as const] : []));
    const own = [...this.kept.shown()].map(([id, { geometry }]) => [id, geometry] as const);
    return new Map([...recorded, ...own]);
  }

  /** The outline of a candidate as the map shows it. */
  outline(id: string): Geometry | null {
    return this.outlines.get(id) ?? this.feature(id)?.geometry ?? null;
  }

  /** Keeps an outline for the verdict to come; says whether it outlives the page. */
  keep(candidate: string, kept: Kept): boolean {
    const isLasting = this.kept.keep(candidate, kept);
    this.changed();
    return isLasting;
  }

  /** The server tells that the person has spoken of a candidate: here, or in another tab. */
  heardOfOwn(candidate: string): void {
    this.echoes.heard(candidate);
  }

  /** Shows a comparison; the same one again keeps the place in the queue. */
  async show(comparison: Comparison | null): Promise<void> {
    if (comparison?.id !== this.comparison?.id) {
      this.review = { ...empty, order: this.review.order, show: this.review.show };
      this.features = new Map();
    }
    this.comparison = comparison;
    this.queue = "loading";
    this.changed();
    if (comparison) await this.load();
  }

  async load(): Promise<void> {
    const { comparison } = this;
    if (!comparison) return;
    const answer = await this.newestQueue(comparison);
    // another comparison may have been chosen meanwhile
    if (!answer || this.comparison?.id !== comparison.id) return;
    this.queue = "loaded";
    this.features = new Map(answer.features.map((feature) => [feature.id, feature]));
    this.loads += 1;
    const standing = undoable(answer).filter((done) => !this.takenBack.has(done.key));
    this.act({ type: "loaded", candidates: answer.features.map(candidate), done: [...standing, ...this.revisions.of(comparison.id)] });
    this.layOnTheirWay();
  }

  /** The queue with all that was answered until now; one that cannot be had is asked for again later. */
  private async newestQueue(comparison: Comparison): Promise<QueueAnswer | undefined> {
    try {
      for (let tries = 1; ; tries++) {
        const { answers } = this;
        const queue = await loadQueue(comparison.id);
        if (answers === this.answers || tries === LOADS_MAX) return queue;
      }
    } catch (error) {
      if (this.comparison?.id === comparison.id && this.queue !== "loaded") {
        this.queue = "failed";
        this.changed();
        clearTimeout(this.reloading);
        this.reloading = setTimeout(() => void this.load().catch(() => {}), RETRY_MS);
      }
      throw error;
    }
  }

  /** Loads the queue anew soon: somebody has said something. */
  loadSoon(): void {
    clearTimeout(this.reloading);
    this.reloading = setTimeout(() => void this.load().catch(() => {}), RELOAD_MS);
  }

  /** Verdicts that an earlier visit left in the outbox show as given. */
  private layOnTheirWay(): void {
    const known = new Set(this.review.done.map((done) => done.key));
    for (const entry of this.ownEntries) {
      const isMine = entry.kind === "review" && entry.comparison === this.comparison?.id;
      if (!isMine || entry.conflict || entry.takenBack || known.has(entry.key)) continue;
      const { current } = this.review;
      this.review = decide(this.review, { type: "given", verdict: (entry.body as ReviewBody).verdict, batch: entry.batch, keys: new Map([[entry.candidate, entry.key]]) });
      if (current && current !== entry.candidate) this.review = decide(this.review, { type: "select", id: current });
    }
    this.changed();
  }

  /**
   * Gives verdicts and records what was drawn: all at once, to be taken back at once. Moves on at once. What was drawn in a
   * comparison goes into that one, whichever is shown by now. `false` where nothing was given, which is told.
   */
  give(said: readonly Said[], drawn: readonly DrawnBody[] = [], batch: string = newKey(), comparison: Comparison | null = this.comparison): boolean {
    const { actor } = this;
    if (!actor || !comparison) {
      tell("nothing was recorded: no comparison is chosen");
      return false;
    }
    const whole = { actor, comparison: comparison.id, batch };
    const sent: Entry[] = [];
    const given: Action[] = [];
    for (const { verdict, ids, body } of said) {
      const entries = ids.map((id): Entry => {
        const words = body(id);
        const etag = this.review.candidates.find((each) => each.id === id)?.etag ?? "";
        return { ...whole, key: newKey(), kind: "review", candidate: id, etag, body: { ...words, seen: { ...words.seen, batch } } };
      });
      for (const { candidate, key, body } of entries) if ((body as ReviewBody).geometry) this.kept.said(candidate, key);
      given.push({ type: "given", verdict, batch, keys: new Map(entries.map((entry) => [entry.candidate, entry.key])) });
      sent.push(...entries);
    }
    sent.push(...drawn.map((body): Entry => ({ ...whole, key: newKey(), kind: "drawn", candidate: "", body: { ...body, seen: { ...body.seen, batch } } })));
    // what the browser cannot keep is not given
    if (sent.length > 0 && !this.outbox.keep(...sent)) {
      for (const { key } of sent) this.kept.handBack(key);
      tell("nothing was recorded: this browser keeps no more on their way; give verdicts on fewer at once, or wait until some are sent");
      return false;
    }
    for (const action of given) this.review = decide(this.review, action);
    this.changed();
    void this.outbox.send();
    return true;
  }

  /** Candidates that a verdict is given to: the selected ones, else the current one. */
  get targets(): readonly string[] {
    return targets(this.review);
  }

  /** Changes an annotation, as a new revision that can be taken back. */
  async revise(candidate: string, annotation: string, patch: Patch, etag?: string, batch: string = newKey()): Promise<void> {
    const { comparison } = this;
    const { revised, at, geometry } = await revise(annotation, patch, etag);
    if (!comparison) return;
    const done: Done = { batch, key: batch, candidate, review: null, before: "confirmed", at, revised };
    this.revisions.add(comparison.id, done);
    if (this.comparison?.id !== comparison.id) return;
    this.act({ type: "revised", done });
    this.outlined(candidate, geometry);
    // it is recorded, whether or not the queue can be had now
    await this.load().catch(() => this.loadSoon());
  }

  /** What is recorded as the outline of a candidate is this now: a queue that was asked for before is older than that. */
  private outlined(id: string, recorded: Geometry): void {
    this.answers += 1;
    this.act({ type: "outlined", id, outline: outlineOf(recorded, this.feature(id)?.geometry) });
  }

  /** Takes back what was done last: verdicts, drawings and changes of one batch. */
  takeBack(): Promise<void> {
    this.takingBack = this.takingBack.then(() => attempt(() => this.takeBackLast()));
    return this.takingBack;
  }

  private async takeBackLast(): Promise<void> {
    const { actor, comparison } = this;
    const batch = this.newestBatch();
    if (!batch || !actor || !comparison) return;
    const inBatch = () => this.review.done.filter((done) => done.batch === batch);
    const contents = this.contents(batch);
    const faults: string[] = [];
    for (const done of inBatch()) if (done.revised) faults.push(...(await this.bringBack(comparison.id, done)));
    const isUnanswered = await this.catchUp(batch);
    const whole = { actor, comparison: comparison.id, batch };
    const undos = inBatch().flatMap((done) => (done.review ? [this.undoOf(whole, done.candidate, done.review)] : []));
    for (const { review, key } of inBatch()) this.kept.handBack(review ?? key);
    this.act({ type: "taken-back", batch });
    if (undos.length > 0) this.outbox.put(...undos);
    else if (!isUnanswered) await this.load().catch(() => {});
    if (faults.length > 0) return tell(faults.join("; "));
    tell(undoneWords(contents, isUnanswered));
  }

  /** What was done at once. */
  private contents(batch: string): Batch {
    const done = this.review.done.filter((each) => each.batch === batch);
    const revised = done.flatMap((each) => each.revised ?? []);
    const recorded = done.filter((each) => !each.revised);
    const drawn = recorded.filter((each) => this.isDrawing(each)).length;
    const unsent = this.outbox.entries().filter((entry) => entry.batch === batch && entry.kind === "drawn").length;
    const outlines = revised.filter(({ what }) => what === "outline").length;
    return { verdicts: recorded.length - drawn, drawings: drawn + unsent, outlines, words: revised.length - outlines };
  }

  /** Whether a review is that by which the person drew a structure: so it is known here, and where nobody else has spoken. */
  private isDrawing({ candidate, review }: Done): boolean {
    const drawn = this.review.candidates.find((each) => each.id === candidate && each.score === null);
    return drawn !== undefined && review !== null && (drawn.look === "waiting" || this.drawings.has(review));
  }

  private undoOf({ actor, comparison, batch }: Pick<Entry, "actor" | "comparison" | "batch">, candidate: string, review: string): Entry {
    this.takenBack.add(review);
    return { key: newKey(), kind: "undo", actor, comparison, batch, candidate, review };
  }

  /** What of the person lies on the shelf: in one browser it may be that of several. */
  get ownEntries(): readonly Entry[] {
    return this.outbox.entries().filter((entry) => entry.actor === this.actor);
  }

  /** What was done last: a structure that was drawn and not yet sent, or else the last of the verdicts and changes. */
  newestBatch(): string | undefined {
    const newest = this.ownEntries.filter((entry) => entry.kind !== "undo" && !entry.takenBack && entry.refused === undefined && entry.comparison === this.comparison?.id).at(-1);
    return newest?.kind === "drawn" ? newest.batch : lastBatch(this.review)[0]?.batch;
  }

  /**
   * Takes out what of a batch is not sent yet. What is on its way cannot be caught: it waits for the answer. Gives whether
   * there was none, so that nobody knows yet whether it is recorded.
   */
  private async catchUp(batch: string): Promise<boolean> {
    const uncaught = () => this.outbox.entries().filter((entry) => entry.batch === batch && entry.kind !== "undo" && !this.outbox.takeOut(entry.key));
    const missed = uncaught();
    if (missed.length > 0) await this.outbox.idle();
    const unanswered = uncaught();
    for (const { key } of unanswered) this.outbox.takeBack(key);
    const isDrawn = ({ kind, key }: Entry) => kind === "drawn" && !unanswered.some((entry) => entry.key === key);
    if (missed.some(isDrawn)) await this.load();
    return unanswered.length > 0;
  }

  /** Brings back what an annotation said before a change; gives why it cannot, now or later: the history has all revisions. */
  private async bringBack(comparison: string, { key, candidate, revised }: Done): Promise<string[]> {
    if (!revised) return [];
    try {
      const stands = await bringBack(revised);
      this.revisions.remove(comparison, key);
      this.revisions.moved(revised, stands.revision);
      this.outlined(candidate, stands.geometry);
      return [];
    } catch (error) {
      if (!(error instanceof Problem) || isForLater(error.status)) throw error;
      this.revisions.remove(comparison, key);
      return [`not taken back: ${faultWords(error)}`];
    }
  }

  /** Gives a verdict that came second after all, as a second opinion on what the candidate is now. */
  async insist(entry: Entry): Promise<void> {
    await this.load();
    const etag = this.review.candidates.find((each) => each.id === entry.candidate)?.etag;
    if (!etag) return tell("the candidate is not in the queue any more: your verdict on it can be dropped");
    const said = entry.body as ReviewBody;
    // as long as it is held for being second it does not stand
    this.outbox.insist(entry.key, etag);
    this.act({ type: "given", verdict: said.verdict, batch: entry.batch, keys: new Map([[entry.candidate, entry.key]]) });
  }

  /** Gives up a verdict that came second, or a drawing that was refused. */
  drop(entry: Entry): void {
    this.outbox.takeOut(entry.key);
    this.kept.handBack(entry.key);
    this.loadSoon();
  }

  private recorded(entry: Entry, outcome: Outcome): void {
    this.answers += 1;
    const { review } = outcome;
    const standing = standingOf(outcome, this.feature(review.candidate)?.geometry);
    if (entry.kind === "drawn") {
      this.drawings.add(review.id);
      tell("the structure was recorded");
      void this.load().catch(() => {});
    } else if (entry.kind === "undo") {
      this.act({ type: "stands", id: entry.candidate, standing });
      // a drawing that is taken back is not there any more
      if (this.feature(entry.candidate)?.properties.score === null) this.loadSoon();
    } else {
      this.kept.recorded(entry.key, review.id);
      this.act({ type: "recorded", key: entry.key, id: entry.candidate, review: review.id, at: review.created, standing });
      tell(`recorded: ${standing.state.replace("-", " ")}`);
    }
  }

  /** Another tab has sent what the same person said, there or here. */
  private answeredElsewhere(answered: Answered): void {
    const { entry } = answered;
    if (entry.actor !== this.actor) return;
    if ("why" in answered) return this.refused(entry, answered.why);
    const { outcome } = answered;
    this.outbox.recordedElsewhere({ actor: entry.actor, candidate: outcome.review.candidate }, outcome.candidate.etag);
    this.recorded(entry, outcome);
  }

  private refused(entry: Entry, why: string): void {
    if (entry.kind === "review") {
      this.kept.handBack(entry.key);
      giveBackWords(entry.candidate, entry.body as ReviewBody);
      this.act({ type: "refused", key: entry.key });
    } else {
      this.takenBack.delete(entry.review ?? "");
      this.loadSoon();
    }
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
  const ring = outerRing(feature.geometry);
  const middle = (axis: 0 | 1) => ring.reduce((sum, at) => sum + (at[axis] ?? 0), 0) / Math.max(1, ring.length);
  const { score, area_m2: area, change, state } = feature.properties;
  const { id, etag, look, annotation, outline } = feature;
  return { id, score, area, change, state: state as Candidate["state"], look, etag, annotation, outline: outlineOf(outline, feature.geometry), at: [middle(0), middle(1)] };
}
