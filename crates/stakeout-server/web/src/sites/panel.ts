// The sites as a tree of larger sites and their parts, each with where it stands; the open one is marked.

import { type SiteSummary, get } from "../api";
import { element, iconButton, make, refill } from "../dom";
import { register } from "../shell/keys";
import { whyNot } from "../shell/role";
import { attempt } from "../shell/tell";
import type { Site, Workspace } from "../workspace";
import { type Tree, grow } from "./tree";

export function mountSites(workspace: Workspace, newSite: () => void): void {
  let summaries = new Map<string, SiteSummary>();
  const list = make("ul", { class: "tree", "aria-label": "Sites" });
  const search = make("input", { id: "site-search", type: "search", placeholder: "Search sites and tags", "aria-label": "Search sites" });
  const none = make("p", { class: "none", hidden: true });
  const add = iconButton("plus", "New site", { id: "site-open", onclick: newSite });
  element("sites-panel").append(make("div", { class: "panel-head" }, make("h2", {}, "Sites"), add), make("div", { class: "search" }, search), list, none);
  const open = (site: Site) => void attempt(() => workspace.openSite(site.id));
  const render = () => {
    const found = grow(workspace.state.sites, search.value);
    refill(list, ...found.map((tree) => row(tree, workspace.state.site, summaries, open)));
    none.hidden = found.length > 0 || !workspace.state.isLoaded;
    none.textContent = noneWords(workspace.state.sites.length, workspace.state.role);
  };
  const count = () => void attempt(async () => {
    // nothing is asked for before somebody is signed in, who then has sites
    if (workspace.state.sites.length === 0) return;
    const { sites } = await get<{ sites: SiteSummary[] }>("/api/sites");
    summaries = new Map(sites.map((summary) => [summary.id, summary]));
    render();
  });
  search.addEventListener("input", render);
  workspace.watch(["sites", "site", "isLoaded", "role"], render);
  workspace.watch(["role"], ({ role }) => {
    const why = whyNot(role, "make sites");
    add.disabled = why !== null;
    add.title = why ?? "New site";
  });
  workspace.watch(["sites", "scenes", "comparisons"], count);
  workspace.onRecordChanged(count);
  register({ keys: ["/"], does: "search sites", group: "Page", press: () => search.focus() });
}

/** Why the list is empty, and what to do about it. */
function noneWords(sites: number, role: string | null): string {
  if (sites > 0) return "No site has that in its name or tags.";
  return whyNot(role, "make sites") === null ? "There is no site yet: make one with the plus above." : "There is no site yet: an administrator makes one.";
}

function row({ site, parts }: Tree, open: string | null, summaries: ReadonlyMap<string, SiteSummary>, choose: (site: Site) => void): HTMLElement {
  const summary = summaries.get(site.id);
  const pending = summary && summary.pending > 0 && make("span", { class: "badge", title: `${summary.pending} candidates to review` }, String(summary.pending));
  const button = make(
    "button",
    { type: "button", class: "site", "data-site": site.id, "aria-current": site.id === open, onclick: () => choose(site) },
    make("span", { class: "site-name", dir: "auto" }, site.properties.name, pending),
    summary && make("span", { class: "site-state" }, ...words(summary, parts.length).map((part) => make("span", {}, part))),
  );
  return make("li", { "data-item": site.id }, button, parts.length > 0 && make("ul", {}, ...parts.map((part) => row(part, open, summaries, choose))));
}

function words({ scenes, last_scene, structures }: SiteSummary, partCount: number): string[] {
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const inIt = scenes === 0 && partCount > 0 ? count(partCount, "part") : scenes > 0 ? count(scenes, "scene") : "no scenes";
  // what appeared, changed and was removed alike
  const parts = [inIt, structures > 0 && `${structures} recorded`, last_scene !== null && `last ${last_scene.slice(0, 10)}`];
  return parts.filter((part) => part !== false);
}
