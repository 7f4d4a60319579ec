// Placing a scene that the server has already and that does not say where it lies.

import { type SceneItem, checked } from "../api";
import type { Stage } from "../map/stage";
import { tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import type { Peek } from "./peek";
import { place } from "./place";

/** Longer side of the picture that the server draws of a file that browsers cannot, pixels. */
const PICTURE_PX = 512;

/** Lets a person place a stored scene; `known` is what the browser knows of its file already. */
export async function placeStored(workspace: Workspace, stage: Stage, scene: SceneItem, known: Peek | null): Promise<void> {
  const name = scene.assets["original"]?.title ?? scene.id;
  const [rows, cols] = scene.properties["proj:shape"] ?? [1, 1];
  const picture = known?.picture ?? `/tiles/${scene.id}/thumbnail.png?size=${PICTURE_PX}`;
  const placement = await place(stage, name, { hasPlace: false, size: known?.size ?? [cols, rows], picture });
  if (!placement) return tell(`${name} has no place yet: its card below has a button for that`);
  const path = `/api/scenes/${scene.id}/placement`;
  const stands = await checked(await fetch(path));
  const headers = { "content-type": "application/json", "if-match": stands.headers.get("etag") ?? "" };
  await checked(await fetch(path, { method: "PUT", headers, body: JSON.stringify(placement) }));
  const { placement: placed } = (await (await checked(await fetch(path))).json()) as { placement: { residual_m: number } | null };
  await workspace.refresh();
  const off = placed && placed.residual_m >= 0.01 ? `; its points lie off by ${placed.residual_m.toFixed(2)} m` : "";
  tell(`${name} was placed${off}`);
}
