// SPDX-License-Identifier: Apache-2.0
// Frames over plain HTTP, where WebSocket is blocked: each frame is POSTed and its answer is the
// reply; everything else comes by one event stream. To the session it is a connection like any
// other. Visitors only: the server's addresses for it take a visitor's token.
import type { Connect, TransportHandlers } from "./transport.ts";

/** One connection's requests; `abort` ends them all, and nothing is reported after it. */
export interface HttpLine {
  post(path: string, token: string, body: string): Promise<{ status: number; text: string }>;
  /** Calls `onText` with pieces of the body until it ends. Rejects when it did not begin well. */
  stream(path: string, token: string, onText: (text: string) => void): Promise<void>;
  abort(): void;
}

const FRAMES = "/api/v1/visitor/frames";
const STREAM = "/api/v1/visitor/stream";

/** Takes the data out of an event stream's text, whatever pieces it comes in. Ours is one line. */
export function createEventReader(onData: (data: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) onData(line.slice(6));
  };
}

interface AnyFrame {
  id?: number;
  hello?: unknown;
  welcome?: { visitorToken?: string };
  error?: unknown;
}

function parse(text: string): AnyFrame {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

export function httpTransport(openLine: () => HttpLine): Connect {
  return (handlers) => {
    const line = openLine();
    let live: TransportHandlers | null = handlers;
    let token = "";
    // One at a time, so that they arrive in the order in which they were sent.
    let last: Promise<void> = Promise.resolve();

    function end(reason: string): void {
      const open = live;
      live = null;
      line.abort();
      open?.onClose(1006, reason);
    }

    /** A refusal of the server's own has no id: it is this frame's answer all the same. */
    function answer(id: number, reply: { status: number; text: string }): void {
      const frame = parse(reply.text);
      if (reply.status < 300) live?.onText(reply.text);
      else if (frame.error) live?.onText(JSON.stringify({ id, error: frame.error }));
      else end(`status ${reply.status}`);
    }

    /** The stream's own welcome is the answer to hello: it says where the stream begins. */
    function listen(helloId: number): void {
      const read = createEventReader((data) => {
        const frame = parse(data);
        if (frame.welcome) live?.onText(JSON.stringify({ ...frame, id: helloId }));
        else if (!frame.id) live?.onText(data);
      });
      line.stream(STREAM, token, read).then(
        () => end("the stream ended"),
        () => end("no stream"),
      );
    }

    async function post(text: string): Promise<void> {
      const frame = parse(text);
      const id = frame.id ?? 0;
      const reply = await line.post(FRAMES, token, text);
      const welcome = frame.hello === undefined ? undefined : parse(reply.text).welcome;
      if (reply.status >= 300 || welcome?.visitorToken === undefined) {
        answer(id, reply);
        return;
      }
      token = welcome.visitorToken;
      listen(id);
    }

    void Promise.resolve().then(() => live?.onOpen());
    return {
      send(text) {
        last = last.then(() => (live ? post(text) : undefined)).catch(() => end("no answer"));
      },
      close() {
        live = null;
        line.abort();
      },
    };
  };
}
