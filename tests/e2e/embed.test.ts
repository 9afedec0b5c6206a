// SPDX-License-Identifier: Apache-2.0
// The script tag on a customer's page: shown where the site's settings allow it, and quiet with one
// line for the page's owner where they don't.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch } from "./browser.ts";
import { freePort, Server } from "./server.ts";
import { Agent, type Frame } from "./wire.ts";

const server = new Server({ KEFU_LIMIT_IP_RATE: "0" });
let browser: Browser;
let shop: HttpServer;
let shopPort = 0;
let policy = "";
let owner: Agent;

before(async () => {
  await server.start();
  browser = await launch();
  owner = await Agent.login(server, server.logins[0] as never);
  shopPort = await freePort();
  shop = createServer((request, reply) => {
    const site = new URL(request.url ?? "/", "http://x").searchParams.get(
      "site",
    );
    reply.setHeader("content-type", "text/html");
    if (policy !== "") reply.setHeader("content-security-policy", policy);
    reply.end(
      `<!doctype html><title>Shop</title><h1>Shop</h1><script async src="${server.origin}/w.js" data-site="${site}" data-lang="en"></script>`,
    );
  }).listen(shopPort, "127.0.0.1");
  await once(shop, "listening");
});
after(async () => {
  await browser?.close();
  shop?.close();
  await server.destroy();
});

async function siteWith(fields: Frame): Promise<string> {
  const reply = await owner.call("POST", "/sites", fields);
  const key = ((await reply.json()) as Frame)["key"] as string;
  // Every shard learns of it by itself, and each new connection may meet another one.
  for (let known = 0; known < 20;) {
    const look = await fetch(
      `${server.origin}/api/v1/visitor/site?site=${key}`,
      { headers: { connection: "close" } },
    );
    known = ((await look.json()) as Frame)["known"] === true ? known + 1 : 0;
  }
  return key;
}

/** The page, its warnings, and what else its console said. */
async function visit(
  site: string,
  host = "127.0.0.1",
): Promise<[Page, string[], string[]]> {
  const page = await (await browser.newContext()).newPage();
  const warnings: string[] = [];
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "warning") warnings.push(message.text());
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(`http://${host}:${shopPort}/?site=${site}`);
  await page.waitForFunction(() => (window as any).kefu?.loaded === true);
  return [page, warnings, errors];
}

const launcher = (page: Page) =>
  page.getByRole("button", { name: "Open chat" });

test(
  "a page among the site's domains shows the chat in the site's colour",
  { timeout: 90_000 },
  async () => {
    const key = await siteWith({
      name: "Listed",
      domains: [`127.0.0.1:${shopPort}`],
      color: "#177245",
    });
    const [page, warnings, errors] = await visit(key);
    assert.equal(
      await launcher(page).evaluate(
        (button) => getComputedStyle(button).backgroundColor,
      ),
      "rgb(23, 114, 69)",
    );
    await launcher(page).click();
    await page.frameLocator("iframe").locator("textarea").waitFor();
    assert.deepEqual([warnings, errors], [[], []]);
    await page.context().close();
  },
);

test(
  "another page shows nothing, and says once which setting it is",
  { timeout: 90_000 },
  async () => {
    const key = await siteWith({ name: "Strict", domains: ["shop.example"] });
    const [page, warnings, errors] = await visit(key);
    await page.evaluate(() => {
      (window as any).kefu("open");
      (window as any).kefu("setUser", { userId: "1" });
    });
    assert.equal(await launcher(page).count(), 0);
    assert.equal(await page.locator("iframe").count(), 0);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /127\.0\.0\.1:\d+ .*"Allowed domains"/);
    assert.deepEqual(errors, []);
    await page.context().close();
  },
);

test(
  "a key that is no site's shows nothing, and says so",
  { timeout: 90_000 },
  async () => {
    const [page, warnings] = await visit("nobody");
    assert.equal(await launcher(page).count(), 0);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /data-site="nobody"/);
    await page.context().close();
  },
);

test(
  "a page whose own policy forbids the frame never shows a broken one",
  { timeout: 90_000 },
  async () => {
    const key = await siteWith({ name: "Policy" });
    policy = `script-src ${server.origin}; connect-src 'none'; frame-src 'none'`;
    const [page, warnings] = await visit(key);
    policy = "";
    await launcher(page).click();
    assert.ok(await page.locator("iframe").isHidden());
    await launcher(page).and(page.locator('[aria-expanded="false"]')).waitFor();
    assert.equal(await page.locator("iframe").count(), 0);
    assert.equal(
      warnings.filter((text) => text.startsWith("Kefu: ")).length,
      1,
    );
    assert.match(warnings.at(-1) ?? "", /frame-src/);
    await page.context().close();
  },
);
