// How far people agree who looked at the same candidates without seeing each other's verdicts: a page of its own.

import { get } from "../api";
import { make } from "../dom";
import { register } from "../shell/keys";
import { asked, ownPage } from "../shell/address";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";
import { typeLabel } from "./words";

interface Kappa { readonly candidates: number; readonly observed: number | null; readonly expected: number | null; readonly kappa: number | null }
interface Question extends Kappa { readonly classes: readonly { readonly class: string; readonly first: number; readonly second: number; readonly both: number; readonly kappa: number | null }[] }
interface OutlineAgreement { readonly candidate: string; readonly comparison: string; readonly structure_type: string | null; readonly iou: number }
interface Agreement {
  readonly verdicts: Question;
  readonly structure_types: Question;
  readonly outlines: readonly OutlineAgreement[];
  readonly iou_mean: number | null;
  readonly people: readonly (Kappa & { readonly people: readonly [string, string] })[];
}

const number = (value: number | null) => (value === null ? "not defined" : value.toFixed(2));
const share = (value: number | null) => (value === null ? "–" : `${Math.round(value * 100)} %`);

export function mountAgreement(workspace: Workspace, jump: (comparison: string, candidate: string) => void): HTMLElement {
  const body = make("div", { class: "agreement" });
  const title = make("h2", { id: "agreement-title" }, "Agreement");
  const close = make("button", { type: "button", onclick: () => box.close() }, "Back to the images ", make("kbd", {}, "Esc"));
  const box = make("dialog", { id: "agreement", class: "page", "aria-labelledby": "agreement-title" }, make("div", { class: "panel-row" }, title, make("span", { class: "spread" }), close), body);
  document.body.append(box);
  const load = async () => {
    const { site } = workspace.state;
    const report = await get<Agreement>(`/api/agreement${site ? `?site=${site}` : ""}`);
    title.textContent = workspace.site ? `Agreement on ${workspace.site.properties.name}` : "Agreement";
    body.replaceChildren(...content(report, (outline) => {
      box.close();
      jump(outline.comparison, outline.candidate);
    }));
  };
  const go = ownPage("agreement", (isOpen) => {
    if (!isOpen) return box.close();
    void attempt(async () => {
      await load();
      if (!box.open) box.showModal();
    });
  });
  box.addEventListener("close", () => go(false));
  // an address that was opened with the page on it: what it is about is there once the site is
  workspace.watch(["site"], ({ site }) => site && asked().page === "agreement" && go(true));
  register({ keys: ["Shift+a"], does: "how far people agree", group: "Page", press: () => go(true) });
  return make("button", { type: "button", id: "agreement-open", "aria-haspopup": "dialog", title: "How far people agree (Shift+A)", onclick: () => go(true) }, "Agreement");
}

function content(report: Agreement, jump: (outline: OutlineAgreement) => void): HTMLElement[] {
  const { verdicts, structure_types: types, outlines } = report;
  if (verdicts.candidates === 0) {
    return [make("p", {}, "Nobody has looked at the same candidate as somebody else yet. As soon as a second person has given a verdict without seeing the first, this page says how far they agree.")];
  }
  const people = report.people.map((each) => [each.people.join(" and "), String(each.candidates), share(each.observed), number(each.kappa)]);
  return [
    make("p", {}, `${verdicts.candidates} ${verdicts.candidates === 1 ? "candidate was" : "candidates were"} looked at by two people, neither seeing what the other said. They agree on ${share(verdicts.observed)}; chance alone would give ${share(verdicts.expected)}. Cohen's kappa, the agreement beyond chance: ${number(verdicts.kappa)} (1 is full agreement, 0 what chance gives). Structures drawn by hand are left out.`),
    table("Verdicts", ["Verdict", "First", "Second", "Both", "Kappa"], classes(verdicts)),
    ...(types.candidates > 0 ? [table("Structure types", ["Type", "First", "Second", "Both", "Kappa"], classes(types))] : []),
    table("People", ["Two people", "Candidates", "Same verdict", "Kappa"], people),
    make("h3", {}, "Outlines"),
    make("p", {}, outlines.length > 0 ? `Where both confirmed, their outlines cover each other by ${number(report.iou_mean)} on average: the area of both over the area of either (IoU). 1.00 is the same outline, as where neither changed the detector's.` : "No candidate was confirmed by both."),
    ...(outlines.length > 0 ? [table("IoU by structure type", ["Type that both named", "Candidates", "Mean", "Least"], outlineRows(outlines))] : []),
    ...(outlines.length > 0 ? [make("h4", {}, "The least alike first: open one to look at it")] : []),
    make("ul", { class: "ious" }, ...[...outlines].sort((a, b) => a.iou - b.iou).map((outline) =>
      make("li", {}, make("button", { type: "button", "data-outline": outline.candidate, "aria-label": `Look at the candidate with IoU ${outline.iou.toFixed(2)}`, onclick: () => jump(outline) }, outline.iou.toFixed(2))))),
  ];
}

function outlineRows(outlines: readonly OutlineAgreement[]): string[][] {
  const types = [...new Set(outlines.map((outline) => outline.structure_type))].sort((a, b) => (a ?? "~").localeCompare(b ?? "~"));
  return types.map((type) => {
    const ious = outlines.filter((outline) => outline.structure_type === type).map((outline) => outline.iou);
    const mean = ious.reduce((sum, iou) => sum + iou, 0) / ious.length;
    return [type === null ? "none, or not the same" : typeLabel(type), String(ious.length), mean.toFixed(2), Math.min(...ious).toFixed(2)];
  });
}

function classes(question: Question): string[][] {
  return question.classes.map((each) => [typeLabel(each.class).replace("-", " "), String(each.first), String(each.second), String(each.both), number(each.kappa)]);
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
