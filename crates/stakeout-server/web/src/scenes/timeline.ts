// The scenes of the open site, oldest first; two of them are before and after.

import type { SceneItem } from "../api";
import { element, icon, make } from "../dom";
import type { Workspace } from "../workspace";

export interface TimelineActions {
  readonly addScene: () => void;
  readonly compare: () => void;
}

export function mountTimeline(workspace: Workspace, actions: TimelineActions): void {
  const strip = make("ol", { id: "scenes", "aria-label": "Scenes" });
  const add = make("button", { id: "scene-open", type: "button", "aria-haspopup": "dialog", onclick: actions.addScene }, icon("plus"), "Add scene");
  const compare = make("button", { id: "compare-open", type: "button", class: "primary", onclick: actions.compare }, icon("play"), "Find what is new");
  element("timeline").append(strip, make("div", { class: "timeline-actions" }, add, compare));
  workspace.watch(["site", "scenes", "before", "after"], ({ site, scenes, before, after }) => {
    strip.replaceChildren(...scenes.map((scene) => card(workspace, scene)));
    add.disabled = site === null;
    compare.disabled = !before || !after;
    compare.title = compare.disabled ? "A comparison takes two scenes: add them, then choose before and after" : "Compare the two chosen scenes";
  });
}

function card(workspace: Workspace, scene: SceneItem): HTMLElement {
  const { before, after } = workspace.state;
  const choose = (role: "before" | "after") => () =>
    role === "before" ? workspace.showPair(scene, after) : workspace.showPair(before, scene);
  const pick = (role: "before" | "after", chosen: boolean) =>
    make("button", { type: "button", class: `role ${role}`, "aria-pressed": chosen, onclick: choose(role) }, role);
  const { datetime, platform } = scene.properties;
  const picture = make("img", { src: `/tiles/${scene.id}/thumbnail.png`, alt: "", loading: "lazy" });
  const roles = make("div", { class: "roles" }, pick("before", scene === before), pick("after", scene === after));
  const words = make("div", { class: "scene-words" }, make("strong", {}, datetime.slice(0, 10)), make("span", {}, platform ?? scene.assets["original"]?.title ?? ""));
  return make("li", { class: "scene", "data-scene": scene.id }, picture, words, roles);
}
