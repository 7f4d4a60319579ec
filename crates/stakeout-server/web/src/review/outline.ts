// The outline of a candidate as it is recorded: people may have made it another than the one that was found.

import type { Feature } from "../api";
import { type LonLat, area_m2 } from "../map/geodesic";

export type Geometry = Feature<unknown>["geometry"];

export interface Outline {
  readonly geometry: Geometry;
  readonly area_m2: number;
}

/** What is recorded where it is another outline than the one that was found; null where it is none or the same. */
export function outlineOf(recorded: Geometry | null | undefined, found: Geometry | undefined): Outline | null {
  if (!recorded || JSON.stringify(recorded.coordinates) === JSON.stringify(found?.coordinates)) return null;
  return { geometry: recorded, area_m2: areaOf(recorded) };
}

/** What an outline covers on the ground, square metres: without its holes. */
function areaOf({ type, coordinates }: Geometry): number {
  const polygons = type === "MultiPolygon" ? (coordinates as unknown as number[][][][]) : [coordinates];
  return polygons.reduce((sum, [exterior = [], ...holes]) => sum + ringArea(exterior) - holes.reduce((cut, hole) => cut + ringArea(hole), 0), 0);
}

// the closing position adds nothing
const ringArea = (ring: number[][]) => area_m2(ring as unknown as LonLat[]);
