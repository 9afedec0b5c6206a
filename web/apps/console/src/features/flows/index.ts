// SPDX-License-Identifier: Apache-2.0
// Flows and their versions; the one that is open, its source and what the server says of it.

import { Flow, FlowReport, FlowTryReply, FlowView } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { call } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodePage } from "../../lib/decode";

const pageMax = 200;
const checkAfterMs = 600; // of quiet while somebody types

export const useFlows = defineStore("flows", () => {
  const list = shallowRef<Flow[]>([]);
  const open = shallowRef<Flow | null>(null);
  const source = ref("");
  const report = shallowRef<FlowReport | null>(null);
  const phase = ref<"loading" | "ready" | "error">("loading");
  const fault = ref("");
  let timer = 0;
  let asked = 0;

  const isDraft = computed(() => open.value?.state === "draft");
  const changed = computed(() => open.value !== null && source.value !== open.value.source);

  async function load(): Promise<void> {
    try {
      let after: string | undefined;
      const all: Flow[] = [];
      do {
        const page = decodePage(
          await call("GET", "flows", { query: { limit: pageMax, after } }),
          Flow,
        );
        all.push(...page.items);
        after = page.next || undefined;
      } while (after);
      list.value = all.sort((a, b) => a.name.localeCompare(b.name) || b.number - a.number);
      phase.value = "ready";
    } catch (error) {
      fault.value = explain(error);
      phase.value = "error";
    }
  }

  async function check(): Promise<void> {
    const flow = open.value;
    if (!flow) return;
    const mine = ++asked;
    const reply = await call("POST", `flows/${flow.id}/check`, { body: { source: source.value } });
    if (mine === asked) report.value = FlowReport.decode(reply);
  }

  function checkSoon(): void {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      check().catch((error: unknown) => (fault.value = explain(error)));
    }, checkAfterMs);
  }

  async function show(id: string): Promise<void> {
    open.value = Flow.decode(await call("GET", `flows/${id}`));
    source.value = open.value.source;
    report.value = null;
    await check();
  }

  async function save(): Promise<void> {
    if (!open.value) return;
    await call("PATCH", `flows/${open.value.id}`, { body: { source: source.value } });
    await Promise.all([load(), show(open.value.id)]);
  }

  async function newVersion(): Promise<void> {
    const made = Flow.decode(await call("POST", "flows", { body: { source: source.value } }));
    await Promise.all([load(), show(made.id)]);
  }

  async function publish(): Promise<void> {
    if (!open.value) return;
    if (changed.value) await save();
    const made = Flow.decode(await call("POST", `flows/${open.value.id}/publish`));
    await Promise.all([load(), show(made.id)]);
  }

  async function retire(): Promise<void> {
    if (!open.value) return;
    await call("POST", `flows/${open.value.id}/retire`);
    await Promise.all([load(), show(open.value.id)]);
  }

  return {
    list,
    open,
    source,
    report,
    phase,
    fault,
    isDraft,
    changed,
    load,
    show,
    check,
    checkSoon,
    save,
    newVersion,
    publish,
    retire,
  };
});

/** One step of a trial; the state travels with it. */
export async function tryStep(body: Record<string, unknown>): Promise<FlowTryReply> {
  return FlowTryReply.decode(await call("POST", "flows/try", { body }));
}

export async function loadFlowView(conversationId: string): Promise<FlowView> {
  return FlowView.decode(await call("GET", `conversations/${conversationId}/flow`));
}

/** Begins, cancels or tells something to a conversation's flow. */
export async function tellFlow(conversationId: string, event: string, name = ""): Promise<void> {
  await call("POST", `conversations/${conversationId}/flow`, { body: { event, name } });
}

/** The versions in force, by name. */
export async function publishedFlows(): Promise<Flow[]> {
  const store = useFlows();
  if (store.list.length === 0) await store.load();
  return store.list.filter((flow) => flow.state === "published");
}

export async function sourceOf(id: string): Promise<string> {
  return Flow.decode(await call("GET", `flows/${id}`)).source;
}

/** The record of a version that a conversation is in; undefined: it is not known here. */
export async function versionOf(name: string, number: number): Promise<Flow | undefined> {
  const store = useFlows();
  if (store.list.length === 0) await store.load();
  return store.list.find((flow) => flow.name === name && flow.number === number);
}
