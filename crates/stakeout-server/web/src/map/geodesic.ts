// Lengths and areas on the ellipsoid WGS 84. Positions are longitude and latitude in degrees.

export type LonLat = readonly [number, number];

const AXIS_M = 6_378_137;
const FLATTENING = 1 / 298.257_223_563;
const POLAR_M = AXIS_M * (1 - FLATTENING);
const ECCENTRICITY2 = FLATTENING * (2 - FLATTENING);
const ROUNDS_MAX = 100;
const PRECISION = 1e-12;

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/** Distance by Vincenty's inverse formula, metres; NaN for the few antipodal pairs where it does not converge. */
export function distance_m(from: LonLat, to: LonLat): number {
  const difference = radians(to[0] - from[0]);
  const reduced = (lat: number) => Math.atan((1 - FLATTENING) * Math.tan(radians(lat)));
  const [one, two] = [reduced(from[1]), reduced(to[1])];
  const [sin1, cos1, sin2, cos2] = [Math.sin(one), Math.cos(one), Math.sin(two), Math.cos(two)];
  let lambda = difference;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const [sinLambda, cosLambda] = [Math.sin(lambda), Math.cos(lambda)];
    const sinSigma = Math.hypot(cos2 * sinLambda, cos1 * sin2 - sin1 * cos2 * cosLambda);
    if (sinSigma === 0) return 0;
    const cosSigma = sin1 * sin2 + cos1 * cos2 * cosLambda;
    const sigma = Math.atan2(sinSigma, cosSigma);
    const sinAlpha = (cos1 * cos2 * sinLambda) / sinSigma;
    const cos2Alpha = 1 - sinAlpha ** 2;
    // along the equator there is no middle latitude
    const middle = cos2Alpha === 0 ? 0 : cosSigma - (2 * sin1 * sin2) / cos2Alpha;
    const c = (FLATTENING / 16) * cos2Alpha * (4 + FLATTENING * (4 - 3 * cos2Alpha));
    const inner = middle + c * cosSigma * (2 * middle ** 2 - 1);
    const next = difference + (1 - c) * FLATTENING * sinAlpha * (sigma + c * sinSigma * inner);
    if (Math.abs(next - lambda) < PRECISION) return along(sigma, sinSigma, cosSigma, cos2Alpha, middle);
    lambda = next;
  }
  return Number.NaN;
}

function along(sigma: number, sinSigma: number, cosSigma: number, cos2Alpha: number, middle: number): number {
  const u2 = (cos2Alpha * (AXIS_M ** 2 - POLAR_M ** 2)) / POLAR_M ** 2;
  const a = 1 + (u2 / 16384) * (4096 + u2 * (u2 * (320 - 175 * u2) - 768));
  const b = (u2 / 1024) * (256 + u2 * (u2 * (74 - 47 * u2) - 128));
  const last = (b / 6) * middle * (4 * sinSigma ** 2 - 3) * (4 * middle ** 2 - 3);
  const change = b * sinSigma * (middle + (b / 4) * (cosSigma * (2 * middle ** 2 - 1) - last));
  return POLAR_M * a * (sigma - change);
}

/** Length of a line, metres. */
export function length_m(line: readonly LonLat[]): number {
  return line.slice(1).reduce((sum, to, index) => sum + distance_m(line[index] as LonLat, to), 0);
}

/** Area between the equator and a latitude for each radian of longitude, divided by half the axis squared. */
function belt(lat: number): number {
  const e = Math.sqrt(ECCENTRICITY2);
  const sine = Math.sin(radians(lat));
  return (1 - ECCENTRICITY2) * (sine / (1 - ECCENTRICITY2 * sine ** 2) + Math.atanh(e * sine) / e);
}

/** A difference of longitudes the short way round, as across the antimeridian. */
function shortWay(degrees: number): number {
  return degrees - 360 * Math.round(degrees / 360);
}

/**
 * Area of a ring, square metres: exact on the ellipsoid for sides that are straight in longitude and the area below
 * them; against geodesic sides the error is below a millionth up to a few kilometres.
 */
export function area_m2(ring: readonly LonLat[]): number {
  // relative to the first corner, or the digits of a small ring are lost in the belt below it
  const base = belt(ring[0]?.[1] ?? 0);
  let doubled = 0;
  ring.forEach((from, index) => {
    const to = ring[(index + 1) % ring.length] as LonLat;
    doubled += radians(shortWay(to[0] - from[0])) * (belt(from[1]) - base + belt(to[1]) - base);
  });
  return Math.abs(doubled * AXIS_M ** 2) / 4;
}

/** Metres in words. */
export function lengthWords(metres: number): string {
  return metres < 1_000 ? `${metres.toFixed(metres < 100 ? 1 : 0)} m` : `${(metres / 1_000).toFixed(2)} km`;
}

/** Square metres in words. */
export function areaWords(square_m: number): string {
  if (square_m < 10_000) return `${Math.round(square_m).toLocaleString("en")} m²`;
  return square_m < 1e6 ? `${(square_m / 10_000).toFixed(2)} ha` : `${(square_m / 1e6).toFixed(2)} km²`;
}
