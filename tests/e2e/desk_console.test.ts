// SPDX-License-Identifier: Apache-2.0
// The desk in the console: the live wall, an offer taken with the keyboard, why, the settings with
// their errors at the field, and the past played again. KEFU_SHOTS=DIR keeps pictures of each page.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import {
  accessible,
  Console,
  Faults,
  launch,
  type Locale,
  Shop,
} from "./browser.ts";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame, visitor } from "./wire.ts";

const server = new Server({
  KEFU_LIMIT_IP_RATE: "0",
  KEFU_LIMIT_VISITOR_RATE: "0",
});
const shots = process.env["KEFU_SHOTS"] ?? "";
let browser: Browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.destroy();
});

const routing = {
  skills: ["returns", "billing"],
  settings: { slow_start: "0s" },
  calendars: {
    shop: { offset: "+08:00", week: { "mon-sun": ["00:00-24:00"] } },
  },
  routes: [
    { id: "english", if: "lang == 'en'", queue: "offers", priority: 3 },
    { id: "rest", else: true, queue: "offers" },
  ],
  queues: {
    offers: { offer: "20s", calendar: "shop", sla: { first: "30s" } },
    after_sales: {
      rings: [{ after: "0s" }, { after: "20s", drop: "prefer" }],
    },
  },
};

async function publish(boss: Agent, config: object = routing): Promise<void> {
  const draft = (await (
    await boss.call("POST", "/routing-configs", {
      config: JSON.stringify(config),
      note: "Offers",
    })
  ).json()) as Frame;
  const answer = await boss.call(
    "POST",
    `/routing-configs/${draft["id"]}/publish`,
    {},
  );
  assert.equal(answer.status, 200, await answer.text());
}

async function waiting(text: string) {
  const session = await visitor(server);
  const ack = (await session.ask({ start: { clientId: clientId(), text } }))[
    "ack"
  ] as Frame;
  return { session, conversationId: ack["conversationId"] as string };
}

async function shoot(page: Page, name: string): Promise<void> {
  if (shots === "") return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

const sizes = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
];

/** The page in three widths and both themes, without a serious finding of axe. */
async function looked(page: Page, name: string): Promise<void> {
  for (const size of sizes) {
    await page.setViewportSize(size);
    for (const theme of ["light", "dark"]) {
      await page.evaluate(
        (value) => (document.documentElement.dataset["theme"] = value),
        theme,
      );
      await shoot(page, `${name}-${size.width}-${theme}`);
      await accessible(page);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth > window.innerWidth,
      );
      assert.equal(wide, false, `${name} at ${size.width} scrolls sideways`);
    }
  }
  await page.setViewportSize(sizes[0] as { width: number; height: number });
}

for (const locale of ["zh-CN", "en"] as Locale[]) {
  test(
    `the desk in the console (${locale})`,
    { timeout: 240_000 },
    async () => {
      const text = (zh: string, en: string) => (locale === "zh-CN" ? zh : en);
      const faults = new Faults();
      const login = server.logins[0] as never;
      const boss = await Agent.login(server, login);
      await publish(boss);
      const context = await browser.newContext({
        locale,
        reducedMotion: "reduce", // pictures of what stands still
        viewport: sizes[0] as never,
      });
      const page = await context.newPage();
      faults.watch(page);
      const desk = await Console.open(page, server, login, locale);

      // An offer: it rings, A takes it, and the thread opens.
      const first = await waiting("转人工");
      const card = page.getByRole("region", {
        name: text("有新会话分给您", "New conversation for you"),
      });
      await card.waitFor();
      await looked(page, `offer-${locale}`);
      await page.keyboard.press("a");
      await first.session.event((event) => event["kind"] === "assigned");
      await page.waitForURL(new RegExp(first.conversationId));
      await card.waitFor({ state: "detached" });

      // Why this agent: the steps, with the agents left after each.
      await desk.button("为什么是这位客服", "Why this agent").first().click();
      const why = page.getByRole("dialog");
      await why
        .getByText(text("队列: offers", "Queue: offers"))
        .first()
        .waitFor();
      await looked(page, `why-${locale}`);
      await page.keyboard.press("Escape");

      // Declined: nobody else is there, so it waits, and the wall says so.
      const second = await waiting("我要找真人客服");
      await card.waitFor();
      await page.keyboard.press("d");
      await card.waitFor({ state: "detached" });
      await page
        .getByRole("link", { name: text("实时", "Live") })
        .first()
        .click();
      await page.locator('[data-figure="waiting"]', { hasText: "1" }).waitFor();
      await page.getByRole("cell", { name: "offers" }).waitFor();
      await looked(page, `wall-${locale}`);

      // Settings: an error stands at its field and in the list, and stops publishing.
      await page
        .getByRole("link", { name: text("分配", "Routing") })
        .first()
        .click();
      const promise = page
        .getByLabel(text("承诺首次响应", "Promised first answer"))
        .first();
      await promise.fill("soon");
      await page
        .getByText("must be a duration such as 20s, 5m or 72h")
        .first()
        .waitFor();
      assert.equal(await promise.getAttribute("aria-invalid"), "true");
      assert.equal(await desk.button("发布", "Publish").isDisabled(), true);
      await looked(page, `queues-${locale}`);
      await promise.fill("45s");
      await page
        .getByRole("group", { name: text("可选方式", "Offered then") })
        .getByLabel(text("回电", "Call back"))
        .check();
      await page
        .getByText(text("没有发现问题。", "No problem found."))
        .waitFor();
      await desk.button("发布", "Publish").click();
      await page
        .getByText(
          text("已发布，新会话按此分配。", "Published. New conversations"),
        )
        .waitFor();
      const inForce = (await (await boss.call("GET", "/routing")).json()) as {
        config: string;
      };
      const { offers } = JSON.parse(inForce.config).queues;
      assert.equal(offers.sla.first, "45s", "what was written is in force");
      assert.deepEqual(offers.closed, ["callback", "ticket"]);

      for (const [zh, en, name] of [
        ["规则", "Rules", "rules"],
        ["技能", "Skills", "skills"],
        ["日历", "Calendars", "calendars"],
        ["设置", "Settings", "settings"],
        ["版本", "Versions", "versions"],
        ["推演", "What if", "whatif"],
      ] as const) {
        await page.getByRole("tab", { name: text(zh, en) }).click();
        await page.getByRole("tabpanel").waitFor();
        if (name === "skills")
          await page.getByRole("heading", { name: "Demo agent 1" }).waitFor();
        await looked(page, `${name}-${locale}`);
      }

      // The past, played again: as it was staffed, and with two more.
      for (let i = 0; i < 12; i++) {
        const one = await waiting("转人工");
        await one.session.ask({
          end: { conversationId: one.conversationId, clientId: clientId() },
        });
      }
      await second.session.ask({
        end: { conversationId: second.conversationId, clientId: clientId() },
      });
      // What is closed is history as soon as it has settled into the tables.
      const late = Date.now() + 30_000;
      while (
        (await boss.call("POST", "/routing-simulations", { seeds: 1 }))
          .status !== 200
      )
        assert.ok(Date.now() < late, "the past is never readable");
      await page.getByLabel(text("从", "From"), { exact: true }).fill("00:00");
      await page.getByLabel(text("到", "Until"), { exact: true }).fill("23:59");
      await desk.button("开始推演", "Play it").click();
      await page
        .getByText(text("增加客服后", "With more agents"))
        .first()
        .waitFor();
      await looked(page, `played-${locale}`);
      assert.deepEqual(faults.seen, []);
      await context.close();
    },
  );
}

/** Opens in twelve hours, whatever the time is. */
function closedNow(): object {
  const hour = String((new Date().getUTCHours() + 12) % 24).padStart(2, "0");
  const hours = [`${hour}:00-${hour}:30`];
  return {
    calendars: { office: { offset: "+00:00", week: { "mon-sun": hours } } },
    queues: {
      office: {
        calendar: "office",
        closed: ["callback", "ticket", "promise"],
      },
    },
  };
}

for (const locale of ["zh-CN", "en"] as Locale[]) {
  test(`out of hours a visitor asks for a call or leaves a message (${locale})`, async () => {
    const text = (zh: string, en: string) => (locale === "zh-CN" ? zh : en);
    const faults = new Faults();
    const login = server.logins[0] as never;
    const boss = await Agent.login(server, login);
    await publish(boss, closedNow());
    const agents = await browser.newContext({ locale });
    const desk = await agents.newPage();
    faults.watch(desk);
    const console_ = await Console.open(desk, server, login, locale);

    for (const wish of ["callback", "ticket"] as const) {
      const context = await browser.newContext({
        locale,
        viewport: sizes[2] as never,
      });
      const page = await context.newPage();
      faults.watch(page);
      const shop = await Shop.open(page, server, locale);
      const { panel } = shop;
      const words = `${wish} ${locale}`; // by which its row is found
      await shop.say(text("转人工", "I want to talk to a person"));
      await panel
        .getByText(text("恢复人工服务", "We are back"))
        .last()
        .waitFor();
      const call = panel.getByRole("button", {
        name: text("请回电给我", "Call me back"),
      });
      const leave = panel.getByRole("button", {
        name: text("留言", "Leave a message"),
        exact: true,
      });
      await call.waitFor();
      await leave.waitFor();
      await shoot(page, `closed-${locale}`);
      const form = panel.locator("form.wish");
      let line = "";
      if (wish === "callback") {
        await shop.say(words);
        await call.click();
        assert.equal(await form.locator(".primary").isDisabled(), true);
        await form.locator("input").first().fill("13800138000");
        await form.locator("input").last().fill("18:00");
        line = text(
          "访客希望回电至 13800138000 · 18:00",
          "The visitor would like to be called at 13800138000 · 18:00",
        );
      } else {
        await leave.click();
        await form.locator("textarea").fill(words);
        await form.locator("input").fill("guest@shop.test");
        line = text(
          "访客留言，请回复到 guest@shop.test",
          "The visitor left a message; answer to guest@shop.test",
        );
      }
      await shoot(page, `closed-${wish}-${locale}`);
      await accessible(page);
      await form.locator(".primary").click();
      await panel.getByText(/已记录|留言已收到|Noted/).waitFor();
      assert.equal(await call.count(), 0, "chosen once");
      assert.equal(await form.count(), 0);
      await shoot(page, `closed-${wish}-done-${locale}`);
      await page.reload(); // what was chosen stays chosen
      await shop.show();
      await panel.getByText(/已记录|留言已收到|Noted/).waitFor();

      await desk
        .getByRole("link", { name: text("等待", "Waiting") })
        .first()
        .click();
      await desk.getByRole("option", { name: words }).click();
      await console_.sees(words);
      await console_.sees(line);
      await shoot(desk, `closed-${wish}-console-${locale}`);
      await context.close();
    }
    assert.deepEqual(faults.seen, []);
    await agents.close();
  });
}
