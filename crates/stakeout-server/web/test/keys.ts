import assert from "node:assert/strict";
import { test } from "node:test";
import { isCombined } from "../src/shell/keys";

const pressed = (...held: ("ctrlKey" | "altKey" | "metaKey" | "AltGraph")[]) => ({
  ctrlKey: held.includes("ctrlKey"),
  altKey: held.includes("altKey"),
  metaKey: held.includes("metaKey"),
  getModifierState: (key: string) => held.includes(key as "AltGraph"),
});

test("a bracket that takes AltGr is a key of the page, and Ctrl, Alt and Meta are not", () => {
  assert.equal(isCombined(pressed()), false);
  assert.equal(isCombined(pressed("ctrlKey", "altKey", "AltGraph")), false);
  assert.equal(isCombined(pressed("AltGraph")), false);
  for (const held of ["ctrlKey", "altKey", "metaKey"] as const) assert.equal(isCombined(pressed(held)), true, held);
  assert.equal(isCombined(pressed("metaKey", "AltGraph")), true);
});
