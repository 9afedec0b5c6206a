// SPDX-License-Identifier: Apache-2.0
// Reads canonical proto3 JSON by the tables of generated.ts. What the server omits (defaults) is
// filled in, what it adds later (unknown fields, unknown enum values) is tolerated, and a value of
// the wrong type is an error that names its path. 64-bit integers stay strings.

export class DecodeError extends Error {
  constructor(path: string, expected: string) {
    super(`${path || "message"}: expected ${expected}`);
    this.name = "DecodeError";
  }
}

interface FieldType<T> {
  /** Value of an absent field; undefined for messages. */
  empty(): T | undefined;
  decode(value: unknown, path: string): T;
}

type Fields = Record<string, FieldType<unknown>>;

export interface MessageType<T> {
  decode(value: unknown, path?: string): T;
  /** The message with every field at its default. */
  create(fields?: Partial<T>): T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function define<T>(table: () => Fields): MessageType<T> {
  let fields: Fields | undefined;
  const walk = (value: Record<string, unknown>, path: string): T => {
    fields ??= table();
    const out: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const item = value[name];
      if (item !== undefined && item !== null) {
        out[name] = field.decode(item, path === "" ? name : `${path}.${name}`);
      } else {
        const empty = field.empty();
        if (empty !== undefined) out[name] = empty;
      }
    }
    return out as T;
  };
  return {
    decode(value, path = "") {
      if (!isRecord(value)) throw new DecodeError(path, "an object");
      return walk(value, path);
    },
    create(initial) {
      return { ...walk({}, ""), ...initial };
    },
  };
}

export const text: FieldType<string> = {
  empty: () => "",
  decode(value, path) {
    if (typeof value !== "string") throw new DecodeError(path, "a string");
    return value;
  },
};

export const bool: FieldType<boolean> = {
  empty: () => false,
  decode(value, path) {
    if (typeof value !== "boolean") throw new DecodeError(path, "true or false");
    return value;
  },
};

export const number: FieldType<number> = {
  empty: () => 0,
  decode(value, path) {
    if (typeof value !== "number") throw new DecodeError(path, "a number");
    return value;
  },
};

export const big: FieldType<string> = {
  empty: () => "0",
  decode(value, path) {
    if (typeof value === "string" && /^-?\d+$/.test(value)) return value;
    if (Number.isSafeInteger(value)) return String(value);
    throw new DecodeError(path, "a 64-bit integer as a string");
  },
};

export function choice<T extends string>(values: readonly T[]): FieldType<T> {
  return {
    empty: () => values[0] as T,
    decode(value, path) {
      if (typeof value !== "string") throw new DecodeError(path, "one of the enum's names");
      return values.includes(value as T) ? (value as T) : (values[0] as T);
    },
  };
}

export function message<T>(type: () => MessageType<T>): FieldType<T> {
  return {
    empty: () => undefined,
    decode: (value, path) => type().decode(value, path),
  };
}

export function list<T>(item: FieldType<T>): FieldType<T[]> {
  return {
    empty: () => [],
    decode(value, path) {
      if (!Array.isArray(value)) throw new DecodeError(path, "a list");
      return value.map((entry, index) => item.decode(entry, `${path}[${index}]`));
    },
  };
}

export function map<T>(item: FieldType<T>): FieldType<Record<string, T>> {
  return {
    empty: () => ({}),
    decode(value, path) {
      if (!isRecord(value)) throw new DecodeError(path, "an object");
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, item.decode(entry, `${path}.${key}`)]),
      );
    },
  };
}

/** What a client may leave out: everything; the server fills in the defaults. */
export type Input<T> = {
  [K in keyof T]?: T[K] extends (infer E)[]
    ? Input<E>[]
    : T[K] extends object | undefined
      ? Input<NonNullable<T[K]>>
      : T[K];
};
