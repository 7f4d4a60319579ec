// What is below the imagery: a grid of degrees, the sites' areas, and map tiles where the server is configured for them.

import type Feature from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import Graticule from "ol/layer/Graticule";
import TileLayer from "ol/layer/Tile";
import VectorLayer from "ol/layer/Vector";
import VectorSource from "ol/source/Vector";
import XYZ from "ol/source/XYZ";
import { Fill, Stroke, Style, Text } from "ol/style";
import { get, outerRing } from "../api";
import { element } from "../dom";
import { DATA, type Stage, VIEW } from "../map/stage";
import { signedIn } from "../shell/sign-in";
import { attempt } from "../shell/tell";
import type { Workspace } from "../workspace";

interface Backdrop { readonly url: string; readonly attribution: string; readonly zoom_max: number }

/** Below this many pixels across, a site's name would cover it. */
const LABEL_PX_MIN = 60;

export function mountAreas(workspace: Workspace, stage: Stage): void {
  const source = new VectorSource();
  const format = new GeoJSON({ dataProjection: DATA, featureProjection: VIEW });
  const style = (feature: Feature, resolution: number) => area(feature, resolution, feature.getId() === workspace.state.site);
  stage.map.addLayer(new VectorLayer({ source, zIndex: 8, declutter: true, style: (feature, resolution) => style(feature as Feature, resolution) }));
  stage.map.getLayers().insertAt(0, graticule());
  workspace.watch(["sites"], ({ sites }) => {
    source.clear(true);
    source.addFeatures(format.readFeatures({ type: "FeatureCollection", features: sites.map((site) => ({ type: "Feature", ...site })) }) as Feature[]);
  });
  workspace.watch(["site"], ({ before, after }) => {
    source.changed();
    // scenes frame themselves
    const area = workspace.site && (outerRing(workspace.site.geometry) as [number, number][]);
    if (area && !before?.geometry && !after?.geometry) stage.fitLonLats(area);
  });
  stage.areaPicked = (id) => {
    if (id !== workspace.state.site && workspace.state.sites.some((site) => site.id === id)) void attempt(() => workspace.openSite(id));
  };
  void attempt(async () => {
    await signedIn();
    const { backdrop } = await get<{ backdrop: Backdrop | null }>("/api/settings");
    if (!backdrop) return;
    const tiles = new XYZ({ url: backdrop.url, maxZoom: backdrop.zoom_max });
    stage.map.getLayers().insertAt(0, new TileLayer({ source: tiles, className: "backdrop" }));
    element("attribution").textContent = backdrop.attribution;
  });
}

function graticule(): Graticule {
  return new Graticule({
    strokeStyle: new Stroke({ color: "rgba(140,155,170,0.28)", width: 1 }),
    showLabels: true,
    wrapX: false,
    targetSize: 140,
    // clear of the scale bar and the read-out
    lonLabelPosition: 0.09,
    lonLabelStyle: new Text({ font: "11px system-ui, sans-serif", textBaseline: "bottom", fill: new Fill({ color: "rgba(170,185,200,0.75)" }) }),
    latLabelStyle: new Text({ font: "11px system-ui, sans-serif", textAlign: "end", fill: new Fill({ color: "rgba(170,185,200,0.75)" }) }),
  });
}

function area(feature: Feature, resolution: number, open: boolean): Style[] {
  const [west, , east] = (feature.getGeometry()?.getExtent() ?? [0, 0, 0]) as [number, number, number];
  const wide = (east - west) / resolution > LABEL_PX_MIN;
  const label = new Text({
    text: wide || open ? String(feature.get("name")) : "",
    font: "600 12px system-ui, sans-serif",
    fill: new Fill({ color: "#fff" }),
    stroke: new Stroke({ color: "rgba(0,0,0,0.8)", width: 3 }),
    placement: "line",
    textBaseline: "bottom",
    overflow: true,
  });
  return [
    new Style({ stroke: new Stroke({ color: "rgba(0,0,0,0.6)", width: open ? 4 : 3 }) }),
    new Style({ stroke: new Stroke({ color: open ? "#ffffff" : "rgba(255,255,255,0.65)", width: open ? 1.75 : 1.25, lineDash: [7, 5] }), text: label, zIndex: open ? 1 : 0 }),
  ];
}
