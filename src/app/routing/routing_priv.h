/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_ROUTING_PRIV_H
#define KEFU_ROUTING_PRIV_H

#include "routing.h"

/* What the text says beside librouting's own configuration. */
bool routing_declares_number(const struct routing *routing, struct slice fact);
bool routing_declares_bool(const struct routing *routing, struct slice fact);
bool routing_bot_when_closed(const struct routing *routing, struct slice queue);
/* Closed, it sends on to another queue or keeps waiting. */
bool routing_goes_on(const struct routing *routing, struct slice queue);

#endif
