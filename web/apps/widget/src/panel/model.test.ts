// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutboxItem } from "@kefu/client/outbox";
import { initialChatState, type Conversation } from "@kefu/client/state";
import { Author, Event, QueuePush } from "@kefu/protocol/generated";
import * as model from "./model.ts";

const at = (minute: number) => new Date(2026, 0, 5, 9, minute).toISOString();
const event = (seq: number, kind: Author["kind"], rest: Partial<Event> = {}) =>
  Event.create({
    conversationId: "7",
    seq,
    prevSeq: seq - 1,
    kind: "message",
    text: `m${seq}`,
    author: Author.create({ kind }),
    createdAt: at(seq),
    ...rest,
  });

const conversation = (events: Event[], rest: Partial<Conversation> = {}): Conversation => ({
  id: "7",
  state: "bot",
  headSeq: events.length,
  events,
  loaded: true,
  more: false,
  readSeq: 0,
  peerReadSeq: 0,
  agentName: "",
  typing: undefined,
  queue: undefined,
  ...rest,
});

const pending = (rest: Partial<OutboxItem> = {}): OutboxItem => ({
  clientId: "a",
  conversationId: "",
  action: {},
  text: "hi",
  internal: false,
  createdAt: 0,
  state: "queued",
  seq: 0,
  error: "",
  ...rest,
});

test("the newest conversation is shown; ids are compared as numbers", () => {
  const known = { "99": conversation([], { id: "99" }), "100": conversation([], { id: "100" }) };
  assert.equal(model.currentConversation({ ...initialChatState, conversations: known })?.id, "100");
  assert.equal(model.currentConversation(initialChatState), undefined);
});

test("a closed conversation is not written to directly", () => {
  assert.equal(model.targetConversation(conversation([])), "7");
  assert.equal(model.targetConversation(conversation([], { state: "closed" })), "");
});

test("lines are grouped by author, with the day before them and what is under way after", () => {
  const lines = model.lines(
    conversation([
      event(1, "visitor"),
      event(2, "bot"),
      event(3, "bot"),
      event(4, "bot", { createdAt: at(20) }),
      event(5, "system", { kind: "handoff" }),
      event(6, "agent", { kind: "identified" }),
    ]),
    [
      pending(),
      pending({ clientId: "b", conversationId: "8" }),
      pending({ clientId: "c", text: "" }),
    ],
  );
  assert.deepEqual(
    lines.map((line) => line.kind),
    ["day", "message", "message", "message", "message", "fact", "pending"],
  );
  const heads = lines.flatMap((line) => (line.kind === "message" ? [[line.first, line.last]] : []));
  assert.deepEqual(heads, [
    [true, true],
    [true, false],
    [false, true],
    [true, true],
  ]);
});

test("quick replies stand under the newest message until somebody writes", () => {
  const quickReplies = Array.from({ length: 8 }, (_, i) => ({ label: `l${i}`, text: `t${i}` }));
  const asked = conversation([event(1, "visitor"), event(2, "bot", { quickReplies })]);
  assert.equal(model.quickReplies(asked, []).length, 6);
  assert.deepEqual(model.quickReplies(asked, [pending()]), []);
  const answered = conversation([...asked.events, event(3, "visitor")]);
  assert.deepEqual(model.quickReplies(answered, []), []);
  assert.deepEqual(
    model.quickReplies(conversation(asked.events as Event[], { state: "closed" }), []),
    [],
  );
});

test("a person is offered beside a guess", () => {
  const guess = conversation([event(1, "visitor"), event(2, "bot", { rung: "clarify" })]);
  assert.equal(model.offersPerson(guess), true);
  assert.equal(model.offersPerson({ ...guess, state: "queued" }), false);
});

test("a closed conversation is rated once, again after it was continued and closed", () => {
  const events = [event(1, "visitor"), event(2, "agent", { kind: "closed" })];
  const closed = (more: Event[]) => conversation([...events, ...more], { state: "closed" });
  const rated = event(3, "visitor", { kind: "rated" });
  assert.equal(model.awaitsRating(closed([])), true);
  assert.equal(model.awaitsRating(closed([rated])), false);
  assert.equal(model.awaitsRating(closed([rated, event(4, "agent", { kind: "closed" })])), true);
});

test("addresses in a text become links, without the sentence's punctuation", () => {
  assert.deepEqual(model.splitLinks("see https://a.example/x?y=1. ok"), [
    "see ",
    "https://a.example/x?y=1",
    ". ok",
  ]);
  assert.deepEqual(model.splitLinks("详见https://a.example/路径。"), [
    "详见",
    "https://a.example/路径",
    "。",
  ]);
  assert.deepEqual(model.splitLinks("javascript:alert(1)"), ["javascript:alert(1)"]);
});

test("what was offered instead of waiting is a choice until one is made", () => {
  const queue = QueuePush.create({ alternatives: ["bot", "ticket", "callback", "promise"] });
  const asked = conversation([event(1, "visitor", { kind: "handoff" })], {
    state: "queued",
    queue,
  });
  assert.deepEqual(model.offeredWishes(asked), ["callback", "ticket"]);
  assert.equal(model.wishOf(asked), undefined);
  const form = { kind: "form", attributes: { wish: "callback", contact: "138" } } as const;
  const chosen = conversation([...asked.events, event(2, "visitor", form)]);
  assert.deepEqual(model.wishOf(chosen), { kind: "callback", contact: "138" });
  const again = conversation([...chosen.events, event(3, "visitor", { kind: "handoff" })]);
  assert.equal(model.wishOf(again), undefined, "asked for a person anew");
  const other = event(2, "visitor", { kind: "form", attributes: { wish: "pizza" } });
  assert.equal(model.wishOf(conversation([other])), undefined);
});
