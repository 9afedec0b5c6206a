// SPDX-License-Identifier: Apache-2.0
import { defineStrings } from "../../lib/locale";

export const strings = defineStrings({
  en: {
    title: "Sign in",
    lead: "Your customer service desk.",
    email: "E-mail",
    password: "Password",
    submit: "Sign in",
    busy: "Signing in…",
    wrong: "The e-mail or password is wrong. After 5 wrong tries an account rests for 15 minutes.",
    language: "Language",
  },
  zh: {
    title: "登录",
    lead: "你的客服工作台。",
    email: "邮箱",
    password: "密码",
    submit: "登录",
    busy: "正在登录…",
    wrong: "邮箱或密码不正确。连续输错 5 次后，账号会暂停登录 15 分钟。",
    language: "语言",
  },
});
