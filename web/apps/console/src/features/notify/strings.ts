// SPDX-License-Identifier: Apache-2.0
import { defineStrings } from "../../lib/locale";

export const strings = defineStrings({
  en: {
    waiting: (name: string) => `${name} is waiting`,
    message: (name: string) => `New message from ${name}`,
    sound: "Sound",
    desktop: "Desktop notifications",
    blocked: "The browser keeps sounds off until you click.",
    unlock: "Turn sound on",
    visitor: "A visitor",
  },
  zh: {
    waiting: (name: string) => `${name} 正在等待`,
    message: (name: string) => `${name} 发来新消息`,
    sound: "声音",
    desktop: "桌面通知",
    blocked: "浏览器在你点击之前不会播放声音。",
    unlock: "开启声音",
    visitor: "访客",
  },
});
