// The place below the pointer: latitude, longitude and grid reference. A right click copies it.

import { element } from "../dom";
import { tell } from "../shell/tell";
import { mgrs } from "./mgrs";
import type { Stage } from "./stage";

export function mountReadout(stage: Stage): void {
  stage.onPoint(([lon, lat]) => {
    const east = ((lon + 540) % 360) - 180;
    element("position").textContent = `${lat.toFixed(6)}° ${east.toFixed(6)}°`;
    element("grid-reference").textContent = mgrs(east, lat) ?? "";
  });
  element("stage").addEventListener("contextmenu", (event) => {
    if (!(event.target as HTMLElement).closest("#map, #map-left")) return;
    event.preventDefault();
    const words = `${element("position").textContent} ${element("grid-reference").textContent}`;
    navigator.clipboard.writeText(words).then(() => tell(`copied: ${words}`), () => tell(words));
  });
}
