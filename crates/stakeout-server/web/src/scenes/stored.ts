// Placing a scene that the server has already: one that does not say where it lies, or one that was placed by hand and is
// to lie elsewhere. What a comparison rests on stays; another scene of the same file may lie where it should.

import { Problem, type SceneItem, addSceneOf, checked, get, getTagged, preparedScene, write } from "../api";
import { make } from "../dom";
import type { Stage } from "../map/stage";
import { formDialog } from "../shell/dialogs";
import { attempt, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import type { Place } from "./affine";
import type { Peek } from "./peek";
import { type Lying, type Placement, place } from "./place";

/** Longer side of the picture that the server draws of a file that browsers cannot, pixels. */
const PICTURE_PX = 512;
/** Files that browsers draw themselves. */
const DRAWABLE = ["image/png", "image/jpeg"];
/** Positions of the footprint's ring along each edge of the image; the ring begins in its upper left corner. */
const RING_EDGE = 8;

const nameOf = (scene: SceneItem) => scene.assets["original"]?.title ?? scene.id;
const day = (scene: SceneItem | undefined) => scene?.properties.datetime.slice(0, 10) ?? "";

/** Lets a person place a stored scene; `known` is what the browser knows of its file already. */
export async function placeStored(workspace: Workspace, stage: Stage, scene: SceneItem, known: Peek | null): Promise<void> {
  const name = nameOf(scene);
  const picture = known?.picture && known.size ? known : await pictureOf(scene);
  const stored = await place(stage, name, picture, null, (placement) => store(scene, placement));
  if (!stored) return tell(`${name} has no place yet: its card below has a button for that`);
  await show(workspace, stored);
}

/** Gives what lets a person place a scene anew that was placed by hand, or tells why it stays. */
export function mountPlaceAnew(workspace: Workspace, stage: Stage): (scene: SceneItem) => void {
  let fixed: SceneItem | null = null;
  const why = make("p", { id: "stays-why", class: "wide hint" });
  const dialog = formDialog("This scene stays where it is", "Place another scene of the file", [why], async () => {
    const scene = fixed;
    // the dialog makes room for the map
    if (scene) dialog.box.addEventListener("close", () => void attempt(() => placeCopy(workspace, stage, scene)), { once: true });
  });
  return (scene) => {
    const users = workspace.state.comparisons.filter(({ before, after }) => before === scene.id || after === scene.id);
    if (users.length === 0) return void attempt(() => placeAnew(workspace, stage, scene));
    fixed = scene;
    const pairs = users.map(({ before_datetime, after_datetime }) => `${before_datetime.slice(0, 10)} with ${after_datetime.slice(0, 10)}`);
    why.textContent = `The comparison of ${[...new Set(pairs)].join(", and of ")} rests on ${nameOf(scene)} of ${day(scene)}: what was found there would lie elsewhere in the image. You can place the same file as another scene, and compare that.`;
    dialog.open();
  };
}

async function placeAnew(workspace: Workspace, stage: Stage, scene: SceneItem): Promise<void> {
  const stored = await placeElsewhere(workspace, stage, scene, (placement) => store(scene, placement));
  if (stored) await show(workspace, stored);
  else tell(`${nameOf(scene)} stays where it was`);
}

async function placeCopy(workspace: Workspace, stage: Stage, scene: SceneItem): Promise<void> {
  const { site } = workspace.state;
  if (!site) return;
  const { datetime, platform, license, providers } = scene.properties;
  const said = Object.entries({ datetime, platform, license, provider: providers?.[0]?.name }).filter(([, value]) => value);
  const copy = await placeElsewhere(workspace, stage, scene, (placement) => addSceneOf(site, scene.id, { ...Object.fromEntries(said), ...placement }));
  if (copy) await show(workspace, `${nameOf(copy)} was placed as another scene of ${day(copy)}`);
  else tell(`${nameOf(scene)} stays where it was`);
}

/** Lets a person say where a placed scene lies instead; what it covers now does not show meanwhile. */
async function placeElsewhere<Stored>(workspace: Workspace, stage: Stage, scene: SceneItem, store: (placement: Placement) => Promise<Stored>): Promise<Stored | null> {
  const known = await pictureOf(scene);
  if (stage.whyHeld) throw new Problem(0, stage.whyHeld);
  const { before, after } = workspace.state;
  stage.conceal(scene.id === after?.id ? "after" : scene.id === before?.id ? "before" : null);
  try {
    return await place(stage, nameOf(scene), known, lying(scene, known), store);
  } finally {
    stage.conceal(null);
  }
}

/** Brings a placement to the server; gives what to say of it. */
async function store(scene: SceneItem, placement: Placement): Promise<string> {
  const path = `/api/scenes/${scene.id}/placement`;
  const { etag } = await getTagged(path);
  await preparedScene(await checked(await write("PUT", path, placement, { "if-match": etag })));
  // it is placed, whether or not the server can say now how well
  const placed = await get<{ placement: { residual_m: number } | null }>(path).then((stands) => stands.placement, () => null);
  const off = placed && placed.residual_m >= 0.01 ? `; its points lie off by ${placed.residual_m.toFixed(2)} m` : "";
  return `${nameOf(scene)} was placed${off}`;
}

async function show(workspace: Workspace, stored: string): Promise<void> {
  // it is stored, whether or not it can be shown now
  await workspace.refresh().catch(() => {});
  tell(stored);
}

/** A picture of the whole file, as it was before anybody placed it, and its size. */
async function pictureOf(scene: SceneItem): Promise<Peek> {
  const { original } = scene.assets;
  if (DRAWABLE.includes(original?.type ?? "")) {
    const image = new Image();
    image.src = `/api/scenes/${scene.id}/original`;
    const isDrawn = await image.decode().then(() => true, () => false);
    if (isDrawn) return { hasPlace: false, size: [image.naturalWidth, image.naturalHeight], picture: image.src };
  }
  // the working copy of a slanted view was drawn anew, with north up: it is no picture of the file
  if (isSlanted(scene)) return { hasPlace: false, size: null, picture: null };
  const [rows, cols] = scene.properties["proj:shape"] ?? [1, 1];
  return { hasPlace: false, size: [cols, rows], picture: `/tiles/${scene.id}/thumbnail.png?size=${PICTURE_PX}` };
}

/** Whether four corners that were given are no parallelogram, by a hundredth of its width. */
function isSlanted(scene: SceneItem): boolean {
  const placement = scene.properties["stakeout:placement"];
  if (placement?.by !== "corners") return false;
  const [a, b, c, d] = placement.footprint;
  const off = [0, 1].map((axis) => a[axis]! + c[axis]! - b[axis]! - d[axis]!);
  return Math.hypot(...off) > 0.01 * Math.hypot(b[0] - a[0], b[1] - a[1]);
}

function lying(scene: SceneItem, { size }: Peek): Lying | null {
  const placement = scene.properties["stakeout:placement"];
  if (placement?.by === "corners") return { corners: placement.footprint, points: [] };
  const ring = scene.geometry?.coordinates[0] as [number, number][] | undefined;
  if (ring?.length !== 4 * RING_EDGE + 1) return null;
  // GeoJSON's rings go the other way round than an image's corners
  const corners = [0, 3, 2, 1].map((edge) => ring[edge * RING_EDGE]!);
  const points = placement?.by === "control-points" && size
    ? placement.control_points.map(({ pixel, position }) => ({ image: [pixel[0] / size[0], pixel[1] / size[1]] as Place, position }))
    : [];
  return { corners, points };
}
