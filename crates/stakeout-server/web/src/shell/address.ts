// The page's address says what is open, so that a link or a reload leads back to it.

import { attempt } from "./tell";
import type { Workspace } from "../workspace";

/** What the address asks for. */
export function asked(): { site: string | null; comparison: string | null; page: string | null } {
  const parts = new URLSearchParams(location.hash.slice(1));
  return { site: parts.get("site"), comparison: parts.get("comparison"), page: parts.get("page") };
}

export function followAddress(workspace: Workspace): void {
  workspace.watch(["site", "comparison"], ({ site, comparison }) => {
    if (!site) return;
    const { page } = asked();
    const parts = new URLSearchParams({ site, ...(comparison ? { comparison: comparison.id } : {}), ...(page ? { page } : {}) });
    history.replaceState(null, "", `#${parts}`);
  });
  window.addEventListener("hashchange", () => {
    const { site, comparison } = asked();
    const open = workspace.state;
    const isOther = site !== open.site || (comparison !== null && comparison !== open.comparison?.id);
    if (site && isOther) void attempt(() => workspace.openSite(site, comparison ?? undefined));
  });
}

/** A page over the images that has an address of its own: opened and closed by it, as by Back and Forward. */
export function ownPage(name: string, shows: (isOpen: boolean) => void): (open: boolean) => void {
  window.addEventListener("hashchange", () => shows(asked().page === name));
  return (open) => {
    const parts = new URLSearchParams(location.hash.slice(1));
    if (open === (parts.get("page") === name)) return shows(open);
    if (open) parts.set("page", name);
    else parts.delete("page");
    location.hash = String(parts);
  };
}
