// SPDX-License-Identifier: Apache-2.0
// What an administrator puts on a page.

export function snippetFor(siteKey: string): string {
  return `<script async src="${location.origin}/w.js" data-site="${siteKey}"></script>`;
}
