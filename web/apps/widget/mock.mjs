// SPDX-License-Identifier: Apache-2.0
// A small stand-in for the server, for work on the widget alone: node apps/widget/mock.mjs [port]
// serves dist/site and plays a bot, a queue and an agent in memory. Words that do something:
// "转人工" / "person" (queue, then an agent), "bye" / "再见" (closed), "busy", "drop", "long".
import { createServer } from "node:http";
import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { WebSocketServer } from "ws";
import { webRoot } from "../../cache.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const AGENT = { kind: "agent", id: "9", name: "林晓" };
const BOT = { kind: "bot" };
const visitors = new Map();

function newVisitor(token) {
  return { token, conversation: null, sockets: new Set(), next: 1, clientIds: new Map() };
}

function say(visitor, event) {
  const conversation = visitor.conversation;
  const seq = conversation.events.length + 1;
  const stored = {
    conversationId: conversation.id,
    seq,
    prevSeq: seq - 1,
    kind: "message",
    createdAt: new Date().toISOString(),
    ...event,
  };
  conversation.events.push(stored);
  push(visitor, { event: stored });
  return stored;
}

function push(visitor, frame) {
  for (const socket of visitor.sockets) socket.send(JSON.stringify(frame));
}

function answer(visitor, text) {
  const conversation = visitor.conversation;
  const id = conversation.id;
  const zh = /\p{Script=Han}/u.test(text);
  if (/bye|再见/i.test(text)) {
    conversation.state = "closed";
    say(visitor, { kind: "closed", author: AGENT, reason: "done" });
  } else if (conversation.state === "agent") {
    push(visitor, { typing: { conversationId: id, author: AGENT, active: true } });
    setTimeout(
      () => say(visitor, { author: AGENT, text: zh ? "好的，我看一下。" : "Let me look." }),
      900,
    );
  } else if (/转人工|person/i.test(text)) {
    conversation.state = "queued";
    say(visitor, { kind: "handoff", author: { kind: "system" } });
    push(visitor, {
      queue: { conversationId: id, position: 2, estimatedWaitMs: 90000, agentsOnline: true },
    });
    setTimeout(() => {
      conversation.state = "agent";
      const agent = { agentId: AGENT.id, agentName: AGENT.name };
      say(visitor, { kind: "assigned", author: AGENT, ...agent });
      say(visitor, {
        author: AGENT,
        text: zh ? "您好，我是林晓，很高兴为您服务。" : "Hi, I am Lin Xiao.",
      });
    }, 2500);
  } else {
    const reply = zh
      ? "现货在 24 小时内发出，大多数城市 2 至 4 天送达。详情见 https://spruce.example/delivery 。"
      : "In stock, sent within 24 hours; most cities in 2 to 4 days. See https://spruce.example/delivery.";
    const labels = zh
      ? ["退换政策", "修改地址", "转人工"]
      : ["Returns", "Change address", "Talk to a person"];
    say(visitor, {
      author: BOT,
      text: reply,
      rung: "faq",
      quickReplies: labels.map((label) => ({ label, text: label })),
    });
  }
}

function accept(visitor, clientId, event, reply) {
  const known = visitor.clientIds.get(clientId);
  const stored = known ?? say(visitor, { ...event, clientId });
  visitor.clientIds.set(clientId, stored);
  reply({
    ack: { conversationId: visitor.conversation.id, seq: stored.seq, createdAt: stored.createdAt },
  });
  return known === undefined;
}

function handle(visitor, frame, reply, socket) {
  const author = { kind: "visitor", id: "1" };
  if (frame.start || frame.send) {
    const { clientId, text } = frame.start ?? frame.send;
    if (/^busy/.test(text) && Math.random() < 0.7) {
      return reply({ error: { code: "busy", message: "busy", retryAfterMs: 500 } });
    }
    if (/^long/.test(text)) return reply({ error: { code: "too_long", message: "too long" } });
    if (/^drop/.test(text)) return socket.terminate();
    visitor.conversation ??= { id: "3000000001", state: "bot", events: [] };
    if (visitor.conversation.state === "closed") {
      visitor.conversation.state = "bot";
      say(visitor, { kind: "reopened", author: { kind: "system" } });
    }
    if (accept(visitor, clientId, { author, text }, reply)) setTimeout(answer, 150, visitor, text);
  } else if (frame.rate) {
    const { clientId, rating, text } = frame.rate;
    accept(visitor, clientId, { kind: "rated", author, rating, text }, reply);
  } else if (frame.end) {
    visitor.conversation.state = "closed";
    accept(visitor, frame.end.clientId, { kind: "closed", author }, reply);
  } else if (frame.fetch) {
    const { fromSeq = 1, toSeq = Infinity, beforeSeq = Infinity, limit = 50 } = frame.fetch;
    const events = (visitor.conversation?.events ?? []).filter(
      ({ seq }) => seq >= fromSeq && seq <= toSeq && seq < beforeSeq,
    );
    const page = events.slice(-limit);
    const more = (page[0]?.seq ?? 1) > 1;
    const headSeq = visitor.conversation?.events.length ?? 0;
    reply({ history: { conversationId: frame.fetch.conversationId, events: page, headSeq, more } });
  } else {
    reply({ ack: {} });
  }
}

const server = createServer((request, response) => {
  const path = new URL(request.url, "http://x").pathname;
  const file = [
    join(webRoot, "dist/site", path),
    join(webRoot, "dist/site", path, "index.html"),
  ].find((name) => existsSync(name) && statSync(name).isFile());
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" });
  response.end(readFileSync(file));
});
new WebSocketServer({ server, path: "/ws" }).on("connection", (socket) => {
  let visitor = null;
  socket.on("close", () => visitor?.sockets.delete(socket));
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    const reply = (body) => socket.send(JSON.stringify({ id: frame.id, ...body }));
    if (!frame.hello) return handle(visitor, frame, reply, socket);
    const token = frame.hello.visitorToken || `token${visitors.size + 1}`;
    visitor = visitors.get(token) ?? newVisitor(token);
    visitors.set(token, visitor);
    visitor.sockets.add(socket);
    const conversation = visitor.conversation;
    const heads = conversation
      ? [{ id: conversation.id, headSeq: conversation.events.length, state: conversation.state }]
      : [];
    const greeting = frame.hello.locale?.startsWith("zh")
      ? "您好，欢迎光临云杉！想了解什么？"
      : "Hello and welcome to Spruce! What would you like to know?";
    const name = frame.hello.locale?.startsWith("zh") ? "云杉客服" : "Spruce support";
    reply({
      welcome: {
        visitorId: "1",
        visitorToken: token,
        conversations: heads,
        server: { version: "mock", maxText: 16384 },
        site: { name, greeting, draftPreview: true },
      },
    });
  });
});
server.listen(Number(process.argv[2] ?? 8099), "127.0.0.1", () =>
  console.log("http://127.0.0.1:8099/demo"),
);
