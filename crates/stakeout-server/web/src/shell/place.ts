// Where one is, in the bar: the larger site, the site, and which of its comparisons is shown.

import { element, make } from "../dom";
import { attempt } from "./tell";
import type { Workspace } from "../workspace";

export function mountPlace(workspace: Workspace): void {
  const words = make("span", { id: "place-words", dir: "auto" });
  const choice = make("select", { id: "comparison", "aria-label": "Comparison" });
  choice.addEventListener("change", () => workspace.showComparison(choice.value));
  element("place").append(words, choice);
  workspace.onRecordChanged(() => void attempt(() => workspace.recount()));
  workspace.watch(["sites", "site", "comparisons", "comparison"], ({ sites, comparisons, comparison }) => {
    const open = workspace.site;
    const parent = sites.find((site) => site.id === open?.properties.parent);
    const names = [parent?.properties.name, open?.properties.name].filter((name) => name !== undefined);
    const above = parent ? [make("span", {}, parent.properties.name), " › "] : [];
    words.replaceChildren(...above, make("strong", {}, open?.properties.name ?? ""));
    words.title = names.join(" › ");
    document.title = open ? `${open.properties.name} · Stakeout` : "Stakeout";
    const options = comparisons.map((each) => new Option(`${each.before_datetime.slice(0, 10)} to ${each.after_datetime.slice(0, 10)} (${each.pending} to review)`, each.id));
    choice.replaceChildren(...(comparison ? [] : [new Option("not compared yet", "")]), ...options);
    choice.value = comparison?.id ?? "";
    choice.hidden = comparisons.length === 0;
  });
}
