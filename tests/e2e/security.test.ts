// SPDX-License-Identifier: Apache-2.0
// What a stranger, a thief of cookies and a page of another site meet: headers, Origin, CSRF token,
// locked accounts, revoked sockets, every field of every write, a server without descriptors.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, Session, visitor } from "./wire.ts";

const server = new Server({
  KEFU_LIMIT_IP_RATE: "0",
  KEFU_LIMIT_VISITOR_RATE: "0",
});
let owner: Agent;
before(async () => {
  await server.start();
  owner = await Agent.login(server, server.logins[0] as never);
});
after(() => server.destroy());

const password = "mirror-lake-42-walnut";
const json = async (reply: Promise<Response>) =>
  (await (await reply).json()) as Frame;

async function until(
  good: () => boolean | Promise<boolean>,
  ms: number,
): Promise<number> {
  const from = Date.now();
  while (!(await good())) {
    if (Date.now() - from > ms) return Infinity;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Date.now() - from;
}

async function member(name: string, role: string) {
  const login = { email: `${name}@security.example`, password };
  const made = await json(
    owner.call("POST", "/agents", { ...login, name, role }),
  );
  assert.ok(made["id"], JSON.stringify(made));
  const agent = await Agent.login(server, login);
  return { login, agent, made };
}

// ---- headers ----

/** Everything that answers, and everything that refuses. */
const addresses: [string, string, RequestInit?][] = [
  ["GET", "/"],
  ["GET", "/demo"],
  ["GET", "/console"],
  ["GET", "/panel?site=demo"],
  ["GET", "/w.js"],
  ["GET", "/healthz"],
  ["GET", "/readyz"],
  ["GET", "/metrics"],
  ["GET", "/nowhere"],
  ["GET", "/../../etc/passwd"],
  ["DELETE", "/console"],
  ["GET", "/ws"],
  ["GET", "/api/v1/openapi.json"],
  ["GET", "/api/v1/session"],
  ["GET", "/api/v1/nowhere"],
  ["PUT", "/api/v1/agents"],
  ["POST", "/api/v1/login", { body: "{" }],
  ["POST", "/api/v1/login", { body: "x".repeat(2 << 20) }],
  ["POST", "/api/v1/visitor/frames", { body: "{}" }],
  ["GET", "/api/v1/visitor/stream"],
  ["GET", "/api/v1/visitor/site?site=demo"],
  ["GET", "/api/v1/visitor/site"],
];

test("every answer says what it is and what it may do", async () => {
  for (const [method, path, more] of addresses) {
    const reply = await fetch(server.origin + path, {
      method,
      redirect: "manual",
      ...more,
    }).catch(
      () => null, // a body over the limit may be cut off
    );
    if (!reply) {
      assert.ok(path === "/api/v1/login", path);
      continue;
    }
    const name = `${method} ${path} ${reply.status}`;
    const csp = reply.headers.get("content-security-policy") ?? "";
    if (reply.headers.get("content-type"))
      assert.equal(
        reply.headers.get("x-content-type-options"),
        "nosniff",
        name,
      );
    assert.equal(reply.headers.get("server"), null, name);
    // HTTP's and WebSocket's own refusals are a line of text.
    const type = reply.headers.get("content-type") ?? "";
    if (reply.status >= 400 && type === "text/plain") continue;
    assert.ok(reply.headers.get("cache-control"), name);
    assert.match(csp, /default-src 'none'/, name);
    assert.match(csp, /frame-ancestors /, name);
    assert.doesNotMatch(csp, /unsafe|\*/, name);
    if (type.startsWith("text/html")) {
      assert.match(
        reply.headers.get("referrer-policy") ?? "",
        /strict-origin/,
        name,
      );
      assert.ok(reply.headers.get("permissions-policy"), name);
      assert.match(csp, /base-uri 'none'/, name);
      assert.match(csp, /form-action/, name);
      if (!path.startsWith("/panel"))
        assert.match(csp, /frame-ancestors 'none'/, name);
    }
  }
});

test("the panel stands only in the site's own pages", async (t) => {
  if ((await fetch(`${server.origin}/panel`)).status === 404) {
    t.skip("this server was built without its pages");
    return;
  }
  const made = await json(
    owner.call("POST", "/sites", {
      name: "Strict",
      domains: ["shop.example", "*.shop.example"],
    }),
  );
  let csp = "";
  await until(async () => {
    const reply = await fetch(`${server.origin}/panel?site=${made["key"]}`);
    csp = reply.headers.get("content-security-policy") ?? "";
    return csp.includes("shop.example");
  }, 5000);
  assert.match(csp, /frame-ancestors 'self' shop\.example \*\.shop\.example$/);
  for (const domain of [
    "a.example; script-src *",
    "a.example *",
    "*",
    "'self'",
    "a b",
    "",
  ]) {
    const reply = await owner.call("POST", "/sites", {
      name: "x",
      domains: [domain],
    });
    assert.equal(reply.status, 400, domain);
  }
});

// ---- Origin and CSRF ----

test("a cookie alone changes nothing", async () => {
  const body = JSON.stringify({ shortcut: "csrf", text: "x", locale: "en" });
  const good = {
    cookie: owner.cookie,
    origin: server.origin,
    "x-csrf-token": owner.csrf,
    "content-type": "application/json",
  };
  const without = (...names: string[]) =>
    Object.fromEntries(
      Object.entries(good).filter(([name]) => !names.includes(name)),
    );
  const post = async (headers: Record<string, string>) =>
    (
      await fetch(`${server.origin}/api/v1/canned-replies`, {
        method: "POST",
        headers,
        body,
      })
    ).status;
  for (const headers of [
    without("x-csrf-token"),
    { ...good, "x-csrf-token": "" },
    { ...good, "x-csrf-token": owner.csrf.slice(0, -1) },
    { ...good, "x-csrf-token": `${owner.csrf}x` },
    { ...good, origin: "https://evil.example" },
    { ...good, origin: "null" },
    { ...good, origin: `${server.origin}.evil.example` },
    { ...good, origin: `https://evil.example/${server.origin}` },
    { ...good, origin: `http://127.0.0.1.evil.example:${server.port}` },
    { ...good, origin: `http://user@127.0.0.1:${server.port + 1}` },
  ])
    assert.equal(await post(headers), 403, JSON.stringify(headers));
  assert.equal(await post(good), 201);
  const other = (await member("csrf", "admin")).agent;
  assert.equal(
    await post({ ...good, "x-csrf-token": other.csrf }),
    403,
    "another's token",
  );
});

test("eight tricks with Origin open no socket", async () => {
  const host = `127.0.0.1:${server.port}`;
  for (const origin of [
    "https://evil.example",
    "null",
    `http://${host}.evil.example`,
    `http://evil.example/${host}`,
    `http://evil.example?${host}`,
    `http://evil.example#${host}`,
    `http://${host}@evil.example`,
    `file://${host}`,
  ]) {
    const head = await raw(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n` +
        `Sec-WebSocket-Protocol: kefu.v1.json\r\nOrigin: ${origin}\r\n\r\n`,
    );
    assert.match(head, /^HTTP\/1.1 403 /, origin);
  }
});

function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(server.port, "127.0.0.1", () =>
      socket.write(bytes),
    );
    let got = "";
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      if (got.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
}

// ---- log-in ----

async function attempt(email: string, word: string) {
  const from = process.hrtime.bigint();
  const reply = await fetch(`${server.origin}/api/v1/login`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: server.origin },
    body: JSON.stringify({ email, password: word }),
  });
  const text = await reply.text();
  return {
    status: reply.status,
    text,
    ms: Number(process.hrtime.bigint() - from) / 1e6,
  };
}

test("unknown, wrong and locked look the same and take the same time", async () => {
  const { login } = await member("lock", "agent");
  const unknown: number[] = [];
  const known: number[] = [];
  const texts = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const there = await attempt(login.email, "wrong wrong wrong");
    const nobody = await attempt(
      `nobody${i}@security.example`,
      "wrong wrong wrong",
    );
    known.push(there.ms);
    unknown.push(nobody.ms);
    texts
      .add(`${there.status} ${there.text}`)
      .add(`${nobody.status} ${nobody.text}`);
  }
  const right = await attempt(login.email, login.password); // it is locked by now
  texts.add(`${right.status} ${right.text}`);
  assert.equal(texts.size, 1, [...texts].join("\n"));
  assert.equal(right.status, 401);
  // Hashing takes most of an attempt's time, so a path that leaves it out is several times
  // faster. Each path's fastest attempt is the one that neighbours disturbed least.
  const there = Math.min(...known);
  const nobody = Math.min(...unknown);
  assert.ok(
    Math.max(there, nobody) < 2 * Math.min(there, nobody),
    `${there} and ${nobody} ms`,
  );
});

test("a log-in is a new session each time, and none of the old words work", async () => {
  const { login, agent } = await member("fixed", "agent");
  const again = await Agent.login(server, login);
  assert.notEqual(again.cookie, agent.cookie);
  const planted = await fetch(`${server.origin}/api/v1/login`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      origin: server.origin,
      cookie: "kefu_http=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    },
    body: JSON.stringify(login),
  });
  assert.equal(planted.status, 200);
  const cookie = planted.headers.get("set-cookie") ?? "";
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Lax/);
  assert.doesNotMatch(cookie, /AAAAAAAA/);
});

// ---- what ends sockets ----

test("log-out, deactivation and a lesser role end sockets within 5 s", async () => {
  const gone = async (session: Session) =>
    until(() => session.closed !== null, 5000);
  const out = await member("out", "agent");
  const outSocket = await out.agent.socket();
  await out.agent.call("POST", "/logout", {});
  assert.ok((await gone(outSocket)) <= 5000, "log-out");
  assert.equal((await out.agent.call("GET", "/session")).status, 401);

  const off = await member("off", "supervisor");
  const offSocket = await off.agent.socket();
  const patch = await owner.call("PATCH", `/agents/${off.made["id"]}`, {
    disabled: true,
    version: off.made["version"],
  });
  assert.equal(patch.status, 200, await patch.text());
  assert.ok((await gone(offSocket)) <= 5000, "deactivation");
  assert.equal((await off.agent.call("GET", "/session")).status, 401);
  await assert.rejects(Agent.login(server, off.login));

  const less = await member("less", "admin");
  const lessSocket = await less.agent.socket();
  const lower = await owner.call("PATCH", `/agents/${less.made["id"]}`, {
    role: "agent",
    version: less.made["version"],
  });
  assert.equal(lower.status, 200, await lower.text());
  const ended = await gone(lessSocket);
  const still = (await less.agent.call("GET", "/audit")).status;
  assert.ok(ended <= 5000, "a lesser role");
  assert.ok(
    still === 401 || still === 403,
    `audit with a lesser role: ${still}`,
  );
});

test("a ticket opens one socket", async () => {
  const { ticket } = (await json(owner.call("POST", "/ws-tickets", {}))) as {
    ticket: string;
  };
  const first = await Session.open(server);
  assert.ok((await first.ask({ hello: { ticket } }))["welcome"]);
  const second = await Session.open(server);
  second.tell({ hello: { ticket } });
  await second.ended();
  assert.equal(
    second.frames.some((frame) => frame["welcome"]),
    false,
  );
});

test("a visitor's token that was changed anywhere proves nobody", async () => {
  const guest = await visitor(server);
  const ack = (
    await guest.ask({ start: { clientId: clientId(), text: "我的秘密" } })
  )["ack"];
  const { visitorToken, visitorId } = guest.frames[0]?.["welcome"] as Frame;
  const letters = visitorToken as string;
  for (let at = 0; at < letters.length; at += 3) {
    const forged =
      letters.slice(0, at) +
      (letters[at] === "A" ? "B" : "A") +
      letters.slice(at + 1);
    const thief = await visitor(server, forged);
    const welcome = thief.frames.find((frame) => frame["welcome"])?.["welcome"];
    assert.notEqual(welcome?.visitorId, visitorId, `letter ${at}`);
    if (welcome) {
      const read = await thief.ask({
        fetch: { conversationId: ack.conversationId },
      });
      assert.equal(read["error"]?.code, "not_found");
    }
    thief.drop();
  }
});

// ---- sweeps ----

interface Write {
  method: string;
  path: string;
  body: Frame;
}

let sweeps = 0;

async function writes(): Promise<Write[]> {
  sweeps++;
  const first = async (path: string) =>
    ((await json(owner.call("GET", path)))["items"] as Frame[])[0] as Frame;
  const make = (path: string, body: Frame) =>
    json(owner.call("POST", path, body));
  const site = await first("/sites");
  const canned = await make("/canned-replies", {
    shortcut: `sweep${sweeps}`,
    text: "x",
    locale: "en",
  });
  const faq = await make("/faq-entries", {
    locale: "en",
    question: "Sweep?",
    answer: "Yes.",
  });
  const rule = await make("/rules", {
    name: "sweep",
    any: ["sweep"],
    answer: "x",
    locale: "en",
  });
  const { made } = await member(`swept${sweeps}`, "agent");
  const guest = await visitor(server);
  const ack = (await guest.ask({ start: { clientId: clientId(), text: "x" } }))[
    "ack"
  ];
  const patch = (path: string, of: Frame, body: Frame): Write => ({
    method: "PATCH",
    path: `${path}/${of["id"]}`,
    body: { ...body, version: of["version"] },
  });
  return [
    {
      method: "POST",
      path: "/login",
      body: { email: "a@b.example", password: "x" },
    },
    {
      method: "POST",
      path: "/setup",
      body: {
        token: "x",
        email: "a@b.example",
        name: "x",
        password,
        siteName: "x",
        locale: "en",
      },
    },
    { method: "POST", path: "/logout", body: {} },
    { method: "POST", path: "/ws-tickets", body: {} },
    {
      method: "POST",
      path: "/sites",
      body: { name: "x", domains: ["a.example"] },
    },
    patch("/sites", site, { name: "x", color: "#112233" }),
    {
      method: "POST",
      path: "/agents",
      body: {
        email: "c@d.example",
        name: "x",
        role: "agent",
        password,
        capacity: 3,
      },
    },
    patch("/agents", made, { name: "y", capacity: 4 }),
    {
      method: "POST",
      path: "/canned-replies",
      body: { shortcut: "y", text: "x", locale: "en" },
    },
    patch("/canned-replies", canned, { text: "y" }),
    {
      method: "POST",
      path: "/faq-entries",
      body: {
        locale: "en",
        question: "Why?",
        variants: ["How come?"],
        answer: "So.",
      },
    },
    patch("/faq-entries", faq, { answer: "No." }),
    {
      method: "POST",
      path: "/rules",
      body: { name: "y", any: ["y"], answer: "x", locale: "en" },
    },
    patch("/rules", rule, { answer: "y", priority: 3 }),
    {
      method: "POST",
      path: "/api-tokens",
      body: { name: "x", scopes: ["audit:read"] },
    },
    {
      method: "POST",
      path: `/conversations/${ack.conversationId}/events`,
      body: { text: "x", kind: "note" },
    },
    {
      method: "POST",
      path: "/visitor/frames",
      body: {
        id: 1,
        send: {
          conversationId: ack.conversationId,
          clientId: clientId(),
          text: "x",
        },
      },
    },
  ];
}

/** The resource's fields, and those of the tables and of others: none may be written by name. */
const foreign = [
  "workspaceId",
  "workspace_id",
  "passwordHash",
  "failures",
  "lockedUntil",
].concat([
  "isAdmin",
  "permissions",
  "tokenHash",
  "__proto__",
  "constructor",
  "agentId",
  "siteId",
]);

test("every write refuses fields that it does not have, by name", async () => {
  const wrong: string[] = [];
  let tries = 0;
  for (const write of await writes()) {
    for (const field of foreign) {
      if (field in write.body && field !== "constructor") continue;
      const body = JSON.stringify(write.body).replace(/\}$/, "");
      const comma = body === "{" ? "" : ",";
      const reply = await owner.call(
        write.method,
        write.path,
        `${body}${comma}"${field}":"1"}`,
      );
      const text = await reply.text();
      tries++;
      if (reply.status !== 400 || !text.includes(field))
        wrong.push(
          `${write.method} ${write.path} ${field}: ${reply.status} ${text}`,
        );
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(tries > 180);
});

test("every field of every write refuses another type, with its path", async () => {
  const wrong: string[] = [];
  const seen = new Set<string>();
  const sweep = async (write: Write, path: string[], value: unknown) => {
    const others = [true, 0, 1.5, "text", [], {}, [[]], null];
    for (const other of others) {
      const same = (a: unknown) =>
        Array.isArray(a) ? "array" : a === null ? "null" : typeof a;
      if (same(other) === same(value)) continue;
      if (typeof value === "number" && typeof other === "number") continue;
      if (other === null) continue; // null is "not given" in canonical JSON
      const body = structuredClone(write.body);
      let at: Frame = body;
      for (const key of path.slice(0, -1)) at = at[key] as Frame;
      at[path.at(-1) as string] = other;
      const reply = await owner.call(write.method, write.path, body);
      const text = await reply.text();
      const name = `${write.method} ${write.path} ${path.join(".")} = ${JSON.stringify(other)}`;
      seen.add(`${write.path} ${path.join(".")}`);
      // As canonical proto3 JSON has it: an id may be a number, and so may a name of an enum.
      if (/Id$|^version$|^kind$/.test(path.at(-1) ?? "") && other === 0)
        continue;
      if (reply.status !== 400 || !text.includes(path.at(-1) as string))
        wrong.push(`${name}: ${reply.status} ${text}`);
    }
  };
  const walk = async (
    write: Write,
    path: string[],
    value: unknown,
  ): Promise<void> => {
    if (path.length > 0) await sweep(write, path, value);
    if (value !== null && typeof value === "object" && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value))
        await walk(write, [...path, key], inner);
  };
  for (const write of await writes()) await walk(write, [], write.body);
  assert.deepEqual(wrong, []);
  assert.ok(seen.size > 40, `${seen.size} fields`);
});

test("no log line and no answer holds a password, a token or what was said", async () => {
  const canary = "canary-7f3a9c1e5b";
  const guest = await visitor(server);
  await guest.ask({ start: { clientId: clientId(), text: canary } });
  await attempt("log@security.example", canary);
  await owner.call("POST", "/faq-entries", {
    locale: "en",
    question: canary,
    answer: 1,
  });
  await owner.call("GET", `/search?q=${canary}`);
  assert.equal(server.log.includes(canary), false);
  assert.equal(server.log.includes(owner.csrf), false);
  const agents = await (await owner.call("GET", "/agents")).text();
  const tokens = await (await owner.call("GET", "/api-tokens")).text();
  assert.doesNotMatch(
    agents + tokens,
    /argon2|passwordHash|tokenHash|"password":"[^"]/,
  );
});

// ---- descriptors ----

test(
  "without descriptors it waits without turning, and recovers",
  { timeout: 180_000 },
  async () => {
    const small = new Server({ KEFU_LIMIT_IP_RATE: "0" });
    await small.start(["prlimit", "--nofile=200"]);
    const cpu = () => {
      const fields =
        readFileSync(`/proc/${small.pid}/stat`, "utf8")
          .split(") ")[1]
          ?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10; // ms, at 100 ticks a second
    };
    for (let quiet = 0; quiet < 3;) {
      // A first start has work of its own: the demo's intents are learned. On a busy machine that
      // work pauses too, so one quiet half second isn't its end.
      const begun = cpu();
      await until(() => false, 500);
      quiet = (cpu() - begun) / 500 > 0.05 ? 0 : quiet + 1;
    }
    const sockets: Socket[] = [];
    for (let i = 0; i < 500; i++) {
      const socket = createConnection(small.port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
    }
    await until(() => false, 500); // whatever it does at first
    const before_ = cpu();
    await until(() => false, 3000);
    const used = (cpu() - before_) / 3000;
    assert.ok(
      used <= 0.2,
      `${Math.round(used * 100)} % of a core while nothing happens`,
    );
    for (const socket of sockets) socket.destroy();
    const back = await until(
      async () =>
        (await fetch(`${small.origin}/healthz`).catch(() => null))?.status ===
        200,
      5000,
    );
    assert.ok(back <= 1000, `answers again after ${back} ms`);
    assert.equal(await small.terminate(), 0);
    await small.destroy();
  },
);

test("a setting that cannot be read is named", () => {
  for (const [option, value] of [
    ["action-networks", "10.0.0.0/40"],
    ["action-ports", "0"],
    ["action-ca", "/nowhere.pem"],
    ["trusted-proxies", "proxy"],
  ] as const) {
    const run = spawnSync(
      process.env["KEFU_BIN"] ?? "",
      ["serve", `--${option}`, value, "--data", "/nowhere", "--port", "0"],
      { encoding: "utf8" },
    );
    assert.notEqual(run.status, 0, option);
    assert.match(run.stderr, new RegExp(`kefu: ${option.replace("-", "_")}: `));
  }
});

test("the program is hardened as it should be", () => {
  const program = process.env["KEFU_BIN"] ?? "";
  const head = execFileSync("readelf", ["-hldW", program], {
    encoding: "utf8",
  });
  assert.match(head, /Type:\s+DYN/, "position independent");
  assert.match(head, /GNU_RELRO/);
  assert.match(head, /BIND_NOW|FLAGS.*NOW/);
  assert.match(
    head,
    /GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW /,
    "no executable stack",
  );
  assert.doesNotMatch(head, /RPATH|RUNPATH/);
});
