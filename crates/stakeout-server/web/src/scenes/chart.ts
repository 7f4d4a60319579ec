// A chart of what was built at the open site: area and count at each scene, and a bar for each construction window,
// which leads to the comparison of its dates.

import { all } from "../api";
import { element, make } from "../dom";
import { areaWords } from "../map/geodesic";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Built, type Level, type Window, levels, windows } from "./built";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 70, right: 14, top: 10, bottom: 20 };
const BAR_PX = 18;

export function mountChart(workspace: Workspace): void {
  const box = make("div", { id: "chart", role: "group", "aria-label": "Built since the first scene" });
  const words = make("p", { id: "chart-words" });
  element("chart-panel").append(make("h2", {}, "Built since the first scene"), words, box);
  let built: readonly Built[] = [];
  const render = () => {
    const found = levels(workspace.state.scenes.map((scene) => scene.properties.datetime), built);
    const last = found.at(-1);
    words.textContent = last && built.length > 0
      ? `${last.count} structure${last.count === 1 ? "" : "s"}, ${areaWords(last.area_m2)} by ${day(last.time)}`
      : "Nothing was confirmed here yet.";
    box.replaceChildren();
    if (found.length > 1 && built.length > 0) draw(workspace, box, found, windows(built));
  };
  const load = () => void attempt(async () => {
    const { site } = workspace.state;
    const features = site ? await all<Built>(`/ogc/collections/annotations/items?site=${encodeURIComponent(site)}&limit=1000`) : [];
    if (workspace.state.site !== site) return;
    built = features.map(({ properties }) => properties);
    render();
  });
  workspace.watch(["site", "scenes"], load);
  workspace.onRecordChanged(load);
  new ResizeObserver(render).observe(element("chart-panel"));
}

const day = (time: number) => new Date(time).toISOString().slice(0, 10);

function draw(workspace: Workspace, box: HTMLElement, found: readonly Level[], bars: readonly Window[]): void {
  const [width, height] = [box.clientWidth, box.clientHeight];
  if (width === 0 || height === 0) return;
  const [begin, end] = [found[0]!.time, found.at(-1)!.time];
  const x = (time: number) => MARGIN.left + ((time - begin) / Math.max(1, end - begin)) * (width - MARGIN.left - MARGIN.right);
  const floor = height - MARGIN.bottom - BAR_PX - 4;
  const top = Math.max(1, ...found.map((level) => level.area_m2));
  const low = Math.min(0, ...found.map((level) => level.area_m2));
  const y = (area: number) => floor - ((area - low) / (top - low)) * (floor - MARGIN.top);

  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", String(width));
  svg.setAttribute("height", String(height));
  svg.setAttribute("aria-hidden", "true");
  const shape = (tag: string, attributes: Record<string, string | number>, text = "") => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    made.textContent = text;
    svg.append(made);
  };
  for (const area of [low, top]) {
    shape("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(area), y2: y(area) });
    shape("text", { class: "value", x: MARGIN.left - 6, y: y(area) + 4 }, area === top && bars.length === 0 ? "" : areaWords(area));
  }
  // a level holds until the next image shows another
  const steps = found.map((level, index) => (index === 0 ? `M${x(level.time)},${y(level.area_m2)}` : `H${x(level.time)}V${y(level.area_m2)}`)).join("");
  shape("path", { class: "fill", d: `${steps}V${y(low)}H${x(begin)}Z` });
  shape("path", { class: "level", d: steps });
  for (const level of found) shape("circle", { class: "dot", cx: x(level.time), cy: y(level.area_m2), r: 4 });
  box.append(svg, ...dates(found, x, height), ...bars.map((window) => bar(workspace, window, x, height)));
}

/** Dates below the axis, those left out that would cover another. */
function dates(found: readonly Level[], x: (time: number) => number, height: number): HTMLElement[] {
  const room_px = 78;
  let used = -Infinity;
  return found.flatMap(({ time }, index) => {
    const isLast = index === found.length - 1;
    if (x(time) - used < room_px || (!isLast && x(found.at(-1)!.time) - x(time) < room_px)) return [];
    used = x(time);
    const side = index === 0 ? "first" : isLast ? "last" : "middle";
    return [make("span", { class: `date-label ${side}`, style: `left:${x(time)}px;top:${height - MARGIN.bottom + 2}px` }, day(time))];
  });
}

function bar(workspace: Workspace, { start, end, appeared, gone, area_m2 }: Window, x: (time: number) => number, height: number): HTMLElement {
  const [left, right] = [x(Date.parse(start)), x(Date.parse(end))];
  const counts = [appeared > 0 && `${appeared} new`, gone > 0 && `${gone} gone`].filter(Boolean).join(", ");
  const label = `${counts}, ${areaWords(Math.abs(area_m2))}, between ${start.slice(0, 10)} and ${end.slice(0, 10)}: compare these dates`;
  const open = () => {
    const at = (datetime: string) => workspace.state.scenes.find((scene) => Date.parse(scene.properties.datetime) === Date.parse(datetime)) ?? null;
    workspace.showPair(at(start), at(end));
  };
  const place = `left:${left}px;width:${Math.max(24, right - left)}px;top:${height - MARGIN.bottom - BAR_PX}px;height:${BAR_PX}px`;
  return make("button", { type: "button", class: "window", style: place, "aria-label": label, title: label, onclick: open }, counts);
}
