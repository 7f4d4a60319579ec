// The frame of the page: light or dark, panels that can be put away.

import { element, icon, iconButton } from "../dom";
import { register } from "./keys";

const THEME = "stakeout-theme";

function applyTheme(theme: string): void {
  document.documentElement.style.colorScheme = theme;
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  element("theme").replaceChildren(icon(dark ? "light" : "dark"));
  element("theme").setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
  element("theme").title = dark ? "Light colours" : "Dark colours";
  element("theme").dataset["next"] = dark ? "light" : "dark";
}

function toggle(panel: "left" | "right" | "bottom"): void {
  const hidden = document.body.classList.toggle(`no-${panel}`);
  element(`toggle-${panel}`).setAttribute("aria-pressed", String(!hidden));
}

/** Makes the switches of the frame work. */
export function layOut(): void {
  const panels = [["left", "[", "the list of sites"], ["bottom", "\\", "the time line"], ["right", "]", "the review"]] as const;
  for (const [panel, key, what] of panels) {
    const button = iconButton(panel, `Show or hide ${what}`, { id: `toggle-${panel}`, "aria-pressed": "true", onclick: () => toggle(panel) }, key);
    element("panel-switches").append(button);
    register({ keys: [key], does: `show or hide ${what}`, group: "Page", press: () => toggle(panel) });
  }
  element("theme").addEventListener("click", () => {
    const next = element("theme").dataset["next"] as string;
    localStorage.setItem(THEME, next);
    applyTheme(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => applyTheme(localStorage.getItem(THEME) ?? "light dark"));
  applyTheme(localStorage.getItem(THEME) ?? "light dark");
}
