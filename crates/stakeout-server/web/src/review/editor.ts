// Outlines drawn and reshaped on the map. What can be done to them is in geometry.ts; this draws, listens and asks it.

import Feature from "ol/Feature";
import type { Coordinate } from "ol/coordinate";
import Point from "ol/geom/Point";
import PolygonGeometry from "ol/geom/Polygon";
import GeoJSON from "ol/format/GeoJSON";
import { Draw, Modify, Snap } from "ol/interaction";
import type Interaction from "ol/interaction/Interaction";
import VectorLayer from "ol/layer/Vector";
import VectorSource from "ol/source/Vector";
import { Circle, Fill, Stroke, Style } from "ol/style";
import { Problem } from "../api";
import { DATA, type Stage, VIEW } from "../map/stage";
import { type Polygon, type Position, type Ring, cornerAt, fault } from "./geometry";
import type { Geometry } from "./outline";

const FORMAT = new GeoJSON({ dataProjection: DATA, featureProjection: VIEW });
const SNAP_PX = 8;
const GOOD = "#ffffff";
const BAD = "#ff5a4f";
const INK = "rgba(0,0,0,0.8)";

export type Sketch = "polygon" | "line";

export function toMap(geometry: Geometry): Polygon {
  if (geometry.type !== "Polygon") throw new Problem(0, "an outline across the antimeridian cannot be changed here, only in a GIS");
  return (FORMAT.readGeometry(geometry) as PolygonGeometry).getCoordinates() as unknown as Polygon;
}

export function toGeoJson(polygon: Polygon): Geometry {
  const made = new PolygonGeometry(polygon as unknown as Coordinate[][]);
  return FORMAT.writeGeometryObject(made, { decimals: 9, rightHanded: true }) as unknown as Geometry;
}

/** The map's part of editing: one outline that is reshaped, and sketches that are drawn. */
export class Editor {
  /** Called with what is wrong with the outline or the sketch; `null` when nothing is. */
  onFault: (fault: string | null) => void = () => {};
  onChange: (polygon: Polygon) => void = () => {};
  /** Called when another tool is taken in hand. */
  onTaken: () => void = () => {};
  /** Whether something would be lost by that. */
  isUnsaved: () => boolean = () => false;

  private readonly source = new VectorSource();
  private readonly people = new VectorSource();
  private interactions: Interaction[] = [];
  private draw: Draw | null = null;
  private corner = 0;
  private layDown: (() => void) | null = null;

  constructor(private readonly stage: Stage) {
    const style = (feature: unknown) => this.style(feature as Feature);
    stage.map.addLayer(new VectorLayer({ source: this.people, zIndex: 11, style: (feature) => personStyle(Boolean(feature.get("second"))) }));
    stage.map.addLayer(new VectorLayer({ source: this.source, zIndex: 12, style }));
  }

  get polygon(): Polygon | null {
    return (this.outline()?.getCoordinates() as unknown as Polygon | undefined) ?? null;
  }

  /** Shows the outlines of two people, the second dashed. */
  compare(outlines: readonly { readonly geometry: Geometry | null; readonly second: boolean }[]): void {
    this.people.clear(true);
    this.people.addFeatures(outlines.flatMap(({ geometry, second }) =>
      geometry ? [new Feature({ geometry: FORMAT.readGeometry(geometry) as PolygonGeometry, second })] : []));
  }

  /** Makes an outline the one that is reshaped. */
  reshape(polygon: Polygon): void {
    this.stop();
    this.takeInHand();
    const geometry = new PolygonGeometry(polygon as unknown as Coordinate[][]);
    geometry.on("change", () => this.changed());
    this.source.addFeature(new Feature({ geometry }));
    const modify = new Modify({ source: this.source, style: handle(GOOD) });
    modify.on("modifyend", () => this.findCorner());
    this.use(modify);
    this.showCorner(0);
    this.changed();
  }

  /** Puts another outline in the place of the one that is reshaped. */
  replace(polygon: Polygon): void {
    this.outline()?.setCoordinates(polygon as unknown as Coordinate[][]);
    this.showCorner(Math.min(this.corner, this.corners().length - 1));
  }

  /** Draws a polygon or a line; `done` gets its positions, and `false` of it keeps drawing. */
  sketch(kind: Sketch, done: (positions: Ring) => void): void {
    this.endSketch();
    this.takeInHand();
    const draw = new Draw({ type: kind === "polygon" ? "Polygon" : "LineString", style: (feature) => this.sketchStyle(feature as Feature), stopClick: true });
    draw.on("drawstart", (event) => {
      const geometry = event.feature.getGeometry();
      geometry?.on("change", () => kind === "polygon" && this.onFault(sketchFault((geometry as PolygonGeometry).getCoordinates() as unknown as Polygon)));
    });
    draw.on("drawend", (event) => {
      const coordinates = (event.feature.getGeometry() as PolygonGeometry).getCoordinates() as unknown as Polygon & Ring;
      this.endSketch();
      done(kind === "polygon" ? (coordinates[0] as Ring) : coordinates);
    });
    this.draw = draw;
    this.stage.map.getTargetElement()?.classList.add("sketching");
    this.use(draw);
  }

  get isSketching(): boolean {
    return this.draw !== null;
  }

  /** Puts a corner of the sketch where the middle of the map is. */
  placeCorner(): void {
    const middle = this.stage.map.getView().getCenter();
    if (middle) this.draw?.appendCoordinates([middle]);
  }

  removeLastCorner(): void {
    this.draw?.removeLastPoint();
  }

  finishSketch(): void {
    this.draw?.finishDrawing();
  }

  endSketch(): void {
    if (!this.draw) return;
    this.stage.map.removeInteraction(this.draw);
    this.interactions = this.interactions.filter((each) => each !== this.draw);
    this.draw = null;
    this.stage.map.getTargetElement()?.classList.remove("sketching");
    this.onFault(this.polygon ? fault(this.polygon) : null);
  }

  /** Chooses the next or the previous corner of the outline, for the keys. */
  stepCorner(by: 1 | -1): void {
    const count = this.corners().length;
    if (count > 0) this.showCorner((this.corner + by + count) % count);
  }

  /** Moves the chosen corner by pixels of the screen. */
  moveCorner(right_px: number, up_px: number): void {
    const step = this.stage.map.getView().getResolution() ?? 1;
    this.withCorner(([x, y]) => [x + right_px * step, y + up_px * step]);
  }

  removeCorner(): void {
    this.withCorner(() => null);
  }

  /** Lets the pointer change the outline, or not. */
  setActive(active: boolean): void {
    for (const interaction of this.interactions) interaction.setActive(active);
  }

  stop(): void {
    this.endSketch();
    for (const interaction of this.interactions) this.stage.map.removeInteraction(interaction);
    this.interactions = [];
    this.source.clear(true);
    this.layDown?.();
    this.layDown = null;
    this.onFault(null);
  }

  /** A sketch within the outline that is reshaped is of the same tool. */
  private takeInHand(): void {
    this.layDown ??= this.stage.take("edit", () => this.onTaken(), () => this.isUnsaved());
  }

  private use(interaction: Interaction): void {
    const others = this.interactions.filter((each) => each instanceof Snap);
    for (const snap of others) this.stage.map.removeInteraction(snap);
    // snapping sees the pointer before the others only if it comes last
    const snaps = [this.source, this.stage.outlines].map((source) => new Snap({ source, pixelTolerance: SNAP_PX }));
    this.stage.map.addInteraction(interaction);
    for (const snap of snaps) this.stage.map.addInteraction(snap);
    this.interactions = [...this.interactions.filter((each) => !(each instanceof Snap)), interaction, ...snaps];
  }

  private outline(): PolygonGeometry | null {
    const found = this.source.getFeatures().find((feature) => feature.getGeometry() instanceof PolygonGeometry);
    return (found?.getGeometry() as PolygonGeometry | undefined) ?? null;
  }

  private changed(): void {
    const { polygon } = this;
    if (!polygon) return;
    this.onFault(fault(polygon));
    this.onChange(polygon);
  }

  /** All corners with the ring they are of; the closing one is the first one. */
  private corners(): { readonly ring: number; readonly at: number }[] {
    return (this.polygon ?? []).flatMap((ring, index) => ring.slice(0, -1).map((_, at) => ({ ring: index, at })));
  }

  /** The mouse may have put in or taken out corners before the chosen one, or that one itself. */
  private findCorner(): void {
    const marked = this.marker()?.getGeometry()?.getCoordinates();
    const at = marked && this.polygon ? cornerAt(this.polygon, marked as unknown as Position) : -1;
    this.showCorner(at >= 0 ? at : Math.min(this.corner, this.corners().length - 1));
  }

  /** What marks the chosen corner. */
  private marker(): Feature<Point> | null {
    return (this.source.getFeatures().find((feature) => feature.getGeometry() instanceof Point) as Feature<Point> | undefined) ?? null;
  }

  private showCorner(at: number): void {
    this.corner = at;
    const place = this.corners()[at];
    const position = place && this.polygon?.[place.ring]?.[place.at];
    const marker = this.marker();
    if (marker) this.source.removeFeature(marker);
    if (position) this.source.addFeature(new Feature({ geometry: new Point([...position]), corner: true }));
  }

  private withCorner(change: (at: Position) => Position | null): void {
    const { polygon } = this;
    const place = this.corners()[this.corner];
    if (!polygon || !place) return;
    const rings = polygon.map((ring, index): Ring => {
      if (index !== place.ring) return ring;
      const open = ring.slice(0, -1).flatMap((at, index): Position[] => {
        if (index !== place.at) return [at];
        const changed = change(at);
        return changed ? [changed] : [];
      });
      return [...open, open[0] as Position];
    });
    if ((rings[place.ring]?.length ?? 0) >= 4) this.replace(rings);
  }

  private style(feature: Feature): Style | Style[] {
    if (feature.get("corner")) return handle("#ffd23f");
    const colour = this.polygon && fault(this.polygon) ? BAD : GOOD;
    return [line(INK, 5), line(colour, 2.5)];
  }

  private sketchStyle(feature: Feature): Style[] {
    const geometry = feature.getGeometry();
    if (geometry instanceof Point) return [handle(GOOD)];
    const isBad = geometry instanceof PolygonGeometry && sketchFault(geometry.getCoordinates() as unknown as Polygon) !== null;
    return [line(INK, 5), line(isBad ? BAD : GOOD, 2.5)];
  }
}

/** A sketch may still lack corners; it must not cross itself. */
function sketchFault(polygon: Polygon): string | null {
  const said = fault(polygon);
  return said === "the outline crosses itself" ? said : null;
}

function line(color: string, width: number): Style {
  return new Style({ stroke: new Stroke({ color, width }) });
}

function handle(color: string): Style {
  return new Style({ image: new Circle({ radius: 6, fill: new Fill({ color }), stroke: new Stroke({ color: INK, width: 2 }) }) });
}

function personStyle(second: boolean): Style[] {
  const dash = second ? { lineDash: [8, 6] } : {};
  return [line(INK, 6), new Style({ stroke: new Stroke({ color: second ? "#f0e442" : "#56b4e9", width: 3, ...dash }) })];
}
