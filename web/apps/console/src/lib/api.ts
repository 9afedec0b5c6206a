// SPDX-License-Identifier: Apache-2.0
// The REST side: cookie session, CSRF header on writes, an idempotency key on creations, and one
// error type that carries the server's stable code and the field it is about.

import { obj, text } from "./decode";

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    readonly code: string,
    message: string,
    readonly field = "",
  ) {
    super(message);
  }
}

let csrfToken = "";
let onUnauthorized: () => void = () => undefined;

export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

interface CallOptions {
  body?: unknown;
  csv?: string | Blob; // a file goes as it is: its encoding is the server's to find out
  query?: Record<string, string | number | undefined>;
  raw?: boolean; // hand the body back as text
}

function address(path: string, query: CallOptions["query"]): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== "") search.set(key, String(value));
  }
  const tail = search.toString();
  return `/api/v1/${path}${tail ? `?${tail}` : ""}`;
}

function headersFor(method: string, options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.csv !== undefined) headers["content-type"] = "text/csv; charset=utf-8";
  else if (options.body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["x-csrf-token"] = csrfToken;
  if (method === "POST") headers["idempotency-key"] = newClientId();
  return headers;
}

function faultOf(status: number, body: string): ApiError {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    parsed = undefined;
  }
  const error = obj(obj(parsed)["error"]);
  return new ApiError(
    status,
    text(error["code"]) || `http_${status}`,
    text(error["message"]) || `HTTP ${status}`,
    text(error["field"]),
  );
}

export async function call(
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE",
  path: string,
  options: CallOptions = {},
): Promise<unknown> {
  let reply: Response;
  try {
    reply = await fetch(address(path, options.query), {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: headersFor(method, options),
      ...(options.csv !== undefined
        ? { body: options.csv }
        : options.body !== undefined
          ? { body: JSON.stringify(options.body) }
          : {}),
    });
  } catch {
    throw new ApiError(0, "offline", "offline");
  }
  const body = await reply.text();
  if (!reply.ok) {
    const fault = faultOf(reply.status, body);
    if (reply.status === 401 && path !== "login" && path !== "session") onUnauthorized();
    throw fault;
  }
  if (options.raw) return body;
  if (body === "") return {};
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new ApiError(reply.status, "bad_reply", "The answer was not JSON");
  }
}

/** 128 random bits as 32 hex digits: the protocol's client id. */
export function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
