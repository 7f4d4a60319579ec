// Laying an image without a georeference onto the map: drag it, drag its corners, or match points.

import Feature from "ol/Feature";
import { LineString, Point } from "ol/geom";
import Pointer from "ol/interaction/Pointer";
import Layer from "ol/layer/Layer";
import VectorLayer from "ol/layer/Vector";
import { toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { apply as transform } from "ol/transform";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { register } from "../shell/keys";
import { type Affine, type Match, type Place, apply, corners, invert, matched, moved, pulled, upright } from "./affine";
import type { Peek } from "./peek";

/** Share of the view that a fresh image covers. */
const COVERED = 0.55;
/** How near a pointer must come to a corner, pixels. */
const CORNER_PX = 14;

export type Footprint = readonly [Place, Place, Place, Place];

let cancel: (() => void) | null = null;
register({ keys: ["Escape"], does: "", group: "Map", when: () => cancel !== null, press: () => cancel?.() });

/** Lets a person place an image; gives its corners in degrees, or null where they gave up. */
export function place(stage: Stage, name: string, { size, picture }: Peek): Promise<Footprint | null> {
  return new Promise((resolve) => {
    const placing = new Placing(stage, size ?? [1, 1], picture);
    const end = (footprint: Footprint | null) => {
      cancel = null;
      placing.remove();
      panel.remove();
      resolve(footprint);
    };
    cancel = () => end(null);
    const hint = make("p", { "aria-live": "polite" }, "Drag the image to its place; drag a corner to turn and scale it. Or match points: three of them also correct a slant.");
    const matching = make("button", { id: "match-point", type: "button", "aria-pressed": "false", onclick: () => placing.beginMatch() }, "Match a point");
    placing.told = (words, active) => {
      hint.textContent = words;
      matching.setAttribute("aria-pressed", String(active));
    };
    const sheer = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.7, "aria-label": "How opaque the image is", oninput: (event) => placing.opaque(Number((event.target as HTMLInputElement).value)) });
    const panel = make(
      "div",
      { id: "placing", class: "popover", role: "group", "aria-label": `Place ${name}` },
      make("strong", {}, `Place ${name}`),
      hint,
      make("div", { class: "row" }, matching, sheer, make("span", { class: "spread" }), make("button", { type: "button", onclick: () => end(null) }, "Cancel"), make("button", { id: "placed", type: "button", class: "primary", onclick: () => end(placing.footprint()) }, "It lies here")),
    );
    element("stage").append(panel);
  });
}

class Placing {
  told: (words: string, matching: boolean) => void = () => {};
  private at: Affine;
  private matches: Match[] = [];
  private pin: Place | null = null;
  private matching = false;
  private readonly picture: HTMLElement;
  private readonly layer: Layer;
  private readonly marks = new VectorSource();
  private readonly markLayer: VectorLayer;
  private readonly pointer: Pointer;

  constructor(private readonly stage: Stage, private readonly size: readonly [number, number], picture: string | null) {
    const [west, south, east, north] = stage.map.getView().calculateExtent(stage.map.getSize()) as [number, number, number, number];
    const scale = Math.min((east - west) / size[0], (north - south) / size[1]) * COVERED;
    // a little low, clear of the panel above it
    this.at = upright([(west + east) / 2, south + (north - south) * 0.42], size[0] * scale, size[1] * scale);
    this.picture = picture ? make("img", { src: picture, alt: "", class: "placed-image" }) : make("div", { class: "placed-image blank" });
    const pane = make("div", { class: "placed-pane" }, this.picture);
    this.layer = new Layer({
      zIndex: 12,
      render: (frame) => {
        this.lay((at) => transform(frame.coordinateToPixelTransform, [...at]) as [number, number]);
        return pane;
      },
    });
    this.markLayer = new VectorLayer({ source: this.marks, zIndex: 16, style: { "circle-radius": 7, "circle-fill-color": "#e69f00", "circle-stroke-color": "#000", "circle-stroke-width": 1.5, "stroke-color": "#e69f00", "stroke-width": 2.5 } });
    this.pointer = this.dragging();
    stage.tool = "place";
    stage.map.addLayer(this.layer);
    stage.map.addLayer(this.markLayer);
    stage.map.addInteraction(this.pointer);
    this.draw();
  }

  remove(): void {
    this.stage.tool = null;
    this.stage.map.removeInteraction(this.pointer);
    this.stage.map.removeLayer(this.markLayer);
    this.stage.map.removeLayer(this.layer);
  }

  footprint(): Footprint {
    const degrees = (at: Place) => toLonLat([...at]).map((number) => Math.round(number * 1e8) / 1e8) as unknown as Place;
    const [a, b, c, d] = corners(this.at);
    return [degrees(a), degrees(b), degrees(c), degrees(d)];
  }

  opaque(share: number): void {
    this.picture.style.opacity = String(share);
  }

  beginMatch(): void {
    this.matching = !this.matching;
    this.pin = null;
    this.told(this.matching ? "Click something in the image that you know on the map." : "Drag the image, or match a point.", this.matching);
  }

  private lay(toPixel: (at: Place) => [number, number]): void {
    const [origin, right, , down] = corners(this.at).map(toPixel) as unknown as Footprint;
    const [width, height] = this.size;
    const parts = [(right[0] - origin[0]) / width, (right[1] - origin[1]) / width, (down[0] - origin[0]) / height, (down[1] - origin[1]) / height, origin[0], origin[1]];
    Object.assign(this.picture.style, { width: `${width}px`, height: `${height}px`, transform: `matrix(${parts.join(",")})` });
  }

  private dragging(): Pointer {
    let corner: 0 | 1 | 2 | 3 | null = null;
    let last: Place = [0, 0];
    return new Pointer({
      handleDownEvent: (event) => {
        const here = event.coordinate as unknown as Place;
        if (this.matching) {
          this.match(here);
          return false;
        }
        const reach = CORNER_PX * (this.stage.map.getView().getResolution() ?? 1);
        const near = corners(this.at).findIndex(([x, y]) => Math.hypot(x - here[0], y - here[1]) < reach);
        corner = near < 0 ? null : (near as 0 | 1 | 2 | 3);
        last = here;
        const [u, v] = apply(invert(this.at), here);
        return corner !== null || (u >= 0 && u <= 1 && v >= 0 && v <= 1);
      },
      handleDragEvent: (event) => {
        const here = event.coordinate as unknown as Place;
        this.at = corner === null ? moved(this.at, [here[0] - last[0], here[1] - last[1]]) : pulled(this.at, corner, here);
        last = here;
        this.draw();
      },
    });
  }

  private match(here: Place): void {
    if (!this.pin) {
      this.pin = apply(invert(this.at), here);
      this.told("Now click where that is on the map.", true);
    } else {
      this.matches.push({ image: this.pin, map: here });
      this.at = matched(this.at, this.matches);
      this.pin = null;
      this.matching = false;
      this.told(`${this.matches.length} matched: ${["", "the image was moved", "moved, turned and scaled"][this.matches.length] ?? "laid where all points fit best"}.`, false);
    }
    this.draw();
  }

  private draw(): void {
    const [a, b, c, d] = corners(this.at).map((at) => [...at]) as [number[], number[], number[], number[]];
    const pins = [...(this.pin ? [[...apply(this.at, this.pin)]] : []), ...this.matches.map(({ map }) => [...map])];
    this.marks.clear(true);
    this.marks.addFeatures([new Feature(new LineString([a, b, c, d, a])), ...[a, b, c, d, ...pins].map((at) => new Feature(new Point(at)))]);
    this.layer.changed();
  }
}
