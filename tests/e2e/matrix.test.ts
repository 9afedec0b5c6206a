// SPDX-License-Identifier: Apache-2.0
// Who may do what over WebSocket: every action of frame.proto, as a visitor, each role and a token
// of each scope, on a conversation of one's own, on somebody else's and on none. The table here is
// written from the paper, not from the server; an action without a row fails.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import {
  Agent,
  clientId,
  type Frame,
  Session,
  visitor,
  welcomeOf,
} from "./wire.ts";

const server = new Server({
  KEFU_LIMIT_VISITOR_RATE: "0",
  KEFU_LIMIT_IP_RATE: "0",
  KEFU_LIMIT_NEW_CONVERSATIONS: "0",
});

type Outcome = "ok" | "forbidden" | "not_found" | "invalid";
type Right =
  | "read"
  | "reply"
  | "reply_any"
  | "take"
  | "assign"
  | "transfer"
  | "close"
  | "close_any";
interface Row {
  visitor?: true;
  /** What agents and tokens need in a conversation of theirs, and in another's; never: nobody. */
  agent?: { own: Right[]; other: Right[] | "never" };
  /** No conversation is named. */
  bare?: true;
  /** Answered only when refused. */
  silent?: true;
  body: (target: Target) => Frame;
}
interface Target {
  conversationId: string;
  seq: number;
}

const named = (target: Target): Frame => ({
  conversationId: target.conversationId,
});
const turn = (target: Target): Frame => ({
  ...named(target),
  clientId: clientId(),
});

const rows: Record<string, Row> = {
  start: {
    visitor: true,
    bare: true,
    body: () => ({ clientId: clientId(), text: "在吗" }),
  },
  send: {
    visitor: true,
    agent: { own: ["reply"], other: ["reply", "reply_any"] },
    body: (target) => ({ ...turn(target), text: "x" }),
  },
  typing: {
    visitor: true,
    silent: true,
    agent: { own: ["reply"], other: ["reply"] },
    body: (target) => ({ ...named(target), active: true }),
  },
  read: {
    visitor: true,
    silent: true,
    agent: { own: ["read"], other: ["read"] },
    body: (target) => ({ ...named(target), seq: 1 }),
  },
  fetch: {
    visitor: true,
    agent: { own: ["read"], other: ["read"] },
    body: named,
  },
  rate: { visitor: true, body: (target) => ({ ...turn(target), rating: 5 }) },
  form: {
    visitor: true,
    body: (target) => ({ ...turn(target), attributes: { a: "b" } }),
  },
  end: { visitor: true, body: turn },
  identify: { visitor: true, bare: true, body: () => ({ name: "Ann" }) },
  page: {
    visitor: true,
    bare: true,
    silent: true,
    body: () => ({ page: { url: "https://shop.example/" } }),
  },
  accept: { agent: { own: ["take"], other: ["take", "assign"] }, body: turn },
  decline: { agent: { own: ["transfer"], other: "never" }, body: turn },
  assign: { agent: { own: ["take"], other: ["take", "assign"] }, body: turn },
  transfer: {
    agent: { own: ["transfer"], other: ["transfer", "assign"] },
    body: turn,
  },
  close: {
    agent: { own: ["close"], other: ["close", "close_any"] },
    body: turn,
  },
  reopen: { agent: { own: ["close"], other: ["close"] }, body: turn },
  toBot: {
    agent: { own: ["transfer"], other: ["transfer", "assign"] },
    body: turn,
  },
  note: {
    agent: { own: ["reply"], other: ["reply", "reply_any"] },
    body: (target) => ({ ...turn(target), text: "x" }),
  },
  recall: {
    agent: { own: ["reply"], other: "never" },
    body: (target) => ({ ...turn(target), seq: target.seq }),
  },
  edit: {
    agent: { own: ["reply"], other: "never" },
    body: (target) => ({ ...turn(target), seq: target.seq, text: "y" }),
  },
  subscribe: { agent: { own: ["read"], other: ["read"] }, body: named },
};

/** Looked at by themselves below. */
const apart = ["hello", "setPresence"];

const agentRights: Right[] = ["read", "reply", "take", "transfer", "close"];
const allRights: Right[] = [...agentRights, "reply_any", "assign", "close_any"];
const roleRights: Record<string, Right[]> = {
  agent: agentRights,
  supervisor: allRights,
  admin: allRights,
  owner: allRights,
};
const scopeRights: Record<string, Right[]> = {
  "conversations:read": ["read"],
  "conversations:write": allRights,
  "visitors:read": [],
  "visitors:write": [],
  "knowledge:read": [],
  "knowledge:write": [],
  "sites:read": [],
  "sites:write": [],
  "agents:read": [],
  "agents:write": [],
  "settings:read": [],
  "settings:write": [],
  "audit:read": [],
  "reports:read": [],
};

interface Actor {
  name: string;
  session: Session;
  agentId: string;
  rights: Right[];
}

const roles: Actor[] = [];
const tokens: Actor[] = [];
let boss: Actor;
let colleague: Actor;

const json = async (reply: Promise<Response>): Promise<Frame> => {
  const got = await reply;
  const body = (await got.json()) as Frame;
  assert.ok(got.status < 300, JSON.stringify(body));
  return body;
};

async function member(
  owner: Agent,
  role: string,
  name: string,
): Promise<Actor> {
  const login = {
    email: `${name}@matrix.example`,
    password: "mirror-lake-42-walnut",
  };
  const made = await json(
    owner.call("POST", "/agents", { ...login, name, role, capacity: 5 }),
  );
  const session = await (await Agent.login(server, login)).socket();
  await session.ask({ setPresence: { status: "away" } });
  return {
    name,
    session,
    agentId: made["id"] as string,
    rights: roleRights[role] as Right[],
  };
}

before(async () => {
  await server.start();
  const owner = await Agent.login(server, server.logins[0] as never);
  const session = await owner.socket();
  await session.ask({ setPresence: { status: "away" } });
  boss = {
    name: "owner",
    session,
    agentId: welcomeOf(session)["agentId"] as string,
    rights: allRights,
  };
  colleague = await member(owner, "agent", "colleague");
  for (const role of ["agent", "supervisor", "admin"])
    roles.push(await member(owner, role, role));
  roles.push(boss);
  for (const [scope, rights] of Object.entries(scopeRights)) {
    const made = await json(
      owner.call("POST", "/api-tokens", { name: scope, scopes: [scope] }),
    );
    const socket = await Session.open(server);
    const hello = await socket.ask({ hello: { apiToken: made["token"] } });
    assert.ok(hello["welcome"], JSON.stringify(hello));
    tokens.push({
      name: scope,
      session: socket,
      agentId: boss.agentId,
      rights,
    });
  }
});
after(() => server.destroy());

const outcome = (frame: Frame): Outcome => {
  const code = frame["error"]?.code as string | undefined;
  return code === "forbidden" || code === "not_found" ? code : "ok";
};

/** What follows on the same conversation is answered after it. */
async function attempt(
  session: Session,
  action: string,
  row: Row,
  target: Target,
): Promise<Outcome> {
  const frame = { [action]: row.body(target) };
  if (!row.silent) return outcome(await session.ask(frame));
  const id = session.tell(frame);
  await session.ask({ fetch: named(target) });
  return outcome(session.frames.find((answer) => answer["id"] === id) ?? {});
}

/** A conversation of an agent, in which one message was said: by the actor if it may, else by him. */
async function conversationOf(
  agentId: string,
  speaker: Session,
): Promise<Target> {
  const guest = await visitor(server);
  const ack = (
    await guest.ask({ start: { clientId: clientId(), text: "转人工" } })
  )["ack"];
  const conversationId = ack.conversationId as string;
  const given = await boss.session.ask({
    assign: { conversationId, clientId: clientId(), agentId },
  });
  assert.ok(given["ack"], JSON.stringify(given));
  const said = await speaker.ask({
    send: { conversationId, clientId: clientId(), text: "m" },
  });
  assert.ok(said["ack"], JSON.stringify(said));
  guest.drop();
  return { conversationId, seq: said["ack"].seq as number };
}

const nowhere = (): Target => ({
  conversationId: "251801435950284801",
  seq: 1,
});

async function cell(
  actor: Actor,
  action: string,
  row: Row,
  where: string,
): Promise<Outcome> {
  const speaks =
    actor.rights.includes("reply") && actor.rights.includes("reply_any");
  const target =
    where === "none" || row.bare
      ? nowhere()
      : where === "own"
        ? await conversationOf(
            actor.agentId,
            speaks || actor.rights === agentRights
              ? actor.session
              : boss.session,
          )
        : await conversationOf(colleague.agentId, colleague.session);
  return attempt(actor.session, action, row, target);
}

function expectedOfAgent(actor: Actor, row: Row, where: string): Outcome {
  if (!row.agent) return "forbidden";
  if (!row.agent.own.every((right) => actor.rights.includes(right)))
    return "forbidden";
  if (where === "none") return "not_found";
  if (where === "own") return "ok";
  const needs = row.agent.other;
  return needs !== "never" &&
    needs.every((right) => actor.rights.includes(right))
    ? "ok"
    : "forbidden";
}

test("every action of the schema has a row", () => {
  const proto = readFileSync(
    join(process.env["KEFU_WEB_ROOT"] ?? ".", "../proto/kefu/v1/frame.proto"),
    "utf8",
  );
  const oneof = /oneof action \{([^}]*)\}/.exec(proto)?.[1] ?? "";
  const names = [...oneof.matchAll(/^\s*\w+ (\w+) = \d+;/gm)].map((match) =>
    (match[1] ?? "").replace(/_(\w)/g, (_, letter: string) =>
      letter.toUpperCase(),
    ),
  );
  assert.ok(names.length > 20);
  assert.deepEqual(names.sort(), [...Object.keys(rows), ...apart].sort());
});

test(
  "roles and tokens reach what is theirs and nothing else",
  { timeout: 300_000 },
  async () => {
    const wrong: string[] = [];
    let cells = 0;
    for (const actor of [...roles, ...tokens]) {
      for (const [action, row] of Object.entries(rows)) {
        for (const where of ["own", "other", "none"]) {
          const got = await cell(actor, action, row, where);
          const expected = expectedOfAgent(actor, row, where);
          cells++;
          if (got !== expected)
            wrong.push(
              `${actor.name} ${action} ${where}: ${got}, not ${expected}`,
            );
        }
      }
    }
    assert.deepEqual(wrong, []);
    assert.equal(cells, 18 * 21 * 3);
  },
);

test(
  "visitors reach their own conversations only",
  { timeout: 60_000 },
  async () => {
    const wrong: string[] = [];
    for (const [action, row] of Object.entries(rows)) {
      for (const where of ["own", "other", "none"]) {
        const guest = await visitor(server);
        const own = (
          await guest.ask({ start: { clientId: clientId(), text: "在吗" } })
        )["ack"];
        const target =
          where === "own"
            ? { conversationId: own.conversationId as string, seq: 1 }
            : where === "other"
              ? await conversationOf(colleague.agentId, colleague.session)
              : nowhere();
        const got = await attempt(guest, action, row, target);
        const expected = !row.visitor
          ? "forbidden"
          : where === "own" || row.bare
            ? "ok"
            : "not_found";
        if (got !== expected)
          wrong.push(`${action} ${where}: ${got}, not ${expected}`);
        guest.drop();
      }
    }
    assert.deepEqual(wrong, []);
  },
);

test("a second hello makes nobody somebody else", async () => {
  const guest = await visitor(server);
  const again = await guest.ask({
    hello: { siteKey: "demo", apiToken: "kefu_x" },
  });
  assert.equal(again["welcome"], undefined);
});

test("presence belongs to agents", async () => {
  const guest = await visitor(server);
  const status = { setPresence: { status: "online" } };
  assert.equal((await guest.ask(status))["error"].code, "forbidden");
  for (const token of tokens)
    assert.equal(
      (await token.session.ask(status))["error"]?.code,
      "forbidden",
      token.name,
    );
});

test("nothing is answered before the hello", async () => {
  for (const [action, row] of Object.entries(rows)) {
    const session = await Session.open(server);
    session.tell({ [action]: row.body(nowhere()) });
    await session.ended();
    assert.equal(session.closed?.code === 1000, false, action);
    assert.equal(
      session.frames.some((frame) => frame["ack"] ?? frame["history"]),
      false,
      action,
    );
  }
});
