// What editing has made of a candidate so far, and what becomes of it when the person goes on without having kept it.

import { type Polygon, fault } from "./geometry";

export interface Draft {
  readonly polygon: Polygon;
  /** Candidates that are part of this structure. */
  readonly parts: readonly string[];
  /** What was cut off: structures of their own. */
  readonly pieces: readonly Polygon[];
}

/** A candidate's outline that is being changed. */
export interface Edit {
  readonly candidate: string;
  readonly begun: Draft;
  readonly draft: Draft;
  /** The state of the annotation that is changed, so that a newer one is not overwritten; undefined where there is none. */
  readonly based: string | undefined;
  readonly isRecorded: boolean;
}

function isChanged({ begun, draft }: Edit): boolean {
  return JSON.stringify(begun) !== JSON.stringify(draft);
}

/** Why no verdict can be given while an outline is being changed; null where it can, and takes the outline with it. */
export function whyNoVerdict(edit: Edit): string | null {
  if (!isChanged(edit)) return null;
  return edit.isRecorded ? "keep the outline or leave it first" : fault(edit.draft.polygon);
}

/** What becomes of an outline when its candidate is left: what is not for a verdict to come is gone on with later. */
export function onLeaving(edit: Edit): "end" | "keep" | "remember" {
  if (!isChanged(edit)) return "end";
  return edit.isRecorded || fault(edit.draft.polygon) ? "remember" : "keep";
}
