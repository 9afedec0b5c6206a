// SPDX-License-Identifier: Apache-2.0
import type { Platform } from "./platform.ts";

/**
 * A UUIDv7 as 32 hex digits: names one action of this client for ever. Time-ordered, because the
 * server's index of them stays compact that way.
 */
export function createClientId(platform: Platform): string {
  const bytes = platform.randomBytes(16);
  let ms = platform.now();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
