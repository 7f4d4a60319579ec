// What waits to be sent, and verdicts that somebody else was before: kept until the person has decided.

import { element, make } from "../dom";
import { attempt } from "../shell/tell";
import type { ReviewDesk } from "./desk";
import type { Entry } from "./outbox";
import type { ReviewBody } from "./send";
import { clock } from "./times";

/** `open` shows a candidate, of whichever comparison. */
export function mountWaiting(desk: ReviewDesk, open: (comparison: string, candidate: string) => Promise<void>): HTMLElement {
  const line = make("p", { id: "outbox", role: "status", "aria-live": "polite", hidden: true });
  const conflicts = make("div", { id: "conflicts", role: "alert" });
  let shown = "[]";
  desk.watch(() => {
    const own = desk.outbox.entries().filter((entry) => entry.actor === desk.actor);
    const unsent = own.filter((entry) => !entry.conflict);
    line.hidden = unsent.length === 0 || !desk.outbox.isWaiting;
    line.textContent = line.hidden ? "" : `no connection: ${waitingWords(unsent)} as soon as there is one`;
    const second = own.filter((entry) => entry.conflict);
    // what is written anew is read out anew, and its buttons lose the focus
    if (JSON.stringify(second) === shown) return;
    shown = JSON.stringify(second);
    conflicts.replaceChildren(...second.map((entry) => conflict(desk, entry, open)));
  });
  return make("div", {}, line, conflicts);
}

function waitingWords(unsent: readonly Entry[]): string {
  const back = unsent.filter((entry) => entry.takenBack || entry.kind === "undo").length;
  const count = (verdicts: number, what: string) => verdicts > 0 && `${verdicts} ${verdicts === 1 ? "verdict is" : "verdicts are"} ${what}`;
  return [count(unsent.length - back, "kept here and sent"), count(back, "taken back")].filter(Boolean).join(", ");
}

function conflict(desk: ReviewDesk, entry: Entry, open: (comparison: string, candidate: string) => Promise<void>): HTMLElement {
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
      make("button", { type: "button", onclick: () => desk.drop(entry) }, "Drop it"),
    ),
  );
}
