/* SPDX-License-Identifier: Apache-2.0 */
/* settings: {slow_start: 45s, quiet: {after: 10m, weight: 25%, over: 1}, reopen: {within: 72h,
 * wait: 30s}, offline_grace: 2m, wrap_up: 0s, priority: {step: 20s, vip: 120s}, offers: {misses: 2,
 * again: 60s}, fade: {from: 75%, to: 85%}} */
#include "route_load_priv.h"

static const int64_t HOUR_MS = 3600000;

static void read_slow_start(struct route_load *load, void *out)
{
    load_duration(load, HOUR_MS, &((struct route_settings *)out)->slow_start_ms);
}

static void read_quiet_after(struct route_load *load, void *out)
{
    load_duration(load, 24 * HOUR_MS, &((struct route_settings *)out)->quiet_ms);
}

static void read_quiet_weight(struct route_load *load, void *out)
{
    load_percent(load, &((struct route_settings *)out)->quiet_percent);
}

static void read_quiet_over(struct route_load *load, void *out)
{
    int64_t places;

    if (load_integer(load, 0, ROUTE_CAPACITY_MAX, &places))
        ((struct route_settings *)out)->over = (uint32_t)places * ROUTE_UNIT;
}

static void read_quiet(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "after", read_quiet_after },
        { "weight", read_quiet_weight },
        { "over", read_quiet_over },
    };

    load_fields(load, fields, LENGTH_OF(fields), out);
}

static void read_reopen_within(struct route_load *load, void *out)
{
    load_duration(load, 365 * 24 * HOUR_MS, &((struct route_settings *)out)->reopen_within_ms);
}

static void read_reopen_wait(struct route_load *load, void *out)
{
    load_duration(load, ROUTE_BONUS_MS_MAX, &((struct route_settings *)out)->reopen_wait_ms);
}

static void read_reopen(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "within", read_reopen_within },
        { "wait", read_reopen_wait },
    };

    load_fields(load, fields, LENGTH_OF(fields), out);
}

static void read_grace(struct route_load *load, void *out)
{
    load_duration(load, 24 * HOUR_MS, &((struct route_settings *)out)->grace_ms);
}

static void read_wrap_up(struct route_load *load, void *out)
{
    load_duration(load, HOUR_MS, &((struct route_settings *)out)->wrap_up_ms);
}

static void read_priority_step(struct route_load *load, void *out)
{
    load_duration(load, ROUTE_BONUS_MS_MAX, &((struct route_settings *)out)->priority_step_ms);
}

static void read_priority_vip(struct route_load *load, void *out)
{
    load_duration(load, ROUTE_BONUS_MS_MAX, &((struct route_settings *)out)->vip_ms);
}

static void read_priority(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "step", read_priority_step },
        { "vip", read_priority_vip },
    };

    load_fields(load, fields, LENGTH_OF(fields), out);
}

static void read_misses(struct route_load *load, void *out)
{
    int64_t misses;

    if (load_integer(load, 1, 100, &misses))
        ((struct route_settings *)out)->misses_max = (uint32_t)misses;
}

static void read_again(struct route_load *load, void *out)
{
    load_duration(load, HOUR_MS, &((struct route_settings *)out)->exclude_ms);
}

static void read_offers(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "misses", read_misses },
        { "again", read_again },
    };

    load_fields(load, fields, LENGTH_OF(fields), out);
}

static void read_fade_from(struct route_load *load, void *out)
{
    uint32_t percent;

    if (load_percent(load, &percent))
        ((struct route_settings *)out)->fade_from = percent * 10;
}

static void read_fade_to(struct route_load *load, void *out)
{
    uint32_t percent;

    if (load_percent(load, &percent))
        ((struct route_settings *)out)->fade_to = percent * 10;
}

static void read_fade(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "from", read_fade_from },
        { "to", read_fade_to },
    };
    struct route_settings *settings = out;

    load_fields(load, fields, LENGTH_OF(fields), settings);
    if (settings->fade_to < settings->fade_from)
        load_error(load, "from is above to");
}

void load_settings(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "slow_start", read_slow_start }, { "quiet", read_quiet },
        { "reopen", read_reopen },         { "offline_grace", read_grace },
        { "wrap_up", read_wrap_up },       { "priority", read_priority },
        { "offers", read_offers },         { "fade", read_fade },
    };

    (void)out;
    load_fields(load, fields, LENGTH_OF(fields), &load->config->settings);
}
