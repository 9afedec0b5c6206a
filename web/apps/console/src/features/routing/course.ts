// SPDX-License-Identifier: Apache-2.0
// The line of mean waits over time, in a box of 640 by 200.

import type { RoutingSlot } from "@kefu/protocol/generated";

export interface Course {
  before: string; // points of a polyline; empty: nothing to draw
  after: string;
  most: number; // seconds at the upper edge
  start: string;
  end: string;
}

const width = 640;
const height = 200;
const head = 1.1; // room above the highest point

export function courseOf(before: RoutingSlot[], after: RoutingSlot[]): Course {
  const most = Math.max(1, ...[...before, ...after].map((slot) => slot.waitS)) * head;
  const line = (slots: RoutingSlot[]): string =>
    slots
      .map((slot, at) => {
        const x = (width * at) / Math.max(1, slots.length - 1);
        return `${x.toFixed(1)},${(height - (height * slot.waitS) / most).toFixed(1)}`;
      })
      .join(" ");
  return {
    before: line(before),
    after: line(after),
    most,
    start: before[0]?.at ?? "",
    end: before.at(-1)?.at ?? "",
  };
}

/** Date.getTimezoneOffset (minutes behind UTC) as the server writes zones: -480 is "+08:00". */
export function offsetOf(minutes: number): string {
  const away = Math.abs(minutes);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${minutes <= 0 ? "+" : "-"}${two(Math.floor(away / 60))}:${two(away % 60)}`;
}
