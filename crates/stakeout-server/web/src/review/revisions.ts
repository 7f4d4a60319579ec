// Changes of annotations that the person made here, so that they can be taken back: kept for the session, over a reload.

import { Problem, type Feature, checked, getTagged, write } from "../api";
import type { Done, Revised } from "./decide";
import { Drawer } from "./drawer";
import type { Geometry } from "./outline";

/** What of an annotation changes. */
export interface Patch { readonly geometry?: Geometry; readonly properties?: Record<string, string | null> }

interface Kept { readonly actor: string; readonly comparison: string; readonly done: Done }
interface Changed { readonly revision: number; readonly updated: string }

/** What an annotation is after a change. */
interface Stands { readonly revision: number; readonly geometry: Geometry }

export class Revisions {
  private readonly drawer = new Drawer<Kept>("stakeout-revisions", () => sessionStorage);

  /** A tab may be signed out of, and in as somebody else: nobody takes back what another person has changed. */
  constructor(private readonly actor: () => string | null) {}

  of(comparison: string): readonly Done[] {
    return this.drawer.all.filter((kept) => kept.actor === this.actor() && kept.comparison === comparison).map((kept) => kept.done);
  }

  add(comparison: string, done: Done): void {
    const actor = this.actor();
    if (actor !== null) this.drawer.put([...this.drawer.all, { actor, comparison, done }]);
  }

  remove(comparison: string, key: string): void {
    this.drawer.put(this.drawer.all.filter((kept) => kept.comparison !== comparison || kept.done.key !== key));
  }

  /** Bringing a revision back makes a new one of the same content: what ended there ends at the new one. */
  moved({ annotation, from }: Revised, to: number): void {
    this.drawer.put(this.drawer.all.map((kept) => {
      const { revised } = kept.done;
      return revised?.annotation === annotation && revised.to === from ? { ...kept, done: { ...kept.done, revised: { ...revised, to } } } : kept;
    }));
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
export async function revise(annotation: string, patch: Patch, etag?: string): Promise<{ revised: Revised; at: string; geometry: Geometry }> {
  const based = etag ?? (await getTagged(path(annotation))).etag;
  const headers = { "content-type": "application/merge-patch+json", "if-match": based };
  const answer = await checked(await write("PATCH", path(annotation), patch, headers));
  const { geometry, properties } = (await answer.json()) as Feature<Changed>;
  const { revision, updated } = properties;
  const what = patch.geometry ? "outline" : "words";
  return { revised: { annotation, from: revision - 1, to: revision, what }, at: updated, geometry };
}

/** Brings back what stood before a change; gives what stands now. */
export async function bringBack({ annotation, from, to }: Revised): Promise<Stands> {
  const stands = await getTagged<Feature<Changed>>(path(annotation));
  if (stands.body.properties.revision !== to) throw new Problem(412, "somebody has changed it since: its history has every revision");
  return restore(annotation, from, stands.etag);
}

/** Makes a revision of an annotation what stands, as a new one. */
export async function restore(annotation: string, revision: number, etag: string): Promise<Stands> {
  const answer = await checked(await write("POST", `/api/annotations/${annotation}/restore`, { revision }, { "if-match": etag }));
  const { geometry, properties } = (await answer.json()) as Feature<Changed>;
  return { geometry, revision: properties.revision };
}
