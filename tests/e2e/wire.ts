// SPDX-License-Identifier: Apache-2.0
// A visitor or agent at the level of frames, and REST as an integrator would call it.
import { randomBytes } from "node:crypto";
import WebSocket from "ws";
import type { Login, Server } from "./server.ts";

export type Frame = Record<string, any>;
const answerMs = 15_000;

/** Time-ordered, as the browser makes them. */
export function clientId(): string {
  const ms = Date.now().toString(16).padStart(12, "0");
  return `${ms}7${randomBytes(10).toString("hex").slice(0, 19)}`;
}

export class Session {
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | null = null;
  #socket: WebSocket;
  #next = 1;
  #waiting: {
    test: (frame: Frame) => boolean;
    resolve: (frame: Frame) => void;
  }[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString()) as Frame;
      this.frames.push(frame);
      this.#waiting = this.#waiting.filter((waiter) => {
        if (!waiter.test(frame)) return true;
        waiter.resolve(frame);
        return false;
      });
    });
    socket.on(
      "close",
      (code, reason) => (this.closed = { code, reason: reason.toString() }),
    );
    socket.on("error", () => undefined); // the close that follows tells
  }

  static async open(server: Server): Promise<Session> {
    const socket = new WebSocket(
      `ws://127.0.0.1:${server.port}/ws`,
      "kefu.v1.json",
    );
    const session = new Session(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return session;
  }

  /** The first frame, old or new, that passes. */
  wait(test: (frame: Frame) => boolean): Promise<Frame> {
    const seen = this.frames.find(test);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () =>
          reject(
            new Error(
              `no such frame among ${JSON.stringify(this.frames.slice(-5))}`,
            ),
          ),
        answerMs,
      );
      this.#waiting.push({
        test,
        resolve: (frame) => {
          clearTimeout(late);
          resolve(frame);
        },
      });
    });
  }

  async ask(action: Frame): Promise<Frame> {
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ id, ...action }));
    return this.wait((frame) => frame["id"] === id);
  }

  /** The frame's id. */
  tell(action: Frame): number {
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ id, ...action }));
    return id;
  }

  event(test: (event: Frame) => boolean): Promise<Frame> {
    return this.wait(
      (frame) => frame["event"] !== undefined && test(frame["event"]),
    );
  }

  /** Resolves when the connection is closed. */
  async ended(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("still open")), answerMs);
      this.#socket.once("close", () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** Cuts the connection without a close frame. */
  drop(): void {
    this.#socket.terminate();
  }
}

export async function visitor(
  server: Server,
  token = "",
  locale = "zh-CN",
): Promise<Session> {
  const session = await Session.open(server);
  await session.ask({
    hello: {
      siteKey: "demo",
      locale,
      ...(token === "" ? {} : { visitorToken: token }),
    },
  });
  return session;
}

export const welcomeOf = (session: Session): Frame =>
  session.frames[0]?.["welcome"] as Frame;

/** A logged-in agent: cookie, CSRF token, REST calls, sockets. */
export class Agent {
  private constructor(
    readonly server: Server,
    readonly cookie: string,
    readonly csrf: string,
  ) {}

  static async login(server: Server, login: Login): Promise<Agent> {
    const reply = await fetch(`${server.origin}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: server.origin },
      body: JSON.stringify(login),
    });
    if (reply.status !== 200)
      throw new Error(`log-in: ${reply.status} ${await reply.text()}`);
    const body = (await reply.json()) as Frame;
    const cookie = (reply.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    return new Agent(server, cookie, body["csrfToken"]);
  }

  call(
    method: string,
    path: string,
    body?: unknown,
    type = "application/json",
  ): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: {
        cookie: this.cookie,
        origin: this.server.origin,
        "x-csrf-token": this.csrf,
        ...(body === undefined ? {} : { "content-type": type }),
      },
    };
    if (body !== undefined)
      init.body = typeof body === "string" ? body : JSON.stringify(body);
    return fetch(`${this.server.origin}/api/v1${path}`, init);
  }

  async socket(): Promise<Session> {
    const ticket = (await (
      await this.call("POST", "/ws-tickets", {})
    ).json()) as Frame;
    const session = await Session.open(this.server);
    await session.ask({ hello: { ticket: ticket["ticket"] } });
    return session;
  }
}
