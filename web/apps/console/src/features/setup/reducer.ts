// SPDX-License-Identifier: Apache-2.0
// The wizard's steps and what must be right before the next one.

export const steps = ["language", "account", "site", "snippet"] as const;
export type Step = (typeof steps)[number];

export interface SetupState {
  step: Step;
  email: string;
  name: string;
  password: string;
  siteName: string;
  busy: boolean;
  fault: string;
  faultField: string;
  siteKey: string;
}

export type SetupAction =
  | { type: "edited"; field: "email" | "name" | "password" | "siteName"; value: string }
  | { type: "next" }
  | { type: "back" }
  | { type: "submitting" }
  | { type: "failed"; message: string; field: string }
  | { type: "done"; siteKey: string };

export const initialSetup: SetupState = {
  step: "language",
  email: "",
  name: "",
  password: "",
  siteName: "",
  busy: false,
  fault: "",
  faultField: "",
  siteKey: "",
};

/** Characters; the server decides (AUTH_PASSWORD_LEN_MIN), this only spares a round trip. */
export const passwordLeast = 12;

const fieldStep: Record<string, Step> = {
  email: "account",
  name: "account",
  password: "account",
  siteName: "site",
};

export function mayLeave(state: SetupState): boolean {
  if (state.step === "account") {
    return (
      /^\S+@\S+$/.test(state.email.trim()) &&
      state.name.trim() !== "" &&
      Array.from(state.password).length >= passwordLeast
    );
  }
  return state.step !== "site" || state.siteName.trim() !== "";
}

export function reduceSetup(state: SetupState, action: SetupAction): SetupState {
  const index = steps.indexOf(state.step);
  switch (action.type) {
    case "edited":
      return { ...state, [action.field]: action.value, fault: "", faultField: "" };
    case "next":
      return mayLeave(state) ? { ...state, step: steps[index + 1] ?? state.step } : state;
    case "back":
      return state.step === "snippet" ? state : { ...state, step: steps[index - 1] ?? state.step };
    case "submitting":
      return { ...state, busy: true, fault: "", faultField: "" };
    case "failed":
      return {
        ...state,
        busy: false,
        fault: action.message,
        faultField: action.field,
        step: fieldStep[action.field] ?? state.step,
      };
    case "done":
      return { ...state, busy: false, step: "snippet", siteKey: action.siteKey, password: "" };
  }
}
