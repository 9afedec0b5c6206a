// SPDX-License-Identifier: Apache-2.0
// A site's settings between the API and the form: which fields are a person's to set, and how lists
// are written in one box.
import { LadderRung, Site } from "@kefu/protocol/generated";

/** Everything that may be set; key, secret and dates are the server's. */
export const writable = [
  "name",
  "domains",
  "greetingZh",
  "greetingEn",
  "color",
  "botEnabled",
  "draftPreview",
  "idleCloseMinutes",
  "identityRequired",
  "ladder",
] as const satisfies readonly (keyof Site)[];

export type Draft = Pick<Site, (typeof writable)[number]>;

export function draftOf(site: Site): Draft {
  const entries = writable.map((name) => [name, structuredClone(site[name])] as const);
  return Object.fromEntries(entries) as unknown as Draft;
}

export const newDraft = (): Draft =>
  draftOf({ ...Site.create(), botEnabled: true, draftPreview: true, idleCloseMinutes: 30 });

export const same = (a: Draft, b: Draft): boolean => JSON.stringify(a) === JSON.stringify(b);

/** One domain per line; an address that was pasted is cut down to its host and port. */
export function domainsOf(text: string): string[] {
  return text
    .split(/[\s,，]+/)
    .map((line) => line.replace(/^[a-z]+:\/\//i, "").replace(/[/?#].*$/, ""))
    .filter(Boolean);
}

/** The ladder from the top; the two that always work can't be switched off. */
export const rungs = [
  { name: "human_phrase", always: true, threshold: false },
  { name: "exact", always: false, threshold: false },
  { name: "rule", always: false, threshold: false },
  { name: "flow", always: false, threshold: false },
  { name: "intent", always: false, threshold: true },
  { name: "faq", always: false, threshold: true },
  { name: "clarify", always: false, threshold: true },
  { name: "human", always: true, threshold: false },
] as const;

export const rungOf = (ladder: readonly LadderRung[], rung: string): LadderRung =>
  ladder.find((entry) => entry.rung === rung) ?? { ...LadderRung.create(), rung };

/** The ladder with one rung changed; a rung that says nothing beyond the default is left out. */
export function withRung(ladder: readonly LadderRung[], changed: LadderRung): LadderRung[] {
  const others = ladder.filter((entry) => entry.rung !== changed.rung);
  return changed.off || changed.threshold > 0 ? [...others, changed] : others;
}
