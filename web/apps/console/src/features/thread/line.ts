// SPDX-License-Identifier: Apache-2.0
// One sentence for an event that is not a message.

import type { ChatEvent } from "../../lib/types";
import type { ThreadStrings } from "./strings";

function closedLine(event: ChatEvent, t: ThreadStrings): string {
  if (event.author.kind === "visitor") return t.events.closedVisitor;
  if (event.author.kind === "agent") return t.events.closed(event.author.name || t.someone);
  return t.events.closedIdle;
}

/** With what was filled in: a callback is of no use without its number. */
function formLine(event: ChatEvent, t: ThreadStrings): string {
  const { wish, contact = "", ...rest } = event.attributes;
  const wished = wish === "callback" || wish === "ticket";
  const begin =
    wish === "callback"
      ? t.events.wishCallback(contact)
      : wish === "ticket"
        ? t.events.wishTicket(contact)
        : t.events.form;
  const fields = Object.entries(wished ? rest : event.attributes);
  return [begin, ...fields.map(([key, value]) => (wished ? value : `${key}: ${value}`))].join(
    " · ",
  );
}

export function lineOf(event: ChatEvent, t: ThreadStrings): string {
  const who = event.author.name || t.someone;
  const target = event.agentName || t.someone;
  switch (event.kind) {
    case "assigned":
      return t.events.assigned(target);
    case "transferred":
      return t.events.transferred(who, event.agentId === "0" ? t.events.queue : target);
    case "closed":
      return closedLine(event, t);
    case "rated":
      return t.events.rated(event.rating) + (event.text ? ` · ${event.text}` : "");
    case "left":
      return t.events.left(target);
    case "offered":
      return t.events.offered(target);
    case "declined":
      return t.events.declined(target) + (event.reason ? ` · ${event.reason}` : "");
    case "flow":
      return t.events.flow(event.reason, event.text);
    case "form":
      return formLine(event, t);
    case "handoff":
    case "reopened":
    case "to_bot":
    case "identified":
      return t.events[event.kind];
    default:
      return event.text || event.kind;
  }
}
