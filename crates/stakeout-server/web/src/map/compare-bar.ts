// The bar above the images: ways of comparing them, how they look, nudge, measures.

import { type Icon, element, iconButton, make } from "../dom";
import { register } from "../shell/keys";
import { mountLooks } from "./look-panel";
import { Measure, type Measured } from "./measure";
import { mountNudge } from "./nudge";
import type { CompareSettings } from "./settings";
import type { Mode, Stage } from "./stage";
import { Swipe } from "./swipe";

const MODES: readonly { mode: Mode; drawing: Icon; words: string; key: string }[] = [
  { mode: "swipe", drawing: "swipe", words: "Swipe", key: "w" },
  { mode: "side", drawing: "side", words: "Side by side", key: "s" },
  { mode: "opacity", drawing: "opacity", words: "Blend", key: "o" },
  { mode: "difference", drawing: "difference", words: "Difference", key: "d" },
];

export function mountCompareBar(stage: Stage, settings: CompareSettings): void {
  const bar = element("tools");
  bar.append(modeButtons(settings), strengths(settings), flickerButton(stage));
  bar.append(mountLooks(stage, settings), mountNudge(stage, settings), measureButtons(stage));
  const frame = iconButton("frame", "Show the whole images", { onclick: () => stage.frameScenes() }, "F");
  bar.append(frame);
  register({ keys: ["f"], does: "show the whole images", group: "Map", press: () => stage.frameScenes() });
  mapKeys(stage);
  const swipe = new Swipe(element("swipe"), (share) => settings.set({ share }));
  settings.watch(["share", "opacity", "gain"], ({ share, opacity, gain }) => {
    const style = element("stage").style;
    style.setProperty("--share", `${share * 100}%`);
    style.setProperty("--opacity", String(opacity));
    style.setProperty("--gain", String(gain));
    swipe.show(share);
  });
  settings.watch(["mode"], ({ mode }) => stage.show(mode));
  stage.noteSeen(() => {
    const { share, opacity, looks, nudge } = settings.state;
    const words = looks.map(({ range, cut_percent, low, high, gamma }) => {
      const chosen = { scene: "p2-98", view: `view p${cut_percent}-${100 - cut_percent}`, match: "matched to the other", manual: `${low},${high}` }[range];
      return gamma === 1 ? chosen : `${chosen} gamma ${gamma}`;
    });
    return { swipe: share, opacity, stretch: { before: words[0], after: words[1] }, nudge };
  });
}

function modeButtons(settings: CompareSettings): HTMLElement {
  const buttons = MODES.map(({ mode, drawing, words, key }) => {
    const choose = () => settings.set({ mode });
    register({ keys: [key], does: words.toLowerCase(), group: "Compare", press: choose });
    return iconButton(drawing, words, { "data-mode": mode, onclick: choose }, key.toUpperCase());
  });
  settings.watch(["mode"], ({ mode }) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset["mode"] === mode));
  });
  return make("div", { class: "group", role: "group", "aria-label": "Way of comparing" }, ...buttons);
}

/** How much of the after image is blended in, and how strongly differences are shown. */
function strengths(settings: CompareSettings): HTMLElement {
  const slider = (id: string, label: string, min: number, max: number, step: number, change: (value: number) => void) =>
    make("input", { id, type: "range", "aria-label": label, title: label, min, max, step, oninput: (event) => change(Number((event.target as HTMLInputElement).value)) });
  const opacity = slider("opacity", "Share of the after image", 0, 1, 0.02, (value) => settings.set({ opacity: value }));
  const gain = slider("gain", "How strongly differences are shown", 1, 8, 0.5, (value) => settings.set({ gain: value }));
  settings.watch(["mode", "opacity", "gain"], (state) => {
    opacity.hidden = state.mode !== "opacity";
    gain.hidden = state.mode !== "difference";
    opacity.value = String(state.opacity);
    gain.value = String(state.gain);
  });
  return make("div", { class: "group strengths" }, opacity, gain);
}

function flickerButton(stage: Stage): HTMLElement {
  const [press, release] = [() => stage.showBeforeOnly(true), () => stage.showBeforeOnly(false)];
  register({ keys: [" "], does: "flicker: the before image while held", group: "Compare", press, release });
  return iconButton("flicker", "Flicker: hold to see the before image", { onpointerdown: press, onpointerup: release, onpointerleave: release }, "hold Space");
}

function measureButtons(stage: Stage): HTMLElement {
  let chosen: Measured | null = null;
  const show = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset["measure"] === chosen));
  };
  const measure = new Measure(stage, () => {
    chosen = null;
    show();
  });
  const toggle = (what: Measured) => {
    const wanted = chosen === what ? null : what;
    if (wanted && !stage.mayTake()) return;
    measure.stop();
    if (wanted) measure.begin(wanted);
    chosen = wanted;
    show();
  };
  const buttons = [
    iconButton("measure", "Measure a length", { "data-measure": "length", onclick: () => toggle("length") }, "M"),
    iconButton("area", "Measure an area", { "data-measure": "area", onclick: () => toggle("area") }, "Shift+M"),
  ];
  register(
    { keys: ["m"], does: "measure a length", group: "Map", press: () => toggle("length") },
    { keys: ["Shift+m"], does: "measure an area", group: "Map", press: () => toggle("area") },
    { keys: ["Escape"], does: "", group: "Map", when: () => measure.active, press: () => measure.stop() },
  );
  show();
  return make("div", { class: "group", role: "group", "aria-label": "Measure" }, ...buttons);
}

function mapKeys(stage: Stage): void {
  register(
    { keys: ["+", "="], does: "zoom in", group: "Map", repeats: true, press: () => stage.zoom(1) },
    { keys: ["-"], does: "zoom out", group: "Map", repeats: true, press: () => stage.zoom(-1) },
    {
      keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
      does: "move the map",
      group: "Map",
      repeats: true,
      press: (key) => {
        const [right, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [0, 0];
        stage.pan(right as number, up as number);
      },
    },
  );
}
