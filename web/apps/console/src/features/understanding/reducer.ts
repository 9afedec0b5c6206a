// SPDX-License-Identifier: Apache-2.0
// A list of records and the one being edited: the same for intents, rules and answers.

export interface Editor<T> {
  phase: "loading" | "ready" | "failed";
  items: T[];
  fault: string;
  filter: string;
  draft: T | null;
  busy: boolean;
  draftFault: string;
  draftField: string;
}

export type EditorAction<T> =
  | { type: "loading" }
  | { type: "loaded"; items: T[] }
  | { type: "failed"; message: string }
  | { type: "filtered"; text: string }
  | { type: "opened"; draft: T }
  | { type: "edited"; patch: Partial<T> }
  | { type: "saving" }
  | { type: "saved"; item: T }
  | { type: "refused"; message: string; field: string }
  | { type: "removed"; id: string }
  | { type: "closed" };

export function initialEditor<T>(): Editor<T> {
  return {
    phase: "loading",
    items: [],
    fault: "",
    filter: "",
    draft: null,
    busy: false,
    draftFault: "",
    draftField: "",
  };
}

function put<T extends { id: string }>(items: T[], item: T): T[] {
  const at = items.findIndex((entry) => entry.id === item.id);
  return at < 0 ? [...items, item] : items.map((entry, index) => (index === at ? item : entry));
}

/** A list is edited one item a line: what is wrong with any[1] stands in line 2 of `any`. */
function faultOf(message: string, field: string): { draftFault: string; draftField: string } {
  const item = /^(\w+)\[(\d+)\]$/.exec(field);
  if (!item) return { draftFault: message, draftField: field };
  return { draftFault: `line ${Number(item[2]) + 1}: ${message}`, draftField: item[1] ?? "" };
}

export function reduceEditor<T extends { id: string }>(
  state: Editor<T>,
  action: EditorAction<T>,
): Editor<T> {
  const quiet = { draftFault: "", draftField: "" };
  switch (action.type) {
    case "loading":
      return { ...state, phase: "loading", fault: "" };
    case "loaded":
      return { ...state, phase: "ready", items: action.items, fault: "" };
    case "failed":
      return { ...state, phase: "failed", fault: action.message };
    case "filtered":
      return { ...state, filter: action.text };
    case "opened":
      return { ...state, ...quiet, draft: { ...action.draft }, busy: false };
    case "edited":
      return state.draft ? { ...state, draft: { ...state.draft, ...action.patch } } : state;
    case "saving":
      return { ...state, ...quiet, busy: true };
    case "saved":
      return {
        ...state,
        ...quiet,
        busy: false,
        items: put(state.items, action.item),
        draft: { ...action.item },
      };
    case "refused":
      return { ...state, busy: false, ...faultOf(action.message, action.field) };
    case "removed":
      return {
        ...state,
        ...quiet,
        busy: false,
        items: state.items.filter((item) => item.id !== action.id),
        draft: state.draft?.id === action.id ? null : state.draft,
      };
    case "closed":
      return { ...state, ...quiet, draft: null, busy: false };
  }
}

/** Those that hold every word of the filter, in any of their texts. */
export function matching<T>(items: T[], filter: string, texts: (item: T) => string[]): T[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return items;
  return items.filter((item) => {
    const all = texts(item).join("\n").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** Where in a text "line 2 column 7: …" points, in UTF-16 units; -1: nowhere. */
export function placeOf(text: string, message: string): number {
  const match = /^line (\d+) column (\d+):/.exec(message);
  if (!match) return -1;
  const lines = text.split("\n");
  const line = Number(match[1]) - 1;
  const before = lines.slice(0, line).reduce((sum, part) => sum + part.length + 1, 0);
  const inLine = Array.from(lines[line] ?? "").slice(0, Number(match[2]) - 1);
  return Math.min(before + inLine.join("").length, text.length);
}

/** Lines that say something, as a list. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
