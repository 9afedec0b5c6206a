// SPDX-License-Identifier: Apache-2.0
// A trace of the bot as people read it: the stages in order, each with all its candidates.
import { type Trace } from "@kefu/protocol/generated";
import { defineStrings } from "./locale";

export const traceStrings = defineStrings({
  en: {
    stage: "Stage",
    verdict: "Result",
    candidates: "Candidates",
    threshold: "Threshold",
    time: "ms",
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

export interface TraceRow {
  stage: string; // as the server names it
  verdict: string; // likewise; "": none, as of reading the text
  candidates: { text: string; score: string }[]; // best first
  threshold: string;
  ms: string;
}

/** Milliseconds of something that takes microseconds. */
export const msOf = (micros: number): string => (micros / 1000).toFixed(micros < 1000 ? 3 : 1);

export function rowsOf(trace: Trace): TraceRow[] {
  const read = { stage: "read", verdict: "", candidates: [], threshold: "" };
  return [
    { ...read, ms: msOf(trace.readMicros) },
    ...trace.steps.map((step) => ({
      stage: step.rung,
      verdict: step.verdict,
      candidates: step.candidates.map(({ text, score }) => ({ text, score: score.toFixed(2) })),
      threshold: step.threshold ? step.threshold.toFixed(2) : "",
      ms: msOf(step.micros),
    })),
  ];
}
