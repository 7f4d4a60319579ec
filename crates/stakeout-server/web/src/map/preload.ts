// Pictures of the places that come next, loaded and decoded before they are asked for: they go where the layer itself keeps
// its tiles, so that they are drawn in the first frame.

import type Tile from "ol/Tile";
import TileState from "ol/TileState";
import { listenOnce } from "ol/events";
import { type Extent, getIntersection, isEmpty } from "ol/extent";
import type TileLayer from "ol/layer/Tile";
import type XYZ from "ol/source/XYZ";
import { getCacheKey } from "ol/tilecoord";

/** Most tiles on their way at a time: browsers ask a server for six things at once. */
const LOADING_MAX = 6;

/** A part of a layer that a person may see next. */
export interface Ahead { readonly layer: TileLayer<XYZ>; readonly extent: Extent; readonly resolution: number }

let waiting: (() => void)[] = [];
const loading = new Set<string>();

/** Loads the tiles that these parts need, in this order, and those of the coarser level that a layer draws first. What an earlier call asked for and has not begun is dropped. */
export function preload(parts: readonly Ahead[], pixelRatio: number): void {
  waiting = parts.flatMap((part) => missing(part, pixelRatio));
  loadMore();
}

/** Loads nothing ahead until asked again. */
export function holdPreload(): void {
  waiting = [];
}

function loadMore(): void {
  while (loading.size < LOADING_MAX) {
    const load = waiting.shift();
    if (!load) return;
    load();
  }
}

/** What loads each tile of a part that is not there yet. */
function missing({ layer, extent, resolution }: Ahead, pixelRatio: number): (() => void)[] {
  const source = layer.getSource();
  const grid = source?.getTileGrid();
  const cache = layer.getRenderer()?.getTileCache();
  const projection = source?.getProjection();
  if (!source || !grid || !cache || !projection) return [];
  const bounds = layer.getExtent();
  const wanted = bounds ? getIntersection(extent, bounds) : extent;
  const loads: (() => void)[] = [];
  if (isEmpty(wanted)) return loads;
  const finest = grid.getZForResolution(resolution, source.zDirection);
  for (let zoom = finest; zoom >= Math.max(0, finest - layer.getPreload()); zoom -= 1) {
    grid.forEachTileCoord(wanted, zoom, ([z, x, y]) => {
      const at = getCacheKey(source, source.getKey(), z!, x!, y!);
      if (cache.containsKey(at)) return;
      loads.push(() => {
        if (loading.has(at) || cache.containsKey(at) || layer.getSource() !== source) return;
        const tile = source.getTile(z!, x!, y!, pixelRatio, projection);
        if (!tile) return;
        loading.add(at);
        whenLoaded(tile, () => {
          loading.delete(at);
          // the person may have come here sooner, and another source may be shown by now; what could not be had may come later
          if (tile.getState() === TileState.LOADED && layer.getSource() === source && !cache.containsKey(at)) cache.set(at, tile);
          loadMore();
        });
        tile.load();
      });
    });
  }
  return loads;
}

function whenLoaded(tile: Tile, then: () => void): void {
  listenOnce(tile, "change", () => (tile.getState() === TileState.LOADING ? whenLoaded(tile, then) : then()));
}
