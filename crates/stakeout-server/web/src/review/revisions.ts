// Changes of annotations that the person made here, so that they can be taken back: kept for the session, over a reload.

import { Problem, type Feature, checked, getTagged, write } from "../api";
import type { Done, Revised } from "./decide";

/** What of an annotation changes. */
export interface Patch { readonly geometry?: Feature<unknown>["geometry"]; readonly properties?: Record<string, string | null> }

interface Kept { readonly comparison: string; readonly done: Done }
interface Changed { readonly revision: number; readonly updated: string }

const SHELF = "stakeout-revisions";

export class Revisions {
  of(comparison: string): readonly Done[] {
    return this.read().filter((kept) => kept.comparison === comparison).map((kept) => kept.done);
  }

  add(comparison: string, done: Done): void {
    this.write([...this.read(), { comparison, done }]);
  }

  remove(comparison: string, key: string): void {
    this.write(this.read().filter((kept) => kept.comparison !== comparison || kept.done.key !== key));
  }

  /** Bringing a revision back makes a new one of the same content: what ended there ends at the new one. */
  moved({ annotation, from }: Revised, to: number): void {
    this.write(this.read().map((kept) => {
      const { revised } = kept.done;
      return revised?.annotation === annotation && revised.to === from ? { ...kept, done: { ...kept.done, revised: { ...revised, to } } } : kept;
    }));
  }

  private read(): Kept[] {
    return JSON.parse(sessionStorage.getItem(SHELF) ?? "[]") as Kept[];
  }

  private write(kept: readonly Kept[]): void {
    sessionStorage.setItem(SHELF, JSON.stringify(kept));
  }
}

/** What stands of an annotation, with its state; null where there is none. */
export function recorded<P>(annotation: string): Promise<{ readonly body: Feature<P>; readonly etag: string } | null> {
  return getTagged<Feature<P>>(path(annotation)).catch((error) => {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  });
}

const path = (annotation: string) => `/ogc/collections/annotations/items/${annotation}`;

/** Changes an annotation; `etag` says what the change is based on, else it is what stands now. */
export async function revise(annotation: string, patch: Patch, etag?: string): Promise<{ from: number; to: number; at: string }> {
  const based = etag ?? (await getTagged(path(annotation))).etag;
  const headers = { "content-type": "application/merge-patch+json", "if-match": based };
  const answer = await checked(await write("PATCH", path(annotation), patch, headers));
  const { revision, updated } = ((await answer.json()) as Feature<Changed>).properties;
  return { from: revision - 1, to: revision, at: updated };
}

/** Brings back what stood before a change; gives the revision that it has now. */
export async function bringBack({ annotation, from, to }: Revised): Promise<number> {
  const stands = await getTagged<Feature<Changed>>(path(annotation));
  if (stands.body.properties.revision !== to) throw new Problem(412, "somebody has changed it since: its history has every revision");
  return restore(annotation, from, stands.etag);
}

/** Makes a revision of an annotation what stands, as a new one; gives its number. */
export async function restore(annotation: string, revision: number, etag: string): Promise<number> {
  const answer = await checked(await write("POST", `/api/annotations/${annotation}/restore`, { revision }, { "if-match": etag }));
  return ((await answer.json()) as Feature<Changed>).properties.revision;
}
