// SPDX-License-Identifier: Apache-2.0
// The desk at work: 50 visitors and 5 agents over sockets, a configuration with skills, rings,
// priorities and offers, kill -9 in the middle. Whatever happens, everybody is served once.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
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
});
before(() => server.start());
after(() => server.destroy());

const password = "a long enough password";
const capacity = 3;
const visitors = 50;
const stormVisitors = 120;
const stormWaves = 12;

const routing = {
  skills: ["returns"],
  facts: { "form.topic": "text", "contact.tier": ["normal", "vip"] },
  settings: { slow_start: "0s", quiet: { weight: "100%", over: 0 } },
  routes: [
    { id: "returns", if: "form.topic == 'returns'", queue: "returns" },
    {
      id: "urgent",
      if: "form.topic == 'urgent'",
      queue: "general",
      priority: 9,
    },
    { id: "offers", if: "form.topic == 'offers'", queue: "offers" },
    { id: "rest", else: true, queue: "general" },
  ],
  queues: {
    general: { sla: { first: "30s" } },
    returns: {
      skills: { returns: 5 },
      rings: [{ after: "0s" }, { after: "4s", level: -3 }],
    },
    offers: { team: "offers", offer: "2s" },
  },
};

interface Colleague {
  id: string;
  level: number;
  agent: Agent;
  session: Session;
}
const colleagues: Colleague[] = [];
let boss: Agent;

async function json(reply: Promise<Response>, status = 200): Promise<Frame> {
  const answer = await reply;
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return JSON.parse(text) as Frame;
}

async function publish(config: object): Promise<string> {
  const draft = await json(
    boss.call("POST", "/routing-configs", {
      config: JSON.stringify(config),
      note: "test",
    }),
    201,
  );
  await json(boss.call("POST", `/routing-configs/${draft["id"]}/publish`, {}));
  return draft["id"] as string;
}

async function hire(
  name: string,
  level: number,
  team = "",
): Promise<Colleague> {
  const email = `${name}@desk.test`;
  const made = await json(
    boss.call("POST", "/agents", {
      email,
      name,
      password,
      role: "agent",
      capacity,
      skills: level > 0 ? [{ skill: "returns", level }] : [],
      teams: team === "" ? [] : [team],
    }),
    201,
  );
  const agent = await Agent.login(server, { email, password });
  return {
    id: made["id"] as string,
    level,
    agent,
    session: undefined as unknown as Session,
  };
}

async function online(colleague: Colleague): Promise<void> {
  colleague.session = await colleague.agent.socket();
  await colleague.session.ask({ subscribe: { inbox: true } });
}

/** Asks for a person, having said what it is about. */
async function waiting(topic: string) {
  const session = await visitor(server);
  const ack = (
    await session.ask({ start: { clientId: clientId(), text: "你好" } })
  )["ack"] as Frame;
  const conversationId = ack["conversationId"] as string;
  if (topic !== "")
    await session.ask({
      form: { conversationId, clientId: clientId(), attributes: { topic } },
    });
  await session.ask({
    send: { conversationId, clientId: clientId(), text: "转人工" },
  });
  return { session, conversationId, topic };
}
type Waiting = Awaited<ReturnType<typeof waiting>>;

const assignedIn = (session: Session): Frame[] =>
  session.frames
    .map((frame) => frame["event"] as Frame | undefined)
    .filter((event): event is Frame => event?.["kind"] === "assigned");

async function close(colleague: Colleague, conversationId: string) {
  return colleague.session.ask({
    close: { conversationId, clientId: clientId(), reason: "solved" },
  });
}

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? "-1");
};

/** Polls without sleeping away more than it must. */
async function until(what: string, test: () => boolean | Promise<boolean>) {
  const late = Date.now() + 30_000;
  while (!(await test())) {
    if (Date.now() > late) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function configured(): Promise<void> {
  if (colleagues.length > 0) return;
  boss = await Agent.login(server, server.logins[0] as never);
  for (const [name, level] of [
    ["ann", 5],
    ["bo", 2],
    ["cy", 0],
    ["di", 5],
    ["ed", 0],
  ] as const)
    colleagues.push(await hire(name, level));
  await hire("fay", 0, "offers"); // somebody must be able to serve each queue
  await publish(routing);
}

test("a configuration that cannot work is refused with its path", async () => {
  await configured();
  const report = await json(
    boss.call("POST", "/routing-checks", {
      config: JSON.stringify({
        ...routing,
        queues: { ...routing.queues, general: { overflow: ["nowhere"] } },
      }),
    }),
  );
  assert.notEqual(report["ok"], true);
  assert.equal(report["problems"][0].path, "queues.general.overflow[0]");
  const plain = await colleagues[0]?.agent.call("GET", "/routing");
  assert.equal(plain?.status, 403);
});

test("a configuration is in force when its publishing is answered", async () => {
  await configured();
  for (const queue of ["returns", "general", "returns", "general"]) {
    await publish({ ...routing, routes: [{ id: "all", else: true, queue }] });
    const { session, conversationId } = await waiting("");
    await session.wait((frame) => frame["queue"] !== undefined);
    const now = await json(
      boss.call("GET", `/conversations/${conversationId}/routing`),
    );
    assert.equal(now["queue"], queue);
    await session.ask({ end: { conversationId, clientId: clientId() } });
  }
  await publish(routing);
});

test("rings widen: who waits long is given to somebody who knows less", async () => {
  await configured();
  const learner = colleagues[1] as Colleague; // level 2, where 5 is asked for
  await online(learner);
  const one = await waiting("returns");
  const assigned = await one.session.event((e) => e["kind"] === "assigned");
  assert.equal(assigned["event"].agentId, learner.id);
  let trace: Frame | undefined;
  await until("the decision's trace is stored", async () => {
    const list = await json(
      boss.call("GET", `/conversations/${one.conversationId}/routing-traces`),
    );
    trace = (list["items"] as Frame[] | undefined)?.[0];
    return trace !== undefined;
  });
  assert.equal(trace?.["ring"], 1);
  assert.ok((trace?.["waitedMs"] as number) >= 4000);
  await close(learner, one.conversationId);
  learner.session.drop();
});

test("50 visitors, 5 agents, kill -9: all are served once, by whom they need", async () => {
  await configured();
  const topics = (i: number) =>
    i % 10 === 3 ? "urgent" : i % 5 === 1 ? "returns" : "";
  const all: Waiting[] = [];
  for (let i = 0; i < visitors; i++) all.push(await waiting(topics(i)));
  await Promise.all(
    all.map((one) => one.session.wait((frame) => frame["queue"] !== undefined)),
  );
  assert.equal(assignedIn((all[0] as Waiting).session).length, 0);

  // Why not me: an agent without the skill asks about somebody who waits for it.
  const expert = all[1] as Waiting;
  await online(colleagues[2] as Colleague);
  const why = await json(
    boss.call(
      "GET",
      `/conversations/${expert.conversationId}/routing?agent=${colleagues[2]?.id}`,
    ),
  );
  const step = (why["steps"] as Frame[]).find((s) => s["kind"] === "skill");
  assert.equal(step?.["label"], "returns");
  assert.notEqual(step?.["passed"], true);

  for (const at of [0, 1, 3, 4]) await online(colleagues[at] as Colleague);
  const served = () =>
    all.filter((one) => assignedIn(one.session).length > 0).length;
  await until("all places taken", () => served() === 5 * capacity);
  // The urgent ones, five of them, came before the ones that waited longer.
  for (const one of all.filter((w) => w.topic === "urgent"))
    assert.equal(assignedIn(one.session).length, 1, "urgent ones first");

  // A freed agent is given the right one at once.
  const byId = new Map(colleagues.map((c) => [c.id, c]));
  const done = new Set<string>();
  const tookMs: number[] = [];
  const serveOne = async (): Promise<boolean> => {
    const one = all.find(
      (w) => !done.has(w.conversationId) && assignedIn(w.session).length > 0,
    );
    if (!one) return false;
    const holder = byId.get(
      assignedIn(one.session).at(-1)?.["agentId"] as string,
    ) as Colleague;
    if (one.topic === "returns") assert.ok(holder.level >= 2, "has the skill");
    const before = served();
    const left = visitors - before;
    const answer = await close(holder, one.conversationId);
    assert.ok(answer["ack"], JSON.stringify(answer));
    done.add(one.conversationId);
    const since = performance.now();
    if (left > 0 && holder.level >= 2) {
      await until("the next one", () => served() > before);
      tookMs.push(performance.now() - since);
    }
    return true;
  };
  for (let i = 0; i < 12; i++) assert.ok(await serveOne());
  tookMs.sort((a, b) => a - b);
  assert.ok((tookMs.at(-1) ?? 0) < 2000, `freed to assigned: ${tookMs}`);

  // The wall has shown the queues, and every load stayed within capacity.
  const wall = await (colleagues[0] as Colleague).session.wait(
    (frame) => frame["desk"] !== undefined,
  );
  assert.deepEqual(
    (wall["desk"].queues as Frame[]).map((queue) => queue["queue"]),
    ["general", "returns", "offers"],
  );
  await until("the wall shows who waits", () =>
    (colleagues[0] as Colleague).session.frames.some((frame) =>
      ((frame["desk"]?.queues ?? []) as Frame[]).some(
        (queue) => queue["queue"] === "general" && queue["waiting"] > 0,
      ),
    ),
  );

  await server.kill();
  await server.start();
  boss = await Agent.login(server, server.logins[0] as never);
  for (const one of all) {
    const token = welcomeOf(one.session)["visitorToken"] as string;
    one.session = await visitor(server, token);
    // What happened before is read, not remembered.
    const history = await one.session.ask({
      fetch: { conversationId: one.conversationId, limit: 200 },
    });
    for (const event of history["history"].events as Frame[])
      one.session.frames.push({ event });
  }
  for (const colleague of colleagues) await online(colleague);

  while (done.size < visitors) {
    await until("somebody to serve", async () => {
      const open = all.find(
        (w) => !done.has(w.conversationId) && assignedIn(w.session).length > 0,
      );
      return open !== undefined;
    });
    await serveOne();
  }

  for (const one of all) {
    const history = (
      await one.session.ask({
        fetch: { conversationId: one.conversationId, limit: 200 },
      })
    )["history"] as Frame;
    const kinds = (history["events"] as Frame[]).map((event) => event["kind"]);
    assert.equal(kinds.filter((k) => k === "assigned").length, 1, "once");
    assert.equal(kinds.filter((k) => k === "closed").length, 1, "once");
    assert.equal(kinds.filter((k) => k === "handoff").length, 1, "once");
  }
  for (const colleague of colleagues) {
    for (const frame of colleague.session.frames) {
      for (const one of (frame["presence"]?.agents ?? []) as Frame[])
        assert.ok((one["load"] ?? 0) <= (one["capacity"] ?? 0));
    }
  }
  await until("nobody waits", async () => (await metric("desk_waiting")) === 0);
  assert.equal(await metric("routing_idle_while_waiting_total"), 0);
  assert.ok((await metric("routing_wait_ms_count")) > 0);
  const watcher = (colleagues[0] as Colleague).session;
  await until("the wall is empty", () =>
    watcher.frames
      .filter((frame) => frame["desk"] !== undefined)
      .slice(-1)
      .some((frame) =>
        (frame["desk"].queues as Frame[]).every((q) => !q["waiting"]),
      ),
  );

  // And why, also of decisions before the crash.
  await until("traces are stored", async () => {
    const list = await json(
      boss.call(
        "GET",
        `/conversations/${all.at(-1)?.conversationId}/routing-traces`,
      ),
    );
    return (list["items"] ?? []).length > 0;
  });
  const traces = await json(
    boss.call(
      "GET",
      `/conversations/${all.at(-1)?.conversationId}/routing-traces`,
    ),
  );
  const trace = traces["items"][0] as Frame;
  assert.equal(trace["decision"], "assigned");
  assert.equal(trace["queue"], "general");
  assert.equal(trace["rule"], "rest");
  assert.ok((trace["steps"] as Frame[]).length > 1);
});

test("an offer rings, is declined, rings elsewhere, is accepted; misses set away", async () => {
  await configured();
  for (const colleague of colleagues.slice(0, 2)) {
    await json(
      boss.call("PATCH", `/agents/${colleague.id}`, { teams: ["offers"] }),
    );
    if (colleague.session === undefined || colleague.session.closed)
      await online(colleague);
  }
  const pair = colleagues.slice(0, 2);
  const offerOf = (conversationId: string, last: string) =>
    Promise.race(
      pair.map((colleague) =>
        colleague.session
          .wait((frame) => {
            const row = frame["conversation"]?.conversation as
              Frame | undefined;
            return (
              row?.["id"] === conversationId &&
              row["offeredTo"] !== undefined &&
              row["offeredTo"] !== last
            );
          })
          .then((frame) => frame["conversation"].conversation as Frame),
      ),
    );
  const one = await waiting("offers");
  const first = await offerOf(one.conversationId, "");
  assert.ok(Date.parse(first["offeredUntil"]) > Date.now() - 1000);
  const asked = pair.find((c) => c.id === first["offeredTo"]) as Colleague;
  const other = pair.find((c) => c.id !== first["offeredTo"]) as Colleague;
  assert.ok(
    (
      await asked.session.ask({
        decline: {
          conversationId: one.conversationId,
          clientId: clientId(),
          reason: "in a call",
        },
      })
    )["ack"],
  );
  const second = await offerOf(one.conversationId, asked.id);
  assert.equal(second["offeredTo"], other.id);
  const again = await asked.session.ask({
    decline: { conversationId: one.conversationId, clientId: clientId() },
  });
  assert.equal(again["error"].code, "conflict");
  const accepted = await other.session.ask({
    accept: { conversationId: one.conversationId, clientId: clientId() },
  });
  assert.ok(accepted["ack"], JSON.stringify(accepted));
  const assigned = await one.session.event((e) => e["kind"] === "assigned");
  assert.equal(assigned["event"].agentId, other.id);
  assert.equal(
    JSON.stringify(one.session.frames).includes("in a call"),
    false,
    "visitors do not see who declined",
  );

  // Nobody answers: two misses, and the agent is away.
  await close(other, one.conversationId);
  const ignored = [await waiting("offers"), await waiting("offers")];
  assert.equal(ignored.length, 2);
  await until("somebody is set away", () =>
    pair.some((colleague) =>
      colleague.session.frames.some((frame) =>
        ((frame["presence"]?.agents ?? []) as Frame[]).some(
          (row) => row["status"] === "away" && row["reason"] === "missed",
        ),
      ),
    ),
  );
});

test("rules ask for site, page, contact, flow and slots", async () => {
  await configured();
  const rule = (id: string, guard: string) => ({ id, if: guard, queue: id });
  const facts = {
    "page.url": "text",
    "slot.need": "text",
    "contact.user_id": "text",
    "contact.plan": ["free", "paid"],
  };
  const routes = [
    rule("page", "page.url ~ '*/cart*' && channel == 'web'"),
    rule("contact", "contact.plan == 'paid' && contact.user_id == 'u7'"),
    rule("slot", "slot.need == 'price' && flow == 'lead'"),
    rule("flow", "flow == 'returns'"),
    rule("site", "site == 'demo' && lang == 'zh'"),
    { id: "else", else: true, queue: "else" },
  ];
  const queues = Object.fromEntries(routes.map(({ id }) => [id, {}]));
  await publish({ facts, routes, queues });
  const site = (await json(boss.call("GET", "/sites")))["items"][0] as Frame;
  const secret = await json(
    boss.call("GET", `/sites/${site["id"]}/identity-secret`),
  );
  const says = async (one: Frame, text: string) => {
    const ack = await one["session"].ask({
      send: { conversationId: one["id"], clientId: clientId(), text },
    });
    assert.ok(ack["ack"], JSON.stringify(ack));
  };
  const begins = async (text: string, url = "https://shop.test/") => {
    const session = await Session.open(server);
    await session.ask({
      hello: { siteKey: "demo", locale: "zh-CN", page: { url } },
    });
    const ack = await session.ask({
      start: { clientId: clientId(), text, page: { url } },
    });
    return { session, id: ack["ack"].conversationId as string };
  };
  const queueOf = async (one: Frame): Promise<string> => {
    await says(one, "转人工");
    const row = await json(boss.call("GET", `/conversations/${one["id"]}`));
    await one["session"].ask({
      end: { conversationId: one["id"], clientId: clientId() },
    });
    return row["queue"] as string;
  };

  assert.equal(await queueOf(await begins("你好")), "site");
  const cart = await begins("你好", "https://shop.test/cart?item=7");
  assert.equal(await queueOf(cart), "page");

  const known = await begins("你好");
  const issuedAt = Math.floor(Date.now() / 1000);
  const hash = createHmac("sha256", secret["value"] as string)
    .update(`u7.${issuedAt}`)
    .digest("hex");
  const identify = {
    userId: "u7",
    issuedAt,
    hash,
    attributes: { plan: "paid" },
  };
  const told = await known.session.ask({ identify });
  assert.ok(told["ack"], JSON.stringify(told));
  assert.equal(await queueOf(known), "contact");

  const flow = await begins("我要退货");
  assert.equal(await queueOf(flow), "flow");
  const slot = await begins("我想咨询产品");
  await says(slot, "要报价");
  assert.equal(await queueOf(slot), "slot");
  await publish(routing);
});

test("an inbox stays right through a storm of other conversations", async () => {
  await configured();
  const session = await boss.socket();
  const known = new Map<string, number>(); // head of each conversation, as the list has it
  let read = 0;
  const note = (row: Frame) =>
    known.set(
      row["id"],
      Math.max(known.get(row["id"]) ?? 0, row["headSeq"] as number),
    );
  const list = async () => {
    await session.ask({ subscribe: { inbox: true } });
    for (let after = ""; ;) {
      const page = await json(
        boss.call("GET", `/conversations?limit=200&after=${after}`),
      );
      for (const row of (page["items"] ?? []) as Frame[]) note(row);
      after = (page["next"] ?? "") as string;
      if (after === "") return;
    }
  };
  // As the console does it: rows as they come, and the list again when it is told of a gap.
  const follow = async () => {
    let gap = false;
    for (; read < session.frames.length; read++) {
      const frame = session.frames[read] as Frame;
      if (frame["conversation"]) note(frame["conversation"].conversation);
      if (frame["resync"] && !frame["resync"].conversationId) gap = true;
    }
    if (gap) await list();
  };
  await list();
  const guests = await Promise.all(
    Array.from({ length: stormVisitors }, async () => {
      const guest = await visitor(server);
      const ack = await guest.ask({
        start: { clientId: clientId(), text: "你好" },
      });
      return { guest, id: ack["ack"].conversationId as string };
    }),
  );
  for (let wave = 0; wave < stormWaves; wave++) {
    const asked = guests.map(({ guest, id }) => {
      const frame = guest.tell({
        send: { conversationId: id, clientId: clientId(), text: "多久能发货" },
      });
      return guest.wait((answer) => answer["id"] === frame);
    });
    const answered = await session.ask({ setPresence: { status: "busy" } });
    assert.ok(answered["ack"], "the console is answered meanwhile");
    await Promise.all(asked);
    await follow();
  }
  const heads = guests.map(({ guest, id }) => ({
    id,
    seq: Math.max(...guest.frames.map((frame) => frame["event"]?.seq ?? 0)),
  }));
  await until("the list has every conversation as it is", async () => {
    await follow();
    return heads.every(({ id, seq }) => (known.get(id) ?? 0) >= seq);
  });
  assert.equal(session.closed, null);
  session.drop();
});
