// SPDX-License-Identifier: Apache-2.0
// First start: one-time token, first administrator, first site.
export { strings } from "./strings";
