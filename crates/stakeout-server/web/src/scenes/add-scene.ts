// New scenes of the open site: files chosen or dropped, what is known of each, and where it lies if it does not say.

import { Problem, type SceneItem, addUploadedScene, isForLater } from "../api";
import { element, make } from "../dom";
import type { Stage } from "../map/stage";
import { field, formDialog } from "../shell/dialogs";
import { whyNot } from "../shell/role";
import { attempt, faultWords, tell } from "../shell/tell";
import type { Workspace } from "../workspace";
import { type Peek, dateInName, fileWords, peek, timeFor } from "./peek";
import { placeStored } from "./stored";
import { discard, upload } from "./upload";

const ENDINGS = ".tif,.tiff,.jp2,.png,.jpg,.jpeg";
const NOTHING: Peek = { hasPlace: null, size: null, picture: null };

const forget = ({ picture }: Peek) => picture && URL.revokeObjectURL(picture);

/** Gives what opens the dialog; files that are dropped on the page open it too, one after the other. */
export function mountAddScene(workspace: Workspace, stage: Stage): () => void {
  /** Files that are asked for after the one that is shown, and how many were before it. */
  let waiting: readonly File[] = [];
  let before = 0;
  let seen = NOTHING;
  /** Whether what was sent last is being placed: what waits comes after that. */
  let isPlacing = false;
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

  let fromName = "";
  const chosenFile = () => file.files?.[0];
  const describe = () => {
    const chosen = chosenFile();
    about.textContent = chosen ? fileWords(chosen.name, before + 1, before + 1 + waiting.length, seen) : "";
  };
  const look = async () => {
    const chosen = chosenFile();
    forget(seen);
    seen = NOTHING;
    if (chosen) {
      time.value = timeFor(chosen.name, time.value, fromName);
      fromName = dateInName(chosen.name);
    }
    const found = chosen ? await peek(chosen) : NOTHING;
    // another one may have been chosen meanwhile
    if (chosen !== chosenFile()) return forget(found);
    seen = found;
    byHand.checked = seen.hasPlace === false;
    describe();
  };
  file.addEventListener("change", () => {
    waiting = [...(file.files ?? [])].slice(1);
    void look();
  });

  const work = async (closed: AbortSignal) => {
    const chosen = chosenFile();
    const { site } = workspace.state;
    if (!chosen || !site) throw new Problem(0, "choose a file");
    const given = { platform: platform.value.trim(), provider: provider.value.trim(), license: license.value.trim() };
    const stated = Object.fromEntries(Object.entries(given).filter(([, said]) => said));
    const properties: Record<string, unknown> = { datetime: `${time.value}:00Z`, ...stated };
    // what is chosen later is another file's
    const [known, isByHand] = [seen, byHand.checked];
    file.disabled = true;
    const scene = await send(site, chosen, properties, closed).catch((error) => {
      if (!closed.aborted) showNoProgress();
      throw error;
    });
    if (closed.aborted) return;
    if (!isByHand || scene.geometry || workspace.state.site !== site) return next();
    isPlacing = true;
    // the picture is needed until the image lies where it should
    seen = NOTHING;
    const placed = () => {
      isPlacing = false;
      forget(known);
      next();
    };
    // the dialog makes room for the map
    dialog.box.addEventListener("close", () => void attempt(() => placeStored(workspace, stage, scene, known)).then(placed), { once: true });
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
    const scene = await addUploadedScene(site, address, properties).catch(async (error) => {
      if (error instanceof Problem && !isForLater(error.status)) await discard(address);
      throw error;
    });
    // another site may have been opened meanwhile, or another comparison, in which the person works by now
    if (workspace.state.site === site) await workspace.refresh();
    tell(scene.geometry ? `scene ${chosen.name} added` : `scene ${chosen.name} added; it does not say where it lies: place it on the map`);
    return scene;
  };
  const showNoProgress = () => {
    file.disabled = false;
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
  const show = ([first, ...rest]: readonly File[]) => {
    if (!first) return;
    const transfer = new DataTransfer();
    transfer.items.add(first);
    file.files = transfer.files;
    time.value = "";
    waiting = rest;
    look().catch((error) => dialog.fault(faultWords(error)));
  };
  const openWith = (files: readonly File[]) => {
    if (files.length === 0) return;
    dialog.open();
    show(files);
  };
  /** Takes files that are dropped: each is asked for in its turn. */
  const bring = (files: readonly File[]) => {
    if (dialog.box.open && !chosenFile()) return show(files);
    if (!dialog.box.open && !isPlacing) {
      before = 0;
      return openWith(files);
    }
    waiting = [...waiting, ...files];
    describe();
    if (isPlacing) tell(`${listed(files)}: asked for when this image has its place`);
  };
  dialog.box.addEventListener("close", () => {
    if (waiting.length === 0 || isPlacing) return;
    tell(`not added: ${listed(waiting)}`);
    waiting = [];
  });
  // the dialog closes itself when its work is done; the next file opens it again after that
  const next = () => {
    const rest = waiting;
    waiting = [];
    if (rest.length === 0) return;
    before += 1;
    if (dialog.box.open) dialog.box.addEventListener("close", () => openWith(rest), { once: true });
    else openWith(rest);
  };
  takeDrops(workspace, bring);
  return () => {
    file.value = "";
    time.value = "";
    before = 0;
    dialog.open();
  };
}

const listed = (files: readonly File[]) => files.map(({ name }) => name).join(", ");

/** Files may be dropped anywhere on the page. */
function takeDrops(workspace: Workspace, open: (files: readonly File[]) => void): void {
  const shade = element("drop");
  const why = () => whyNot(workspace.state.role, "add scenes") ?? (workspace.site ? null : "Open or make a site first, then drop its images");
  const brings = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    const site = workspace.site?.properties.name;
    shade.textContent = why() ?? `Drop images to add them to ${site}`;
    shade.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) shade.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    shade.hidden = true;
    if (why() === null) open([...(event.dataTransfer?.files ?? [])]);
  });
}
