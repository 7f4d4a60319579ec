// A new site: its name, the larger site, its area, drawn on the map or pasted as GeoJSON.

import type Feature from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import Draw from "ol/interaction/Draw";
import Modify from "ol/interaction/Modify";
import Snap from "ol/interaction/Snap";
import VectorLayer from "ol/layer/Vector";
import VectorSource from "ol/source/Vector";
import { Problem, createSite } from "../api";
import { element, make } from "../dom";
import { areaWords, area_m2 } from "../map/geodesic";
import { DATA, type Stage, VIEW } from "../map/stage";
import { field } from "../shell/dialogs";
import { register } from "../shell/keys";
import { faultWords, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Polygon, pastedArea } from "./pasted";

const EXAMPLE = '{"type":"Polygon","coordinates":[[[127.60,39.89],[127.62,39.89],[127.62,39.90],[127.60,39.90],[127.60,39.89]]]}';
/** Decimals of a degree that are kept: a centimetre. */
const DECIMALS = 7;

const HINT = "Click the corners on the map; double-click the last one.";

/** Makes the form in the left panel; gives what opens it, as it was left. */
export function mountNewSite(workspace: Workspace, stage: Stage): () => void {
  const format = new GeoJSON({ dataProjection: DATA, featureProjection: VIEW });
  const source = new VectorSource();
  const layer = new VectorLayer({ source, zIndex: 15, style: { "stroke-color": "#e69f00", "stroke-width": 3, "fill-color": "rgba(230,159,0,0.12)", "circle-radius": 5, "circle-fill-color": "#e69f00" } });
  stage.map.addLayer(layer);
  const tools = [new Draw({ source, type: "Polygon" }), new Modify({ source }), new Snap({ source })] as const;
  let layDown: (() => void) | null = null;
  let isSketching = false;

  const name = make("input", { id: "site-name", required: true, maxlength: 200, autocomplete: "off" });
  const parent = make("select", { id: "site-parent" });
  const tags = make("input", { id: "site-tags", maxlength: 200, autocomplete: "off", placeholder: "separated by commas" });
  const area = make("textarea", { id: "site-area", rows: 5, spellcheck: "false", placeholder: EXAMPLE });
  const size = make("p", { class: "hint wide" }, HINT);
  const fault = make("p", { class: "fault wide", role: "alert" });
  const sends = make("button", { type: "submit", class: "primary" }, "Make the site");
  const actions = make("div", { class: "wide actions" }, make("button", { type: "button", onclick: () => drop() }, "Cancel"), sends);
  const form = make("form", { id: "new-site", "aria-label": "New site", hidden: true }, make("h2", { class: "wide" }, "New site"), field("Name", name, "wide"), field("Part of", parent, "wide"), field("Tags", tags, "wide"), size, field("Area: draw it on the map, or paste GeoJSON", area, "wide"), fault, actions);
  element("sites-panel").before(form);

  const describe = (shape: Polygon) => (size.textContent = `The area is ${areaWords(area_m2(shape.coordinates[0]?.slice(0, -1) ?? []))}.`);
  const drawn = (feature: Feature | undefined) => {
    const outline = feature?.getGeometry();
    if (!outline) return;
    const shape = format.writeGeometryObject(outline, { decimals: DECIMALS, rightHanded: true }) as unknown as Polygon;
    area.value = JSON.stringify(shape);
    describe(shape);
  };
  tools[0].on("drawstart", () => {
    isSketching = true;
    source.clear();
  });
  tools[0].on("drawabort", () => {
    isSketching = false;
    // what was there before the sketch
    showArea(false);
  });
  // what is pasted is left as it was typed
  tools[0].on("drawend", ({ feature }) => {
    isSketching = false;
    drawn(feature);
  });
  source.on("changefeature", ({ feature }) => drawn(feature));
  const showArea = (fits: boolean) => {
    try {
      const pasted = pastedArea(area.value);
      const feature = format.readFeature({ type: "Feature", geometry: pasted, properties: {} });
      source.clear(true);
      source.addFeature(Array.isArray(feature) ? feature[0]! : feature);
      if (fits) stage.fit(source.getExtent()!);
      describe(pasted);
    } catch {
      // what is half typed is judged when it is sent
      size.textContent = area.value.trim() ? "" : HINT;
    }
  };
  area.addEventListener("input", () => {
    fault.textContent = "";
    showArea(true);
  });
  const draws = () => {
    if (layDown || !stage.mayTake()) return;
    for (const tool of tools) stage.map.addInteraction(tool);
    layDown = stage.take("new-site", rest, () => isSketching);
  };
  const rest = () => {
    for (const tool of tools) stage.map.removeInteraction(tool);
    layDown?.();
    layDown = null;
  };
  // another tool may have been taken in hand meanwhile
  form.addEventListener("focusin", draws);
  const hide = () => {
    rest();
    form.hidden = true;
    layer.setVisible(false);
  };
  const drop = () => {
    hide();
    form.reset();
    source.clear();
    size.textContent = HINT;
    fault.textContent = "";
  };
  /** Ends the sketch, or else puts the form away as it is. */
  const leave = () => {
    if (isSketching) return tools[0].abortDrawing();
    hide();
    element("map").focus();
  };
  // from a field too, where Escape means nothing else
  form.addEventListener("keydown", (event) => event.key === "Escape" && leave());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.textContent = "";
    sends.disabled = true;
    send()
      .catch((error) => (fault.textContent = faultWords(error)))
      .finally(() => (sends.disabled = false));
  });
  const send = async () => {
    if (!area.value.trim()) throw new Problem(0, "draw the area on the map, or paste it");
    const words = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    const properties = { name: name.value.trim(), ...(parent.value ? { parent: parent.value } : {}), ...(words.length > 0 ? { tags: words } : {}) };
    const id = await createSite(properties, pastedArea(area.value));
    drop();
    await workspace.loadSites(id);
    tell(`site ${properties.name} made: add two scenes next`);
  };
  register({ keys: ["Escape"], does: "", group: "Map", when: () => !form.hidden, press: leave });
  return () => {
    const { value } = parent;
    const options = workspace.state.sites.map((site) => new Option(site.properties.name, site.id));
    parent.replaceChildren(new Option("no larger site", ""), ...options);
    parent.value = workspace.state.sites.some((site) => site.id === value) ? value : "";
    form.hidden = false;
    layer.setVisible(true);
    draws();
    name.focus();
  };
}
