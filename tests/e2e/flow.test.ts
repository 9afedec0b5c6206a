// SPDX-License-Identifier: Apache-2.0
// The returns flow of the demo, from the first sentence to the shop's confirmation: in Chinese and
// English, with a question and a correction in between, an action that fails, and kill -9.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./server.ts";
import { Shop } from "./shop.ts";
import {
  Agent,
  clientId,
  type Frame,
  type Session,
  visitor,
  welcomeOf,
} from "./wire.ts";

const shop = new Shop();
let server: Server;
let admin: Agent;

before(async () => {
  await shop.start();
  server = new Server({
    KEFU_LIMIT_VISITOR_RATE: "0",
    KEFU_ACTION_NETWORKS: "127.0.0.1",
    KEFU_ACTION_PORTS: String(shop.port),
  });
  await server.start();
  admin = await Agent.login(server, server.logins[0]!);
  await shop.serve(admin);
  while (!(await reaches())) continue;
});
after(async () => {
  await server.destroy();
  await shop.stop();
});

/** Do visitors get the declarations of the shop by now? Each shard loads them a moment later. */
async function reaches(): Promise<boolean> {
  const who = await Visitor.open("en");
  await who.start("I want to return something");
  await who.asked("phone");
  await who.say("13812345678");
  const next = await who.heard(
    (event) => event["ask"]?.slot === "code" || event["kind"] === "handoff",
  );
  who.session.drop();
  return next["kind"] !== "handoff";
}

const photo = Buffer.concat([
  Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
  Buffer.alloc(64 * 1024, "photo"),
]);

async function upload(token: string, name: string): Promise<Frame> {
  const reply = await fetch(
    `${server.origin}/api/v1/visitor/attachments?name=${encodeURIComponent(name)}`,
    {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: photo,
    },
  );
  assert.equal(reply.status, 201);
  return (await reply.json()) as Frame;
}

/** A visitor in a flow: what it says, and the next thing that it is asked. */
class Visitor {
  conversation = "";
  seq = 0;
  photo = ""; // id of what was uploaded
  private constructor(
    public session: Session,
    readonly locale: string,
  ) {}

  static async open(locale: string, token = ""): Promise<Visitor> {
    return new Visitor(await visitor(server, token, locale), locale);
  }

  async start(text: string): Promise<void> {
    const reply = await this.session.ask({
      start: { clientId: clientId(), text },
    });
    this.conversation = reply["ack"].conversationId;
    this.seq = reply["ack"].seq;
  }

  async send(body: Frame): Promise<void> {
    const reply = await this.session.ask({
      send: {
        conversationId: this.conversation,
        clientId: clientId(),
        ...body,
      },
    });
    assert.ok(reply["ack"], JSON.stringify(reply));
    this.seq = reply["ack"].seq;
  }

  say = (text: string): Promise<void> => this.send({ text });
  pick = (...pick: string[]): Promise<void> =>
    this.send({ text: pick.join(", "), pick });
  /** Uploads a small photo and sends it under that name. Its id. */
  async give(name: string): Promise<string> {
    const { attachment, reference } = await upload(
      welcomeOf(this.session)["visitorToken"],
      name,
    );
    await this.send({ text: name, files: [reference] });
    return attachment.id;
  }

  /** The ask for that slot behind what was said last. */
  async asked(slot: string): Promise<Frame> {
    return (
      await this.session.event(
        (event) => event["seq"] > this.seq && event["ask"]?.slot === slot,
      )
    )["event"];
  }

  async heard(test: (event: Frame) => boolean): Promise<Frame> {
    return (
      await this.session.event(
        (event) => event["seq"] > this.seq && test(event),
      )
    )["event"];
  }

  /** Up to the last question before the shop is told. */
  async review(first: string, question: string, item: string): Promise<Frame> {
    await this.start(first);
    await this.asked("phone");
    await this.say("13812345678");
    await this.asked("code");
    await this.say("123456");
    await this.asked("order_id");
    await this.say("SP1048827");
    const items = await this.asked("items");
    assert.equal(items["ask"].multiple, true);
    assert.deepEqual(
      items["ask"].options.map((option: Frame) => option["value"]),
      ["a1", "a2"],
    );
    await this.pick(item);
    await this.asked("reason");
    await this.pick("damaged");
    const photos = await this.asked("photos");
    assert.equal(photos["ask"].ui, "upload");
    await this.say(question); // a question in between ...
    await this.asked("photos"); // ... and the same ask again
    this.photo = await this.give("cup.jpg");
    await this.asked("remedy");
    await this.pick("refund");
    const day = await this.asked("pickup_day");
    assert.equal(day["ask"].ui, "date");
    const soon = new Date(Date.now() + 2 * 86_400_000);
    await this.pick(soon.toISOString().slice(0, 10));
    const time = await this.asked("pickup_time");
    await this.pick(time["ask"].options[0].value);
    return this.asked("agreed");
  }
}

for (const [locale, first, question, correction, confirmed, item] of [
  [
    "zh-CN",
    "我要退货",
    "退货运费谁出？",
    "不对，原因是不想要了",
    /退货单 R-\d+ 已创建/,
    "a1",
  ],
  [
    "en",
    "I want to return something",
    "Who pays the return postage?",
    "no, the reason is changed my mind",
    /Return R-\d+ is open/,
    "a2",
  ],
] as const) {
  test(`a return is made from the first sentence to the shop's number (${locale})`, async () => {
    const who = await Visitor.open(locale);
    const review = await who.review(first, question, item);
    assert.match(review["text"], /SP1048827/);
    await who.say(correction);
    const again = await who.asked("agreed");
    assert.match(again["text"], /不想要了|Changed my mind/);
    await who.pick("accept");
    await who.heard((event) => confirmed.test(event["text"] ?? ""));
    const made = (await shop.records("rma.create")).filter(
      (record) => record["body"].items[0] === item,
    );
    assert.equal(made.length, 1);
    assert.equal(made[0]!["body"].reason, "changed_mind");
    assert.deepEqual(made[0]!["body"].photos, [`${who.photo}/cup.jpg`]);
    const bytes = await admin.call("GET", `/attachments/${who.photo}`);
    assert.equal(bytes.headers.get("content-type"), "image/jpeg");
    assert.equal(bytes.headers.get("x-content-type-options"), "nosniff");
    assert.match(
      bytes.headers.get("content-disposition") ?? "",
      /^attachment;/,
    );
    assert.deepEqual(Buffer.from(await bytes.arrayBuffer()), photo);
    who.session.drop();
  });
}

test("a file is sent by its reference only, and by the one who has it", async () => {
  const who = await Visitor.open("en");
  const other = await Visitor.open("en");
  const { attachment, reference } = await upload(
    welcomeOf(other.session)["visitorToken"],
    "cup.jpg",
  );
  await who.start("Return my order");
  for (const file of ["cup.jpg", `${attachment.id}/cup.jpg`, reference]) {
    const reply = await who.session.ask({
      send: {
        conversationId: who.conversation,
        clientId: clientId(),
        text: "x",
        files: [file],
      },
    });
    assert.equal(reply["error"].field, "send.files");
  }
  const read = await fetch(
    `${server.origin}/api/v1/visitor/attachments/${attachment.id}`,
    {
      headers: {
        Authorization: `Bearer ${welcomeOf(who.session)["visitorToken"]}`,
      },
    },
  );
  assert.equal(read.status, 404);
  who.session.drop();
  other.session.drop();
});

test("an address uploads so many files in an hour, then it waits", async () => {
  const small = new Server({ KEFU_LIMIT_UPLOADS: "2", KEFU_SHARDS: "1" });
  await small.start();
  const session = await visitor(small);
  const token = welcomeOf(session)["visitorToken"] as string;
  const statuses: number[] = [];
  for (const name of ["a.jpg", "b.jpg", "c.jpg"]) {
    const reply = await fetch(
      `${small.origin}/api/v1/visitor/attachments?name=${name}`,
      {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
        body: photo,
      },
    );
    statuses.push(reply.status);
    if (reply.status === 429)
      assert.ok(Number(reply.headers.get("retry-after")) > 0);
  }
  assert.deepEqual(statuses, [201, 201, 429]);
  session.drop();
  await small.destroy();
});

test("a button begins a flow by name, the API another one on top", async () => {
  const who = await Visitor.open("en");
  const reply = await who.session.ask({
    start: { clientId: clientId(), text: "A button", flow: "returns" },
  });
  who.conversation = reply["ack"].conversationId;
  who.seq = reply["ack"].seq;
  await who.asked("phone");
  const told = await admin.call(
    "POST",
    `/conversations/${who.conversation}/flow`,
    {
      event: "start",
      name: "rating",
    },
  );
  assert.equal(told.status, 201);
  const view = (await (
    await admin.call("GET", `/conversations/${who.conversation}/flow`)
  ).json()) as Frame;
  assert.equal(view["flow"], "rating");
  assert.ok(view["stack"].includes("returns"));
  // One that is only called begins by no button: its words are read instead.
  await who.send({ text: "5", flow: "identity.verify" });
  await who.heard((event) => event["text"] === "Thank you!"); // the shop has answered
  const after = (await (
    await admin.call("GET", `/conversations/${who.conversation}/flow`)
  ).json()) as Frame;
  assert.notDeepEqual(after["flow"], view["flow"]);
  who.session.drop();
});

test("a failing action ends at an agent who sees everything", async () => {
  const who = await Visitor.open("zh-CN");
  await shop.fault("rma.create", "fail");
  await who.review("申请退货", "包邮吗？", "a1");
  await who.pick("accept");
  const handoff = await who.heard((event) => event["kind"] === "handoff");
  await shop.fault("rma.create", "none");
  assert.equal(handoff["reason"], "flow");
  const agent = await admin.socket();
  const history = await agent.ask({
    fetch: { conversationId: who.conversation, limit: 200 },
  });
  const note = history["history"].events.find(
    (event: Frame) => event["kind"] === "note" && event["reason"] === "flow",
  ) as Frame;
  for (const part of ["order_id: SP1048827", "reason: damaged", "cup.jpg"])
    assert.ok(note["text"].includes(part), note["text"]);
  agent.drop();
  who.session.drop();
});

test("kill -9 while the shop is asked: the return is made, once", async () => {
  const before = (await shop.records("rma.create")).length;
  const who = await Visitor.open("en");
  const token = welcomeOf(who.session)["visitorToken"] as string;
  await who.start("Return my order");
  await who.asked("phone");
  await server.kill(); // in the middle of an ask ...
  await server.start();
  const back = await Visitor.open("en", token);
  back.conversation = who.conversation;
  await back.say("13812345678");
  await back.asked("code");
  await back.say("123456");
  await back.asked("order_id");
  await back.say("SP1048827");
  await back.asked("items");
  await back.pick("a1", "a2");
  await back.asked("reason");
  await back.pick("wrong_item");
  await back.asked("photos");
  const photoId = await back.give("cup.jpg");
  await back.asked("remedy");
  await back.pick("exchange");
  await back.asked("pickup_day");
  await back.pick(
    new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10),
  );
  const time = await back.asked("pickup_time");
  await back.pick(time["ask"].options[0].value);
  await back.asked("agreed");
  await shop.fault("rma.create", "hold");
  await back.pick("accept");
  while ((await shop.records("rma.create")).length === before) continue;
  await server.kill(); // ... and while the shop has it and has not answered
  await shop.fault("rma.create", "none");
  await server.start();
  const end = await Visitor.open("en", token);
  const history = async (): Promise<Frame[]> =>
    (
      await end.session.ask({
        fetch: { conversationId: who.conversation, limit: 200 },
      })
    )["history"].events;
  let texts: string[] = [];
  while (!texts.some((text) => /Return R-\d+ is open/.test(text)))
    texts = (await history()).map((event) => event["text"] ?? "");
  assert.equal(
    texts.filter((text) => /Return R-\d+ is open/.test(text)).length,
    1,
  );
  const made = await shop.records("rma.create");
  assert.equal(made.length, before + 1);
  assert.deepEqual(made.at(-1)!["body"].photos, [`${photoId}/cup.jpg`]);
  const kept = await fetch(
    `${server.origin}/api/v1/visitor/attachments/${photoId}`,
    { headers: { Authorization: `Bearer ${token}` } },
  );
  assert.deepEqual(Buffer.from(await kept.arrayBuffer()), photo);
  end.session.drop();
});
