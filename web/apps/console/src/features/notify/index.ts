// SPDX-License-Identifier: Apache-2.0
// Sound and desktop notices; which tab gives them, and whether they are wanted.

import { defineStore } from "pinia";
import { ref, watch } from "vue";
import { visitorLabel } from "../../lib/common";
import { locale } from "../../lib/locale";
import type { Conversation } from "../../lib/types";
import { noticeFor } from "./decide";
import { play, unlock } from "./sound";
import { strings } from "./strings";
import { openTabs, type Tabs } from "./tabs";

const soundKey = "kefu.sound";
const desktopKey = "kefu.desktop";

function desktopAllowed(): boolean {
  return "Notification" in window && Notification.permission === "granted";
}

export const useNotify = defineStore("notify", () => {
  const sound = ref(localStorage.getItem(soundKey) !== "off");
  const blocked = ref(false); // a sound was due and the browser held it back
  const desktop = ref(localStorage.getItem(desktopKey) === "on" && desktopAllowed());
  const seenHere = ref("");
  let seenElsewhere = "";
  let tabs: Tabs | undefined;

  function looking(): string {
    return document.visibilityState === "visible" && document.hasFocus() ? seenHere.value : "";
  }

  function tellSeen(): void {
    tabs?.tell("seen", looking());
  }

  async function ring(kind: "chat" | "message"): Promise<void> {
    if (!sound.value) return;
    if (await unlock()) play(kind);
    else blocked.value = true;
  }

  function show(kind: "chat" | "message", row: Conversation, open: (id: string) => void): void {
    if (!desktop.value || document.hasFocus()) return;
    const t = strings[locale.value];
    const name = visitorLabel(row.visitorName, row.visitorId, t.visitor);
    // The visitor's words stay out of the system's notification centre.
    const body = kind === "chat" ? t.waiting(name) : t.message(name);
    const notice = new Notification("Kefu", { body, tag: row.id });
    notice.onclick = () => {
      window.focus();
      open(row.id);
      notice.close();
    };
  }

  function onRow(
    before: Conversation | undefined,
    after: Conversation,
    options: { me: string; open: (id: string) => void },
  ): void {
    const kind = noticeFor(before, after, { me: options.me, seen: looking() || seenElsewhere });
    if (!kind) return;
    tabs?.once(`${after.id}.${after.headSeq}.${kind}`, () => {
      void ring(kind);
      show(kind, after, options.open);
    });
  }

  /** One tab rings once for a key; an offer rings again and again under other ones. */
  function ringOnce(key: string): void {
    tabs?.once(`offer.${key}`, () => void ring("chat"));
  }

  function start(options: { onSignedOut: () => void }): () => void {
    tabs = openTabs((message) => {
      if (message.type === "seen") seenElsewhere = message.value;
      if (message.type === "signedOut") options.onSignedOut();
    });
    const stopWatching = watch(seenHere, tellSeen);
    const firstClick = (): void => void allowSound({ quiet: true });
    window.addEventListener("focus", tellSeen);
    window.addEventListener("blur", tellSeen);
    window.addEventListener("pointerdown", firstClick, { once: true });
    return () => {
      stopWatching();
      window.removeEventListener("focus", tellSeen);
      window.removeEventListener("blur", tellSeen);
      window.removeEventListener("pointerdown", firstClick);
      tabs?.close();
      tabs = undefined;
    };
  }

  async function allowSound(options: { quiet: boolean }): Promise<void> {
    if (!(await unlock())) return;
    blocked.value = false;
    if (!options.quiet) play("message");
  }

  function setSound(on: boolean): void {
    sound.value = on;
    localStorage.setItem(soundKey, on ? "on" : "off");
    if (on) void allowSound({ quiet: false });
    else blocked.value = false;
  }

  /** Called from a click only: a browser that is asked unbidden says no for good. */
  async function setDesktop(on: boolean): Promise<void> {
    if (on && "Notification" in window && !desktopAllowed()) await Notification.requestPermission();
    desktop.value = on && desktopAllowed();
    localStorage.setItem(desktopKey, desktop.value ? "on" : "off");
  }

  function tellSignedOut(): void {
    tabs?.tell("signedOut", "");
  }

  return {
    sound,
    desktop,
    blocked,
    seenHere,
    onRow,
    ringOnce,
    start,
    allowSound,
    setSound,
    setDesktop,
    tellSignedOut,
  };
});
