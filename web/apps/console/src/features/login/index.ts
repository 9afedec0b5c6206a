// SPDX-License-Identifier: Apache-2.0
// The signed-in session: asked for at start, set by login and setup, dropped on any 401.

import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";
import { ApiError, call, setCsrfToken } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodeSession } from "../../lib/decode";
import { atLeast, initialSession, reduceSession, type SessionAction } from "./reducer";

export const useSession = defineStore("session", () => {
  const state = shallowRef(initialSession);
  const dispatch = (action: SessionAction): void => {
    state.value = reduceSession(state.value, action);
  };

  function accept(reply: unknown): void {
    const info = decodeSession(reply);
    setCsrfToken(info.csrfToken);
    dispatch({ type: "signedIn", info });
  }

  async function load(): Promise<void> {
    try {
      accept(await call("GET", "session"));
    } catch (error) {
      const unknown = error instanceof ApiError && error.status === 401;
      dispatch(unknown ? { type: "signedOut" } : { type: "failed", message: explain(error) });
    }
  }

  async function login(email: string, password: string): Promise<void> {
    accept(await call("POST", "login", { body: { email, password } }));
  }

  async function logout(): Promise<void> {
    await call("POST", "logout", { body: {} }).catch(() => undefined);
    forget();
  }

  function forget(): void {
    setCsrfToken("");
    dispatch({ type: "signedOut" });
  }

  const info = computed(() => state.value.info);
  const me = computed(() => info.value?.agent.id ?? "");
  const fault = computed(() => state.value.fault);
  const isAdmin = computed(() => atLeast(info.value?.agent.role, "admin"));
  const isSupervisor = computed(() => atLeast(info.value?.agent.role, "supervisor"));
  return { info, me, fault, isAdmin, isSupervisor, load, login, logout, forget, accept };
});
