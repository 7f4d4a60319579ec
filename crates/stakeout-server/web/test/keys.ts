import assert from "node:assert/strict";
import { test } from "node:test";
import { isCombined, letter } from "../src/shell/keys";

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

test("a key has the letter of its Latin layout where another script is on, and its own where that has it", () => {
  assert.equal(letter({ key: "с", code: "KeyC" }), "c");
  assert.equal(letter({ key: "C", code: "KeyC" }), "c");
  // on a keyboard on which Z and Y are exchanged
  assert.equal(letter({ key: "z", code: "KeyY" }), "z");
  assert.equal(letter({ key: "ö", code: "Semicolon" }), "ö");
  assert.equal(letter({ key: "ArrowLeft", code: "ArrowLeft" }), "ArrowLeft");
});
