// Keys of the page: whoever has one registers it with words, and the cheat sheet is made of that.

import { element, make } from "../dom";

/** In the order of the list. */
const GROUPS = ["Review", "Types", "Edit", "Compare", "Map", "Place an image", "Page"] as const;

export interface Key {
  /** As `KeyboardEvent.key` has it; letters in lower case, `Shift+` before where it matters. */
  readonly keys: readonly string[];
  /** Empty for a key that the list says once for all, such as Escape. */
  readonly does: string;
  readonly group: (typeof GROUPS)[number];
  /** Asked before the key counts: a key may mean something only while a tool is on. */
  readonly when?: () => boolean;
  readonly press: (key: string) => void;
  /** Whether it acts again and again while it is held, as what moves does; else it acts once. */
  readonly repeats?: true;
  /** For what ends when the key is let go. */
  readonly release?: () => void;
}

const NAMES: Record<string, string> = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
const registered: Key[] = [];
const held = new Map<string, Key>();

export function register(...keys: Key[]): void {
  registered.push(...keys);
}

/** The letters of the keyboard are those of its Latin layout where another script is on. */
export function letter({ key, code }: Pick<KeyboardEvent, "key" | "code">): string {
  const isOfAnotherScript = key.length === 1 && key > "\u007f" && /^Key[A-Z]$/.test(code);
  return isOfAnotherScript ? code.slice(3).toLowerCase() : key.length === 1 ? key.toLowerCase() : key;
}

function name(event: KeyboardEvent): string {
  const key = letter(event);
  // shifted punctuation such as ? is a key of its own; shifted letters and arrows are not
  return event.shiftKey && /^([a-z]|[A-Z].+)$/.test(key) ? `Shift+${key}` : key;
}

/** Whether a key is one of the browser's or the system's; AltGr, which some keyboards need for brackets, counts as Ctrl and Alt. */
export function isCombined(event: Pick<KeyboardEvent, "ctrlKey" | "altKey" | "metaKey" | "getModifierState">): boolean {
  return event.metaKey || ((event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph"));
}

/** Whether a key belongs to what has the focus and not to the page. */
function isTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  if (document.querySelector("dialog[open]") || isCombined(event)) return true;
  if (target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")) return true;
  // sliders and lists use the arrows themselves
  if (target.matches("input, [role=slider]") && /^(Arrow|Home|End|Page)/.test(event.key)) return true;
  return (event.key === " " || event.key === "Enter") && target.matches("button, summary, a, input:not([type=range])");
}

function find(key: string): Key | undefined {
  // a tool that is on comes before what a key means elsewhere; of two, the one registered last
  const meant = registered.filter((each) => each.keys.includes(key));
  return meant.findLast((each) => each.when?.()) ?? meant.findLast((each) => !each.when);
}

function sheet(): HTMLElement {
  return make("div", { class: "key-groups" }, ...GROUPS.map((group) => {
    const own = registered.filter((key) => key.group === group && key.does);
    if (own.length === 0) return null;
    const rows = own.flatMap((key) => [make("dt", {}, ...caps(key.keys)), make("dd", {}, key.does)]);
    return make("section", {}, make("h3", {}, group), make("dl", {}, ...rows));
  }));
}

/** Keys as they are labelled; a modifier that all share is said once. */
function caps(keys: readonly string[]): HTMLElement[] {
  const isShifted = keys.every((key) => key.startsWith("Shift+"));
  const names = keys.map((key) => key.replace("Shift+", "")).map((key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key));
  return [...(isShifted ? ["Shift"] : []), ...names].map((name) => make("kbd", {}, name));
}

export function showSheet(): void {
  element("keys-list").replaceChildren(sheet());
  const box = element<HTMLDialogElement>("keys");
  box.showModal();
  // the focus is on its last button
  box.scrollTop = 0;
}

/**
 * After a click the keys belong to the images again: Space would otherwise press the same button once more, which may be
 * a verdict on a candidate that nobody has looked at. Who presses a button by key stays on it.
 */
function leaveClickedButtons(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest("button");
    if (event.detail > 0 && button && button === document.activeElement && !button.closest("dialog")) element("map").focus({ preventScroll: true });
  });
}

/**
 * After something was chosen in a list or checked by mouse the keys belong to the images again: a letter would otherwise
 * choose something else in the list, and Space check the box again. Who chooses by key stays, and so does who fills in a form.
 */
function leaveChosenLists(): void {
  let isByPointer = false;
  document.addEventListener("pointerdown", () => (isByPointer = true), true);
  document.addEventListener("keydown", () => (isByPointer = false), true);
  document.addEventListener("change", (event) => {
    const list = (event.target as Element).closest("select, input[type=checkbox]");
    if (isByPointer && list && !list.closest("dialog, #new-site")) element("map").focus({ preventScroll: true });
  });
}

export function listenForKeys(): void {
  leaveClickedButtons();
  leaveChosenLists();
  document.addEventListener("keydown", (event) => {
    // a held Enter would press the button again and again, for whatever has come up by then
    if (event.repeat && event.key === "Enter" && (event.target as HTMLElement).matches("button")) event.preventDefault();
    if (isTaken(event)) return;
    const key = find(name(event));
    if (!key) return;
    event.preventDefault();
    if (event.repeat && !key.repeats) return;
    if (key.release) held.set(event.key, key);
    key.press(name(event));
  });
  document.addEventListener("keyup", (event) => {
    held.get(event.key)?.release?.();
    held.delete(event.key);
  });
  window.addEventListener("blur", () => {
    for (const key of held.values()) key.release?.();
    held.clear();
  });
  register(
    { keys: ["Escape"], does: "end a tool, close a panel", group: "Page", when: () => false, press: () => {} },
    { keys: ["?"], does: "this list", group: "Page", press: showSheet },
  );
  element("help").addEventListener("click", showSheet);
}
