// Reviews as the server takes and tells them.

import { type CandidateProperties, type Feature, get, write } from "../api";
import type { Done, Standing, State, Verdict } from "./decide";
import { type Entry, type Fate, fate } from "./outbox";
import { type Geometry, outlineOf } from "./outline";

export type { Geometry } from "./outline";

/** A structure that a person drew, with what they say of it. */
export interface DrawnBody {
  readonly geometry: Geometry;
  readonly change?: string;
  readonly structure_type?: string;
  readonly confidence?: string;
  readonly title?: string;
  readonly note?: string;
  readonly seen: Record<string, unknown>;
}

export interface ReviewBody {
  readonly verdict: Verdict;
  readonly structure_type?: string;
  readonly confidence?: string;
  readonly title?: string;
  readonly note?: string;
  readonly geometry?: Geometry;
  readonly seen: Record<string, unknown>;
}

/** A review as it is recorded. */
export interface Recorded {
  readonly id: string;
  readonly candidate: string;
  readonly actor: string;
  readonly role: string;
  readonly verdict: Verdict;
  readonly structure_type: string | null;
  readonly confidence: string | null;
  readonly title: string | null;
  readonly note: string | null;
  readonly geometry: Geometry | null;
  readonly created: string;
  readonly undone: boolean;
  readonly independent: boolean;
}

/** How a candidate stands, with the outline of its annotation where that is another than its own. */
type ToldStanding = Omit<Standing, "outline"> & { readonly outline?: Geometry | null };

export interface Outcome {
  readonly review: Recorded;
  readonly annotation: Feature<Record<string, unknown>> | null;
  readonly candidate: ToldStanding;
}

export type QueueFeature = Feature<CandidateProperties> & Omit<ToldStanding, "state">;
export interface QueueAnswer {
  readonly features: readonly QueueFeature[];
  readonly standing: readonly { readonly review: string; readonly candidate: string; readonly batch: string | null; readonly created: string }[];
}

export const loadQueue = (comparison: string) => get<QueueAnswer>(`/api/queue?comparison=${comparison}`);

/** How the candidate of an answer stands; `found` is its own outline. */
export function standingOf({ candidate, annotation }: Outcome, found: Geometry | undefined): Standing {
  const { outline = annotation?.geometry, ...standing } = candidate;
  return { ...standing, outline: outlineOf(outline, found) };
}

/** What the server's record says can be undone, oldest first. */
export function undoable(answer: QueueAnswer): Done[] {
  return answer.standing.map(({ review, candidate, batch, created }) => ({ batch: batch ?? review, key: review, candidate, review, before: "pending" as State, at: created }));
}

/** Whether an answer is the server's: a sign-in page of something in between may stand in its place. */
const isOutcome = (body: unknown): body is Outcome => {
  const { candidate, review } = (body ?? {}) as Partial<Outcome>;
  return typeof candidate?.etag === "string" && typeof review?.id === "string";
};

const PATHS: Record<Entry["kind"], (entry: Entry) => string> = {
  review: ({ candidate }) => `/api/candidates/${candidate}/reviews`,
  undo: ({ review }) => `/api/reviews/${review}/undo`,
  drawn: ({ comparison }) => `/api/comparisons/${comparison}/candidates`,
};

/** How long an answer may take, milliseconds: a connection that broke without a word would keep all that comes after it waiting. */
const ANSWER_MS_MAX = 30_000;

/** Sends an entry of the outbox and says what became of it. */
export async function ask(entry: Entry): Promise<Fate<Outcome>> {
  // what is not in the queue any more has changed: no tag is like the empty one, so the answer says who was first
  const headers = { "if-match": entry.etag || '""', "idempotency-key": entry.key };
  const isUndo = entry.kind === "undo";
  const answer = await write("POST", PATHS[entry.kind](entry), isUndo ? undefined : entry.body, isUndo ? {} : headers, AbortSignal.timeout(ANSWER_MS_MAX));
  const body: unknown = await answer.json().catch(() => ({}));
  // what was undone before the answer was lost is undone
  if (isUndo && answer.status === 409) return { type: "refused", why: "it was taken back already" };
  return fate(answer.status, body, isOutcome);
}
