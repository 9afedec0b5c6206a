// SPDX-License-Identifier: Apache-2.0
// A real `kefu serve --demo` in a folder of its own, started and stopped by the tests.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = process.env["KEFU_BIN"] ?? "";
const startMs = 30_000;

export interface Login {
  email: string;
  password: string;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string")
    throw new Error("no port");
  return address.port;
}

export class Server {
  port = 0;
  logins: Login[] = [];
  log = "";
  readonly dir = mkdtempSync(join(tmpdir(), "kefu-e2e-"));
  #process: ChildProcess | null = null;
  #settings: Record<string, string>;

  constructor(settings: Record<string, string> = {}) {
    this.#settings = settings;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts on the port of before, so that open pages find it again; by another program, if given. */
  async start(by: string[] = []): Promise<void> {
    if (program === "") throw new Error("KEFU_BIN names no program");
    if (this.port === 0) this.port = await freePort();
    const child = spawn(
      by[0] ?? program,
      [
        ...(by.length > 0 ? [...by.slice(1), program] : []),
        "serve",
        "--demo",
        "--data",
        join(this.dir, "data"),
        "--listen",
        "127.0.0.1",
      ].concat(["--port", String(this.port)]),
      {
        env: { ...process.env, ...this.#settings },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#process = child;
    child.stderr.on("data", (bytes: Buffer) => (this.log += bytes.toString()));
    let banner = "";
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`not ready\n${this.log}`)),
        startMs,
      );
      child.stdout.on("data", (bytes: Buffer) => {
        banner += bytes.toString();
        if (!/xiaomei@\S+\s+\S+\n/.test(banner)) return;
        clearTimeout(late);
        resolve();
      });
      child.once("exit", (code) =>
        reject(new Error(`ended with ${code}\n${this.log}`)),
      );
    });
    this.logins = [...banner.matchAll(/^\s+(\S+@\S+)\s+(\S+)$/gm)].map(
      (match) => ({
        email: match[1] ?? "",
        password: match[2] ?? "",
      }),
    );
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    child.kill(signal);
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }

  kill(): Promise<number | null> {
    return this.#end("SIGKILL");
  }

  /** The exit status. */
  terminate(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  async destroy(): Promise<void> {
    await this.terminate();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
