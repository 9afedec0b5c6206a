// SPDX-License-Identifier: Apache-2.0
// The evaluation report as views read it, and the geometry of its two plots.
import { num, obj, text } from "../../lib/decode";

export interface IntentFigures {
  name: string;
  support: number;
  precision: number;
  recall: number;
  f1: number;
}
export interface Sentence {
  text: string;
  score: number;
  words: string[];
}
export interface Confusion {
  expected: string;
  got: string;
  count: number;
  sentences: Sentence[];
}
export interface Bin {
  count: number;
  score: number;
  right: number;
}
export interface Step {
  threshold: number;
  right: number;
  wrong: number;
  outside: number;
}
/** A text that one of two models answered rightly and the other wrongly. */
export interface Changed {
  intent: string;
  text: string;
  got: string; // "": nothing
  before: string;
}
export interface ChangedIntent {
  name: string;
  compared: number;
  fixed: number;
  broken: number;
}
export interface Change {
  compared: number;
  accuracy: number; // of the other model
  accuracyNow: number;
  fixedCount: number;
  brokenCount: number;
  intents: ChangedIntent[]; // most broken first
  fixed: Changed[];
  broken: Changed[];
}
export interface Report {
  change: Change | null; // null: there was no model to compare with
  intents: IntentFigures[]; // worst first
  thin: string[];
  confusions: Confusion[];
  calibration: Bin[]; // those that hold any answer
  curve: Step[];
}

function list<T>(value: unknown, item: (entry: Record<string, unknown>) => T): T[] {
  return Array.isArray(value) ? value.map((entry) => item(obj(entry))) : [];
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

function changed(entry: Record<string, unknown>): Changed {
  return {
    intent: text(entry["intent"]),
    text: text(entry["text"]),
    got: text(entry["got"]),
    before: text(entry["before"]),
  };
}

function decodeChange(value: unknown): Change | null {
  if (value === undefined) return null;
  const json = obj(value);
  const intents = list(json["intents"], (entry) => ({
    name: text(entry["name"]),
    compared: num(entry["compared"]),
    fixed: num(entry["fixed"]),
    broken: num(entry["broken"]),
  }));
  return {
    compared: num(json["compared"]),
    accuracy: num(json["accuracy"]),
    accuracyNow: num(json["accuracyNow"]),
    fixedCount: num(json["fixedCount"]),
    brokenCount: num(json["brokenCount"]),
    intents: intents.sort((a, b) => b.broken - b.fixed - (a.broken - a.fixed)),
    fixed: list(json["fixed"], changed),
    broken: list(json["broken"], changed),
  };
}

export function decodeReport(value: unknown): Report {
  const json = obj(value);
  const intents = list(json["intents"], (entry) => ({
    name: text(entry["name"]),
    support: num(entry["support"]),
    precision: num(entry["precision"]),
    recall: num(entry["recall"]),
    f1: num(entry["f1"]),
  }));
  return {
    change: decodeChange(json["against"]),
    intents: intents.sort((a, b) => a.f1 - b.f1 || a.name.localeCompare(b.name)),
    thin: words(json["thinIntents"]),
    confusions: list(json["confusions"], (entry) => ({
      expected: text(entry["expected"]),
      got: text(entry["got"]),
      count: num(entry["count"]),
      sentences: list(entry["sentences"], (sentence) => ({
        text: text(sentence["text"]),
        score: num(sentence["score"]),
        words: words(sentence["words"]),
      })),
    })),
    calibration: list(json["calibration"], (bin) => ({
      count: num(bin["count"]),
      score: num(bin["score"]),
      right: num(bin["right"]),
    })).filter((bin) => bin.count > 0),
    curve: list(json["thresholds"], (step) => ({
      threshold: num(step["threshold"]),
      right: num(step["right"]),
      wrong: num(step["wrong"]),
      outside: num(step["outOfScopeRejected"]),
    })),
  };
}

/** A plot of the unit square: 0,0 at the lower left. */
export const plot = { width: 260, height: 200, left: 46, bottom: 26, top: 8, right: 8 };

export function plotX(share: number): number {
  return plot.left + share * (plot.width - plot.left - plot.right);
}

export function plotY(share: number): number {
  return plot.height - plot.bottom - share * (plot.height - plot.bottom - plot.top);
}

export function plotLine(points: { x: number; y: number }[]): string {
  return points
    .map(({ x, y }, at) => `${at ? "L" : "M"}${plotX(x).toFixed(1)} ${plotY(y).toFixed(1)}`)
    .join("");
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
