// Pictures of the places that come next, loaded and decoded before they are asked for: they go where the layer itself keeps
// its tiles, so that they are drawn in the first frame.

import TileState from "ol/TileState";
import { listenOnce } from "ol/events";
import type { Extent } from "ol/extent";
import type TileLayer from "ol/layer/Tile";
import type XYZ from "ol/source/XYZ";
import { getCacheKey } from "ol/tilecoord";

/** Most tiles of a layer on their way at a time: two screens. */
const TILES_MAX = 80;
const onTheirWay = new Set<string>();

/** Loads the tiles of a layer that an extent needs at a resolution, and those of the coarser level that it draws first. */
export function preload(layer: TileLayer<XYZ>, extent: Extent, resolution: number, pixelRatio: number): void {
  const source = layer.getSource();
  const grid = source?.getTileGrid();
  const cache = layer.getRenderer()?.getTileCache();
  if (!source || !grid || !cache) return;
  const finest = grid.getZForResolution(resolution, source.zDirection);
  const key = source.getKey();
  for (let zoom = finest; zoom >= Math.max(0, finest - layer.getPreload()); zoom -= 1) {
    grid.forEachTileCoord(extent, zoom, ([z, x, y]) => {
      const at = getCacheKey(source, key, z!, x!, y!);
      if (onTheirWay.size >= TILES_MAX || onTheirWay.has(at) || cache.containsKey(at)) return;
      const tile = source.getTile(z!, x!, y!, pixelRatio, source.getProjection()!);
      if (!tile) return;
      onTheirWay.add(at);
      const arrived = () => {
        if (tile.getState() === TileState.LOADING) return void listenOnce(tile, "change", arrived);
        onTheirWay.delete(at);
        // the person may have come here sooner, and another source may be shown by now
        if (tile.getState() === TileState.LOADED && layer.getSource() === source && !cache.containsKey(at)) cache.set(at, tile);
      };
      listenOnce(tile, "change", arrived);
      tile.load();
    });
  }
}
