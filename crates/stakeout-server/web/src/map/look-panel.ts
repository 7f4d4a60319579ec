// Stretch and gamma of each image, in a panel that opens from the bar.

import { element, iconButton, make } from "../dom";
import { register } from "../shell/keys";
import { applyCurves } from "./image";
import { type Look, PLAIN, type Range, curves, isPlain } from "./look";
import type { CompareSettings } from "./settings";
import type { Stage } from "./stage";

const ROLES = ["before", "after"] as const;
const RANGES: readonly [Range, string][] = [
  ["scene", "Whole scene (2 to 98 %)"],
  ["view", "What is in view"],
  ["match", "Match the other image"],
  ["manual", "Manual"],
];

export function mountLooks(stage: Stage, settings: CompareSettings): HTMLElement {
  const panel = make("div", { id: "looks", class: "popover", role: "group", "aria-label": "Stretch", hidden: true });
  const open = iconButton("stretch", "Stretch and gamma of each image", { "aria-expanded": "false", onclick: () => toggle() }, "G");
  let leave = () => {};
  const show = (wanted: boolean) => {
    leave();
    leave = wanted ? stage.popover.take("looks", () => show(false)) : () => {};
    panel.hidden = !wanted;
    open.setAttribute("aria-expanded", String(wanted));
    open.setAttribute("aria-pressed", String(wanted));
  };
  const toggle = () => show(panel.hidden);
  register(
    { keys: ["g"], does: "stretch and gamma", group: "Compare", press: toggle },
    { keys: ["Escape"], does: "", group: "Compare", when: () => !panel.hidden, press: toggle },
  );
  const reset = make("button", { type: "button", onclick: () => settings.set({ looks: [PLAIN, PLAIN] }) }, "Back to plain");
  panel.append(...ROLES.map((role, index) => fields(role, index as 0 | 1, settings)), reset);
  element("stage").append(panel);
  settings.watch(["looks"], ({ looks }) => draw(stage, looks));
  // what is in view changed, so the curves that go by it do
  stage.map.on("rendercomplete", () => {
    const { looks } = settings.state;
    if (looks.some((look) => look.range === "view" || look.range === "match")) draw(stage, looks);
  });
  return make("div", { class: "group" }, open);
}

function draw(stage: Stage, looks: readonly [Look, Look]): void {
  const counted = looks.some((look) => !isPlain(look))
    ? ([stage.before.count(element("map")), stage.after.count(element("map"))] as const)
    : ([null, null] as const);
  ROLES.forEach((role, index) => {
    const look = looks[index] as Look;
    applyCurves(role, isPlain(look) ? null : curves(look, counted[index] ?? null, counted[1 - index] ?? null));
  });
}

function fields(role: (typeof ROLES)[number], index: 0 | 1, settings: CompareSettings): HTMLElement {
  const change = (part: Partial<Look>) => {
    const looks = [...settings.state.looks] as [Look, Look];
    looks[index] = { ...looks[index], ...part };
    settings.set({ looks });
  };
  const value = (event: Event) => Number((event.target as HTMLInputElement).value);
  const range = make("select", { id: `range-${role}`, "aria-label": `Stretch of the ${role} image`, onchange: () => change({ range: range.value as Range }) }, ...RANGES.map(([name, words]) => new Option(words, name)));
  const cut = make("input", { id: `cut-${role}`, type: "range", min: 0, max: 10, step: 0.5, oninput: (event) => change({ cut_percent: value(event) }) });
  const end = (name: "low" | "high") => make("input", { id: `${name}-${role}`, type: "number", step: "any", onchange: (event) => change({ [name]: value(event) }) });
  const [low, high] = [end("low"), end("high")];
  const gamma = make("input", { id: `gamma-${role}`, type: "range", min: 0.4, max: 2.5, step: 0.05, oninput: (event) => change({ gamma: value(event) }) });
  const [cutWords, gammaWords] = [make("output"), make("output")];
  const cutRow = make("label", { class: "slider" }, make("span", {}, "Cut off"), cut, cutWords);
  const manualRow = make("div", { class: "pair" }, make("label", {}, make("span", {}, "Black"), low), make("label", {}, make("span", {}, "White"), high));
  settings.watch(["looks"], ({ looks }) => {
    const look = looks[index];
    range.value = look.range;
    cut.value = String(look.cut_percent);
    gamma.value = String(look.gamma);
    if (document.activeElement !== low) low.value = String(look.low);
    if (document.activeElement !== high) high.value = String(look.high);
    cutWords.textContent = `${look.cut_percent} %`;
    gammaWords.textContent = look.gamma.toFixed(2);
    cutRow.hidden = look.range !== "view";
    manualRow.hidden = look.range !== "manual";
  });
  const gammaRow = make("label", { class: "slider" }, make("span", {}, "Gamma"), gamma, gammaWords);
  return make("fieldset", {}, make("legend", {}, role === "before" ? "Before" : "After"), range, cutRow, manualRow, gammaRow);
}
