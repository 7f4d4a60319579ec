// What undo took back, in words.

/** How many of what a batch has. */
export interface Batch { readonly verdicts: number; readonly drawings: number; readonly outlines: number; readonly words: number }

const NAMES: readonly [keyof Batch, string, string][] = [
  ["verdicts", "verdict", "verdicts"],
  ["drawings", "drawing", "drawings"],
  ["outlines", "change of an outline", "changes of outlines"],
  ["words", "change of words", "changes of words"],
];

/** Says what was taken back, or is as soon as the server answers. */
export function undoneWords(batch: Batch, isUnanswered: boolean): string {
  const parts = NAMES.flatMap(([kind, one, several]) => (batch[kind] === 0 ? [] : [batch[kind] === 1 ? one : `${batch[kind]} ${several}`]));
  const isOne = Object.values(batch).reduce((sum, count) => sum + count, 0) === 1;
  const happens = isUnanswered ? `${isOne ? "is" : "are"} taken back as soon as the server answers` : `${isOne ? "was" : "were"} taken back`;
  return `the last ${parts.join(" and ")} ${happens}`;
}
