/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a generator:
 *
 * {start: "2026-03-02T09:00:00Z", length: 8h, warm_up: 30m, rate: {every: 15m, per_hour: [200,
 * 320]}, mix: [{share: 3, queue: returns, skills: {returns: 2}}, {share: 1, facts: {intent:
 * press}}], handle: {mean: 420s, cv: 0.8}, patience: {mean: 180s}, inflation: 22%, returning: 10%}
 */
#include "route_sim_scenario_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const int64_t HOUR_MS = 3600000;

enum {
    TEXT_BYTES_MAX = 64 << 20, /* of all names and facts */
};

static bool check_row(struct sim_load *load, struct sim_row *row)
{
    row->by_rules = row->request.queue == ROUTE_NONE;
    if (row->by_rules && row->fact_count == 0)
        sim_fail(load, "needs a queue, or facts for the rules");
    else if (row->by_rules && route_count(load->config, ROUTE_KIND_RULE) == 0)
        sim_fail(load, "has facts, but the configuration has no rules");
    else if (row->share <= 0)
        sim_fail(load, "needs a share above zero");
    return !load->failed;
}

static void read_mix(struct sim_load *load)
{
    struct route_sim_scenario *s = load->scenario;

    if (!sim_expect(load, JSON_ARRAY_BEGIN, "a list"))
        return;
    while (sim_more_items(load)) {
        char at[16];
        int len = snprintf(at, sizeof(at), "[%u]", s->row_count);
        size_t path = sim_push(load, "", slice_make(at, (size_t)len));
        struct sim_row *row;

        if (s->row_count == ROUTE_SIM_ROWS_MAX) {
            sim_fail(load, "more than %d kinds of conversation", ROUTE_SIM_ROWS_MAX);
            return;
        }
        s->rows = mem_realloc(s->rows, (s->row_count + 1) * sizeof(*s->rows));
        row = &s->rows[s->row_count++];
        sim_row_init(row);
        sim_read_map(load, sim_row_entry, row);
        if (check_row(load, row))
            load->shares += row->share;
        sim_pop(load, path);
    }
}

/* ---- the rate ---- */

static void add_step(struct sim_load *load, double per_hour)
{
    struct route_sim_scenario *s = load->scenario;

    if (s->step_count == ROUTE_SIM_STEPS_MAX) {
        sim_fail(load, "more than %d steps", ROUTE_SIM_STEPS_MAX);
        return;
    }
    s->per_hour = mem_realloc(s->per_hour, (s->step_count + 1) * sizeof(*s->per_hour));
    s->per_hour[s->step_count++] = per_hour;
}

static void rate_entry(struct sim_load *load, struct slice key, void *out)
{
    struct json_reader ahead = load->reader;

    (void)out;
    if (slice_equal_text(key, "every")) {
        load->scenario->step_ms = (int64_t)sim_read_duration(load);
    } else if (!slice_equal_text(key, "per_hour")) {
        sim_fail(load, "is not a known setting");
    } else if (json_next(&ahead) != JSON_ARRAY_BEGIN) {
        add_step(load, sim_read_number(load, 0, 1e8));
    } else {
        sim_next(load);
        while (sim_more_items(load))
            add_step(load, sim_read_number(load, 0, 1e8));
    }
}

/* ---- the whole ---- */

static void scenario_entry(struct sim_load *load, struct slice key, void *out)
{
    struct route_sim_scenario *s = load->scenario;

    (void)out;
    if (slice_equal_text(key, "start")) {
        struct slice text = sim_read_text(load);

        if (!load->failed && !sim_time_parse(text, &s->start_ms))
            sim_fail(load, "must be a time such as 2026-03-02T09:00:00+08:00");
    } else if (slice_equal_text(key, "length")) {
        s->length_ms = (int64_t)sim_read_duration(load);
    } else if (slice_equal_text(key, "warm_up")) {
        s->warm_up_ms = (int64_t)sim_read_duration(load);
    } else if (slice_equal_text(key, "rate")) {
        sim_read_map(load, rate_entry, NULL);
    } else if (slice_equal_text(key, "mix")) {
        read_mix(load);
    } else if (slice_equal_text(key, "handle")) {
        load->handle = sim_read_dist(load);
    } else if (slice_equal_text(key, "patience")) {
        s->patience = sim_read_patience(load);
    } else if (slice_equal_text(key, "inflation")) {
        s->inflation = sim_read_percent(load, 200);
    } else if (slice_equal_text(key, "returning")) {
        s->returning = sim_read_percent(load, 100);
    } else {
        sim_fail(load, "is not a known setting");
    }
}

static void check_scenario(struct sim_load *load)
{
    struct route_sim_scenario *s = load->scenario;
    double sum = 0;

    load->path[load->path_len = 0] = '\0';
    for (uint32_t i = 0; i < s->step_count; i++)
        sum += s->per_hour[i];
    if (s->row_count == 0)
        sim_fail(load, "needs a mix: what kinds of conversation come");
    else if (s->step_count == 0 || s->step_ms < 1000 || sum <= 0)
        sim_fail(load, "needs a rate above zero, in steps of at least a second");
    else if (s->length_ms <= s->warm_up_ms)
        sim_fail(load, "needs a length beyond the warm-up");
    else if (s->length_ms > 366 * 24 * HOUR_MS)
        sim_fail(load, "is longer than a year");
    for (uint32_t i = 0; i < s->row_count; i++) {
        s->rows[i].share /= load->shares;
        if (s->rows[i].handle.kind == SIM_NEVER)
            s->rows[i].handle = load->handle;
    }
}

struct route_sim_scenario *sim_scenario_create(void)
{
    struct route_sim_scenario *s = mem_zalloc(sizeof(*s));

    s->texts = mem_zalloc(sizeof(*s->texts));
    arena_init(s->texts, TEXT_BYTES_MAX);
    s->start_ms = INT64_C(1772442000000); /* Monday, 2026-03-02 09:00 UTC */
    s->length_ms = 8 * HOUR_MS;
    s->step_ms = SIM_QUARTER_MS;
    s->inflation = 0.22;
    s->patience = (struct sim_dist){ .kind = SIM_EXPONENTIAL, .mean_ms = 180000 };
    return s;
}

enum err_code route_sim_scenario_load(const struct route_config *config, struct slice json,
                                      struct route_sim_scenario **out, struct err *err)
{
    struct err unused;
    struct sim_load load = { .config = config, .err = err != NULL ? err : &unused };

    *out = NULL;
    load.scenario = sim_scenario_create();
    load.handle = sim_dist_log_normal(420000, 0.8);
    json_reader_init(&load.reader, json);
    sim_read_map(&load, scenario_entry, NULL);
    if (!load.failed && json_next(&load.reader) != JSON_END)
        sim_fail(&load, "not JSON: something after the end");
    if (!load.failed)
        check_scenario(&load);
    if (load.failed) {
        route_sim_scenario_destroy(&load.scenario);
        return ERR_INVALID;
    }
    *out = load.scenario;
    return ERR_OK;
}

void route_sim_scenario_destroy(struct route_sim_scenario **scenario)
{
    struct route_sim_scenario *s = *scenario;

    if (s == NULL)
        return;
    arena_fini(s->texts);
    free(s->texts);
    free(s->per_hour);
    free(s->rows);
    free(s->log);
    free(s);
    *scenario = NULL;
}
