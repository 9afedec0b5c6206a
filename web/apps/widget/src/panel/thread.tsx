// SPDX-License-Identifier: Apache-2.0
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { formatDay } from "@kefu/ui/time";
import { AskCard } from "./ask.tsx";
import { usePanel } from "./context.ts";
import { Icon } from "./icon.tsx";
import { authorName, Fact, Message, PendingMessage } from "./message.tsx";
import {
  awaitsRating,
  currentConversation,
  lastOwnSeq,
  lines,
  offersPerson,
  pendingAsk,
  quickReplies,
  targetConversation,
  type Line,
} from "./model.ts";
import type { PanelState } from "./panel.ts";
import { QueueCard } from "./queue.tsx";
import { RatingCard } from "./rating.tsx";

/** Closer to the end than this counts as being there. */
const END_PX = 48;

export function Thread({ state }: { state: PanelState }) {
  const { panel, text, locale } = usePanel();
  const conversation = currentConversation(state.chat);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const anchor = useRef({ first: "", height: 0 });
  const [behind, setBehind] = useState(false);
  const rows = lines(conversation, state.chat.outbox);
  const lastKey = rows.at(-1)?.key ?? "";
  const firstKey = rows[0]?.key ?? "";

  // Older messages above must not move what is being read; new ones below scroll into view only
  // for somebody who is at the end.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const grown = element.scrollHeight - anchor.current.height;
    if (atEnd.current) element.scrollTop = element.scrollHeight;
    else if (anchor.current.first !== firstKey && grown > 0) element.scrollTop += grown;
    anchor.current = { first: firstKey, height: element.scrollHeight };
  });

  useEffect(() => {
    if (!state.shown) return;
    if (atEnd.current) panel.sawAll();
    else setBehind(true);
  }, [lastKey, state.shown]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const stay = () => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    };
    const observer = new ResizeObserver(stay);
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);

  function onScroll() {
    const element = box.current;
    if (!element) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    if (atEnd.current && behind) {
      setBehind(false);
      panel.sawAll();
    }
  }

  function toEnd() {
    atEnd.current = true;
    setBehind(false);
    box.current?.scrollTo({ top: box.current.scrollHeight });
    panel.sawAll();
  }

  const ownSeq = lastOwnSeq(conversation);
  const delivery = (line: Line) => {
    if (line.kind !== "message" || line.item.event.seq !== ownSeq) return "";
    return (conversation?.peerReadSeq ?? 0) >= ownSeq && conversation?.state === "agent"
      ? text.read
      : text.sent;
  };
  const greeting = state.chat.welcome?.site?.greeting || text.greeting;
  const loading = conversation !== undefined && !conversation.loaded;
  const asked = pendingAsk(conversation, state.chat.outbox);

  return (
    <main class="thread-box">
      <div class="thread" ref={box} onScroll={onScroll} tabIndex={0} aria-label={text.messages}>
        <div>
          {!conversation?.more && <div class="greeting">{greeting}</div>}
          {conversation?.more && (
            <button
              type="button"
              class="earlier"
              onClick={() => {
                atEnd.current = false;
                void panel.chat.fetchOlder(conversation.id);
              }}
            >
              {text.earlier}
            </button>
          )}
          {loading && rows.length === 0 && <Skeleton label={text.loading} />}
          <div role="log" aria-live={loading ? "off" : "polite"} aria-relevant="additions">
            {rows.map((line) => {
              switch (line.kind) {
                case "day":
                  return (
                    <div class="day" key={line.key}>
                      {formatDay(line.at, Date.now(), locale)}
                    </div>
                  );
                case "fact":
                  return <Fact key={line.key} event={line.event} />;
                case "pending":
                  return <PendingMessage key={line.key} item={line.item} first={line.first} />;
                case "message":
                  return (
                    <Message
                      key={line.key}
                      item={line.item}
                      first={line.first}
                      last={line.last}
                      delivery={delivery(line)}
                    />
                  );
              }
            })}
          </div>
          {asked && <AskCard key={asked.seq} ask={asked.ask} conversation={conversation!} />}
          <Replies state={state} />
          {conversation?.typing && <Typing name={authorName(text, conversation.typing.author)} />}
          {conversation?.state === "queued" && <QueueCard conversation={conversation} />}
          {conversation && awaitsRating(conversation) && (
            <RatingCard conversation={conversation} skippedSeq={state.ratingSkipped} />
          )}
        </div>
      </div>
      {behind && (
        <button type="button" class="to-end" onClick={toEnd}>
          {text.newMessages}
          <Icon name="down" />
        </button>
      )}
    </main>
  );
}

function Replies({ state }: { state: PanelState }) {
  const { panel, text } = usePanel();
  const conversation = currentConversation(state.chat);
  const replies = quickReplies(conversation, state.chat.outbox);
  const person = offersPerson(conversation);
  if (replies.length === 0 && !person) return null;
  const send = (words: string) =>
    panel.chat.send({ conversationId: targetConversation(conversation), text: words });
  return (
    <div class="replies">
      {replies.map((reply) => (
        <button type="button" key={reply.text} onClick={() => send(reply.text || reply.label)}>
          {reply.label || reply.text}
        </button>
      ))}
      {person && !replies.some((reply) => reply.text === text.personSent) && (
        <button type="button" onClick={() => send(text.personSent)}>
          {text.person}
        </button>
      )}
    </div>
  );
}

function Typing({ name }: { name: string }) {
  const { text } = usePanel();
  return (
    <div class="typing" role="status">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span class="sr-only">{text.typing({ name })}</span>
    </div>
  );
}

function Skeleton({ label }: { label: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="sr-only">{label}</span>
      <i />
      <i />
      <i />
    </div>
  );
}
