// Title and note of each candidate until they are said: whoever looks at another candidate meanwhile finds them again,
// and no other candidate gets them.

/** What is written of one candidate. */
export interface Own { readonly title: string; readonly note: string }

export const NOTHING: Own = { title: "", note: "" };

export class Written {
  private readonly kept = new Map<string | null, Own>();
  /** Whose title and note the fields show. */
  candidate: string | null = null;

  /** Turns to another candidate: keeps what the fields say of the one before, and gives what they are to say. */
  turnTo(candidate: string | null, fields: Own): Own {
    this.kept.set(this.candidate, fields);
    this.candidate = candidate;
    return this.of(candidate);
  }

  /** What is kept of a candidate that the fields do not show. */
  of(candidate: string | null): Own {
    return this.kept.get(candidate) ?? NOTHING;
  }

  /** Gives back what was said and not taken, where nothing else has been written since; says what the fields are to say. */
  giveBack(candidate: string, said: Own, fields: Own): Own {
    const now = candidate === this.candidate ? fields : this.of(candidate);
    const own = { title: now.title || said.title, note: now.note || said.note };
    if (candidate === this.candidate) return own;
    this.kept.set(candidate, own);
    return fields;
  }

  forget(candidates: readonly (string | null)[]): void {
    for (const candidate of candidates) this.kept.delete(candidate);
  }
}
