// The images of two dates on one map: the after image above the before image, candidates over both. Side by side, a
// second map to the left shows the before image in the same view.

import Feature from "ol/Feature";
import Map from "ol/Map";
import View from "ol/View";
import { Rotate, ScaleLine, defaults } from "ol/control";
import { type Extent, boundingExtent, buffer } from "ol/extent";
import GeoJSON from "ol/format/GeoJSON";
import type Geometry from "ol/geom/Geometry";
import { DoubleClickZoom, defaults as interactions } from "ol/interaction";
import Layer from "ol/layer/Layer";
import VectorLayer from "ol/layer/Vector";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { Fill, Stroke, Style } from "ol/style";
import type { CandidateProperties, Feature as Json, TileJson } from "../api";
import { make } from "../dom";
import { tell } from "../shell/tell";
import { HALF_M, ImageLayer } from "./image";
import { type Ahead, holdPreload, preload } from "./preload";
import { Slot } from "./slot";

export const DATA = "EPSG:4326";
export const VIEW = "EPSG:3857";
/** Room around a candidate when it is framed, as a share of its size. */
const FRAME = 2.5;
/** Metres around the smallest candidates. */
const FRAME_M_MIN = 60;
/** Share of the map that a key pans by. */
const PAN_SHARE = 0.2;
const ZOOM_MAX = 22;
const FORMAT = new GeoJSON({ dataProjection: DATA, featureProjection: VIEW });
/** What a feature keeps the outline under that was found, while it shows another. */
const FOUND = "found";

// Okabe and Ito's colours, told apart by colour-blind people; the dark seam keeps them off any ground
const COLOURS: Record<string, string> = {
  pending: "#e69f00",
  confirmed: "#56b4e9",
  rejected: "#9a9a9a",
  unsure: "#f0e442",
  "bad-imagery": "#cc79a7",
};

/** What the map shows of a candidate beside its outline. */
export interface Shown { readonly id: string; readonly state: string }

export type Mode = "swipe" | "side" | "opacity" | "difference";

export class Stage {
  /** Called when a candidate is clicked. */
  picked: (id: string) => void = () => {};
  /** Called when a site's area is clicked where no candidate is. */
  areaPicked: (id: string) => void = () => {};
  /** The map with the after image, for tools that draw on it. */
  readonly map: Map;
  readonly before = new ImageLayer("before-image");
  readonly after = new ImageLayer("after-image");
  private readonly left = new ImageLayer("before-image");
  private readonly leftMap: Map;
  /** Outlines of the candidates, for tools that snap to them. */
  readonly outlines = new VectorSource();
  /** Panels that open from the bar above the images, in one place. */
  readonly popover = new Slot();
  private readonly hand = new Slot();
  private current: Shown | null = null;
  /** Candidates that are shown, as they were last given, and their states. */
  private shown: readonly Shown[] = [];
  private states: globalThis.Map<string, string> = new globalThis.Map();
  /** Outlines that people have made of candidates, by candidate. */
  private made: ReadonlyMap<string, Json<unknown>["geometry"]> = new globalThis.Map();
  /** Candidates that may come next. */
  private coming: readonly string[] = [];
  /** Whether the picture of the current candidate is not whole yet. */
  private isDrawing = false;
  private mode: Mode = "swipe";
  private bounds: Extent | null = null;
  private notes: () => Record<string, unknown> = () => ({});

  constructor(private readonly frameElement: HTMLElement, target: HTMLElement, private readonly leftTarget: HTMLElement) {
    const view = new View({ projection: VIEW, center: [0, 0], zoom: 2, maxZoom: ZOOM_MAX });
    const north = make("span", { class: "north" }, "N");
    this.map = new Map({
      target,
      layers: [this.before.layer, this.after.layer, gain(), this.outlineLayer()],
      controls: defaults({ attribution: false, rotate: false }).extend([
        new ScaleLine({ minWidth: 80 }),
        new Rotate({ autoHide: false, label: north, tipLabel: "North is up: click to turn back" }),
      ]),
      interactions: interactions({ keyboard: false }),
      view,
    });
    this.leftMap = new Map({ layers: [this.left.layer, this.outlineLayer()], controls: [], interactions: interactions({ keyboard: false }), view });
    for (const map of [this.map, this.leftMap]) {
      map.on("singleclick", (event) => {
        if (this.tool) return;
        const hits = map.getFeaturesAtPixel(event.pixel, { hitTolerance: 4 }).filter((feature) => feature.getId() !== undefined);
        const candidate = hits.find((feature) => feature.get("score") !== undefined);
        if (candidate) this.picked(String(candidate.getId()));
        else if (hits[0]) this.areaPicked(String(hits[0].getId()));
      });
    }
    this.show("swipe");
  }

  /** Shows outlines below those of the candidates, which no click picks. */
  overlay(source: VectorSource, style: Style[]): void {
    for (const map of [this.map, this.leftMap]) map.addLayer(new VectorLayer({ source, zIndex: 9, style }));
  }

  private outlineLayer(): VectorLayer {
    return new VectorLayer({ source: this.outlines, zIndex: 10, style: (feature) => this.style(feature as Feature) });
  }

  /** The tool that uses clicks itself, so that they pick no candidate and no divider is in its way. */
  get tool(): string | null {
    return this.hand.holds;
  }

  /** Why no other tool may be taken in hand: what is in hand would be lost by that. */
  get whyHeld(): string | null {
    return this.hand.isUnsaved ? "end what you are drawing or placing first, or leave it by Esc" : null;
  }

  /** Whether another tool may be taken in hand; where it may not it is told why. */
  mayTake(): boolean {
    const { whyHeld } = this;
    if (whyHeld) tell(whyHeld);
    return whyHeld === null;
  }

  /** Takes a tool in hand, which ends the one before; gives what lays it down. */
  take(tool: string, end: () => void, isUnsaved?: () => boolean): () => void {
    const leave = this.hand.take(tool, end, isUnsaved);
    this.showTool();
    return () => {
      leave();
      this.showTool();
    };
  }

  private showTool(): void {
    const { tool } = this;
    // two quick clicks of a tool are no zoom
    for (const each of this.map.getInteractions().getArray()) if (each instanceof DoubleClickZoom) each.setActive(tool === null);
    this.frameElement.classList.toggle("drawing", tool !== null && tool !== "nudge");
  }

  /** Calls `pointed` with the place below the pointer, on either map, and with the middle where a finger moves it. */
  onPoint(pointed: (lonLat: [number, number]) => void): void {
    for (const map of [this.map, this.leftMap]) map.on("pointermove", (event) => pointed(toLonLat(event.coordinate) as [number, number]));
    if (matchMedia("(hover: none)").matches) this.map.on("moveend", () => pointed(toLonLat(this.map.getView().getCenter() ?? [0, 0]) as [number, number]));
  }

  /** The place below the pointer of an event. */
  lonLatAt(event: MouseEvent): [number, number] {
    const map = (event.target as HTMLElement).closest("#map-left") ? this.leftMap : this.map;
    return toLonLat(map.getEventCoordinate(event)) as [number, number];
  }

  /** Shows two scenes, one, or none. */
  showScenes(before: TileJson | null, after: TileJson | null): void {
    this.before.show(before);
    this.left.show(before);
    this.after.show(after);
    this.frameElement.classList.toggle("has-pair", before !== null && after !== null);
    const shown = after ?? before;
    this.bounds = shown && extentOf(shown);
    // a candidate may have been framed before its images were known
    this.map.once("rendercomplete", () => this.preload(this.coming));
  }

  /** Asks again for what of the images could not be had. */
  askAgain(): void {
    for (const image of [this.before, this.left, this.after]) image.askAgain();
  }

  get hasCurrent(): boolean {
    return this.current !== null;
  }

  /** Shows the whole of the images. */
  frameScenes(): void {
    if (this.bounds) this.fit(this.bounds);
  }

  fitLonLats(places: readonly [number, number][]): void {
    this.fit(boundingExtent(places.map((place) => fromLonLat(place))));
  }

  fit(extent: Extent): void {
    this.map.getView().fit(extent, { padding: [24, 24, 24, 24], maxZoom: ZOOM_MAX });
  }

  /** Whether anything of the images is in view. */
  isInView(): boolean {
    const view = this.map.getView().calculateExtent(this.map.getSize());
    const [bounds, seen] = [this.bounds, view] as [number[] | null, number[]];
    return bounds !== null && bounds[0]! < seen[2]! && seen[0]! < bounds[2]! && bounds[1]! < seen[3]! && seen[1]! < bounds[3]!;
  }

  show(mode: Mode): void {
    this.frameElement.classList.replace(`mode-${this.mode}`, `mode-${mode}`) || this.frameElement.classList.add(`mode-${mode}`);
    this.mode = mode;
    // a map without a place must not decide the size of the view that both share
    this.leftMap.setTarget(mode === "side" ? this.leftTarget : undefined);
    this.map.updateSize();
    // where the size is the same as before the map does not say it again
    this.map.getView().setViewportSize(this.map.getSize());
  }

  /** Leaves an image out while it is placed elsewhere. */
  conceal(role: "before" | "after" | null): void {
    for (const image of [this.before, this.left]) image.layer.setVisible(role !== "before");
    this.after.layer.setVisible(role !== "after");
  }

  showBeforeOnly(on: boolean): void {
    this.frameElement.classList.toggle("flicker", on);
  }

  /** Moves the after image by metres on the ground, to the east and to the north. */
  nudge([east_m, north_m]: readonly [number, number]): void {
    const [, lat] = toLonLat(this.bounds ? [this.bounds[0]!, (this.bounds[1]! + this.bounds[3]!) / 2] : [0, 0]) as [number, number];
    // Web Mercator stretches the ground by this much
    const stretch = 1 / Math.cos((lat * Math.PI) / 180);
    this.after.move([east_m * stretch, north_m * stretch]);
  }

  /** Metres on the ground that a pixel of the screen shows. */
  pixel_m(): number {
    const [, lat] = toLonLat(this.map.getView().getCenter() ?? [0, 0]) as [number, number];
    return (this.map.getView().getResolution() ?? 1) * Math.cos((lat * Math.PI) / 180);
  }

  zoom(by: number): void {
    const view = this.map.getView();
    view.animate({ zoom: (view.getZoom() ?? 2) + by, duration: 120 });
  }

  pan(right: number, up: number): void {
    const view = this.map.getView();
    const [width, height] = this.map.getSize() ?? [0, 0];
    const [x, y] = view.getCenter() ?? [0, 0];
    const step = (view.getResolution() ?? 1) * PAN_SHARE;
    view.setCenter([x! + right * step * width!, y! + up * step * height!]);
  }

  goTo(lonLat: [number, number]): void {
    this.map.getView().setCenter(fromLonLat(lonLat));
  }

  /** Shows an outline and the ground around it. */
  frameOutline(outline: Json<unknown>["geometry"]): void {
    this.fit(around(shapeOf(outline).getExtent()));
  }

  showCandidates(candidates: readonly Json<CandidateProperties>[]): void {
    this.outlines.clear(true);
    this.outlines.addFeatures(FORMAT.readFeatures({ type: "FeatureCollection", features: candidates }) as Feature[]);
    this.made = new globalThis.Map();
  }

  /** Shows candidates with the outlines that people have made of them, in the place of those that were found. */
  showMade(made: ReadonlyMap<string, Json<unknown>["geometry"]>): void {
    for (const id of this.made.keys()) if (!made.has(id)) this.reshape(id, null);
    for (const [id, outline] of made) if (this.made.get(id) !== outline) this.reshape(id, shapeOf(outline));
    this.made = made;
  }

  /** Gives a candidate another outline, or the one back that was found. */
  private reshape(id: string, outline: Geometry | null): void {
    const feature = this.outlines.getFeatureById(id);
    if (!feature) return;
    if (!feature.get(FOUND)) feature.set(FOUND, feature.getGeometry(), true);
    feature.setGeometry(outline ?? feature.get(FOUND));
  }

  /** Shows these candidates, and the current one whether or not it is among them; no others. */
  update(current: Shown | null, shown: readonly Shown[]): void {
    const moved = current?.id !== this.current?.id;
    if (!moved && current?.state === this.current?.state && shown === this.shown) return;
    this.current = current;
    // a key leads from one to the next of thousands that stay as they are
    if (shown !== this.shown) this.states = new globalThis.Map(shown.map(({ id, state }) => [id, state]));
    this.shown = shown;
    this.outlines.changed();
    if (moved && current) this.frame(current.id);
  }

  /** Loads both images around candidates, the likeliest first, to have them when one comes; after what is on show. */
  preload(ids: readonly string[]): void {
    this.coming = ids;
    if (!this.isDrawing) preload(ids.flatMap((id) => this.ahead(id)), window.devicePixelRatio);
  }

  /** What the images show of a candidate when it is framed. */
  private ahead(id: string): Ahead[] {
    const extent = this.frameOf(id);
    const size = this.map.getSize();
    if (!extent || !size) return [];
    const view = this.map.getView();
    const resolution = view.getConstrainedResolution(view.getResolutionForExtent(extent, size)) ?? 1;
    const [middleX, middleY] = [(extent[0]! + extent[2]!) / 2, (extent[1]! + extent[3]!) / 2];
    const [halfX, halfY] = [(size[0]! * resolution) / 2, (size[1]! * resolution) / 2];
    const shown = [middleX - halfX, middleY - halfY, middleX + halfX, middleY + halfY];
    const images = this.mode === "side" ? [this.left, this.before, this.after] : [this.before, this.after];
    return images.map(({ layer }) => ({ layer, extent: shown, resolution }));
  }

  /** Whoever changes what is seen says so here, for the reviews. */
  noteSeen(notes: () => Record<string, unknown>): void {
    const earlier = this.notes;
    this.notes = () => ({ ...earlier(), ...notes() });
  }

  /** What the reviewer sees, as a review records it. */
  seen(): Record<string, unknown> {
    const view = this.map.getView();
    const round = (number: number | undefined) => Math.round((number ?? 0) * 100) / 100;
    const shown = { center: view.getCenter()?.map(round), resolution: round(view.getResolution()), rotation: round(view.getRotation()) };
    return { mode: this.mode, view: shown, ...this.notes() };
  }

  private frame(id: string): void {
    const extent = this.frameOf(id);
    // an image that is being placed stays in view
    if (!extent || this.tool === "place") return;
    // from the key itself, where one led here
    const asked = window.event?.timeStamp ?? performance.now();
    this.isDrawing = true;
    holdPreload();
    this.map.getView().fit(extent);
    this.map.once("rendercomplete", () => {
      // how long a person waits for the picture, for whoever measures
      performance.measure("key-to-picture", { start: asked });
      this.isDrawing = false;
      this.preload(this.coming);
    });
  }

  /** What is shown of a candidate: itself and the ground around it. */
  private frameOf(id: string): Extent | null {
    const extent = this.outlines.getFeatureById(id)?.getGeometry()?.getExtent();
    return extent ? around(extent) : null;
  }

  private style(feature: Feature): Style[] {
    const id = String(feature.getId());
    const current = id === this.current?.id;
    const state = current ? this.current?.state : this.states.get(id);
    if (state === undefined) return [];
    const colour = COLOURS[state] ?? "#ffffff";
    return [
      new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.75)", width: current ? 6 : 4 }), zIndex: current ? 1 : 0 }),
      new Style({
        stroke: new Stroke({ color: colour, width: current ? 3 : 1.75 }),
        fill: new Fill({ color: "rgba(0,0,0,0.001)" }),
        zIndex: current ? 1 : 0,
      }),
    ];
  }
}

/** An outline as the map draws it. */
export function shapeOf(outline: Json<unknown>["geometry"]): Geometry {
  return FORMAT.readGeometry(outline) as Geometry;
}

/** A pane between images and outlines that brightens what is below it: differences are dark. */
function gain(): Layer {
  const pane = make("div", { class: "gain" });
  return new Layer({ zIndex: 5, render: () => pane });
}

/** Where an image is on the map; one across the antimeridian goes on beyond its edge. */
function extentOf({ bounds, center: [lon, lat, zoom] }: TileJson): Extent {
  if (bounds[2] - bounds[0] < 360) return transformExtent(bounds, DATA, VIEW);
  const half = HALF_M / 2 ** zoom;
  return buffer(boundingExtent([fromLonLat([lon, lat])]), half);
}

/** An extent with the ground around it, square. */
function around([west, south, east, north]: Extent): Extent {
  const middle = [(west! + east!) / 2, (south! + north!) / 2] as const;
  const half = Math.max((east! - west!) * FRAME, (north! - south!) * FRAME, FRAME_M_MIN);
  return [middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half];
}
