// What an analyst brings: sites, scenes, comparisons. Each dialog sends one thing and says what came of it.

import { Upload } from "tus-js-client";
import { Problem, type SceneItem, createSite, addUploadedScene, compare, dismiss, scenes } from "./api";
import { element } from "./dom";

/** Bytes a piece: what a lost connection costs at most. */
const PIECE_BYTES = 8 << 20;
/** Pauses before a piece is tried again, milliseconds. */
const RETRY_MS = [0, 1_000, 3_000, 5_000, 10_000];

interface Desk {
  /** The site that is shown, or an empty text. */
  readonly site: () => string;
  /** Called when there is a new site or a new scene of the shown one. */
  readonly changed: (site: string) => Promise<void>;
  readonly tell: (text: string) => void;
}

const value = (id: string) => element<HTMLInputElement>(id).value.trim();

/** What went wrong, in words. */
export function words(error: unknown): string {
  return error instanceof Problem ? error.message : `the server cannot be reached: ${error}`;
}

/** A dialog whose form does `work`; it stays open, with the reason, where that fails. */
function dialog(name: string, opens: () => Promise<void> | void, work: () => Promise<void>): void {
  const box = element<HTMLDialogElement>(`${name}-dialog`);
  const fault = box.querySelector<HTMLElement>(".fault") as HTMLElement;
  const send = box.querySelector<HTMLButtonElement>('button[type="submit"]') as HTMLButtonElement;
  element(`${name}-open`).addEventListener("click", async () => {
    fault.textContent = "";
    box.showModal();
    await Promise.resolve(opens()).catch((error) => (fault.textContent = words(error)));
  });
  box.querySelector("[data-close]")?.addEventListener("click", () => box.close());
  box.querySelector("form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.textContent = "";
    send.disabled = true;
    try {
      await work();
      box.close();
    } catch (error) {
      fault.textContent = words(error);
    } finally {
      send.disabled = false;
    }
  });
}

/** Sends a file in pieces that survive a lost connection; gives the address of the upload. */
function upload(file: File, progress: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = new Upload(file, {
      endpoint: "/uploads",
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_MS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, filetype: file.type },
      onProgress: (sent, all) => progress(all ? sent / all : 1),
      onError: (error) => reject(new Problem(0, `the upload failed: ${error.message}`)),
      onSuccess: () => resolve(sending.url ?? ""),
    });
    sending.findPreviousUploads().then(([earlier]) => {
      if (earlier) sending.resumeFromPreviousUpload(earlier);
      sending.start();
    }, reject);
  });
}

function geometry(text: string): unknown {
  const given = JSON.parse(text) as { type?: string; geometry?: unknown; features?: { geometry: unknown }[] };
  return given.geometry ?? given.features?.[0]?.geometry ?? given;
}

function sceneName(item: SceneItem): string {
  return `${item.properties.datetime.slice(0, 10)} ${item.properties.platform ?? item.assets["original"]?.title ?? ""}`;
}

export function openDesk(desk: Desk): void {
  dialog("site", () => {}, async () => {
    let area: unknown;
    try {
      area = geometry(value("site-area"));
    } catch (error) {
      throw new Problem(0, `the area is no GeoJSON: ${error}`);
    }
    const parent = value("site-parent");
    const id = await createSite({ name: value("site-name"), ...(parent ? { parent } : {}) }, area);
    await desk.changed(id);
    desk.tell(`site ${value("site-name")} made: add two scenes next`);
  });

  const bar = element<HTMLProgressElement>("scene-progress");
  dialog("scene", () => void (bar.hidden = true), async () => {
    const file = element<HTMLInputElement>("scene-file").files?.[0];
    if (!file) throw new Problem(0, "choose a file");
    bar.hidden = false;
    const address = await upload(file, (share) => (bar.value = share));
    // without a value the bar shows that something goes on
    bar.removeAttribute("value");
    const given = { platform: value("scene-platform"), provider: value("scene-provider"), license: value("scene-license") };
    const stated = Object.fromEntries(Object.entries(given).filter(([, text]) => text));
    await addUploadedScene(desk.site(), address, { datetime: `${value("scene-time")}:00Z`, ...stated });
    await desk.changed(desk.site());
    desk.tell(`scene ${file.name} added`);
  });

  dialog("compare", async () => {
    const items = (await scenes(desk.site())).sort((a, b) => a.properties.datetime.localeCompare(b.properties.datetime));
    for (const [id, chosen] of [["compare-before", items.at(-2)], ["compare-after", items.at(-1)]] as const) {
      const select = element<HTMLSelectElement>(id);
      select.replaceChildren(...items.map((item) => new Option(sceneName(item), item.id)));
      if (chosen) select.value = chosen.id;
    }
    if (items.length < 2) throw new Problem(0, `this site has ${items.length} scenes; a comparison takes two`);
  }, async () => {
    await compare(value("compare-before"), value("compare-after"));
    desk.tell("the comparison was started");
  });
}

/** Shows a running comparison with a button that stops it. */
export function showJob(job: { id: string; status: string; progress: number; message: string }): void {
  const running = job.status === "running" || job.status === "accepted";
  element("progress").textContent = running ? `comparison ${job.progress} %: ${job.message}` : `comparison ${job.status}`;
  const stop = element<HTMLButtonElement>("stop");
  stop.hidden = !running;
  stop.onclick = () => void dismiss(job.id).catch((error) => (element("message").textContent = words(error)));
}
