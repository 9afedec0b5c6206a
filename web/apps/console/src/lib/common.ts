// SPDX-License-Identifier: Apache-2.0
// Words that every feature shares, and the person's view of an error.

import { ApiError } from "./api";
import { defineStrings, locale, useStrings } from "./locale";
import { plainName } from "./name";

/** What a visitor is called: the own name, or a word with the id's end, so that two differ. */
export const visitorLabel = (name: string, id: string, word: string): string =>
  plainName(name) || `${word} ${id.slice(-4)}`;

const strings = defineStrings({
  en: {
    close: "Close",
    cancel: "Cancel",
    save: "Save",
    saved: "Saved",
    remove: "Delete",
    edit: "Edit",
    add: "Add",
    copy: "Copy",
    copied: "Copied",
    retry: "Try again",
    more: "Load more",
    loading: "Loading",
    search: "Search",
    back: "Back",
    on: "On",
    off: "Off",
    enabled: "Enabled",
    disabled: "Disabled",
    failedTitle: "This could not be loaded",
    offline: "The server cannot be reached. Check the connection.",
    forbidden: "Your role does not allow this. Ask an administrator.",
    limited: "Too many attempts. Wait a moment and try again.",
    conflict: "Someone else changed this meanwhile. Reload to see the newer version.",
  },
  zh: {
    close: "关闭",
    cancel: "取消",
    save: "保存",
    saved: "已保存",
    remove: "删除",
    edit: "编辑",
    add: "添加",
    copy: "复制",
    copied: "已复制",
    retry: "重试",
    more: "加载更多",
    loading: "正在加载",
    search: "搜索",
    back: "返回",
    on: "开",
    off: "关",
    enabled: "启用",
    disabled: "停用",
    failedTitle: "加载失败",
    offline: "无法连接服务器，请检查网络。",
    forbidden: "你的角色没有此权限，请联系管理员。",
    limited: "尝试次数过多，请稍后再试。",
    conflict: "内容已被他人修改，请刷新后查看最新版本。",
  },
});

export function useCommon(): ReturnType<typeof useStrings<(typeof strings)["en"]>> {
  return useStrings(strings);
}

export function explain(error: unknown): string {
  const t = strings[locale.value];
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return t.offline;
  if (error.status === 403) return t.forbidden;
  if (error.status === 409 || error.status === 412) return t.conflict;
  if (error.status === 429) return t.limited;
  return error.field ? `${error.field}: ${error.message}` : error.message;
}
