// SPDX-License-Identifier: Apache-2.0
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Locale } from "@kefu/ui/strings";
import type { Panel, PanelState } from "./panel.ts";
import type { PanelStrings } from "./strings.ts";

export interface PanelContextValue {
  panel: Panel;
  text: PanelStrings;
  locale: Locale;
}

export const PanelContext = createContext<PanelContextValue | null>(null);

export function usePanel(): PanelContextValue {
  const value = useContext(PanelContext);
  if (!value) throw new Error("outside of the panel");
  return value;
}

export function usePanelState(): PanelState {
  const { panel } = usePanel();
  const [state, setState] = useState(panel.state());
  useEffect(() => {
    setState(panel.state());
    return panel.subscribe(() => setState(panel.state()));
  }, [panel]);
  return state;
}
