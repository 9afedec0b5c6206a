// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSession } from "../../lib/decode";
import { atLeast, initialSession, reduceSession } from "./reducer";

test("signing in and out", () => {
  const info = decodeSession({ agent: { id: "7", name: "Li" }, csrfToken: "c" });
  const signedIn = reduceSession(initialSession, { type: "signedIn", info });
  assert.equal(signedIn.phase, "in");
  assert.equal(signedIn.info?.agent.role, "agent"); // the default is the least right
  assert.equal(reduceSession(signedIn, { type: "signedOut" }).info, null);
});

test("roles are ordered", () => {
  assert.ok(atLeast("owner", "admin"));
  assert.ok(!atLeast("supervisor", "admin"));
  assert.ok(!atLeast(undefined, "agent"));
});
