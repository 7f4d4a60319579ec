// Puts the page together: each panel mounts itself where index.html has room for it and watches the workspace.

import "./shell/app.css";
import { type TileJson, get } from "./api";
import { element } from "./dom";
import { mountExport } from "./export-panel";
import { Stage } from "./map/stage";
import { Swipe } from "./map/swipe";
import { ReviewPanel } from "./review/panel";
import { mountFit, startComparison, watchJobs } from "./run";
import { addSceneDialog } from "./scenes/add-scene";
import { mountTimeline } from "./scenes/timeline";
import { asked, followAddress } from "./shell/address";
import { listenForKeys, register } from "./shell/keys";
import { layOut } from "./shell/layout";
import { attempt, tell } from "./shell/tell";
import { newSiteDialog } from "./sites/new-site";
import { mountSites } from "./sites/panel";
import { Workspace } from "./workspace";

const workspace = new Workspace();
const stage = new Stage(element("map"), ([lon, lat]) => (element("position").textContent = `${lon.toFixed(5)}, ${lat.toFixed(5)}`));
new Swipe(element("swipe"), (share) => stage.swipe(share));

layOut();
listenForKeys();
mountSites(workspace, newSiteDialog(workspace));
mountTimeline(workspace, { addScene: addSceneDialog(workspace), compare: () => void attempt(() => startComparison(workspace)) });
mountFit(workspace);
mountExport(workspace);
new ReviewPanel(workspace, stage);
watchJobs(workspace);

register({
  keys: [" "],
  does: "flicker while held: the before image alone",
  group: "Compare",
  press: () => stage.showBeforeOnly(true),
  release: () => stage.showBeforeOnly(false),
});

workspace.watch(["before", "after"], ({ before, after }) => void attempt(async () => {
  const [first, second] = await Promise.all([before, after].map((scene) => (scene ? get<TileJson>(`/tiles/${scene.id}/tilejson.json`) : undefined)));
  stage.showScenes(first, second);
  element("before-date").textContent = before ? `before: ${before.properties.datetime.slice(0, 10)}` : "";
  element("after-date").textContent = after ? `after: ${after.properties.datetime.slice(0, 10)}` : "";
}));

void attempt(async () => {
  const session = await get<{ actor: string; role: string }>("/api/session");
  element("who").textContent = `${session.actor} (${session.role})`;
  const { site, comparison } = asked();
  await workspace.loadSites(site, comparison);
  followAddress(workspace);
  if (workspace.state.sites.length === 0) tell("there is no site yet: make one with the plus beside Sites");
});
