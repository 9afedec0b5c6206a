// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Conversation } from "@kefu/client/state";
import { usePanel } from "./context.ts";

const MOUTHS = [
  "M8 16.5c1-1.6 2.4-2.4 4-2.4s3 .8 4 2.4",
  "M8.5 16c.9-1 2.1-1.5 3.5-1.5s2.6.5 3.5 1.5",
  "M8.5 15.2h7",
  "M8.5 14.3c.9 1 2.1 1.5 3.5 1.5s2.6-.5 3.5-1.5",
  "M8 13.8c1 1.9 2.4 2.8 4 2.8s3-.9 4-2.8z",
];

export function RatingCard(props: { conversation: Conversation; skippedSeq: number }) {
  const { conversation, skippedSeq } = props;
  const { panel, text } = usePanel();
  const [rating, setRating] = useState(0);
  const [comment, setComment] = useState("");
  const closedSeq = conversation.events.filter((event) => event.kind === "closed").at(-1)?.seq ?? 0;
  if (skippedSeq >= closedSeq) return <div class="fact">{text.restartHint}</div>;
  const labels = [text.rate1, text.rate2, text.rate3, text.rate4, text.rate5];

  function submit(event: SubmitEvent) {
    event.preventDefault();
    if (rating === 0) return;
    const conversationId = conversation.id;
    const words = comment.trim();
    panel.chat.perform(conversationId, (clientId) => ({
      rate: { conversationId, clientId, rating, ...(words === "" ? {} : { text: words }) },
    }));
    panel.skipRating(closedSeq);
  }

  return (
    <form class="card rating" onSubmit={submit}>
      <fieldset>
        <legend>{text.rateTitle}</legend>
        <div class="faces">
          {labels.map((label, index) => (
            <label key={label} title={label}>
              <input
                type="radio"
                name="rating"
                class="sr-only"
                checked={rating === index + 1}
                onChange={() => setRating(index + 1)}
              />
              <svg viewBox="0 0 24 24" aria-hidden="true">
                <circle cx="12" cy="12" r="9" />
                <path d="M9 9.5v.6M15 9.5v.6" />
                <path d={MOUTHS[index]} />
              </svg>
              <span class="sr-only">{label}</span>
            </label>
          ))}
        </div>
        <p class="face-label" aria-hidden="true">
          {labels[rating - 1] ?? "\u00a0"}
        </p>
      </fieldset>
      {rating > 0 && (
        <textarea
          rows={2}
          maxLength={1000}
          aria-label={text.rateComment}
          placeholder={text.rateComment}
          value={comment}
          onInput={(event) => setComment(event.currentTarget.value)}
        />
      )}
      <div class="card-actions">
        <button type="button" class="quiet" onClick={() => panel.skipRating(closedSeq)}>
          {text.rateSkip}
        </button>
        <button type="submit" class="primary" disabled={rating === 0}>
          {text.rateSend}
        </button>
      </div>
    </form>
  );
}
