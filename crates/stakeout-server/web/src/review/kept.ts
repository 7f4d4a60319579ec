// Outlines that a person made of candidates: each goes with one verdict and comes back when that is taken back. Kept for
// the session, over a reload.

import type { Geometry } from "./send";

/** What editing has made of a candidate: kept until the verdict. */
export interface Kept {
  readonly geometry: Geometry;
  /** Candidates that are part of this structure. */
  readonly parts: readonly string[];
  /** What was cut off: structures of their own. */
  readonly pieces: readonly Geometry[];
}

interface Outline {
  readonly actor: string;
  readonly candidate: string;
  readonly kept: Kept;
  /** The verdict that it went with: its key while that is on its way, then its review. */
  readonly said: string | null;
}

/** Where the outlines lie: in the browser's storage of the session. */
export interface Drawer {
  read(): string | null;
  write(text: string): void;
}

const DRAWER = "stakeout-outlines";
/** Outlines that went with a verdict and can come back, the last ones. */
const SAID_MAX = 200;

export const browserDrawer: Drawer = {
  read: () => sessionStorage.getItem(DRAWER),
  write: (text) => sessionStorage.setItem(DRAWER, text),
};

export class KeptOutlines {
  constructor(private readonly drawer: Drawer, private readonly actor: () => string | null) {}

  /** What waits for a verdict on a candidate. */
  of(candidate: string): Kept | undefined {
    return this.own().find((each) => each.candidate === candidate && each.said === null)?.kept;
  }

  /** The person's last outline of each candidate, said or not. */
  shown(): ReadonlyMap<string, Kept> {
    return new Map(this.own().map(({ candidate, kept }) => [candidate, kept]));
  }

  keep(candidate: string, kept: Kept): void {
    const actor = this.actor();
    if (actor === null) return;
    this.write([...this.read().filter((each) => each.said !== null || !this.isOwn(each, candidate)), { actor, candidate, kept, said: null }]);
  }

  /** A verdict took the outline with it. */
  said(candidate: string, key: string): void {
    this.write(this.read().map((each) => (each.said === null && this.isOwn(each, candidate) ? { ...each, said: key } : each)));
  }

  /** The verdict was recorded. */
  recorded(key: string, review: string): void {
    this.write(this.read().map((each) => (each.said === key ? { ...each, said: review } : each)));
  }

  /** The verdict does not stand: its outline waits for the next one, unless another was made meanwhile. */
  handBack(keyOrReview: string): void {
    const outlines = this.read();
    const back = outlines.find((each) => each.said === keyOrReview);
    if (!back) return;
    const isNewer = outlines.some((each) => each.said === null && each.actor === back.actor && each.candidate === back.candidate);
    const rest = outlines.filter((each) => each !== back);
    this.write(isNewer ? rest : [...rest, { ...back, said: null }]);
  }

  /** The outline is part of the annotation itself now. */
  forget(candidate: string): void {
    this.write(this.read().filter((each) => !this.isOwn(each, candidate)));
  }

  private own(): readonly Outline[] {
    return this.read().filter(({ actor }) => actor === this.actor());
  }

  private isOwn(outline: Outline, candidate: string): boolean {
    return outline.actor === this.actor() && outline.candidate === candidate;
  }

  private read(): readonly Outline[] {
    return JSON.parse(this.drawer.read() ?? "[]") as Outline[];
  }

  private write(outlines: readonly Outline[]): void {
    const said = outlines.filter((each) => each.said !== null);
    const old = new Set(said.slice(0, Math.max(0, said.length - SAID_MAX)));
    this.drawer.write(JSON.stringify(outlines.filter((each) => !old.has(each))));
  }
}
