// SPDX-License-Identifier: Apache-2.0
// The wire's resources as views read them: the same, with the messages inside always present.

import type {
  Agent,
  Author,
  Conversation as WireConversation,
  Event as WireEvent,
  PageView,
  Visitor as WireVisitor,
} from "@kefu/protocol/generated";

export type {
  Agent,
  ApiToken,
  AuditEntry,
  Author,
  AuthorKind,
  CannedReply,
  ConversationState,
  EventKind,
  FaqEntry,
  ImportReply,
  PageView,
  Presence,
  PresenceStatus,
  Rule,
  Setting,
  Site,
  Trace,
  TraceStep,
} from "@kefu/protocol/generated";

export type ChatEvent = Omit<WireEvent, "author"> & { author: Author };
export type Conversation = Omit<WireConversation, "page"> & { page: PageView };
export type Visitor = Omit<WireVisitor, "page"> & { page: PageView };
export type Role = "owner" | "admin" | "supervisor" | "agent";

export interface SessionInfo {
  agent: Agent;
  csrfToken: string;
  insecureCookie: boolean;
}

export interface Page<T> {
  items: T[];
  next: string;
}
