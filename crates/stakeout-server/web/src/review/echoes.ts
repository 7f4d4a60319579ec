// The server tells every page who spoke of which candidate, the page where it was said too. What the same person said in
// another tab is told just so: it is what this page has no answer to.

/** How long an echo and the answer that it belongs to may be apart, milliseconds. */
const APART_MS = 3_000;

export class Echoes {
  /** Answers that were not told of yet, by candidate. */
  private readonly answers = new Map<string, number>();
  /** What was told of before its answer came, by candidate. */
  private readonly early = new Map<string, number>();

  /** `isAsked` says whether this page waits for an answer on a candidate; `elsewhere` is called when something was said in another tab. */
  constructor(private readonly isAsked: (candidate: string) => boolean, private readonly elsewhere: () => void, private readonly later: (work: () => void, ms: number) => void) {}

  /** The server has answered what this page said of a candidate. */
  answered(candidate: string): void {
    if (take(this.early, candidate)) return;
    put(this.answers, candidate);
    this.later(() => take(this.answers, candidate), APART_MS);
  }

  /** The server tells that the person has spoken of a candidate. */
  heard(candidate: string): void {
    if (take(this.answers, candidate)) return;
    if (!this.isAsked(candidate)) return this.elsewhere();
    put(this.early, candidate);
    this.later(() => {
      if (take(this.early, candidate)) this.elsewhere();
    }, APART_MS);
  }
}

function put(counts: Map<string, number>, candidate: string): void {
  counts.set(candidate, (counts.get(candidate) ?? 0) + 1);
}

function take(counts: Map<string, number>, candidate: string): boolean {
  const count = counts.get(candidate) ?? 0;
  if (count > 1) counts.set(candidate, count - 1);
  else counts.delete(candidate);
  return count > 0;
}
