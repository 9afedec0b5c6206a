/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <time.h>

#include "check.h"

static int64_t system_wall_ms(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_us(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const struct clock clock_system = { system_wall_ms, system_mono_us, NULL };

static int64_t virtual_wall_ms(void *ctx)
{
    return ((struct clock_virtual *)ctx)->wall_ms;
}

static int64_t virtual_mono_us(void *ctx)
{
    return ((struct clock_virtual *)ctx)->mono_us;
}

struct clock clock_virtual_clock(struct clock_virtual *virtual_clock)
{
    return (struct clock){ virtual_wall_ms, virtual_mono_us, virtual_clock };
}

void clock_virtual_advance(struct clock_virtual *virtual_clock, int64_t ms)
{
    ENSURE(ms >= 0);
    virtual_clock->wall_ms += ms;
    virtual_clock->mono_us += ms * 1000;
}
