// SPDX-License-Identifier: Apache-2.0
// A trace of the bot as people read it: the stages in order, each with all its candidates.
import { type Trace } from "@kefu/protocol/generated";

export interface TraceCandidateRow {
  text: string;
  score: string;
  /** What an entry's score is made of; "": another kind of candidate, or nothing of it. */
  words: string;
  intent: string;
}

export interface TraceRow {
  stage: string; // as the server names it
  verdict: string; // likewise; "": none, as of reading the text
  candidates: TraceCandidateRow[]; // best first
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
      candidates: step.candidates.map((candidate) => ({
        text: candidate.text,
        score: candidate.score.toFixed(2),
        words: candidate.words ? candidate.words.toFixed(2) : "",
        intent: candidate.intent ? candidate.intent.toFixed(2) : "",
      })),
      threshold: step.threshold ? step.threshold.toFixed(2) : "",
      ms: msOf(step.micros),
    })),
  ];
}
