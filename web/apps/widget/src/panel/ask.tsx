// SPDX-License-Identifier: Apache-2.0
// What a flow asks for, as buttons, a list, a date or files. Writing an answer works as well: the
// card is only quicker, and goes as soon as anything is sent.
import { useState } from "preact/hooks";
import type { Ask } from "@kefu/protocol/generated";
import type { Conversation } from "@kefu/client/state";
import { usePanel } from "./context.ts";
import { UploadError, type UploadFault } from "./upload.ts";

export function AskCard({ ask, conversation }: { ask: Ask; conversation: Conversation }) {
  const { panel, text } = usePanel();
  const conversationId = conversation.id;
  const pick = (values: string[], words: string) =>
    panel.chat.send({ conversationId, text: words, pick: values });
  const skip = ask.optional && (
    <button type="button" onClick={() => pick(["skip"], text.askSkip)}>
      {text.askSkip}
    </button>
  );

  if (ask.ui === "rating") return <Stars conversation={conversation} />;
  if (ask.ui === "date") return <DateAsk ask={ask} pick={pick} />;
  if (ask.ui === "upload")
    return <FilesAsk ask={ask} conversationId={conversationId} skip={skip} />;
  if (ask.options.length === 0) return skip ? <div class="replies">{skip}</div> : null;
  if (ask.multiple) return <ListAsk ask={ask} pick={pick} skip={skip} />;
  return (
    <div class="replies ask">
      {ask.options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === ask.value}
          onClick={() => pick([option.value], option.label)}
        >
          {option.label}
        </button>
      ))}
      {skip}
    </div>
  );
}

type Pick = (values: string[], words: string) => void;

function ListAsk(props: { ask: Ask; pick: Pick; skip: preact.ComponentChildren }) {
  const { ask, pick, skip } = props;
  const { text } = usePanel();
  const [chosen, setChosen] = useState(() => new Set(ask.value.split(",").filter(Boolean)));

  function toggle(value: string) {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    setChosen(next);
  }

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const options = ask.options.filter((option) => chosen.has(option.value));
    if (options.length === 0) return;
    pick(
      options.map((option) => option.value),
      options.map((option) => option.label).join(", "),
    );
  }

  return (
    <form class="card ask" onSubmit={submit}>
      {ask.options.map((option) => (
        <label key={option.value}>
          <input
            type="checkbox"
            checked={chosen.has(option.value)}
            onChange={() => toggle(option.value)}
          />
          {option.label}
        </label>
      ))}
      <div class="replies">
        <button type="submit" disabled={chosen.size === 0}>
          {text.askConfirm}
        </button>
        {skip}
      </div>
    </form>
  );
}

function DateAsk({ ask, pick }: { ask: Ask; pick: Pick }) {
  const { text } = usePanel();
  const [day, setDay] = useState(/^\d{4}-\d\d-\d\d$/.test(ask.value) ? ask.value : "");
  return (
    <form
      class="card ask"
      onSubmit={(event) => {
        event.preventDefault();
        if (day !== "") pick([day], day);
      }}
    >
      <label>
        {text.askDate}
        <input type="date" value={day} onInput={(event) => setDay(event.currentTarget.value)} />
      </label>
      <div class="replies">
        <button type="submit" disabled={day === ""}>
          {text.askConfirm}
        </button>
      </div>
    </form>
  );
}

function FilesAsk(props: { ask: Ask; conversationId: string; skip: preact.ComponentChildren }) {
  const { ask, conversationId, skip } = props;
  const { panel, text } = usePanel();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<UploadFault | "">("");

  async function give(input: HTMLInputElement) {
    const chosen = [...(input.files ?? [])];
    input.value = ""; // the same file may be chosen again
    if (chosen.length === 0) return;
    if (ask.max > 0 && chosen.length > ask.max) return setFault("uploadTooMany");
    setBusy(true);
    setFault("");
    try {
      const files = [];
      for (const file of chosen) files.push(await panel.upload(file));
      panel.chat.send({
        conversationId,
        text: chosen.map((file) => file.name).join(", "),
        files,
      });
    } catch (error) {
      setFault(error instanceof UploadError ? error.fault : "uploadFailed");
    }
    setBusy(false);
  }

  return (
    <div class="card ask" aria-busy={busy}>
      <label>
        {busy ? text.askUploading : text.askFiles}
        <input
          type="file"
          accept="image/jpeg,image/png,image/gif,image/webp,application/pdf"
          multiple={ask.multiple}
          disabled={busy}
          onChange={(event) => void give(event.currentTarget)}
        />
      </label>
      {fault !== "" && (
        <span class="hint" role="alert">
          {text[fault]}
        </span>
      )}
      {skip && <div class="replies">{skip}</div>}
    </div>
  );
}

function Stars({ conversation }: { conversation: Conversation }) {
  const { panel, text } = usePanel();
  const labels = [text.rate1, text.rate2, text.rate3, text.rate4, text.rate5];
  const conversationId = conversation.id;
  return (
    <div class="replies ask" role="group" aria-label={text.rateTitle}>
      {labels.map((label, index) => (
        <button
          type="button"
          key={label}
          onClick={() =>
            panel.chat.perform(conversationId, (clientId) => ({
              rate: { conversationId, clientId, rating: index + 1 },
            }))
          }
        >
          {label}
        </button>
      ))}
    </div>
  );
}
