// What of a browser the tests need.

import type { Tabs } from "../../src/review/tabs";

/** A browser's storage, which may be full. */
export type Storing = Storage & { isFull: boolean };

export function storage(): Storing {
  const kept = new Map<string, string>();
  const made = {
    isFull: false,
    get length() { return kept.size; },
    key: (at: number) => [...kept.keys()][at] ?? null,
    getItem: (name: string) => kept.get(name) ?? null,
    setItem(name: string, text: string) {
      if (made.isFull) throw new Error("no room");
      kept.set(name, text);
    },
    removeItem: (name: string) => void kept.delete(name),
  };
  return made as unknown as Storing;
}

export const oneTab: Tabs<unknown> = { alone: (work) => work(), tell: () => {}, hear: () => {} };

/** Two tabs that tell each other. */
export function twoTabs<Told>(): [Tabs<Told>, Tabs<Told>] {
  const hearers: ((told: Told) => void)[][] = [[], []];
  const tab = (own: 0 | 1): Tabs<Told> => ({
    alone: (work) => work(),
    tell: (told) => hearers[1 - own]?.forEach((heard) => heard(told)),
    hear: (heard) => void hearers[own]?.push(heard),
  });
  return [tab(0), tab(1)];
}
