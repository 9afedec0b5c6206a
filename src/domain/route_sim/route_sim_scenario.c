/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a generator:
 *
 * {start: "2026-03-02T09:00:00Z", length: 8h, warm_up: 30m, rate: {every: 15m, per_hour: [200,
 * 320]}, mix: [{share: 3, queue: returns, skills: {returns: 2}}, {share: 1, facts: {intent:
 * press}}], handle: {mean: 420s, cv: 0.8}, patience: {mean: 180s}, inflation: 22%, returning: 10%}
 */
#include "route_sim_scenario_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const int64_t HOUR_MS = 3600000;

enum {
    TEXT_BYTES_MAX = 64 << 20, /* of all names and facts */
    PATH_MAX_BYTES = ERR_FIELD_MAX,
};

struct sim_load {
    struct json_reader reader;
    const struct route_config *config;
    struct route_sim_scenario *scenario;
    struct err *err;
    char path[PATH_MAX_BYTES];
    size_t path_len;
    bool failed;
    double shares;
    struct sim_dist handle; /* of rows without their own */
};

/* ---- reading ---- */

PRINTF_LIKE(2, 3) static void fail(struct sim_load *load, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    if (load->failed)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    load->failed = true;
    err_set_field(load->err, ERR_INVALID, load->path, "%s", text);
}

static enum json_token next(struct sim_load *load)
{
    enum json_token token = load->failed ? JSON_ERROR : json_next(&load->reader);

    if (token == JSON_ERROR)
        fail(load, "not JSON: %s", load->reader.problem);
    return token;
}

static bool expect(struct sim_load *load, enum json_token wanted, const char *what)
{
    if (next(load) == wanted)
        return true;
    fail(load, "must be %s", what);
    return false;
}

static struct slice text_of(struct sim_load *load)
{
    struct slice raw = load->reader.raw;
    char *copy = arena_alloc(load->scenario->texts, raw.len + 1);

    if (copy == NULL) {
        fail(load, "too many texts");
        return SLICE_EMPTY;
    }
    raw.len = json_unescape(raw, copy);
    copy[raw.len] = '\0';
    return slice_make(copy, raw.len);
}

static struct slice read_text(struct sim_load *load)
{
    return expect(load, JSON_TEXT, "a text") ? text_of(load) : SLICE_EMPTY;
}

static double read_number(struct sim_load *load, double min, double max)
{
    double value = min;

    if (expect(load, JSON_NUMBER, "a number") &&
        (!json_number_double(load->reader.raw, &value) || value < min || value > max))
        fail(load, "must be from %g to %g", min, max);
    return value;
}

static double read_duration(struct sim_load *load)
{
    struct slice text = read_text(load);
    double ms = 0;

    if (!load->failed && !sim_duration_parse(text, &ms))
        fail(load, "must be a duration such as 20s, 15m or 8h");
    return ms;
}

static double read_percent(struct sim_load *load, double max)
{
    struct slice text = read_text(load);
    unsigned long long percent = 0;

    if (load->failed)
        return 0;
    if (text.len < 2 || text.ptr[text.len - 1] != '%' ||
        !slice_to_u64(slice_make(text.ptr, text.len - 1), &percent) || (double)percent > max)
        fail(load, "must be a percentage up to %g%%", max);
    return (double)percent / 100;
}

typedef void read_entry(struct sim_load *load, struct slice key, void *out);

static size_t push(struct sim_load *load, const char *dot, struct slice key)
{
    size_t before = load->path_len;
    size_t room = sizeof(load->path) - before;
    int len = snprintf(load->path + before, room, "%s%.*s", before > 0 ? dot : "", SLICE_ARGS(key));

    load->path_len = (size_t)len < room ? before + (size_t)len : sizeof(load->path) - 1;
    return before;
}

static void pop(struct sim_load *load, size_t len)
{
    if (load->failed)
        return; /* the path stays where the fault is */
    load->path_len = len;
    load->path[len] = '\0';
}

static void read_map(struct sim_load *load, read_entry *entry, void *out)
{
    if (!expect(load, JSON_OBJECT_BEGIN, "an object"))
        return;
    while (next(load) == JSON_KEY) {
        struct slice key = text_of(load);
        size_t path = push(load, ".", key);

        entry(load, key, out);
        pop(load, path);
    }
}

/* Items one by one: false at the end of the list. */
static bool more_items(struct sim_load *load)
{
    struct json_reader ahead = load->reader;

    if (load->failed)
        return false;
    if (json_next(&ahead) != JSON_ARRAY_END)
        return true;
    next(load);
    return false;
}

/* ---- distributions ---- */

struct dist_in {
    double mean_ms, cv;
};

static void dist_entry(struct sim_load *load, struct slice key, void *out)
{
    struct dist_in *in = out;

    if (slice_equal_text(key, "mean"))
        in->mean_ms = read_duration(load);
    else if (slice_equal_text(key, "cv"))
        in->cv = read_number(load, 0, 10);
    else
        fail(load, "is not a known setting");
}

/* {mean: 420s, cv: 0.8}: log-normal, fixed with cv 0, exponential without cv. */
static struct sim_dist read_dist(struct sim_load *load)
{
    struct dist_in in = { 0, -1 };

    read_map(load, dist_entry, &in);
    if (in.mean_ms <= 0)
        fail(load, "needs a mean above zero");
    if (load->failed || in.cv < 0)
        return (struct sim_dist){ .kind = SIM_EXPONENTIAL, .mean_ms = in.mean_ms };
    if (in.cv == 0)
        return (struct sim_dist){ .kind = SIM_FIXED, .mean_ms = in.mean_ms };
    return sim_dist_log_normal(in.mean_ms, in.cv);
}

static struct sim_dist read_patience(struct sim_load *load)
{
    struct json_reader ahead = load->reader;

    if (json_next(&ahead) == JSON_TEXT && slice_equal_text(ahead.raw, "endless")) {
        next(load);
        return (struct sim_dist){ .kind = SIM_NEVER };
    }
    return read_dist(load);
}

/* ---- the mix ---- */

struct needs_in {
    struct route_need *needs;
    uint32_t *count;
};

static void need_entry(struct sim_load *load, struct slice key, void *out)
{
    struct needs_in *in = out;
    uint32_t skill = route_find(load->config, ROUTE_KIND_SKILL, key.ptr, key.len);
    double level = read_number(load, 1, ROUTE_LEVEL_MAX);

    if (skill == ROUTE_NONE)
        fail(load, "unknown skill");
    else if (*in->count == ROUTE_REQUEST_SKILLS_MAX)
        fail(load, "more than %d skills", ROUTE_REQUEST_SKILLS_MAX);
    else
        in->needs[(*in->count)++] = (struct route_need){ (uint16_t)skill, (uint16_t)level };
}

static uint32_t read_label(struct sim_load *load, enum route_kind kind)
{
    struct slice text = read_text(load);
    uint32_t label = route_find(load->config, kind, text.ptr, text.len);

    if (!load->failed && label == ROUTE_NONE)
        fail(load, "'%.*s' is not in the configuration", SLICE_ARGS(text));
    return label;
}

static void fact_entry(struct sim_load *load, struct slice key, void *out)
{
    struct sim_row *row = out;
    struct route_fact *fact = &row->facts[row->fact_count];
    enum json_token token;
    struct slice text;

    if (row->fact_count == SIM_ROW_FACTS_MAX) {
        fail(load, "more than %d facts", SIM_ROW_FACTS_MAX);
        return;
    }
    row->fact_count++;
    *fact = (struct route_fact){ .name = key.ptr };
    token = next(load);
    switch (token) {
    case JSON_TEXT:
        text = text_of(load);
        fact->text = text.ptr;
        fact->text_len = text.len;
        break;
    case JSON_NUMBER:
        fact->type = ROUTE_FACT_NUMBER;
        if (!json_number_double(load->reader.raw, &fact->number))
            fail(load, "is not a number that fits");
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        fact->type = ROUTE_FACT_BOOL;
        fact->number = token == JSON_TRUE;
        break;
    default:
        fail(load, "must be a text, a number, true or false");
        break;
    }
}

static void row_entry(struct sim_load *load, struct slice key, void *out)
{
    struct sim_row *row = out;
    struct route_request *r = &row->request;

    if (slice_equal_text(key, "share"))
        row->share = read_number(load, 0, 1e9);
    else if (slice_equal_text(key, "queue"))
        r->queue = read_label(load, ROUTE_KIND_QUEUE);
    else if (slice_equal_text(key, "skills"))
        read_map(load, need_entry, &(struct needs_in){ r->require, &r->require_count });
    else if (slice_equal_text(key, "prefer"))
        read_map(load, need_entry, &(struct needs_in){ r->prefer, &r->prefer_count });
    else if (slice_equal_text(key, "language"))
        r->language = read_label(load, ROUTE_KIND_LANGUAGE);
    else if (slice_equal_text(key, "channel"))
        r->channel = read_label(load, ROUTE_KIND_CHANNEL);
    else if (slice_equal_text(key, "priority"))
        r->priority = (uint32_t)read_number(load, 0, ROUTE_PRIORITY_MAX);
    else if (slice_equal_text(key, "vip"))
        r->vip = next(load) == JSON_TRUE;
    else if (slice_equal_text(key, "handle"))
        row->handle = read_dist(load);
    else if (slice_equal_text(key, "facts"))
        read_map(load, fact_entry, row);
    else
        fail(load, "is not a known setting");
}

static bool check_row(struct sim_load *load, struct sim_row *row)
{
    row->by_rules = row->request.queue == ROUTE_NONE;
    if (row->by_rules && row->fact_count == 0)
        fail(load, "needs a queue, or facts for the rules");
    else if (row->by_rules && route_count(load->config, ROUTE_KIND_RULE) == 0)
        fail(load, "has facts, but the configuration has no rules");
    else if (row->share <= 0)
        fail(load, "needs a share above zero");
    return !load->failed;
}

static void read_mix(struct sim_load *load)
{
    struct route_sim_scenario *s = load->scenario;

    if (!expect(load, JSON_ARRAY_BEGIN, "a list"))
        return;
    while (more_items(load)) {
        char at[16];
        int len = snprintf(at, sizeof(at), "[%u]", s->row_count);
        size_t path = push(load, "", slice_make(at, (size_t)len));
        struct sim_row *row;

        if (s->row_count == ROUTE_SIM_ROWS_MAX) {
            fail(load, "more than %d kinds of conversation", ROUTE_SIM_ROWS_MAX);
            return;
        }
        s->rows = mem_realloc(s->rows, (s->row_count + 1) * sizeof(*s->rows));
        row = &s->rows[s->row_count++];
        *row = (struct sim_row){ .share = 0, .handle = { .kind = SIM_NEVER } };
        route_request_init(&row->request);
        row->request.queue = ROUTE_NONE;
        read_map(load, row_entry, row);
        if (check_row(load, row))
            load->shares += row->share;
        pop(load, path);
    }
}

/* ---- the rate ---- */

static void add_step(struct sim_load *load, double per_hour)
{
    struct route_sim_scenario *s = load->scenario;

    if (s->step_count == ROUTE_SIM_STEPS_MAX) {
        fail(load, "more than %d steps", ROUTE_SIM_STEPS_MAX);
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
        load->scenario->step_ms = (int64_t)read_duration(load);
    } else if (!slice_equal_text(key, "per_hour")) {
        fail(load, "is not a known setting");
    } else if (json_next(&ahead) != JSON_ARRAY_BEGIN) {
        add_step(load, read_number(load, 0, 1e8));
    } else {
        next(load);
        while (more_items(load))
            add_step(load, read_number(load, 0, 1e8));
    }
}

/* ---- the whole ---- */

static void scenario_entry(struct sim_load *load, struct slice key, void *out)
{
    struct route_sim_scenario *s = load->scenario;

    (void)out;
    if (slice_equal_text(key, "start")) {
        struct slice text = read_text(load);

        if (!load->failed && !sim_time_parse(text, &s->start_ms))
            fail(load, "must be a time such as 2026-03-02T09:00:00+08:00");
    } else if (slice_equal_text(key, "length")) {
        s->length_ms = (int64_t)read_duration(load);
    } else if (slice_equal_text(key, "warm_up")) {
        s->warm_up_ms = (int64_t)read_duration(load);
    } else if (slice_equal_text(key, "rate")) {
        read_map(load, rate_entry, NULL);
    } else if (slice_equal_text(key, "mix")) {
        read_mix(load);
    } else if (slice_equal_text(key, "handle")) {
        load->handle = read_dist(load);
    } else if (slice_equal_text(key, "patience")) {
        s->patience = read_patience(load);
    } else if (slice_equal_text(key, "inflation")) {
        s->inflation = read_percent(load, 200);
    } else if (slice_equal_text(key, "returning")) {
        s->returning = read_percent(load, 100);
    } else {
        fail(load, "is not a known setting");
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
        fail(load, "needs a mix: what kinds of conversation come");
    else if (s->step_count == 0 || s->step_ms < 1000 || sum <= 0)
        fail(load, "needs a rate above zero, in steps of at least a second");
    else if (s->length_ms <= s->warm_up_ms)
        fail(load, "needs a length beyond the warm-up");
    else if (s->length_ms > 366 * 24 * HOUR_MS)
        fail(load, "is longer than a year");
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
    read_map(&load, scenario_entry, NULL);
    if (!load.failed && json_next(&load.reader) != JSON_END)
        fail(&load, "not JSON: something after the end");
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
