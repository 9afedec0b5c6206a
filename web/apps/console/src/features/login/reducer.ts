// SPDX-License-Identifier: Apache-2.0
// Who is signed in. `unknown` only before the first answer of GET /session.

import type { Role, SessionInfo } from "../../lib/types";

export interface SessionState {
  phase: "unknown" | "out" | "in";
  info: SessionInfo | null;
  fault: string; // why the session could not be asked for
}

export type SessionAction =
  | { type: "signedIn"; info: SessionInfo }
  | { type: "signedOut" }
  | { type: "failed"; message: string };

export const initialSession: SessionState = { phase: "unknown", info: null, fault: "" };

export function reduceSession(state: SessionState, action: SessionAction): SessionState {
  switch (action.type) {
    case "signedIn":
      return { phase: "in", info: action.info, fault: "" };
    case "signedOut":
      return { phase: "out", info: null, fault: "" };
    case "failed":
      return { ...state, phase: "out", fault: action.message };
  }
}

const rank: Record<string, number> = { agent: 0, supervisor: 1, admin: 2, owner: 3 };

export function atLeast(role: string | undefined, needed: Role): boolean {
  return (rank[role ?? ""] ?? -1) >= (rank[needed] ?? 0);
}
