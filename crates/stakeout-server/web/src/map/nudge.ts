// Moving the after image by hand, where its georeference is a little off.

import Pointer from "ol/interaction/Pointer";
import { element, iconButton, make } from "../dom";
import { register } from "../shell/keys";
import type { CompareSettings } from "./settings";
import type { Stage } from "./stage";

/** Pixels of the screen that an arrow key moves it by, and with Shift. */
const STEP_PX = 1;
const STRIDE_PX = 10;

const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const metres = (value: number) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(2)} m`;

export function mountNudge(stage: Stage, settings: CompareSettings): HTMLElement {
  let on = false;
  let leave = () => {};
  const by = (right_px: number, up_px: number) => {
    const pixel_m = stage.pixel_m();
    const [east, north] = settings.state.nudge;
    const round = (value: number) => Math.round(value * 1_000) / 1_000;
    settings.set({ nudge: [round(east + right_px * pixel_m), round(north + up_px * pixel_m)] });
  };
  const drag = dragging(by);
  const show = (wanted: boolean) => {
    on = wanted;
    button.setAttribute("aria-pressed", String(on));
    panel.hidden = !on;
  };
  const begin = () => {
    const [layDown, close] = [stage.take("nudge", end), stage.popover.take("nudge", end)];
    leave = () => {
      layDown();
      close();
    };
    stage.map.addInteraction(drag);
    show(true);
  };
  const end = () => {
    leave();
    stage.map.removeInteraction(drag);
    show(false);
  };
  const toggle = () => {
    if (on) end();
    else if (stage.mayTake()) begin();
  };
  const button = iconButton("nudge", "Nudge the after image", { id: "nudge-open", "aria-pressed": "false", onclick: toggle }, "N");
  const where = make("output", { id: "nudge" });
  const reset = make("button", { type: "button", onclick: () => settings.set({ nudge: [0, 0] }) }, "Reset");
  const panel = make("div", { class: "popover small", role: "group", "aria-label": "Nudge", hidden: true }, make("p", {}, "Drag the after image, or press the arrow keys (with Shift: ten pixels)."), make("div", { class: "row" }, where, reset));
  element("stage").append(panel);
  const press = (step_px: number) => (key: string) => {
    const [right, up] = ARROWS[key.replace("Shift+", "")] ?? [0, 0];
    by(right * step_px, up * step_px);
  };
  register(
    { keys: ["n"], does: "nudge the after image", group: "Compare", press: toggle },
    { keys: Object.keys(ARROWS), does: "nudge by a pixel", group: "Compare", when: () => on, repeats: true, press: press(STEP_PX) },
    { keys: Object.keys(ARROWS).map((key) => `Shift+${key}`), does: "nudge by ten pixels", group: "Compare", when: () => on, repeats: true, press: press(STRIDE_PX) },
    { keys: ["Escape"], does: "", group: "Compare", when: () => on, press: toggle },
  );
  settings.watch(["nudge"], ({ nudge }) => {
    where.textContent = `east ${metres(nudge[0])}, north ${metres(nudge[1])}`;
    stage.nudge(nudge);
    button.classList.toggle("marked", nudge.some((part) => part !== 0));
  });
  return make("div", { class: "group" }, button);
}

function dragging(by: (right_px: number, up_px: number) => void): Pointer {
  let at: number[] = [0, 0];
  return new Pointer({
    handleDownEvent: (event) => {
      at = event.pixel;
      return true;
    },
    handleDragEvent: (event) => {
      by(event.pixel[0]! - at[0]!, at[1]! - event.pixel[1]!);
      at = event.pixel;
    },
  });
}
