// SPDX-License-Identifier: Apache-2.0
// The sites of the workspace and the one that is open in the form.
import { Site } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { ApiError, call } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodePage } from "../../lib/decode";
import { draftOf, newDraft, same, type Draft } from "./site";

const sitesMost = 200; // one page of the API; a workspace has a few

export const useSites = defineStore("sites", () => {
  const items = shallowRef<Site[]>([]);
  const phase = ref<"loading" | "ready" | "error">("loading");
  const fault = ref("");
  const open = shallowRef<Site | null>(null); // null: a new one, while there is a draft
  const draft = shallowRef<Draft | null>(null);
  const busy = ref(false);
  const saved = ref(false);
  const draftFault = ref("");
  const draftField = ref("");

  const changed = computed(
    () => draft.value !== null && (open.value === null || !same(draft.value, draftOf(open.value))),
  );

  function pick(site: Site | null): void {
    open.value = site;
    draft.value = site ? draftOf(site) : null;
    draftFault.value = draftField.value = "";
    saved.value = false;
  }

  function begin(): void {
    pick(null);
    draft.value = newDraft();
  }

  async function load(): Promise<void> {
    phase.value = "loading";
    try {
      const reply = await call("GET", "sites", { query: { limit: sitesMost } });
      items.value = decodePage(reply, Site).items;
      pick(items.value.find((site) => site.id === open.value?.id) ?? items.value[0] ?? null);
      phase.value = "ready";
    } catch (error) {
      fault.value = explain(error);
      phase.value = "error";
    }
  }

  function edit(patch: Partial<Draft>): void {
    if (!draft.value) return;
    draft.value = { ...draft.value, ...patch };
    saved.value = false;
    if (draftField.value in patch) draftFault.value = draftField.value = "";
  }

  async function run(work: () => Promise<void>): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    draftFault.value = draftField.value = "";
    try {
      await work();
    } catch (error) {
      draftField.value = error instanceof ApiError ? error.field : "";
      draftFault.value = error instanceof ApiError && error.field ? error.message : explain(error);
    } finally {
      busy.value = false;
    }
  }

  const save = (): Promise<void> =>
    run(async () => {
      const site = open.value;
      const reply = site
        ? await call("PATCH", `sites/${site.id}`, {
            body: { ...draft.value, version: site.version },
          })
        : await call("POST", "sites", { body: draft.value });
      const next = Site.decode(reply);
      items.value = site
        ? items.value.map((item) => (item.id === next.id ? next : item))
        : [...items.value, next];
      pick(next);
      saved.value = true;
    });

  const remove = (): Promise<void> =>
    run(async () => {
      const site = open.value;
      if (!site) return;
      await call("DELETE", `sites/${site.id}`);
      items.value = items.value.filter((item) => item.id !== site.id);
      pick(items.value[0] ?? null);
    });

  return {
    items,
    phase,
    fault,
    open,
    draft,
    busy,
    saved,
    changed,
    draftFault,
    draftField,
    pick,
    begin,
    load,
    edit,
    save,
    remove,
  };
});

/** Shown to administrators only, and only when asked for. */
export async function readSecret(siteId: string): Promise<string> {
  const reply = (await call("GET", `sites/${siteId}/identity-secret`)) as { value?: unknown };
  return typeof reply.value === "string" ? reply.value : "";
}
