// The map: the before image below, the after image above it from the divider on, candidates over both.

import Feature from "ol/Feature";
import Map from "ol/Map";
import View from "ol/View";
import { ScaleLine, defaults } from "ol/control";
import GeoJSON from "ol/format/GeoJSON";
import TileLayer from "ol/layer/Tile";
import VectorLayer from "ol/layer/Vector";
import { toLonLat, transformExtent } from "ol/proj";
import { getRenderPixel } from "ol/render";
import type RenderEvent from "ol/render/Event";
import VectorSource from "ol/source/Vector";
import XYZ from "ol/source/XYZ";
import { Fill, Stroke, Style } from "ol/style";
import type { CandidateProperties, Feature as Json, TileJson } from "../api";

const DATA = "EPSG:4326";
const VIEW = "EPSG:3857";
/** Room around a candidate when it is framed, as a share of its size. */
const FRAME = 2.5;
/** Metres around the smallest candidates. */
const FRAME_M_MIN = 60;

// Okabe and Ito's colours, told apart by colour-blind people; the dark seam keeps them off any ground
const COLOURS: Record<string, string> = {
  pending: "#ff9f1c",
  confirmed: "#56b4e9",
  rejected: "#9a9a9a",
  unsure: "#f0e442",
  "bad-imagery": "#cc79a7",
};

export class Stage {
  /** Called when a candidate is clicked. */
  picked: (id: string) => void = () => {};

  private readonly before = new TileLayer<XYZ>();
  private readonly after = new TileLayer<XYZ>();
  private readonly outlines = new VectorSource();
  private readonly map: Map;
  private current: string | null = null;
  private scoreMin = 0;
  private share = 0.5;
  private flicker = false;

  constructor(target: HTMLElement, pointed: (lonLat: [number, number]) => void) {
    const shown = new VectorLayer({ source: this.outlines, style: (feature) => this.style(feature as Feature) });
    this.map = new Map({
      target,
      layers: [this.before, this.after, shown],
      controls: defaults({ attribution: false }).extend([new ScaleLine()]),
      view: new View({ projection: VIEW, center: [0, 0], zoom: 2, maxZoom: 22 }),
    });
    this.after.on("prerender", (event) => this.clip(event));
    this.after.on("postrender", (event) => (event.context as CanvasRenderingContext2D).restore());
    this.map.on("singleclick", (event) => {
      const hit = this.map.forEachFeatureAtPixel(event.pixel, (feature) => feature.getId(), { hitTolerance: 4 });
      if (hit) this.picked(String(hit));
    });
    this.map.on("pointermove", (event) => pointed(toLonLat(event.coordinate) as [number, number]));
  }

  /** Shows two scenes, one, or none. */
  showScenes(before: TileJson | undefined, after: TileJson | undefined): void {
    this.before.setSource(before ? tiles(before) : null);
    this.after.setSource(after ? tiles(after) : null);
    const bounds = (after ?? before)?.bounds;
    if (bounds) this.map.getView().fit(transformExtent(bounds, DATA, VIEW), { padding: [20, 20, 20, 20] });
  }

  showCandidates(candidates: readonly Json<CandidateProperties>[]): void {
    const format = new GeoJSON({ dataProjection: DATA, featureProjection: VIEW });
    this.outlines.clear(true);
    this.outlines.addFeatures(format.readFeatures({ type: "FeatureCollection", features: candidates }) as Feature[]);
  }

  /** Marks a candidate as current; states and threshold may have changed too. */
  update(current: string | null, scoreMin: number, states: globalThis.Map<string, string>): void {
    const moved = current !== this.current;
    this.current = current;
    this.scoreMin = scoreMin;
    for (const [id, state] of states) this.outlines.getFeatureById(id)?.set("state", state, true);
    this.outlines.changed();
    if (moved && current) this.frame(current);
  }

  swipe(share: number): void {
    this.share = share;
    this.map.render();
  }

  showBeforeOnly(on: boolean): void {
    this.flicker = on;
    this.map.render();
  }

  /** What the reviewer sees, as a review records it. */
  seen(): Record<string, unknown> {
    const view = this.map.getView();
    const round = (number: number | undefined) => Math.round((number ?? 0) * 100) / 100;
    return {
      stretch: "p2-98",
      nudge: [0, 0],
      view: { center: view.getCenter()?.map(round), resolution: round(view.getResolution()), swipe: round(this.share) },
    };
  }

  private frame(id: string): void {
    const extent = this.outlines.getFeatureById(id)?.getGeometry()?.getExtent();
    if (!extent) return;
    const [west, south, east, north] = extent as [number, number, number, number];
    const middle = [(west + east) / 2, (south + north) / 2] as const;
    const half = Math.max((east - west) * FRAME, (north - south) * FRAME, FRAME_M_MIN);
    this.map.getView().fit([middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half]);
  }

  private style(feature: Feature): Style[] {
    if (Number(feature.get("score")) < this.scoreMin) return [];
    const colour = COLOURS[String(feature.get("state"))] ?? "#ffffff";
    const current = feature.getId() === this.current;
    return [
      new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.75)", width: current ? 6 : 4 }), zIndex: current ? 1 : 0 }),
      new Style({
        stroke: new Stroke({ color: colour, width: current ? 3 : 1.75 }),
        fill: new Fill({ color: "rgba(0,0,0,0.001)" }),
        zIndex: current ? 1 : 0,
      }),
    ];
  }

  /** Draws the after image only to the right of the divider. */
  private clip(event: RenderEvent): void {
    const context = event.context as CanvasRenderingContext2D;
    const [width, height] = this.map.getSize() ?? [0, 0];
    const left = (width ?? 0) * (this.flicker ? 1 : this.share);
    const corners = [[left, 0], [width, 0], [width, height], [left, height]] as [number, number][];
    context.save();
    context.beginPath();
    for (const corner of corners) {
      const [x, y] = getRenderPixel(event, corner) as [number, number];
      context.lineTo(x, y);
    }
    context.closePath();
    context.clip();
  }
}

function tiles(source: TileJson): XYZ {
  // same-origin addresses, whatever name the server goes by
  const url = new URL(source.tiles[0] as string);
  return new XYZ({ url: decodeURI(url.pathname), maxZoom: 22, transition: 0 });
}
