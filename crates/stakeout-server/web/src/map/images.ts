// Loads the tiles of the two chosen scenes, anew where a manual range changed.

import { type SceneItem, type TileJson, get } from "../api";
import { element } from "../dom";
import { onBroken } from "../shell/events";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";
import type { Look } from "./look";
import type { CompareSettings } from "./settings";
import type { Stage } from "./stage";

/** The tiles of a scene as a look wants them: a manual range is the server's work, on the image's own values. */
async function tilesFor(scene: SceneItem | null, look: Look): Promise<TileJson | null> {
  // without a georeference it has no place on the map
  if (!scene?.geometry) return null;
  const source = await get<TileJson>(`/tiles/${scene.id}/tilejson.json`);
  if (look.range !== "manual" || !(look.low < look.high)) return source;
  const [template] = source.tiles as [string];
  const joint = template.includes("?") ? "&" : "?";
  return { ...source, tiles: [`${template}${joint}stretch=${look.low},${look.high}`] };
}

export function mountImages(workspace: Workspace, stage: Stage, settings: CompareSettings): void {
  let site: string | null = null;
  const show = () => void attempt(async () => {
    const { before, after, site: open } = workspace.state;
    const { looks } = settings.state;
    const [first, second] = await Promise.all([tilesFor(before, looks[0]), tilesFor(after, looks[1])]);
    // others may have been chosen meanwhile
    if (workspace.state.before !== before || workspace.state.after !== after) return;
    stage.showScenes(first, second);
    // a candidate that is looked at is framed already, and an image that is being placed stays in view
    if (!stage.hasCurrent && stage.tool !== "place" && (open !== site || !stage.isInView())) stage.frameScenes();
    site = open;
    stage.nudge(settings.state.nudge);
  });
  workspace.watch(["before", "after"], ({ before, after }) => {
    settings.open(before, after);
    label("before", before);
    label("after", after);
    show();
  });
  settings.watch(["looks"], show);
  const again = () => stage.askAgain();
  window.addEventListener("online", again);
  onBroken({ missed: again, lost: () => {} });
}

function label(role: "before" | "after", scene: SceneItem | null): void {
  element(`${role}-date`).textContent = scene ? `${role} ${scene.properties.datetime.slice(0, 10)}` : "";
}
