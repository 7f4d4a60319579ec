// The area of a site as it is pasted: a polygon of GeoJSON, alone, in a feature or in a collection.

import { Problem } from "../api";

export type Polygon = { readonly type: "Polygon"; readonly coordinates: [number, number][][] };

export function pastedArea(text: string): Polygon {
  let given: { type?: string; geometry?: unknown; features?: { geometry: unknown }[] };
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Problem(0, `the area is no GeoJSON: ${error}`);
  }
  const found = (given.geometry ?? given.features?.[0]?.geometry ?? given) as Partial<Polygon>;
  if (found.type !== "Polygon") throw new Problem(0, `the area is no GeoJSON polygon but ${found.type ?? "something else"}`);
  const rings: unknown = found.coordinates;
  if (!Array.isArray(rings) || rings.length === 0 || !rings.every(Array.isArray)) throw new Problem(0, "the area is a polygon without corners");
  for (const position of rings.flat()) check(position);
  return found as Polygon;
}

/** Refuses what is no position, such as one in the other order. */
function check(position: unknown): void {
  const [lon, lat] = Array.isArray(position) ? position : [];
  if (!Number.isFinite(lon) || !Number.isFinite(lat)) throw new Problem(0, "the area has a corner that is no longitude and latitude");
  if (Math.abs(lon) > 180 || Math.abs(lat) > 90) throw new Problem(0, `the area has a corner at longitude ${lon}, latitude ${lat}: the longitude comes first`);
}
