// SPDX-License-Identifier: Apache-2.0
// Visitors where WebSocket is blocked: frames that nobody answers, rights that end, many at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import { clientId, type Frame, visitor, welcomeOf } from "./wire.ts";

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
