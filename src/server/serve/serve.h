/* SPDX-License-Identifier: Apache-2.0 */
/* The running server: opens the store, starts shards and workers, wires gateway, chat, desk, bot,
 * API and pages together, and ends in order. One call, on the main thread. */
#ifndef KEFU_SERVE_H
#define KEFU_SERVE_H

#include "config.h"
#include "err.h"

#include "kefu/v1/control.pb-c.h"

/* Serves until SIGTERM or SIGINT, then drains (close code 1001), settles and returns ERR_OK. Prints
 * the addresses to standard output once traffic is accepted. */
MUST_USE enum err_code serve_run(const struct config *config, struct err *err);

/* [start-up] The admin commands of control.proto on a data folder that no server has open: its lock
 * is taken while it works. */
MUST_USE enum err_code serve_admin(const char *data, const Kefu__V1__ControlRequest *request,
                                   struct err *err);

#endif
