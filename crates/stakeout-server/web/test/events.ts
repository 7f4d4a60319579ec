import assert from "node:assert/strict";
import { test } from "node:test";
import { Events } from "../src/shell/events";

/** A stream as the browser gives it. */
class Stream extends EventTarget {
  readonly CLOSED = 2;
  readyState = 0;

  tell(kind: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
  }

  /** The browser says that there is a connection, and then the server that it is heard. */
  opens(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
    this.tell("open", {});
  }

  close(): void {
    this.readyState = 2;
  }

  breaks(readyState: 0 | 2): void {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

/** Events on streams of which the test says what becomes of them, and what was heard. */
function listening() {
  const [streams, heard, pauses] = [[] as Stream[], [] as unknown[], [] as (() => void)[]];
  const events = new Events(() => streams[streams.push(new Stream()) - 1] as unknown as EventSource, (work) => pauses.push(work));
  events.onBroken({ missed: () => heard.push("missed"), lost: () => heard.push("lost") });
  events.hear("job", (data) => heard.push(data));
  return { events, streams, heard, pauses };
}

test("what is told is heard, and the first opening has missed nothing", () => {
  const { streams: [stream], heard } = listening();
  stream!.opens();
  stream!.tell("job", { id: "j" });
  assert.deepEqual(heard, [{ id: "j" }]);
});

test("a stream that opens again, or that lagged, may have missed something", () => {
  const { streams: [stream], heard } = listening();
  stream!.opens();
  stream!.breaks(0);
  assert.deepEqual(heard, []);
  stream!.opens();
  assert.deepEqual(heard, ["missed"]);
  stream!.tell("lagged", { why: "channel lagged by 3" });
  assert.deepEqual(heard, ["missed", "missed"]);
});

test("a stream that cannot be opened at first has missed what happened until it is", () => {
  const { streams: [stream], heard } = listening();
  stream!.breaks(0);
  stream!.opens();
  assert.deepEqual(heard, ["missed"]);
});

test("a stream that the browser gave up is opened anew after a pause, and that is told once", () => {
  const { streams, heard, pauses } = listening();
  streams[0]!.opens();
  streams[0]!.breaks(2);
  assert.deepEqual([streams.length, heard], [1, ["lost"]]);
  pauses.shift()!();
  streams[1]!.breaks(2);
  pauses.shift()!();
  assert.deepEqual(heard, ["lost"]);
  streams[2]!.opens();
  streams[2]!.tell("job", { id: "k" });
  assert.deepEqual(heard, ["lost", "missed", { id: "k" }]);
  streams[2]!.breaks(2);
  assert.equal(heard.at(-1), "lost");
});

test("a page that nobody looks at holds no stream, and looks for what it missed when it is seen", () => {
  const { events, streams, heard } = listening();
  streams[0]!.opens();
  events.wake();
  assert.equal(streams.length, 1, "it was awake");
  events.rest();
  assert.equal(streams[0]!.readyState, 2);
  events.wake();
  streams[1]!.opens();
  streams[1]!.tell("job", { id: "j" });
  assert.deepEqual([streams.length, heard], [2, ["missed", { id: "j" }]]);
});

test("a stream that was to be opened anew is not where the page rests or hears by another", () => {
  const { events, streams, pauses } = listening();
  streams[0]!.breaks(2);
  events.rest();
  pauses.shift()!();
  assert.equal(streams.length, 1);
  events.wake();
  assert.equal(streams.length, 2);
});
