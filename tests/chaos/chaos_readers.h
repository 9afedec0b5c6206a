/* SPDX-License-Identifier: Apache-2.0 */
/* L7: a visitor's own list over WebSocket and an agent's over REST are compared event by event
 * while the server runs; what the agent saw is left in the ledger for the comparison with SQL. */
#ifndef KEFU_CHAOS_READERS_H
#define KEFU_CHAOS_READERS_H

#include "chaos_run.h"

void readers_compare(struct chaos_run *run);

#endif
