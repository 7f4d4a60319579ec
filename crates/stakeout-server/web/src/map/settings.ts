// How two images are compared: way of comparing, looks, nudge. Looks and nudge are kept for each pair of scenes.

import type { SceneItem } from "../api";
import { Store } from "../shell/store";
import { type Look, PLAIN } from "./look";
import type { Mode } from "./stage";

export interface Pair {
  /** Looks of the before and of the after image. */
  readonly looks: readonly [Look, Look];
  /** How far the after image was moved, metres to the east and to the north. */
  readonly nudge: readonly [number, number];
}

export interface Settings extends Pair {
  readonly mode: Mode;
  /** Where the divider stands, 0 to 1. */
  readonly share: number;
  /** Of the after image, 0 to 1. */
  readonly opacity: number;
  /** What differences are multiplied by. */
  readonly gain: number;
}

const KEPT = "stakeout-pair";
const FRESH: Pair = { looks: [PLAIN, PLAIN], nudge: [0, 0] };

export class CompareSettings extends Store<Settings> {
  private key = "";

  constructor() {
    super({ ...FRESH, mode: "swipe", share: 0.5, opacity: 0.5, gain: 3 });
    this.watch(["looks", "nudge"], ({ looks, nudge }) => {
      if (this.key) keep(this.key, { looks, nudge });
    });
  }

  /** Takes up what was kept for a pair of scenes. */
  open(before: SceneItem | null, after: SceneItem | null): void {
    const key = before && after ? `${KEPT}/${before.id}/${after.id}` : "";
    if (key === this.key) return;
    this.key = "";
    const kept = key ? localStorage.getItem(key) : null;
    this.set(kept ? (JSON.parse(kept) as Pair) : FRESH);
    this.key = key;
  }
}

/** Keeps what was set for a pair for its next opening; where the browser has no room, it holds until then. */
function keep(key: string, pair: Pair): void {
  try {
    localStorage.setItem(key, JSON.stringify(pair));
  } catch {
    // the images show it all the same
  }
}
