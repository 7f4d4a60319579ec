// Pictures of the place that comes next, fetched before they are asked for.

import type { Extent } from "ol/extent";
import type XYZ from "ol/source/XYZ";

/** Most tiles fetched ahead at a time: a screen of two images. */
const TILES_MAX = 60;
const fetched = new Set<string>();

/** Fetches the tiles of a source that an extent needs at a resolution; the browser's cache keeps them. */
export function preload(source: XYZ | null, extent: Extent, resolution: number): void {
  const grid = source?.getTileGrid();
  const address = source?.getTileUrlFunction();
  const projection = source?.getProjection();
  if (!grid || !address || !projection) return;
  const zoom = grid.getZForResolution(resolution, source?.zDirection);
  let count = 0;
  grid.forEachTileCoord(extent, zoom, (at) => {
    const url = address(at, 1, projection);
    if (!url || fetched.has(url) || (count += 1) > TILES_MAX) return;
    fetched.add(url);
    new Image().src = url;
  });
}
