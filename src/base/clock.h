/* SPDX-License-Identifier: Apache-2.0 */
/* Time as an argument. Nothing above runtime asks the system for the time: it is handed a clock,
 * so that tests and simulation run on a virtual one. */
#ifndef KEFU_CLOCK_H
#define KEFU_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *ctx); /* since 1970-01-01 UTC; may jump; display only */
    int64_t (*mono_us)(void *ctx); /* never goes back; for durations and deadlines */
    void *ctx;
};

extern const struct clock clock_system; /* any thread */

struct clock_virtual {
    int64_t wall_ms;
    int64_t mono_us;
};
/* The virtual clock is owned by the caller and moves only by clock_virtual_advance. */
struct clock clock_virtual_clock(struct clock_virtual *virtual_clock);
void clock_virtual_advance(struct clock_virtual *virtual_clock, int64_t ms);

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->ctx);
}
static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock->ctx);
}

#endif
