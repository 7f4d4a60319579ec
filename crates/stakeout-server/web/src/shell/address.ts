// The page's address says what is open, so that a link or a reload leads back to it.

import { attempt } from "./tell";
import type { Workspace } from "../workspace";

/** What the address asks for. */
export function asked(): { site: string | null; comparison: string | null } {
  const parts = new URLSearchParams(location.hash.slice(1));
  return { site: parts.get("site"), comparison: parts.get("comparison") };
}

export function followAddress(workspace: Workspace): void {
  workspace.watch(["site", "comparison"], ({ site, comparison }) => {
    if (!site) return;
    const parts = new URLSearchParams({ site, ...(comparison ? { comparison: comparison.id } : {}) });
    history.replaceState(null, "", `#${parts}`);
  });
  window.addEventListener("hashchange", () => {
    const { site, comparison } = asked();
    if (site) void attempt(() => workspace.openSite(site, comparison ?? undefined));
  });
}
