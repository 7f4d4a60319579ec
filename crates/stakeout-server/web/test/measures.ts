import assert from "node:assert/strict";
import { test } from "node:test";
import { type LonLat, area_m2, areaWords, distance_m, lengthWords } from "../src/map/geodesic";
import { PLAIN, curves, histogram } from "../src/map/look";
import { mgrs } from "../src/map/mgrs";

test("places have the grid references that GEOTRANS gives them", () => {
  // by the Python package mgrs 1.5, which wraps GEOTRANS; the wide zones of Norway and Svalbard are among them
  const known: [number, number, string][] = [
    [127.607, 39.897, "52S CK 80913 17253"],
    [-77.0353, 38.8895, "18S UJ 23478 06483"],
    [2.2945, 48.8582, "31U DQ 48251 11932"],
    [5, 60, "32V KM 76979 58157"],
    [20, 78, "33X XG 15914 63320"],
    [-70.25, -33.4, "19H CD 83756 03669"],
    [179.99, 0.001, "60N ZF 32864 00110"],
    [-179.99, -0.001, "1M AV 67135 99889"],
    [3.0001, 59.9, "32V JM 64635 55486"],
    [151.2153, -33.8568, "56H LH 34900 52288"],
    [127.6, 83.9, "52X DU 83392 17131"],
  ];
  for (const [lon, lat, reference] of known) assert.equal(mgrs(lon, lat), reference, `${lon}, ${lat}`);
  assert.equal(mgrs(0, 85), null);
  assert.equal(mgrs(0, -81), null);
});

test("distances are those of PROJ's geodesics", () => {
  const known: [LonLat, LonLat, number][] = [
    [[127.6, 39.89], [127.61, 39.9], 1401.5235692],
    [[-77.0353, 38.8895], [2.2945, 48.8582], 6177947.8145857],
    [[0, 0], [10, 0], 1113194.9079327],
    [[5, 5], [5, 5], 0],
  ];
  for (const [from, to, metres] of known) assert.ok(Math.abs(distance_m(from, to) - metres) < 0.001, `${distance_m(from, to)} m for ${metres} m`);
});

test("areas are those of PROJ's geodesic polygons", () => {
  const known: [LonLat[], number, number][] = [
    [[[127.6, 39.89], [127.605, 39.89], [127.605, 39.895], [127.6, 39.895]], 237408.76842, 1e-6],
    [[[127.6, 39.89], [127.60012, 39.89003], [127.6001, 39.8902]], 99.715245, 1e-5],
    [[[0, 0], [1, 0], [1, 1], [0, 1]], 12308778361.469, 1e-4],
  ];
  for (const [ring, area, error] of known) {
    assert.ok(Math.abs(area_m2(ring) / area - 1) < error, `${area_m2(ring)} for ${area}`);
    assert.ok(Math.abs(area_m2([...ring].reverse()) / area - 1) < error);
  }
});

test("an area across the antimeridian is that of the same area elsewhere", () => {
  const across: LonLat[] = [[179.99, 10], [-179.98, 10], [-179.98, 10.02], [179.99, 10.02]];
  const elsewhere = across.map(([lon, lat]): LonLat => [(lon > 0 ? lon : lon + 360) - 100, lat]);
  assert.ok(Math.abs(area_m2(across) / area_m2(elsewhere) - 1) < 1e-9, `${area_m2(across)} for ${area_m2(elsewhere)}`);
});

test("measures are written in the unit that people would use", () => {
  assert.equal(lengthWords(12.34), "12.3 m");
  assert.equal(lengthWords(1_401.5), "1.40 km");
  assert.equal(areaWords(993.4), "993 m²");
  assert.equal(areaWords(237_408), "23.74 ha");
});

const grey = (...values: number[]) => histogram(Uint8ClampedArray.from(values.flatMap((value) => [value, value, value, 255])));

test("a view's own range spreads what is in view over all brightnesses", () => {
  const [red] = curves({ ...PLAIN, range: "view", cut_percent: 0 }, grey(100, 120, 140), null);
  assert.equal(red?.[100], 0);
  assert.equal(red?.[140], 1);
  assert.equal(red?.[120], 0.5);
});

test("matching maps a darker image onto the brightnesses of the other", () => {
  const [red] = curves({ ...PLAIN, range: "match" }, grey(10, 20, 30), grey(110, 130, 150));
  assert.deepEqual([10, 20, 30].map((value) => Math.round((red?.[value] as number) * 255)), [110, 130, 150]);
});

test("gamma brightens the middle and leaves the ends", () => {
  const [red] = curves({ ...PLAIN, gamma: 2 }, null, null);
  assert.equal(red?.[0], 0);
  assert.equal(red?.[255], 1);
  assert.ok((red?.[64] as number) > 0.45);
});

test("pixels that were not observed do not count", () => {
  assert.equal(histogram(Uint8ClampedArray.from([9, 9, 9, 0]))[0][9], 0);
});
