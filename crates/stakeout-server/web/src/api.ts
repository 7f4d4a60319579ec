// The server's interface as the page uses it.

export interface Feature<P> {
  readonly id: string;
  readonly geometry: { readonly type: string; readonly coordinates: number[][][] };
  readonly properties: P;
}

/** The outer ring of an outline; of its first part, where it is cut at the antimeridian. */
export function outerRing({ type, coordinates }: Feature<unknown>["geometry"]): readonly number[][] {
  const rings = type === "MultiPolygon" ? (coordinates as unknown as number[][][][])[0] : coordinates;
  return rings?.[0] ?? [];
}

export interface SiteProperties { readonly name: string; readonly parent: string | null; readonly tags?: readonly string[] }
/** Where a site stands; its parts are not counted in. */
export interface SiteSummary {
  readonly id: string;
  readonly scenes: number;
  readonly last_scene: string | null;
  readonly pending: number;
  readonly structures: number;
}
export interface CandidateProperties {
  readonly site: string;
  /** Null where a person drew it. */
  readonly score: number | null;
  readonly area_m2: number;
  readonly change: string;
  readonly state: string;
}
export interface Comparison {
  readonly id: string;
  readonly before: string;
  readonly after: string;
  readonly before_datetime: string;
  readonly after_datetime: string;
  readonly candidates: number;
  readonly pending: number;
  readonly fit: {
    readonly registrable: boolean;
    readonly reason: string | null;
    readonly shift_east_m: number;
    readonly shift_north_m: number;
    /** Null where nothing could be measured. */
    readonly residual_m: number | null;
    readonly valid_share: number;
  };
  /** What must be known before its candidates are believed, or that there are none. */
  readonly cautions: readonly string[];
}
export interface Job {
  readonly id: string;
  /** What it does: a comparison is `COMPARISON`. */
  readonly kind?: string;
  readonly status: string;
  readonly progress: number;
  readonly message: string;
  readonly input?: { readonly before: string; readonly after: string };
  readonly result?: { readonly comparison: string; readonly site: string; readonly candidates: number } | null;
}
export const COMPARISON = "detect-new-structures";
export interface TileJson {
  readonly tiles: string[];
  /** All longitudes, where the scene lies across the antimeridian. */
  readonly bounds: [number, number, number, number];
  /** Longitude, latitude, and the zoom at which the scene fits on one tile. */
  readonly center: [number, number, number];
  readonly maxzoom?: number;
}

/** An answer that is a problem: says what the server says. */
export class Problem extends Error {
  /** `kind` is the last part of its type. */
  constructor(readonly status: number, detail: string, readonly kind = "") {
    super(detail);
  }
}

/** What the server says in the body of a refusal. */
export function problemOf(status: number, body: string): Problem {
  let said: { detail?: string; type?: string } = {};
  try {
    said = JSON.parse(body);
  } catch {
    // something else has answered in its place
  }
  return new Problem(status, said.detail ?? `the server answered ${status}`, said.type?.split("/").pop());
}

/** Whether a server that answers so may take the same later: it is busy, restarting or wants another sign-in. */
export function isForLater(status: number): boolean {
  return status === 401 || status === 408 || status === 425 || status === 429 || status >= 500;
}

export async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.text().catch(() => ""));
}

let writer: string | null = null;

/** Says who is signed in here: what this page writes from now on is theirs. */
export function writeAs(actor: string): void {
  writer = actor;
}

/** Says whose words a request has: the cookie is that of all tabs, in one of which somebody else may have signed in. */
export function whose(): Record<string, string> {
  return writer === null ? {} : { "stakeout-actor": encodeURIComponent(writer) };
}

/** Asks for a change: all that this page writes goes through here. */
export function write(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown, headers: Record<string, string> = {}, signal: AbortSignal | null = null): Promise<Response> {
  if (body === undefined) return fetch(path, { method, signal, headers: { ...whose(), ...headers } });
  return fetch(path, { method, signal, headers: { "content-type": "application/json", ...whose(), ...headers }, body: JSON.stringify(body) });
}

export async function get<T>(path: string): Promise<T> {
  return (await checked(await fetch(path))).json();
}

/** What stands at an address, with its state: a change says by it what it is based on. */
export async function getTagged<T>(path: string): Promise<{ readonly body: T; readonly etag: string }> {
  const answer = await checked(await fetch(path));
  return { body: await answer.json(), etag: answer.headers.get("etag") ?? "" };
}

/** All features of a collection, following the links to further pages. */
export async function all<P>(path: string): Promise<Feature<P>[]> {
  const features: Feature<P>[] = [];
  let next: string | undefined = path;
  while (next) {
    const page: { features: Feature<P>[]; links: { rel: string; href: string }[] } = await get(next);
    features.push(...page.features);
    const href = page.links.find((link) => link.rel === "next")?.href;
    next = href && new URL(href).pathname + new URL(href).search;
  }
  return features;
}

type Degrees = readonly [number, number];

/** How a scene was placed that does not say itself where it lies. */
export type HandPlacement =
  | { readonly by: "corners"; readonly footprint: readonly [Degrees, Degrees, Degrees, Degrees] }
  | { readonly by: "control-points"; readonly control_points: readonly { readonly pixel: readonly [number, number]; readonly position: Degrees }[] }
  | { readonly by: "world-file" };

export interface SceneItem {
  readonly id: string;
  readonly geometry: Feature<unknown>["geometry"] | null;
  readonly bbox?: [number, number, number, number];
  readonly properties: {
    readonly datetime: string;
    readonly platform?: string;
    readonly license?: string;
    readonly gsd?: number;
    readonly providers?: readonly { readonly name: string }[];
    readonly "proj:shape"?: readonly [number, number];
    readonly "stakeout:placement"?: HandPlacement;
  };
  readonly assets: Record<string, { readonly title?: string; readonly type?: string; readonly "file:size"?: number }>;
}

export async function post(path: string, body: unknown): Promise<Response> {
  return checked(await write("POST", path, body));
}

/** Makes a site; gives its id. */
export async function createSite(properties: { name: string; parent?: string; tags?: string[] }, geometry: unknown): Promise<string> {
  const made = await post("/ogc/collections/sites/items", { type: "Feature", geometry, properties });
  return decodeURIComponent(made.headers.get("location")?.split("/").pop() ?? "");
}

/** Scenes of a site, oldest first. */
export async function scenes(site: string): Promise<SceneItem[]> {
  const { scenes } = await get<{ scenes: SceneItem[] }>(`/api/sites/${site}/scenes`);
  return scenes.sort((a, b) => a.properties.datetime.localeCompare(b.properties.datetime));
}

/** Pause before a job is asked again how it goes, milliseconds. */
const JOB_LOOK_MS = 2_000;

/** The scene of an answer; where its image takes long to prepare the answer is a job, which is followed to its end. */
export async function preparedScene(answer: Response): Promise<SceneItem> {
  if (answer.status !== 202) return answer.json();
  const job = new URL(answer.headers.get("location") ?? "", window.location.href).pathname;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, JOB_LOOK_MS));
    const state = await getOrLater<Pick<Job, "status" | "message">>(job);
    if (state?.status === "failed" || state?.status === "dismissed") throw new Problem(422, state.message);
    const scene = state?.status === "successful" ? await getOrLater<SceneItem>(`${job}/results`) : null;
    if (scene) return scene;
  }
}

/** `null` where it is to be asked for later: without a connection and while the server is busy its work goes on. */
async function getOrLater<T>(path: string): Promise<T | null> {
  try {
    return await get(path);
  } catch (error) {
    if (error instanceof Problem && (error.status === 401 || !isForLater(error.status))) throw error;
    return null;
  }
}

export async function addUploadedScene(site: string, upload: string, properties: Record<string, unknown>): Promise<SceneItem> {
  return preparedScene(await post(`/api/sites/${site}/scenes`, { upload, properties }));
}

/** Adds a scene of the file of another one, which is not sent again. */
export async function addSceneOf(site: string, scene: string, properties: Record<string, unknown>): Promise<SceneItem> {
  return preparedScene(await post(`/api/sites/${site}/scenes`, { scene, properties }));
}

/** Starts a comparison; gives the id of its job. */
export async function compare(before: string, after: string): Promise<string> {
  const started = await post(`/ogc/processes/${COMPARISON}/execution`, { inputs: { before, after } });
  return started.headers.get("location")?.split("/").pop() ?? "";
}

export async function dismiss(job: string): Promise<void> {
  await checked(await write("DELETE", `/ogc/jobs/${job}`));
}
