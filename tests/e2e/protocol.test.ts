// SPDX-License-Identifier: Apache-2.0
// What an integrator relies on, over real sockets: acknowledgements that survive kill -9, exactly
// one message for one client id, dense order, notes that no visitor sees, the HTTP fallback.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor, welcomeOf } from "./wire.ts";

const server = new Server({ KEFU_LIMIT_VISITOR_RATE: "0" });
before(() => server.start());
after(() => server.destroy());

const textOf = (frame: Frame): string => frame["text"] as string;

async function started(text: string) {
  const session = await visitor(server);
  const id = clientId();
  const ack = (await session.ask({ start: { clientId: id, text } }))[
    "ack"
  ] as Frame;
  return {
    session,
    id,
    conversationId: ack["conversationId"] as string,
    seq: ack["seq"],
  };
}

test("the bot answers a question from the shop's FAQ in its language", async () => {
  const { session } = await started("满多少包邮？");
  const answer = await session.event((event) => event["author"].kind === "bot");
  assert.match(textOf(answer["event"]), /299/);
  const english = await visitor(server, "", "en");
  await english.ask({
    start: { clientId: clientId(), text: "How much is delivery?" },
  });
  const reply = await english.event((event) => event["author"].kind === "bot");
  assert.match(textOf(reply["event"]), /[A-Za-z]{4}/);
});

test("a repeat gets the first acknowledgement, other content a conflict", async () => {
  const { session, id, conversationId, seq } = await started("多久发货");
  const send = { conversationId, clientId: clientId(), text: "在吗" };
  const first = (await session.ask({ send }))["ack"] as Frame;
  const again = (await session.ask({ send }))["ack"] as Frame;
  assert.deepEqual(again, first);
  const other = await session.ask({ send: { ...send, text: "别的" } });
  assert.equal(other["error"].code, "conflict");
  const start = (
    await session.ask({ start: { clientId: id, text: "多久发货" } })
  )["ack"] as Frame;
  assert.deepEqual(
    [start["conversationId"], start["seq"]],
    [conversationId, seq],
  );
});

test("what was acknowledged is there after kill -9, in order and once", async () => {
  const { session, conversationId } = await started("转人工");
  const token = welcomeOf(session)["visitorToken"] as string;
  const sent: string[] = [];
  for (let i = 0; i < 20; i++) {
    const text = `第 ${i} 条`;
    assert.ok(
      (
        await session.ask({
          send: { conversationId, clientId: clientId(), text },
        })
      )["ack"],
    );
    sent.push(text);
  }
  const lost = { conversationId, clientId: clientId(), text: "最后一条" };
  session.tell({ send: lost });
  await server.kill();
  await server.start();
  const back = await visitor(server, token);
  assert.equal(welcomeOf(back)["conversations"][0].id, conversationId);
  await back.ask({ send: lost }); // what was not acknowledged is sent again
  const history = (await back.ask({ fetch: { conversationId, limit: 200 } }))[
    "history"
  ] as Frame;
  const events = history["events"] as Frame[];
  const own = events
    .filter((event) => event["author"].kind === "visitor")
    .map(textOf);
  assert.deepEqual(own, ["转人工", ...sent, "最后一条"]);
  events.reduce((last, event) => {
    assert.ok(
      (event["prevSeq"] ?? 0) <= last && last < event["seq"],
      "contiguous",
    );
    return event["seq"] as number;
  }, 0);
});

test("a hand-off reaches an agent, and a note never reaches the visitor", async () => {
  const agent = await Agent.login(server, server.logins[0] as never);
  const desk = await agent.socket();
  await desk.ask({ subscribe: { inbox: true } });
  const { session, conversationId } = await started("我要找真人客服");
  const assigned = await session.event((event) => event["kind"] === "assigned");
  assert.equal(assigned["event"].conversationId, conversationId);
  await desk.ask({ subscribe: { conversationId } });
  await desk.ask({
    note: { conversationId, clientId: clientId(), text: "VIP，小心" },
  });
  await desk.ask({
    send: { conversationId, clientId: clientId(), text: "您好，我来帮您" },
  });
  await session.event((event) => event["text"] === "您好，我来帮您");
  const seen = (await session.ask({ fetch: { conversationId } }))["history"][
    "events"
  ] as Frame[];
  assert.equal(JSON.stringify(session.frames).includes("VIP"), false);
  assert.equal(
    seen.some((event) => event["kind"] === "note"),
    false,
  );
  const all = (await desk.ask({ fetch: { conversationId } }))["history"][
    "events"
  ] as Frame[];
  assert.ok(all.some((event) => event["text"] === "VIP，小心"));
  await desk.ask({ close: { conversationId, clientId: clientId() } });
  await session.event((event) => event["kind"] === "closed");
  const rated = await session.ask({
    rate: { conversationId, clientId: clientId(), rating: 5 },
  });
  assert.ok(rated["ack"]);
  desk.drop();
});

test("a visitor cannot reach another visitor's conversation", async () => {
  const { conversationId } = await started("我的地址是秘密");
  const stranger = await visitor(server);
  const history = await stranger.ask({ fetch: { conversationId } });
  assert.equal(history["error"].code, "not_found");
  const send = { conversationId, clientId: clientId(), text: "x" };
  assert.equal((await stranger.ask({ send }))["error"].code, "not_found");
});

test("bad frames are answered with the field's path and end nothing", async () => {
  const session = await visitor(server);
  const wrong = await session.ask({
    start: { clientId: "nonsense", text: "x" },
  });
  assert.equal(wrong["error"].code, "invalid");
  assert.match(wrong["error"].field, /start\.clientId/);
  const unknown = await session.ask({
    start: { clientId: clientId(), text: "x", colour: 1 },
  });
  assert.equal(unknown["error"].code, "invalid");
  const long = await session.ask({
    start: { clientId: clientId(), text: "字".repeat(5462) },
  });
  assert.equal(long["error"].code, "too_big");
  const fits = await session.ask({
    start: { clientId: clientId(), text: "a".repeat(16384) },
  });
  assert.ok(fits["ack"]);
});

test("a page of another site cannot open a socket", async () => {
  const url = `ws://127.0.0.1:${server.port}/ws`;
  const socket = new WebSocket(url, "kefu.v1.json", {
    origin: "https://evil.example",
  });
  const [error] = (await once(socket, "error")) as [Error];
  assert.match(error.message, /403/);
});

test("a frame without an id is told what is wrong, and nothing else", async () => {
  const { session, conversationId } = await started("退货流程");
  session.tell({ id: 0, read: { conversationId, seq: 1 } });
  session.tell({ id: 0, fetch: { conversationId, limit: 201 } });
  session.tell({ id: 0, fetch: { conversationId: "1" } });
  const wrong = (field: string, code: string) =>
    session.wait(
      (frame) =>
        frame["id"] === undefined &&
        (frame["error"]?.field ?? "") === field &&
        frame["error"]?.code === code,
    );
  await wrong("fetch.limit", "invalid");
  await wrong("", "not_found");
  assert.ok(!session.frames.some((frame) => frame["id"] === 0));
  assert.ok(
    !session.frames.some(
      (frame) =>
        frame["id"] === undefined && (frame["ack"] ?? frame["history"]),
    ),
  );
});

test("frames by POST and a stream do what a socket does", async () => {
  const { session, conversationId } = await started("退货流程");
  const token = welcomeOf(session)["visitorToken"] as string;
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
  };
  const stop = new AbortController();
  const stream = await fetch(`${server.origin}/api/v1/visitor/stream`, {
    headers,
    signal: stop.signal,
  });
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  const posted = await fetch(`${server.origin}/api/v1/visitor/frames`, {
    method: "POST",
    headers,
    body: JSON.stringify({
      id: 9,
      send: { conversationId, clientId: clientId(), text: "走 POST" },
    }),
  });
  const frame = (await posted.json()) as Frame;
  assert.equal(frame["id"], 9);
  assert.ok(frame["ack"].seq > 1);
  let got = "";
  while (!got.includes("走 POST")) {
    const { value, done } = await reader.read();
    assert.equal(done, false);
    got += Buffer.from(value as Uint8Array).toString();
  }
  assert.match(got, /^id: \d+:\d+/m);
  stop.abort();
  const bare = await fetch(`${server.origin}/api/v1/visitor/frames`, {
    method: "POST",
    body: "{}",
  });
  assert.equal(bare.status, 400);
});

test("SIGTERM says goodbye with 1001 and ends well", async () => {
  const { session } = await started("在吗");
  const code = await server.terminate();
  assert.equal(code, 0);
  assert.equal(session.closed?.code, 1001);
  await server.start();
});
