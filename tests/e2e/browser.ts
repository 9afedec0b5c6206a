// SPDX-License-Identifier: Apache-2.0
// Chromium with the demo shop, its chat panel, and the console, as people use them.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import {
  type Browser,
  chromium,
  type FrameLocator,
  type Page,
} from "playwright-core";
import type { Login, Server } from "./server.ts";

const axe = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

export type Locale = "zh-CN" | "en";

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["KEFU_CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What goes wrong on a page fails the test that opened it. */
export class Faults {
  readonly seen: string[] = [];
  watch(page: Page): void {
    page.on("pageerror", (error) =>
      this.seen.push(`${page.url()}: ${error.message}`),
    );
    page.on("console", (message) => {
      // The log-in page asks who is there, and nobody is.
      if (message.type() === "error" && !message.text().includes("401"))
        this.seen.push(`${page.url()}: ${message.text()}`);
    });
  }
}

export class Shop {
  readonly panel: FrameLocator;
  constructor(readonly page: Page) {
    this.panel = page.frameLocator("iframe");
  }

  static async open(page: Page, server: Server, locale: Locale): Promise<Shop> {
    await page.goto(`${server.origin}/demo?lang=${locale}`);
    const shop = new Shop(page);
    await shop.show();
    return shop;
  }

  /** Also after a reload, which does not wait for the script. */
  async show(): Promise<void> {
    // Not waitForFunction: what polls within the page is evaluated there, which its policy forbids.
    while (
      !(await this.page.evaluate(() => Boolean((window as any).kefu?.loaded)))
    )
      continue;
    await this.page.evaluate(() => (window as any).kefu("open"));
    await this.panel.locator("textarea").waitFor();
  }

  async say(text: string): Promise<void> {
    const box = this.panel.locator(".composer textarea");
    await box.fill(text);
    await box.press("Enter");
  }

  /** Waits for a text in the thread. */
  async sees(text: string | RegExp): Promise<void> {
    await this.panel.getByRole("log").getByText(text).first().waitFor();
  }
}

export class Console {
  constructor(
    readonly page: Page,
    readonly text: (zh: string, en: string) => string,
  ) {}

  static async open(
    page: Page,
    server: Server,
    login: Login,
    locale: Locale,
  ): Promise<Console> {
    const text = (zh: string, en: string) => (locale === "zh-CN" ? zh : en);
    await page.goto(`${server.origin}/console`);
    await page.locator("input[type=email]").fill(login.email);
    await page.locator("input[type=password]").fill(login.password);
    await page.locator("input[type=password]").press("Enter");
    await page
      .getByRole("link", { name: text("我的", "Mine") })
      .first()
      .waitFor();
    return new Console(page, text);
  }

  /** Opens the conversation at the top of the list. */
  async pick(): Promise<void> {
    await this.page.getByRole("option").first().click();
  }

  button(zh: string, en: string) {
    return this.page.getByRole("button", {
      name: this.text(zh, en),
      exact: true,
    });
  }

  async reply(text: string): Promise<void> {
    const box = this.page.getByRole("textbox", {
      name: this.text("回复", "Reply"),
    });
    await box.fill(text);
    await box.press("Enter");
  }

  async note(text: string): Promise<void> {
    await this.button("备注", "Note").click();
    await this.page
      .getByRole("textbox", { name: this.text("备注", "Note") })
      .fill(text);
    await this.button("添加备注", "Add note").click();
    await this.button("回复", "Reply").click();
  }

  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByRole("log").getByText(text).first().waitFor();
  }
}

/** No serious finding of axe on a page or in its chat panel. */
export async function accessible(page: Page): Promise<void> {
  for (const frame of page.frames()) {
    if (frame.url() === "about:blank") continue;
    // Our pages allow no foreign script; the debugger may evaluate one all the same.
    await frame.evaluate(axe);
    // A button on its way from disabled to enabled has neither's colours.
    await frame.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
          .map((one) => one.finished),
      ).then(() => undefined),
    );
    const result = await frame.evaluate(() =>
      (window as any).axe.run(document, { resultTypes: ["violations"] }),
    );
    const serious = result.violations.filter((violation: { impact: string }) =>
      ["serious", "critical"].includes(violation.impact),
    );
    assert.deepEqual(
      serious.map(
        (violation: any) =>
          `${frame.url()} ${violation.id}: ${violation.nodes[0]?.html}`,
      ),
      [],
    );
  }
}
