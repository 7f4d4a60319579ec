// Lengths and areas drawn on the map, geodesic; each measure stays until they are cleared.

import Feature from "ol/Feature";
import { unByKey } from "ol/Observable";
import type { Geometry, LineString, Polygon } from "ol/geom";
import Draw from "ol/interaction/Draw";
import VectorLayer from "ol/layer/Vector";
import { toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { Circle, Fill, Stroke, Style, Text } from "ol/style";
import { element } from "../dom";
import { type LonLat, areaWords, area_m2, lengthWords, length_m } from "./geodesic";
import type { Stage } from "./stage";

export type Measured = "length" | "area";

function words(geometry: Geometry): string {
  const lonLats = (coordinates: number[][]) => coordinates.map((at) => toLonLat(at) as unknown as LonLat);
  if (geometry.getType() === "LineString") return lengthWords(length_m(lonLats((geometry as LineString).getCoordinates())));
  const ring = lonLats((geometry as Polygon).getCoordinates()[0] ?? []);
  return `${areaWords(area_m2(ring))}, around ${lengthWords(length_m([...ring, ...ring.slice(0, 1)]))}`;
}

function style(feature: { getGeometry(): unknown }): Style[] {
  const geometry = feature.getGeometry() as Geometry;
  const dot = new Circle({ radius: 4, fill: new Fill({ color: "#fff" }), stroke: new Stroke({ color: "#000", width: 1.5 }) });
  if (geometry.getType() === "Point") return [new Style({ image: dot })];
  const label = new Text({
    text: words(geometry),
    font: "600 13px system-ui, sans-serif",
    fill: new Fill({ color: "#fff" }),
    backgroundFill: new Fill({ color: "rgba(16,20,24,0.85)" }),
    padding: [3, 6, 2, 6],
    offsetY: -16,
    overflow: true,
  });
  return [
    new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.7)", width: 5 }), fill: new Fill({ color: "rgba(0,158,115,0.18)" }) }),
    new Style({ stroke: new Stroke({ color: "#fff", width: 2, lineDash: [6, 5] }), text: label }),
  ];
}

export class Measure {
  private readonly source = new VectorSource();
  private draw: Draw | null = null;
  private layDown = () => {};

  constructor(private readonly stage: Stage, private readonly ended: () => void) {
    stage.map.addLayer(new VectorLayer({ source: this.source, zIndex: 20, style: (feature) => style(feature) }));
  }

  get active(): boolean {
    return this.draw !== null;
  }

  begin(what: Measured): void {
    this.stop();
    const draw = new Draw({ source: this.source, type: what === "length" ? "LineString" : "Polygon", style: (feature) => style(feature) });
    draw.on("drawstart", ({ feature }) => {
      this.source.clear();
      const key = feature.getGeometry()?.on("change", () => this.tell(feature));
      draw.once("drawend", () => key && unByKey(key));
    });
    draw.on("drawend", ({ feature }) => this.tell(feature));
    this.draw = draw;
    this.stage.map.addInteraction(draw);
    this.layDown = this.stage.take("measure", () => this.stop());
  }

  /** Ends measuring and takes the measures away. */
  stop(): void {
    if (this.draw) this.stage.map.removeInteraction(this.draw);
    this.draw = null;
    this.layDown();
    this.source.clear();
    element("measured").textContent = "";
    this.ended();
  }

  private tell(feature: Feature): void {
    const geometry = feature.getGeometry();
    if (geometry) element("measured").textContent = words(geometry);
  }
}
