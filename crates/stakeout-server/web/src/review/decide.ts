// What the reviewer decided, as a pure function: state + action -> state. Undo is the verdict before.

import type { Outline } from "./outline";

export type Verdict = "confirm" | "reject" | "unsure" | "bad-imagery";
export type State = "pending" | "confirmed" | "rejected" | "unsure" | "bad-imagery";
/** Whose verdict a candidate waits for: as the server says. */
export type Look = "first" | "second" | "waiting" | "settled";
export type Order = "score" | "uncertainty" | "area" | "place";
export type Show = "all" | "mine" | "disputed";

export const STATE_OF: Record<Verdict, State> = { confirm: "confirmed", reject: "rejected", unsure: "unsure", "bad-imagery": "bad-imagery" };

export interface AnnotationState { readonly id: string; readonly status: string }

/** What the server says of a candidate, and what changes with reviews. */
export interface Standing {
  readonly state: State;
  readonly look: Look;
  readonly etag: string;
  readonly annotation: AnnotationState | null;
  /** What is recorded as its outline, where people have made it another than the one that was found. */
  readonly outline: Outline | null;
}

export interface Candidate extends Standing {
  readonly id: string;
  /** Null where a person drew it. */
  readonly score: number | null;
  /** Of the outline that was found, square metres. */
  readonly area: number;
  readonly change: string;
  /** Middle, longitude and latitude. */
  readonly at: readonly [number, number];
}

/** A revision that the person made of an annotation: taking it back brings the one before back. */
export interface Revised {
  readonly annotation: string;
  readonly from: number;
  readonly to: number;
  /** What it changed. */
  readonly what: "outline" | "words";
}

/**
 * What can be taken back: a verdict that the server has recorded (`review`) or one on its way, or a change of an
 * annotation (`revised`).
 */
export interface Done {
  /** Verdicts that were given at once are taken back at once. */
  readonly batch: string;
  readonly key: string;
  readonly candidate: string;
  readonly review: string | null;
  readonly before: State;
  /** When the server recorded it; `null` on the way. */
  readonly at: string | null;
  readonly revised?: Revised;
}

export interface Review {
  readonly candidates: readonly Candidate[];
  readonly current: string | null;
  readonly order: Order;
  readonly scoreMin: number;
  readonly areaMin: number;
  readonly show: Show;
  readonly selected: ReadonlySet<string>;
  readonly done: readonly Done[];
}

export interface Filters { readonly order: Order; readonly scoreMin: number; readonly areaMin: number; readonly show: Show }

export type Action =
  | { readonly type: "loaded"; readonly candidates: readonly Candidate[]; readonly done: readonly Done[] }
  | { readonly type: "select"; readonly id: string }
  | { readonly type: "step"; readonly by: 1 | -1; readonly extend?: boolean }
  | { readonly type: "filter"; readonly to: Partial<Filters> }
  | { readonly type: "toggle"; readonly id: string }
  | { readonly type: "toggle-shown" }
  | { readonly type: "given"; readonly verdict: Verdict; readonly batch: string; readonly keys: ReadonlyMap<string, string> }
  | { readonly type: "recorded"; readonly key: string; readonly id: string; readonly review: string; readonly at: string; readonly standing: Standing }
  | { readonly type: "revised"; readonly done: Done }
  | { readonly type: "outlined"; readonly id: string; readonly outline: Outline | null }
  | { readonly type: "refused"; readonly key: string; readonly stay?: boolean }
  | { readonly type: "taken-back"; readonly batch: string }
  | { readonly type: "stands"; readonly id: string; readonly standing: Standing };

export const empty: Review = {
  candidates: [],
  current: null,
  order: "score",
  scoreMin: 0,
  areaMin: 0,
  show: "all",
  selected: new Set(),
  done: [],
};

// what a person drew comes first: somebody has seen it, and nothing has said how sure it is
const RANK: Record<Order, (candidate: Candidate) => number> = {
  score: ({ score }) => -(score ?? 2),
  uncertainty: (candidate) => -doubt(candidate),
  area: (candidate) => -areaOf(candidate),
  place: ({ at }) => placeOnCurve(at),
};

/** What a candidate covers as it is recorded, square metres. */
export function areaOf({ outline, area }: Candidate): number {
  return outline?.area_m2 ?? area;
}

/** How undecided a score is: most at 0.5, and more than that where there is none. */
function doubt({ score }: Candidate): number {
  return score === null ? 1 : 0.5 - Math.abs(score - 0.5);
}

/** The queue that was made last: a key asks for the same one several times. */
let made: { readonly of: Review; readonly queue: readonly Candidate[] } | null = null;

/** Candidates that are shown, in their order, ties by id; the same array as long as nothing of that changes. */
export function queue(review: Review): readonly Candidate[] {
  if (!made || !hasSameQueue(made.of, review)) made = { of: review, queue: sorted(review) };
  return made.queue;
}

function hasSameQueue(a: Review, b: Review): boolean {
  return a.candidates === b.candidates && a.order === b.order && a.scoreMin === b.scoreMin && a.areaMin === b.areaMin && a.show === b.show;
}

function sorted(review: Review): readonly Candidate[] {
  const rankOf = RANK[review.order];
  const ranked = review.candidates.filter((candidate) => isShown(review, candidate)).map((candidate) => ({ candidate, rank: rankOf(candidate) }));
  return ranked.sort((a, b) => a.rank - b.rank || a.candidate.id.localeCompare(b.candidate.id)).map(({ candidate }) => candidate);
}

function isShown(review: Review, candidate: Candidate): boolean {
  if ((candidate.score ?? 1) < review.scoreMin || areaOf(candidate) < review.areaMin) return false;
  if (review.show === "mine") return waits(candidate);
  return review.show === "all" || candidate.annotation?.status === "disputed";
}

/** Whether a candidate waits for this person's verdict. */
export function waits(candidate: Candidate): boolean {
  return candidate.state === "pending";
}

/** What is selected at once: all that are shown and wait, so that no verdict is given over another; all where none waits. */
export function selectable(review: Review): readonly Candidate[] {
  const shown = queue(review);
  const waiting = shown.filter(waits);
  return waiting.length > 0 ? waiting : shown;
}

/** Ids that a verdict is given to: the selected ones, else the current one. */
export function targets(review: Review): readonly string[] {
  if (review.selected.size > 0) return queue(review).map((candidate) => candidate.id).filter((id) => review.selected.has(id));
  return review.current === null ? [] : [review.current];
}

/** The verdicts that undo would take back: all of the last batch. */
export function lastBatch(review: Review): readonly Done[] {
  const last = review.done.at(-1);
  return last ? review.done.filter((done) => done.batch === last.batch) : [];
}

export function decide(review: Review, action: Action): Review {
  return withShownSelected(after(review, action));
}

/** What a filter hides is not selected: nobody would know what a verdict is given to. */
function withShownSelected(review: Review): Review {
  if (review.selected.size === 0) return review;
  const selected = queue(review).map(({ id }) => id).filter((id) => review.selected.has(id));
  return selected.length === review.selected.size ? review : { ...review, selected: new Set(selected) };
}

function after(review: Review, action: Action): Review {
  switch (action.type) {
    case "loaded":
      return loaded(review, action.candidates, action.done);
    case "select":
      return { ...review, current: action.id };
    case "step":
      return stepped(review, action.by, action.extend ?? false);
    case "filter":
      return settled({ ...review, ...action.to });
    case "toggle":
      return { ...review, selected: toggled(review.selected, action.id) };
    case "toggle-shown":
      return { ...review, selected: review.selected.size > 0 ? new Set() : new Set(selectable(review).map((candidate) => candidate.id)) };
    case "given":
      return given(review, action.verdict, action.batch, action.keys);
    case "recorded": {
      const done = review.done.map((each) => (each.key === action.key ? { ...each, review: action.review, at: action.at } : each));
      return changed({ ...review, done }, action.id, action.standing);
    }
    case "revised":
      return { ...review, done: [...review.done, action.done] };
    case "outlined":
      return { ...review, candidates: review.candidates.map((each) => (each.id === action.id ? { ...each, outline: action.outline } : each)) };
    case "refused":
      return refused(review, action.key, action.stay ?? false);
    case "taken-back":
      return takenBack(review, action.batch);
    case "stands":
      return changed(review, action.id, action.standing);
  }
}

/** What the server says, with the verdicts on their way laid over it. */
function loaded(review: Review, candidates: readonly Candidate[], recorded: readonly Done[]): Review {
  const onTheirWay = review.done.filter((done) => isOnItsWay(done) && candidates.some((each) => each.id === done.candidate));
  const states = new Map(review.candidates.map((each) => [each.id, each.state]));
  const overlaid = candidates.map((each) =>
    onTheirWay.some((done) => done.candidate === each.id) ? { ...each, state: states.get(each.id) ?? each.state } : each);
  const known = new Set(candidates.map((each) => each.id));
  const done = [...recorded].sort((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? ""));
  const now = { ...review, candidates: overlaid, done: [...done, ...onTheirWay] };
  // what somebody else did must not put another candidate under the person's finger, though a filter hides this one now
  return review.current !== null && known.has(review.current) ? now : settled(now);
}

/** Whether a verdict has not been answered yet. */
export function isOnItsWay(done: Done): boolean {
  return done.review === null && !done.revised;
}

/** With a current candidate that is shown. */
function settled(review: Review): Review {
  const shown = queue(review);
  if (shown.some((candidate) => candidate.id === review.current)) return review;
  return { ...review, current: (shown.find(waits) ?? shown[0])?.id ?? null };
}

function given(review: Review, verdict: Verdict, batch: string, keys: ReadonlyMap<string, string>): Review {
  const before = queue(review).map((candidate) => candidate.id);
  const done = review.candidates
    .filter((candidate) => keys.has(candidate.id))
    .map((candidate): Done => ({ batch, key: keys.get(candidate.id) as string, candidate: candidate.id, review: null, before: candidate.state, at: null }));
  const candidates = review.candidates.map((each) => (keys.has(each.id) ? { ...each, state: STATE_OF[verdict] } : each));
  const after = { ...review, candidates, selected: new Set<string>(), done: [...review.done, ...done] };
  return review.current !== null && keys.has(review.current) ? { ...after, current: nextWaiting(after, before, review.current) } : after;
}

/** The next candidate that waits, after the given one and then from the start; else the given one if it is still shown. */
function nextWaiting(review: Review, before: readonly string[], id: string): string | null {
  const shown = new Map(queue(review).map((candidate) => [candidate.id, candidate]));
  const at = before.indexOf(id);
  const ahead = [...before.slice(at + 1), ...before.slice(0, at)].map((each) => shown.get(each)).filter((each) => each !== undefined);
  const next = ahead.find(waits) ?? (shown.has(id) ? shown.get(id) : ahead[0]);
  return next?.id ?? null;
}

function refused(review: Review, key: string, stay: boolean): Review {
  const refusal = review.done.find((done) => done.key === key);
  if (!refusal) return review;
  const candidates = review.candidates.map((each) => (each.id === refusal.candidate ? { ...each, state: refusal.before } : each));
  const current = stay ? review.current : refusal.candidate;
  return { ...review, candidates, current, done: review.done.filter((done) => done.key !== key) };
}

function takenBack(review: Review, batch: string): Review {
  const gone = review.done.filter((done) => done.batch === batch);
  const verdicts = new Map(gone.filter((done) => !done.revised).map((done) => [done.candidate, done.before]));
  const candidates = review.candidates.map((each) => ({ ...each, state: verdicts.get(each.id) ?? each.state }));
  return { ...review, candidates, current: gone[0]?.candidate ?? review.current, done: review.done.filter((done) => done.batch !== batch) };
}

/** What the server says of a candidate; a later verdict that is on its way shows as given all the same. */
function changed(review: Review, id: string, standing: Standing): Review {
  const isSpokenFor = review.done.some((done) => done.candidate === id && isOnItsWay(done));
  const candidates = review.candidates.map((each) => (each.id === id ? { ...each, ...standing, ...(isSpokenFor ? { state: each.state } : {}) } : each));
  return { ...review, candidates };
}

function toggled(selected: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(selected);
  if (!next.delete(id)) next.add(id);
  return next;
}

function stepped(review: Review, by: 1 | -1, extend: boolean): Review {
  const shown = queue(review);
  const at = shown.findIndex((candidate) => candidate.id === review.current);
  const next = at < 0 ? shown[0] : shown[Math.min(shown.length - 1, Math.max(0, at + by))];
  if (!next) return { ...review, current: null };
  const selected = extend ? new Set([...review.selected, ...(review.current ? [review.current] : []), next.id]) : review.selected;
  return { ...review, current: next.id, selected };
}

/**
 * The candidates that one key leads to, the likeliest first, to have their pictures ready: the one that waits next, as
 * after a verdict, the next and the previous one, and the one after the next.
 */
export function upcoming(review: Review): readonly string[] {
  if (review.current === null) return [];
  const shown = queue(review);
  const at = shown.findIndex((candidate) => candidate.id === review.current);
  const waiting = [...shown.slice(at + 1), ...shown.slice(0, Math.max(0, at))].find(waits);
  const ids = [waiting, shown[at + 1], shown[at - 1], shown[at + 2]].flatMap((candidate) => candidate?.id ?? []);
  return [...new Set(ids)];
}

/** Cells of the curve along one side of the world: 5 m at the equator. */
const CURVE_SIDE = 2 ** 23;

/** How far along Hilbert's curve over the world a place lies: neighbours on the curve are neighbours on the ground. */
function placeOnCurve([lon, lat]: readonly [number, number]): number {
  let x = Math.min(CURVE_SIDE - 1, Math.floor(((lon + 180) / 360) * CURVE_SIDE));
  let y = Math.min(CURVE_SIDE - 1, Math.floor(((lat + 90) / 180) * CURVE_SIDE));
  let along = 0;
  for (let side = CURVE_SIDE / 2; side >= 1; side /= 2) {
    const [right, up] = [(x & side) > 0 ? 1 : 0, (y & side) > 0 ? 1 : 0];
    along += side * side * ((3 * right) ^ up);
    if (up === 0) {
      if (right === 1) [x, y] = [CURVE_SIDE - 1 - x, CURVE_SIDE - 1 - y];
      [x, y] = [y, x];
    }
  }
  return along;
}
