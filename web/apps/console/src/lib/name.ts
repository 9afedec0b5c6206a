// SPDX-License-Identifier: Apache-2.0

// Control characters, and those that turn the direction of what stands around them.
// eslint-disable-next-line no-control-regex
const unseen = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A name as strangers wrote it, without what would change the sentence that it stands in. */
export const plainName = (name: string): string => name.replace(unseen, "").trim();
