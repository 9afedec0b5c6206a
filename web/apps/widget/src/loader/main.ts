// SPDX-License-Identifier: Apache-2.0
// The script that a customer's page loads. It gives the page one function, kefu(command, ...); calls
// made before it is here wait in the stub's queue:
//   window.kefu = window.kefu || function () { (kefu.q = kefu.q || []).push(arguments) }
import { cleanAttributes, type PublicEvent, type ToLauncher, type User } from "../messages.ts";
import { createLauncher, type Launcher } from "./launcher.ts";
import { lookUp, refusalOf, warnOwner } from "./look.ts";
import { readSettings, type Settings } from "./settings.ts";

type Listener = (detail: Record<string, string>) => void;
type Command = (...args: unknown[]) => void;

interface KefuFunction {
  (command: string, ...args: unknown[]): void;
  q?: ArrayLike<unknown>[];
  loaded?: boolean;
}

declare global {
  interface Window {
    kefu?: KefuFunction;
  }
}

function readUser(value: unknown): User {
  const fields = cleanAttributes(value);
  const field = (name: string) => fields[name] ?? "";
  return {
    userId: field("userId"),
    name: field("name"),
    email: field("email"),
    phone: field("phone"),
    issuedAt: field("issuedAt"),
    hash: field("hash"),
  };
}

/** A mark of our own on the page's origin: that there is a conversation, never what or whose. */
function remember(settings: Settings, active?: boolean): boolean {
  const key = `kefu:${settings.site}:active`;
  try {
    if (active === true) localStorage.setItem(key, "1");
    if (active === false) localStorage.removeItem(key);
    return localStorage.getItem(key) === "1";
  } catch {
    return false;
  }
}

function watchPage(changed: () => void): void {
  let last = location.href;
  // Single-page sites change the address without loading: looked at when something was done.
  const look = () => {
    if (location.href === last) return;
    last = location.href;
    changed();
  };
  addEventListener("popstate", look);
  addEventListener("click", () => setTimeout(look, 100), true);
}

function createCommands(launcher: Launcher, listeners: Map<string, Set<Listener>>) {
  const commands: Record<string, Command> = {
    open: () => launcher.open(),
    close: () => launcher.close(),
    toggle: () => (launcher.isOpen ? launcher.close() : launcher.open()),
    setUser: (user) => launcher.tell({ type: "user", user: readUser(user) }),
    set: (attributes) =>
      launcher.tell({ type: "attributes", attributes: cleanAttributes(attributes) }),
    begin(flow, text) {
      launcher.open();
      launcher.tell({ type: "begin", flow: String(flow ?? ""), text: String(text ?? "") });
    },
    on(name, listener) {
      if (typeof listener !== "function") return;
      const set = listeners.get(String(name)) ?? new Set();
      listeners.set(String(name), set.add(listener as Listener));
    },
    off(name, listener) {
      if (listener === undefined) listeners.delete(String(name));
      else listeners.get(String(name))?.delete(listener as Listener);
    },
  };
  return commands;
}

/** Calls made before this script came, and every later one, go to `commands`. */
function answerCalls(commands: Record<string, Command>): void {
  const queue = window.kefu?.q ?? [];
  const kefu: KefuFunction = (command, ...args) => commands[command]?.(...args);
  kefu.loaded = true;
  window.kefu = kefu;
  for (const call of Array.from(queue)) {
    const [command, ...args] = Array.from(call);
    kefu(String(command), ...args);
  }
}

async function start(tag: Settings): Promise<void> {
  const look = await lookUp(tag);
  const refusal = refusalOf(tag, look);
  if (refusal !== "") {
    warnOwner(refusal);
    answerCalls({});
    return;
  }
  const settings = { ...tag, color: tag.color || look?.color || "" };
  const listeners = new Map<string, Set<Listener>>();
  const emit = (name: PublicEvent, detail: Record<string, string>) => {
    for (const listener of [...(listeners.get(name) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        setTimeout(() => {
          throw error; // the page's own mistake is reported as such and stops nothing here
        });
      }
    }
  };
  const onMessage = (message: ToLauncher) => {
    if (message.type === "active") remember(settings, message.active === true);
    if (message.type === "unread") emit("unread", { count: String(message.count) });
    if (message.type === "event") emit(message.name, cleanAttributes(message.detail));
  };
  const launcher = createLauncher({
    settings,
    onMessage,
    onToggle: (open) => emit(open ? "open" : "close", {}),
  });
  const tellPage = () =>
    launcher.tell({
      type: "page",
      url: location.href,
      title: document.title,
      referrer: document.referrer,
    });
  tellPage();
  watchPage(tellPage);

  answerCalls(createCommands(launcher, listeners));
  if (remember(settings)) launcher.preload();
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement && !window.kefu?.loaded) {
  const settings = readSettings(script, navigator.languages);
  if (document.body) void start(settings);
  else addEventListener("DOMContentLoaded", () => void start(settings), { once: true });
}
