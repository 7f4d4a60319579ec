// What stood when: built area and count at each scene's date, and structures by construction window.

export interface Built {
  readonly change: string;
  readonly area_m2: number;
  readonly start_datetime: string | null;
  readonly end_datetime: string | null;
}

/** What was built since the first scene, as its date saw it. */
export interface Level {
  readonly time: number;
  readonly count: number;
  readonly area_m2: number;
}

/** Structures that appeared or went between two dates. */
export interface Window {
  readonly start: string;
  readonly end: string;
  readonly appeared: number;
  readonly gone: number;
  /** Built area that came less what went. */
  readonly area_m2: number;
}

const sign = (change: string) => ({ new: 1, removed: -1 })[change] ?? 0;

/** The level at each date, counted by the first image that shows a change. */
export function levels(datetimes: readonly string[], built: readonly Built[]): Level[] {
  return [...new Set(datetimes.map((datetime) => Date.parse(datetime)))]
    .sort((a, b) => a - b)
    .map((time) => {
      const seen = built.filter(({ end_datetime }) => end_datetime !== null && Date.parse(end_datetime) <= time);
      return {
        time,
        count: seen.reduce((sum, { change }) => sum + sign(change), 0),
        area_m2: seen.reduce((sum, { change, area_m2 }) => sum + sign(change) * area_m2, 0),
      };
    });
}

/** Structures by their construction window, earliest end first. */
export function windows(built: readonly Built[]): Window[] {
  const found = new Map<string, Window>();
  for (const { change, area_m2, start_datetime, end_datetime } of built) {
    if (!start_datetime || !end_datetime || sign(change) === 0) continue;
    const key = `${start_datetime}/${end_datetime}`;
    const before = found.get(key) ?? { start: start_datetime, end: end_datetime, appeared: 0, gone: 0, area_m2: 0 };
    found.set(key, {
      ...before,
      appeared: before.appeared + (change === "new" ? 1 : 0),
      gone: before.gone + (change === "removed" ? 1 : 0),
      area_m2: before.area_m2 + sign(change) * area_m2,
    });
  }
  return [...found.values()].sort((a, b) => a.end.localeCompare(b.end) || a.start.localeCompare(b.start));
}
