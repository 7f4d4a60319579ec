// What a reviewer says of a candidate: type, confidence, title, note; by key or by hand.

import { get } from "../api";
import { element, make, showWithin } from "../dom";
import { hear, onBroken } from "../shell/events";
import { register } from "../shell/keys";
import { NOTHING, type Own, Written } from "./written";

interface StructureType { readonly id: string; readonly label: string; readonly key: string | null }

export interface Words { readonly structure_type?: string; readonly confidence?: string; readonly title?: string; readonly note?: string }

export const CONFIDENCES = ["low", "moderate", "high"] as const;
/** What may be typed while the types are listed: none of it means what it does elsewhere, whether or not it names a type. */
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
const TYPED = [...LETTERS, ...LETTERS.map((letter) => `Shift+${letter}`), ..."0123456789"];
let types: readonly StructureType[] = [];
const written = new Written();

export const typeLabel = (id: string | null | undefined) => types.find((type) => type.id === id)?.label ?? id ?? "not said";

export const typeOptions = () => [new Option("not said", ""), ...types.map((type) => new Option(type.label, type.id))];

/** The fields, for the form of the verdict. */
export function wordFields(): HTMLElement[] {
  const field = (label: string, input: HTMLElement, keys: string, wide = "") =>
    make("label", { class: wide }, make("span", {}, label, " ", make("kbd", {}, keys)), input);
  return [
    field("Type", make("select", { id: "structure-type" }), "T"),
    field("Confidence", make("select", { id: "confidence" }, new Option("not said", ""), ...CONFIDENCES.map((each) => new Option(each, each))), "1 2 3"),
    field("Title", make("input", { id: "title", maxlength: 200, autocomplete: "off" }), "I", "wide"),
    field("Note", make("textarea", { id: "note", rows: 2, maxlength: 20000 }), "Shift+I", "wide"),
  ];
}

/** What the fields say; blanks are left out. */
export function words(): Words {
  return { ...chosen(), ...said(fields()) };
}

/** What is said of one candidate, which need not be the one that the fields show. */
export function wordsOf(candidate: string): Words {
  return { ...chosen(), ...said(candidate === written.candidate ? fields() : written.of(candidate)) };
}

/** Type and confidence as the fields say them; they stay for the next candidate. */
export const chosen = () => said({ structure_type: element<HTMLSelectElement>("structure-type").value, confidence: element<HTMLSelectElement>("confidence").value });

/** Puts type and confidence into the fields; a type that is not in the taxonomy is not said. */
export function choose({ structure_type = "", confidence = "" }: Words): void {
  element<HTMLSelectElement>("structure-type").value = structure_type;
  element<HTMLSelectElement>("confidence").value = confidence;
}

/** Title and note belong to one candidate. */
const fields = (): Own => ({ title: element<HTMLInputElement>("title").value, note: element<HTMLTextAreaElement>("note").value });

function said(given: Words): Words {
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, text.trim()]).filter(([, text]) => text)) as Words;
}

/** Shows what was written of a candidate, and keeps what was written of the one before. */
export function showWordsOf(candidate: string | null): void {
  if (candidate !== written.candidate) fill(written.turnTo(candidate, fields()));
}

/** Forgets what was written of candidates: it has been said. */
export function forgetWords(candidates: readonly (string | null)[]): void {
  written.forget(candidates);
  if (candidates.includes(written.candidate)) fill(NOTHING);
}

/** Gives back the title and note of a verdict that was refused. */
export function giveBackWords(candidate: string, { title = "", note = "" }: Words): void {
  fill(written.giveBack(candidate, { title, note }, fields()));
}

function fill({ title, note }: Own): void {
  element<HTMLInputElement>("title").value = title;
  element<HTMLTextAreaElement>("note").value = note;
}

/** A list of types over the panel: the next key picks one. */
function palette(): { readonly box: HTMLElement; readonly open: () => void; readonly close: () => void } {
  const box = make("div", { id: "type-palette", class: "palette", role: "group", "aria-label": "Structure type", hidden: true });
  const pick = (id: string) => {
    element<HTMLSelectElement>("structure-type").value = id;
    close();
  };
  const close = () => {
    box.hidden = true;
  };
  const open = () => {
    box.replaceChildren(
      ...types.map((type) => make("button", { type: "button", "data-type": type.id, "data-key": type.key ?? "", onclick: () => pick(type.id) }, type.label, type.key && make("kbd", {}, type.key.toUpperCase()))),
    );
    box.hidden = false;
    showWithin(element("review-panel"), box);
  };
  return { box, open, close };
}

/** Loads the taxonomy and makes the keys of the fields. */
export async function mountWords(form: HTMLElement): Promise<void> {
  const { box, open, close } = palette();
  form.before(box);
  const focus = (id: string) => () => element(id).focus();
  register(
    { keys: ["t"], does: "choose the type, by its letter", group: "Review", press: open },
    { keys: ["1", "2", "3"], does: "confidence low, moderate, high", group: "Review", press: (key) => (element<HTMLSelectElement>("confidence").value = CONFIDENCES[Number(key) - 1] ?? "") },
    { keys: ["i"], does: "write the title", group: "Review", press: focus("title") },
    { keys: ["Shift+i"], does: "write the note", group: "Review", press: focus("note") },
  );
  // a field is left by Escape, so that keys are keys again
  form.addEventListener("keydown", (event) => {
    // what ends the composing of a character ends nothing else
    if (event.isComposing) return;
    const target = event.target as HTMLElement;
    if (event.key === "Escape" || (event.key === "Enter" && target.matches("input"))) element("map").focus();
  });
  register(
    { keys: TYPED, does: "", group: "Types", when: () => !box.hidden, press: (key) => box.querySelector<HTMLElement>(`[data-key="${key}"]`)?.click() },
    { keys: ["Escape"], does: "", group: "Types", when: () => !box.hidden, press: close },
  );
  await loadTypes();
  const again = () => {
    close();
    // without a connection those of before stay
    loadTypes().catch(() => {});
  };
  hear("taxonomy", again);
  onBroken({ missed: again, lost: () => {} });
}

/** Shows the types as they are now; what is chosen stays. */
async function loadTypes(): Promise<void> {
  types = (await get<{ types: StructureType[] }>("/api/taxonomy")).types;
  const select = element<HTMLSelectElement>("structure-type");
  const was = select.value;
  select.replaceChildren(...typeOptions());
  select.value = types.some((type) => type.id === was) ? was : "";
}
