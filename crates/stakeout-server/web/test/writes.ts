import assert from "node:assert/strict";
import { test } from "node:test";
import { post, write, writeAs } from "../src/api";

test("what is written says whose it is, once somebody is signed in", async () => {
  const sent: [string, RequestInit][] = [];
  globalThis.fetch = ((path: string, init: RequestInit) => {
    sent.push([path, init]);
    return Promise.resolve(Response.json({}));
  }) as unknown as typeof fetch;
  await post("/api/session", { token: "t" });
  writeAs("Ann Ö");
  await write("PATCH", "/a", { title: "Hall" }, { "content-type": "application/merge-patch+json", "if-match": '"1"' });
  await write("DELETE", "/a");
  assert.deepEqual(sent.map(([, { method, headers, body }]) => [method, headers, body]), [
    ["POST", { "content-type": "application/json" }, '{"token":"t"}'],
    ["PATCH", { "content-type": "application/merge-patch+json", "stakeout-actor": "Ann%20%C3%96", "if-match": '"1"' }, '{"title":"Hall"}'],
    ["DELETE", { "stakeout-actor": "Ann%20%C3%96" }, undefined],
  ]);
});
