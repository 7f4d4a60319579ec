// The place below the pointer: latitude, longitude and grid reference. A right click copies it.

import { element } from "../dom";
import { copy } from "../shell/browser";
import { mgrs } from "./mgrs";
import type { Stage } from "./stage";

export function mountReadout(stage: Stage): void {
  const show = ([lon, lat]: [number, number]): void => {
    const east = ((lon + 540) % 360) - 180;
    element("position").textContent = `${lat.toFixed(6)}° ${east.toFixed(6)}°`;
    element("grid-reference").textContent = mgrs(east, lat) ?? "";
  };
  stage.onPoint(show);
  element("stage").addEventListener("contextmenu", (event) => {
    if (!(event.target as HTMLElement).closest("#map, #map-left")) return;
    event.preventDefault();
    show(stage.lonLatAt(event));
    const words = `${element("position").textContent} ${element("grid-reference").textContent}`;
    void copy(words);
  });
}
