// What the record holds on the current candidate: what each person said, side by side where they disagree, and the
// revisions of its annotation, any of which can be brought back.

import { type Feature, get } from "../api";
import { make } from "../dom";
import { attempt, tell } from "../shell/tell";
import type { Candidate } from "./decide";
import type { ReviewDesk } from "./desk";
import { restore } from "./revisions";
import type { Recorded } from "./send";
import { clock } from "./times";
import { typeLabel } from "./words";

interface Version {
  readonly seq: number;
  readonly time: string;
  readonly actor: string;
  readonly kind: string;
  readonly change: { readonly feature: Feature<{ title: string | null; structure_type: string | null; revision: number; status: string; area_m2: number }> };
}
interface Versions {
  readonly versions: readonly Version[];
  /** How many before them are too long to be told. */
  readonly left_out: number;
  readonly etag: string;
}
interface Reviews { readonly reviews: readonly Recorded[]; readonly hidden: string | null }

export interface HistoryHooks {
  /** Shows outlines of people on the map; an empty list takes them away. */
  readonly compare: (outlines: readonly { readonly geometry: Recorded["geometry"]; readonly second: boolean }[]) => void;
}

/** The last standing word of each person, in the order in which they were given. */
export function lastWords(reviews: readonly Recorded[]): Recorded[] {
  const standing = reviews.filter((review) => !review.undone);
  return standing.filter((review, at) => !standing.slice(at + 1).some((later) => later.actor === review.actor));
}

export class History {
  readonly box = make("details", { id: "history" });
  private readonly people = make("div", { class: "views" });
  private readonly revisions = make("ol", { class: "revisions", "aria-label": "Revisions" });
  private shown = "";
  /** The candidate whose record is shown. */
  private candidate: string | null = null;

  constructor(private readonly desk: ReviewDesk, private readonly hooks: HistoryHooks) {
    this.box.append(make("summary", {}, "History ", make("kbd", {}, "H")), this.revisions);
    this.box.addEventListener("toggle", () => void attempt(async () => {
      await this.load(true);
      // the panel may be lower than what it holds
      if (this.box.open) this.box.scrollIntoView({ block: "nearest" });
    }));
    desk.watch(() => void attempt(() => this.load(false)));
  }

  /** The part that shows disagreement: it stands above the form, the rest below. */
  get views(): HTMLElement {
    return this.people;
  }

  private async load(anew: boolean): Promise<void> {
    const current = this.desk.current;
    // what the record may say anew: another candidate, another state of it, or the list opened
    const now = current ? `${current.id} ${current.etag} ${current.annotation?.status} ${current.look} ${this.desk.loads} ${this.box.open}` : "";
    if (now === this.shown && !anew) return;
    this.shown = now;
    // until it is read, nothing shows in the place of another candidate's
    if (this.candidate !== current?.id) this.clear();
    if (!current) return;
    const disputed = current.annotation?.status === "disputed";
    if (!disputed && !this.box.open) return this.clear();
    try {
      const [reviews, versions] = await this.read(current);
      if (this.shown !== now) return;
      this.candidate = current.id;
      this.showPeople(current, reviews, disputed);
      this.showRevisions(reviews, versions, current);
    } catch (error) {
      // it is read again when anything changes
      if (this.shown === now) this.shown = "";
      throw error;
    }
  }

  private read({ id, annotation }: Candidate): Promise<[Reviews, Versions | null]> {
    return Promise.all([
      get<Reviews>(`/api/candidates/${id}/reviews`),
      annotation && this.box.open ? get<Versions>(`/ogc/collections/annotations/items/${annotation.id}/versions`) : null,
    ]);
  }

  private clear(): void {
    this.candidate = null;
    this.people.replaceChildren();
    this.revisions.replaceChildren();
    this.hooks.compare([]);
  }

  private showPeople(current: Candidate, { reviews }: Reviews, disputed: boolean): void {
    if (!disputed) {
      this.people.replaceChildren();
      return this.hooks.compare([]);
    }
    const words = lastWords(reviews);
    const own = this.desk.feature(current.id)?.geometry ?? null;
    this.hooks.compare(words.filter((word) => word.verdict === "confirm").map((word, at) => ({ geometry: word.geometry ?? own, second: at > 0 })));
    this.people.replaceChildren(make("h3", {}, "Disputed"), make("div", { class: "side-by-side" }, ...words.map((word, at) => view(word, at, current.score === null))));
  }

  private showRevisions({ reviews, hidden }: Reviews, versions: Versions | null, current: Candidate): void {
    const rows = [
      ...reviews.map((review) => ({ time: review.created, row: reviewRow(review) })),
      ...(versions?.versions ?? []).map((version, at, all) => ({ time: version.time, row: this.versionRow(version, at === all.length - 1, versions as Versions, current) })),
    ].sort((a, b) => b.time.localeCompare(a.time));
    const held = hidden ? [make("li", {}, `${hidden} has looked at it; what they said shows when you have given your verdict`)] : [];
    const none = rows.length + held.length === 0 ? [make("li", {}, "nothing was said of it yet")] : [];
    const older = versions?.left_out ? [make("li", {}, `${versions.left_out} older revisions are in the record and too long to be listed with these`)] : [];
    this.revisions.replaceChildren(...held, ...rows.map(({ row }) => row), ...older, ...none);
  }

  private versionRow(version: Version, isNow: boolean, { etag }: Versions, current: Candidate): HTMLElement {
    const { revision, title, structure_type, status, area_m2 } = version.change.feature.properties;
    const what = `${title ?? "no title"}, ${typeLabel(structure_type)}, ${Math.round(area_m2)} m²`;
    const button = make("button", { type: "button", "data-restore": revision, onclick: () => void attempt(() => this.restore(current, revision, etag)) }, `Restore revision ${revision}`);
    return make(
      "li",
      { "data-revision": revision },
      make("strong", {}, `${version.actor} ${version.kind.replace("annotation.", "")} it`),
      make("span", {}, `${what}; ${status}`),
      make("time", { datetime: version.time }, clock(version.time)),
      isNow ? make("small", {}, `revision ${revision}, as it is now`) : button,
    );
  }

  private async restore({ annotation }: Candidate, revision: number, etag: string): Promise<void> {
    if (!annotation) return;
    await restore(annotation.id, revision, etag);
    tell(`revision ${revision} is back, as a new revision`);
    await this.desk.load();
    await this.load(true);
  }
}

function reviewRow(review: Recorded): HTMLElement {
  const said = `${review.verdict.replace("-", " ")}${review.undone ? ", taken back later" : ""}`;
  return make(
    "li",
    { class: review.undone ? "undone" : "" },
    make("strong", {}, `${review.actor}: ${said}`),
    make("span", {}, [review.title, review.structure_type && typeLabel(review.structure_type), review.confidence, review.note].filter(Boolean).join(", ")),
    make("time", { datetime: review.created }, clock(review.created)),
  );
}

function view(review: Recorded, at: number, isDrawn: boolean): HTMLElement {
  const given = isDrawn ? "as it was drawn" : "the detector's";
  const outline = review.verdict === "confirm" && `${review.geometry ? "their own" : given}, ${at > 0 ? "dashed" : "solid"} on the map`;
  const said = [
    ["Type", review.structure_type && typeLabel(review.structure_type)],
    ["Confidence", review.confidence],
    ["Title", review.title],
    ["Note", review.note],
    ["Outline", outline],
  ] as const;
  const rows = said.filter((row): row is readonly [(typeof row)[0], string] => Boolean(row[1]));
  return make(
    "section",
    { class: "view", "data-person": review.actor, "aria-label": `What ${review.actor} said` },
    make("h4", {}, `${review.actor}: ${review.verdict.replace("-", " ")}`),
    make("dl", {}, ...rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])),
    make("time", { datetime: review.created }, clock(review.created)),
  );
}
