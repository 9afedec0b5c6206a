// SPDX-License-Identifier: Apache-2.0
import { defineStrings } from "../../lib/locale";

export const strings = defineStrings({
  en: {
    reply: "Reply",
    note: "Note",
    mode: "Kind of message",
    replyPlaceholder: "Write a reply, / for canned replies",
    notePlaceholder: "A note for colleagues. The visitor never sees it.",
    send: "Send",
    addNote: "Add note",
    hint: (key: string) => `${key} sends`,
    canned: "Canned replies",
    noCanned: "No canned reply fits.",
    tooLong: (over: number) => `${over} bytes too long`,
    mineNot: "Take the conversation to answer.",
    closed: "The conversation is closed. Reopen it to write.",
  },
  zh: {
    reply: "回复",
    note: "备注",
    mode: "消息类型",
    replyPlaceholder: "输入回复，/ 打开快捷回复",
    notePlaceholder: "仅同事可见的备注，访客看不到。",
    send: "发送",
    addNote: "添加备注",
    hint: (key: string) => `${key} 发送`,
    canned: "快捷回复",
    noCanned: "没有匹配的快捷回复。",
    tooLong: (over: number) => `超出 ${over} 字节`,
    mineNot: "接入会话后才能回复。",
    closed: "会话已结束，重新打开后才能发送。",
  },
});
