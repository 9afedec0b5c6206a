// SPDX-License-Identifier: Apache-2.0
// What the stages and results of a trace are called.
import { defineStrings } from "./locale";

export const traceStrings = defineStrings({
  en: {
    stage: "Stage",
    verdict: "Result",
    candidates: "Candidates",
    threshold: "Threshold",
    time: "ms",
    byWords: (score: string) => `words ${score}`,
    byIntent: (score: string) => `intent ${score}`,
    stages: {
      read: "Reading",
      human_phrase: "Asks for a person",
      exact: "Same words",
      rule: "Rule",
      flow: "Flow",
      intent: "Intent",
      faq: "Answers",
      clarify: "Ask back",
      human: "Person",
    } as Record<string, string>,
    verdicts: {
      pass: "nothing",
      answer: "answered",
      below: "not sure enough",
      off: "switched off",
    } as Record<string, string>,
  },
  zh: {
    stage: "阶段",
    verdict: "结果",
    candidates: "候选",
    threshold: "阈值",
    time: "毫秒",
    byWords: (score: string) => `字词 ${score}`,
    byIntent: (score: string) => `意图 ${score}`,
    stages: {
      read: "读取文本",
      human_phrase: "要求人工",
      exact: "原句匹配",
      rule: "规则",
      flow: "流程",
      intent: "意图",
      faq: "知识库",
      clarify: "反问",
      human: "人工",
    } as Record<string, string>,
    verdicts: { pass: "无", answer: "已回答", below: "把握不足", off: "已关闭" } as Record<
      string,
      string
    >,
  },
});
