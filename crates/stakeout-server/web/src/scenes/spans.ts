// What stands beside each other on a line of pixels without covering another.

export interface Span { readonly left: number; readonly right: number }

/** A row for each span, from 0, so that those of one row do not overlap: the first that has room, the spans in their order. */
export function rowsOf(spans: readonly Span[]): number[] {
  const rows: Span[][] = [];
  return spans.map((span) => {
    const free = rows.findIndex((row) => row.every(({ left, right }) => right <= span.left || span.right <= left));
    const row = free < 0 ? rows.length : free;
    rows[row] = [...(rows[row] ?? []), span];
    return row;
  });
}

/** Which labels at these places, in their order, are shown: the first and the last, and of the others those that have room. */
export function labelsShown(spans: readonly Span[], gap: number): number[] {
  const last = spans.length - 1;
  const shown: number[] = [];
  const isClear = (a: Span, b: Span) => a.right + gap <= b.left;
  spans.forEach((span, index) => {
    const before = spans[shown.at(-1) ?? -1];
    if (before && !isClear(before, span)) return;
    if (index === last || index === 0 || isClear(span, spans[last] as Span)) shown.push(index);
  });
  return shown;
}
