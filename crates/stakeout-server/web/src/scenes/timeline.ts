// The scenes of the open site in the order of time; two of them are before and after.

import type { SceneItem } from "../api";
import { element, icon, iconButton, make, refill, showWithin } from "../dom";
import type { Pair, Workspace } from "../workspace";

export interface TimelineActions {
  readonly addScene: () => void;
  readonly compare: () => void;
  readonly place: (scene: SceneItem) => void;
  readonly placeAnew: (scene: SceneItem) => void;
}

const DAY_MS = 86_400_000;

export function mountTimeline(workspace: Workspace, actions: TimelineActions): void {
  const strip = make("ol", { id: "scenes", "aria-label": "Scenes" });
  const empty = make("p", { id: "no-scenes" }, "No scenes yet. Drop two images of different dates on the page, or add them here.");
  const add = make("button", { id: "scene-open", type: "button", "aria-haspopup": "dialog", onclick: actions.addScene }, icon("plus"), "Add scene");
  const compare = make("button", { id: "compare-open", type: "button", class: "primary", onclick: actions.compare }, icon("play"), "Find what is new");
  element("scenes-panel").append(empty, strip);
  element("comparison-panel").append(make("div", { class: "timeline-actions" }, add, compare));
  workspace.watch(["site", "scenes", "before", "after"], ({ site, scenes }) => {
    const cards = scenes.flatMap((scene, index) => [gap(scenes[index - 1], scene), card(workspace, scene, actions)]);
    refill(strip, ...cards.filter((each) => each !== null));
    const chosen = [...strip.querySelectorAll('.scene:has([aria-pressed="true"])')].at(-1);
    if (chosen) showWithin(strip, chosen);
    empty.hidden = site === null || scenes.length > 0;
    add.disabled = site === null;
    add.title = add.disabled ? "Make a site first" : "";
  });
  workspace.watch(["before", "after", "comparing"], ({ before, after, comparing }) => {
    const why = whyNotCompared(before, after, comparing);
    compare.disabled = why !== null;
    compare.title = why ?? "Compare the two chosen scenes";
  });
}

/** Why two scenes cannot be compared; `null` where they can. */
export function whyNotCompared(before: SceneItem | null, after: SceneItem | null, comparing: readonly Pair[] = []): string | null {
  if (!before || !after || before === after) return "A comparison takes two scenes: choose before and after";
  if (!before.geometry || !after.geometry) return "Place both scenes on the map first";
  const [first, second] = [before, after].map((scene) => Date.parse(scene.properties.datetime)) as [number, number];
  if (first > second) return "What is new is found from the earlier scene to the later one: exchange before and after";
  return comparing.some((pair) => pair.before === before.id && pair.after === after.id) ? "These two are being compared" : null;
}

/** How long it is from one scene to the next. */
function gap(earlier: SceneItem | undefined, scene: SceneItem): HTMLElement | null {
  if (!earlier) return null;
  const days = Math.round((Date.parse(scene.properties.datetime) - Date.parse(earlier.properties.datetime)) / DAY_MS);
  const words = days < 60 ? `${days} d` : days < 730 ? `${Math.round(days / 30.44)} months` : `${(days / 365.25).toFixed(1)} years`;
  return make("li", { class: "gap", "aria-hidden": "true" }, words);
}

function card(workspace: Workspace, scene: SceneItem, actions: TimelineActions): HTMLElement {
  const { before, after } = workspace.state;
  const { datetime, platform, license, gsd, providers } = scene.properties;
  const choose = (role: "before" | "after") => () =>
    role === "before" ? workspace.showPair(scene, after) : workspace.showPair(before, scene);
  const pick = (role: "before" | "after", chosen: boolean) =>
    make("button", { type: "button", class: `role ${role}`, "aria-pressed": chosen, "aria-label": `Show the scene of ${datetime.slice(0, 10)} as ${role}`, onclick: choose(role) }, role);
  const facts = [datetime.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC"), platform, providers?.[0]?.name, license && `licence ${license}`, gsd && `${gsd.toFixed(2)} m a pixel`, scene.assets["original"]?.title];
  const picture = make("img", { src: `/tiles/${scene.id}/thumbnail.png`, alt: "", loading: "lazy" });
  return make(
    "li",
    { class: "scene", "data-item": scene.id, "data-scene": scene.id, title: facts.filter(Boolean).join("\n") },
    picture,
    !scene.geometry && make("button", { type: "button", class: "unplaced", "aria-label": `Place it: the scene of ${datetime.slice(0, 10)}`, onclick: () => actions.place(scene) }, "Place it"),
    scene.properties["stakeout:placement"] && iconButton("nudge", `Place anew: the scene of ${datetime.slice(0, 10)}`, { class: "icon-button place-anew", title: "It was placed by hand: place it anew", onclick: () => actions.placeAnew(scene) }),
    make("div", { class: "scene-words" }, make("strong", {}, datetime.slice(0, 10)), make("span", {}, platform ?? scene.assets["original"]?.title ?? "")),
    make("div", { class: "roles" }, pick("before", scene === before), pick("after", scene === after)),
  );
}
