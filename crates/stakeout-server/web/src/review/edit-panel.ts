// Editing the outline of the current candidate, and drawing structures that no detector found.

import { type Comparison, Problem } from "../api";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { newKey } from "../shell/browser";
import { register } from "../shell/keys";
import { attempt, tell } from "../shell/tell";
import type { Candidate } from "./decide";
import type { ReviewDesk } from "./desk";
import { type Draft, type Edit, onLeaving, whyNoVerdict } from "./draft";
import { Editor, type Sketch, toGeoJson, toMap } from "./editor";
import { type Polygon, type Ring, fault, merged, orthogonal, polygonArea, split, withHole } from "./geometry";
import type { Kept } from "./kept";
import type { Entry } from "./outbox";
import type { Geometry } from "./outline";
import { recorded } from "./revisions";
import type { DrawnBody, QueueFeature, ReviewBody } from "./send";
import { type Words, choose, chosen, forgetWords, words, wordsOf } from "./words";

const EDITING = "Drag corners and sides. By key: , or . chooses a corner, Shift with an arrow moves it, Enter keeps the outline.";
const DRAWING = "Click the corners, double-click the last one; or Enter puts a corner in the middle of the map, Shift+Enter ends.";
const SPLITTING = "Draw a line across the outline, and double-click its end.";
const CUTTING = "Draw the hole within the outline, and double-click its last corner.";
const FULL = "this browser has no room left, so it is lost when the page is left";

/** A drawing that is not recorded yet, and that is changed before it is sent again. */
interface Drawing {
  readonly body: DrawnBody;
  /** The one that the server did not take; null where the browser had no room to send it. */
  readonly entry: Entry | null;
  /** What was compared when this was drawn: it goes into that, though another comparison is shown by then. */
  readonly comparison: Comparison | null;
  /** The candidate whose title and note it has. */
  readonly wordsOf: string | null;
  readonly why: string;
}

export class EditPanel {
  readonly editor: Editor;
  readonly bar = make("div", { id: "edit-bar", role: "toolbar", "aria-label": "Edit the outline", hidden: true });
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
  private redrawing: Drawing | null = null;
  private wrong: string | null = null;
  /** What can be done now, or what came of what was done. */
  private hint = "";

  constructor(private readonly desk: ReviewDesk, private readonly stage: Stage) {
    this.editor = new Editor(stage);
    this.editor.onFault = (fault) => {
      this.wrong = fault;
      this.render();
    };
    this.editor.onTaken = () => this.leave();
    this.editor.isUnsaved = () => this.isUnsent;
    this.editor.onChange = (polygon) => {
      this.draft = this.draft && { ...this.draft, polygon };
      this.suggest(this.redrawing?.why ?? EDITING);
    };
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

  /** Why the outline cannot be changed now, by key or by button; empty where it can. */
  private get whyNotNow(): string {
    if (this.isHeld) return "The outline is being saved";
    if (this.editor.isSketching) return "End what you are drawing first: double-click its last corner, or leave it by Esc";
    return this.draft ? "" : "The outline is being read";
  }

  /** Whether a drawing is in hand that lies nowhere else. */
  private get isUnsent(): boolean {
    return this.drawing || this.redrawing?.entry === null;
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
    const on = () => this.isOn && this.whyNotNow === "";
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
    const { current, whyNot } = this.desk;
    const feature = this.desk.feature(this.desk.review.current);
    if (whyNot) return tell(whyNot);
    if (!current || !feature) return;
    if (this.isUnsent) return tell("end what you are drawing first, or leave it by Esc");
    // it is being changed already
    if (this.draft && this.editing === current.id) return element("map").focus();
    if (!this.stage.mayTake()) return;
    this.leave();
    this.editing = current.id;
    this.bar.hidden = false;
    this.suggest("");
    void attempt(() => this.begin(current, feature).catch((error) => {
      if (this.editing === current.id) this.end();
      throw error;
    }));
  }

  private async begin({ id, annotation }: Candidate, feature: QueueFeature): Promise<void> {
    const left = this.left.get(id);
    const kept = annotation ? undefined : this.desk.kept.of(id);
    const saved = annotation && !left?.based ? await recorded(annotation.id) : null;
    if (this.editing !== id) return;
    const polygon = toMap(kept?.geometry ?? saved?.body.geometry ?? this.desk.outline(id) ?? feature.geometry);
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
    if (onLeaving(edit) === "keep") this.desk.keep(edit.candidate, asKept(edit.draft));
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
      const isLasting = this.desk.keep(edit.candidate, asKept(edit.draft));
      tell(`the outline that you changed is kept: it is recorded when you confirm its candidate${isLasting ? "" : `; ${FULL}`}`);
    } else if (fate === "remember") {
      this.left.set(edit.candidate, edit);
      tell("the outline that you were changing is not recorded yet: E on its candidate goes on with it");
    }
  }

  /** Leaves the outline as it was, or ends what is being drawn. */
  cancel(): void {
    if (this.isHeld) return;
    if (!this.editor.isSketching || this.draft === null) return this.end();
    this.editor.endSketch();
    this.suggest(EDITING);
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
    this.editor.setActive(!this.isHeld);
    this.render();
  }

  /** Says what can be done, as long as nothing is wrong with the outline. */
  private suggest(hint: string): void {
    this.hint = hint;
    this.render();
  }

  private render(): void {
    const says = this.isHeld ? "The outline is being saved." : (this.wrong ?? this.hint);
    // what is written anew is read out anew
    if (this.says.textContent !== says) this.says.textContent = says;
    this.says.classList.toggle("fault", this.wrong !== null && !this.isHeld);
    const { whyNotNow } = this;
    for (const button of this.bar.querySelectorAll("button")) {
      const why = button.id === "edit-cancel" ? (this.isHeld ? whyNotNow : "") : whyNotNow || (button.id === "edit-keep" ? (this.wrong ?? "") : "");
      button.disabled = why !== "";
      button.title = why;
    }
  }

  /** Lets the person draw; what the buttons do waits meanwhile. */
  private sketch(kind: Sketch, hint: string, done: (positions: Ring) => void): void {
    this.editor.sketch(kind, done);
    this.suggest(hint);
    element("map").focus();
  }

  /** Takes up what was made of the outline, and says what came of it; where nothing did, only that. */
  private use(draft: Draft | null, hint: string): void {
    if (draft) {
      this.draft = draft;
      this.editor.replace(draft.polygon);
    }
    this.suggest(hint);
  }

  private moveCorner(key: string): void {
    const [right, up] = { "Shift+ArrowLeft": [-1, 0], "Shift+ArrowRight": [1, 0], "Shift+ArrowUp": [0, 1], "Shift+ArrowDown": [0, -1] }[key] ?? [0, 0];
    this.editor.moveCorner(right as number, up as number);
  }

  private split(): void {
    this.sketch("line", SPLITTING, (line) => {
      const { draft } = this;
      const parts = draft && split(draft.polygon, line);
      if (!draft || !parts) return this.use(null, "the line must enter and leave the outline once");
      const [bigger, smaller] = [...parts].sort((a, b) => polygonArea(b) - polygonArea(a)) as [Polygon, Polygon];
      this.use({ ...draft, polygon: bigger, pieces: [...draft.pieces, smaller] }, "the smaller part becomes a structure of its own when you keep this");
    });
  }

  private merge(): void {
    if (this.redrawing) return this.suggest("send the drawing first: it can be merged when it is a candidate");
    const selected = [...this.desk.review.selected].filter((id) => id !== this.editing);
    if (selected.length === 0) return this.suggest("select the other parts first (X in the list)");
    for (const id of selected) this.mergeWith(id);
  }

  private mergeWith(id: string): void {
    const { draft } = this;
    const outline = this.desk.outline(id);
    const whole = draft && outline && merged(draft.polygon, toMap(outline));
    if (!draft || !whole) return this.use(null, "the two outlines do not overlap: reshape one until they do");
    this.use({ ...draft, polygon: whole, parts: [...draft.parts, id] }, "the other part is rejected when this is recorded");
    // the verdict to come is one on the whole, not on its part
    this.desk.act({ type: "toggle", id });
  }

  private hole(): void {
    this.sketch("polygon", CUTTING, (ring) => {
      const polygon = this.draft && withHole(this.draft.polygon, ring);
      this.use(polygon && this.draft && { ...this.draft, polygon }, polygon ? EDITING : "a hole must lie within the outline");
    });
  }

  private square(): void {
    const polygon = this.draft && orthogonal(this.draft.polygon);
    this.use(polygon && this.draft && { ...this.draft, polygon }, polygon ? EDITING : "this outline cannot have right angles only");
  }

  private reset(): void {
    const feature = this.desk.feature(this.editing);
    if (feature) this.use({ polygon: toMap(feature.geometry), parts: [], pieces: [] }, EDITING);
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
    const isLasting = this.desk.keep(editing, asKept(draft));
    const parts = draft.parts.length > 0 ? `; ${draft.parts.length === 1 ? "the other part is" : `the ${draft.parts.length} other parts are`} rejected with it` : "";
    const pieces = draft.pieces.length > 0 ? "; what was cut off becomes a structure of its own" : "";
    tell(`the outline is kept: it is recorded when you confirm${parts}${pieces}${isLasting ? "" : `; ${FULL}`}`);
    this.desk.act({ type: "select", id: editing });
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
    const rejected = parts.length > 0 ? [{ verdict: "reject" as const, ids: parts, body: this.partOf(candidate) }] : [];
    if (!this.desk.give(rejected, drawn, batch, comparison)) {
      // to keep it once more is to change what was just saved
      if (this.editing === candidate) this.based = undefined;
      return tell("the outline was saved as a new revision, but what was merged or cut off was not: this browser has no room for it; keep the outline once more when some verdicts are sent");
    }
    if (this.editing === candidate) this.end();
    this.left.delete(candidate);
    this.desk.kept.forget(candidate);
    tell("the outline was saved as a new revision");
  }

  /** Somebody was first: to keep the outline once more is to put it in the place of theirs. */
  private async beBasedOnWhatStands(candidate: string, annotation: string): Promise<never> {
    const stands = await recorded(annotation);
    if (this.editing === candidate) this.based = stands?.etag;
    throw new Problem(412, stands ? "somebody changed this meanwhile: keep your outline once more to put it in the place of theirs" : "this was withdrawn meanwhile");
  }

  drawNew(): void {
    const { comparison, whyNot } = this.desk;
    if (whyNot) return tell(whyNot);
    if (!comparison) return tell("compare two scenes first: what is drawn belongs to a comparison");
    // it is being drawn already
    if (this.isUnsent) return element("map").focus();
    if (!this.stage.mayTake()) return;
    this.leave();
    this.drawing = true;
    this.bar.hidden = false;
    this.wrong = null;
    this.sketch("polygon", DRAWING, (ring: Ring) => {
      const wrong = fault([ring]);
      this.end();
      if (wrong) return tell(`not recorded: ${wrong}`);
      const body = { geometry: toGeoJson([ring]), ...words(), seen: this.seen(comparison) };
      const { current } = this.desk.review;
      if (this.desk.give([], [body], newKey(), comparison)) return forgetWords([current]);
      this.takeUp({ body, entry: null, comparison, wordsOf: current, why: "This drawing is not recorded: the browser has no room for it. Keep it once more when some verdicts are sent." });
    });
  }

  /** Takes up a drawing that the server did not take: its outline on the map, its type and confidence in their fields. */
  redraw(entry: Entry): void {
    if (this.isUnsent) return tell("end what you are drawing first, or leave it by Esc");
    const body = entry.body as DrawnBody;
    if (!this.stage.mayTake()) return;
    this.leave();
    this.stage.frameOutline(body.geometry);
    choose(body);
    this.takeUp({ body, entry, comparison: this.desk.comparison, wordsOf: null, why: `${entry.refused}; change its outline or its type and keep it, then it is sent again` });
  }

  private takeUp(drawing: Drawing): void {
    const polygon = toMap(drawing.body.geometry);
    this.redrawing = drawing;
    this.draft = { polygon, parts: [], pieces: [] };
    this.bar.hidden = false;
    this.editor.reshape(polygon);
    element("map").focus();
  }

  private sendAgain({ body, entry, comparison, wordsOf: candidate }: Drawing, { polygon, pieces }: Draft): void {
    const { structure_type: _, confidence: __, ...own } = body;
    const whole = { ...own, ...chosen(), geometry: toGeoJson(polygon), seen: this.seen(comparison) };
    if (!this.desk.give([], [whole, ...this.drawnFrom(pieces.map(toGeoJson), whole, comparison)], newKey(), comparison)) return;
    this.end();
    if (entry) this.desk.drop(entry);
    else forgetWords([candidate]);
  }
}

function asKept({ polygon, parts, pieces }: Draft): Kept {
  return { geometry: toGeoJson(polygon), parts, pieces: pieces.map(toGeoJson) };
}
