// SPDX-License-Identifier: Apache-2.0
// w.js: one classic script without a hash in its name, because customers' pages name it.
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: {
    target: "es2020",
    modulePreload: false,
    lib: {
      entry: "src/loader/main.ts",
      formats: ["iife"],
      name: "kefuLoader",
      fileName: () => "w.js",
    },
  },
});
