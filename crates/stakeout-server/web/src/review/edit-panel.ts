// Editing the outline of the current candidate, and drawing structures that no detector found.

import { type Comparison, type Feature, Problem, checked, get, getTagged, write } from "../api";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { newKey } from "../shell/browser";
import { register } from "../shell/keys";
import { attempt, tell } from "../shell/tell";
import type { Candidate } from "./decide";
import type { ReviewDesk } from "./desk";
import { type Draft, type Edit, onLeaving, whyNoVerdict } from "./draft";
import { Editor, toGeoJson, toMap } from "./editor";
import { type Polygon, type Ring, fault, merged, orthogonal, polygonArea, split, withHole } from "./geometry";
import type { Kept } from "./kept";
import type { Entry } from "./outbox";
import { recorded } from "./revisions";
import type { DrawnBody, Geometry, QueueFeature, ReviewBody } from "./send";
import { type Words, choose, chosen, forgetWords, typeLabel, words, wordsOf } from "./words";

interface DrawnProperties { readonly title: string | null; readonly structure_type: string | null; readonly area_m2: number; readonly status: string; readonly candidate: string | null }

export class EditPanel {
  readonly editor: Editor;
  readonly bar = make("div", { id: "edit-bar", role: "toolbar", "aria-label": "Edit the outline", hidden: true });
  readonly drawn = make("ul", { id: "drawn", "aria-label": "Structures drawn in other programs" });
  private readonly says = make("p", { id: "edit-says", role: "status", "aria-live": "polite" });
  private editing: string | null = null;
  /** The state of the annotation that is edited, so that a newer one is not overwritten. */
  private based: string | undefined;
  private begun: Draft | null = null;
  private draft: Draft | null = null;
  /** Outlines that were changed and left without being kept, by candidate: editing goes on with them. */
  private readonly left = new Map<string, Edit>();
  private drawing = false;
  /** The candidate whose outline is on its way: nothing of it can be changed until that is answered. */
  private saving: string | null = null;
  /** What was compared when this began: what is drawn goes into it, though another comparison is shown by then. */
  private comparison: Comparison | null = null;
  /** A drawing that the server did not take, and that is changed. */
  private redrawing: Entry | null = null;
  private wrong: string | null = null;
  private site = "";

  constructor(private readonly desk: ReviewDesk, private readonly stage: Stage) {
    this.editor = new Editor(stage);
    this.editor.onFault = (fault) => this.say(fault);
    this.editor.onTaken = () => this.leave();
    this.editor.isUnsaved = () => this.drawing;
    this.editor.onChange = (polygon) => (this.draft = this.draft && { ...this.draft, polygon });
    this.makeBar();
    this.registerKeys();
    // whoever goes on to another candidate has left the outline
    desk.watch(() => {
      if (this.editing && this.editing !== desk.review.current) this.leave();
    });
  }

  private get isHeld(): boolean {
    return this.saving !== null && this.saving === this.editing;
  }

  get isOn(): boolean {
    return this.editing !== null || this.drawing || this.redrawing !== null;
  }

  /** Shows the outlines that a person made in the place of the detector's. */
  showKept(): void {
    for (const [candidate, { geometry }] of this.desk.kept.shown()) this.stage.outline(candidate, geometry);
  }

  /** What is said of the parts of a structure that was merged: they are none of their own. */
  partOf(whole: string): (id: string) => ReviewBody {
    return () => ({ verdict: "reject", note: `part of candidate ${whole}`, seen: this.seen() });
  }

  /** Structures that were cut off, as they are recorded: they are what the whole is, but for its title. */
  drawnFrom(pieces: readonly Geometry[], { title: _, ...said }: Words, comparison = this.desk.comparison): DrawnBody[] {
    return pieces.map((geometry) => ({ geometry, ...said, seen: this.seen(comparison) }));
  }

  /** What the person sees: it is recorded with what they say. */
  seen(comparison = this.desk.comparison): Record<string, unknown> {
    return { before: comparison?.before, after: comparison?.after, ...this.stage.seen() };
  }

  private makeBar(): void {
    const button = (id: string, label: string, key: string, act: () => void) =>
      make("button", { type: "button", id: `edit-${id}`, onclick: act }, label, " ", make("kbd", {}, key));
    this.bar.append(
      button("split", "Split", "P", () => this.split()),
      button("merge", "Merge", "M", () => this.merge()),
      button("hole", "Hole", "L", () => this.hole()),
      button("square", "Square", "Q", () => this.square()),
      button("reset", "Reset", "0", () => this.reset()),
      button("keep", "Keep", "Enter", () => this.keep()),
      button("cancel", "Cancel", "Esc", () => this.cancel()),
      this.says,
    );
  }

  private registerKeys(): void {
    const on = () => this.draft !== null && !this.editor.isSketching && !this.isHeld;
    const sketching = () => this.editor.isSketching;
    const arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => `Shift+${key}`);
    register(
      { keys: ["e"], does: "edit the outline", group: "Edit", press: () => this.start() },
      { keys: ["a"], does: "draw a structure that was not found", group: "Edit", press: () => this.drawNew() },
      { keys: ["p"], does: "split along a line", group: "Edit", when: on, press: () => this.split() },
      { keys: ["m"], does: "merge with the selected candidates", group: "Edit", when: on, press: () => this.merge() },
      { keys: ["l"], does: "cut a hole", group: "Edit", when: on, press: () => this.hole() },
      { keys: ["q"], does: "make right angles", group: "Edit", when: on, press: () => this.square() },
      { keys: ["0"], does: "the detector's outline again", group: "Edit", when: on, press: () => this.reset() },
      { keys: [",", "."], does: "previous, next corner", group: "Edit", when: on, press: (key) => this.editor.stepCorner(key === "." ? 1 : -1) },
      { keys: arrows, does: "move the corner", group: "Edit", when: on, repeats: true, press: (key) => this.moveCorner(key) },
      { keys: ["Delete"], does: "remove the corner", group: "Edit", when: on, press: () => this.editor.removeCorner() },
      { keys: ["Enter"], does: "keep the outline", group: "Edit", when: on, press: () => this.keep() },
      { keys: ["Enter"], does: "put a corner in the middle of the map", group: "Edit", when: sketching, press: () => this.editor.placeCorner() },
      { keys: ["Shift+Enter"], does: "end drawing", group: "Edit", when: sketching, press: () => this.editor.finishSketch() },
      { keys: ["Backspace"], does: "take the last corner back", group: "Edit", when: sketching, press: () => this.editor.removeLastCorner() },
      { keys: ["Escape"], does: "", group: "Edit", when: () => this.isOn, press: () => this.cancel() },
    );
  }

  start(): void {
    const { current } = this.desk;
    const feature = this.desk.feature(this.desk.review.current);
    if (!current || !feature) return;
    // it is being changed already
    if (this.draft && this.editing === current.id) return element("map").focus();
    if (!this.stage.mayTake()) return;
    this.leave();
    this.editing = current.id;
    this.bar.hidden = false;
    void attempt(() => this.begin(current, feature));
  }

  private async begin({ id, annotation }: Candidate, feature: QueueFeature): Promise<void> {
    const left = this.left.get(id);
    const kept = annotation ? undefined : this.desk.kept.of(id);
    const saved = annotation && !left?.based ? await recorded(annotation.id) : null;
    if (this.editing !== id) return;
    const polygon = toMap(kept?.geometry ?? saved?.body.geometry ?? feature.geometry);
    this.begun = left?.begun ?? { polygon, parts: kept?.parts ?? [], pieces: kept?.pieces.map(toMap) ?? [] };
    this.draft = left?.draft ?? this.begun;
    this.based = left?.based ?? saved?.etag;
    this.left.delete(id);
    this.editor.reshape(this.draft.polygon);
    this.showHeld();
    element("map").focus();
  }

  private get edit(): Edit | null {
    const { editing: candidate, begun, draft, based } = this;
    if (!candidate || !begun || !draft) return null;
    // another comparison may be shown by now
    const isRecorded = based !== undefined || this.desk.review.candidates.some((each) => each.id === candidate && each.annotation !== null);
    return { candidate, begun, draft, based, isRecorded };
  }

  /** Makes the outline that is being changed go with a verdict on these candidates; says why there can be none yet. */
  goWith(ids: readonly string[]): string | null {
    const { edit } = this;
    if (!edit || !ids.includes(edit.candidate)) return null;
    const why = whyNoVerdict(edit);
    if (why) return why;
    if (onLeaving(edit) === "keep") this.keepForVerdict(edit.candidate, edit.draft);
    this.end();
    return null;
  }

  /** Leaves the outline: what was changed of it is not lost. */
  private leave(): void {
    const { edit } = this;
    this.end();
    if (!edit) return;
    const fate = onLeaving(edit);
    if (fate === "keep") {
      this.keepForVerdict(edit.candidate, edit.draft);
      tell("the outline that you changed is kept: it is recorded when you confirm its candidate");
    } else if (fate === "remember") {
      this.left.set(edit.candidate, edit);
      tell("the outline that you were changing is not recorded yet: E on its candidate goes on with it");
    }
  }

  /** Leaves the outline as it was, or ends what is being drawn. */
  cancel(): void {
    if (this.isHeld) return;
    if (this.editor.isSketching && this.draft !== null) return this.editor.endSketch();
    this.end();
  }

  private end(): void {
    this.editing = null;
    this.redrawing = null;
    this.begun = null;
    this.draft = null;
    this.drawing = false;
    this.bar.hidden = true;
    this.editor.stop();
    this.showHeld();
  }

  private showHeld(): void {
    for (const button of this.bar.querySelectorAll("button")) button.disabled = this.isHeld;
    this.editor.setActive(!this.isHeld);
    this.say(this.wrong, this.isHeld ? "the outline is being saved" : "");
  }

  private say(fault: string | null, otherwise = ""): void {
    this.wrong = fault;
    this.says.textContent = fault ?? otherwise;
    this.says.classList.toggle("fault", fault !== null);
    element<HTMLButtonElement>("edit-keep").disabled = fault !== null || this.drawing || this.isHeld;
    element<HTMLButtonElement>("edit-keep").title = fault ?? "";
  }

  private use(draft: Draft | null, otherwise: string): void {
    if (!draft) return this.say(null, otherwise);
    this.draft = draft;
    this.editor.replace(draft.polygon);
  }

  private moveCorner(key: string): void {
    const [right, up] = { "Shift+ArrowLeft": [-1, 0], "Shift+ArrowRight": [1, 0], "Shift+ArrowUp": [0, 1], "Shift+ArrowDown": [0, -1] }[key] ?? [0, 0];
    this.editor.moveCorner(right as number, up as number);
  }

  private split(): void {
    this.say(null, "draw a line across the outline");
    this.editor.sketch("line", (line) => {
      const { draft } = this;
      const parts = draft && split(draft.polygon, line);
      if (!draft || !parts) return this.use(null, "the line must enter and leave the outline once");
      const [bigger, smaller] = [...parts].sort((a, b) => polygonArea(b) - polygonArea(a)) as [Polygon, Polygon];
      this.use({ ...draft, polygon: bigger, pieces: [...draft.pieces, smaller] }, "");
      this.say(this.wrong, "the smaller part becomes a structure of its own when you keep this");
    });
  }

  private merge(): void {
    if (this.redrawing) return this.say(null, "send the drawing first: it can be merged when it is a candidate");
    const selected = [...this.desk.review.selected].filter((id) => id !== this.editing);
    if (selected.length === 0) return this.say(null, "select the other parts first (X in the list)");
    for (const id of selected) this.mergeWith(id);
  }

  private mergeWith(id: string): void {
    const { draft } = this;
    const feature = this.desk.feature(id);
    const whole = draft && feature && merged(draft.polygon, toMap(feature.geometry));
    if (!draft || !whole) return this.use(null, "the two outlines do not overlap: reshape one until they do");
    this.use({ ...draft, polygon: whole, parts: [...draft.parts, id] }, "");
    // the verdict to come is one on the whole, not on its part
    this.desk.act({ type: "toggle", id });
  }

  private hole(): void {
    this.say(null, "draw the hole within the outline");
    this.editor.sketch("polygon", (ring) => {
      const polygon = this.draft && withHole(this.draft.polygon, ring);
      this.use(polygon && this.draft && { ...this.draft, polygon }, "a hole must lie within the outline");
    });
  }

  private square(): void {
    const polygon = this.draft && orthogonal(this.draft.polygon);
    this.use(polygon && this.draft && { ...this.draft, polygon }, "this outline cannot have right angles only");
  }

  private reset(): void {
    const feature = this.desk.feature(this.editing);
    if (feature) this.use({ polygon: toMap(feature.geometry), parts: [], pieces: [] }, "");
  }

  /** Keeps the outline: for the verdict to come, or as a new revision of the annotation that is there. */
  private keep(): void {
    const { draft, editing, redrawing } = this;
    const { current } = this.desk;
    if (!draft || this.isHeld || fault(draft.polygon)) return;
    if (redrawing) return this.sendAgain(redrawing, draft);
    if (!editing || !current) return;
    const { annotation } = current;
    if (annotation) return void attempt(() => this.save(editing, annotation.id, draft));
    this.end();
    this.keepForVerdict(editing, draft);
    const parts = draft.parts.length > 0 ? `; ${draft.parts.length === 1 ? "the other part is" : `the ${draft.parts.length} other parts are`} rejected with it` : "";
    const pieces = draft.pieces.length > 0 ? "; what was cut off becomes a structure of its own" : "";
    tell(`the outline is kept: it is recorded when you confirm${parts}${pieces}`);
    this.desk.act({ type: "select", id: editing });
  }

  private keepForVerdict(candidate: string, draft: Draft): void {
    this.desk.kept.keep(candidate, asKept(draft));
    this.showKept();
  }

  /** Saves the outline as a new revision; until the server has it, it stays on the map. */
  private async save(candidate: string, annotation: string, draft: Draft): Promise<void> {
    const { comparison } = this.desk;
    const batch = newKey();
    const { geometry, parts, pieces } = asKept(draft);
    const drawn = this.drawnFrom(pieces, wordsOf(candidate));
    this.saving = candidate;
    this.showHeld();
    try {
      await this.desk.revise(candidate, annotation, { geometry }, this.based, batch);
    } catch (error) {
      if (error instanceof Problem && error.status === 412) await this.beBasedOnWhatStands(candidate, annotation);
      throw error;
    } finally {
      this.saving = null;
      if (this.editing === candidate) this.showHeld();
    }
    if (this.editing === candidate) this.end();
    this.left.delete(candidate);
    this.desk.kept.forget(candidate);
    const rejected = parts.length > 0 ? [{ verdict: "reject" as const, ids: parts, body: this.partOf(candidate) }] : [];
    this.desk.give(rejected, drawn, batch, comparison);
    tell("the outline was saved as a new revision");
  }

  /** Somebody was first: to keep the outline once more is to put it in the place of theirs. */
  private async beBasedOnWhatStands(candidate: string, annotation: string): Promise<never> {
    const stands = await recorded(annotation);
    if (this.editing === candidate) this.based = stands?.etag;
    throw new Problem(412, stands ? "somebody changed this meanwhile: keep your outline once more to put it in the place of theirs" : "this was withdrawn meanwhile");
  }

  drawNew(): void {
    const { comparison } = this.desk;
    if (!comparison || !this.stage.mayTake()) return;
    this.leave();
    this.drawing = true;
    this.bar.hidden = false;
    this.say(null, "click the corners, double-click the last one; or Enter puts a corner in the middle of the map, Shift+Enter ends");
    element("map").focus();
    this.editor.sketch("polygon", (ring: Ring) => {
      const wrong = fault([ring]);
      this.end();
      if (wrong) return tell(`not recorded: ${wrong}`);
      this.desk.give([], [{ geometry: toGeoJson([ring]), ...words(), seen: this.seen(comparison) }], newKey(), comparison);
      forgetWords([this.desk.review.current]);
    });
  }

  /** Takes up a drawing that the server did not take: its outline on the map, its type and confidence in their fields. */
  redraw(entry: Entry): void {
    const body = entry.body as DrawnBody;
    const polygon = toMap(body.geometry);
    if (!this.stage.mayTake()) return;
    this.leave();
    this.redrawing = entry;
    this.comparison = this.desk.comparison;
    this.draft = { polygon, parts: [], pieces: [] };
    this.bar.hidden = false;
    this.editor.reshape(polygon);
    this.stage.frameOutline(polygon[0] as Ring);
    choose(body);
    this.say(this.wrong, `${entry.refused}; change its outline or its type and keep it, then it is sent again`);
    element("map").focus();
  }

  private sendAgain(entry: Entry, { polygon, pieces }: Draft): void {
    const { comparison } = this;
    const { structure_type: _, confidence: __, ...own } = entry.body as DrawnBody;
    const whole = { ...own, ...chosen(), geometry: toGeoJson(polygon), seen: this.seen(comparison) };
    this.end();
    this.desk.drop(entry);
    this.desk.give([], [whole, ...this.drawnFrom(pieces.map(toGeoJson), whole, comparison)], newKey(), comparison);
  }

  async show(site: string): Promise<void> {
    this.site = site;
    // another site's must not stand here, nor be withdrawn from here
    this.drawn.hidden = true;
    this.drawn.replaceChildren();
    await this.loadDrawn();
  }

  /** Structures that have no candidate: brought by other programs, such as QGIS. */
  private async loadDrawn(): Promise<void> {
    const { site } = this;
    const filter = encodeURIComponent("candidate IS NULL");
    const { features } = await get<{ features: Feature<DrawnProperties>[] }>(`/ogc/collections/annotations/items?site=${site}&filter=${filter}&limit=200`);
    if (site !== this.site) return;
    this.drawn.hidden = features.length === 0;
    this.drawn.replaceChildren(...features.map(({ id, properties }) => {
      const what = `${properties.title ?? typeLabel(properties.structure_type)}, ${Math.round(properties.area_m2).toLocaleString("en")} m²`;
      const withdraw = make("button", { type: "button", "aria-label": `Withdraw ${what}`, onclick: () => void attempt(() => this.withdraw(id)) }, "Withdraw");
      return make("li", { "data-annotation": id }, make("span", {}, `drawn elsewhere: ${what}, ${properties.status}`), withdraw);
    }));
  }

  private async withdraw(id: string): Promise<void> {
    const path = `/ogc/collections/annotations/items/${id}`;
    const { etag } = await getTagged(path);
    await checked(await write("DELETE", path, undefined, { "if-match": etag }));
    tell("the drawn structure was withdrawn");
    await this.loadDrawn();
  }
}

function asKept({ polygon, parts, pieces }: Draft): Kept {
  return { geometry: toGeoJson(polygon), parts, pieces: pieces.map(toGeoJson) };
}
