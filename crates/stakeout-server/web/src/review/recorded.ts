// What is recorded of the current candidate: the words of its annotation, and a dialog that changes them as a new
// revision. No verdict is needed for that.

import { Problem } from "../api";
import { element, make } from "../dom";
import { field, formDialog } from "../shell/dialogs";
import { register } from "../shell/keys";
import { isAtLeast } from "../shell/role";
import { attempt, tell } from "../shell/tell";
import type { Candidate } from "./decide";
import type { ReviewDesk } from "./desk";
import { recorded } from "./revisions";
import { CONFIDENCES, typeLabel, typeOptions } from "./words";

interface Words {
  readonly title: string | null;
  readonly structure_type: string | null;
  readonly confidence: string | null;
  readonly note: string | null;
  readonly status: string;
}
interface Shown { readonly candidate: string; readonly annotation: string; readonly etag: string; readonly words: Words }

export class RecordedWords {
  readonly box = make("section", { id: "recorded", "aria-label": "What is recorded", hidden: true });
  private shown: Shown | null = null;
  /** What the dialog changes: as it was when the dialog was opened. */
  private changing: Shown | null = null;
  private known = "";
  private readonly type = make("select", { id: "recorded-type" });
  private readonly confidence = make("select", { id: "recorded-confidence" }, new Option("not said", ""), ...CONFIDENCES.map((each) => new Option(each, each)));
  private readonly title = make("input", { id: "recorded-title", maxlength: 200, autocomplete: "off" });
  private readonly note = make("textarea", { id: "recorded-note", rows: 4, maxlength: 20000 });
  private readonly form = formDialog(
    "Change what is recorded",
    "Save",
    [field("Type", this.type), field("Confidence", this.confidence), field("Title", this.title, "wide"), field("Note", this.note, "wide")],
    () => this.save(),
  );

  constructor(private readonly desk: ReviewDesk) {
    desk.watch(() => void attempt(() => this.load()));
    register({ keys: ["Shift+e"], does: "change what is recorded: type, confidence, title, note", group: "Edit", press: () => this.open() });
  }

  private async load(): Promise<void> {
    const { current } = this.desk;
    const now = current?.annotation ? `${current.id} ${current.etag} ${current.annotation.status} ${this.desk.loads}` : "";
    if (now === this.known) return;
    this.known = now;
    // until it is read, nothing shows in the place of another candidate's
    if (this.shown?.candidate !== current?.id) this.show(null);
    if (!current?.annotation) return this.show(null);
    try {
      const shown = await this.read(current, current.annotation.id);
      if (this.known === now) this.show(shown);
    } catch (error) {
      // it is read again when anything changes
      if (this.known === now) this.known = "";
      throw error;
    }
  }

  private show(shown: Shown | null): void {
    this.shown = shown;
    this.render();
  }

  private async read(candidate: Candidate, annotation: string): Promise<Shown | null> {
    const stands = await recorded<Words>(annotation);
    // withdrawn meanwhile: there is nothing to show
    return stands && { candidate: candidate.id, annotation, etag: stands.etag, words: stands.body.properties };
  }

  private render(): void {
    this.box.hidden = this.shown === null;
    if (!this.shown) return;
    const { words } = this.shown;
    const why = this.whyNot();
    const change = make("button", { type: "button", id: "recorded-change", title: why, disabled: why !== "", onclick: () => this.open() }, "Change ", make("kbd", {}, "Shift+E"));
    const said = [words.structure_type ? typeLabel(words.structure_type) : "type not said", words.confidence ? `${words.confidence} confidence` : "confidence not said"].join(" · ");
    this.box.replaceChildren(
      make("div", { class: "panel-row" }, make("strong", {}, words.title ?? "No title"), make("span", { class: "spread" }), change),
      make("p", {}, said, make("span", { class: `status ${words.status}` }, words.status)),
      words.note ? make("p", { class: "note" }, words.note) : "",
    );
  }

  /** Why the person may not change it; empty where they may. */
  private whyNot(): string {
    return whyNoChange(this.desk.role, this.shown?.words.status);
  }

  private open(): void {
    const { current } = this.desk;
    if (!current?.annotation) return tell("nothing is recorded of this candidate: confirm it first");
    if (this.shown?.candidate !== current.id) return tell("what is recorded of this candidate is not read yet");
    const why = this.whyNot();
    if (why) return tell(why);
    this.changing = this.shown;
    const { words } = this.shown;
    this.type.replaceChildren(...typeOptions());
    this.type.value = words.structure_type ?? "";
    this.confidence.value = words.confidence ?? "";
    this.title.value = words.title ?? "";
    this.note.value = words.note ?? "";
    this.form.open();
    this.title.focus();
  }

  private async save(): Promise<void> {
    const { changing } = this;
    if (!changing) return;
    const value = (input: { value: string }) => input.value.trim() || null;
    const properties = { structure_type: value(this.type), confidence: value(this.confidence), title: value(this.title), note: value(this.note) };
    try {
      await this.desk.revise(changing.candidate, changing.annotation, { properties }, changing.etag);
    } catch (error) {
      if (error instanceof Problem && error.status === 412) await this.beBasedOnWhatStands(changing);
      throw error;
    }
    tell("what is recorded was changed, as a new revision");
    this.form.box.addEventListener("close", () => element("map").focus(), { once: true });
  }

  /** Somebody was first: what they say is told, and saving once more puts what is typed in its place. */
  private async beBasedOnWhatStands(changing: Shown): Promise<never> {
    const stands = await recorded<Words>(changing.annotation);
    if (!stands) throw new Problem(412, "this was withdrawn meanwhile");
    this.changing = { ...changing, etag: stands.etag };
    throw new Problem(412, `somebody changed this meanwhile, to: ${inShort(stands.body.properties)}. Save once more to put your words in the place of theirs`);
  }
}

/** Why a role may not change an annotation of a status, nor withdraw it; empty where it may. */
export function whyNoChange(role: string | null, status: string | undefined): string {
  if (role === "viewer" || role === null) return "Your role may look, and not change";
  if (status !== "draft" && !isAtLeast(role, "reviewer")) return "It is settled: a reviewer may change it";
  return "";
}

function inShort({ title, structure_type, confidence, note }: Words): string {
  return [title ?? "no title", typeLabel(structure_type), confidence && `${confidence} confidence`, note].filter(Boolean).join(", ");
}
