// The sites as a tree of larger sites and their parts; the open one is marked.

import { element, iconButton, make } from "../dom";
import { attempt } from "../shell/tell";
import type { Site, Workspace } from "../workspace";

export function mountSites(workspace: Workspace, newSite: () => void): void {
  const list = make("ul", { class: "tree", "aria-label": "Sites" });
  const add = iconButton("plus", "New site", { id: "site-open", "aria-haspopup": "dialog", onclick: newSite });
  element("sites-panel").append(make("div", { class: "panel-head" }, make("h2", {}, "Sites"), add), list);
  const render = () => list.replaceChildren(...tree(workspace, workspace.state.sites, null));
  workspace.watch(["sites", "site"], render);
}

function tree(workspace: Workspace, sites: readonly Site[], parent: string | null): HTMLElement[] {
  const known = new Set(sites.map((site) => site.id));
  // a part whose larger site is not there stands at the top
  const within = (site: Site) => (site.properties.parent && known.has(site.properties.parent) ? site.properties.parent : null);
  return sites
    .filter((site) => within(site) === parent)
    .sort((a, b) => a.properties.name.localeCompare(b.properties.name))
    .map((site) => {
      const open = () => void attempt(() => workspace.openSite(site.id));
      const row = make("button", { type: "button", class: "site", "data-site": site.id, "aria-current": site.id === workspace.state.site, onclick: open }, site.properties.name);
      const parts = tree(workspace, sites, site.id);
      return make("li", {}, row, parts.length > 0 && make("ul", {}, ...parts));
    });
}
