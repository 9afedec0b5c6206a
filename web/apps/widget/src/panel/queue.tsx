// SPDX-License-Identifier: Apache-2.0
import type { QueuePush } from "@kefu/protocol/generated";
import { usePanel } from "./context.ts";

export function QueueCard({ queue }: { queue: QueuePush | undefined }) {
  const { text } = usePanel();
  const away = queue !== undefined && !queue.agentsOnline;
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
      <span>{away ? text.queueAway : text.queueStay}</span>
    </div>
  );
}
