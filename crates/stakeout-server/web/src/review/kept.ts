// Outlines that a person made of candidates: each goes with one verdict and comes back when that is taken back. Kept for
// the session, over a reload.

import type { Drawer } from "./drawer";
import type { Geometry } from "./outline";

/** What editing has made of a candidate: kept until the verdict. */
export interface Kept {
  readonly geometry: Geometry;
  /** Candidates that are part of this structure. */
  readonly parts: readonly string[];
  /** What was cut off: structures of their own. */
  readonly pieces: readonly Geometry[];
}

/** A person's outline, with what has become of it. */
export interface OwnOutline {
  readonly actor: string;
  readonly candidate: string;
  readonly kept: Kept;
  /** The verdict that it went with: its key while that is on its way, then its review. */
  readonly said: string | null;
  /** The server has that verdict, and tells itself what the outline is. */
  readonly isRecorded?: true;
}

/** Outlines that went with a verdict and can come back, the last ones. */
const SAID_MAX = 200;

export class KeptOutlines {
  constructor(private readonly drawer: Drawer<OwnOutline>, private readonly actor: () => string | null) {}

  /** What waits for a verdict on a candidate. */
  of(candidate: string): Kept | undefined {
    return this.own().find((each) => each.candidate === candidate && each.said === null)?.kept;
  }

  /** The person's last outline of each candidate that the server does not have: what waits for a verdict or goes with one. */
  shown(): ReadonlyMap<string, Kept> {
    return new Map(this.own().filter(({ isRecorded }) => !isRecorded).map(({ candidate, kept }) => [candidate, kept]));
  }

  /** Keeps an outline for the verdict to come; says whether it outlives the page. */
  keep(candidate: string, kept: Kept): boolean {
    const actor = this.actor();
    if (actor === null) return false;
    return this.write([...this.read().filter((each) => each.said !== null || !this.isOwn(each, candidate)), { actor, candidate, kept, said: null }]);
  }

  /** A verdict took the outline with it. */
  said(candidate: string, key: string): void {
    this.write(this.read().map((each) => (each.said === null && this.isOwn(each, candidate) ? { ...each, said: key } : each)));
  }

  /** The verdict was recorded. */
  recorded(key: string, review: string): void {
    this.write(this.read().map((each) => (each.said === key ? { ...each, said: review, isRecorded: true } : each)));
  }

  /** The verdict does not stand: its outline waits for the next one, unless another was made meanwhile. */
  handBack(keyOrReview: string): void {
    const outlines = this.read();
    const back = outlines.find((each) => each.said === keyOrReview);
    if (!back) return;
    const isNewer = outlines.some((each) => each.said === null && each.actor === back.actor && each.candidate === back.candidate);
    const rest = outlines.filter((each) => each !== back);
    const { isRecorded: _, ...outline } = back;
    this.write(isNewer ? rest : [...rest, { ...outline, said: null }]);
  }

  /** The outline is part of the annotation itself now. */
  forget(candidate: string): void {
    this.write(this.read().filter((each) => !this.isOwn(each, candidate)));
  }

  private own(): readonly OwnOutline[] {
    return this.read().filter(({ actor }) => actor === this.actor());
  }

  private isOwn(outline: OwnOutline, candidate: string): boolean {
    return outline.actor === this.actor() && outline.candidate === candidate;
  }

  private read(): readonly OwnOutline[] {
    return this.drawer.all;
  }

  private write(outlines: readonly OwnOutline[]): boolean {
    const said = outlines.filter((each) => each.said !== null);
    const old = new Set(said.slice(0, Math.max(0, said.length - SAID_MAX)));
    return this.drawer.put(outlines.filter((each) => !old.has(each)));
  }
}
