// Structures that have no candidate: other programs brought them, such as QGIS. Listed, on the map, and withdrawn from here.

import Feature from "ol/Feature";
import VectorSource from "ol/source/Vector";
import { Stroke, Style } from "ol/style";
import { type Feature as Json, checked, get, getTagged, write } from "../api";
import { make, refill } from "../dom";
import { type Stage, shapeOf } from "../map/stage";
import { formDialog } from "../shell/dialogs";
import { attempt, tell } from "../shell/tell";
import { whyNoChange } from "./recorded";
import { typeLabel } from "./words";

interface DrawnProperties { readonly title: string | null; readonly structure_type: string | null; readonly area_m2: number; readonly status: string }
type Drawn = Json<DrawnProperties>;

/** Most structures that are listed and drawn. */
const DRAWN_MAX = 200;
const STYLE = [
  new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.75)", width: 4 }) }),
  new Style({ stroke: new Stroke({ color: "#2bbf95", width: 1.75 }) }),
];

const path = (id: string) => `/ogc/collections/annotations/items/${id}`;
const inWords = ({ title, structure_type, area_m2 }: DrawnProperties) => `${title ?? typeLabel(structure_type)}, ${Math.round(area_m2).toLocaleString("en")} m²`;

export class DrawnElsewhere {
  readonly list = make("ul", { id: "drawn", "aria-label": "Structures drawn in other programs", hidden: true });
  private readonly source = new VectorSource();
  private site: string | null = null;
  /** What the dialog withdraws, as it was when that was opened. */
  private chosen: { readonly id: string; readonly etag: string } | null = null;
  private readonly question = make("p", { class: "wide" });
  private readonly dialog = formDialog("Withdraw this structure?", "Withdraw", [this.question], () => this.withdraw());

  constructor(private readonly stage: Stage, private readonly role: () => string | null) {
    stage.overlay(this.source, STYLE);
  }

  async show(site: string): Promise<void> {
    this.site = site;
    // another site's must not stand here, nor be withdrawn from here
    this.render([], 0);
    await this.load();
  }

  async load(): Promise<void> {
    const { site } = this;
    if (site === null) return;
    const filter = encodeURIComponent("candidate IS NULL");
    const { features, numberMatched } = await get<{ features: Drawn[]; numberMatched: number }>(`/ogc/collections/annotations/items?site=${site}&filter=${filter}&limit=${DRAWN_MAX}`);
    if (site === this.site) this.render(features, numberMatched);
  }

  private render(drawn: readonly Drawn[], count: number): void {
    this.list.hidden = drawn.length === 0;
    const more = count - drawn.length;
    refill(this.list, ...drawn.map((each) => this.row(each)), ...(more > 0 ? [make("li", { class: "more" }, `${more} more are drawn elsewhere, and not shown here: an export has them all`)] : []));
    this.source.clear(true);
    // without ids: a click on one is a click on what is below it
    this.source.addFeatures(drawn.map(({ geometry }) => new Feature(shapeOf(geometry))));
  }

  private row({ id, geometry, properties }: Drawn): HTMLElement {
    const what = inWords(properties);
    const why = whyNoChange(this.role(), properties.status);
    const frame = make("button", { type: "button", class: "what", title: "Show it on the map", onclick: () => this.stage.frameOutline(geometry) }, `drawn elsewhere: ${what}, ${properties.status}`);
    const withdraw = make("button", { type: "button", "aria-label": `Withdraw ${what}`, title: why, disabled: why !== "", onclick: () => void attempt(() => this.ask(id)) }, "Withdraw");
    return make("li", { "data-annotation": id, "data-item": id }, frame, withdraw);
  }

  private async ask(id: string): Promise<void> {
    const { body, etag } = await getTagged<Drawn>(path(id));
    this.chosen = { id, etag };
    this.question.textContent = `${inWords(body.properties)}, ${body.properties.status}. It leaves the map, what is exported and what other programs read; the record keeps its versions.`;
    this.dialog.open();
  }

  private async withdraw(): Promise<void> {
    const { chosen } = this;
    if (!chosen) return;
    await checked(await write("DELETE", path(chosen.id), undefined, { "if-match": chosen.etag }));
    tell("the drawn structure was withdrawn");
    await this.load();
  }
}
