import assert from "node:assert/strict";
import { test } from "node:test";
import { dateInName, fileWords, timeFor } from "../src/scenes/peek";

test("a time that came from a name goes with it; one that a person has put in stays", () => {
  const [wrong, right] = ["site_20230514.png", "site_20241021.png"];
  assert.equal(timeFor(wrong, "", ""), "2023-05-14T00:00");
  assert.equal(timeFor(right, "2023-05-14T00:00", dateInName(wrong)), "2024-10-21T00:00");
  assert.equal(timeFor("site.png", "2023-05-14T00:00", dateInName(wrong)), "", "no date is taken over from another file");
  assert.equal(timeFor(right, "2023-05-14T02:10", dateInName(wrong)), "2023-05-14T02:10");
});

test("which of several files is asked about is said", () => {
  const seen = { hasPlace: false, size: [600, 400], picture: null } as const;
  assert.equal(fileWords("a.png", 1, 1, seen), "a.png: 600 × 400 pixels. It does not say where it lies, so place it on the map.");
  assert.equal(fileWords("b.tif", 2, 3, { hasPlace: null, size: null, picture: null }), "b.tif (2 of 3).");
});
