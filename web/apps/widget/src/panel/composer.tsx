// SPDX-License-Identifier: Apache-2.0
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { isComposing } from "@kefu/ui/keys";
import { usePanel } from "./context.ts";
import { Icon } from "./icon.tsx";
import { currentConversation, targetConversation } from "./model.ts";
import type { PanelState } from "./panel.ts";

const TEXT_BYTES_MAX = 16 * 1024;
const HEIGHT_PX_MAX = 132;

export function Composer({ state }: { state: PanelState }) {
  const { panel, text } = usePanel();
  const input = useRef<HTMLTextAreaElement>(null);
  const words = state.draft.trim();
  const most = state.chat.welcome?.server?.maxText || TEXT_BYTES_MAX;
  // Every character is at most 4 bytes: short drafts need no counting.
  const over = words.length * 4 > most ? new TextEncoder().encode(words).length - most : 0;
  const refused = state.chat.session.status === "refused";
  const blocked = words === "" || over > 0 || refused;

  useEffect(() => {
    // On a touch screen focus would cover half of the panel with the keyboard.
    if (state.shown && matchMedia("(hover: hover)").matches) input.current?.focus();
  }, [state.shown]);

  useLayoutEffect(() => {
    const element = input.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, HEIGHT_PX_MAX)}px`;
  }, [state.draft]);

  function send() {
    if (blocked) return;
    const conversation = currentConversation(state.chat);
    panel.chat.send({ conversationId: targetConversation(conversation), text: words });
    panel.setDraft("");
    input.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    send();
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <textarea
          ref={input}
          rows={1}
          value={state.draft}
          placeholder={text.placeholder}
          aria-label={text.messageLabel}
          aria-describedby={over > 0 ? "over" : undefined}
          enterkeyhint="send"
          onInput={(event) => panel.setDraft(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="send" disabled={blocked} aria-label={text.send}>
          <Icon name="send" />
        </button>
      </div>
      {over > 0 && (
        <p id="over" class="over" role="alert">
          {text.tooLong({ over })}
        </p>
      )}
    </form>
  );
}
