// SPDX-License-Identifier: Apache-2.0
// Actions of flows against a system of the shop's own behind TLS: its authority, its secret, and
// everything that such a system does wrong.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor } from "./wire.ts";

const secret = "sk-live-0123456789abcdef";
const dir = mkdtempSync(join(tmpdir(), "kefu-tls-"));

interface Call {
  path: string;
  key: string;
  authorization: string;
  body: string;
}

/** A shop's system; `answer` says how it takes the next calls. */
class Backend {
  port = 0;
  calls: Call[] = [];
  answer: (call: Call, reply: ServerResponse) => void = (_, reply) =>
    reply.end('{"data":{"number":"R-7"}}');
  #server: TlsServer;

  constructor(name: string) {
    this.#server = createServer(
      {
        cert: readFileSync(join(dir, `${name}.pem`)),
        key: readFileSync(join(dir, `${name}.key`)),
      },
      (request, reply) => void this.#take(request, reply),
    );
  }

  async #take(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    let body = "";
    for await (const part of request) body += String(part);
    const call = {
      path: request.url ?? "",
      key: String(request.headers["idempotency-key"] ?? ""),
      authorization: request.headers.authorization ?? "",
      body,
    };
    this.calls.push(call);
    this.answer(call, reply);
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });

/** An authority, and a certificate of it (or one that signs itself) for 127.0.0.1. */
function certificates(): void {
  const days = ["-days", "2"];
  const made = ["req", "-x509", "-newkey", "ec", "-nodes"];
  const curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const name = "subjectAltName=IP:127.0.0.1";
  openssl(
    ...made,
    ...curve,
    ...days,
    "-subj",
    "/CN=Shop authority",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  openssl(
    ...made,
    ...curve,
    ...days,
    "-subj",
    "/CN=shop",
    "-addext",
    name,
    "-addext",
    "basicConstraints=CA:FALSE",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-keyout",
    "shop.key",
    "-out",
    "shop.pem",
  );
  openssl(
    ...made,
    ...curve,
    ...days,
    "-subj",
    "/CN=other",
    "-addext",
    name,
    "-keyout",
    "other.key",
    "-out",
    "other.pem",
  );
}

let shop: Backend;
let other: Backend;
let server: Server;
let admin: Agent;

const source = `flow: probe
version: 1
locales: [en]
start: {phrases: {en: [probe the shop]}}
slots:
  number: {type: text, fill: [action]}
actions:
  probe.call:
    in: []
    out: {number: number}
    timeout: 1s
    retry: 1
    errors: [refused]
    side_effect: true
    idempotency: call
states:
  ask_shop: {do: probe.call, when: {ok: good, refused: no, failed: bad}}
  good: {end: done, say: good_text}
  no: {end: refused, say: no_text}
  bad: {end: failed, say: bad_text}
texts:
  good_text: {en: "It said {number}."}
  no_text: {en: "It said no."}
  bad_text: {en: "It failed."}
`;

before(async () => {
  certificates();
  shop = new Backend("shop");
  other = new Backend("other");
  await shop.start();
  await other.start();
  server = new Server({
    KEFU_LIMIT_VISITOR_RATE: "0",
    KEFU_LIMIT_NEW_CONVERSATIONS: "0",
    KEFU_ACTION_CA: join(dir, "ca.pem"),
    KEFU_ACTION_HOSTS: "127.0.0.1, 127.0.0.2, 10.0.0.1, *.shop.test",
    KEFU_ACTION_NETWORKS: "127.0.0.1",
    KEFU_ACTION_PORTS: `${shop.port},${other.port}`,
  });
  await server.start();
  admin = await Agent.login(server, server.logins[0]!);
  await made("/secrets", { name: "shop", value: secret });
  action = await made("/actions", {
    name: "probe.call",
    url: `https://127.0.0.1:${shop.port}/made`,
    headers: { Authorization: "Bearer {secret.shop}" },
    result: "data",
    errors: { "409": "refused" },
  });
  const flow = await made("/flows", { source });
  const published = await admin.call("POST", `/flows/${flow["id"]}/publish`);
  assert.equal(published.status, 200, await published.text());
  while (!/It said R-7/.test(await outcome())) continue; // each shard knows it by now
});
after(async () => {
  await server?.destroy();
  await shop?.stop();
  await other?.stop();
  rmSync(dir, { recursive: true });
});

let action: Frame;

async function made(path: string, body: Frame): Promise<Frame> {
  const reply = await admin.call("POST", path, body);
  const text = await reply.text();
  assert.equal(reply.status, 201, text);
  return JSON.parse(text) as Frame;
}

/** Talks to the flow and gives its last words; the conversation is in `conversation`. */
let conversation = "";
async function outcome(): Promise<string> {
  const session = await visitor(server, "", "en");
  shop.calls = [];
  const reply = await session.ask({
    start: { clientId: clientId(), text: "probe the shop" },
  });
  conversation = reply["ack"].conversationId;
  const end = await session.event(
    (event) => event["author"]?.kind === "bot" && event["kind"] === "message",
  );
  session.drop();
  return end["event"].text;
}

/** What agents read of why it failed. */
async function noted(): Promise<string[]> {
  const reply = await admin.call(
    "GET",
    `/conversations/${conversation}/events?limit=100`,
  );
  const list = (await reply.json()) as { items: Frame[] };
  return list.items
    .filter((event) => event["kind"] === "flow" && event["reason"] === "action")
    .map((event) => event["text"]);
}

/** Waits until the declaration is in force: the next outcome is another one. */
async function point(url: string, until: RegExp): Promise<void> {
  const reply = await admin.call("PATCH", `/actions/${action["id"]}`, { url });
  assert.equal(reply.status, 200);
  while (!until.test(await outcome())) continue;
}

test("an action goes over TLS of the shop's authority, with its secret", async () => {
  assert.equal(await outcome(), "It said R-7.");
  assert.equal(shop.calls.length, 1);
  assert.equal(shop.calls[0]!.authorization, `Bearer ${secret}`);
  assert.ok(shop.calls[0]!.key.startsWith(`${conversation}:`));
});

test("a failure is tried again with the same key, once", async () => {
  let failed = 0;
  shop.answer = (_, reply) => {
    reply.statusCode = failed++ === 0 ? 500 : 200;
    reply.end('{"data":{"number":"R-8"}}');
  };
  assert.equal(await outcome(), "It said R-8.");
  assert.equal(shop.calls.length, 2);
  assert.equal(shop.calls[0]!.key, shop.calls[1]!.key);
  assert.deepEqual(await noted(), ["probe.call: status"]);
});

for (const [what, answer, calls, note] of [
  ["no JSON", "<html>", 2, /not JSON/],
  ["without the declared part", '{"number":"R-9"}', 2, /declared part/],
  ["of another type", '{"data":["R-9"]}', 1, /probe\.call: /],
  ["too big", `{"data":{"number":"${"9".repeat(300_000)}"}}`, 2, /too big/],
] as const) {
  test(`an answer ${what} has failed, and says why`, async () => {
    shop.answer = (_, reply) => reply.end(answer);
    assert.equal(await outcome(), "It failed.");
    assert.equal(shop.calls.length, calls);
    const notes = await noted();
    assert.match(notes.at(-1) ?? "", note);
  });
}

test("a status that is declared is its error, and is not tried again", async () => {
  shop.answer = (_, reply) => {
    reply.statusCode = 409;
    reply.end("{}");
  };
  assert.equal(await outcome(), "It said no.");
  assert.equal(shop.calls.length, 1);
});

test("a shop that does not answer is a time-out, tried again with the same key", async () => {
  shop.answer = () => undefined;
  assert.equal(await outcome(), "It failed.");
  assert.equal(shop.calls.length, 2);
  assert.equal(shop.calls[0]!.key, shop.calls[1]!.key);
  assert.match((await noted()).at(-1) ?? "", /timeout|time-out|action_timeout/);
});

test("a certificate of another authority is not believed", async () => {
  shop.answer = (_, reply) => reply.end('{"data":{"number":"R-7"}}');
  await point(`https://127.0.0.1:${other.port}/made`, /It failed/);
  assert.equal(other.calls.length, 0);
});

test("private addresses that are not listed are not called", async () => {
  await point(`https://127.0.0.1:${shop.port}/made`, /It said R-7/);
  await point(`https://10.0.0.1:${shop.port}/made`, /It failed/);
  assert.match((await noted()).at(-1) ?? "", /address not allowed/);
  await point(`https://127.0.0.2:${shop.port}/made`, /It failed/);
  assert.match((await noted()).at(-1) ?? "", /address not allowed/);
});

test("hosts that are not listed are not called", async () => {
  await point(`https://127.0.0.1:${shop.port}/made`, /It said R-7/);
  await point(`https://localhost:${shop.port}/made`, /It failed/);
  assert.match((await noted()).at(-1) ?? "", /address not allowed/);
  assert.equal(shop.calls.length, 0);
});

test("what is secret stays in the vault: not in lists, not in the audit", async () => {
  const list = (await (await admin.call("GET", "/secrets")).json()) as {
    items: Frame[];
  };
  const id = list.items.find((item) => item["name"] === "shop")?.["id"];
  const changed = await admin.call("PATCH", `/secrets/${id}`, {
    value: `${secret}-next`,
  });
  assert.equal(changed.status, 200);
  for (const path of ["/secrets", `/secrets/${id}`, "/audit", "/actions"]) {
    const text = await (await admin.call("GET", path)).text();
    assert.ok(!text.includes(secret), path);
    assert.ok(!text.includes("sealed"), path);
  }
  assert.ok(!server.log.includes(secret));
});
