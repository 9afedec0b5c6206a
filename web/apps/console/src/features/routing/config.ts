// SPDX-License-Identifier: Apache-2.0
// A routing configuration as the pages edit it: the same JSON that the server checks and routes by.
// What these pages do not know stays in it untouched.

import type { RoutingProblem } from "@kefu/protocol/generated";

export type Needs = Record<string, number>;

export interface Ring {
  after: string;
  drop?: "prefer";
  level?: number;
  add_team?: string | string[];
  offer?: string | string[];
  overflow?: string;
}

export interface Queue {
  calendar?: string;
  closed?: string | string[] | { queue: string };
  sla?: { first?: string; target?: string; boost?: string };
  overflow?: string[];
  max_waiting?: number;
  pick?: string | { preset?: string; weights?: Record<string, number> };
  offer?: string;
  skills?: Needs;
  team?: string | string[];
  rings?: Ring[];
}

export interface Rule {
  id: string;
  if?: string;
  else?: boolean;
  queue: string;
  skills?: Needs;
  prefer?: Needs;
  priority?: number;
  sticky?: string;
  offer?: string | string[];
}

export interface Calendar {
  offset?: string;
  week?: Record<string, string[]>;
  holidays?: string[];
  workdays?: string[];
  special?: Record<string, string[]>;
}

export interface Config {
  skills?: string[];
  facts?: Record<string, unknown>;
  settings?: Record<string, unknown>;
  calendars?: Record<string, Calendar>;
  routes?: Rule[];
  queues: Record<string, Queue>;
}

export const presets = ["fair", "balanced", "efficient", "round_robin", "manual"] as const;
export const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** null: no JSON object. */
export function parseConfig(text: string): Config | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const config = value as Partial<Config>;
    return { ...config, queues: config.queues ?? {} };
  } catch {
    return null;
  }
}

/** What the form leaves empty is left out, because "not set" and "set to nothing" differ there. */
export function tidy<T>(value: T): T {
  if (Array.isArray(value)) return value.map((entry: unknown) => tidy(entry)) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, entry]) => [key, tidy(entry as unknown)] as const)
    .filter(([, entry]) => {
      if (entry === undefined || entry === null || entry === "") return false;
      if (Array.isArray(entry)) return entry.length > 0;
      return true;
    });
  return Object.fromEntries(entries) as T;
}

export function textOf(config: Config): string {
  const kept = tidy(config) as Partial<Config>;
  for (const queue of Object.values(kept.queues ?? {})) {
    if (queue.sla && Object.keys(queue.sla).length === 0) delete queue.sla;
    if (queue.skills && Object.keys(queue.skills).length === 0) delete queue.skills;
  }
  for (const rule of kept.routes ?? []) {
    if (rule.skills && Object.keys(rule.skills).length === 0) delete rule.skills;
    if (rule.prefer && Object.keys(rule.prefer).length === 0) delete rule.prefer;
  }
  return JSON.stringify({ ...kept, queues: kept.queues ?? {} });
}

/** Keeps the place: the first queue is the one that everything without a rule goes to. */
export function renamed<T>(
  entries: Record<string, T>,
  from: string,
  to: string,
): Record<string, T> {
  if (from === to || to === "" || to in entries) return entries;
  return Object.fromEntries(
    Object.entries(entries).map(([name, value]) => [name === from ? to : name, value]),
  );
}

export function freeName(entries: Record<string, unknown>, wish: string): string {
  if (!(wish in entries)) return wish;
  let n = 2;
  while (`${wish}_${n}` in entries) n++;
  return `${wish}_${n}`;
}

/** Where every mention of a queue goes along with its new name. */
export function renameQueue(config: Config, from: string, to: string): Config {
  const queues = renamed(config.queues, from, to);
  if (queues === config.queues) return config;
  const swap = (name: string): string => (name === from ? to : name);
  return {
    ...config,
    queues: Object.fromEntries(
      Object.entries(queues).map(([name, queue]) => [
        name,
        {
          ...queue,
          ...(queue.overflow ? { overflow: queue.overflow.map(swap) } : {}),
          ...(queue.rings
            ? {
                rings: queue.rings.map((ring) =>
                  ring.overflow ? { ...ring, overflow: swap(ring.overflow) } : ring,
                ),
              }
            : {}),
          ...(isRecord(queue.closed) ? { closed: { queue: swap(queue.closed.queue) } } : {}),
        },
      ]),
    ),
    ...(config.routes
      ? { routes: config.routes.map((rule) => ({ ...rule, queue: swap(rule.queue) })) }
      : {}),
  };
}

export function isRecord(value: Queue["closed"]): value is { queue: string } {
  return typeof value === "object" && !Array.isArray(value);
}

export function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

export function moved<T>(items: T[], at: number, by: number): T[] {
  const to = at + by;
  if (to < 0 || to >= items.length) return items;
  const next = [...items];
  const [item] = next.splice(at, 1);
  next.splice(to, 0, item as T);
  return next;
}

/** The first problem at a field or inside of it. */
export function problemAt(problems: RoutingProblem[], path: string): string | undefined {
  const found = problems.find(
    (problem) =>
      problem.path === path ||
      problem.path.startsWith(`${path}.`) ||
      problem.path.startsWith(`${path}[`),
  );
  if (!found) return undefined;
  const rest = found.path.slice(path.length).replace(/^\./, "");
  return rest === "" ? found.text : `${rest}: ${found.text}`;
}

export type Tab = "queues" | "rules" | "skills" | "calendars" | "settings" | "versions" | "whatif";
export const tabs: Tab[] = [
  "queues",
  "rules",
  "skills",
  "calendars",
  "settings",
  "versions",
  "whatif",
];

/** Which tab shows a problem. */
export function tabOf(path: string): Tab {
  if (path.startsWith("routes") || path.startsWith("facts")) return "rules";
  if (path.startsWith("skills") || path.startsWith("agents")) return "skills";
  if (path.startsWith("calendars")) return "calendars";
  if (path.startsWith("settings")) return "settings";
  return "queues";
}

/** "09:00-12:00 13:00-18:00" to spans, and back. */
export function spansOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((span) => span !== "");
}

/** Hours of one day: its own, or those of a range such as mon-fri. */
export function hoursOf(calendar: Calendar, day: string): string {
  const week = calendar.week ?? {};
  const at = days.indexOf(day as (typeof days)[number]);
  for (const [key, spans] of Object.entries(week)) {
    const [from, to] = key.split("-");
    const first = days.indexOf(from as (typeof days)[number]);
    const last = to === undefined ? first : days.indexOf(to as (typeof days)[number]);
    if (first >= 0 && first <= at && at <= last) return spans.join(" ");
  }
  return "";
}

export function withHours(calendar: Calendar, day: string, text: string): Calendar {
  const week = Object.fromEntries(
    days
      .map((name) => [name, spansOf(name === day ? text : hoursOf(calendar, name))] as const)
      .filter(([, spans]) => spans.length > 0),
  );
  return { ...calendar, week };
}
