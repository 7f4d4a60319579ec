// Sites as trees of larger sites and their parts, and the search through them.

import type { Site } from "../workspace";

export interface Tree {
  readonly site: Site;
  readonly parts: readonly Tree[];
}

/** Sites as trees; a part is kept where it, or what is above or below it, has the words in its name or tags. */
export function grow(sites: readonly Site[], words = ""): Tree[] {
  const known = new Set(sites.map((site) => site.id));
  const wanted = words.trim().toLowerCase();
  const has = ({ properties }: Site) => [properties.name, ...(properties.tags ?? [])].some((text) => text.toLowerCase().includes(wanted));
  const below = (parent: string | null, all: boolean): Tree[] =>
    sites
      // a part whose larger site is not there stands at the top
      .filter(({ properties }) => (properties.parent && known.has(properties.parent) ? properties.parent : null) === parent)
      .sort((a, b) => a.properties.name.localeCompare(b.properties.name))
      .flatMap((site) => {
        const shown = all || has(site);
        const parts = below(site.id, shown);
        return shown || parts.length > 0 ? [{ site, parts }] : [];
      });
  return below(null, false);
}
