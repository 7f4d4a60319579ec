// What the reviewer decided, as a pure function: state + action -> state. Undo is the verdict before.

export type Verdict = "confirm" | "reject" | "unsure" | "bad-imagery";
export type State = "pending" | "confirmed" | "rejected" | "unsure" | "bad-imagery";

export interface Candidate {
  readonly id: string;
  readonly score: number;
  readonly area: number;
  readonly change: string;
  readonly state: State;
}

/** A verdict that the server has recorded and that can be taken back. */
export interface Done {
  readonly candidate: string;
  readonly review: string;
}

export interface Review {
  readonly candidates: readonly Candidate[];
  readonly current: string | null;
  readonly scoreMin: number;
  readonly done: readonly Done[];
}

export type Action =
  | { readonly type: "loaded"; readonly candidates: readonly Candidate[] }
  | { readonly type: "select"; readonly id: string }
  | { readonly type: "step"; readonly by: 1 | -1 }
  | { readonly type: "score"; readonly min: number }
  | { readonly type: "recorded"; readonly id: string; readonly state: State; readonly review: string }
  | { readonly type: "undone"; readonly id: string; readonly state: State; readonly review: string };

export const empty: Review = { candidates: [], current: null, scoreMin: 0, done: [] };

/** Candidates that are shown: by falling score, then by id. */
export function queue(review: Review): readonly Candidate[] {
  return review.candidates
    .filter((candidate) => candidate.score >= review.scoreMin)
    .sort((a, b) => b.score - a.score || a.id.localeCompare(b.id));
}

export function decide(review: Review, action: Action): Review {
  switch (action.type) {
    case "loaded": {
      const loaded = { ...review, candidates: action.candidates };
      const stays = action.candidates.some((candidate) => candidate.id === review.current);
      return { ...loaded, current: stays ? review.current : firstPending(loaded) };
    }
    case "select":
      return { ...review, current: action.id };
    case "step":
      return { ...review, current: stepped(review, action.by) };
    case "score": {
      const filtered = { ...review, scoreMin: action.min };
      const stays = queue(filtered).some((candidate) => candidate.id === review.current);
      return { ...filtered, current: stays ? review.current : firstPending(filtered) };
    }
    case "recorded": {
      const recorded = {
        ...withState(review, action.id, action.state),
        done: [...review.done, { candidate: action.id, review: action.review }],
      };
      return review.current === action.id ? { ...recorded, current: nextPending(recorded, action.id) } : recorded;
    }
    case "undone":
      return {
        ...withState(review, action.id, action.state),
        current: action.id,
        done: review.done.filter((done) => done.review !== action.review),
      };
  }
}

function withState(review: Review, id: string, state: State): Review {
  const candidates = review.candidates.map((candidate) => (candidate.id === id ? { ...candidate, state } : candidate));
  return { ...review, candidates };
}

function firstPending(review: Review): string | null {
  const shown = queue(review);
  return (shown.find((candidate) => candidate.state === "pending") ?? shown[0])?.id ?? null;
}

/** The next candidate that waits, after the given one and then from the start; else the given one. */
function nextPending(review: Review, id: string): string {
  const shown = queue(review);
  const at = shown.findIndex((candidate) => candidate.id === id);
  const ahead = [...shown.slice(at + 1), ...shown.slice(0, at)];
  return ahead.find((candidate) => candidate.state === "pending")?.id ?? id;
}

function stepped(review: Review, by: 1 | -1): string | null {
  const shown = queue(review);
  const at = shown.findIndex((candidate) => candidate.id === review.current);
  if (at < 0) return shown[0]?.id ?? null;
  return shown[Math.min(shown.length - 1, Math.max(0, at + by))]?.id ?? null;
}
