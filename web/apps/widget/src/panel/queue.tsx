// SPDX-License-Identifier: Apache-2.0
// Where a waiting visitor stands, and what it may choose instead of waiting: a call back, or an
// answer later. Either is a form in the conversation, which keeps its place; whoever gets it finds
// the number and the words.
import { useState } from "preact/hooks";
import type { Conversation } from "@kefu/client/state";
import { usePanel } from "./context.ts";
import { offeredWishes, wishOf, type Wish } from "./model.ts";

const NAMES = { callback: "wishCallback", ticket: "wishTicket" } as const;

/** In the visitor's own time zone. */
function formatOpening(ms: number, locale: string): string {
  const parts = { weekday: "long", hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale, parts).format(ms);
}

export function QueueCard({ conversation }: { conversation: Conversation }) {
  const { text, locale } = usePanel();
  const [open, setOpen] = useState<Wish | undefined>();
  const queue = conversation.queue;
  const away = queue !== undefined && (!queue.agentsOnline || queue.closed);
  const opensAt = queue?.closed && queue.opensAt !== "" ? Date.parse(queue.opensAt) : 0;
  const position = queue?.position ?? 0;
  const title =
    position === 0
      ? text.queueSoon
      : position === 1
        ? text.queueNext
        : text.queuePosition({ position });
  const minutes = Math.ceil((queue?.estimatedWaitMs ?? 0) / 60_000);
  const wished = wishOf(conversation);
  const offered = wished ? [] : offeredWishes(conversation);
  return (
    <div class="card queue">
      <div role="status">
        {!away && <strong>{title}</strong>}
        {!away && minutes > 0 && <span>{text.queueEstimate({ minutes })}</span>}
        {opensAt > 0 && (
          <strong>{text.queueOpens({ time: formatOpening(opensAt, locale) })}</strong>
        )}
        {wished ? (
          <span>
            {wished.kind === "callback" ? text.wishedCallback(wished) : text.wishedTicket(wished)}
          </span>
        ) : (
          <span>{away ? text.queueAway : text.queueStay}</span>
        )}
      </div>
      {open && offered.includes(open) ? (
        <WishForm wish={open} conversationId={conversation.id} onDone={() => setOpen(undefined)} />
      ) : (
        offered.length > 0 && (
          <div class="replies">
            {offered.map((wish) => (
              <button type="button" key={wish} onClick={() => setOpen(wish)}>
                {text[NAMES[wish]]}
              </button>
            ))}
          </div>
        )
      )}
    </div>
  );
}

const TEXT_MAX = 1000; // of a message
const FIELD_MAX = 100; // of a number, an address, a time

function WishForm(props: { wish: Wish; conversationId: string; onDone: () => void }) {
  const { wish, conversationId, onDone } = props;
  const { panel, text } = usePanel();
  const [contact, setContact] = useState("");
  const [time, setTime] = useState("");
  const [words, setWords] = useState("");
  const call = wish === "callback";
  const complete = contact.trim() !== "" && (call || words.trim() !== "");

  function submit(event: SubmitEvent) {
    event.preventDefault();
    if (!complete) return;
    if (!call) panel.chat.send({ conversationId, text: words.trim() });
    const attributes: Record<string, string> = { wish, contact: contact.trim() };
    if (time.trim() !== "") attributes["time"] = time.trim();
    panel.chat.perform(conversationId, (clientId) => ({
      form: { conversationId, clientId, attributes },
    }));
    onDone();
  }

  return (
    <form class="wish" aria-label={text[NAMES[wish]]} onSubmit={submit}>
      {!call && (
        <label>
          {text.wishWords}
          <textarea
            rows={3}
            required
            maxLength={TEXT_MAX}
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      )}
      <label>
        {call ? text.wishPhone : text.wishContact}
        <input
          type={call ? "tel" : "text"}
          autocomplete={call ? "tel" : "email"}
          required
          maxLength={FIELD_MAX}
          value={contact}
          onInput={(event) => setContact(event.currentTarget.value)}
        />
      </label>
      {call && (
        <label>
          {text.wishTime}
          <input
            type="text"
            maxLength={FIELD_MAX}
            value={time}
            onInput={(event) => setTime(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="card-actions">
        <button type="button" class="quiet" onClick={onDone}>
          {text.wishCancel}
        </button>
        <button type="submit" class="primary" disabled={!complete}>
          {text.wishSend}
        </button>
      </div>
    </form>
  );
}
