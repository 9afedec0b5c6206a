// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./fake_server.ts";
import { createEventReader, httpTransport, type HttpLine } from "./http.ts";

interface Post {
  token: string;
  body: { id: number } & Record<string, unknown>;
  answer(status: number, frame: object | string): void;
}

function setUp() {
  const posts: Post[] = [];
  const told: object[] = [];
  const log: string[] = [];
  let push: (text: string) => void = () => undefined;
  let endStream: () => void = () => undefined;
  let aborted = 0;
  const line: HttpLine = {
    post: (_path, token, body) =>
      new Promise((resolve) =>
        posts.push({
          token,
          body: JSON.parse(body) as Post["body"],
          answer: (status, frame) =>
            resolve({ status, text: typeof frame === "string" ? frame : JSON.stringify(frame) }),
        }),
      ),
    stream(_path, token, onText) {
      log.push(`stream ${token}`);
      push = onText;
      return new Promise((resolve) => (endStream = resolve));
    },
    abort: () => void aborted++,
  };
  const transport = httpTransport(() => line)({
    onOpen: () => void log.push("open"),
    onText: (text) => void told.push(JSON.parse(text) as object),
    onClose: (code) => void log.push(`close ${code}`),
  });
  const event = (frame: object) => push(`id: 7:1\ndata: ${JSON.stringify(frame)}\n\n`);
  return { posts, told, log, transport, event, end: () => endStream(), aborts: () => aborted };
}

async function welcomed() {
  const all = setUp();
  await settled();
  all.transport.send('{"id":1,"hello":{"siteKey":"s"}}');
  await settled();
  all.posts[0]?.answer(200, { id: 1, welcome: { visitorToken: "t", visitorId: "9" } });
  await settled();
  return all;
}

test("hello opens the stream, whose welcome is its answer", async () => {
  const { posts, told, log, event } = await welcomed();
  assert.equal(posts[0]?.token, "");
  assert.deepEqual(log, ["open", "stream t"]);
  assert.deepEqual(told, []);
  event({ id: 4294967295, welcome: { visitorToken: "t2", visitorId: "9" } });
  event({ event: { seq: 1 } });
  event({ id: 4294967294, history: {} }); // the stream's own catching up: not asked for
  assert.deepEqual(told, [
    { id: 1, welcome: { visitorToken: "t2", visitorId: "9" } },
    { event: { seq: 1 } },
  ]);
});

test("frames go one after the other, with the token, and their replies are the answers", async () => {
  const { posts, told, transport } = await welcomed();
  transport.send('{"id":2,"send":{"text":"a"}}');
  transport.send('{"id":3,"typing":{}}');
  await settled();
  assert.equal(posts.length, 2);
  assert.equal(posts[1]?.token, "t");
  posts[1]?.answer(200, { id: 2, ack: { seq: 1 } });
  await settled();
  posts[2]?.answer(202, { id: 3 });
  await settled();
  assert.deepEqual(told, [{ id: 2, ack: { seq: 1 } }, { id: 3 }]);
});

test("a refusal by status answers its frame, and a page of somebody else's ends the line", async () => {
  const { posts, told, log, transport, aborts } = await welcomed();
  transport.send('{"id":2,"send":{"text":"a"}}');
  await settled();
  posts[1]?.answer(503, { error: { code: "busy", retryAfterMs: 1000 } });
  await settled();
  assert.deepEqual(told, [{ id: 2, error: { code: "busy", retryAfterMs: 1000 } }]);
  transport.send('{"id":3,"send":{"text":"a"}}');
  await settled();
  posts[2]?.answer(502, "<h1>Bad gateway</h1>");
  await settled();
  assert.deepEqual(log.slice(2), ["close 1006"]);
  assert.ok(aborts() > 0);
});

test("the end of the stream is the end of the line, and a closed line is silent", async () => {
  const ended = await welcomed();
  ended.end();
  await settled();
  assert.deepEqual(ended.log.slice(2), ["close 1006"]);
  const closed = await welcomed();
  closed.transport.close();
  closed.end();
  closed.event({ event: { seq: 1 } });
  await settled();
  assert.deepEqual(closed.log.slice(2), []);
  assert.deepEqual(closed.told, []);
});

test("an event is found in whatever pieces it comes", () => {
  const text = 'retry: 2000\n\nid: 1:2\ndata: {"a":"é"}\n\n: quiet\n\ndata: {}\n\n';
  for (let size = 1; size <= text.length; size++) {
    const found: string[] = [];
    const read = createEventReader((data) => void found.push(data));
    for (let at = 0; at < text.length; at += size) read(text.slice(at, at + size));
    assert.deepEqual(found, ['{"a":"é"}', "{}"]);
  }
});
