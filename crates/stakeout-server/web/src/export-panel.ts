// What was confirmed, for other programs: files to take away and addresses to copy.

import { element, make } from "./dom";
import type { Workspace } from "./workspace";

const FORMATS = [["geojson", "GeoJSON"], ["gpkg", "GeoPackage"], ["kmz", "Google Earth"], ["fgb", "FlatGeobuf"], ["geoparquet", "GeoParquet"], ["csv", "CSV"]] as const;

export function mountExport(workspace: Workspace): void {
  const files = make("p", { id: "export" });
  const address = make("code", { id: "ogc-address" }, `${location.origin}/ogc`);
  const words = make("p", {}, "QGIS, as OGC API Features: ", address);
  element("export-panel").append(make("details", { class: "links" }, make("summary", {}, "Export what was confirmed"), files, words));
  workspace.watch(["site"], ({ site }) => {
    const link = ([format, label]: readonly [string, string]) =>
      make("a", { href: `/api/sites/${site}/export?format=${format}`, download: "" }, label);
    files.replaceChildren(...(site ? FORMATS.flatMap((each) => [link(each), " "]) : []));
  });
}
