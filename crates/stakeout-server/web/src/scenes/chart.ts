// A chart of what was built at the open site: area and count at each scene, and a bar for each construction window,
// which leads to the comparison of its dates.

import { all } from "../api";
import { element, make } from "../dom";
import { areaWords } from "../map/geodesic";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Built, type Level, type Window, levels, windows } from "./built";
import { type Span, labelsShown, rowsOf } from "./spans";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 70, right: 14, top: 10, bottom: 20 };
const BAR_PX = 18;
/** Least width of a bar. */
const BAR_WIDE_PX = 24;
const ROW_PX = BAR_PX + 2;
/** Least height of what is above the bars. */
const LEVELS_PX = 36;
/** Width of a date below the axis, and the room between two. */
const DATE_PX = 74;
const DATE_GAP_PX = 6;

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
  const width = box.clientWidth;
  if (width === 0) return;
  const [begin, end] = [found[0]!.time, found.at(-1)!.time];
  const x = (time: number) => MARGIN.left + ((time - begin) / Math.max(1, end - begin)) * (width - MARGIN.left - MARGIN.right);
  const spans = bars.map((window) => spanOf(window, x, [x(begin), x(end)]));
  const rows = rowsOf(spans);
  const bars_px = Math.max(0, ...rows.map((row) => row + 1)) * ROW_PX;
  const least_px = LEVELS_PX + bars_px + MARGIN.bottom;
  // it grows with its rows up to a limit, and scrolls then
  box.style.setProperty("--least", `${least_px}px`);
  const height = Math.max(box.clientHeight, least_px);
  const floor = height - MARGIN.bottom - bars_px - 2;
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
  const tops = rows.map((row) => height - MARGIN.bottom - BAR_PX - row * ROW_PX);
  box.append(svg, ...dates(found, x, height), ...bars.map((window, index) => bar(workspace, window, spans[index] as Span, tops[index] as number)));
}

/** Dates below the axis, those left out that would cover another. */
function dates(found: readonly Level[], x: (time: number) => number, height: number): HTMLElement[] {
  const sides = found.map((_, index) => (index === 0 ? "first" : index === found.length - 1 ? "last" : "middle"));
  // the first and the last hang to one side of their place
  const before = { first: 0, middle: DATE_PX / 2, last: DATE_PX };
  const spans = found.map(({ time }, index): Span => {
    const left = x(time) - before[sides[index] as keyof typeof before];
    return { left, right: left + DATE_PX };
  });
  return labelsShown(spans, DATE_GAP_PX).map((index) => {
    const { time } = found[index] as Level;
    return make("span", { class: `date-label ${sides[index]}`, style: `left:${x(time)}px;top:${height - MARGIN.bottom + 2}px` }, day(time));
  });
}

/** Where the bar of a window stands; one of other times than the scenes' stays on the chart. */
function spanOf({ start, end }: Window, x: (time: number) => number, [least, most]: readonly [number, number]): Span {
  const within = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at));
  const left = within(x(Date.parse(start)), least, most - BAR_WIDE_PX);
  return { left, right: within(x(Date.parse(end)), left + BAR_WIDE_PX, most) };
}

/** A bar leads to the comparison of its dates, where there are scenes of both. */
function bar(workspace: Workspace, { start, end, appeared, gone, area_m2 }: Window, { left, right }: Span, top: number): HTMLElement {
  const counts = [appeared > 0 && `${appeared} new`, gone > 0 && `${gone} gone`].filter(Boolean).join(", ");
  const what = `${counts}, ${areaWords(Math.abs(area_m2))}, between ${start.slice(0, 10)} and ${end.slice(0, 10)}`;
  const at = (datetime: string) => workspace.state.scenes.find((scene) => Date.parse(scene.properties.datetime) === Date.parse(datetime)) ?? null;
  const style = `left:${left}px;width:${right - left}px;top:${top}px;height:${BAR_PX}px`;
  const [before, after] = [at(start), at(end)];
  if (!before || !after) {
    const label = `${what}: there are no scenes of both dates`;
    return make("span", { class: "window", style, role: "img", "aria-label": label, title: label }, counts);
  }
  const label = `${what}: compare these dates`;
  return make("button", { type: "button", class: "window", style, "aria-label": label, title: label, onclick: () => workspace.showPair(before, after) }, counts);
}
