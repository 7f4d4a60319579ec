// What the server tells as it happens: one stream for the whole page, since a browser opens only a few to a host.

let stream: EventSource | null = null;

/** Calls `heard` with the data of each event of a kind. */
export function hear<Data>(kind: string, heard: (data: Data) => void): void {
  stream ??= new EventSource("/api/events");
  stream.addEventListener(kind, (event) => heard(JSON.parse((event as MessageEvent<string>).data) as Data));
}
