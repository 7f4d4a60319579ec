// New scenes of the open site: files chosen or dropped, what is known of each, and where it lies if it does not say.

import { Problem, type SceneItem, addUploadedScene } from "../api";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { field, formDialog } from "../shell/dialogs";
import { attempt, faultWords, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Peek, dateInName, peek } from "./peek";
import { placeStored } from "./stored";
import { upload } from "./upload";

const ENDINGS = ".tif,.tiff,.jp2,.png,.jpg,.jpeg";
const NOTHING: Peek = { hasPlace: null, size: null, picture: null };

/** Gives what opens the dialog; files that are dropped on the page open it too, one after the other. */
export function mountAddScene(workspace: Workspace, stage: Stage): () => void {
  let waiting: File[] = [];
  let seen = NOTHING;
  const text = (id: string, hint = "") => make("input", { id, maxlength: 200, placeholder: hint });
  const file = make("input", { id: "scene-file", type: "file", required: true, multiple: true, accept: ENDINGS });
  const about = make("p", { id: "scene-about", class: "wide hint" });
  const time = make("input", { id: "scene-time", type: "datetime-local", required: true });
  const [platform, provider, license] = [text("scene-platform", "such as WorldView-3"), text("scene-provider"), text("scene-license", "such as CC-BY-4.0")];
  const byHand = make("input", { id: "scene-by-hand", type: "checkbox" });
  const bar = make("progress", { id: "scene-progress", class: "wide", max: 1, "aria-label": "Upload", hidden: true });
  const words = make("p", { id: "scene-progress-words", class: "wide hint", role: "status" });
  const fields = [
    field("Image: GeoTIFF, JPEG 2000, PNG or JPEG", file, "wide"),
    about,
    field("Taken at (UTC)", time),
    field("Sensor", platform),
    field("Provider", provider),
    field("Licence", license),
    make("label", { class: "wide check" }, byHand, make("span", {}, "Place it on the map by hand")),
    bar,
    words,
  ];

  const look = async () => {
    const [chosen] = file.files ?? [];
    if (seen.picture) URL.revokeObjectURL(seen.picture);
    seen = chosen ? await peek(chosen) : NOTHING;
    byHand.checked = seen.hasPlace === false;
    const size = seen.size ? `${seen.size[0]} × ${seen.size[1]} pixels. ` : "";
    const where = { true: "It says where it lies.", false: "It does not say where it lies, so place it on the map.", null: "" }[String(seen.hasPlace) as "true"];
    about.textContent = chosen ? `${size}${where}` : "";
    if (chosen && !time.value) time.value = dateInName(chosen.name);
  };
  file.addEventListener("change", () => {
    waiting = [...(file.files ?? [])].slice(1);
    void look();
  });

  const work = async (closed: AbortSignal) => {
    const [chosen] = file.files ?? [];
    const { site } = workspace.state;
    if (!chosen || !site) throw new Problem(0, "choose a file");
    const given = { platform: platform.value.trim(), provider: provider.value.trim(), license: license.value.trim() };
    const stated = Object.fromEntries(Object.entries(given).filter(([, said]) => said));
    const properties: Record<string, unknown> = { datetime: `${time.value}:00Z`, ...stated };
    const scene = await send(site, chosen, properties, closed).catch((error) => {
      showNoProgress();
      throw error;
    });
    if (closed.aborted) return;
    if (byHand.checked && !scene.geometry) {
      const known = seen;
      // the dialog makes room for the map; the picture is needed until the image lies where it should
      seen = NOTHING;
      dialog.box.addEventListener("close", () => void attempt(() => placeStored(workspace, stage, scene, known)).then(next), { once: true });
    } else next();
  };
  const send = async (site: string, chosen: File, properties: Record<string, unknown>, closed: AbortSignal): Promise<SceneItem> => {
    bar.hidden = false;
    const megabytes = (share: number) => `${((chosen.size * share) / 1e6).toFixed(1)} of ${(chosen.size / 1e6).toFixed(1)} MB sent`;
    const address = await upload(chosen, (share) => {
      bar.value = share;
      words.textContent = megabytes(share);
    }, closed);
    // without a value the bar shows that something goes on
    bar.removeAttribute("value");
    words.textContent = "the server checks and prepares it";
    const scene = await addUploadedScene(site, address, properties);
    // another site may have been opened meanwhile
    if (workspace.state.site === site) await workspace.openSite(site);
    tell(scene.geometry ? `scene ${chosen.name} added` : `scene ${chosen.name} added; it does not say where it lies: place it on the map`);
    return scene;
  };
  const showNoProgress = () => {
    bar.hidden = true;
    bar.value = 0;
    words.textContent = "";
  };
  const reset = () => {
    showNoProgress();
    about.textContent = "";
    byHand.checked = false;
  };
  const dialog = formDialog("Add a scene", "Add the scene", fields, work, reset);
  const openWith = (files: readonly File[]) => {
    const [first, ...rest] = files;
    if (!first) return;
    const transfer = new DataTransfer();
    transfer.items.add(first);
    dialog.open();
    file.files = transfer.files;
    time.value = "";
    waiting = rest;
    look().catch((error) => dialog.fault(faultWords(error)));
  };
  // the dialog closes itself when its work is done; the next file opens it again after that
  const next = () => {
    const rest = waiting;
    waiting = [];
    if (rest.length === 0) return;
    if (dialog.box.open) dialog.box.addEventListener("close", () => openWith(rest), { once: true });
    else openWith(rest);
  };
  takeDrops(workspace, openWith);
  return () => {
    file.value = "";
    time.value = "";
    waiting = [];
    dialog.open();
  };
}

/** Files may be dropped anywhere on the page. */
function takeDrops(workspace: Workspace, open: (files: readonly File[]) => void): void {
  const shade = element("drop");
  const brings = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    const site = workspace.site?.properties.name;
    shade.textContent = site ? `Drop images to add them to ${site}` : "Make a site first, then drop its images";
    shade.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) shade.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    shade.hidden = true;
    if (workspace.site) open([...(event.dataTransfer?.files ?? [])]);
  });
}
