// SPDX-License-Identifier: Apache-2.0
// The events of one conversation as this reader knows them: merged by seq, whatever the order in
// which they came. prevSeq names the event before that this reader may see, so a hole shows itself.
import type { Event } from "@kefu/protocol/generated";

export interface Gap {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** Ascending by seq, each seq once; an event that is already there stays as it is. */
export function mergeEvents(known: readonly Event[], more: readonly Event[]): readonly Event[] {
  const last = known[known.length - 1];
  if (more.length === 1 && more[0] && (!last || more[0].seq > last.seq)) return [...known, more[0]];
  const have = new Set(known.map((event) => event.seq));
  const fresh = more.filter((event) => !have.has(event.seq) && have.add(event.seq));
  if (fresh.length === 0) return known;
  return [...known, ...fresh].sort((a, b) => a.seq - b.seq);
}

/** The holes between the first known event and the head; none while nothing is known. */
export function findGaps(events: readonly Event[], headSeq: number): Gap[] {
  const gaps: Gap[] = [];
  let seen = events[0]?.seq;
  if (seen === undefined) return gaps;
  for (const event of events) {
    if (event.seq > seen && event.prevSeq > seen) {
      gaps.push({ fromSeq: seen + 1, toSeq: event.prevSeq });
    }
    seen = event.seq;
  }
  if (headSeq > seen) gaps.push({ fromSeq: seen + 1, toSeq: headSeq });
  return gaps;
}

export interface TimelineItem {
  readonly event: Event;
  /** After its last edit; "" when recalled. */
  readonly text: string;
  readonly edited: boolean;
  readonly recalled: boolean;
}

/** What is shown: edits and recalls are applied to their target and not shown themselves. */
export function viewTimeline(events: readonly Event[]): TimelineItem[] {
  const edits = new Map<number, string>();
  const recalled = new Set<number>();
  for (const event of events) {
    if (event.kind === "edit") edits.set(event.targetSeq, event.text);
    if (event.kind === "recall") recalled.add(event.targetSeq);
  }
  return events
    .filter((event) => event.kind !== "edit" && event.kind !== "recall")
    .map((event) => ({
      event,
      text: recalled.has(event.seq) ? "" : (edits.get(event.seq) ?? event.text),
      edited: edits.has(event.seq),
      recalled: recalled.has(event.seq),
    }));
}
