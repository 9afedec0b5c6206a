// SPDX-License-Identifier: Apache-2.0
// A `kefu-shop` of the test's own, and the demo's actions pointed at it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { freePort } from "./server.ts";
import type { Agent, Frame } from "./wire.ts";

export class Shop {
  port = 0;
  #process: ChildProcess | null = null;

  async start(): Promise<void> {
    this.port = await freePort();
    const program = join(dirname(process.env["KEFU_BIN"] ?? ""), "kefu-shop");
    const child = spawn(program, [String(this.port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    await once(child.stdout, "data");
  }

  /** The demo's actions call this shop from now on. */
  async serve(admin: Agent): Promise<void> {
    const reply = await admin.call("GET", "/actions?limit=200");
    const list = (await reply.json()) as { items: Frame[] };
    for (const action of list.items) {
      const url = String(action["url"]).replace(":8091/", `:${this.port}/`);
      const changed = await admin.call("PATCH", `/actions/${action["id"]}`, {
        url,
      });
      if (changed.status !== 200) throw new Error(await changed.text());
    }
  }

  async #post(path: string, body: Frame): Promise<void> {
    await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
  }

  fault(action: string, mode: "fail" | "hold" | "none"): Promise<void> {
    return this.#post("/faults", { action, mode });
  }

  async records(kind: string): Promise<Frame[]> {
    const reply = await fetch(
      `http://127.0.0.1:${this.port}/records?kind=${kind}`,
    );
    return (await reply.json()) as Frame[];
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
