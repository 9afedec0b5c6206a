// SPDX-License-Identifier: Apache-2.0
// What the bot understands, taught in the console and heard in the shop.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { accessible, Console, Faults, launch, Shop } from "./browser.ts";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor } from "./wire.ts";

// The tests ask again until a model is live, faster than people do.
const server = new Server({ KEFU_LIMIT_IP_RATE: "0" });
const faults = new Faults();
let browser: Browser;
let owner: Agent;
before(async () => {
  await server.start();
  owner = await Agent.login(server, server.logins[0] as never);
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.destroy();
});

const rentals = [
  "can I rent a boat",
  "do you rent out boats",
  "boat rental for the weekend",
  "how much is it to hire a boat",
  "I would like to hire a boat",
  "rent a boat for two days",
  "is it possible to rent boats at your shop",
  "boat hire prices",
  "hire a boat with paddles",
  "renting a boat on the lake",
];
const asked = "can we hire a boat from your shop this weekend";
const rented = "We rent boats from Friday to Monday.";

async function page(locale = "en"): Promise<Page> {
  const made = await browser.newPage({
    locale,
    viewport: { width: 1440, height: 900 },
  });
  faults.watch(made);
  return made;
}

async function tab(console: Console, name: string): Promise<void> {
  await console.page.goto(`${server.origin}/console#/bot/${name}`);
  await console.page
    .locator(`nav.tabs a[aria-current=page][href$="/bot/${name}"]`)
    .waitFor();
}

/** The text of the try-it box's answer, and the stage that gave it. */
async function tries(
  console: Console,
  text: string,
): Promise<{ answer: string; stage: string }> {
  await tab(console, "try");
  const page = console.page;
  await page.locator("#try-text").fill(text);
  await console.button("问机器人", "Ask the bot").click();
  await page.locator(".bubble.visitor", { hasText: text }).waitFor();
  const answered = page.locator("tr", { has: page.locator(".chip.success") });
  return {
    answer: await page.locator(".bubble.bot").first().innerText(),
    stage: await answered.locator("th").innerText(),
  };
}

async function liveModel(): Promise<string> {
  const end = Date.now() + 120_000;
  for (;;) {
    const list = await (await owner.call("GET", "/models")).json();
    const live = (list.items ?? []).find(
      (model: { live?: boolean }) => model.live,
    );
    const running = (list.items ?? []).some((model: { status: string }) =>
      ["queued", "training"].includes(model.status),
    );
    if (live && !running) return live.id as string;
    if (Date.now() > end)
      throw new Error(`no live model: ${JSON.stringify(list)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Shards take a published model a moment after its record says so. */
async function rungOf(text: string, wanted: RegExp): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    const reply = await (await owner.call("POST", "/try", { text })).json();
    if (wanted.test(reply.trace.rung)) return;
    if (Date.now() > end) throw new Error(`${text}: ${reply.trace.rung}`);
  }
}

test("the demo answers what is in no example by its intent, in both languages", async () => {
  await liveModel();
  await rungOf("我想把账号注销掉，以后不用了", /^intent$/);
  await rungOf("please delete the account that I have with you", /^intent$/);
  for (const text of [
    "今晚的球赛谁赢了",
    "who won the football match last night",
  ])
    await rungOf(text, /^(clarify|human)$/);
});

test("taught, trained and published in the console, it is answered in the shop", async () => {
  const shop = await Shop.open(await page(), server, "en");
  await shop.say(asked);
  await shop.sees(/Did you mean|don't have an answer/);
  const console = await Console.open(
    await page(),
    server,
    server.logins[0] as never,
    "en",
  );

  await tab(console, "intents");
  await console.button("新建意图", "New intent").click();
  await console.page.getByLabel("Name", { exact: true }).fill("boat.rental");
  await console.page.getByLabel("Title in English").fill("Rent a boat");
  await console.page.getByLabel("Answer in English").fill(rented);
  await console.button("保存", "Save").click();
  const box = console.page.getByRole("textbox", {
    name: "Another way to say it",
  });
  for (const text of rentals) {
    await box.fill(text);
    await box.press("Enter");
    await console.page
      .locator(".lines")
      .getByText(text, { exact: true })
      .waitFor();
  }

  const first = await liveModel();
  await tab(console, "model");
  await console.button("训练", "Train").click();
  await console.page.getByRole("progressbar").waitFor();
  await console.page
    .getByRole("progressbar")
    .waitFor({ state: "detached", timeout: 120_000 });
  assert.notEqual(await liveModel(), first);
  await console.page.getByRole("heading", { name: /Evaluation/ }).waitFor();
  await console.page
    .getByRole("region", { name: "By intent" })
    .getByText("boat.rental")
    .waitFor();

  await rungOf(asked, /^intent$/);
  const { answer, stage } = await tries(console, asked);
  assert.equal(answer, rented);
  assert.equal(stage, "Intent");
  await shop.say(asked);
  await shop.sees(rented);

  await tab(console, "model");
  await console.button("回退到此版本", "Roll back to it").click();
  await console.page
    .getByRole("button", { name: "Publish", exact: true })
    .waitFor();
  assert.equal(await liveModel(), first);
  await rungOf(asked, /^(clarify|human|faq)$/);
  assert.notEqual((await tries(console, asked)).answer, rented);
  await console.page.context().close();
});

test("a thorough training can be asked for, and stopped", async () => {
  const console = await Console.open(
    await page(),
    server,
    server.logins[0] as never,
    "en",
  );
  const live = await liveModel();
  await tab(console, "model");
  await console.page.getByLabel(/Learn thoroughly/).check();
  await console.button("训练", "Train").click();
  await console.page.getByRole("progressbar").waitFor();
  const list = await (await owner.call("GET", "/models")).json();
  assert.equal(list.items[0].quality, "best");
  await console.button("停止", "Stop").click();
  await console.page
    .getByRole("progressbar")
    .waitFor({ state: "detached", timeout: 120_000 });
  await console.page.getByText("stopped", { exact: true }).waitFor();
  assert.equal(await liveModel(), live);
  await console.page.context().close();
});

test("a question that was not understood becomes an example", async () => {
  const shop = await Shop.open(await page(), server, "en");
  const text = "is there a walrus in the aquarium";
  await shop.say(text);
  await shop.sees(/Did you mean|don't have an answer/);
  const console = await Console.open(
    await page(),
    server,
    server.logins[0] as never,
    "en",
  );
  const question = console.page.locator("li.question", { hasText: text });
  for (let tries = 0; tries < 60 && (await question.count()) === 0; tries++) {
    await tab(console, "unclear");
    await console.page.reload();
    await console.page.locator("ul.questions, .empty").first().waitFor();
  }
  await question.getByRole("combobox").selectOption({ label: "Rent a boat" });
  await question.getByRole("button", { name: "Add to intent" }).click();
  await question.waitFor({ state: "detached" });
  const list = await (await owner.call("GET", "/examples?limit=200")).text();
  const all = await (
    await owner.call("GET", "/examples/export?format=tsv")
  ).text();
  assert.ok(list.length > 0 && all.includes(`boat.rental\t${text}`));
  await console.page.context().close();
});

test("a bad condition and a bad line are named where they are", async () => {
  const console = await Console.open(
    await page("zh-CN"),
    server,
    server.logins[0] as never,
    "zh-CN",
  );
  await tab(console, "rules");
  await console.button("新建规则", "New rule").click();
  await console.page.getByLabel("名称").fill("测试");
  const condition = console.page.getByLabel("条件");
  await condition.fill("退货 & (");
  await console.page.getByLabel("回答", { exact: true }).fill("好");
  await console.button("保存", "Save").click();
  await console.page
    .getByRole("alert")
    .getByText(/line 1 column \d+/)
    .waitFor();
  assert.equal(await condition.getAttribute("aria-invalid"), "true");
  await condition.fill("退货 & 火星");
  await console.button("保存", "Save").click();
  await console.page.getByRole("alert").waitFor({ state: "detached" });
  await rungOf("我在火星能退货吗", /^rule$/);
  assert.equal((await tries(console, "我在火星能退货吗")).stage, "规则");

  await tab(console, "faq");
  await console.button("导入", "Import").click();
  await console.page.getByLabel("文件").setInputFiles({
    name: "faq.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(
      "locale,question,answer\nzh,能带狗进店吗？,可以。\nfr,Bonjour?,Non\n",
    ),
  });
  await console.page.getByRole("alert").getByText("第 3 行").waitFor();
  await console.page
    .getByRole("dialog")
    .getByRole("button", { name: "导入" })
    .click();
  await console.page.getByRole("dialog").waitFor({ state: "detached" });
  await rungOf("能带狗进店吗", /^exact$/);
  assert.equal((await tries(console, "能带狗进店吗")).answer, "可以。");
  await console.page.context().close();
});

test("every tab works without a mouse and has no serious finding", async () => {
  const console = await Console.open(
    await page(),
    server,
    server.logins[0] as never,
    "en",
  );
  for (const theme of ["light", "dark"]) {
    await console.page.evaluate(
      (name) => localStorage.setItem("kefu.theme", name),
      theme,
    );
    await console.page.reload();
    await console.page.locator("nav.tabs, nav.rail").first().waitFor();
    for (const name of ["intents", "rules", "faq", "try", "model", "unclear"]) {
      await tab(console, name);
      if (["intents", "rules", "faq"].includes(name)) {
        await console.page.locator(".row-btn").first().focus();
        await console.page.keyboard.press("Enter");
        await console.page.locator("form.card").waitFor();
      }
      if (name === "try") await tries(console, "return 我的订单 13812345678");
      if (name === "model")
        await console.page
          .getByRole("heading", { name: /Evaluation/ })
          .waitFor();
      await accessible(console.page);
    }
  }
  await console.page.context().close();
});

test("what was understood before decides who gets it", async () => {
  const config = {
    routes: [
      { id: "gone", if: "intent == 'account.delete'", queue: "accounts" },
      { id: "rest", else: true, queue: "general" },
    ],
    queues: { accounts: {}, general: {} },
  };
  const draft = (await (
    await owner.call("POST", "/routing-configs", {
      config: JSON.stringify(config),
    })
  ).json()) as Frame;
  const path = `/routing-configs/${draft["id"]}/publish`;
  assert.equal((await owner.call("POST", path, {})).status, 200);
  for (const [text, queue] of [
    ["我想把账号注销掉，以后不用了", "accounts"],
    ["你好", "general"],
  ]) {
    const session = await visitor(server);
    const ack = await session.ask({ start: { clientId: clientId(), text } });
    const conversationId = ack["ack"].conversationId as string;
    await session.ask({
      send: { conversationId, clientId: clientId(), text: "转人工" },
    });
    const row = await owner.call("GET", `/conversations/${conversationId}`);
    assert.equal(((await row.json()) as Frame)["queue"], queue);
    session.drop();
  }
});

test("nothing went wrong on any page", () => {
  assert.deepEqual(
    faults.seen.filter((fault) => !/status of 4\d\d/.test(fault)),
    [],
  );
});
