// Laying an image without a georeference onto the map: drag it, drag its corners, or match points; by keys too.

import Feature from "ol/Feature";
import { Circle, LineString, Point } from "ol/geom";
import Pointer from "ol/interaction/Pointer";
import Layer from "ol/layer/Layer";
import VectorLayer from "ol/layer/Vector";
import { boundingExtent, scaleFromCenter } from "ol/extent";
import { fromLonLat, toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import { apply as transform } from "ol/transform";
import { Problem } from "../api";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { register } from "../shell/keys";
import { faultWords } from "../shell/tell";
import { type Affine, type Match, type Place, apply, corners, invert, matched, moved, pulled, upright } from "./affine";
import type { Peek } from "./peek";
import { type Quad, isConvex, project, projective, unproject } from "./quad";

/** Share of the view that a fresh image covers. */
const COVERED = 0.55;
/** Corners that lie off a parallelogram by less than this share of its width are none of a slanted view. */
const SLANT_SHARE = 0.002;
/** Share of the view that an image is moved down by, clear of the panel above it. */
const PANEL_SHARE = 0.1;
/** Corners of the image, shares, and their names, from the upper left, clockwise. */
const SQUARE: readonly Place[] = [[0, 0], [1, 0], [1, 1], [0, 1]];
const CORNERS = ["upper left", "upper right", "lower right", "lower left"] as const;
/** How near a pointer must come to a corner, pixels. */
const CORNER_PX = 14;

/** Pixels of the screen that an arrow key moves by, and with Shift. */
const KEY_PX = 8;
const FINE_KEY_PX = 1;
/** Points from which on the server is told the points and not the corners: they say more, and it tells their residual. */
const CONTROL_POINTS_MIN = 3;

type Degrees = readonly [number, number];
/** Where an image lies, as the server takes it. */
export type Placement =
  | { readonly footprint: readonly Degrees[] }
  | { readonly control_points: readonly { readonly pixel: readonly [number, number]; readonly position: Degrees }[] };

/** Where an image lies already that is to lie elsewhere. */
export interface Lying {
  /** Its corners from the upper left, clockwise. */
  readonly corners: readonly Degrees[];
  /** The points that were matched, as shares of the image. */
  readonly points: readonly { readonly image: Place; readonly position: Degrees }[];
}

const WAYS = "Drag the image to its place, or a corner to turn and scale it; or match points, three of which correct a slant. By keys: arrows move it, comma and full stop choose a corner.";

interface Session { readonly placing: Placing; readonly take: () => void; readonly leave: () => void }
let session: Session | null = null;

/**
 * Lets a person place an image, from where it lies where it does. What they did stays on the map until `store` has brought
 * it to the server: gives what that gave, or null where they gave up.
 */
export function place<Stored>(stage: Stage, name: string, { size, picture }: Peek, lying: Lying | null, store: (placement: Placement) => Promise<Stored>): Promise<Stored | null> {
  const { whyHeld } = stage;
  if (whyHeld) return Promise.reject(new Problem(0, whyHeld));
  return new Promise((resolve) => {
    const placing = new Placing(stage, size ?? [1, 1], picture, lying);
    const end = (stored: Stored | null) => {
      session = null;
      placing.remove();
      panel.remove();
      resolve(stored);
    };
    const take = () => {
      const { fault, taken } = parts;
      if (taken.disabled) return;
      fault.textContent = "";
      taken.disabled = true;
      store(placing.placement())
        .then(end, (error) => (fault.textContent = faultWords(error)))
        .finally(() => (taken.disabled = false));
    };
    // what is on its way is not given up any more
    const leave = () => !parts.taken.disabled && end(null);
    const own: Session = { placing, take, leave };
    const { panel, ...parts } = placingPanel(name, own);
    session = own;
    element("stage").append(panel);
    element("map").focus();
  });
}

function placingPanel(name: string, { placing, take, leave }: Session) {
  const fault = make("p", { class: "fault", role: "alert" });
  const taken = make("button", { id: "placed", type: "button", class: "primary", onclick: take }, "It lies here ", make("kbd", {}, "Enter"));
  const hint = make("p", { "aria-live": "polite" }, WAYS);
  const matching = make("button", { id: "match-point", type: "button", "aria-pressed": "false", onclick: () => placing.beginMatch() }, "Match a point ", make("kbd", {}, "P"));
  const free = make("input", { id: "free-corners", type: "checkbox", onchange: () => placing.letCornersGo(free.checked) });
  free.checked = placing.isFree;
  placing.told = (words, active) => {
    hint.textContent = words;
    matching.setAttribute("aria-pressed", String(active));
    free.checked = placing.isFree;
  };
  const sheer = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.7, "aria-label": "How opaque the image is", oninput: (event) => placing.opaque(Number((event.target as HTMLInputElement).value)) });
  const panel = make(
    "div",
    { id: "placing", class: "popover", role: "group", "aria-label": `Place ${name}` },
    make("strong", {}, `Place ${name}`),
    hint,
    make("div", { class: "row" }, matching, make("label", { class: "check", title: "For a slanted view: each corner moves alone" }, free, make("span", {}, "Free corners")), sheer, make("span", { class: "spread" }), make("button", { type: "button", onclick: leave }, "Cancel ", make("kbd", {}, "Esc")), taken),
    fault,
  );
  return { panel, fault, taken };
}

const DIRECTIONS: Record<string, Place> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const arrows = Object.keys(DIRECTIONS);
const isMoving = () => session !== null && !session.placing.isMatching;
const nudge = (key: string) => {
  const [right, up] = DIRECTIONS[key.replace("Shift+", "")] ?? [0, 0];
  const step = key.startsWith("Shift+") ? FINE_KEY_PX : KEY_PX;
  session?.placing.nudge([right * step, up * step]);
};
register(
  { keys: ["Escape"], does: "", group: "Place an image", when: () => session !== null, press: () => session?.leave() },
  { keys: arrows, does: "move the image, or the chosen corner", group: "Place an image", when: isMoving, repeats: true, press: nudge },
  { keys: arrows.map((key) => `Shift+${key}`), does: "move it by a pixel", group: "Place an image", when: isMoving, repeats: true, press: nudge },
  { keys: [",", "."], does: "previous, next corner; after the last the whole image", group: "Place an image", when: isMoving, press: (key) => session?.placing.choose(key === "." ? 1 : -1) },
  { keys: ["v"], does: "free corners, for a slanted view", group: "Place an image", when: isMoving, press: () => session?.placing.letCornersGo(!session.placing.isFree) },
  { keys: ["p"], does: "match a point", group: "Place an image", when: () => session !== null, press: () => session?.placing.beginMatch() },
  { keys: ["Enter"], does: "it lies here", group: "Place an image", when: isMoving, press: () => session?.take() },
  { keys: ["Enter"], does: "", group: "Place an image", when: () => session?.placing.isMatching ?? false, press: () => session?.placing.matchMiddle() },
);

type Corner = 0 | 1 | 2 | 3;

/** The ground around an image, so that its corners can be drawn outwards; more of it above, where the panel is. */
function withRoom(corners: readonly Degrees[]): number[] {
  const extent = boundingExtent(corners.map((at) => fromLonLat([...at])));
  scaleFromCenter(extent, 1 / COVERED);
  const up = (extent[3]! - extent[1]!) * PANEL_SHARE;
  return [extent[0]!, extent[1]! + up, extent[2]!, extent[3]! + up];
}

class Placing {
  told: (words: string, matching: boolean) => void = () => {};
  private at: Affine;
  /** The corners, where each was moved alone. */
  private bent: Quad | null = null;
  private free = false;
  private chosen: Corner | null = null;
  /** Whether the image was moved since its points were matched: then they do not say where it lies. */
  private movedSince = false;
  private matches: Match[] = [];
  private pin: Place | null = null;
  private matching = false;
  private readonly picture: HTMLElement;
  private readonly layer: Layer;
  private readonly marks = new VectorSource();
  private readonly markLayer: VectorLayer;
  private readonly pointer: Pointer;
  private readonly layDown: () => void;

  constructor(private readonly stage: Stage, private readonly size: readonly [number, number], picture: string | null, lying: Lying | null) {
    if (lying) stage.fit(withRoom(lying.corners));
    const [west, south, east, north] = stage.map.getView().calculateExtent(stage.map.getSize()) as [number, number, number, number];
    const scale = Math.min((east - west) / size[0], (north - south) / size[1]) * COVERED;
    // a little low, clear of the panel above it
    this.at = upright([(west + east) / 2, south + (north - south) * 0.42], size[0] * scale, size[1] * scale);
    if (lying) this.layAs(lying);
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
    this.layDown = stage.take("place", () => {}, () => true);
    // what is open where the panel will be makes room
    stage.popover.take("place", () => {})();
    stage.map.addLayer(this.layer);
    stage.map.addLayer(this.markLayer);
    stage.map.addInteraction(this.pointer);
    this.draw();
  }

  remove(): void {
    this.layDown();
    this.stage.map.removeInteraction(this.pointer);
    this.stage.map.removeLayer(this.markLayer);
    this.stage.map.removeLayer(this.layer);
  }

  get isMatching(): boolean {
    return this.matching;
  }

  get isFree(): boolean {
    return this.free;
  }

  placement(): Placement {
    const degrees = (at: Place) => toLonLat([...at]).map((number) => Math.round(number * 1e8) / 1e8) as unknown as Degrees;
    const isKnown = this.size[0] > 1 && !this.movedSince && this.matches.length >= CONTROL_POINTS_MIN;
    if (!isKnown) return { footprint: this.corners().map(degrees) };
    return { control_points: this.matches.map(({ image, map }) => ({ pixel: [image[0] * this.size[0], image[1] * this.size[1]], position: degrees(map) })) };
  }

  /** Begins where the image lies. */
  private layAs({ corners: degrees, points }: Lying): void {
    const [a, b, c, d] = degrees.map((at) => fromLonLat([...at]) as unknown as Place) as unknown as Quad;
    this.at = [b[0] - a[0], d[0] - a[0], a[0], b[1] - a[1], d[1] - a[1], a[1]];
    this.matches = points.map(({ image, position }) => ({ image, map: fromLonLat([...position]) as unknown as Place }));
    const slant = Math.hypot(a[0] + c[0] - b[0] - d[0], a[1] + c[1] - b[1] - d[1]) / Math.hypot(b[0] - a[0], b[1] - a[1]);
    if (slant < SLANT_SHARE) return;
    this.bent = [a, b, c, d];
    this.free = true;
  }

  /** Lets each corner move alone, or makes right angles again. */
  letCornersGo(free: boolean): void {
    this.free = free;
    if (!free && this.bent) {
      const matches = this.bent.map((map, at): Match => ({ image: SQUARE[at] as Place, map }));
      this.at = matched(this.at, matches);
      this.bent = null;
    }
    this.told(free ? "Each corner moves alone now: for a slanted view." : WAYS, this.matching);
    this.draw();
  }

  /** Chooses the next corner or the one before; after the last comes the whole image. */
  choose(by: 1 | -1): void {
    const now = this.chosen === null ? 0 : this.chosen + 1;
    const next = (now + by + 5) % 5;
    this.chosen = next === 0 ? null : ((next - 1) as Corner);
    this.told(this.chosen === null ? "The arrows move the whole image." : `The arrows move the ${CORNERS[this.chosen]} corner.`, this.matching);
    this.draw();
  }

  /** Moves the image or the chosen corner by pixels of the screen. */
  nudge([right, up]: Place): void {
    const step = this.stage.map.getView().getResolution() ?? 1;
    if (this.chosen === null) this.move([right * step, up * step]);
    else {
      const [x, y] = this.corners()[this.chosen];
      this.pull(this.chosen, [x + right * step, y + up * step]);
    }
    this.draw();
  }

  /** Matches the point of the image, and then the place, that is in the middle of the map. */
  matchMiddle(): void {
    const middle = this.stage.map.getView().getCenter();
    if (middle) this.match([middle[0] as number, middle[1] as number]);
  }

  opaque(share: number): void {
    this.picture.style.opacity = String(share);
  }

  beginMatch(): void {
    this.matching = !this.matching;
    this.pin = null;
    this.told(this.matching ? "Click something in the image that you know on the map; or bring it to the middle by the arrows and press Enter." : WAYS, this.matching);
  }

  private corners(): Quad {
    return this.bent ?? corners(this.at);
  }

  private move([right, up]: Place): void {
    if (this.bent) this.bent = this.bent.map(([x, y]) => [x + right, y + up]) as unknown as Quad;
    else this.at = moved(this.at, [right, up]);
    this.movedSince = true;
  }

  private pull(corner: Corner, to: Place): void {
    this.movedSince = true;
    if (!this.free) {
      this.at = pulled(this.at, corner, to);
      return;
    }
    const next = this.corners().map((at, index) => (index === corner ? to : at)) as unknown as Quad;
    if (isConvex(next)) this.bent = next;
  }

  /** Where in the image a place on the map is, and the other way round. */
  private inImage(at: Place): Place {
    return this.bent ? unproject(projective(this.bent), at) : apply(invert(this.at), at);
  }

  private onMap(at: Place): Place {
    return this.bent ? project(projective(this.bent), at) : apply(this.at, at);
  }

  private lay(toPixel: (at: Place) => [number, number]): void {
    const [a, b, c, d, e, f, g, h] = projective(this.corners().map(toPixel) as unknown as Quad);
    const [width, height] = this.size;
    const columns = [a / width, d / width, 0, g / width, b / height, e / height, 0, h / height, 0, 0, 1, 0, c, f, 0, 1];
    Object.assign(this.picture.style, { width: `${width}px`, height: `${height}px`, transform: `matrix3d(${columns.join(",")})` });
  }

  private dragging(): Pointer {
    let corner: Corner | null = null;
    let last: Place = [0, 0];
    return new Pointer({
      handleDownEvent: (event) => {
        const here = event.coordinate as unknown as Place;
        if (this.matching) {
          this.match(here);
          return false;
        }
        const reach = CORNER_PX * (this.stage.map.getView().getResolution() ?? 1);
        const near = this.corners().findIndex(([x, y]) => Math.hypot(x - here[0], y - here[1]) < reach);
        corner = near < 0 ? null : (near as Corner);
        last = here;
        const [u, v] = this.inImage(here);
        return corner !== null || (u >= 0 && u <= 1 && v >= 0 && v <= 1);
      },
      handleDragEvent: (event) => {
        const here = event.coordinate as unknown as Place;
        if (corner === null) this.move([here[0] - last[0], here[1] - last[1]]);
        else this.pull(corner, here);
        last = here;
        this.draw();
      },
    });
  }

  private match(here: Place): void {
    if (!this.pin) {
      const at = this.inImage(here);
      if (at.some((share) => share < 0 || share > 1)) return this.told("That is beside the image: choose something in it.", true);
      this.pin = at;
      this.told("Now click where that is on the map; or bring it to the middle and press Enter.", true);
    } else {
      this.matches.push({ image: this.pin, map: here });
      const lay = this.onMap(this.pin);
      if (this.bent && this.matches.length === 1) this.move([here[0] - lay[0], here[1] - lay[1]]);
      else {
        if (this.bent) this.letCornersGo(false);
        this.at = matched(this.at, this.matches);
      }
      this.movedSince = false;
      this.pin = null;
      this.matching = false;
      this.told(`${this.matches.length} matched: ${["", "the image was moved", "moved, turned and scaled"][this.matches.length] ?? "laid where all points fit best"}.`, false);
    }
    this.draw();
  }

  private draw(): void {
    const [a, b, c, d] = this.corners().map((at) => [...at]) as [number[], number[], number[], number[]];
    const pins = [...(this.pin ? [[...this.onMap(this.pin)]] : []), ...this.matches.map(({ map }) => [...map])];
    this.marks.clear(true);
    if (this.chosen !== null) this.marks.addFeature(new Feature({ geometry: new Circle([a, b, c, d][this.chosen] as number[], CORNER_PX * (this.stage.map.getView().getResolution() ?? 1)) }));
    this.marks.addFeatures([new Feature(new LineString([a, b, c, d, a])), ...[a, b, c, d, ...pins].map((at) => new Feature(new Point(at)))]);
    this.layer.changed();
  }
}
