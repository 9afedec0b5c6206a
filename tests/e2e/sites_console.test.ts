// SPDX-License-Identifier: Apache-2.0
// The console's page of sites: set what a visitor then sees, make a site, delete it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { accessible, Console, Faults, launch } from "./browser.ts";
import { Server } from "./server.ts";
import { type Frame, visitor, welcomeOf } from "./wire.ts";

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

/** For people who want to look: KEFU_SHOTS names a folder. */
async function shots(page: Page, name: string): Promise<void> {
  const folder = process.env["KEFU_SHOTS"] ?? "";
  if (folder === "") return;
  for (const width of [1440, 1024, 390]) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 2300 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: `${folder}/sites-${name}-${colorScheme}-${width}.png`,
      });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

async function openSites(locale: "zh-CN" | "en"): Promise<Page> {
  const context = await browser.newContext({
    locale,
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  await Console.open(page, server, server.logins[0] as never, locale);
  await page
    .getByRole("link", { name: locale === "en" ? "Sites" : "网站" })
    .click();
  return page;
}

test(
  "what is set in the console is what a visitor gets",
  { timeout: 120_000 },
  async () => {
    const faults = new Faults();
    const page = await openSites("en");
    faults.watch(page);
    await page.getByText('data-site="demo"').waitFor();
    await page.getByLabel("Greeting in English").fill("Welcome to the forest.");
    await page
      .getByRole("textbox", { name: "Colour", exact: true })
      .fill("#2f6b4");
    await page.getByLabel("Used: Ask back").uncheck();
    await page.getByLabel(/^Sure from: Answers/).fill("0.6");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("not like #1a2b3c").waitFor();
    await page
      .getByRole("textbox", { name: "Colour", exact: true })
      .fill("#2f6b4f");
    await page
      .getByLabel("Allowed domains")
      .fill(`https://shop.example/cart\n127.0.0.1:${server.port}`);
    await page.getByRole("button", { name: "Show the secret" }).click();
    await page.getByText(/^[0-9a-f]{64}$/).waitFor();
    await accessible(page);
    await shots(page, "edit-en");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved").waitFor();
    // The bot is built anew meanwhile, with the greeting in it.
    let site: Frame = {};
    while (site["greeting"] !== "Welcome to the forest.")
      site = welcomeOf(await visitor(server, "", "en"))["site"] as Frame;
    assert.equal(site["color"], "#2f6b4f");
    await page.reload();
    await page.getByText('data-site="demo"').waitFor();
    assert.equal(
      await page.getByLabel("Allowed domains").inputValue(),
      `shop.example\n127.0.0.1:${server.port}`,
    );
    assert.ok(!(await page.getByLabel("Used: Ask back").isChecked()));
    assert.deepEqual(
      // The refused colour is the one that was meant to be.
      faults.seen.filter((text) => !text.includes("400")),
      [],
    );
    await page.context().close();
  },
);

test("a site is made and deleted", { timeout: 120_000 }, async () => {
  const page = await openSites("zh-CN");
  await page.getByRole("button", { name: "新建网站" }).click();
  await page.getByLabel("名称").fill("第二个网站");
  await shots(page, "new-zh");
  await page.getByRole("button", { name: "创建网站" }).click();
  await page.getByText("已保存").waitFor();
  const pick = page.getByRole("combobox", { name: "网站" });
  await pick.waitFor();
  assert.equal(await pick.locator("option").count(), 2);
  await accessible(page);
  await shots(page, "two-zh");
  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "删除" }).click();
  await pick.waitFor({ state: "detached" });
  await page.getByText('data-site="demo"').waitFor();
  await page.context().close();
});
