// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { initialSetup, reduceSetup, type SetupState } from "./reducer";

const account: SetupState = { ...initialSetup, step: "account" };

test("the account step holds until it is complete", () => {
  assert.equal(reduceSetup(account, { type: "next" }).step, "account");
  const short = { ...account, email: "a@b.cn", name: "李", password: "01234567890" };
  assert.equal(reduceSetup(short, { type: "next" }).step, "account"); // the server wants twelve
  const filled = { ...short, password: "012345678901" };
  assert.equal(reduceSetup(filled, { type: "next" }).step, "site");
});

test("a refused field leads back to its step", () => {
  const site: SetupState = { ...initialSetup, step: "site", busy: true };
  const failed = reduceSetup(site, { type: "failed", message: "too weak", field: "password" });
  assert.equal(failed.step, "account");
  assert.equal(failed.busy, false);
});

test("the password is dropped when done, and there is no way back", () => {
  const done = reduceSetup({ ...account, password: "x" }, { type: "done", siteKey: "k" });
  assert.equal(done.password, "");
  assert.equal(reduceSetup(done, { type: "back" }).step, "snippet");
});
