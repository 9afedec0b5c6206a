// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakePlatform } from "./fake_server.ts";
import {
  fallbackTransport,
  OPEN_MS_MAX,
  PROBE_MS_MAX,
  PROBE_MS_MIN,
  REFUSALS_MAX,
} from "./fallback.ts";
import type { Connect, TransportHandlers } from "./transport.ts";

interface Way {
  connect: Connect;
  opened: TransportHandlers[];
  closed: number;
}

function createWay(): Way {
  const way: Way = {
    opened: [],
    closed: 0,
    connect(handlers) {
      way.opened.push(handlers);
      return { send: () => undefined, close: () => void way.closed++ };
    },
  };
  return way;
}

function setUp() {
  const platform = createFakePlatform();
  const [first, second] = [createWay(), createWay()];
  const connect = fallbackTransport({ first: first.connect, second: second.connect, platform });
  const closes: number[] = [];
  const open = () =>
    connect({
      onOpen: () => undefined,
      onText: () => undefined,
      onClose: (code) => void closes.push(code),
    });
  /** Until the other way is taken. */
  const fallBack = () => {
    for (let i = 0; i < REFUSALS_MAX; i++) {
      open();
      first.opened.at(-1)?.onClose(1006, "");
    }
    return open();
  };
  return { platform, first, second, open, closes, fallBack };
}

test("two refusals in a row, and the next connection goes the other way", () => {
  const { first, second, open, fallBack, closes } = setUp();
  open();
  first.opened.at(-1)?.onClose(1006, "");
  open();
  first.opened.at(-1)?.onText("{}");
  first.opened.at(-1)?.onClose(1001, ""); // it worked: no refusal
  assert.equal(second.opened.length, 0);
  fallBack();
  assert.equal(second.opened.length, 1);
  assert.equal(closes.length, 2 + REFUSALS_MAX);
});

test("a proxy that opens and says nothing, or does nothing at all, is a refusal", async () => {
  const { platform, first, second, open, closes } = setUp();
  open();
  first.opened.at(-1)?.onOpen();
  first.opened.at(-1)?.onClose(1006, "");
  open();
  await platform.advance(OPEN_MS_MAX);
  assert.deepEqual(closes, [1006, 1006]);
  assert.equal(first.closed, 2);
  open();
  assert.equal(second.opened.length, 1);
});

test("a server that is away is not mistaken for a proxy: the ways take turns", () => {
  const { first, second, open, fallBack } = setUp();
  fallBack();
  second.opened.at(-1)?.onClose(1006, "");
  open();
  assert.equal(first.opened.length, REFUSALS_MAX + 1);
});

test("WebSocket is looked for again, ever more rarely, and taken when it is back", async () => {
  const { platform, first, second, open, closes, fallBack } = setUp();
  fallBack();
  second.opened.at(-1)?.onText("{}");
  const before = first.opened.length;
  await platform.advance(PROBE_MS_MIN);
  assert.equal(first.opened.length, before + 1);
  first.opened.at(-1)?.onClose(1006, "");
  await platform.advance(2 * PROBE_MS_MIN - 1);
  assert.equal(first.opened.length, before + 1);
  await platform.advance(1);
  assert.equal(first.opened.length, before + 2);
  await platform.advance(OPEN_MS_MAX); // neither opens nor closes
  await platform.advance(PROBE_MS_MAX);
  assert.ok(first.opened.length >= before + 3);
  const quiet = closes.length;
  first.opened.at(-1)?.onOpen();
  assert.deepEqual(closes.slice(quiet), [1000]);
  assert.ok(second.closed > 0);
  open();
  assert.equal(second.opened.length, 1);
});

test("a connection that was closed looks for nothing any more", async () => {
  const { platform, first, fallBack } = setUp();
  const transport = fallBack();
  transport.close();
  const before = first.opened.length;
  await platform.advance(2 * PROBE_MS_MAX);
  assert.equal(first.opened.length, before);
});
