// Elements: found by their ids, or made.

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** Makes an element: a function is a listener (`onclick`), `true` an attribute without a
 * value, `false` none (but for `aria-` ones, which say so). */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value !== undefined) made.setAttribute(name, String(value));
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

const REACHABLE = "button, input";

/** Fills a list anew. Its entries have a `data-item`: what has the focus in one has it in the new one of the same. */
export function refill(list: HTMLElement, ...entries: readonly (Node | string)[]): void {
  const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
  const entry = focused?.closest<HTMLElement>("[data-item]");
  const at = focused && entry ? [...entry.querySelectorAll(REACHABLE)].indexOf(focused) : -1;
  list.replaceChildren(...entries);
  if (!entry || at < 0) return;
  const again = list.querySelector(`[data-item="${CSS.escape(entry.dataset["item"] ?? "")}"]`);
  const reachable = [...(again?.querySelectorAll<HTMLElement>(REACHABLE) ?? [])];
  (reachable[at] ?? reachable[0])?.focus({ preventScroll: true });
}

/** Scrolls a list so that an entry of it is seen; a page that scrolls too stays where the person is. */
export function showWithin(list: HTMLElement, entry: Element): void {
  const [frame, own] = [list.getBoundingClientRect(), entry.getBoundingClientRect()];
  list.scrollTop += Math.min(0, own.top - frame.top) || Math.max(0, own.bottom - frame.bottom);
  list.scrollLeft += Math.min(0, own.left - frame.left) || Math.max(0, own.right - frame.right);
}

/** Drawings of the buttons, 16 by 16, lines of one weight. */
const ICONS = {
  swipe: "M8 1v14M5 5 2 8l3 3M11 5l3 3-3 3",
  side: "M1.5 2.5h13v11h-13zM8 2.5v11",
  flicker: "M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  opacity: "M8 1.5S3.5 6.5 3.5 10a4.5 4.5 0 0 0 9 0C12.5 6.5 8 1.5 8 1.5zM8 1.5v13",
  difference: "M6 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
  stretch: "M1.5 13.5h13M2.5 11c2 0 2.5-8 5-8s3 8 6 8",
  nudge: "M8 1v14M1 8h14M6 3l2-2 2 2M6 13l2 2 2-2M3 6 1 8l2 2M13 6l2 2-2 2",
  measure: "M1.5 11 11 1.5 14.5 5 5 14.5zM4.5 8l1.5 1.5M7 5.5 8.5 7M9.5 3 11 4.5",
  area: "M2.5 4.5 9 2l4.5 4-2 7.5-8-1z",
  frame: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  light: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  dark: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  plus: "M8 3v10M3 8h10",
  left: "M1.5 2.5h13v11h-13zM5.5 2.5v11",
  right: "M1.5 2.5h13v11h-13zM10.5 2.5v11",
  bottom: "M1.5 2.5h13v11h-13zM1.5 10h13",
  play: "M4 2.5v11l9-5.5z",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  warning: "M8 1.5 15 14H1zM8 6v4M8 11.5v1",
} as const;
export type Icon = keyof typeof ICONS;

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with a drawing; its label is read out and shown on hover, with its key. */
export function iconButton(name: Icon, label: string, attributes: Attributes = {}, key = ""): HTMLButtonElement {
  return make("button", { type: "button", class: "icon-button", "aria-label": label, title: key ? `${label} (${key})` : label, ...attributes }, icon(name));
}
