// Reviews as the server takes and tells them.

import { type CandidateProperties, type Feature, get, write } from "../api";
import type { AnnotationState, Done, Look, Standing, State, Verdict } from "./decide";
import { type Entry, type Fate, fate } from "./outbox";

export type Geometry = Feature<unknown>["geometry"];

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

export interface Outcome {
  readonly review: Recorded;
  readonly annotation: Feature<Record<string, unknown>> | null;
  readonly candidate: Standing;
}

export type QueueFeature = Feature<CandidateProperties> & { readonly etag: string; readonly look: Look; readonly annotation: AnnotationState | null };
export interface QueueAnswer {
  readonly features: readonly QueueFeature[];
  readonly standing: readonly { readonly review: string; readonly candidate: string; readonly batch: string | null; readonly created: string }[];
}

export const loadQueue = (comparison: string) => get<QueueAnswer>(`/api/queue?comparison=${comparison}`);

/** What the server's record says can be undone, oldest first. */
export function undoable(answer: QueueAnswer): Done[] {
  return answer.standing.map(({ review, candidate, batch, created }) => ({ batch: batch ?? review, key: review, candidate, review, before: "pending" as State, at: created }));
}

const PATHS: Record<Entry["kind"], (entry: Entry) => string> = {
  review: ({ candidate }) => `/api/candidates/${candidate}/reviews`,
  undo: ({ review }) => `/api/reviews/${review}/undo`,
  drawn: ({ comparison }) => `/api/comparisons/${comparison}/candidates`,
};

/** Sends an entry of the outbox and says what became of it. */
export async function ask(entry: Entry): Promise<Fate<Outcome>> {
  // what is not in the queue any more has changed: no tag is like the empty one, so the answer says who was first
  const headers = { "if-match": entry.etag || '""', "idempotency-key": entry.key };
  const answer = await (entry.kind === "undo" ? write("POST", PATHS.undo(entry)) : write("POST", PATHS[entry.kind](entry), entry.body, headers));
  const body: unknown = await answer.json().catch(() => ({}));
  // what was undone before the answer was lost is undone
  if (entry.kind === "undo" && answer.status === 409) return { type: "refused", why: "it was taken back already" };
  return fate(answer.status, body);
}
