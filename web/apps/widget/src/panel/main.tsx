// SPDX-License-Identifier: Apache-2.0
import "@kefu/ui/tokens.css";
import "@kefu/ui/base.css";
import "./panel.css";
import { render } from "preact";
import { brandRoles } from "@kefu/ui/contrast";
import { setTheme } from "@kefu/ui/theme";
import { App } from "./app.tsx";
import { PanelContext } from "./context.ts";
import { createPanel } from "./panel.ts";
import { readParams } from "./params.ts";
import { strings } from "./strings.ts";

const params = readParams(location.search, navigator.languages);
const text = strings[params.locale];
const root = document.documentElement;
root.lang = params.locale;
document.title = text.title;
setTheme(root, params.theme);

/** The site's own colour in place of ours; the surface decides how dark it may be. */
function paint(color: string): void {
  const surface = getComputedStyle(root).getPropertyValue("--bg-surface").trim();
  for (const [name, value] of Object.entries(brandRoles(color, surface))) {
    root.style.setProperty(name, value);
  }
}

const panel = createPanel(params);
let painted = "";
const repaint = () => {
  const color = params.color || panel.state().chat.welcome?.site?.color || "";
  if (color !== "") paint(color);
  painted = color;
};
repaint();
panel.subscribe(() => {
  const color = params.color || panel.state().chat.welcome?.site?.color || "";
  if (color !== painted) repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

const mount = document.getElementById("app");
if (mount) {
  render(
    <PanelContext.Provider value={{ panel, text, locale: params.locale }}>
      <App />
    </PanelContext.Provider>,
    mount,
  );
}
