// SPDX-License-Identifier: Apache-2.0
// Visitors where WebSocket is blocked: frames that nobody answers, rights that end, many at once.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server as HttpServer, request } from "node:http";
import { after, before, test } from "node:test";
import { launch, Shop } from "./browser.ts";
import { freePort, Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor, welcomeOf } from "./wire.ts";

const server = new Server({ KEFU_LIMIT_IP_RATE: "0" });
before(() => server.start());
after(() => server.destroy());

function post(token: string, frame: Frame): Promise<Response> {
  return fetch(`${server.origin}/api/v1/visitor/frames`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(frame),
    signal: AbortSignal.timeout(10_000),
  });
}

test("a POSTed frame that has no answer gets a reply all the same", async () => {
  const session = await visitor(server);
  const token = welcomeOf(session)["visitorToken"] as string;
  const started = await session.ask({
    start: { clientId: clientId(), text: "包邮吗" },
  });
  const conversationId = started["ack"].conversationId as string;
  for (const action of [
    { typing: { conversationId, active: true } },
    { read: { conversationId, seq: 1 } },
    { page: { page: { url: "https://shop.test/cart" } } },
  ]) {
    const reply = await post(token, { id: 5, ...action });
    assert.equal(reply.status, 202);
    assert.deepEqual(await reply.json(), { id: 5 });
  }
  const wrong = await post(token, {
    id: 6,
    fetch: { conversationId, limit: 201 },
  });
  assert.equal(((await wrong.json()) as Frame)["error"].field, "fetch.limit");
});

test("hundreds of streams that leave at once leave nothing behind", async () => {
  const session = await visitor(server);
  const token = welcomeOf(session)["visitorToken"] as string;
  const stop = new AbortController();
  const streams = await Promise.all(
    Array.from({ length: 200 }, () =>
      fetch(`${server.origin}/api/v1/visitor/stream`, {
        headers: { authorization: `Bearer ${token}` },
        signal: stop.signal,
      }),
    ),
  );
  assert.ok(streams.every((stream) => stream.status === 200));
  stop.abort();
  const ack = await session.ask({
    start: { clientId: clientId(), text: "还在吗" },
  });
  assert.ok(ack["ack"]);
  const reply = await post(token, { id: 7, page: { page: { url: "x" } } });
  assert.equal(reply.status, 202);
});

/** In front of the server, and without WebSocket, as some company networks are. */
async function blockingProxy(
  port: number,
): Promise<[HttpServer, { upgrades: number; frames: number }]> {
  const seen = { upgrades: 0, frames: 0 };
  const proxy = createServer((from, to) => {
    if (from.url === "/api/v1/visitor/frames") seen.frames++;
    const { method, url, headers } = from;
    const onward = request(
      { host: "127.0.0.1", port: server.port, method, path: url, headers },
      (reply) => {
        to.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(to);
      },
    );
    onward.on("error", () => to.destroy());
    to.on("close", () => onward.destroy());
    from.pipe(onward);
  });
  proxy.on("upgrade", (_request, socket) => {
    seen.upgrades++;
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  proxy.listen(port, "127.0.0.1");
  await once(proxy, "listening");
  return [proxy, seen];
}

test(
  "behind a proxy without WebSocket the panel talks to bot and agent over HTTP",
  { timeout: 60_000 },
  async (t) => {
    const port = await freePort();
    const [proxy, seen] = await blockingProxy(port);
    const browser = await launch();
    t.after(async () => {
      await browser.close();
      proxy.closeAllConnections();
      proxy.close();
    });
    const agent = await Agent.login(server, server.logins[0] as never);
    const desk = await agent.socket();
    await desk.ask({ subscribe: { inbox: true } });
    const page = await (await browser.newContext({ locale: "en" })).newPage();
    const front = { origin: `http://127.0.0.1:${port}` } as Server;
    const shop = await Shop.open(page, front, "en");
    await shop.say("Can I return an opened item?");
    await shop.sees(/unopened|opened item|return/i);
    await shop.say("talk to a person");
    const given = await desk.wait(
      (frame) => frame["conversation"]?.conversation.state === "agent",
    );
    const conversationId = given["conversation"].conversation.id as string;
    await desk.ask({
      send: { conversationId, clientId: clientId(), text: "I am a person." },
    });
    await shop.sees("I am a person.");
    await page.reload();
    await shop.show();
    await shop.sees("I am a person.");
    assert.ok(seen.upgrades >= 2 && seen.upgrades < 20, String(seen.upgrades));
    assert.ok(seen.frames > 3);
  },
);
