// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { createChat, type ChatOptions } from "./chat.ts";
import { createFakePlatform, createFakeServer, settled } from "./fake_server.ts";
import { createMemoryStore } from "./platform.ts";
import { unreadCount } from "./state.ts";

function setUp(options: Partial<ChatOptions> = {}) {
  const platform = createFakePlatform();
  const server = createFakeServer();
  const storage = createMemoryStore();
  const open = () =>
    createChat({
      side: "visitor",
      connect: server.connect,
      platform,
      storage,
      prefix: "kefu:site:",
      hello: () => ({ siteKey: "site" }),
      ...options,
    });
  return { platform, server, storage, open, chat: open() };
}

const message = (seq: number, rest = {}) => ({
  event: {
    conversationId: "7",
    seq,
    prevSeq: seq - 1,
    kind: "message" as const,
    text: `m${seq}`,
    author: { kind: "bot" as const },
    ...rest,
  },
});

test("hello, start, acknowledgement, event", async () => {
  const { server, chat } = setUp();
  chat.start();
  await settled();
  assert.equal(chat.state().session.status, "online");
  assert.deepEqual(server.received()[0]?.hello, { siteKey: "site", resume: [] });
  const clientId = chat.send({ conversationId: "", text: "hi" });
  assert.match(clientId, /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  const start = server.received()[0];
  assert.deepEqual(start?.start, { clientId, text: "hi" });
  assert.equal(chat.state().outbox[0]?.state, "sending");
  server.push({ id: start?.id ?? 0, ack: { conversationId: "7", seq: 1 } });
  await settled();
  assert.equal(chat.state().outbox[0]?.state, "sent");
  server.push(message(1, { clientId, author: { kind: "visitor" } }));
  assert.deepEqual(chat.state().outbox, []);
  assert.equal(chat.state().conversations["7"]?.events[0]?.text, "m1");
});

test("what was written while the first message travels goes to its conversation, in order", async () => {
  const { server, chat } = setUp();
  chat.start();
  await settled();
  server.received();
  chat.send({ conversationId: "", text: "one" });
  chat.send({ conversationId: "", text: "two" });
  const frames = server.received();
  assert.equal(frames.length, 1);
  server.push({ id: frames[0]?.id ?? 0, ack: { conversationId: "7", seq: 1 } });
  await settled();
  const sends = server.received().filter((frame) => frame.send);
  assert.equal(sends[0]?.send?.conversationId, "7");
  assert.equal(sends[0]?.send?.text, "two");
});

test("an unacknowledged message is sent again with the same clientId, also after a reload", async () => {
  const { platform, server, chat, open } = setUp();
  chat.start();
  await settled();
  const clientId = chat.send({ conversationId: "7", text: "hi" });
  server.received();
  server.drop();
  assert.equal(chat.state().session.status, "offline");
  assert.equal(chat.state().outbox[0]?.state, "queued");
  await platform.advance(1000);
  assert.equal(server.received().find((frame) => frame.send)?.send?.clientId, clientId);
  chat.stop();
  const reloaded = open();
  assert.equal(reloaded.state().outbox[0]?.text, "hi");
  reloaded.start();
  await settled();
  const again = server.received().find((frame) => frame.send);
  assert.equal(again?.send?.clientId, clientId);
  server.push({ id: again?.id ?? 0, ack: { conversationId: "7", seq: 3 } });
  await settled();
  assert.deepEqual(open().state().outbox, []);
});

test("a busy server is asked again later, a refusal is shown and can be retried", async () => {
  const { platform, server, chat } = setUp();
  chat.start();
  await settled();
  server.received();
  const clientId = chat.send({ conversationId: "7", text: "hi" });
  server.push({ id: server.received()[0]?.id ?? 0, error: { code: "busy", retryAfterMs: 3000 } });
  await settled();
  assert.equal(chat.state().outbox[0]?.state, "queued");
  assert.equal(server.received().length, 0);
  await platform.advance(3000);
  const second = server.received()[0];
  assert.equal(second?.send?.clientId, clientId);
  server.push({ id: second?.id ?? 0, error: { code: "text_too_long" } });
  await settled();
  assert.equal(chat.state().outbox[0]?.state, "failed");
  assert.equal(chat.state().outbox[0]?.error, "text_too_long");
  chat.retry(clientId);
  assert.equal(server.received()[0]?.send?.clientId, clientId);
});

test("a gap is fetched, and a resync and a ping show a lost last event", async () => {
  const { server, chat } = setUp();
  server.welcome = { conversations: [{ id: "7", headSeq: 2, state: "bot" }] };
  chat.follow("7");
  chat.start();
  await settled();
  const load = server.received().find((frame) => frame.fetch);
  assert.deepEqual(load?.fetch, { conversationId: "7", limit: 50 });
  const events = [message(1).event, message(2).event];
  server.push({ id: load?.id ?? 0, history: { conversationId: "7", events, headSeq: 2 } });
  await settled();
  server.push(message(5));
  const gap = server.received()[0];
  assert.deepEqual(gap?.fetch, { conversationId: "7", fromSeq: 3, toSeq: 4, limit: 200 });
  const rest = [message(3).event, message(4).event];
  server.push({ id: gap?.id ?? 0, history: { conversationId: "7", events: rest, headSeq: 5 } });
  await settled();
  server.push({ ping: { heads: [{ conversationId: "7", headSeq: 6 }] } });
  const lost = server.received()[0];
  assert.deepEqual(lost?.fetch, { conversationId: "7", fromSeq: 6, toSeq: 6, limit: 200 });
  server.push({
    id: lost?.id ?? 0,
    history: { conversationId: "7", events: [message(6).event], headSeq: 6 },
  });
  await settled();
  server.push({ resync: { conversationId: "7", headSeq: 8 } });
  assert.equal(server.received()[0]?.fetch?.fromSeq, 7);
  const seqs = chat.state().conversations["7"]?.events.map((event) => event.seq);
  assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6]);
});

test("a reconnect resumes after the last event seen", async () => {
  const { platform, server, chat } = setUp();
  server.welcome = { conversations: [{ id: "7", headSeq: 1 }] };
  chat.follow("7");
  chat.start();
  await settled();
  server.push(message(1));
  server.received();
  server.drop();
  await platform.advance(1000);
  assert.deepEqual(server.received()[0]?.hello?.resume, [{ conversationId: "7", seq: 1 }]);
});

test("reconnects wait longer each time, up to 30 s, and at once when woken", async () => {
  const { platform, server, chat } = setUp();
  server.refuseConnections = true;
  chat.start();
  await settled();
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const status = chat.state().session;
    assert.equal(status.status, "offline");
    const wait = status.status === "offline" ? status.retryAt - platform.now() : 0;
    waits.push(wait);
    await platform.advance(wait);
  }
  assert.deepEqual(waits, [375, 750, 1500, 3000, 6000, 12000, 22500, 22500]);
  server.refuseConnections = false;
  chat.wake();
  await settled();
  assert.equal(chat.state().session.status, "online");
});

test("a silent line is given up, an announced restart is followed", async () => {
  const { platform, server, chat } = setUp();
  chat.start();
  await settled();
  await platform.advance(59_000);
  server.push({ ping: {} });
  await platform.advance(59_000);
  assert.equal(server.connections, 1);
  await platform.advance(2_000);
  assert.equal(server.connections, 2);
  server.push({ reconnect: { afterMs: 2000 } });
  assert.equal(chat.state().session.status, "offline");
  await platform.advance(3_000);
  assert.equal(server.connections, 3);
});

test("a refused hello stops, unless the caller changed something", async () => {
  let token = "old";
  const { platform, server, chat } = setUp({
    hello: () => ({ siteKey: "site", visitorToken: token }),
    onRefused: () => token !== "" && ((token = ""), true),
  });
  server.welcome = undefined;
  chat.start();
  await settled();
  server.push({ id: 1, error: { code: "unauthorized" } });
  await platform.advance(1000);
  assert.equal(server.received().at(-1)?.hello?.visitorToken, "");
  server.push({ id: 2, error: { code: "not_found" } });
  await platform.advance(60_000);
  assert.equal(chat.state().session.status, "refused");
  assert.equal(server.connections, 2);
});

test("typing is throttled and ends by itself; the peer's dots don't stay", async () => {
  const { platform, server, chat } = setUp();
  chat.start();
  await settled();
  server.received();
  for (const draft of ["h", "he", "hel"]) chat.typing("7", draft, true);
  assert.deepEqual(
    server.received().map((frame) => frame.typing?.draft),
    ["h"],
  );
  await platform.advance(1000);
  assert.equal(server.received()[0]?.typing?.draft, "hel");
  await platform.advance(4000);
  assert.deepEqual(server.received()[0]?.typing, { conversationId: "7" });
  server.push({ typing: { conversationId: "7", active: true, author: { kind: "agent" } } });
  assert.ok(chat.state().conversations["7"]?.typing);
  await platform.advance(6000);
  assert.equal(chat.state().conversations["7"]?.typing, undefined);
});

test("unread counts what others wrote, until it is read", async () => {
  const { server, chat } = setUp();
  server.welcome = { conversations: [{ id: "7", headSeq: 0 }] };
  chat.start();
  await settled();
  server.push(message(1, { author: { kind: "visitor" } }));
  server.push(message(2));
  server.push(message(3));
  const conversation = () => chat.state().conversations["7"]!;
  assert.equal(unreadCount(conversation(), "visitor"), 2);
  server.received();
  chat.read("7", 3);
  chat.read("7", 2);
  assert.deepEqual(
    server.received().map((frame) => frame.read),
    [{ conversationId: "7", seq: 3 }],
  );
  assert.equal(unreadCount(conversation(), "visitor"), 0);
});

test("who is answered by the bot is told so by its first message, a handoff behind it counts", async () => {
  const { server, chat } = setUp();
  chat.start();
  await settled();
  server.push(message(1, { author: { kind: "visitor" } }));
  assert.equal(chat.state().conversations["7"]?.state, "state_unspecified");
  server.push(message(2));
  assert.equal(chat.state().conversations["7"]?.state, "bot");
  server.push(message(3, { kind: "handoff" as const }));
  server.push(message(4));
  assert.equal(chat.state().conversations["7"]?.state, "queued");
});

test("the state follows the conversation's events", async () => {
  const { server, chat } = setUp();
  server.welcome = { conversations: [{ id: "7", headSeq: 0, state: "bot" }] };
  chat.start();
  await settled();
  const conversation = () => chat.state().conversations["7"]!;
  server.push(message(1, { kind: "handoff" }));
  server.push({ queue: { conversationId: "7", position: 2 } });
  assert.equal(conversation().state, "queued");
  assert.equal(conversation().queue?.position, 2);
  server.push(message(2, { kind: "assigned", agentId: "5", agentName: "Lin" }));
  assert.equal(conversation().state, "agent");
  assert.equal(conversation().agentName, "Lin");
  assert.equal(conversation().queue, undefined);
  server.push(message(3, { kind: "closed" }));
  assert.equal(conversation().state, "closed");
});
