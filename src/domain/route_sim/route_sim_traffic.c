/* SPDX-License-Identifier: Apache-2.0 */
/* The visitors of one seed, before anybody routes them: when they come, what they want, how long
 * they take and how long they wait. Every strategy gets this same list. */
#include "route_sim_priv.h"

#include <stdlib.h>

#include "mem.h"

static enum err_code add(struct sim_traffic *traffic, struct sim_conv conv, struct err *err)
{
    if (traffic->count == ROUTE_SIM_CONVS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d conversations in one run",
                       ROUTE_SIM_CONVS_MAX);
    if (traffic->count == traffic->cap) {
        traffic->cap = traffic->cap > 0 ? 2 * traffic->cap : 4096;
        traffic->convs = mem_realloc(traffic->convs, traffic->cap * sizeof(*traffic->convs));
    }
    traffic->convs[traffic->count++] = conv;
    return ERR_OK;
}

static uint32_t draw_row(const struct route_sim_scenario *s, struct sim_random *random)
{
    double at = sim_random_unit(random);
    uint32_t row = 0;

    while (row + 1 < s->row_count && at > s->rows[row].share)
        at -= s->rows[row++].share;
    return row;
}

static struct sim_conv draw_conv(const struct route_sim_scenario *s, uint32_t agents, int64_t at_ms,
                                 uint32_t row, double handle_ms, struct sim_random *random)
{
    struct sim_conv conv = { .at_ms = at_ms, .row = row, .last_agent = ROUTE_NONE };

    conv.handle_ms =
        (float)(handle_ms >= 0 ? handle_ms : sim_dist_draw(&s->rows[row].handle, random));
    conv.patience_ms = (float)sim_dist_draw(&s->patience, random);
    if (s->returning > 0 && sim_random_unit(random) <= s->returning)
        conv.last_agent = sim_random_below(random, agents);
    return conv;
}

/* A Poisson stream whose rate changes by steps: the next arrival is where the integral of the rate
 * has grown by an exponential of mean 1. */
static enum err_code generate(const struct route_sim_scenario *s, uint32_t agents,
                              struct sim_random *random, struct sim_traffic *out, struct err *err)
{
    double at = 0;
    uint32_t step = 0;

    for (;;) {
        double left = sim_random_exponential(random);

        for (;;) {
            double rate = s->per_hour[step % s->step_count] / 3600000; /* per ms */
            double end = (double)s->step_ms * (step + 1);

            if (rate > 0 && at + left / rate < end) {
                at += left / rate;
                break;
            }
            left -= rate * (end - at);
            at = end;
            step++;
            if (at >= (double)s->length_ms)
                return ERR_OK;
        }
        if (at >= (double)s->length_ms)
            return ERR_OK;
        if (add(out,
                draw_conv(s, agents, s->start_ms + (int64_t)at, draw_row(s, random), -1, random),
                err) != ERR_OK)
            return err->code;
    }
}

static int compare_convs(const void *a, const void *b)
{
    const struct sim_conv *x = a;
    const struct sim_conv *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->handle_ms < y->handle_ms ? -1 : x->handle_ms > y->handle_ms;
}

/* As many as the quarter had, drawn from it with replacement, at moments of its own. */
static enum err_code resample(const struct route_sim_scenario *s, uint32_t agents,
                              struct sim_random *random, struct sim_traffic *out, struct err *err)
{
    for (uint32_t from = 0; from < s->log_count;) {
        int64_t quarter = s->log[from].at_ms / SIM_QUARTER_MS;
        uint32_t to = from;

        while (to < s->log_count && s->log[to].at_ms / SIM_QUARTER_MS == quarter)
            to++;
        for (uint32_t i = from; i < to; i++) {
            const struct sim_log_entry *entry = &s->log[from + sim_random_below(random, to - from)];
            int64_t at =
                s->start_ms + quarter * SIM_QUARTER_MS + sim_random_below(random, SIM_QUARTER_MS);

            if (add(out, draw_conv(s, agents, at, entry->row, entry->handle_ms, random), err) !=
                ERR_OK)
                return err->code;
        }
        from = to;
    }
    qsort(out->convs, out->count, sizeof(*out->convs), compare_convs);
    return ERR_OK;
}

enum err_code sim_traffic_make(const struct route_sim_scenario *scenario,
                               const struct route_config *config, uint64_t seed,
                               struct sim_traffic *out, struct err *err)
{
    uint32_t agents = route_count(config, ROUTE_KIND_AGENT);
    struct sim_random random;

    sim_random_init(&random, seed);
    out->count = 0;
    if (scenario->log != NULL)
        return resample(scenario, agents, &random, out, err);
    return generate(scenario, agents, &random, out, err);
}
