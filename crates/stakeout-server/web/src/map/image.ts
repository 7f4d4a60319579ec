// One image on a map: its tiles, moved by the nudge, shown by its look.

import TileLayer from "ol/layer/Tile";
import { get as projection, transformExtent } from "ol/proj";
import XYZ from "ol/source/XYZ";
import TileGrid from "ol/tilegrid/TileGrid";
import type { TileJson } from "../api";
import { type Curve, type Histogram, histogram } from "./look";

/** Half the side of Web Mercator's square, metres. */
export const HALF_M = 20_037_508.342_789_244;
const TILE_PX = 256;
const ZOOM_MAX = 22;
const RESOLUTIONS = Array.from({ length: ZOOM_MAX + 1 }, (_, zoom) => (2 * HALF_M) / TILE_PX / 2 ** zoom);
/** Side of the picture that values are counted on: enough for percentiles, quick to read. */
const COUNTED_PX = 256;

/** Web Mercator's tiles, all moved by the same way. */
class MovedGrid extends TileGrid {
  moved: readonly [number, number] = [0, 0];

  constructor(maxZoom: number) {
    super({ origin: [-HALF_M, HALF_M], resolutions: RESOLUTIONS.slice(0, maxZoom + 1), tileSize: TILE_PX });
  }

  override getOrigin(): [number, number] {
    return [-HALF_M + this.moved[0], HALF_M + this.moved[1]];
  }
}

export class ImageLayer {
  readonly layer: TileLayer<XYZ>;
  private grid: MovedGrid | null = null;
  private moved: readonly [number, number] = [0, 0];
  private address = "";
  private bounds: number[] = [];
  /** Whether a tile of what is shown could not be had. */
  private lacksTiles = false;

  /** `name` is the class of its canvas, which styles and filters go by. */
  constructor(private readonly name: string) {
    this.layer = new TileLayer<XYZ>({ className: name, preload: 1 });
  }

  show(source: TileJson | null): void {
    const url = source ? new URL(source.tiles[0] as string) : null;
    // same-origin addresses, whatever name the server goes by
    const address = url ? decodeURI(url.pathname) + url.search : "";
    if (address === this.address) return;
    this.address = address;
    if (!source) return this.layer.setSource(null);
    // an image across the antimeridian is whole where the map goes on beyond its edge
    const wrapX = source.bounds[2] - source.bounds[0] >= 360;
    this.bounds = wrapX ? [] : transformExtent(source.bounds, "EPSG:4326", "EPSG:3857");
    this.layOut();
    this.grid = new MovedGrid(Math.min(ZOOM_MAX, source.maxzoom ?? ZOOM_MAX));
    this.grid.moved = this.moved;
    const tiles = new XYZ({ url: address, tileGrid: this.grid, projection: projection("EPSG:3857")!, transition: 0, wrapX });
    this.lacksTiles = false;
    tiles.on("tileloaderror", () => {
      if (this.layer.getSource() === tiles) this.lacksTiles = true;
    });
    this.layer.setSource(tiles);
  }

  /** Asks again for tiles where one could not be had: the map itself never does. */
  askAgain(): void {
    if (!this.lacksTiles) return;
    this.lacksTiles = false;
    this.layer.getSource()?.refresh();
  }

  /** Moves the image by metres of the map. */
  move(by: readonly [number, number]): void {
    this.moved = by;
    if (this.grid) this.grid.moved = by;
    this.layOut();
    this.layer.changed();
  }

  /** No tile is asked for where the image is not. */
  private layOut(): void {
    const [west, south, east, north] = this.bounds as [number, number, number, number];
    const [right, up] = this.moved;
    this.layer.setExtent(this.bounds.length > 0 ? [west + right, south + up, east + right, north + up] : undefined);
  }

  /** Counts the values that are in view, as they were drawn; null where nothing is. */
  count(map: HTMLElement): Histogram | null {
    const drawn = map.querySelector<HTMLCanvasElement>(`.${this.name} canvas`);
    if (!drawn?.width || !drawn.height) return null;
    const small = new OffscreenCanvas(COUNTED_PX, COUNTED_PX);
    const context = small.getContext("2d", { willReadFrequently: true });
    if (!context) return null;
    context.imageSmoothingEnabled = false;
    context.drawImage(drawn, 0, 0, COUNTED_PX, COUNTED_PX);
    const counted = histogram(context.getImageData(0, 0, COUNTED_PX, COUNTED_PX).data);
    return counted[0].some((count) => count > 0) ? counted : null;
  }
}

/** Draws everything of a class through curves, by a filter of the page: no pixel is read and nothing is loaded anew. */
export function applyCurves(name: string, curves: readonly Curve[] | null): void {
  const table = (curve: Curve) => curve.map((value) => value.toFixed(4)).join(" ");
  ["R", "G", "B"].forEach((channel, index) => {
    const part = document.querySelector(`#look-${name} feFunc${channel}`);
    if (curves?.[index]) part?.setAttribute("tableValues", table(curves[index] as Curve));
  });
  document.documentElement.classList.toggle(`look-${name}`, curves !== null);
}
