// What waits to be sent, and verdicts that somebody else was before: kept until the person has decided.

import { element, make } from "../dom";
import type { ReviewDesk } from "./desk";
import type { Entry } from "./outbox";
import type { ReviewBody } from "./send";
import { clock } from "./times";

export function mountWaiting(desk: ReviewDesk): HTMLElement {
  const line = make("p", { id: "outbox", role: "status", "aria-live": "polite", hidden: true });
  const conflicts = make("div", { id: "conflicts", role: "alert" });
  desk.watch(() => {
    const own = desk.outbox.entries().filter((entry) => entry.actor === desk.actor);
    const unsent = own.filter((entry) => !entry.conflict);
    line.hidden = unsent.length === 0 || !desk.outbox.isWaiting;
    line.textContent = `no connection: ${unsent.length} ${unsent.length === 1 ? "verdict is" : "verdicts are"} kept here and sent as soon as there is one`;
    conflicts.replaceChildren(...own.filter((entry) => entry.conflict).map((entry) => conflict(desk, entry)));
  });
  return make("div", {}, line, conflicts);
}

function conflict(desk: ReviewDesk, entry: Entry): HTMLElement {
  const { by, at } = entry.conflict ?? { by: "", at: "" };
  const said = entry.body as ReviewBody;
  const show = () => desk.act({ type: "select", id: entry.candidate });
  return make(
    "section",
    { class: "conflict", "data-conflict": entry.candidate },
    make("p", {}, make("strong", {}, `${by} was first, at ${clock(at)}.`), ` Your verdict is kept: ${said.verdict.replace("-", " ")}${said.title ? `, “${said.title}”` : ""}.`),
    make(
      "div",
      { class: "row" },
      make("button", { type: "button", class: "primary", onclick: () => void desk.insist(entry).then(() => element("map").focus()) }, "Give it as a second opinion"),
      make("button", { type: "button", onclick: show }, "Look again"),
      make("button", { type: "button", onclick: () => desk.drop(entry) }, "Drop it"),
    ),
  );
}
