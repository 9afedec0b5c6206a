// SPDX-License-Identifier: Apache-2.0
// The generated decoders, completed: what a view reads is never undefined.

import {
  Agent,
  Author,
  Conversation as WireConversation,
  Event as WireEvent,
  PageView,
  SessionReply,
  Visitor as WireVisitor,
} from "@kefu/protocol/generated";
import type { ChatEvent, Conversation, Page, SessionInfo, Visitor } from "./types";

export type Json = Record<string, unknown>;

interface Decoder<T> {
  decode(value: unknown): T;
}

export function obj(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function num(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function decodeEvent(value: unknown): ChatEvent {
  const event = WireEvent.decode(value);
  return {
    ...event,
    clientId: event.clientId.replaceAll("-", ""),
    author: event.author ?? Author.create(),
  };
}

export function decodeConversation(value: unknown): Conversation {
  const row = WireConversation.decode(value);
  return {
    ...row,
    updatedAt: row.updatedAt || row.createdAt,
    page: row.page ?? PageView.create(),
  };
}

export function decodeVisitor(value: unknown): Visitor {
  const visitor = WireVisitor.decode(value);
  return { ...visitor, page: visitor.page ?? PageView.create() };
}

export function decodeSession(value: unknown): SessionInfo {
  const reply = SessionReply.decode(value);
  const agent = reply.agent ?? Agent.create();
  return { ...reply, agent: { ...agent, role: agent.role || "agent" } };
}

/** A list reply, whichever resource: `items` and the cursor of the next page. */
export function decodePage<T>(value: unknown, item: Decoder<T> | ((entry: unknown) => T)): Page<T> {
  const json = obj(value);
  const decode = typeof item === "function" ? item : item.decode;
  const items = Array.isArray(json["items"]) ? json["items"] : [];
  return { items: items.map((entry) => decode(entry)), next: text(json["next"]) };
}
