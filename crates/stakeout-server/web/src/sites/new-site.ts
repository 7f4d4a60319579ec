// A new site: its name, the larger site, its area.

import { Problem, createSite } from "../api";
import { make } from "../dom";
import { field, formDialog } from "../shell/dialogs";
import { tell } from "../shell/tell";
import type { Workspace } from "../workspace";

const EXAMPLE = '{"type":"Polygon","coordinates":[[[127.60,39.89],[127.62,39.89],[127.62,39.90],[127.60,39.90],[127.60,39.89]]]}';

function geometry(text: string): unknown {
  const given = JSON.parse(text) as { type?: string; geometry?: unknown; features?: { geometry: unknown }[] };
  return given.geometry ?? given.features?.[0]?.geometry ?? given;
}

export function newSiteDialog(workspace: Workspace): () => void {
  const name = make("input", { id: "site-name", required: true, maxlength: 200, autocomplete: "off" });
  const parent = make("select", { id: "site-parent" });
  const area = make("textarea", { id: "site-area", rows: 6, required: true, spellcheck: "false", placeholder: EXAMPLE });
  const fields = [field("Name", name, "wide"), field("Part of", parent, "wide"), field("Area, as GeoJSON", area, "wide")];
  const work = async () => {
    let given: unknown;
    try {
      given = geometry(area.value);
    } catch (error) {
      throw new Problem(0, `the area is no GeoJSON: ${error}`);
    }
    const id = await createSite({ name: name.value.trim(), ...(parent.value ? { parent: parent.value } : {}) }, given);
    await workspace.loadSites(id);
    tell(`site ${name.value.trim()} made: add two scenes next`);
  };
  return formDialog("New site", "Make the site", fields, work, () => {
    const options = workspace.state.sites.map((site) => new Option(site.properties.name, site.id));
    parent.replaceChildren(new Option("no larger site", ""), ...options);
  }).open;
}
