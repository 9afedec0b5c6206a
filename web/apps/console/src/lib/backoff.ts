// SPDX-License-Identifier: Apache-2.0
// How long to wait before the nth new attempt: doubling, capped, with full jitter on the upper
// half so that a restarted server does not meet all clients at one moment.

const firstMs = 500;
const mostMs = 30_000;

export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (ceiling / 2) * random();
}
