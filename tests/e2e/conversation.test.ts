// SPDX-License-Identifier: Apache-2.0
// The whole story in a real browser, in both languages: ask, answer, a person, a second tab, a
// reload, a killed server, a colleague, the end, the rating.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import {
  accessible,
  Console,
  Faults,
  launch,
  type Locale,
  Shop,
} from "./browser.ts";
import { Server } from "./server.ts";

const server = new Server({ KEFU_LIMIT_IP_RATE: "0" });
let browser: Browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.destroy();
});

const words = {
  "zh-CN": {
    ask: "满多少包邮？",
    answer: /299/,
    person: "转人工",
    hello: "您好，我是客服",
    thanks: "谢谢，请查一下订单",
    note: "老客户，优先处理",
    later: "重启之后",
    bye: "再见",
  },
  en: {
    ask: "Do you offer free shipping?",
    answer: /299/,
    person: "I want to talk to a person",
    hello: "Hello, how can I help?",
    thanks: "Thanks, please check my order",
    note: "Regular customer, be quick",
    later: "After the restart",
    bye: "Goodbye",
  },
} as const;

for (const locale of ["zh-CN", "en"] as Locale[]) {
  test(
    `a visitor asks, is handed on, is answered and rates (${locale})`,
    { timeout: 180_000 },
    async () => {
      const text = words[locale];
      const pick = (zh: string, en: string) => (locale === "zh-CN" ? zh : en);
      const faults = new Faults();
      const visitors = await browser.newContext({
        locale,
        viewport: { width: 1280, height: 800 },
      });
      const first = await visitors.newPage();
      faults.watch(first);
      const shop = await Shop.open(first, server, locale);
      await shop.say(text.ask);
      await shop.sees(text.answer);

      const agents = await browser.newContext({
        locale,
        viewport: { width: 1440, height: 900 },
      });
      const desk = await agents.newPage();
      faults.watch(desk);
      const agent = await Console.open(
        desk,
        server,
        server.logins[0] as never,
        locale,
      );
      await shop.say(text.person);
      await agent.pick();
      await agent.sees(text.ask); // the transcript came along
      await agent.reply(text.hello);
      await shop.sees(text.hello);
      await shop.say(text.thanks);
      await agent.sees(text.thanks);
      await agent.note(text.note);
      await agent.sees(text.note);

      const second = await visitors.newPage();
      faults.watch(second);
      const tab = await Shop.open(second, server, locale);
      await tab.sees(text.thanks);
      assert.equal(await tab.panel.getByText(text.note).count(), 0);
      await first.reload();
      await shop.show();
      await shop.sees(text.hello);
      await accessible(first);
      await accessible(desk);

      await server.kill();
      await shop.say(text.later); // waits in the outbox
      await server.start();
      await agent.sees(text.later);
      await tab.sees(text.later);

      const colleagues = await browser.newContext({
        locale,
        viewport: { width: 1440, height: 900 },
      });
      const other = await colleagues.newPage();
      faults.watch(other);
      const colleague = await Console.open(
        other,
        server,
        server.logins[1] as never,
        locale,
      );
      await agent.button("转接", "Transfer").click();
      await desk.getByRole("dialog").getByText("小美").click();
      await desk
        .getByRole("dialog")
        .getByRole("button", { name: pick("转接", "Transfer") })
        .click();
      await colleague.pick();
      await colleague.sees(text.note);
      await colleague.reply(text.bye);
      await shop.sees(text.bye);
      await colleague.button("结束", "Close").first().click();
      await shop.panel
        .getByText(pick("您对本次服务满意吗？", "How was this chat?"))
        .waitFor();
      await shop.panel.locator(".faces label").nth(4).click();
      await shop.panel
        .getByRole("button", { name: pick("提交评价", "Send rating") })
        .click();
      await shop.sees(
        pick("您的评分：5 / 5", "You rated this chat 5 out of 5"),
      );
      await colleague.sees(
        pick("访客评分 5 / 5", "The visitor rated this chat 5 out of 5"),
      );
      assert.deepEqual(
        faults.seen.filter(
          (fault) => !/ERR_CONNECTION_REFUSED|WebSocket connection/.test(fault),
        ),
        [],
      );
      await Promise.all([visitors.close(), agents.close(), colleagues.close()]);
    },
  );
}
