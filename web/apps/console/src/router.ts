// SPDX-License-Identifier: Apache-2.0
// Addresses of the console. Everything after the first inbox paint is its own chunk. Hash history:
// the server needs to know one address only, and a setup token in the fragment is never logged.

import { createRouter, createWebHashHistory, type Router } from "vue-router";
import { useSession } from "./features/login";

export function createAppRouter(): Router {
  const router = createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: "/setup", name: "setup", component: () => import("./features/setup/SetupView.vue") },
      { path: "/login", name: "login", component: () => import("./features/login/LoginView.vue") },
      {
        path: "/",
        component: () => import("./features/shell/ShellView.vue"),
        meta: { session: true },
        children: [
          { path: "", redirect: "/inbox/mine" },
          {
            path: "inbox/:view(mine|waiting|all|closed)?/:id(\\d+)?",
            name: "inbox",
            component: () => import("./features/inbox/InboxView.vue"),
          },
          {
            path: "bot/:tab?",
            name: "understanding",
            component: () => import("./features/understanding/UnderstandingView.vue"),
          },
          {
            path: "flows/:id(\\d+)?",
            name: "flows",
            component: () => import("./features/flows/FlowsView.vue"),
          },
          { path: "desk", name: "desk", component: () => import("./features/desk/WallView.vue") },
          {
            path: "routing/:tab?",
            name: "routing",
            component: () => import("./features/routing/RoutingView.vue"),
          },
          {
            path: "sites",
            name: "sites",
            component: () => import("./features/sites/SitesView.vue"),
            meta: { admin: true },
          },
        ],
      },
      { path: "/:rest(.*)*", redirect: "/" },
    ],
  });
  router.beforeEach((to) => {
    const session = useSession();
    if (to.meta["session"] && !session.info) {
      return { name: "login", query: { to: to.fullPath } };
    }
    if (to.meta["admin"] && !session.isAdmin) return { name: "inbox" };
    return true;
  });
  return router;
}
