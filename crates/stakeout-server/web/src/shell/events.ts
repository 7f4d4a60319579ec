// What the server tells as it happens: one stream for the whole page, since a browser opens only a few to a host. What
// happened while the stream was broken is not told again: whoever shows something of it looks anew then.

/** Pause before a stream is opened anew that the browser has given up, milliseconds. */
const REOPEN_MS = 5_000;
/** How long after nobody looks at the page its stream is closed, milliseconds: streams of hidden tabs would hold up the one that is seen. */
const REST_MS = 10_000;

export interface Broken {
  /** Called when something may have been missed. */
  readonly missed: () => void;
  /** Called when the browser has given the stream up, once until it is open again. */
  readonly lost: () => void;
}

export class Events {
  private stream: EventSource | null = null;
  private readonly listeners: (readonly [string, (data: unknown) => void])[] = [];
  private readonly watchers: Broken[] = [];
  private isBroken = false;
  private isLost = false;
  private isResting = false;

  constructor(private readonly connect: () => EventSource, private readonly later: (work: () => void) => void) {}

  hear<Data>(kind: string, heard: (data: Data) => void): void {
    const listener = [kind, heard as (data: unknown) => void] as const;
    this.listeners.push(listener);
    if (this.stream) this.listen(this.stream, listener);
    else if (!this.isResting) this.open();
  }

  onBroken(watcher: Broken): void {
    this.watchers.push(watcher);
  }

  /** Hears nothing until it is woken. */
  rest(): void {
    this.isResting = true;
    this.stream?.close();
    this.stream = null;
  }

  /** Hears again; what happened meanwhile was missed. */
  wake(): void {
    if (!this.isResting) return;
    this.isResting = false;
    this.isBroken = true;
    // nobody listens before the sign-in
    if (this.listeners.length > 0) this.open();
  }

  private open(): void {
    const stream = this.connect();
    this.stream = stream;
    for (const listener of this.listeners) this.listen(stream, listener);
    // the browser itself says `open` too, and before the server listens to what happens
    stream.addEventListener("open", (event) => "data" in event && this.opened());
    stream.addEventListener("lagged", () => this.missed());
    stream.addEventListener("error", () => this.broke(stream));
  }

  private listen(stream: EventSource, [kind, heard]: readonly [string, (data: unknown) => void]): void {
    stream.addEventListener(kind, (event) => heard(JSON.parse((event as MessageEvent<string>).data)));
  }

  private opened(): void {
    if (this.isBroken) this.missed();
    this.isBroken = false;
    this.isLost = false;
  }

  private missed(): void {
    for (const watcher of this.watchers) watcher.missed();
  }

  /** The browser tries again by itself while the server is away, and gives up where something else answers. */
  private broke(stream: EventSource): void {
    this.isBroken = true;
    if (stream.readyState !== stream.CLOSED) return;
    if (!this.isLost) for (const watcher of this.watchers) watcher.lost();
    this.isLost = true;
    // it may rest by then, or hear by another stream
    this.later(() => this.stream === stream && this.open());
  }
}

const events = new Events(() => new EventSource("/api/events"), (work) => window.setTimeout(work, REOPEN_MS));

/** Closes the stream some time after the tab is hidden: a browser opens only a few to a host, for all tabs together. */
export function restWhileHidden(): void {
  let resting = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(resting);
    if (document.hidden) resting = window.setTimeout(() => events.rest(), REST_MS);
    else events.wake();
  });
}

/** Calls `heard` with the data of each event of a kind. */
export function hear<Data>(kind: string, heard: (data: Data) => void): void {
  events.hear(kind, heard);
}

/** Calls a watcher when the stream was broken or is. */
export function onBroken(watcher: Broken): void {
  events.onBroken(watcher);
}
