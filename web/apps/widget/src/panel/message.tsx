// SPDX-License-Identifier: Apache-2.0
import type { Event } from "@kefu/protocol/generated";
import type { OutboxItem } from "@kefu/client/outbox";
import type { TimelineItem } from "@kefu/client/timeline";
import { formatTime } from "@kefu/ui/time";
import { fileName, type FileName } from "@kefu/client/files";
import { useEffect, useState } from "preact/hooks";
import { usePanel } from "./context.ts";
import { Icon } from "./icon.tsx";
import { splitLinks } from "./model.ts";
import type { PanelStrings } from "./strings.ts";

export function authorName(text: PanelStrings, author: Event["author"]): string {
  switch (author?.kind) {
    case "visitor":
      return text.you;
    case "bot":
      return text.assistant;
    case "agent":
    case "api":
      return author.name || text.agent;
    default:
      return text.system;
  }
}

function Body({ text }: { text: string }) {
  return (
    <>
      {splitLinks(text).map((part, index) =>
        index % 2 === 1 ? (
          <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </>
  );
}

function Attachment({ file }: { file: FileName }) {
  const { panel, text } = usePanel();
  const [source, setSource] = useState("");
  const [gone, setGone] = useState(false);

  useEffect(() => {
    let here = true;
    panel.download(file.id).then(
      (address) => here && setSource(address),
      () => here && setGone(true),
    );
    return () => void (here = false);
  }, [file.id]);

  if (gone) return <span class="hint">{text.fileGone}</span>;
  if (source === "") return <span class="hint">{text.loading}</span>;
  return (
    <a class="attachment" href={source} download={file.name}>
      {file.image ? <img src={source} alt={file.name} /> : file.name}
    </a>
  );
}

function Attachments({ files }: { files: string[] }) {
  const named = files.map(fileName).filter((file) => file !== null);
  if (named.length === 0) return null;
  return (
    <div class="attachments">
      {named.map((file) => (
        <Attachment key={file.id} file={file} />
      ))}
    </div>
  );
}

interface MessageProps {
  item: TimelineItem;
  first: boolean;
  last: boolean;
  /** "sent" or "read", under the visitor's newest message only. */
  delivery: string;
}

export function Message({ item, first, last, delivery }: MessageProps) {
  const { text, locale } = usePanel();
  const author = item.event.author;
  const kind = author?.kind ?? "system";
  const mine = kind === "visitor";
  const at = Date.parse(item.event.createdAt);
  const name = authorName(text, author);
  return (
    <div class={`message ${mine ? "mine" : "theirs"} from-${kind} ${first ? "first" : ""}`}>
      {first && !mine ? (
        <div class="author">
          {kind === "bot" && <Icon name="spark" />}
          {kind === "bot" ? `${name} · ${text.aiMade}` : name}
        </div>
      ) : (
        <span class="sr-only">{name}:</span>
      )}
      <div class={`bubble ${item.recalled ? "recalled" : ""}`}>
        {item.recalled ? text.recalled : <Body text={item.text} />}
      </div>
      {!item.recalled && item.event.files.length > 0 && <Attachments files={item.event.files} />}
      {(last || delivery !== "") && (
        <div class="meta">
          {last && at > 0 && <time dateTime={item.event.createdAt}>{formatTime(at, locale)}</time>}
          {item.edited && !item.recalled && <span>{text.edited}</span>}
          {delivery !== "" && <span>{delivery}</span>}
        </div>
      )}
    </div>
  );
}

const FAILURES: Record<string, "failedTooLong" | "failedExpired"> = {
  too_long: "failedTooLong",
  text_too_long: "failedTooLong",
  expired: "failedExpired",
};

export function PendingMessage({ item, first }: { item: OutboxItem; first: boolean }) {
  const { panel, text } = usePanel();
  const failed = item.state === "failed";
  const words = failed ? text[FAILURES[item.error] ?? "failed"] : text[item.state as "queued"];
  return (
    <div class={`message mine ${first ? "first" : ""} ${failed ? "failed" : "pending"}`}>
      <span class="sr-only">{text.you}:</span>
      <div class="bubble">
        <Body text={item.text} />
      </div>
      <div class="meta" role={failed ? "alert" : undefined}>
        <span>{words}</span>
        {failed && (
          <>
            <button type="button" class="link" onClick={() => panel.chat.retry(item.clientId)}>
              {text.retry}
            </button>
            <button type="button" class="link" onClick={() => panel.chat.discard(item.clientId)}>
              {text.discard}
            </button>
          </>
        )}
      </div>
    </div>
  );
}

export function Fact({ event }: { event: Event }) {
  const { text } = usePanel();
  const name = event.agentName || event.author?.name || text.agent;
  const words: Partial<Record<Event["kind"], string>> = {
    handoff: text.handoff,
    assigned: text.joined({ name }),
    transferred: text.transferred({ name }),
    left: text.left({ name }),
    to_bot: text.toBot,
    closed: text.closed,
    reopened: text.reopened,
    rated: text.rated({ rating: event.rating }),
  };
  return <div class="fact">{words[event.kind]}</div>;
}
