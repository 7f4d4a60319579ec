// State that the page shows: replaced as a whole, never changed in place; listeners are told.

export class Store<T extends object> {
  private readonly listeners = new Set<(state: T) => void>();

  constructor(private current: T) {}

  get state(): T {
    return this.current;
  }

  set(change: Partial<T>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener(this.current);
  }

  /** Calls `listener` now and whenever one of the named members is another value. */
  watch<K extends keyof T>(names: readonly K[], listener: (state: T) => void): void {
    let seen: T | null = null;
    const look = (state: T) => {
      const before = seen;
      seen = state;
      if (!before || names.some((name) => before[name] !== state[name])) listener(state);
    };
    this.listeners.add(look);
    look(this.current);
  }
}
