import assert from "node:assert/strict";
import { test } from "node:test";
import { type Affine, apply, corners, invert, matched, moved, pulled, upright } from "../src/scenes/affine";
import { type Quad, isConvex, project, projective, unproject } from "../src/scenes/quad";
import { levels, windows } from "../src/scenes/built";
import { dateInName, peek } from "../src/scenes/peek";
import { type Tree, grow } from "../src/sites/tree";

const near = (got: readonly number[], wanted: readonly number[]) =>
  got.forEach((value, index) => assert.ok(Math.abs(value - (wanted[index] as number)) < 1e-9, `${got} for ${wanted}`));

test("an upright image has its corners from the upper left, clockwise", () => {
  assert.deepEqual(corners(upright([10, 20], 4, 2)), [[8, 21], [12, 21], [12, 19], [8, 19]]);
});

test("a pulled corner comes to the pointer while the opposite one stays, and right angles stay right", () => {
  const at = pulled(upright([0, 0], 4, 2), 2, [6, -3]);
  const [a, b, c] = corners(at);
  near(a, [-2, 1]);
  near(c, [6, -3]);
  assert.ok(Math.abs((b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])) < 1e-9);
});

test("one matched point moves, two turn and scale, three and more find the map that made them", () => {
  const truth: Affine = [3, 1, 10, -0.5, -2, 20];
  const match = (u: number, v: number) => ({ image: [u, v] as const, map: apply(truth, [u, v]) });
  const start = upright([0, 0], 1, 1);
  const one = matched(start, [match(0.2, 0.3)]);
  near(apply(one, [0.2, 0.3]), apply(truth, [0.2, 0.3]));
  assert.equal(one[0], start[0]);
  const two = matched(start, [match(0.2, 0.3), match(0.8, 0.6)]);
  near(apply(two, [0.2, 0.3]), apply(truth, [0.2, 0.3]));
  near(apply(two, [0.8, 0.6]), apply(truth, [0.8, 0.6]));
  near(matched(start, [match(0, 0), match(1, 0.2), match(0.3, 0.9), match(0.7, 0.7)]), truth);
});

test("points on a line do not bend an image", () => {
  const on = (u: number) => ({ image: [u, u] as const, map: [u * 5, u * 5] as const });
  const start = upright([0, 0], 1, 1);
  assert.deepEqual(matched(start, [on(0.1), on(0.4), on(0.9)]), start);
});

test("an inverse leads back", () => {
  const at = moved(pulled(upright([3, 4], 7, 5), 0, [-3, 9]), [1, 2]);
  near(apply(invert(at), apply(at, [0.3, 0.8])), [0.3, 0.8]);
});

const [first, second, third] = ["2021-05-01T00:00:00Z", "2022-05-01T00:00:00Z", "2023-05-01T00:00:00Z"] as const;
const structure = (change: string, area_m2: number, start: string, end: string) => ({ change, area_m2, start_datetime: start, end_datetime: end });

test("what was built counts from the first image that shows it, and what went is taken off", () => {
  const built = [structure("new", 100, first, second), structure("new", 50, second, third), structure("removed", 30, second, third), structure("altered", 999, first, third)];
  const found = levels([third, first, second], built);
  assert.deepEqual(found.map(({ count, area_m2 }) => [count, area_m2]), [[0, 0], [1, 100], [1, 120]]);
  assert.deepEqual(windows(built).map(({ start, end, appeared, gone, area_m2 }) => [start, end, appeared, gone, area_m2]), [
    [first, second, 1, 0, 100],
    [second, third, 1, 1, 20],
  ]);
});

const site = (id: string, parent: string | null, tags: string[] = []) => ({ id, geometry: { type: "Polygon", coordinates: [] }, properties: { name: `Site ${id}`, parent, tags } });
const ids = (trees: readonly Tree[]): unknown[] => trees.map(({ site, parts }) => (parts.length > 0 ? [site.id, ids(parts)] : site.id));

test("sites are a tree, and a part whose larger site is gone stands at the top", () => {
  assert.deepEqual(ids(grow([site("b", "a"), site("a", null), site("c", "b"), site("x", "gone")])), [["a", [["b", ["c"]]]], "x"]);
});

test("a search keeps what is above and below what it finds, and nothing else", () => {
  const sites = [site("a", null), site("b", "a", ["Foundry"]), site("c", "b"), site("d", "a")];
  assert.deepEqual(ids(grow(sites, " foundry ")), [["a", [["b", ["c"]]]]]);
  assert.deepEqual(grow(sites, "nothing"), []);
});

test("a date is found in the names that providers give their files, and nowhere else", () => {
  assert.equal(dateInName("WV03_20241021022512_P001.tif"), "2024-10-21T02:25");
  assert.equal(dateInName("plant-2023-05-14.png"), "2023-05-14T00:00");
  assert.equal(dateInName("S2A_MSIL1C_20230514T021001.jp2"), "2023-05-14T02:10");
  assert.equal(dateInName("scan-120241021999.tif"), "");
  assert.equal(dateInName("20241399.tif"), "");
});

/** A little-endian TIFF with a directory of short values and nothing else. */
function tiff(tags: readonly [number, number][]): File {
  const view = new DataView(new ArrayBuffer(8 + 2 + tags.length * 12 + 4));
  view.setUint16(0, 0x4949);
  view.setUint16(2, 42, true);
  view.setUint32(4, 8, true);
  view.setUint16(8, tags.length, true);
  tags.forEach(([tag, value], index) => {
    const at = 10 + index * 12;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, 3, true);
    view.setUint32(at + 4, 1, true);
    view.setUint16(at + 8, value, true);
  });
  return new File([view.buffer], "a.tif");
}

test("a TIFF says whether it has a georeference before it is sent", async () => {
  assert.deepEqual(await peek(tiff([[256, 40], [257, 30]])), { hasPlace: false, size: [40, 30], picture: null });
  assert.equal((await peek(tiff([[256, 40], [257, 30], [34735, 0]]))).hasPlace, true);
  assert.equal((await peek(new File(["II"], "cut.tif"))).hasPlace, null);
});

const slanted: Quad = [[0, 10], [8, 12], [10, 0], [-2, 1]];

test("four corners make a projective map, and its inverse leads back", () => {
  const map = projective(slanted);
  [[0, 0], [1, 0], [1, 1], [0, 1]].forEach(([u, v], at) => near(project(map, [u as number, v as number]), slanted[at] as readonly number[]));
  near(unproject(map, project(map, [0.3, 0.8])), [0.3, 0.8]);
  // the middle of a picture is where its diagonals meet
  const [x, y] = project(map, [0.5, 0.5]);
  for (const [[ax, ay], [bx, by]] of [[slanted[0], slanted[2]], [slanted[1], slanted[3]]] as const) {
    assert.ok(Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) < 1e-9);
  }
});

test("corners that cross or fold in are no picture of a rectangle", () => {
  assert.ok(isConvex(slanted));
  assert.ok(!isConvex([slanted[1], slanted[0], slanted[2], slanted[3]]));
  assert.ok(!isConvex([slanted[0], [4, 5], slanted[2], slanted[3]]));
});
