// SPDX-License-Identifier: Apache-2.0
import { type Strings } from "@kefu/ui/strings";

const en = {
  open: "Open chat",
  close: "Close chat",
  unread: (v: { n: number }) => (v.n === 1 ? "1 unread message" : `${v.n} unread messages`),
  panel: "Chat with us",
};

const zh: Strings<typeof en> = {
  open: "打开在线客服",
  close: "关闭在线客服",
  unread: ({ n }) => `${n} 条未读消息`,
  panel: "在线客服",
};

export const strings = { en, "zh-CN": zh };
