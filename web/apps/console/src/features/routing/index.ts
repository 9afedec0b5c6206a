// SPDX-License-Identifier: Apache-2.0
// The configuration being edited: read from what is in force, checked while it is written, and
// published as a new version.

import { RoutingConfig, RoutingReport, type RoutingProblem } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { ApiError, call } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodePage } from "../../lib/decode";
import { parseConfig, textOf, type Config } from "./config";

const checkAfterMs = 400; // of quiet while somebody types

export const useRouting = defineStore("routing", () => {
  const config = ref<Config>({ queues: {} });
  const inForce = ref(""); // its text, as this page would write it
  const versions = shallowRef<RoutingConfig[]>([]);
  const report = shallowRef<RoutingReport | null>(null);
  const phase = ref<"loading" | "ready" | "error">("loading");
  const fault = ref("");
  const checking = ref(false);
  const note = ref("");
  let timer = 0;
  let asked = 0;

  const text = computed(() => textOf(config.value));
  const changed = computed(() => phase.value === "ready" && text.value !== inForce.value);
  const problems = computed<RoutingProblem[]>(() => report.value?.problems ?? []);

  async function load(): Promise<void> {
    phase.value = "loading";
    try {
      const now = RoutingConfig.decode(await call("GET", "routing"));
      config.value = parseConfig(now.config) ?? { queues: {} };
      inForce.value = textOf(config.value);
      report.value = null;
      note.value = "";
      await loadVersions();
      phase.value = "ready";
    } catch (error) {
      fault.value = explain(error);
      phase.value = "error";
    }
  }

  async function loadVersions(): Promise<void> {
    const reply = await call("GET", "routing-configs", { query: { limit: 50 } });
    versions.value = decodePage(reply, RoutingConfig).items.reverse();
  }

  async function check(): Promise<void> {
    const mine = ++asked;
    checking.value = true;
    try {
      const reply = await call("POST", "routing-checks", { body: { config: text.value } });
      if (mine === asked) report.value = RoutingReport.decode(reply);
    } catch (error) {
      if (mine === asked) fault.value = explain(error);
    } finally {
      if (mine === asked) checking.value = false;
    }
  }

  function checkSoon(): void {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void check(), checkAfterMs);
  }

  /** The draft is made only when it is published: half a thought is nobody's version. */
  async function publish(): Promise<void> {
    const body = { config: text.value, note: note.value };
    const draft = RoutingConfig.decode(await call("POST", "routing-configs", { body }));
    try {
      await call("POST", `routing-configs/${draft.id}/publish`, { body: {} });
    } catch (error) {
      await call("DELETE", `routing-configs/${draft.id}`).catch(() => undefined);
      if (error instanceof ApiError && error.status === 400) await check();
      throw error;
    }
    await load();
  }

  async function goBack(id: string): Promise<void> {
    await call("POST", `routing-configs/${id}/publish`, { body: {} });
    await load();
  }

  async function open(id: string): Promise<void> {
    const version = RoutingConfig.decode(await call("GET", `routing-configs/${id}`));
    config.value = parseConfig(version.config) ?? config.value;
    checkSoon();
  }

  return {
    config,
    versions,
    report,
    problems,
    phase,
    fault,
    checking,
    changed,
    note,
    text,
    load,
    checkSoon,
    publish,
    goBack,
    open,
  };
});
