// SPDX-License-Identifier: Apache-2.0
import type { QueuePush } from "@kefu/protocol/generated";
import { usePanel } from "./context.ts";

/** In the visitor's own time zone. */
function formatOpening(ms: number, locale: string): string {
  const parts = { weekday: "long", hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale, parts).format(ms);
}

export function QueueCard({ queue }: { queue: QueuePush | undefined }) {
  const { text, locale } = usePanel();
  const away = queue !== undefined && (!queue.agentsOnline || queue.closed);
  const opensAt = queue?.closed && queue.opensAt !== "" ? Date.parse(queue.opensAt) : 0;
  const leave = !away && (queue?.alternatives ?? []).includes("ticket");
  const position = queue?.position ?? 0;
  const title =
    position === 0
      ? text.queueSoon
      : position === 1
        ? text.queueNext
        : text.queuePosition({ position });
  const minutes = Math.ceil((queue?.estimatedWaitMs ?? 0) / 60_000);
  return (
    <div class="card queue" role="status">
      {!away && <strong>{title}</strong>}
      {!away && minutes > 0 && <span>{text.queueEstimate({ minutes })}</span>}
      {opensAt > 0 && <strong>{text.queueOpens({ time: formatOpening(opensAt, locale) })}</strong>}
      {leave && <span>{text.queueLeave}</span>}
      <span>{away ? text.queueAway : text.queueStay}</span>
    </div>
  );
}
