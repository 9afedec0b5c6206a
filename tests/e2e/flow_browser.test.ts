// SPDX-License-Identifier: Apache-2.0
// The demo's widget: a visitor returns an item with buttons, a list, a date and files.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { accessible, Faults, launch, Shop as Page } from "./browser.ts";
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

test(
  "a visitor returns an item in the widget",
  { timeout: 120_000 },
  async () => {
    const faults = new Faults();
    const context = await browser.newContext({
      locale: "zh-CN",
      viewport: { width: 390, height: 780 },
    });
    const page = await context.newPage();
    faults.watch(page);
    const widget = await Page.open(page, server, "zh-CN");
    const button = (name: string) =>
      widget.panel.getByRole("button", { name, exact: true });
    await widget.say("我要退货");
    await widget.sees(/手机号/);
    await widget.say("13812345678");
    await widget.sees(/6 位数字/);
    await widget.say("123456");
    await widget.sees(/订单号/);
    await widget.say("SP1048827");
    await widget.panel.getByLabel(/陶瓷杯/).check();
    await accessible(page);
    await shot(page, "list");
    await button("确定").click();
    await button("商品破损").click();
    await widget.panel
      .getByLabel(/选择文件/)
      .setInputFiles({
        name: "cup.jpg",
        mimeType: "image/jpeg",
        buffer: Buffer.from("x"),
      });
    await shot(page, "files");
    await button("退款").click();
    const soon = new Date(Date.now() + 2 * 86_400_000)
      .toISOString()
      .slice(0, 10);
    await widget.panel.getByLabel(/日期/).fill(soon);
    await shot(page, "date");
    await button("确定").click();
    await button("上午").click();
    await widget.sees(/提交吗/);
    await button("是").click();
    await widget.sees(/退货单 R-\d+ 已创建/);
    await shot(page, "done");
    await button("非常满意").click();
    assert.equal((await shop.records("rma.create")).length, 1);
    assert.deepEqual(faults.seen, []);
  },
);

/** For people who want to look: KEFU_SHOTS names a folder. */
async function shot(
  page: import("playwright-core").Page,
  name: string,
): Promise<void> {
  const folder = process.env["KEFU_SHOTS"] ?? "";
  if (folder !== "")
    await page.screenshot({ path: `${folder}/flow-${name}.png` });
}
