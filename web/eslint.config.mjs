// SPDX-License-Identifier: Apache-2.0
// Types are TypeScript's business and layout is Prettier's; what is left is a short list, and the
// arrows: protocol <- client <- ui <- apps.
import js from "@eslint/js";
import tseslint from "typescript-eslint";

const forbid = (files, patterns) => ({
  files,
  rules: {
    "no-restricted-imports": ["error", { patterns: [{ group: patterns, message: "wrong arrow" }] }],
  },
});

export default tseslint.config(
  {
    ignores: ["**/dist/**", "**/node_modules/**", "packages/protocol/src/generated.ts", "**/*.vue"],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    rules: {
      "no-undef": "off",
      eqeqeq: "error",
      "no-console": "error",
      "prefer-const": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
  { files: ["**/*.mjs"], rules: { "no-console": "off" } },
  { files: ["**/*.test.ts"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
  forbid(["packages/protocol/**"], ["@kefu/*"]),
  forbid(["packages/client/**"], ["@kefu/ui/*", "@kefu/widget/*", "@kefu/console/*"]),
  forbid(["packages/ui/**"], ["@kefu/widget/*", "@kefu/console/*"]),
  forbid(["apps/widget/**"], ["@kefu/console/*"]),
  forbid(["apps/console/**"], ["@kefu/widget/*"]),
);
