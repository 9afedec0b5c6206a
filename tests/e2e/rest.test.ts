// SPDX-License-Identifier: Apache-2.0
// REST as an integrator and an admin meet it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor } from "./wire.ts";

const server = new Server();
let owner: Agent;
before(async () => {
  await server.start();
  owner = await Agent.login(server, server.logins[0] as never);
});
after(() => server.destroy());

const json = async (reply: Response | Promise<Response>) =>
  (await (await reply).json()) as Frame;

async function until<T>(
  read: () => Promise<T>,
  good: (value: T) => boolean,
): Promise<T> {
  const end = Date.now() + 10_000;
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("health, readiness, metrics and the description answer", async () => {
  assert.equal((await fetch(`${server.origin}/healthz`)).status, 200);
  assert.equal((await fetch(`${server.origin}/readyz`)).status, 200);
  assert.match(
    await (await fetch(`${server.origin}/metrics`)).text(),
    /^chat_turns_total \d+$/m,
  );
  const proxied = await fetch(`${server.origin}/metrics`, {
    headers: { "x-forwarded-for": "192.0.2.7" },
  });
  assert.equal(proxied.status, 403);
  const api = await json(fetch(`${server.origin}/api/v1/openapi.json`));
  assert.equal(api["openapi"].startsWith("3."), true);
  assert.ok(
    api["paths"]["/faq-entries"] ?? api["paths"]["/api/v1/faq-entries"],
  );
});

test("nothing but the public routes answers a stranger", async () => {
  for (const path of [
    "/sites",
    "/agents",
    "/conversations",
    "/audit",
    "/settings",
    "/visitors",
  ]) {
    assert.equal(
      (await fetch(`${server.origin}/api/v1${path}`)).status,
      401,
      path,
    );
  }
});

test("a changed FAQ entry answers at once", async () => {
  const made = await json(
    owner.call("POST", "/faq-entries", {
      locale: "zh",
      question: "你们有没有会飞的帐篷？",
      answer: "会飞的帐篷还在研发。",
    }),
  );
  const session = await visitor(server);
  await until(
    async () => {
      const ack = (
        await session.ask({
          start: { clientId: clientId(), text: made["question"] },
        })
      )["ack"] as Frame;
      const answer = await session.event(
        (event) => event["author"].kind === "bot" && event["seq"] > ack["seq"],
      );
      return answer["event"]["text"] as string;
    },
    (text) => text === "会飞的帐篷还在研发。",
  );
});

test("FAQ goes out as CSV and comes back with bad lines named", async () => {
  const csv = await (await owner.call("GET", "/faq-entries/export")).text();
  assert.ok(csv.includes("满多少包邮"));
  const reply = await json(
    owner.call(
      "POST",
      "/faq-entries/import?dryRun=1",
      `${csv}xx,bad locale,,answer,\n`,
      "text/csv",
    ),
  );
  assert.equal(reply["created"] ?? 0, 0);
  assert.ok(reply["updated"] > 100);
  assert.equal(reply["errors"].length, 1);
});

test("a message over REST is exactly once by its Idempotency-Key", async () => {
  const session = await visitor(server);
  const ack = (
    await session.ask({ start: { clientId: clientId(), text: "转人工" } })
  )["ack"] as Frame;
  const path = `/conversations/${ack["conversationId"]}/events`;
  const post = () =>
    fetch(`${server.origin}/api/v1${path}`, {
      method: "POST",
      headers: {
        cookie: owner.cookie,
        origin: server.origin,
        "x-csrf-token": owner.csrf,
        "content-type": "application/json",
        "idempotency-key": "once",
      },
      body: JSON.stringify({ text: "来自接口" }),
    });
  const first = await json(post());
  assert.deepEqual(await json(post()), first);
  const events = await json(owner.call("GET", path));
  const own = (events["items"] as Frame[]).filter(
    (event) => event["text"] === "来自接口",
  );
  assert.equal(own.length, 1);
});

test("the trace says why the bot answered, and search finds Chinese of two characters", async () => {
  const session = await visitor(server);
  const ack = (
    await session.ask({
      start: { clientId: clientId(), text: "帐篷漏雨了怎么修" },
    })
  )["ack"] as Frame;
  const traces = await until(
    () =>
      json(owner.call("GET", `/conversations/${ack["conversationId"]}/traces`)),
    (list) => (list["items"] ?? []).length > 0,
  );
  assert.ok(traces["items"][0].steps.length > 1);
  const hits = await until(
    () => json(owner.call("GET", `/search?q=${encodeURIComponent("漏雨")}`)),
    (list) => (list["items"] ?? []).length > 0,
  );
  assert.ok(
    hits["items"].some((event: Frame) => event["text"] === "帐篷漏雨了怎么修"),
  );
});

test("a token reaches no further than its scopes, and dies with its deletion", async () => {
  const token = await json(
    owner.call("POST", "/api-tokens", {
      name: "report",
      scopes: ["conversations:read"],
    }),
  );
  const headers = { authorization: `Bearer ${token["token"]}` };
  const read = () =>
    fetch(`${server.origin}/api/v1/conversations`, { headers });
  assert.equal((await read()).status, 200);
  assert.equal(
    (await fetch(`${server.origin}/api/v1/agents`, { headers })).status,
    403,
  );
  await owner.call("DELETE", `/api-tokens/${token["id"]}`);
  assert.equal((await read()).status, 401);
});

test("logging out ends the log-in's sockets", async () => {
  const agent = await Agent.login(server, server.logins[1] as never);
  const socket = await agent.socket();
  await agent.call("POST", "/logout", {});
  await until(
    async () => socket.closed?.code ?? 0,
    (code) => code === 4401,
  );
  assert.equal((await agent.call("GET", "/session")).status, 401);
});
