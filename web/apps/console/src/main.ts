// SPDX-License-Identifier: Apache-2.0
// Starts the console: who is signed in decides the first page, so it is asked before mounting.

import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { useSession } from "./features/login";
import { setUnauthorizedHandler } from "./lib/api";
import "./lib/theme";
import { createAppRouter } from "./router";
import "@kefu/ui/tokens.css";
import "./styles/tokens.css";
import "./styles/base.css";

const app = createApp(App);
app.use(createPinia());
const session = useSession();
const router = createAppRouter();
setUnauthorizedHandler(() => {
  session.forget();
  void router.replace({ name: "login", query: { to: router.currentRoute.value.fullPath } });
});
void session.load().then(() => {
  app.use(router);
  app.mount("#app");
});
