// The scenes of the open site in the order of time; two of them are before and after.

import type { SceneItem } from "../api";
import { element, icon, iconButton, make, refill, showWithin } from "../dom";
import { whyNot } from "../shell/role";
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
  const empty = make("p", { id: "no-scenes" });
  const add = make("button", { id: "scene-open", type: "button", "aria-haspopup": "dialog", onclick: actions.addScene }, icon("plus"), "Add scene");
  const compare = make("button", { id: "compare-open", type: "button", class: "primary", onclick: actions.compare }, icon("play"), "Find what is new");
  element("scenes-panel").append(empty, strip);
  element("comparison-panel").append(make("div", { class: "timeline-actions" }, add, compare));
  let shown: Chosen = { before: null, after: null };
  workspace.watch(["role", "site", "scenes", "before", "after"], ({ role, site, scenes, before, after }) => {
    const cards = scenes.flatMap((scene, index) => [gap(scenes[index - 1], scene), card(workspace, scene, actions)]);
    refill(strip, ...cards.filter((each) => each !== null));
    const changed = changedCard(shown, { before, after });
    shown = { before, after };
    const chosen = changed && strip.querySelector(`[data-scene="${CSS.escape(changed)}"]`);
    if (chosen) showWithin(strip, chosen);
    const why = whyNot(role, "add scenes") ?? (site === null ? "Open or make a site first" : null);
    empty.hidden = site === null || scenes.length > 0;
    empty.textContent = why ? "No scenes yet." : "No scenes yet. Drop two images of different dates on the page, or add them here.";
    add.disabled = why !== null;
    add.title = why ?? "";
  });
  workspace.watch(["role", "before", "after", "comparing"], ({ role, before, after, comparing }) => {
    const why = whyNot(role, "compare scenes") ?? whyNotCompared(before, after, comparing);
    compare.disabled = why !== null;
    compare.title = why ?? "Compare the two chosen scenes";
  });
}

interface Chosen { readonly before: SceneItem | null; readonly after: SceneItem | null }

/** The card to bring into view: the one that was chosen just now. Who has scrolled elsewhere and chose nothing stays there. */
export function changedCard(shown: Chosen, chosen: Chosen): string | null {
  const changed = (["after", "before"] as const).find((role) => chosen[role] !== null && chosen[role].id !== shown[role]?.id);
  return changed ? (chosen[changed]?.id ?? null) : null;
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
  const { before, after, role } = workspace.state;
  const whyFixed = whyNot(role, "place scenes");
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
    !scene.geometry && make("button", { type: "button", class: "unplaced", disabled: whyFixed !== null, title: whyFixed, "aria-label": `Place it: the scene of ${datetime.slice(0, 10)}`, onclick: () => actions.place(scene) }, "Place it"),
    scene.properties["stakeout:placement"] && iconButton("nudge", `Place anew: the scene of ${datetime.slice(0, 10)}`, { class: "icon-button place-anew", disabled: whyFixed !== null, title: whyFixed ?? "It was placed by hand: place it anew", onclick: () => actions.placeAnew(scene) }),
    make("div", { class: "scene-words" }, make("strong", {}, datetime.slice(0, 10)), make("span", {}, platform ?? scene.assets["original"]?.title ?? "")),
    make("div", { class: "roles" }, pick("before", scene === before), pick("after", scene === after)),
  );
}
