// What is on the desk: the sites, the one that is open, its scenes and comparisons, and the two scenes that are
// compared. Panels watch it; nobody else loads these.

import { type Comparison, type Feature, type SceneItem, type SiteProperties, all, get, scenes as listScenes } from "./api";
import { Store } from "./shell/store";

export type Site = Feature<SiteProperties>;

/** Two scenes, by their ids. */
export interface Pair { readonly before: string; readonly after: string }

export interface Desk {
  /** Of the person; `null` until they are signed in. */
  readonly role: string | null;
  readonly sites: readonly Site[];
  /** Whether the sites are there. */
  readonly isLoaded: boolean;
  readonly site: string | null;
  /** Oldest first. */
  readonly scenes: readonly SceneItem[];
  /** Latest first. */
  readonly comparisons: readonly Comparison[];
  /** The comparison of the two scenes, where there is one. */
  readonly comparison: Comparison | null;
  readonly before: SceneItem | null;
  readonly after: SceneItem | null;
  /** What is being compared now, of whichever site. */
  readonly comparing: readonly Pair[];
}

const EMPTY: Desk = { role: null, sites: [], isLoaded: false, site: null, scenes: [], comparisons: [], comparison: null, before: null, after: null, comparing: [] };

/** No site, as it is before one is opened. */
const CLOSED: Partial<Desk> = { site: null, scenes: [], comparisons: [], comparison: null, before: null, after: null };

const listSites = () => all<SiteProperties>("/ogc/collections/sites/items?limit=1000");

/** What a site holds. */
type Held = Pick<Desk, "scenes" | "comparisons">;
/** What of it is shown. */
type Shown = Pick<Desk, "comparison" | "before" | "after">;

export class Workspace extends Store<Desk> {
  private readonly recordListeners = new Set<() => void>();
  /** Counts the times that a site was asked for: an answer counts only for the last. */
  private asked = 0;
  /** The site that is asked for, and the comparison that is to be shown of it, until the answer has come. */
  private coming: { readonly site: string; readonly comparison: string | undefined } | null = null;

  constructor() {
    super(EMPTY);
  }

  get site(): Site | undefined {
    return this.state.sites.find((site) => site.id === this.state.site);
  }

  /** Looks for sites that others made, changed or deleted; gives the open one where it is not there any more. */
  async refreshSites(): Promise<Site | null> {
    const { site: open } = this;
    const sites = await listSites();
    const isGone = open !== undefined && this.state.site === open.id && !sites.some((site) => site.id === open.id);
    this.set(isGone ? { ...CLOSED, sites } : { sites });
    return isGone ? open : null;
  }

  /** Loads the sites and opens one: the given one, the one that was open, or the first part of a larger site. */
  async loadSites(wanted?: string | null, comparison?: string | null): Promise<void> {
    const sites = await listSites();
    const open = [wanted, this.state.site].map((id) => sites.find((site) => site.id === id)).find(Boolean);
    const first = open ?? sites.find((site) => site.properties.parent) ?? sites[0];
    this.set({ sites, isLoaded: true });
    if (first) await this.openSite(first.id, comparison ?? undefined);
  }

  /** Opens a site at its latest comparison, or else at its last two scenes. */
  async openSite(site: string, comparison?: string): Promise<void> {
    const held = await this.load(site, comparison);
    if (held) this.set({ site, ...held, ...shownOf(held, comparison) });
  }

  /** Asks for what a site holds; `null` where the site was asked for again meanwhile, or another one. */
  private async load(site: string, comparison: string | undefined): Promise<Held | null> {
    this.asked += 1;
    const { asked } = this;
    this.coming = { site, comparison };
    try {
      const [scenes, { comparisons }] = await Promise.all([
        listScenes(site),
        get<{ comparisons: Comparison[] }>(`/api/comparisons?site=${site}`),
      ]);
      return asked === this.asked ? { scenes, comparisons } : null;
    } finally {
      if (asked === this.asked) this.coming = null;
    }
  }

  /** Shows two scenes, with the candidates of their latest comparison where there is one. */
  showPair(before: SceneItem | null, after: SceneItem | null): void {
    this.set({ before, after, comparison: comparisonOf(this.state, before, after) });
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

  /** Looks again at the open site, keeping what is shown unless a comparison is named. */
  async refresh(comparison?: string): Promise<void> {
    const { site } = this.state;
    // another site that is being opened comes fresh
    if (!site || (this.coming && this.coming.site !== site)) return;
    const wanted = comparison ?? this.coming?.comparison;
    const held = await this.load(site, wanted);
    if (held) this.set({ ...held, ...(wanted ? shownOf(held, wanted) : this.keptOf(held)) });
  }

  /** What was shown, as it is now; a chosen pair with its comparison where one was made of it. */
  private keptOf(held: Held): Shown {
    const { comparison, before, after } = this.state;
    const again = (scene: SceneItem | null) => held.scenes.find((each) => each.id === scene?.id) ?? null;
    const [first, second] = [again(before), again(after)];
    if (comparison || !first || !second) return shownOf(held, comparison?.id);
    return { before: first, after: second, comparison: comparisonOf(held, first, second) };
  }
}

/** What of a site is shown: the named comparison, its latest one, or else its last two scenes. */
function shownOf({ scenes, comparisons }: Held, comparison: string | undefined): Shown {
  const shown = comparisons.find((each) => each.id === comparison) ?? comparisons[0] ?? null;
  const scene = (id: string) => scenes.find((each) => each.id === id) ?? null;
  if (shown) return { comparison: shown, before: scene(shown.before), after: scene(shown.after) };
  return { comparison: null, before: scenes.at(-2) ?? null, after: scenes.at(-1) ?? null };
}

/** The latest comparison of two scenes. */
function comparisonOf({ comparisons }: Held, before: SceneItem | null, after: SceneItem | null): Comparison | null {
  return comparisons.find((each) => each.before === before?.id && each.after === after?.id) ?? null;
}
