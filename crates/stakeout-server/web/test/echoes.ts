import assert from "node:assert/strict";
import { test } from "node:test";
import { Echoes } from "../src/review/echoes";

/** Echoes that count what was said elsewhere; `passes` lets the time pass in which an answer and its echo come. */
function listening(asked: readonly string[] = []) {
  const works: (() => void)[] = [];
  const heard = { elsewhere: 0 };
  const echoes = new Echoes((id) => asked.includes(id), () => void (heard.elsewhere += 1), (work) => void works.push(work));
  return { echoes, heard, passes: () => works.splice(0).forEach((work) => work()) };
}

test("what this page said is told once for each answer, after it or before it", () => {
  const { echoes, heard, passes } = listening(["a"]);
  echoes.answered("b");
  echoes.heard("b");
  echoes.heard("a");
  echoes.answered("a");
  passes();
  assert.equal(heard.elsewhere, 0);
});

test("what the same person said in another tab is heard", () => {
  const { echoes, heard } = listening();
  echoes.answered("a");
  echoes.heard("a");
  echoes.heard("a");
  echoes.heard("b");
  assert.equal(heard.elsewhere, 2);
});

test("what was told while this page was asking and has no answer was said in another tab", () => {
  const { echoes, heard, passes } = listening(["a"]);
  echoes.heard("a");
  assert.equal(heard.elsewhere, 0);
  passes();
  assert.equal(heard.elsewhere, 1);
});

test("an answer whose echo never came is no excuse for ever", () => {
  const { echoes, heard, passes } = listening();
  echoes.answered("a");
  passes();
  echoes.heard("a");
  assert.equal(heard.elsewhere, 1);
});
