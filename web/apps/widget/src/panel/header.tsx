// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import type { Conversation } from "@kefu/client/state";
import { usePanel } from "./context.ts";
import { Icon } from "./icon.tsx";
import { targetConversation } from "./model.ts";

interface HeaderProps {
  siteName: string;
  conversation: Conversation | undefined;
}

export function Header({ siteName, conversation }: HeaderProps) {
  const { panel, text } = usePanel();
  const state = conversation?.state;
  const status =
    state === "agent"
      ? text.handledByAgent({ name: conversation?.agentName || text.agent })
      : state === "queued"
        ? text.waiting
        : state === "closed"
          ? text.ended
          : text.handledByBot;
  const withPerson = state === "agent" || state === "queued";
  return (
    <header class="header">
      <div class="header-titles">
        <h1>{siteName || text.title}</h1>
        <p role="status">{status}</p>
      </div>
      <button
        type="button"
        class="person"
        disabled={withPerson}
        onClick={() =>
          panel.chat.send({
            conversationId: targetConversation(conversation),
            text: text.personSent,
          })
        }
      >
        {text.person}
      </button>
      {conversation && state !== "closed" && <Menu conversation={conversation} />}
      {panel.embedded && (
        <button
          type="button"
          class="icon-button"
          aria-label={text.close}
          onClick={() => panel.close()}
        >
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

function Menu({ conversation }: { conversation: Conversation }) {
  const { panel, text } = usePanel();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const onPointer = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" && event.key !== "Tab") return;
      if (event.key === "Escape") event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey, true);
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey, true);
    };
  }, [open]);

  function end() {
    setOpen(false);
    const conversationId = conversation.id;
    panel.chat.perform(conversationId, (clientId) => ({ end: { conversationId, clientId } }));
  }

  return (
    <div class="menu-root" ref={root}>
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label={text.menu}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div class="menu" role="menu">
          <button type="button" role="menuitem" onClick={end}>
            {text.endChat}
          </button>
        </div>
      )}
    </div>
  );
}
