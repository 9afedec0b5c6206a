// SPDX-License-Identifier: Apache-2.0
// The interface language, and typed messages: a feature's strings.ts holds one object per language
// of the same shape, so a missing key does not compile. Messages with values are functions.

import { computed, ref, watch, type ComputedRef } from "vue";

export type Locale = "en" | "zh";

const storageKey = "kefu.locale";

function initialLocale(): Locale {
  const stored = localStorage.getItem(storageKey);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const locale = ref<Locale>(initialLocale());
/** The BCP 47 tag that Intl and the server get. */
export const localeTag = computed(() => (locale.value === "zh" ? "zh-CN" : "en"));

watch(
  localeTag,
  (tag) => {
    document.documentElement.lang = tag;
  },
  { immediate: true },
);

export function setLocale(next: Locale): void {
  locale.value = next;
  localStorage.setItem(storageKey, next);
}

type Widen<T> = {
  [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...args: infer A) => string
      ? (...args: A) => string
      : Widen<T[K]>;
};

export interface Strings<T> {
  en: T;
  zh: T;
}

export function defineStrings<T>(strings: { en: T; zh: Widen<T> }): Strings<Widen<T>> {
  return strings as Strings<Widen<T>>;
}

export function useStrings<T>(strings: Strings<T>): ComputedRef<T> {
  return computed(() => strings[locale.value]);
}

const cache = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions, at: Date): string {
  const key = `${localeTag.value}/${name}`;
  let formatter = cache.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(localeTag.value, options);
    cache.set(key, formatter);
  }
  return formatter.format(at);
}

function date(iso: string): Date | undefined {
  const at = new Date(iso);
  return iso === "" || Number.isNaN(at.getTime()) ? undefined : at;
}

export function timeOfDay(iso: string): string {
  const at = date(iso);
  return at ? format("time", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, at) : "";
}

export function dateAndTime(iso: string): string {
  const at = date(iso);
  return at ? format("full", { dateStyle: "medium", timeStyle: "short" }, at) : "";
}

export function dayKey(iso: string): string {
  const at = date(iso);
  return at ? `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}` : "";
}

export function dayName(iso: string): string {
  const at = date(iso);
  if (!at) return "";
  const days = Math.round((startOfDay(new Date()) - startOfDay(at)) / 86_400_000);
  if (days === 0 || days === 1) {
    const relative = new Intl.RelativeTimeFormat(localeTag.value, { numeric: "auto" });
    const name = relative.format(-days, "day");
    return name.charAt(0).toUpperCase() + name.slice(1);
  }
  return format("day", { dateStyle: "full" }, at);
}

function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** For list rows: minutes, hours, then the date; never longer than a few characters. */
export function shortAgo(iso: string, now: number): string {
  const at = date(iso);
  if (!at) return "";
  const minutes = Math.max(0, Math.floor((now - at.getTime()) / 60_000));
  const unit = (value: number, name: "minute" | "hour"): string =>
    new Intl.NumberFormat(localeTag.value, {
      style: "unit",
      unit: name,
      unitDisplay: "narrow",
    }).format(value);
  if (minutes < 1) return locale.value === "zh" ? "刚刚" : "now";
  if (minutes < 60) return unit(minutes, "minute");
  if (minutes < 24 * 60) return unit(Math.floor(minutes / 60), "hour");
  return format("short", { month: "numeric", day: "numeric" }, at);
}
