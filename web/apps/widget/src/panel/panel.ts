// SPDX-License-Identifier: Apache-2.0
// Puts the panel together: chat, launcher, storage. The state that is the panel's own is small and
// changes in one reducer; everything else is the chat's.
import { createChat, type Chat } from "@kefu/client/chat";
import {
  browserHttpLine,
  browserPlatform,
  browserStore,
  browserWebSocket,
} from "@kefu/client/browser";
import { fallbackTransport } from "@kefu/client/fallback";
import { httpTransport } from "@kefu/client/http";
import { unreadCount, type ChatState } from "@kefu/client/state";
import { webSocketTransport } from "@kefu/client/websocket";
import { cleanAttributes, type ToPanel, type User } from "../messages.ts";
import { createBridge } from "./bridge.ts";
import { currentConversation, targetConversation } from "./model.ts";
import { download, upload } from "./upload.ts";
import type { Params } from "./params.ts";

export interface PanelState {
  readonly chat: ChatState;
  readonly shown: boolean;
  /** The panel covers the page: a phone. */
  readonly full: boolean;
  readonly draft: string;
  /** seq of the closing event whose rating was skipped. */
  readonly ratingSkipped: number;
}

type PanelChange =
  | { type: "chat"; chat: ChatState }
  | { type: "shown"; shown: boolean; full: boolean }
  | { type: "draft"; draft: string }
  | { type: "ratingSkipped"; seq: number };

function reduce(state: PanelState, change: PanelChange): PanelState {
  switch (change.type) {
    case "chat":
      return { ...state, chat: change.chat };
    case "shown":
      return { ...state, shown: change.shown, full: change.full };
    case "draft":
      return { ...state, draft: change.draft };
    case "ratingSkipped":
      return { ...state, ratingSkipped: change.seq };
  }
}

export interface Panel {
  readonly chat: Chat;
  readonly embedded: boolean;
  state(): PanelState;
  subscribe(listener: () => void): () => void;
  setDraft(draft: string): void;
  skipRating(seq: number): void;
  /** The reference that a message names the file by. */
  upload(file: File): Promise<string>;
  /** A file of this visitor as a data: address. */
  download(id: string): Promise<string>;
  /** Everything up to here was on the screen. */
  sawAll(): void;
  close(): void;
}

const socketUrl = () => `${location.origin.replace(/^http/, "ws")}/ws`;

export function createPanel(params: Params): Panel {
  const storage = browserStore();
  const prefix = `kefu:${params.site}:`;
  const tokenKey = `${prefix}token`;
  const draftKey = `${prefix}draft`;
  const listeners = new Set<() => void>();
  let page = { url: location.href, title: "", referrer: document.referrer };
  let user: Partial<User> = {};
  let attributes: Record<string, string> = {};
  let started = false;
  let lastTold = -1;

  const chat = createChat({
    side: "visitor",
    connect: fallbackTransport({
      first: webSocketTransport(socketUrl(), browserWebSocket),
      second: httpTransport(() => browserHttpLine(location.origin)),
      platform: browserPlatform,
    }),
    platform: browserPlatform,
    storage,
    prefix,
    hello: () => ({
      siteKey: params.site,
      visitorToken: storage.get(tokenKey) ?? "",
      locale: params.locale,
      page,
    }),
    onRefused() {
      // A token that is no longer good: begin again as a new visitor, once.
      if (storage.get(tokenKey) === null) return false;
      storage.remove(tokenKey);
      return true;
    },
    onFrame(frame) {
      if (frame.welcome) {
        if (frame.welcome.visitorToken !== "") storage.set(tokenKey, frame.welcome.visitorToken);
        identify();
      }
      const author = frame.event?.author?.kind;
      if (frame.event?.kind === "message" && author && author !== "visitor") {
        bridge.tell({ type: "event", name: "message", detail: { author } });
      }
    },
  });

  let state: PanelState = {
    chat: chat.state(),
    shown: false,
    full: false,
    draft: storage.get(draftKey) ?? "",
    ratingSkipped: 0,
  };

  function apply(change: PanelChange): void {
    state = reduce(state, change);
    for (const listener of [...listeners]) listener();
  }

  function start(): void {
    if (started) return;
    started = true;
    chat.start();
  }

  function identify(): void {
    if (!user.userId && Object.keys(attributes).length === 0) return;
    chat.session.tell({ identify: { ...user, attributes } });
  }

  /** A button of the page: its words are shown as the visitor's, its flow begins. */
  function begin(flow: string, text: string): void {
    if (flow === "" || text.trim() === "") return;
    const conversationId = targetConversation(currentConversation(chat.state()));
    chat.send({ conversationId, text, flow });
  }

  function onMessage(message: ToPanel): void {
    switch (message.type) {
      case "page":
        page = {
          url: String(message.url),
          title: String(message.title),
          referrer: String(message.referrer),
        };
        chat.session.tell({ page: { page } });
        break;
      case "shown":
        apply({ type: "shown", shown: message.shown === true, full: message.full === true });
        if (message.shown) start();
        break;
      case "user":
        user = cleanAttributes(message.user);
        identify();
        break;
      case "attributes":
        attributes = { ...attributes, ...cleanAttributes(message.attributes) };
        identify();
        break;
      case "begin":
        begin(String(message.flow).slice(0, 120), String(message.text).slice(0, 500));
        break;
    }
  }

  function tellUnread(): void {
    const conversation = currentConversation(state.chat);
    const count = conversation && !state.shown ? unreadCount(conversation, "visitor") : 0;
    if (count === lastTold) return;
    lastTold = count;
    bridge.tell({ type: "unread", count });
  }

  let known = "";
  chat.subscribe((next) => {
    apply({ type: "chat", chat: next });
    const id = currentConversation(next)?.id ?? "";
    if (id !== "" && id !== known) {
      if (known !== "") chat.unfollow(known);
      known = id;
      chat.follow(id);
      bridge.tell({ type: "active", active: true });
      bridge.tell({ type: "event", name: "conversation", detail: { conversationId: id } });
    }
    tellUnread();
  });

  const bridge = createBridge(params.parent, onMessage);
  bridge.tell({ type: "ready" });
  addEventListener("online", () => chat.wake());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") chat.wake();
  });
  if (!bridge.embedded) onMessage({ type: "shown", shown: true, full: true });
  else if (storage.get(tokenKey) !== null) start();

  return {
    chat,
    embedded: bridge.embedded,
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    setDraft(draft) {
      if (draft === "") storage.remove(draftKey);
      else storage.set(draftKey, draft);
      apply({ type: "draft", draft });
      const conversation = currentConversation(state.chat);
      const share = state.chat.welcome?.site?.draftPreview ?? false;
      if (conversation) chat.typing(conversation.id, draft, share);
    },
    upload: (file) => upload(file, storage.get(tokenKey) ?? ""),
    download: (id) => download(id, storage.get(tokenKey) ?? ""),
    skipRating: (seq) => apply({ type: "ratingSkipped", seq }),
    sawAll() {
      const conversation = currentConversation(state.chat);
      const last = conversation?.events.at(-1);
      if (state.shown && conversation && last) chat.read(conversation.id, last.seq);
      tellUnread();
    },
    close: () => bridge.tell({ type: "close" }),
  };
}
