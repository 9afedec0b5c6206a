// SPDX-License-Identifier: Apache-2.0
// Files of the visitor to the server and back. A photo that is too large for one upload is drawn
// smaller first; anything else that is too large is refused here and, in any case, there.
import type { Upload } from "@kefu/protocol/generated";

/** What the server takes (ATTACHMENT_BYTES_MAX). */
export const UPLOAD_BYTES_MAX = 1024 * 1024;
/** Longest side in pixels, tried in turn: the first is more than any screen shows of a photo. */
const SIDES = [2048, 1600, 1200, 800];
const QUALITY = 0.85;

export type UploadFault = "uploadTooLarge" | "uploadWrongKind" | "uploadTooMany" | "uploadFailed";

export class UploadError extends Error {
  constructor(readonly fault: UploadFault) {
    super(fault);
  }
}

const FAULTS: Record<number, UploadFault> = {
  400: "uploadWrongKind",
  413: "uploadTooLarge",
  429: "uploadTooMany",
};

async function drawn(bitmap: ImageBitmap, side: number): Promise<Blob | null> {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}

async function shrunk(file: File): Promise<Blob> {
  if (file.size <= UPLOAD_BYTES_MAX) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  for (const side of bitmap ? SIDES : []) {
    const blob = await drawn(bitmap!, side);
    if (blob && blob.size <= UPLOAD_BYTES_MAX) return blob;
  }
  throw new UploadError("uploadTooLarge");
}

/** The reference that a message names the file by. */
export async function upload(file: File, token: string): Promise<string> {
  const body = await shrunk(file);
  const address = `/api/v1/visitor/attachments?name=${encodeURIComponent(file.name)}`;
  const reply = await fetch(address, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/octet-stream" },
    body,
  }).catch(() => null);
  if (!reply?.ok) throw new UploadError(FAULTS[reply?.status ?? 0] ?? "uploadFailed");
  return ((await reply.json()) as Upload).reference;
}

/** The bytes of one's own file as a data: address, which the page's policy allows to show. */
export async function download(id: string, token: string): Promise<string> {
  const reply = await fetch(`/api/v1/visitor/attachments/${id}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  if (!reply.ok) throw new UploadError("uploadFailed");
  const blob = await reply.blob();
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => fail(new UploadError("uploadFailed"));
    reader.readAsDataURL(blob);
  });
}
