/* SPDX-License-Identifier: Apache-2.0 */
/* What generators, snapshots and conversations are read with: the pull reader with the path of
 * where it stands. The first fault ends the reading; everything after it is passed over. */
#include "route_sim_scenario_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

PRINTF_LIKE(2, 3) void sim_fail(struct sim_load *load, const char *fmt, ...)
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

enum json_token sim_next(struct sim_load *load)
{
    enum json_token token = load->failed ? JSON_ERROR : json_next(&load->reader);

    if (token == JSON_ERROR)
        sim_fail(load, "not JSON: %s", load->reader.problem);
    return token;
}

bool sim_expect(struct sim_load *load, enum json_token wanted, const char *what)
{
    if (sim_next(load) == wanted)
        return true;
    sim_fail(load, "must be %s", what);
    return false;
}

struct slice sim_text_of(struct sim_load *load)
{
    struct slice raw = load->reader.raw;
    char *copy = arena_alloc(load->scenario->texts, raw.len + 1);

    if (copy == NULL) {
        sim_fail(load, "too many texts");
        return SLICE_EMPTY;
    }
    raw.len = json_unescape(raw, copy);
    copy[raw.len] = '\0';
    return slice_make(copy, raw.len);
}

struct slice sim_read_text(struct sim_load *load)
{
    return sim_expect(load, JSON_TEXT, "a text") ? sim_text_of(load) : SLICE_EMPTY;
}

static bool expect_number(struct sim_load *load, double *out)
{
    if (!sim_expect(load, JSON_NUMBER, "a number"))
        return false;
    if (!json_number_double(load->reader.raw, out)) {
        sim_fail(load, "is not a number that fits");
        return false;
    }
    return true;
}

double sim_read_number(struct sim_load *load, double min, double max)
{
    double value = min;

    if (expect_number(load, &value) && (value < min || value > max)) {
        sim_fail(load, "must be from %g to %g", min, max);
        return min; /* what comes of a fault is cast to integers before anybody asks */
    }
    return value;
}

double sim_read_duration(struct sim_load *load)
{
    struct slice text = sim_read_text(load);
    double ms = 0;

    if (!load->failed && !sim_duration_parse(text, &ms))
        sim_fail(load, "must be a duration such as 20s, 15m or 8h");
    return ms;
}

double sim_read_percent(struct sim_load *load, double max)
{
    struct slice text = sim_read_text(load);
    unsigned long long percent = 0;

    if (load->failed)
        return 0;
    if (text.len < 2 || text.ptr[text.len - 1] != '%' ||
        !slice_to_u64(slice_make(text.ptr, text.len - 1), &percent) || (double)percent > max)
        sim_fail(load, "must be a percentage up to %g%%", max);
    return (double)percent / 100;
}

size_t sim_push(struct sim_load *load, const char *dot, struct slice key)
{
    size_t before = load->path_len;
    size_t room = sizeof(load->path) - before;
    int len = snprintf(load->path + before, room, "%s%.*s", before > 0 ? dot : "", SLICE_ARGS(key));

    load->path_len = (size_t)len < room ? before + (size_t)len : sizeof(load->path) - 1;
    return before;
}

void sim_pop(struct sim_load *load, size_t len)
{
    if (load->failed)
        return; /* the path stays where the fault is */
    load->path_len = len;
    load->path[len] = '\0';
}

void sim_read_map(struct sim_load *load, sim_read_entry *entry, void *out)
{
    if (!sim_expect(load, JSON_OBJECT_BEGIN, "an object"))
        return;
    while (sim_next(load) == JSON_KEY) {
        struct slice key = sim_text_of(load);
        size_t path = sim_push(load, ".", key);

        entry(load, key, out);
        sim_pop(load, path);
    }
}

/* Items one by one: false at the end of the list. */
bool sim_more_items(struct sim_load *load)
{
    struct json_reader ahead = load->reader;

    if (load->failed)
        return false;
    if (json_next(&ahead) != JSON_ARRAY_END)
        return true;
    sim_next(load);
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
        in->mean_ms = sim_read_duration(load);
    else if (slice_equal_text(key, "cv"))
        in->cv = sim_read_number(load, 0, 10);
    else
        sim_fail(load, "is not a known setting");
}

/* {mean: 420s, cv: 0.8}: log-normal, fixed with cv 0, exponential without cv. */
struct sim_dist sim_read_dist(struct sim_load *load)
{
    struct dist_in in = { 0, -1 };

    sim_read_map(load, dist_entry, &in);
    if (in.mean_ms <= 0)
        sim_fail(load, "needs a mean above zero");
    if (load->failed || in.cv < 0)
        return (struct sim_dist){ .kind = SIM_EXPONENTIAL, .mean_ms = in.mean_ms };
    if (in.cv == 0)
        return (struct sim_dist){ .kind = SIM_FIXED, .mean_ms = in.mean_ms };
    return sim_dist_log_normal(in.mean_ms, in.cv);
}

struct sim_dist sim_read_patience(struct sim_load *load)
{
    struct json_reader ahead = load->reader;

    if (json_next(&ahead) == JSON_TEXT && slice_equal_text(ahead.raw, "endless")) {
        sim_next(load);
        return (struct sim_dist){ .kind = SIM_NEVER };
    }
    return sim_read_dist(load);
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
    double level = sim_read_number(load, 1, ROUTE_LEVEL_MAX);

    if (skill == ROUTE_NONE)
        sim_fail(load, "unknown skill");
    else if (*in->count == ROUTE_REQUEST_SKILLS_MAX)
        sim_fail(load, "more than %d skills", ROUTE_REQUEST_SKILLS_MAX);
    else
        in->needs[(*in->count)++] = (struct route_need){ (uint16_t)skill, (uint16_t)level };
}

uint32_t sim_read_label(struct sim_load *load, enum route_kind kind)
{
    struct slice text = sim_read_text(load);
    uint32_t label = route_find(load->config, kind, text.ptr, text.len);

    if (!load->failed && label == ROUTE_NONE)
        sim_fail(load, "'%.*s' is not in the configuration", SLICE_ARGS(text));
    return label;
}

static void fact_entry(struct sim_load *load, struct slice key, void *out)
{
    struct sim_row *row = out;
    struct route_fact *fact = &row->facts[row->fact_count];
    enum json_token token;
    struct slice text;

    if (row->fact_count == SIM_ROW_FACTS_MAX) {
        sim_fail(load, "more than %d facts", SIM_ROW_FACTS_MAX);
        return;
    }
    row->fact_count++;
    *fact = (struct route_fact){ .name = key.ptr };
    token = sim_next(load);
    switch (token) {
    case JSON_TEXT:
        text = sim_text_of(load);
        fact->text = text.ptr;
        fact->text_len = text.len;
        break;
    case JSON_NUMBER:
        fact->type = ROUTE_FACT_NUMBER;
        if (!json_number_double(load->reader.raw, &fact->number))
            sim_fail(load, "is not a number that fits");
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        fact->type = ROUTE_FACT_BOOL;
        fact->number = token == JSON_TRUE;
        break;
    default:
        sim_fail(load, "must be a text, a number, true or false");
        break;
    }
}

void sim_row_entry(struct sim_load *load, struct slice key, void *out)
{
    struct sim_row *row = out;
    struct route_request *r = &row->request;

    if (slice_equal_text(key, "share"))
        row->share = sim_read_number(load, 0, 1e9);
    else if (slice_equal_text(key, "queue"))
        r->queue = sim_read_label(load, ROUTE_KIND_QUEUE);
    else if (slice_equal_text(key, "skills"))
        sim_read_map(load, need_entry, &(struct needs_in){ r->require, &r->require_count });
    else if (slice_equal_text(key, "prefer"))
        sim_read_map(load, need_entry, &(struct needs_in){ r->prefer, &r->prefer_count });
    else if (slice_equal_text(key, "language"))
        r->language = sim_read_label(load, ROUTE_KIND_LANGUAGE);
    else if (slice_equal_text(key, "channel"))
        r->channel = sim_read_label(load, ROUTE_KIND_CHANNEL);
    else if (slice_equal_text(key, "priority"))
        r->priority = (uint32_t)sim_read_number(load, 0, ROUTE_PRIORITY_MAX);
    else if (slice_equal_text(key, "vip"))
        r->vip = sim_next(load) == JSON_TRUE;
    else if (slice_equal_text(key, "handle"))
        row->handle = sim_read_dist(load);
    else if (slice_equal_text(key, "facts"))
        sim_read_map(load, fact_entry, row);
    else
        sim_fail(load, "is not a known setting");
}

void sim_row_init(struct sim_row *row)
{
    *row = (struct sim_row){ .handle = { .kind = SIM_NEVER } };
    route_request_init(&row->request);
    row->request.queue = ROUTE_NONE;
}
