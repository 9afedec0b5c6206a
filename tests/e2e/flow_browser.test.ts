// SPDX-License-Identifier: Apache-2.0
// The demo's widget: a visitor returns an item with buttons, a list, a photo and a date, asks
// something in between and corrects an answer; an agent sees the photo.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import {
  accessible,
  Console,
  Faults,
  launch,
  type Locale,
  Shop as Page,
} from "./browser.ts";
import { Server } from "./server.ts";
import { Shop } from "./shop.ts";
import { Agent } from "./wire.ts";

const shop = new Shop();
let server: Server;
let browser: Browser;
before(async () => {
  await shop.start();
  server = new Server({
    KEFU_LIMIT_IP_RATE: "0",
    KEFU_ACTION_NETWORKS: "127.0.0.1",
    KEFU_ACTION_PORTS: String(shop.port),
  });
  await server.start();
  await shop.serve(await Agent.login(server, server.logins[0]!));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.destroy();
  await shop.stop();
});

const words = {
  "zh-CN": {
    start: "我要退货",
    phone: /手机号/,
    code: /6 位数字/,
    order: /订单号/,
    item: /陶瓷杯/,
    ok: "确定",
    damaged: "商品破损",
    files: /选择文件/,
    question: "退货运费谁出？",
    answer: /运费/,
    refund: "退款",
    day: /日期/,
    morning: "上午",
    review: /提交吗/,
    correction: "不对，原因是不想要了",
    corrected: /不想要了/,
    yes: "是",
    made: /退货单 R-\d+ 已创建/,
    stars: "非常满意",
  },
  en: {
    start: "I want to return something",
    phone: /phone number/i,
    code: /six digits/,
    order: /Which order/,
    item: /Lamp/,
    ok: "OK",
    damaged: "Damaged",
    files: /Choose files/,
    question: "Who pays the return postage?",
    answer: /postage|shipping/i,
    refund: "Refund",
    day: /Date/,
    morning: "Morning",
    review: /Shall I submit/,
    correction: "no, the reason is changed my mind",
    corrected: /Changed my mind/,
    yes: "Yes",
    made: /Return R-\d+ is open/,
    stars: "Very good",
  },
};

/** A picture of 4 MB, more than one upload takes: the widget draws it smaller, as a JPEG. */
function bitmap(side = 1200): Buffer {
  const pixels = Buffer.alloc(side * side * 3);
  for (let at = 0, seed = 1; at < pixels.length; at++) {
    seed = (seed * 48271) % 2147483647;
    pixels[at] = seed & 255; // noise: nothing to compress
  }
  const head = Buffer.alloc(54);
  head.write("BM");
  head.writeUInt32LE(head.length + pixels.length, 2);
  head.writeUInt32LE(head.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(side, 18);
  head.writeInt32LE(side, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  return Buffer.concat([head, pixels]);
}

for (const locale of ["zh-CN", "en"] as Locale[]) {
  test(
    `a visitor returns an item in the widget (${locale})`,
    { timeout: 120_000 },
    async () => {
      const text = words[locale];
      const before = (await shop.records("rma.create")).length;
      const faults = new Faults();
      const context = await browser.newContext({
        locale,
        viewport: { width: 390, height: 780 },
      });
      const page = await context.newPage();
      faults.watch(page);
      const widget = await Page.open(page, server, locale);
      const button = (name: string) =>
        widget.panel.getByRole("button", { name, exact: true });
      const photo =
        locale === "en"
          ? { name: "cup.bmp", mimeType: "image/bmp", buffer: bitmap() }
          : {
              name: "cup.png",
              mimeType: "image/png",
              buffer: await page.screenshot({ type: "png" }),
            };
      const kept = locale === "en" ? "cup.bmp.jpg" : "cup.png";
      await widget.say(text.start);
      await widget.sees(text.phone);
      await widget.say("13812345678");
      await widget.sees(text.code);
      await widget.say("123456");
      await widget.sees(text.order);
      await widget.say("SP1048827");
      await widget.panel.getByLabel(text.item).check();
      await accessible(page);
      await shot(page, `${locale}-list`);
      await button(text.ok).click();
      await button(text.damaged).click();
      const files = widget.panel.getByLabel(text.files);
      await files.setInputFiles({
        name: "page.html",
        mimeType: "image/png",
        buffer: Buffer.from("<html>"),
      });
      await widget.panel.getByRole("alert").first().waitFor();
      await shot(page, `${locale}-refused`);
      await widget.say(text.question); // a question in between, then the same ask
      await widget.sees(text.answer);
      await widget.panel.getByLabel(text.files).setInputFiles(photo);
      await button(text.refund).waitFor();
      await widget.panel.getByAltText(kept).waitFor();
      await accessible(page);
      await shot(page, `${locale}-photo`);
      if (locale === "en") {
        await server.kill(); // the chat comes back by itself, and the flow where it was
        await server.start();
      }
      await button(text.refund).click();
      const soon = new Date(Date.now() + 2 * 86_400_000)
        .toISOString()
        .slice(0, 10);
      await widget.panel.getByLabel(text.day).fill(soon);
      await shot(page, `${locale}-date`);
      await button(text.ok).click();
      await button(text.morning).click();
      await widget.sees(text.review);
      await widget.say(text.correction);
      await widget.sees(text.corrected);
      await button(text.yes).click();
      await widget.sees(text.made);
      await shot(page, `${locale}-done`);
      await button(text.stars).click();
      const made = await shop.records("rma.create");
      assert.equal(made.length, before + 1);
      assert.equal(made.at(-1)!["body"].reason, "changed_mind");
      assert.match(made.at(-1)!["body"].photos[0], /^\d+\//);
      assert.ok(made.at(-1)!["body"].photos[0].endsWith(`/${kept}`));
      // The file that is none of the kinds that are taken, and the server that was away.
      assert.deepEqual(
        faults.seen.filter((fault) => !/400|ERR_|WebSocket/.test(fault)),
        [],
      );
      await seen(locale, kept);
      await context.close();
    },
  );
}

test("a button of the page begins its flow", async () => {
  const context = await browser.newContext({ locale: "en" });
  const page = await context.newPage();
  const widget = await Page.open(page, server, "en");
  await page.evaluate(() => (window as any).kefu("close"));
  await page
    .getByRole("button", { name: "Return an item" })
    .click({ force: true });
  await widget.sees("Return an item");
  await widget.sees(words.en.phone);
  await context.close();
});

test("an agent begins a flow and stops it", async () => {
  const visitor = await browser.newContext({ locale: "en" });
  const widget = await Page.open(await visitor.newPage(), server, "en");
  await widget.say("good morning");
  const context = await browser.newContext({
    locale: "en",
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  const console = await Console.open(page, server, server.logins[0]!, "en");
  await page.getByRole("link", { name: "All" }).first().click();
  await console.pick();
  await page.getByLabel("Begin a flow").selectOption("returns");
  await shot(page, "agent-begins");
  await console.button("开始", "Begin").click();
  await widget.sees(words.en.phone);
  await shot(page, "agent-sees");
  await accessible(page);
  await console.button("停止流程", "Stop the flow").click();
  await page.getByLabel("Begin a flow").waitFor();
  await visitor.close();
  await context.close();
});

/** The photo, as an agent has it. */
async function seen(locale: Locale, name: string): Promise<void> {
  const context = await browser.newContext({
    locale,
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  const console = await Console.open(page, server, server.logins[0]!, locale);
  await page
    .getByRole("link", { name: console.text("全部", "All") })
    .first()
    .click();
  await console.pick();
  const image = page.getByAltText(name);
  await image.waitFor();
  while (
    !(await image.evaluate(
      (picture) => (picture as HTMLImageElement).naturalWidth > 0,
    ))
  )
    continue;
  await shot(page, `${locale}-console`);
  await context.close();
}

/** For people who want to look: KEFU_SHOTS names a folder. */
async function shot(
  page: import("playwright-core").Page,
  name: string,
): Promise<void> {
  const folder = process.env["KEFU_SHOTS"] ?? "";
  if (folder !== "")
    await page.screenshot({ path: `${folder}/flow-${name}.png` });
}
