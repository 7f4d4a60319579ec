// What waits to be sent; and verdicts that somebody else was before and drawings that were refused, which are kept until
// the person has decided.

import { element, make } from "../dom";
import { attempt, signedOutWords } from "../shell/tell";
import type { ReviewDesk } from "./desk";
import { type Entry, isHeld } from "./outbox";
import type { DrawnBody, ReviewBody } from "./send";
import { clock } from "./times";

/** What the person may do about what is held. */
export interface Ways {
  /** Shows a candidate, of whichever comparison. */
  readonly open: (comparison: string, candidate: string) => Promise<void>;
  /** Takes up a drawing that was refused. */
  readonly redraw: (entry: Entry) => Promise<void>;
}

export function mountWaiting(desk: ReviewDesk, ways: Ways): HTMLElement {
  const line = make("p", { id: "outbox", role: "status", "aria-live": "polite", hidden: true });
  const held = make("div", { id: "held", role: "alert" });
  let shown = "[]";
  desk.watch(() => {
    const own = desk.ownEntries;
    const unsent = own.filter((entry) => !isHeld(entry));
    line.hidden = unsent.length === 0 || !desk.outbox.isWaiting;
    line.textContent = line.hidden ? "" : whyWaiting(desk.outbox, waitingWords(unsent));
    const undecided = own.filter(isHeld);
    // what is written anew is read out anew, and its buttons lose the focus
    if (JSON.stringify(undecided) === shown) return;
    shown = JSON.stringify(undecided);
    held.replaceChildren(...undecided.map((entry) => (entry.conflict ? conflict : refusal)(desk, entry, ways)));
  });
  return make("div", {}, line, held);
}

function whyWaiting({ signedOut, delayed }: Pick<ReviewDesk["outbox"], "signedOut" | "delayed">, what: string): string {
  if (signedOut !== null) return `${signedOutWords({ kind: signedOut })}; ${what} once you are`;
  if (delayed !== null) return `${delayed}: ${what} again by itself`;
  return `no connection: ${what} as soon as there is one`;
}

function waitingWords(unsent: readonly Entry[]): string {
  const back = unsent.filter((entry) => entry.takenBack || entry.kind === "undo").length;
  const count = (verdicts: number, what: string) => verdicts > 0 && `${verdicts} ${verdicts === 1 ? "verdict is" : "verdicts are"} ${what}`;
  return [count(unsent.length - back, "kept here and sent"), count(back, "taken back")].filter(Boolean).join(", ");
}

function conflict(desk: ReviewDesk, entry: Entry, { open }: Ways): HTMLElement {
  const { by, at } = entry.conflict ?? { by: "", at: "" };
  const said = entry.body as ReviewBody;
  const show = () => attempt(() => open(entry.comparison, entry.candidate));
  const insist = () => attempt(async () => {
    await open(entry.comparison, entry.candidate);
    await desk.insist(entry);
    element("map").focus();
  });
  return make(
    "section",
    { class: "conflict", "data-conflict": entry.candidate },
    make("p", {}, make("strong", {}, `${by} was first, at ${clock(at)}.`), ` Your verdict is kept: ${said.verdict.replace("-", " ")}${said.title ? `, “${said.title}”` : ""}.`),
    make(
      "div",
      { class: "row" },
      make("button", { type: "button", class: "primary", onclick: () => void insist() }, "Give it as a second opinion"),
      make("button", { type: "button", onclick: () => void show() }, "Look again"),
      dropping(desk, entry),
    ),
  );
}

/** The button is gone with what it drops, and the keys belong to the images again. */
function dropping(desk: ReviewDesk, entry: Entry): HTMLElement {
  const drop = () => {
    desk.drop(entry);
    element("map").focus();
  };
  return make("button", { type: "button", onclick: drop }, "Drop it");
}

function refusal(desk: ReviewDesk, entry: Entry, { redraw }: Ways): HTMLElement {
  const { title } = entry.body as DrawnBody;
  return make(
    "section",
    { class: "conflict", "data-refused": entry.key },
    make("p", {}, make("strong", {}, "A drawing was not recorded: "), `${entry.refused}. It is kept${title ? `: “${title}”` : ""}.`),
    make(
      "div",
      { class: "row" },
      make("button", { type: "button", class: "primary", onclick: () => void attempt(() => redraw(entry)) }, "Change it"),
      dropping(desk, entry),
    ),
  );
}
