// Several tabs of one browser send what lies on one shelf. One of them sends at a time, so that what a person says leaves in
// the order in which they said it; and each tells the others what it was answered, which they would know later otherwise.

export interface Tabs<Told> {
  /** Does the work while no other tab does any. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Tells all other tabs. */
  tell(told: Told): void;
  /** Calls `heard` with what other tabs tell. */
  hear(heard: (told: Told) => void): void;
}

const NAME = "stakeout-outbox";

/** The tabs of this browser. Locks are for pages of this machine and of https: tabs of plain http send beside each other. */
export function browserTabs<Told>(): Tabs<Told> {
  const channel = new BroadcastChannel(NAME);
  return {
    alone: async (work) => {
      await (navigator.locks ? navigator.locks.request(NAME, work) : work());
    },
    tell: (told) => channel.postMessage(told),
    hear: (heard) => channel.addEventListener("message", ({ data }) => heard(data as Told)),
  };
}
