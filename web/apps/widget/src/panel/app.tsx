// SPDX-License-Identifier: Apache-2.0
import { useEffect } from "preact/hooks";
import { usePanel, usePanelState } from "./context.ts";
import { Composer } from "./composer.tsx";
import { Header } from "./header.tsx";
import { currentConversation } from "./model.ts";
import type { PanelState } from "./panel.ts";
import { Thread } from "./thread.tsx";

export function App() {
  const { panel } = usePanel();
  const state = usePanelState();
  const conversation = currentConversation(state.chat);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) panel.close();
      else if (event.key === "Tab" && state.full && panel.embedded) keepFocus(event);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [panel, state.full]);

  return (
    <div class="panel">
      <Header siteName={state.chat.welcome?.site?.name ?? ""} conversation={conversation} />
      <Banner state={state} />
      <Thread state={state} />
      <Composer state={state} />
    </div>
  );
}

/** Full screen, the page behind is not there for the eye, so Tab must not lead to it. */
function keepFocus(event: KeyboardEvent): void {
  const all = [
    ...document.querySelectorAll<HTMLElement>("button, a[href], textarea, input, [tabindex='0']"),
  ];
  const usable = all.filter((element) => !element.matches(":disabled") && element.offsetParent);
  const [first, last] = [usable[0], usable[usable.length - 1]];
  const active = document.activeElement;
  if (event.shiftKey ? active === first : active === last) {
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }
}

function Banner({ state }: { state: PanelState }) {
  const { panel, text } = usePanel();
  const session = state.chat.session;
  if (session.status === "refused") {
    return (
      <div class="banner" role="alert">
        {text.refused}
        <button type="button" class="link" onClick={() => panel.chat.start()}>
          {text.retryConnect}
        </button>
      </div>
    );
  }
  // The first connection gets a moment: a banner that flashes says nothing.
  const away = session.status === "offline" && session.attempt > 0;
  const again = session.status === "connecting" && state.chat.welcome !== undefined;
  return (
    <div role="status" class={away || again ? "banner" : ""}>
      {away || again ? text.offline : ""}
    </div>
  );
}
