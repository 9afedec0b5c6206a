// SPDX-License-Identifier: Apache-2.0
// The button on the customer's page, and the frame that it opens. Nothing but this exists before
// the first click, unless this browser already had a conversation here.
import { brandRoles } from "@kefu/ui/contrast";
import { unwrap, wrap, type ToLauncher, type ToPanel } from "../messages.ts";
import { warnOwner } from "./look.ts";
import { panelUrl, type Settings } from "./settings.ts";
import { strings } from "./strings.ts";
import { launcherStyle } from "./style.ts";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  "icon-chat":
    "M12 3.5c-5 0-9 3.4-9 7.6 0 2.4 1.3 4.5 3.3 5.9-.1 1.1-.6 2.3-1.5 3.4 1.9-.2 3.6-.9 4.9-1.9.7.2 1.5.2 2.3.2 5 0 9-3.4 9-7.6s-4-7.6-9-7.6zM8.2 11h.01M12 11h.01M15.8 11h.01",
  "icon-close": "M6 6l12 12M18 6L6 18",
};

/** The panel says that it is there while it loads, so after its load event this is for slow ones. */
const READY_MS_MAX = 3000;

export interface Launcher {
  open(): void;
  close(): void;
  readonly isOpen: boolean;
  /** Loads the panel without showing it. */
  preload(): void;
  tell(message: ToPanel): void;
}

export interface LauncherOptions {
  settings: Settings;
  onMessage(message: ToLauncher): void;
  onToggle(open: boolean): void;
}

function icon(name: keyof typeof ICONS): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", name);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function addStyle(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(launcherStyle);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style");
    style.textContent = launcherStyle;
    root.append(style);
  }
}

export function createLauncher(options: LauncherOptions): Launcher {
  const { settings } = options;
  const text = strings[settings.locale];
  const host = document.createElement("div");
  host.lang = settings.locale;
  const root = host.attachShadow({ mode: "open" });
  const frame = document.createElement("div");
  const button = document.createElement("button");
  const badge = document.createElement("span");
  let panel: HTMLIFrameElement | null = null;
  let ready = false;
  let isOpen = false;
  let waiting: ToPanel[] = [];

  addStyle(root);
  const roles = brandRoles(settings.color || "#2457d6", "#ffffff");
  for (const [name, value] of Object.entries(roles)) host.style.setProperty(name, value);
  if (settings.offsetX) host.style.setProperty("--x", settings.offsetX);
  if (settings.offsetY) host.style.setProperty("--y", settings.offsetY);
  button.type = "button";
  button.className = "launcher";
  button.hidden = settings.hidden;
  if (settings.hidden) button.style.display = "none";
  badge.className = "badge";
  badge.setAttribute("aria-hidden", "true");
  button.append(icon("icon-chat"), icon("icon-close"), badge);
  button.setAttribute("aria-controls", "kefu-panel");
  frame.append(button);
  root.append(frame);
  document.body.append(host);
  show(false);
  setUnread(0);

  function show(open: boolean): void {
    isOpen = open;
    const names = { open, left: settings.left, ready };
    frame.className = Object.entries(names)
      .map(([name, on]) => (on ? name : ""))
      .join(" ");
    button.setAttribute("aria-busy", String(open && !ready));
    button.setAttribute("aria-expanded", String(open));
    name();
  }

  function name(): void {
    const count = Number(badge.dataset["count"] ?? 0);
    const label = isOpen ? text.close : text.open;
    button.setAttribute("aria-label", count > 0 ? `${label}, ${text.unread({ n: count })}` : label);
  }

  function setUnread(count: number): void {
    badge.dataset["count"] = String(count);
    badge.textContent = count === 0 ? "" : count > 99 ? "99+" : String(count);
    name();
  }

  function post(message: ToPanel): void {
    panel?.contentWindow?.postMessage(wrap(message), settings.origin);
  }

  function tell(message: ToPanel): void {
    if (ready) post(message);
    // Only the latest of each kind counts, so what waits is bounded.
    else waiting = [...waiting.filter((entry) => entry.type !== message.type), message];
  }

  function preload(): void {
    if (panel) return;
    panel = document.createElement("iframe");
    panel.id = "kefu-panel";
    panel.title = text.panel;
    panel.src = panelUrl(settings);
    panel.allow = "clipboard-write";
    panel.addEventListener("load", () => setTimeout(giveUp, READY_MS_MAX), { once: true });
    frame.prepend(panel);
  }

  /** What loaded is not our panel but an error of the browser's; the next click tries again. */
  function giveUp(): void {
    if (ready || panel === null) return;
    panel.remove();
    panel = null;
    if (isOpen) toggle(false);
    warnOwner(
      `the chat did not load from ${settings.origin}. Either it can't be reached, or this page's Content-Security-Policy does not allow it as frame-src.`,
    );
  }

  const isFull = () => matchMedia("(max-width:480px),(max-height:420px)").matches;

  function toggle(open: boolean): void {
    if (open === isOpen) return;
    if (open) preload();
    show(open);
    tell({ type: "shown", shown: open, full: isFull() });
    if (open) panel?.focus();
    else button.focus();
    options.onToggle(open);
  }

  addEventListener("message", (event: MessageEvent) => {
    if (!panel || event.origin !== settings.origin || event.source !== panel.contentWindow) return;
    const message = unwrap<ToLauncher>(event.data, ["ready", "close", "unread", "active", "event"]);
    if (message?.type === "ready") {
      ready = true;
      show(isOpen);
      for (const entry of waiting) post(entry);
      waiting = [];
    } else if (message?.type === "close") {
      toggle(false);
    } else if (message?.type === "unread") {
      setUnread(Math.max(0, Math.floor(Number(message.count) || 0)));
    }
    if (message) options.onMessage(message);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen && !event.defaultPrevented) toggle(false);
  });
  button.addEventListener("click", () => toggle(!isOpen));
  button.addEventListener("pointerenter", preload, { once: true });
  button.addEventListener("focus", preload, { once: true });

  return {
    open: () => toggle(true),
    close: () => toggle(false),
    get isOpen() {
      return isOpen;
    },
    preload,
    tell,
  };
}
