// What was recorded, for other programs: files to take away and addresses to copy.

import { element, iconButton, make } from "./dom";
import { copy } from "./shell/browser";
import type { Workspace } from "./workspace";

const FORMATS = [["geojson", "GeoJSON"], ["gpkg", "GeoPackage"], ["kmz", "Google Earth"], ["fgb", "FlatGeobuf"], ["geoparquet", "GeoParquet"], ["csv", "CSV"]] as const;

/** What is exported of the record. */
export const RECORDED = "What is recorded, as far as you may see it: drafts and disputed structures too, each with its status";

export function mountExport(workspace: Workspace): void {
  const files = make("div", { id: "export", class: "files" });
  const addresses = make("div", { class: "addresses" });
  const what = make("select", { id: "export-what", "aria-label": "What to export" }, new Option("Recorded, with its status", "annotations"), new Option("All candidates", "candidates"));
  const render = () => {
    const { site, before, after } = workspace.state;
    what.title = what.value === "annotations" ? RECORDED : "";
    files.replaceChildren(...(site ? FORMATS.map(([format, label]) =>
      make("a", { href: `/api/sites/${encodeURIComponent(site)}/export?format=${format}&collection=${what.value}`, download: "" }, label)) : []));
    addresses.replaceChildren(...linksFor(site, [before?.id, after?.id]));
  };
  what.addEventListener("change", render);
  const summary = make("summary", {}, "Export and links");
  element("export-panel").append(make("details", { class: "links" }, summary, what, files, addresses));
  workspace.watch(["site", "before", "after"], render);
}

/** Opens the files to take away, and leads there. */
export function openExport(): void {
  document.body.classList.remove("no-left");
  element("toggle-left").setAttribute("aria-pressed", "true");
  const box = element("export-panel").querySelector("details");
  if (box) box.open = true;
  element("export").querySelector("a")?.focus();
}

function linksFor(site: string | null, scenes: readonly (string | undefined)[]): HTMLElement[] {
  const { origin } = location;
  const rows: [string, string][] = [
    ["QGIS: add a WFS / OGC API Features layer", `${origin}/ogc`],
    ["GDAL: list what was recorded", `ogrinfo -so OAPIF:${origin}/ogc annotations`],
  ];
  if (site) rows.push(["GDAL: this site into a GeoPackage", `ogr2ogr ${site}.gpkg "OAPIF:${origin}/ogc" annotations -where "site='${site}'"`]);
  if (site) rows.push(["STAC: this site's scenes", `${origin}/stac/collections/${site}`]);
  scenes.forEach((scene, index) => {
    if (scene) rows.push([`QGIS: the ${index === 0 ? "before" : "after"} image, as XYZ tiles`, `${origin}/tiles/${scene}/WebMercatorQuad/{z}/{y}/{x}.png`]);
  });
  return rows.map(([words, text]) => make("div", { class: "address" }, make("span", {}, words), make("code", { title: text }, text), copyButton(words, text)));
}

function copyButton(words: string, text: string): HTMLElement {
  return iconButton("copy", `Copy: ${words}`, { onclick: () => void copy(text) });
}
