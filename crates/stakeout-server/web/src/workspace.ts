// What is on the desk: the sites, the one that is open, its scenes and comparisons, and the two scenes that are
// compared. Panels watch it; nobody else loads these.

import { type Comparison, type Feature, type SceneItem, type SiteProperties, all, get, scenes as listScenes } from "./api";
import { Store } from "./shell/store";

export type Site = Feature<SiteProperties>;

export interface Desk {
  readonly sites: readonly Site[];
  readonly site: string | null;
  /** Oldest first. */
  readonly scenes: readonly SceneItem[];
  /** Latest first. */
  readonly comparisons: readonly Comparison[];
  /** The comparison of the two scenes, where there is one. */
  readonly comparison: Comparison | null;
  readonly before: SceneItem | null;
  readonly after: SceneItem | null;
}

const EMPTY: Desk = { sites: [], site: null, scenes: [], comparisons: [], comparison: null, before: null, after: null };

export class Workspace extends Store<Desk> {
  private readonly recordListeners = new Set<() => void>();

  constructor() {
    super(EMPTY);
  }

  get site(): Site | undefined {
    return this.state.sites.find((site) => site.id === this.state.site);
  }

  /** Loads the sites and opens one: the given one, the one that was open, or the first part of a larger site. */
  async loadSites(wanted?: string | null, comparison?: string | null): Promise<void> {
    const sites = await all<SiteProperties>("/ogc/collections/sites/items?limit=1000");
    const open = [wanted, this.state.site].map((id) => sites.find((site) => site.id === id)).find(Boolean);
    const first = open ?? sites.find((site) => site.properties.parent) ?? sites[0];
    this.set({ sites });
    if (first) await this.openSite(first.id, comparison ?? undefined);
  }

  /** Opens a site at its latest comparison, or else at its last two scenes. */
  async openSite(site: string, comparison?: string): Promise<void> {
    const [scenes, { comparisons }] = await Promise.all([
      listScenes(site),
      get<{ comparisons: Comparison[] }>(`/api/comparisons?site=${site}`),
    ]);
    const shown = comparisons.find((each) => each.id === comparison) ?? comparisons[0] ?? null;
    const scene = (id: string | undefined) => scenes.find((each) => each.id === id) ?? null;
    const pair = shown ? [scene(shown.before), scene(shown.after)] : [scenes.at(-2) ?? null, scenes.at(-1) ?? null];
    this.set({ site, scenes, comparisons, comparison: shown, before: pair[0] ?? null, after: pair[1] ?? null });
  }

  /** Shows two scenes, with the candidates of their latest comparison where there is one. */
  showPair(before: SceneItem | null, after: SceneItem | null): void {
    const same = (each: Comparison) => each.before === before?.id && each.after === after?.id;
    this.set({ before, after, comparison: this.state.comparisons.find(same) ?? null });
  }

  showComparison(id: string): void {
    const shown = this.state.comparisons.find((each) => each.id === id);
    if (!shown) return;
    const scene = (wanted: string) => this.state.scenes.find((each) => each.id === wanted) ?? null;
    this.set({ comparison: shown, before: scene(shown.before), after: scene(shown.after) });
  }

  /** Calls `listener` when a review or an annotation was recorded, by whomever. */
  onRecordChanged(listener: () => void): void {
    this.recordListeners.add(listener);
  }

  recordChanged(): void {
    for (const listener of this.recordListeners) listener();
  }

  /** Counts anew what waits in each comparison of the open site. */
  async recount(): Promise<void> {
    const { site } = this.state;
    if (!site) return;
    const { comparisons } = await get<{ comparisons: Comparison[] }>(`/api/comparisons?site=${site}`);
    if (this.state.site === site) this.set({ comparisons });
  }

  /** Looks again at the open site, keeping what is shown. */
  async refresh(comparison?: string): Promise<void> {
    if (this.state.site) await this.openSite(this.state.site, comparison ?? this.state.comparison?.id);
  }
}
