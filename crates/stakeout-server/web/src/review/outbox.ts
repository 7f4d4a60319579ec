// Verdicts on their way to the server. Each is kept in the browser until the server has answered it: a lost connection,
// a restart of the server or a closed page loses nothing, and its key makes that it counts once.

import { isForLater } from "../api";

export interface Entry {
  /** Says to the server that a repeated request is the same one. */
  readonly key: string;
  readonly kind: "review" | "undo" | "drawn";
  /** Who gave it: it is sent as that person or not at all. */
  readonly actor: string;
  readonly comparison: string;
  /** What it speaks of; empty for a structure that was drawn, which has no id yet. */
  readonly candidate: string;
  readonly batch: string;
  /** The review that an undo takes back. */
  readonly review?: string;
  /** What the candidate was when the verdict was given. */
  readonly etag?: string;
  readonly body?: unknown;
  /** Who was first, where somebody was: it waits for a decision then. */
  readonly conflict?: { readonly by: string; readonly at: string };
  /** Why the server did not take a drawing: it waits for a decision then, since its outline is nowhere else. */
  readonly refused?: string;
  /** It was asked for and not answered: the server may have recorded it. */
  readonly tried?: true;
  /** The person has taken it back: what the server has recorded of it is undone. */
  readonly takenBack?: true;
}

export type Fate<Outcome> =
  | { readonly type: "recorded"; readonly outcome: Outcome }
  | { readonly type: "conflict"; readonly by: string; readonly at: string }
  | { readonly type: "refused"; readonly why: string }
  | { readonly type: "later"; readonly signedOut?: string; readonly why?: string };

export interface Shelf {
  read(): readonly Entry[];
  /** Reads anew next time: another tab may have changed something. */
  forget(): void;
  write(entries: readonly Entry[]): void;
}

/** Whether an entry is not sent before the person has decided what becomes of it. */
export const isHeld = ({ conflict, refused }: Entry) => conflict !== undefined || refused !== undefined;

/** What an answer means for the entry that asked. */
export function fate<Outcome>(status: number, body: unknown, isOutcome: (body: unknown) => body is Outcome): Fate<Outcome> {
  const problem = (body ?? {}) as { type?: string; detail?: string; by?: string; at?: string };
  if (status >= 200 && status < 300) return isOutcome(body) ? { type: "recorded", outcome: body } : { type: "later", why: "something else than the server has answered" };
  if (status === 401) return { type: "later", signedOut: problem.type?.split("/").pop() ?? "" };
  if (isForLater(status)) return { type: "later", why: problem.detail ?? `the server answered ${status}` };
  if (status === 412) return { type: "conflict", by: problem.by ?? "somebody", at: problem.at ?? "" };
  return { type: "refused", why: problem.detail ?? `the server answered ${status}` };
}

export interface Outcomes<Outcome> {
  readonly recorded: (entry: Entry, outcome: Outcome) => void;
  readonly refused: (entry: Entry, why: string) => void;
  /** Called when an entry was recorded that has been taken back meanwhile: with what undoes it, which is sent next. */
  readonly takenBack: (entry: Entry, outcome: Outcome) => Entry;
  /** What a candidate is after an answer, for what is said of it next. */
  readonly etag: (outcome: Outcome) => string;
  /** Called whenever the entries are others than before. */
  readonly changed: () => void;
}

/** Pauses between tries, milliseconds: the last one is kept up. */
const PAUSES_MS = [500, 1_000, 2_000, 5_000, 15_000];

export class Outbox<Outcome> {
  private running: Promise<void> | null = null;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private again = false;
  /** What the server was asked for and has not answered. */
  private asking: Entry | null = null;
  /** What candidates are by what other tabs have recorded, by person and candidate. */
  private readonly elsewhere = new Map<string, string>();
  /** What was asked for and not answered where the browser had no room to note that, by key. */
  private readonly unnoted = new Set<string>();
  /** The kind of the server's refusal, where the person is not signed in as who they were; null where there is none. */
  signedOut: string | null = null;
  /** Why an answer did not take what was sent, in the server's words; null where there was no answer. */
  delayed: string | null = null;

  constructor(
    private readonly shelf: Shelf,
    private readonly ask: (entry: Entry) => Promise<Fate<Outcome>>,
    private readonly told: Outcomes<Outcome>,
    private readonly actor: () => string | null,
    /** Does the work while no other tab sends what lies on the shelf. */
    private readonly alone: (work: () => Promise<void>) => Promise<void>,
  ) {}

  entries(): readonly Entry[] {
    return this.shelf.read();
  }

  /** Whether the server is being asked for something of a candidate. */
  isAsking(candidate: string): boolean {
    return this.asking?.candidate === candidate;
  }

  /** Whether sending failed and is tried again by itself. */
  get isWaiting(): boolean {
    return this.tries > 0;
  }

  put(...entries: Entry[]): void {
    this.shelf.write([...this.shelf.read(), ...entries]);
    this.told.changed();
    void this.send();
  }

  /** Keeps entries that are sent next time; `false` where the browser has no room for them, and then keeps none. */
  keep(...entries: Entry[]): boolean {
    try {
      this.shelf.write([...this.shelf.read(), ...entries]);
      return true;
    } catch {
      return false;
    }
  }

  /** Takes an entry out before it is sent; `false` where the server may know of it already. */
  takeOut(key: string): boolean {
    const entry = this.shelf.read().find((each) => each.key === key);
    if (!entry || entry.tried || this.unnoted.has(key)) return false;
    this.remove(key);
    return true;
  }

  /** Takes an entry back of which nobody knows whether it was recorded: it is sent until that is known, then undone. */
  takeBack(key: string): void {
    this.change(key, (entry) => ({ ...entry, takenBack: true }));
    this.told.changed();
  }

  /** Sends an entry again that somebody else was before. */
  insist(key: string, etag: string): void {
    this.change(key, (entry) => based(entry, etag));
    this.told.changed();
    void this.send();
  }

  /** Resolves when what is being sent has been answered. */
  async idle(): Promise<void> {
    await this.running;
  }

  /** Stops trying again by itself. */
  stop(): void {
    clearTimeout(this.timer);
  }

  /** Sends what waits, one after the other; at most one such run at a time. */
  send(): Promise<void> {
    this.again = true;
    this.running ??= this.alone(() => this.run()).finally(() => (this.running = null));
    return this.running;
  }

  /**
   * Another tab has recorded what a person said of a candidate: what waits here and they say next is based on that. It may have
   * been sent before this was heard, and held for being second to the person themselves.
   */
  recordedElsewhere({ actor, candidate }: Pick<Entry, "actor" | "candidate">, etag: string): void {
    this.elsewhere.set(`${actor} ${candidate}`, etag);
    if (!this.shelf.read().some((each) => isNext(each, actor, candidate))) return;
    this.shelf.write(this.rebased(actor, candidate, etag));
    void this.send();
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    this.shelf.forget();
    while (this.again) {
      this.again = false;
      for (let next = this.next(); next; next = this.next()) {
        // from here on it may be recorded, whatever becomes of the answer and of this page
        this.noteTried(next.key);
        this.asking = next;
        const answer = await this.ask(next).catch((): Fate<Outcome> => ({ type: "later" }));
        this.asking = null;
        this.signedOut = answer.type === "later" ? (answer.signedOut ?? null) : null;
        this.delayed = answer.type === "later" ? (answer.why ?? null) : null;
        if (answer.type === "later") return this.tryLater();
        this.tries = 0;
        this.settle(next, answer);
      }
    }
    this.told.changed();
  }

  private next(): Entry | undefined {
    const actor = this.actor();
    return this.shelf.read().find((entry) => entry.actor === actor && !isHeld(entry));
  }

  /** What cannot be noted for the next page is sent all the same: that makes room. */
  private noteTried(key: string): void {
    try {
      this.change(key, (entry) => ({ ...entry, tried: true }));
    } catch {
      this.unnoted.add(key);
    }
  }

  private settle(asked: Entry, answer: Exclude<Fate<Outcome>, { type: "later" }>): void {
    this.unnoted.delete(asked.key);
    // it may have been taken back meanwhile
    const entry = this.shelf.read().find((each) => each.key === asked.key) ?? asked;
    if (answer.type === "recorded") return this.settleRecorded(entry, answer.outcome);
    // what was not recorded needs no undoing
    if (entry.takenBack) return this.remove(entry.key);
    if (answer.type === "conflict") {
      const { by, at } = answer;
      const etag = by === entry.actor ? this.elsewhere.get(`${entry.actor} ${entry.candidate}`) : undefined;
      // it was sent before this tab heard what the person had said in another
      if (etag !== undefined && etag !== asked.etag) return this.change(entry.key, ({ tried: _, ...rest }) => ({ ...rest, etag }));
      this.change(entry.key, ({ tried: _, ...rest }) => ({ ...rest, conflict: { by, at } }));
      return this.told.changed();
    }
    if (entry.kind === "drawn") {
      this.change(entry.key, ({ tried: _, ...rest }) => ({ ...rest, refused: answer.why }));
      this.told.changed();
    } else {
      this.remove(entry.key);
    }
    this.told.refused(entry, answer.why);
  }

  private settleRecorded(entry: Entry, outcome: Outcome): void {
    const rest = this.rebased(entry.actor, entry.candidate, this.told.etag(outcome)).filter((each) => each.key !== entry.key);
    const undo = entry.takenBack ? [this.told.takenBack(entry, outcome)] : [];
    this.shelf.write([...undo, ...rest]);
    this.told.changed();
    if (!entry.takenBack) this.told.recorded(entry, outcome);
  }

  /** The entries, with what a person says of a candidate next based on this state of it. */
  private rebased(actor: string, candidate: string, etag: string): Entry[] {
    // the others stay the same objects: the shelf writes only what is another
    return this.shelf.read().map((each) => (isNext(each, actor, candidate) ? based(each, etag) : each));
  }

  private tryLater(): void {
    const pause = PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)];
    this.tries += 1;
    this.again = false;
    this.timer = setTimeout(() => void this.send(), pause);
    this.told.changed();
  }

  private change(key: string, to: (entry: Entry) => Entry): void {
    this.shelf.write(this.shelf.read().map((entry) => (entry.key === key ? to(entry) : entry)));
  }

  private remove(key: string): void {
    this.shelf.write(this.shelf.read().filter((entry) => entry.key !== key));
    this.told.changed();
  }
}

/** An entry based on another state of its candidate: it is second to nobody any more. */
function based({ conflict: _, ...entry }: Entry, etag: string): Entry {
  return { ...entry, etag };
}

/** Whether an entry is what a person said of a candidate next: it is not based on what anybody else said, nor second to it. */
function isNext({ kind, conflict, ...entry }: Entry, actor: string, candidate: string): boolean {
  return kind === "review" && entry.candidate === candidate && entry.actor === actor && (conflict?.by ?? actor) === actor;
}
