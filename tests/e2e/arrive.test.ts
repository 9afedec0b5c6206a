// SPDX-License-Identifier: Apache-2.0
// An agent arrives while somebody waits, and comes back away: what the console shows must be what
// the desk does.
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { Console, launch } from "./browser.ts";
import { Server } from "./server.ts";
import { clientId, visitor } from "./wire.ts";

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

async function arrive(): Promise<Console> {
  const context = await browser.newContext({
    locale: "en",
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  return Console.open(page, server, server.logins[0] as never, "en");
}

test("who comes online while somebody waits sees what it is given", async () => {
  const session = await visitor(server, "", "en");
  await session.ask({
    start: { clientId: clientId(), text: "I want to talk to a person" },
  });
  const agent = await arrive();
  await session.event((event) => event["kind"] === "assigned");
  await agent.pick();
  await agent.sees("I want to talk to a person");
  await agent.page.context().close();
});

test("who was away is shown as away after a reload", async () => {
  const agent = await arrive();
  const presence = agent.page.getByRole("button", { name: /^Presence: / });
  await presence.first().click();
  await agent.page.getByRole("menuitem", { name: /^Away/ }).click();
  const away = agent.page.getByRole("button", { name: "Presence: Away" });
  await away.first().waitFor();
  await agent.page.reload();
  await agent.page.getByRole("link", { name: "Mine" }).first().waitFor();
  await agent.page.waitForLoadState("networkidle");
  await away.first().waitFor();
});
