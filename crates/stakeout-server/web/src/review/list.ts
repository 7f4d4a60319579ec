// The list of candidates: as many rows as a person can scroll through, around the current one.

import { make, refill, showWithin } from "../dom";
import { type Candidate, type Review, areaOf } from "./decide";

/** Rows made on either side of the current one: a list of thousands must not slow a key down. */
const ROWS_AROUND = 60;

const LOOK_WORDS: Record<Candidate["look"], string> = {
  first: "",
  second: "second look",
  waiting: "waits for a second",
  settled: "",
};

export interface ListActions {
  readonly select: (id: string) => void;
  readonly toggle: (id: string) => void;
}

/** What a row shows: as long as that stays the row does, since rebuilding a hundred takes longer than drawing the images. */
interface Row { readonly shows: string; readonly item: HTMLElement }
let rows: ReadonlyMap<string, Row> = new Map();
let scrolledTo: string | null = null;

export function renderList(list: HTMLElement, review: Review, shown: readonly Candidate[], onTheirWay: ReadonlySet<string>, actions: ListActions): void {
  const at = Math.max(0, shown.findIndex((candidate) => candidate.id === review.current));
  const first = Math.max(0, Math.min(at - ROWS_AROUND, shown.length - 2 * ROWS_AROUND));
  const seen = shown.slice(first, first + 2 * ROWS_AROUND + 1);
  const after = shown.length - first - seen.length;
  rows = new Map(seen.map((candidate) => [candidate.id, rowOf(candidate, review, onTheirWay.has(candidate.id), actions)]));
  const items = [
    ...(first > 0 ? [more(`${first} before these`)] : []),
    ...[...rows.values()].map(({ item }) => item),
    ...(after > 0 ? [more(`${after} after these`)] : []),
  ];
  if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) refill(list, ...items);
  if (review.current === scrolledTo) return;
  scrolledTo = review.current;
  // the images come first: finding the row lays the whole page out
  requestAnimationFrame(() => setTimeout(() => {
    const row = list.querySelector('li:has([aria-current="true"])');
    if (row) showWithin(list, row);
  }));
}

function rowOf(candidate: Candidate, review: Review, isOnItsWay: boolean, actions: ListActions): Row {
  const { id, state, look, score, change, annotation } = candidate;
  const shows = [state, look, score, areaOf(candidate), change, annotation?.status, isOnItsWay, id === review.current, review.selected.has(id)].join();
  const known = rows.get(id);
  return known?.shows === shows ? known : { shows, item: row(candidate, review, isOnItsWay, actions) };
}

function more(text: string): HTMLElement {
  return make("li", { class: "more" }, text);
}

function row(candidate: Candidate, review: Review, isOnItsWay: boolean, actions: ListActions): HTMLElement {
  const size = `${candidate.change}, ${Math.round(areaOf(candidate)).toLocaleString("en")} m²`;
  const status = candidate.annotation?.status === "disputed" ? "disputed" : LOOK_WORDS[candidate.look];
  const box = make("input", {
    type: "checkbox",
    "aria-label": `Select candidate ${size}, ${candidate.score === null ? "drawn by hand" : `score ${candidate.score.toFixed(2)}`}`,
    onchange: () => actions.toggle(candidate.id),
  });
  box.checked = review.selected.has(candidate.id);
  const button = make(
    "button",
    {
      type: "button",
      "data-candidate": candidate.id,
      "data-state": candidate.state,
      "data-look": candidate.look,
      "aria-current": String(candidate.id === review.current),
      onclick: () => actions.select(candidate.id),
    },
    make("span", { class: "score", title: candidate.score === null ? "Drawn by hand: no detector scored it" : "Score: the chance that it is real" }, candidate.score?.toFixed(2) ?? "hand"),
    make("span", { class: "what" }, size, status && make("small", { class: status === "disputed" ? "disputed" : "" }, status)),
    make("span", { class: "state" }, `${candidate.state.replace("-", " ")}${isOnItsWay ? " …" : ""}`),
  );
  return make("li", { "data-item": candidate.id }, box, button);
}
