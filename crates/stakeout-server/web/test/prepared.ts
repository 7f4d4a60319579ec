import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Problem, preparedScene, problemOf } from "../src/api";

globalThis.window = { location: { href: "http://stakeout.test/" } } as Window & typeof globalThis;
const accepted = () => new Response("{}", { status: 202, headers: { location: "/ogc/jobs/j" } });
const refusal = (status: number) => Response.json({ type: "/problems/some", detail: `no: ${status}` }, { status });

/** Follows a job whose address answers so, one after the other; pauses take no time. */
async function followed(...answers: (Response | Error)[]): Promise<unknown> {
  const asked: string[] = [];
  globalThis.fetch = (async (path: string) => {
    asked.push(path);
    const answer = answers.shift();
    if (!(answer instanceof Response)) throw answer;
    return answer;
  }) as typeof fetch;
  mock.timers.enable({ apis: ["setTimeout"] });
  let isOver = false;
  const found = preparedScene(accepted()).finally(() => (isOver = true));
  found.catch(() => {});
  while (!isOver) {
    mock.timers.tick(2_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  mock.timers.reset();
  return found;
}

test("a job is followed over a lost connection and a busy server, to its result", async () => {
  const done = () => Response.json({ status: "successful" });
  const found = await followed(new TypeError("no connection"), refusal(503), refusal(429), Response.json({ status: "running" }), done(), refusal(502), done(), Response.json({ id: "s" }));
  assert.deepEqual(found, { id: "s" });
});

test("a job is followed no further where it has failed, is not there, or nobody is signed in", async () => {
  for (const [answer, status] of [[refusal(401), 401], [refusal(404), 404], [Response.json({ status: "failed", message: "no image" }), 422]] as const) {
    await assert.rejects(followed(answer), (error) => error instanceof Problem && error.status === status);
  }
});

test("a refusal is told by its detail, and by its status where something else has answered", () => {
  const told = problemOf(403, '{"type":"/problems/forbidden","detail":"a viewer may not upload files"}');
  assert.deepEqual([told.status, told.message, told.kind], [403, "a viewer may not upload files", "forbidden"]);
  assert.equal(problemOf(502, "<html>Bad Gateway</html>").message, "the server answered 502");
});
