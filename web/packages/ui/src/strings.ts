// SPDX-License-Identifier: Apache-2.0
// Texts for people. A feature's strings are one object per locale; the English one is the shape and
// the others must have exactly its keys, so a missing text does not compile:
//
//   const en = { hello: "Hello", waiting: (v: { n: number }) => `${v.n} waiting` };
//   const zh: Strings<typeof en> = { hello: "你好", waiting: ({ n }) => `${n} 人等待` };
//   const strings = { en, "zh-CN": zh };

export type Locale = "en" | "zh-CN";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each text names its own values
type Text = string | ((values: any) => string);

export type Strings<T extends Record<string, Text>> = {
  readonly [K in keyof T]: T[K] extends (values: infer V) => string
    ? (values: V) => string
    : string;
};

/** The first of these BCP 47 tags that we speak; English when none. */
export function pickLocale(wanted: readonly string[]): Locale {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "zh") return "zh-CN";
    if (language === "en") return "en";
  }
  return "en";
}
