// SPDX-License-Identifier: Apache-2.0
// Two texts line by line, side by side: the longest common run of lines stays level. Pure.

export interface DiffRow {
  /** Line numbers from 1; 0: nothing stands here. */
  left: number;
  right: number;
  leftText: string;
  rightText: string;
  same: boolean;
}

/** Beyond this the middle is shown as replaced whole: the table of lengths would not fit. */
const CELLS_MAX = 4_000_000;

/** lengths[i * (b.length + 1) + j]: of the longest common sequence of a from i and b from j. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  return lengths;
}

/** Pairs of equal lines, in order, as indexes. */
function matches(a: readonly string[], b: readonly string[]): [number, number][] {
  if (a.length * b.length > CELLS_MAX) return [];
  const lengths = commonLengths(a, b);
  const width = b.length + 1;
  const found: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) found.push([i++, j++]);
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return found;
}

export function diffLines(before: string, after: string): DiffRow[] {
  const a = before.split("\n");
  const b = after.split("\n");
  const rows: DiffRow[] = [];
  let left = 0;
  let right = 0;

  const put = (same: boolean, hasLeft: boolean, hasRight: boolean): void => {
    rows.push({
      left: hasLeft ? left + 1 : 0,
      right: hasRight ? right + 1 : 0,
      leftText: hasLeft ? a[left]! : "",
      rightText: hasRight ? b[right]! : "",
      same,
    });
    if (hasLeft) left++;
    if (hasRight) right++;
  };
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  const rest = Math.min(a.length, b.length) - head;
  while (tail < rest && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const middle = matches(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const level: [number, number][] = [
    ...Array.from({ length: head }, (_, index): [number, number] => [index, index]),
    ...middle.map(([i, j]): [number, number] => [i + head, j + head]),
    ...Array.from({ length: tail }, (_, index): [number, number] => [
      a.length - tail + index,
      b.length - tail + index,
    ]),
    [a.length, b.length],
  ];
  for (const [i, j] of level) {
    while (left < i || right < j) put(false, left < i, right < j);
    if (i < a.length && j < b.length) put(true, true, true);
  }
  return rows;
}

/** Only what differs, with some lines around; null stands for lines that are left out. */
export function folded(rows: readonly DiffRow[], around = 3): (DiffRow | null)[] {
  const near = new Set<number>();
  rows.forEach((row, index) => {
    if (row.same) return;
    for (let at = index - around; at <= index + around; at++) near.add(at);
  });
  const out: (DiffRow | null)[] = [];
  rows.forEach((row, index) => {
    if (near.has(index)) out.push(row);
    else if (out.at(-1) !== null) out.push(null);
  });
  return out;
}
