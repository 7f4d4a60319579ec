// Where what is on its way lies in the browser's own storage, so that it outlives the page. Each entry has a place of its own:
// of thousands that one verdict put there, only the one that changes is written, and two tabs write beside each other.

import type { Entry, Shelf } from "./outbox";

const PLACES = "stakeout-outbox/";
/** Where all entries lay together, up to the autumn of 2026. */
const TOGETHER = "stakeout-outbox";

/** An entry with what it is ordered by. */
interface Placed { readonly rank: number; readonly entry: Entry }

export type Places = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

export class StoredShelf implements Shelf {
  /** What lies there, as long as no other tab has changed it. */
  private placed: readonly Placed[] | null = null;
  private entries: readonly Entry[] = [];

  constructor(private readonly places: () => Places) {}

  read(): readonly Entry[] {
    this.all();
    return this.entries;
  }

  /** Puts these entries in the place of those that lie there: all of them, or where there is no room none, and throws. */
  write(entries: readonly Entry[]): void {
    const before = new Map(this.all().map((each) => [each.entry.key, each]));
    const placed = ranked(entries, before);
    const written: string[] = [];
    try {
      for (const each of placed) {
        const was = before.get(each.entry.key);
        if (was?.entry === each.entry && was.rank === each.rank) continue;
        written.push(each.entry.key);
        this.put(each);
      }
    } catch (error) {
      for (const key of written) this.putBack(key, before.get(key));
      throw error;
    }
    const stays = new Set(entries.map((entry) => entry.key));
    for (const key of before.keys()) if (!stays.has(key)) this.places().removeItem(PLACES + key);
    this.know(placed);
  }

  /** Reads anew next time: another tab has changed something. */
  forget(): void {
    this.placed = null;
  }

  private all(): readonly Placed[] {
    if (this.placed) return this.placed;
    const places = this.places();
    const names = Array.from({ length: places.length }, (_, at) => places.key(at) ?? "").filter((name) => name.startsWith(PLACES));
    const found = names.flatMap((name) => JSON.parse(places.getItem(name) ?? "[]") as Placed | []);
    this.know(found.sort((a, b) => a.rank - b.rank || a.entry.key.localeCompare(b.entry.key)));
    this.takeApart(places.getItem(TOGETHER));
    return this.placed ?? [];
  }

  /** What an earlier version of the page left. */
  private takeApart(together: string | null): void {
    if (together === null) return;
    this.write([...(JSON.parse(together) as Entry[]), ...this.entries]);
    this.places().removeItem(TOGETHER);
  }

  private know(placed: readonly Placed[]): void {
    this.placed = placed;
    this.entries = placed.map(({ entry }) => entry);
  }

  private put(placed: Placed): void {
    this.places().setItem(PLACES + placed.entry.key, JSON.stringify(placed));
  }

  private putBack(key: string, was: Placed | undefined): void {
    if (was) this.put(was);
    else this.places().removeItem(PLACES + key);
  }
}

/** Entries with ranks that rise, those that they had where that is so. */
function ranked(entries: readonly Entry[], before: ReadonlyMap<string, Placed>): Placed[] {
  const known = entries.map((entry) => before.get(entry.key)?.rank);
  const following: (number | undefined)[] = [];
  for (let at = entries.length - 1, next: number | undefined; at >= 0; at -= 1) {
    following[at] = next;
    next = known[at] ?? next;
  }
  const placed: Placed[] = [];
  for (const [at, entry] of entries.entries()) {
    const last = placed.at(-1)?.rank;
    const own = known[at];
    const rank = own !== undefined && (last === undefined || own > last) ? own : between(last, following[at]);
    placed.push({ rank, entry });
  }
  return placed;
}

function between(last: number | undefined, next: number | undefined): number {
  if (last === undefined) return next === undefined ? 0 : next - 1;
  return next === undefined || next <= last ? last + 1 : (last + next) / 2;
}

export const browserShelf = new StoredShelf(() => localStorage);
// before anybody asks what lies there now
globalThis.addEventListener?.("storage", () => browserShelf.forget());
