// SPDX-License-Identifier: Apache-2.0

/** The key belongs to an input method: Enter picks a candidate then and must not send. */
export function isComposing(event: KeyboardEvent): boolean {
  // 229 is what Safari says for the Enter that ends a composition, after isComposing is false.
  return event.isComposing || event.keyCode === 229;
}
