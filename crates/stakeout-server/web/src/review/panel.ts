// The panel of the review: filters, the queue, the verdict, what the record holds.

import { type CandidateProperties, type Feature, Problem, get } from "../api";
import { element, make } from "../dom";
import { RECORDED, openExport } from "../export-panel";
import type { Stage } from "../map/stage";
import { hear, onBroken } from "../shell/events";
import { register } from "../shell/keys";
import { whyNot } from "../shell/role";
import type { Session } from "../shell/sign-in";
import { attempt, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { mountAgreement } from "./agreement";
import { type Filters, type Order, type Review, type Show, type Verdict, queue, selectable, upcoming, waits } from "./decide";
import { ReviewDesk, type Said } from "./desk";
import { DrawnElsewhere } from "./drawn";
import { EditPanel } from "./edit-panel";
import { History } from "./history";
import { renderList } from "./list";
import type { Entry } from "./outbox";
import { RecordedWords } from "./recorded";
import type { DrawnBody, ReviewBody } from "./send";
import { mountWaiting } from "./waiting";
import { type Words, forgetWords, mountWords, showWordsOf, wordFields, words, wordsOf } from "./words";

const VERDICTS: readonly { verdict: Verdict; label: string; key: string }[] = [
  { verdict: "confirm", label: "Confirm", key: "c" },
  { verdict: "reject", label: "Reject", key: "r" },
  { verdict: "unsure", label: "Unsure", key: "u" },
  { verdict: "bad-imagery", label: "Bad imagery", key: "b" },
];
const ORDERS: readonly [Order, string][] = [["score", "score"], ["uncertainty", "uncertainty"], ["area", "area"], ["place", "place"]];
const SHOWS: readonly [Show, string][] = [["all", "all"], ["mine", "waiting for me"], ["disputed", "disputed"]];

export class ReviewPanel {
  private readonly desk = new ReviewDesk();
  private readonly edit: EditPanel;
  private readonly history: History;
  private readonly recorded: RecordedWords;
  private readonly drawn: DrawnElsewhere;
  private onMap: ReviewDesk["features"] | null = null;
  private site: string | null = null;

  constructor(private readonly workspace: Workspace, private readonly stage: Stage) {
    this.edit = new EditPanel(this.desk, stage);
    this.drawn = new DrawnElsewhere(stage, () => this.desk.role);
    this.history = new History(this.desk, { compare: (outlines) => this.edit.editor.compare(outlines) });
    this.recorded = new RecordedWords(this.desk);
    this.layOut();
    stage.picked = (id) => this.desk.act({ type: "select", id });
    this.registerKeys();
    this.desk.watch(() => this.render());
    workspace.watch(["comparison"], ({ comparison }) => void attempt(() => this.desk.show(comparison)));
    workspace.watch(["role", "sites", "isLoaded", "site", "scenes", "before", "after"], () => this.renderEmpty(queue(this.desk.review).length));
    workspace.watch(["site"], ({ site }) => {
      if (site && site !== this.site && this.desk.actor) void attempt(() => this.drawn.show(site));
      this.site = site;
    });
    workspace.onRecordChanged(() => void attempt(() => this.drawn.load()));
  }

  /** Says who reviews; nothing is sent before. */
  signedIn(session: Session): void {
    this.desk.actor = session.actor;
    this.desk.role = session.role;
    void attempt(() => mountWords(element("decision")));
    void this.desk.outbox.send();
    hear<{ id: string; by: string; comparison?: string }>("candidate", ({ id, by, comparison }) => {
      // what was drawn or written in another program names its comparison; that may have been the person themselves
      if (comparison !== undefined && comparison === this.desk.comparison?.id) return this.desk.loadSoon();
      if (!this.desk.features.has(id)) return;
      if (by === session.actor) this.desk.heardOfOwn(id);
      else this.desk.loadSoon();
    });
    // what was missed of it is looked for as the queue is
    onBroken({ missed: () => void attempt(() => this.drawn.load()), lost: () => {} });
  }

  private layOut(): void {
    const choice = <T extends string>(id: string, label: string, options: readonly [T, string][], to: (value: T) => Partial<Filters>) =>
      make("label", {}, make("span", {}, label), make("select", { id, onchange: (event) => this.filter(to((event.target as HTMLSelectElement).value as T)) }, ...options.map(([value, text]) => new Option(text, value))));
    const score = make("input", { id: "score", type: "range", min: 0, max: 1, step: 0.05, value: 0, oninput: () => this.filter({ scoreMin: Number(score.value) }) });
    const area = make("input", { id: "area", type: "number", min: 0, step: 10, value: 0, oninput: () => this.filter({ areaMin: Number(area.value) || 0 }) });
    element("review-panel").append(
      make("div", { class: "panel-row" }, make("div", { id: "tally", role: "status" }), make("span", { class: "spread" }), make("button", { type: "button", id: "draw-new", title: "Draw a structure that was not found (A)", onclick: () => this.edit.drawNew() }, "Draw ", make("kbd", {}, "A")), mountAgreement(this.workspace, (comparison, id) => void attempt(() => this.goTo(comparison, id)))),
      make(
        "div",
        { class: "filters-row" },
        choice("order", "Order by", ORDERS, (order) => ({ order })),
        choice("show", "Show", SHOWS, (show) => ({ show })),
        make("label", {}, make("span", {}, "Least score ", make("output", { id: "score-value" }, "0")), score),
        make("label", {}, make("span", {}, "Least area, m²"), area),
      ),
      make("label", { id: "select-all-row", class: "check" }, make("input", { id: "select-all", type: "checkbox", onchange: () => this.desk.act({ type: "toggle-shown" }) }), make("span", { id: "selected", "aria-live": "polite" })),
      make("ol", { id: "queue", "aria-label": "Queue of candidates" }),
      make("p", { id: "no-candidates", hidden: true }),
      this.drawn.list,
      mountWaiting(this.desk, { open: (comparison, id) => this.goTo(comparison, id), redraw: (entry) => this.redraw(entry) }),
      this.history.views,
      make("p", { id: "second-look", hidden: true }),
      make("div", { id: "finished", hidden: true }, make("span", {}, "All are reviewed."), make("button", { type: "button", id: "to-export", title: RECORDED, onclick: openExport }, "Export what was recorded")),
      this.edit.bar,
      this.recorded.box,
      this.form(),
      this.history.box,
    );
    // below what scrolls, so that it is always in view
    element("right").append(this.verdicts());
  }

  private form(): HTMLElement {
    return make("form", { id: "decision", "aria-label": "What is said of it", onsubmit: (event) => event.preventDefault() }, ...wordFields());
  }

  private verdicts(): HTMLElement {
    const buttons = VERDICTS.map(({ verdict, label, key }) =>
      make("button", { type: "button", "data-verdict": verdict, onclick: () => this.give(verdict) }, label, " ", make("kbd", {}, key.toUpperCase())));
    return make(
      "div",
      { class: "verdicts", role: "group", "aria-label": "Verdict" },
      ...buttons,
      make("button", { type: "button", id: "undo", onclick: () => void this.desk.takeBack() }, "Undo ", make("kbd", {}, "Z")),
      make("button", { type: "button", id: "edit", onclick: () => this.edit.start() }, "Edit ", make("kbd", {}, "E")),
    );
  }

  private registerKeys(): void {
    for (const { verdict, label, key } of VERDICTS) {
      register({ keys: [key], does: label.toLowerCase(), group: "Review", press: () => this.give(verdict) });
    }
    const step = (by: 1 | -1, extend = false) => () => this.desk.act({ type: "step", by, extend });
    register(
      { keys: ["z"], does: "undo the last verdict", group: "Review", press: () => void this.desk.takeBack() },
      { keys: ["j"], does: "next candidate", group: "Review", repeats: true, press: step(1) },
      { keys: ["k"], does: "previous candidate", group: "Review", repeats: true, press: step(-1) },
      { keys: ["x"], does: "select the candidate, for one verdict on several", group: "Review", press: () => this.desk.review.current && this.desk.act({ type: "toggle", id: this.desk.review.current }) },
      { keys: ["Shift+j", "Shift+k"], does: "select on the way", group: "Review", repeats: true, press: (key) => step(key === "Shift+j" ? 1 : -1, true)() },
      { keys: ["Shift+x"], does: "select all that wait, or none", group: "Review", press: () => this.desk.act({ type: "toggle-shown" }) },
      { keys: ["h"], does: "history of the candidate", group: "Review", press: () => (this.history.box.open = !this.history.box.open) },
    );
  }

  /** Shows a candidate, of whichever comparison of whichever site. */
  private async goTo(comparison: string, id: string): Promise<void> {
    await this.turnTo(comparison, id);
    if (this.desk.feature(id)) this.desk.act({ type: "select", id });
    else tell("the candidate is not in the queue any more");
  }

  /** Takes up a drawing that was refused, in its comparison. */
  private async redraw(entry: Entry): Promise<void> {
    await this.turnTo(entry.comparison, null);
    this.edit.redraw(entry);
  }

  /** Shows a comparison with its queue, unless it is shown. */
  private async turnTo(comparison: string, candidate: string | null): Promise<void> {
    if (comparison === this.desk.comparison?.id) return;
    await this.open(comparison, candidate);
    await this.desk.show(this.workspace.state.comparison);
  }

  /** Opens a comparison; where it is none of the open site, the site of a candidate of it. */
  private async open(comparison: string, candidate: string | null): Promise<void> {
    const { comparisons } = this.workspace.state;
    if (comparisons.some((each) => each.id === comparison)) return this.workspace.showComparison(comparison);
    if (candidate === null) throw new Problem(0, "open the site of this drawing first");
    const { properties } = await get<Feature<CandidateProperties>>(`/ogc/collections/candidates/items/${candidate}`);
    await this.workspace.openSite(properties.site, comparison);
  }

  private filter(to: Partial<Filters>): void {
    this.desk.act({ type: "filter", to });
  }

  private give(verdict: Verdict): void {
    const { whyNot } = this.desk;
    if (whyNot) return tell(whyNot);
    const ids = this.desk.targets;
    const why = this.edit.goWith(ids);
    if (why) return tell(`no verdict yet: ${why}`);
    const { current } = this.desk.review;
    const several = ids.length > 1;
    // what the fields show is said of all that are selected, and else of the one that it was written of
    const wordsFor = (id: string) => (several ? words() : wordsOf(id));
    const said = [{ verdict, ids, body: (id: string) => this.body(id, verdict, several, wordsFor(id)) }];
    const isGiven = verdict === "confirm" ? this.giveWithParts(said, ids, wordsFor) : this.desk.give(said);
    if (isGiven) forgetWords(several ? [...ids, current] : ids);
  }

  /** What was merged into a structure is rejected with its confirmation; what was cut off is recorded with it. */
  private giveWithParts(said: Said[], ids: readonly string[], wordsFor: (id: string) => Words): boolean {
    const pieces: DrawnBody[] = [];
    for (const id of ids) {
      const kept = this.desk.kept.of(id);
      const parts = kept?.parts.filter((part) => !ids.includes(part)) ?? [];
      if (parts.length > 0) said.push({ verdict: "reject", ids: parts, body: this.edit.partOf(id) });
      pieces.push(...this.edit.drawnFrom(kept?.pieces ?? [], wordsFor(id)));
    }
    return this.desk.give(said, pieces);
  }

  private body(id: string, verdict: Verdict, several: boolean, said: Words): ReviewBody {
    const seen = this.edit.seen();
    if (verdict !== "confirm") return { verdict, seen, ...(said.note ? { note: said.note } : {}) };
    // a title names one structure
    const { title, ...rest } = said;
    const geometry = this.desk.kept.of(id)?.geometry;
    return { verdict, seen, ...rest, ...(title && !several ? { title } : {}), ...(geometry ? { geometry } : {}) };
  }

  private render(): void {
    const { review, current, features } = this.desk;
    // outlines first: what becomes current is framed by its outline
    if (features !== this.onMap) this.stage.showCandidates([...features.values()]);
    this.onMap = features;
    this.stage.showMade(this.desk.outlines);
    const shown = queue(review);
    const waiting = shown.filter(waits).length;
    const beyond = this.beyond();
    element("tally").textContent = shown.length === 0 ? "" : waiting === 0 ? shown.length === 1 ? "reviewed" : `all ${shown.length} reviewed` : `${waiting} of ${shown.length} to review`;
    if (beyond > 0) element("tally").textContent += `; ${beyond} more come when these are done and the page is loaded anew`;
    // what is on its way may still be refused
    const own = this.desk.ownEntries;
    element("finished").hidden = review.candidates.length === 0 || beyond > 0 || review.candidates.some(waits) || own.length > 0;
    this.renderSelection(review);
    this.renderEmpty(shown.length);
    element("score-value").textContent = String(review.scoreMin);
    const onTheirWay = new Set(own.filter((entry) => !entry.conflict).map((entry) => entry.candidate));
    renderList(element("queue"), review, shown, onTheirWay, {
      select: (id) => this.desk.act({ type: "select", id }),
      toggle: (id) => this.desk.act({ type: "toggle", id }),
    });
    this.renderVerdicts(current !== null);
    showWordsOf(review.current);
    const second = element("second-look");
    second.hidden = current?.look !== "second";
    const did = current?.score === null ? "drawn" : "looked at";
    second.textContent = `Somebody has ${did} this one. What they said shows when you have given your verdict.`;
    this.stage.update(current, shown);
    this.stage.preload(upcoming(review));
  }

  /** How many candidates the queue leaves out: it has those that wait first, and of these the ones of higher score. */
  private beyond(): number {
    const { comparison, review } = this.desk;
    const found = review.candidates.filter((candidate) => candidate.score !== null).length;
    return this.desk.queue === "loaded" && comparison ? Math.max(0, comparison.candidates - found) : 0;
  }

  private renderSelection(review: Review): void {
    const all = selectable(review).length;
    const count = review.selected.size;
    const box = element<HTMLInputElement>("select-all");
    element("select-all-row").hidden = all < 2;
    box.checked = count > 0 && count >= all;
    box.indeterminate = count > 0 && count < all;
    element("selected").textContent = count > 0 ? `${count} selected, for one verdict` : `Select all ${all}${all < queue(review).length ? " that wait" : ""}`;
  }

  /** Says why the queue is empty, and what to do about it. */
  private renderEmpty(shown: number): void {
    const { comparison, review } = this.desk;
    const isCompared = comparison !== null;
    const found = review.candidates.length;
    element("queue").hidden = shown === 0;
    const empty = element("no-candidates");
    empty.hidden = shown > 0;
    empty.textContent = !isCompared
      ? `No candidates yet: ${this.firstStep()}.`
      : this.desk.queue === "loading"
      ? "The candidates are being loaded."
      : this.desk.queue === "failed"
      ? "The candidates could not be loaded; this is tried again every few seconds."
      : found > 0
        ? `None of ${found} is shown: lower the thresholds, or show all.`
        : "Nothing was found that is new or gone between these two scenes. What you see yourself you can draw.";
  }

  /** What a comparison waits for. */
  private firstStep(): string {
    const { sites, isLoaded, site, role, scenes, before, after } = this.workspace.state;
    if (!isLoaded) return "the sites are being loaded";
    if (site === null) return sites.length === 0 ? "there is no site yet" : "no site is open";
    const why = whyNot(role, "compare scenes");
    if (why) return `nothing was compared. ${why}`;
    const first = scenes.length < 2 ? "add two scenes of different dates" : before && after && !(before.geometry && after.geometry) ? "place both scenes" : "choose two scenes";
    return `${first} below and press “Find what is new”`;
  }

  private renderVerdicts(isThereOne: boolean): void {
    const { whyNot } = this.desk;
    const why = whyNot || (isThereOne ? "" : "There is no candidate to decide on");
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-verdict], #edit")) {
      button.disabled = why !== "";
      button.title = why;
    }
    const drawNew = element<HTMLButtonElement>("draw-new");
    drawNew.disabled = whyNot !== "" || !this.desk.comparison;
    drawNew.title = whyNot ? whyNot : this.desk.comparison ? "Draw a structure that was not found (A)" : "Compare two scenes first";
    const undo = element<HTMLButtonElement>("undo");
    undo.disabled = this.desk.newestBatch() === undefined;
    undo.title = undo.disabled ? "There is nothing of yours to take back" : "";
  }
}
