// SPDX-License-Identifier: Apache-2.0
// Builds the console with relative addresses, so that it works under whatever path the server
// gives it; in development, REST and WebSocket go to the server (or the mock) at KEFU_ORIGIN.
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const origin = process.env["KEFU_ORIGIN"] ?? "http://127.0.0.1:8790";

export default defineConfig({
  base: "./",
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
  build: {
    target: "es2021",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: addresses would need a hole in the CSP
    reportCompressedSize: false,
  },
  server: {
    proxy: { "/api": origin, "/ws": { target: origin, ws: true } },
  },
});
