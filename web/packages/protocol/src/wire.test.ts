// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Event, ServerFrame, Welcome } from "./generated.ts";
import { DecodeError } from "./wire.ts";

test("omitted fields get their defaults", () => {
  const event = Event.decode({ conversationId: "9007199254740993", seq: 1, kind: "message" });
  assert.equal(event.conversationId, "9007199254740993");
  assert.equal(event.prevSeq, 0);
  assert.equal(event.text, "");
  assert.equal(event.visibility, "public");
  assert.equal(event.agentId, "0");
  assert.deepEqual(event.quickReplies, []);
  assert.deepEqual(event.attributes, {});
  assert.equal(event.author, undefined);
});

test("only the body that was sent is there", () => {
  const frame = ServerFrame.decode({ id: 3, ack: { conversationId: "5", seq: 2 } });
  assert.equal(frame.id, 3);
  assert.equal(frame.ack?.seq, 2);
  assert.equal(frame.error, undefined);
});

test("a newer server's fields and names are tolerated", () => {
  const event = Event.decode({ kind: "hologram", later: 1, author: { kind: "bot", mood: "good" } });
  assert.equal(event.kind, "unspecified");
  assert.equal(event.author?.kind, "bot");
});

test("a wrong type is named by its path", () => {
  const bad = { conversations: [{ id: "1" }, { id: "2", headSeq: "4" }] };
  assert.throws(() => Welcome.decode(bad), new DecodeError("conversations[1].headSeq", "a number"));
  assert.throws(() => Welcome.decode([]), DecodeError);
  assert.throws(() => Event.decode({ conversationId: "x" }), DecodeError);
});
