// A new scene of the open site: the file and what is known of it.

import { Problem, addUploadedScene } from "../api";
import { make } from "../dom";
import { field, formDialog } from "../shell/dialogs";
import { tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { upload } from "./upload";

const ENDINGS = ".tif,.tiff,.jp2,.png,.jpg,.jpeg";

export function addSceneDialog(workspace: Workspace): () => void {
  const text = (id: string) => make("input", { id, maxlength: 200 });
  const file = make("input", { id: "scene-file", type: "file", required: true, accept: ENDINGS });
  const time = make("input", { id: "scene-time", type: "datetime-local", required: true });
  const [platform, provider, license] = [text("scene-platform"), text("scene-provider"), text("scene-license")];
  const bar = make("progress", { id: "scene-progress", class: "wide", max: 1, "aria-label": "Upload", hidden: true });
  const fields = [
    field("Image: GeoTIFF, or another image with a georeference", file, "wide"),
    field("Taken at (UTC)", time),
    field("Sensor", platform),
    field("Provider", provider),
    field("Licence", license),
    bar,
  ];
  const work = async () => {
    const [chosen] = file.files ?? [];
    const site = workspace.state.site;
    if (!chosen || !site) throw new Problem(0, "choose a file");
    bar.hidden = false;
    const address = await upload(chosen, (share) => (bar.value = share));
    // without a value the bar shows that something goes on
    bar.removeAttribute("value");
    const given = { platform: platform.value.trim(), provider: provider.value.trim(), license: license.value.trim() };
    const stated = Object.fromEntries(Object.entries(given).filter(([, said]) => said));
    await addUploadedScene(site, address, { datetime: `${time.value}:00Z`, ...stated });
    await workspace.openSite(site);
    tell(`scene ${chosen.name} added`);
  };
  return formDialog("Add a scene", "Add the scene", fields, work, () => void (bar.hidden = true)).open;
}
