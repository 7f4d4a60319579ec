// Puts the page together: each panel mounts itself where index.html has room for it and watches the workspace.

import "./shell/app.css";
import { element } from "./dom";
import { mountExport } from "./export-panel";
import { Stage } from "./map/stage";
import { mountCompareBar } from "./map/compare-bar";
import { mountImages } from "./map/images";
import { mountReadout } from "./map/readout";
import { CompareSettings } from "./map/settings";
import { ReviewPanel } from "./review/panel";
import { mountFit, startComparison, watchJobs } from "./run";
import { mountAddScene } from "./scenes/add-scene";
import { mountChart } from "./scenes/chart";
import { mountPlace } from "./shell/place";
import { mountPlaceAnew, placeStored } from "./scenes/stored";
import { mountTimeline } from "./scenes/timeline";
import { asked, followAddress } from "./shell/address";
import { restWhileHidden } from "./shell/events";
import { listenForKeys } from "./shell/keys";
import { layOut } from "./shell/layout";
import { signedIn } from "./shell/sign-in";
import { attempt, persistently } from "./shell/tell";
import { mountAreas } from "./sites/areas";
import { mountNewSite } from "./sites/new-site";
import { mountSites } from "./sites/panel";
import { Workspace } from "./workspace";

const workspace = new Workspace();
const stage = new Stage(element("stage"), element("map"), element("map-left"));
const settings = new CompareSettings();

layOut();
listenForKeys();
restWhileHidden();
mountAreas(workspace, stage);
mountSites(workspace, mountNewSite(workspace, stage));
mountTimeline(workspace, {
  addScene: mountAddScene(workspace, stage),
  compare: () => void attempt(() => startComparison(workspace, stage)),
  place: (scene) => void attempt(() => placeStored(workspace, stage, scene, null)),
  placeAnew: mountPlaceAnew(workspace, stage),
});
mountFit(workspace);
mountChart(workspace);
mountExport(workspace);
mountPlace(workspace);
const review = new ReviewPanel(workspace, stage);

mountCompareBar(stage, settings);
mountReadout(stage);
mountImages(workspace, stage, settings);

void attempt(async () => {
  const session = await persistently(signedIn);
  workspace.set({ role: session.role });
  review.signedIn(session);
  watchJobs(workspace, stage);
  const { site, comparison } = asked();
  await persistently(async () => {
    // somebody may have opened one meanwhile
    if (workspace.state.site === null) await workspace.loadSites(site, comparison);
  });
  followAddress(workspace);
});
