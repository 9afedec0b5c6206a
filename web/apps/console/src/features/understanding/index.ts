// SPDX-License-Identifier: Apache-2.0
// Understanding: what the bot knows, why it answers as it does, and what it did not understand.
import { Site } from "@kefu/protocol/generated";
import { shallowRef, type ShallowRef } from "vue";
import { ApiError, call } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodePage } from "../../lib/decode";
import { initialEditor, reduceEditor, type Editor, type EditorAction } from "./reducer";

export { strings } from "./strings";

const pagesMost = 50; // of 200: a list of 10,000 is worked on in files

interface Decoder<T> {
  decode(value: unknown): T;
}

/** Every page of a resource. */
export async function loadAll<T>(
  path: string,
  decoder: Decoder<T>,
  query: Record<string, string> = {},
): Promise<T[]> {
  const items: T[] = [];
  let after = "";
  for (let page = 0; page < pagesMost; page++) {
    const reply = decodePage(
      await call("GET", path, { query: { ...query, limit: 200, after } }),
      decoder,
    );
    items.push(...reply.items);
    if (!reply.next) break;
    after = reply.next;
  }
  return items;
}

/** A conflict here is the server's own reason: a training runs, a name is taken. */
export function why(error: unknown): string {
  if (error instanceof ApiError && error.status === 409) return error.message;
  return explain(error);
}

export interface ListEditor<T> {
  state: ShallowRef<Editor<T>>;
  dispatch(action: EditorAction<T>): void;
  load(): Promise<void>;
  save(): Promise<boolean>;
  remove(id: string): Promise<void>;
}

export function useEditor<T extends { id: string; version: string }>(
  path: string,
  decoder: Decoder<T>,
): ListEditor<T> {
  const state = shallowRef<Editor<T>>(initialEditor<T>());
  const dispatch = (action: EditorAction<T>): void => {
    state.value = reduceEditor(state.value, action);
  };

  async function load(): Promise<void> {
    dispatch({ type: "loading" });
    try {
      dispatch({ type: "loaded", items: await loadAll(path, decoder) });
    } catch (error) {
      dispatch({ type: "failed", message: why(error) });
    }
  }

  async function save(): Promise<boolean> {
    const draft = state.value.draft;
    if (!draft || state.value.busy) return false;
    dispatch({ type: "saving" });
    const { id, version, ...fields } = draft;
    try {
      const reply = id
        ? await call("PATCH", `${path}/${id}`, { body: { ...fields, version } })
        : await call("POST", path, { body: fields });
      dispatch({ type: "saved", item: decoder.decode(reply) });
      return true;
    } catch (error) {
      const field = error instanceof ApiError ? error.field : "";
      const message = error instanceof ApiError && field ? error.message : why(error);
      dispatch({ type: "refused", message, field });
      return false;
    }
  }

  async function remove(id: string): Promise<void> {
    try {
      await call("DELETE", `${path}/${id}`);
      dispatch({ type: "removed", id });
    } catch (error) {
      dispatch({ type: "refused", message: why(error), field: "" });
    }
  }

  return { state, dispatch, load, save, remove };
}

/** The sites to choose from; none for those who may not see them, though they may write rules. */
export function useSites(): { sites: ShallowRef<Site[]>; loadSites(): Promise<void> } {
  const sites = shallowRef<Site[]>([]);
  async function loadSites(): Promise<void> {
    try {
      sites.value = await loadAll("sites", Site);
    } catch {
      sites.value = [];
    }
  }
  return { sites, loadSites };
}

/** Hands a text to the browser as a file. */
export async function download(path: string, name: string): Promise<void> {
  const body = (await call("GET", path, { raw: true })) as string;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([body], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
