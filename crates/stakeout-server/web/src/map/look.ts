// How the values of an image are shown: a curve for each of the three colours, from what is in view.

/** Counts of the 256 values of each colour. */
export type Histogram = readonly [Float64Array, Float64Array, Float64Array];

/**
 * `scene`: 2nd to 98th percentile of the whole scene, as the server draws it. `view`: percentiles of what is in view.
 * `match`: the spread of values that the other image has in view. `manual`: between two of the image's own values.
 */
export type Range = "scene" | "view" | "match" | "manual";

export interface Look {
  readonly range: Range;
  /** Percent cut off at each end, for `view`. */
  readonly cut_percent: number;
  /** Values shown black and white, for `manual`. */
  readonly low: number;
  readonly high: number;
  /** Above 1 brightens the middle. */
  readonly gamma: number;
}

export const PLAIN: Look = { range: "scene", cut_percent: 2, low: 0, high: 255, gamma: 1 };

/** What a curve maps each of the 256 values to, 0 to 1. */
export type Curve = readonly number[];

export function isPlain(look: Look): boolean {
  return look.gamma === 1 && (look.range === "scene" || look.range === "manual");
}

/** Curves for red, green and blue. */
export function curves(look: Look, own: Histogram | null, other: Histogram | null): Curve[] {
  return [0, 1, 2].map((channel) => {
    const counts = own?.[channel];
    const straight = Array.from({ length: 256 }, (_, value) => value / 255);
    let curve = straight;
    if (look.range === "view" && counts) curve = stretched(counts, look.cut_percent / 100);
    if (look.range === "match" && counts && other?.[channel]) curve = matched(counts, other[channel] as Float64Array);
    return curve.map((value) => value ** (1 / look.gamma));
  });
}

function cumulated(counts: Float64Array): number[] {
  let sum = 0;
  const running = Array.from(counts, (count) => (sum += count));
  return running.map((value) => (sum > 0 ? value / sum : 0));
}

/** Linear between the percentiles at both ends. */
function stretched(counts: Float64Array, cut: number): number[] {
  const shares = cumulated(counts);
  const low = shares.findIndex((share) => share > cut);
  const high = Math.max(low + 1, shares.findIndex((share) => share >= 1 - cut));
  return Array.from({ length: 256 }, (_, value) => Math.min(1, Math.max(0, (value - low) / (high - low))));
}

/** The value of the other image that as many pixels lie below. */
function matched(counts: Float64Array, other: Float64Array): number[] {
  const [own, wanted] = [cumulated(counts), cumulated(other)];
  let at = 0;
  return own.map((share) => {
    while (at < 255 && (wanted[at] as number) < share) at += 1;
    return at / 255;
  });
}

/** Counts the opaque pixels of a picture, RGBA. */
export function histogram(rgba: Uint8ClampedArray): Histogram {
  const counts = [new Float64Array(256), new Float64Array(256), new Float64Array(256)] as const;
  for (let at = 0; at + 3 < rgba.length; at += 4) {
    if (rgba[at + 3] !== 255) continue;
    for (const channel of [0, 1, 2] as const) counts[channel][rgba[at + channel] as number]! += 1;
  }
  return counts;
}
