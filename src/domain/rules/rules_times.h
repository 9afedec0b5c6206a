/* SPDX-License-Identifier: Apache-2.0 */
/* When a rule holds, as people write it: `2024-11-01 .. 2024-11-12` (either end may be left out)
 * and `mon-fri 09:00-18:00`, `sat,sun`, `22:00-06:00`. In files of rules and in the console alike.
 * Pure; any thread. */
#ifndef KEFU_RULES_TIMES_H
#define KEFU_RULES_TIMES_H

#include "rules.h"

/* Always. */
#define RULES_TIMES_ALWAYS \
    ((struct rules_times){ .day_from = RULES_DAY_OPEN, .day_to = RULES_DAY_OPEN })

/* The days, into *times, which are always or have hours already. Fault: *at is the byte where a day
 * is expected; the text shows what one looks like. */
MUST_USE enum err_code rules_active_parse(struct slice value, struct rules_times *times, size_t *at,
                                          struct err *err);
/* The hours of the day, likewise. */
MUST_USE enum err_code rules_hours_parse(struct slice value, struct rules_times *times, size_t *at,
                                         struct err *err);

#endif
