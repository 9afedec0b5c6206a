// SPDX-License-Identifier: Apache-2.0
// How an event names a file of the visitor: ID/NAME. The name has the ending of what the bytes are.

export interface FileName {
  id: string;
  name: string;
  image: boolean;
}

/** null: only a name, from before files were kept. */
export function fileName(item: string): FileName | null {
  const match = /^(\d+)\/(.+)$/s.exec(item);
  if (!match) return null;
  const name = match[2]!;
  return { id: match[1]!, name, image: /\.(jpe?g|png|gif|webp)$/i.test(name) };
}
