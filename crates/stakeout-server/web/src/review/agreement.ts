// How far people agree who looked at the same candidates without seeing each other's verdicts: a page of its own.

import { get } from "../api";
import { make } from "../dom";
import { register } from "../shell/keys";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";

interface Kappa { readonly candidates: number; readonly observed: number | null; readonly expected: number | null; readonly kappa: number | null }
interface Question extends Kappa { readonly classes: readonly { readonly class: string; readonly first: number; readonly second: number; readonly both: number; readonly kappa: number | null }[] }
interface Agreement {
  readonly verdicts: Question;
  readonly structure_types: Question;
  readonly outlines: readonly { readonly candidate: string; readonly iou: number }[];
  readonly iou_mean: number | null;
  readonly people: readonly (Kappa & { readonly people: readonly [string, string] })[];
}

const number = (value: number | null) => (value === null ? "not defined" : value.toFixed(2));
const share = (value: number | null) => (value === null ? "–" : `${Math.round(value * 100)} %`);

export function mountAgreement(workspace: Workspace, jump: (candidate: string) => void): HTMLElement {
  const body = make("div", { class: "agreement" });
  const close = make("button", { type: "button", onclick: () => box.close() }, "Close");
  const box = make("dialog", { id: "agreement", class: "page", "aria-labelledby": "agreement-title" }, make("h2", { id: "agreement-title" }, "Agreement"), body, close);
  document.body.append(box);
  const open = () => void attempt(async () => {
    const { site } = workspace.state;
    const report = await get<Agreement>(`/api/agreement${site ? `?site=${site}` : ""}`);
    body.replaceChildren(...content(report, (candidate) => {
      box.close();
      jump(candidate);
    }));
    box.showModal();
  });
  register({ keys: ["Shift+a"], does: "how far people agree", group: "Page", press: open });
  return make("button", { type: "button", id: "agreement-open", "aria-haspopup": "dialog", title: "How far people agree (Shift+A)", onclick: open }, "Agreement");
}

function content(report: Agreement, jump: (candidate: string) => void): HTMLElement[] {
  const { verdicts, structure_types: types, outlines } = report;
  if (verdicts.candidates === 0) {
    return [make("p", {}, "Nobody has looked at the same candidate as somebody else yet. As soon as a second person has given a verdict without seeing the first, this page says how far they agree.")];
  }
  const people = report.people.map((each) => [each.people.join(" and "), String(each.candidates), share(each.observed), number(each.kappa)]);
  return [
    make("p", {}, `${verdicts.candidates} ${verdicts.candidates === 1 ? "candidate was" : "candidates were"} looked at by two people, neither seeing what the other said. They agree on ${share(verdicts.observed)}; chance alone would give ${share(verdicts.expected)}. Cohen's kappa: ${number(verdicts.kappa)}.`),
    table("Verdicts", ["Verdict", "First", "Second", "Both", "Kappa"], classes(verdicts)),
    ...(types.candidates > 0 ? [table("Structure types", ["Type", "First", "Second", "Both", "Kappa"], classes(types))] : []),
    table("People", ["Two people", "Candidates", "Same verdict", "Kappa"], people),
    make("h3", {}, "Outlines"),
    make("p", {}, outlines.length > 0 ? `Where both confirmed, their outlines cover each other by ${number(report.iou_mean)} on average (area of both over area of either).` : "No candidate was confirmed by both."),
    make("ul", { class: "ious" }, ...[...outlines].sort((a, b) => a.iou - b.iou).map(({ candidate, iou }) =>
      make("li", {}, make("button", { type: "button", onclick: () => jump(candidate) }, `${iou.toFixed(2)}`)))),
  ];
}

function classes(question: Question): string[][] {
  return question.classes.map((each) => [each.class.replace("-", " "), String(each.first), String(each.second), String(each.both), number(each.kappa)]);
}

function table(caption: string, heads: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map(([first, ...cells]) => make("tr", {}, make("th", { scope: "row" }, first ?? ""), ...cells.map((cell) => make("td", {}, cell))))),
  );
}
