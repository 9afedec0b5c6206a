// SPDX-License-Identifier: Apache-2.0
// The console's page of flows: find one, break it, mend it, try it, publish it, take it back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { accessible, Console, Faults, launch, Shop } from "./browser.ts";
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

/** For people who want to look: KEFU_SHOTS names a folder. */
async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env["KEFU_SHOTS"] ?? "";
  if (folder === "") return;
  for (const [width, theme] of [
    [1440, "light"],
    [1024, "dark"],
    [390, "light"],
  ] as const) {
    await page.setViewportSize({ width, height: 2200 });
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await page.screenshot({ path: `${folder}/flows-${name}-${width}.png` });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

test(
  "a flow is mended, tried and published in the console",
  { timeout: 120_000 },
  async () => {
    const faults = new Faults();
    const context = await browser.newContext({
      locale: "en",
      viewport: { width: 1440, height: 900 },
    });
    const page = await context.newPage();
    faults.watch(page);
    await Console.open(page, server, server.logins[0] as never, "en");
    await page.getByRole("link", { name: "Flows" }).click();
    await page.getByRole("searchbox").fill("rating");
    await page.getByRole("link", { name: /^rating/ }).click();
    await page.getByText(/rows covered/).waitFor();
    await page.getByRole("button", { name: "New version" }).click();
    const source = page.getByRole("textbox", { name: "Source" });
    await page.getByRole("button", { name: "Save draft" }).waitFor();
    const text = await source.inputValue();
    await source.fill(text.replace("timeout: thanks", "timeout: nowhere"));
    await page.getByRole("button", { name: /^E1 / }).first().click();
    assert.ok(await page.getByRole("button", { name: "Publish" }).isDisabled());
    await accessible(page);
    await shot(page, "broken");
    await source.fill(text);
    await page.getByText(/rows covered/).waitFor();
    await page.getByRole("button", { name: "Begin", exact: true }).click();
    const box = page.getByRole("textbox", { name: "Visitor says" });
    await box.fill("2");
    await box.press("Enter");
    await page.getByRole("log").getByText("2", { exact: true }).waitFor();
    await page.getByRole("button", { name: "+24 h" }).click();
    await page.getByRole("button", { name: "Inject failed" }).click();
    await accessible(page);
    await shot(page, "tried");
    // A row that no story passes is named, and drawn.
    await source.fill(
      text.replace(
        "global:\n",
        "global:\n  - {event: webhook.lost, to: thanks}\n",
      ),
    );
    await page.getByText("global: webhook.lost -> thanks").waitFor();
    await page.getByText("1 row that no story passes").waitFor();
    await accessible(page);
    await shot(page, "gap");
    await page
      .getByLabel("Compare with a version")
      .selectOption({ label: "version 1 · Published" });
    await page.getByRole("cell", { name: /webhook\.lost/ }).waitFor();
    await accessible(page);
    await shot(page, "diff");
    await source.fill(text);
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByText("Published.").waitFor();
    await page.getByText("version 2").first().waitFor();
    await page.getByRole("link", { name: /version 1 · Retired/ }).click();
    await page.getByRole("button", { name: "Publish again" }).click();
    await page.getByText("version 3").first().waitFor();
    assert.deepEqual(faults.seen, []);
  },
);

test("where a conversation stands is shown in the graph, and follows it", async () => {
  const shopper = await browser.newContext({ locale: "en" });
  const widget = await Shop.open(await shopper.newPage(), server, "en");
  await widget.say("I want to return something");
  const context = await browser.newContext({
    locale: "en",
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  const console = await Console.open(page, server, server.logins[0]!, "en");
  await page.getByRole("link", { name: "All" }).first().click();
  await console.pick();
  await page.getByRole("link", { name: "Show in the graph" }).click();
  await page.getByText("The conversation stands at ask_phone.").waitFor();
  await page.locator(".node.current", { hasText: "ask_phone" }).waitFor();
  await shot(page, "live");
  await accessible(page);
  await widget.say("cancel");
  await page
    .getByText("The conversation stands at ask_phone.")
    .waitFor({ state: "hidden" });
  await shopper.close();
  await context.close();
});
