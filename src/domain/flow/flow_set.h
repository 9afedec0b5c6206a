/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the engine: flows by the hash that states hold. version 0: the newest. */
#ifndef KEFU_FLOW_SET_H
#define KEFU_FLOW_SET_H

#include "flow_priv.h"

const struct flow *flow_set_get(const struct flow_set *set, uint64_t hash, unsigned version);

#endif
