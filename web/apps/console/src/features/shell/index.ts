// SPDX-License-Identifier: Apache-2.0
// The frame around every signed-in page.
export { startLive } from "./live";
