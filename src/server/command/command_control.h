/* SPDX-License-Identifier: Apache-2.0 */
/* The client of DATA/kefu.sock: one request line, one reply line (proto/kefu/v1/control.proto). */
#ifndef KEFU_COMMAND_CONTROL_H
#define KEFU_COMMAND_CONTROL_H

#include "arena.h"
#include "err.h"

#include "kefu/v1/control.pb-c.h"

/* Whether a server has this data folder open. Blocks. */
bool control_running(const char *data);
/* Asks it and waits for the answer, however long the command takes. The fault is the server's own,
 * or ERR_UNAVAILABLE when none answers. out may be NULL. */
MUST_USE enum err_code control_call(const char *data, const Kefu__V1__ControlRequest *request,
                                    struct arena *arena, Kefu__V1__ControlReply **out,
                                    struct err *err);

#endif
