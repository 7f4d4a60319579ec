// Military Grid Reference System on WGS 84, between 80° S and 84° N (beyond, the grid is a polar one).
// UTM by Krüger's series to the sixth order, good to a micrometre within a zone.

/** Semi-major axis, metres, and flattening of WGS 84. */
const AXIS_M = 6_378_137;
const FLATTENING = 1 / 298.257_223_563;
const SCALE = 0.9996;
const FALSE_EASTING_M = 500_000;
const FALSE_NORTHING_SOUTH_M = 10_000_000;

const N = FLATTENING / (2 - FLATTENING);
const ECCENTRICITY = Math.sqrt(FLATTENING * (2 - FLATTENING));
/** Radius of the circle with the length of a meridian. */
const MERIDIAN_M = (AXIS_M / (1 + N)) * (1 + N ** 2 / 4 + N ** 4 / 64 + N ** 6 / 256);
/** Krüger's coefficients alpha 1 to 6 (Karney 2011, "Transverse Mercator with an accuracy of a few nanometers"). */
const ALPHA = [
  N / 2 - (2 / 3) * N ** 2 + (5 / 16) * N ** 3 + (41 / 180) * N ** 4 - (127 / 288) * N ** 5 + (7891 / 37800) * N ** 6,
  (13 / 48) * N ** 2 - (3 / 5) * N ** 3 + (557 / 1440) * N ** 4 + (281 / 630) * N ** 5 - (1983433 / 1935360) * N ** 6,
  (61 / 240) * N ** 3 - (103 / 140) * N ** 4 + (15061 / 26880) * N ** 5 + (167603 / 181440) * N ** 6,
  (49561 / 161280) * N ** 4 - (179 / 168) * N ** 5 + (6601661 / 7257600) * N ** 6,
  (34729 / 80640) * N ** 5 - (3418889 / 1995840) * N ** 6,
  (212378941 / 319334400) * N ** 6,
];

const BANDS = "CDEFGHJKLMNPQRSTUVWX";
/** Letters of columns by zone modulo 3, and of rows; I and O are never used. */
const COLUMNS = ["ABCDEFGH", "JKLMNPQR", "STUVWXYZ"];
const ROWS = "ABCDEFGHJKLMNPQRSTUV";

export interface Utm {
  readonly zone: number;
  readonly easting_m: number;
  readonly northing_m: number;
}

function zoneOf(lon: number, lat: number): number {
  // south-west Norway, and Svalbard, have wider zones
  if (lat >= 56 && lat < 64 && lon >= 3 && lon < 12) return 32;
  if (lat >= 72 && lon >= 0 && lon < 42) return lon < 9 ? 31 : lon < 21 ? 33 : lon < 33 ? 35 : 37;
  return (Math.floor((lon + 180) / 6) % 60) + 1;
}

/** The place in the zone that the grid uses for it. */
export function utm(lon: number, lat: number): Utm {
  const zone = zoneOf(lon, lat);
  const radians = Math.PI / 180;
  const lambda = (lon - (zone * 6 - 183)) * radians;
  const sine = Math.sin(lat * radians);
  const conformal = Math.sinh(Math.atanh(sine) - ECCENTRICITY * Math.atanh(ECCENTRICITY * sine));
  const xi = Math.atan2(conformal, Math.cos(lambda));
  const eta = Math.asinh(Math.sin(lambda) / Math.hypot(conformal, Math.cos(lambda)));
  let [east, north] = [eta, xi];
  ALPHA.forEach((alpha, index) => {
    const order = 2 * (index + 1);
    east += alpha * Math.cos(order * xi) * Math.sinh(order * eta);
    north += alpha * Math.sin(order * xi) * Math.cosh(order * eta);
  });
  return {
    zone,
    easting_m: FALSE_EASTING_M + SCALE * MERIDIAN_M * east,
    northing_m: (lat < 0 ? FALSE_NORTHING_SOUTH_M : 0) + SCALE * MERIDIAN_M * north,
  };
}

/** The square of one metre that holds the place, such as `52S CF 12345 67890`; null near the poles. */
export function mgrs(lon: number, lat: number): string | null {
  if (!(lat >= -80 && lat <= 84 && Math.abs(lon) <= 180)) return null;
  const { zone, easting_m, northing_m } = utm(lon, lat);
  const band = BANDS[Math.min(19, Math.floor((lat + 80) / 8))];
  const column = COLUMNS[(zone - 1) % 3]?.[Math.floor(easting_m / 100_000) - 1];
  // rows of even zones begin five letters later
  const row = ROWS[(Math.floor(northing_m / 100_000) + (zone % 2 === 0 ? 5 : 0)) % 20];
  const digits = (metres: number) => String(Math.floor(metres % 100_000)).padStart(5, "0");
  return `${zone}${band} ${column}${row} ${digits(easting_m)} ${digits(northing_m)}`;
}
