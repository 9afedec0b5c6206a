/* SPDX-License-Identifier: Apache-2.0 */
#include "route_load_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_words[ROUTE_KIND_COUNT] = {
    [ROUTE_KIND_AGENT] = "agent",       [ROUTE_KIND_QUEUE] = "queue",
    [ROUTE_KIND_SKILL] = "skill",       [ROUTE_KIND_TEAM] = "team",
    [ROUTE_KIND_LANGUAGE] = "language", [ROUTE_KIND_CHANNEL] = "channel",
    [ROUTE_KIND_CALENDAR] = "calendar", [ROUTE_KIND_RULE] = "rule",
};

PRINTF_LIKE(3, 0)
static void add_problem(struct route_load *load, bool warning, const char *fmt, va_list args)
{
    struct route_report *report = load->report;
    struct route_problem *problem;

    report->errors += !warning;
    report->warnings += warning;
    if (report->count == ROUTE_PROBLEMS_MAX)
        return;
    problem = &report->items[report->count++];
    problem->warning = warning;
    snprintf(problem->path, sizeof(problem->path), "%s", load->path);
    vsnprintf(problem->text, sizeof(problem->text), fmt, args);
}

void load_error(struct route_load *load, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_problem(load, false, fmt, args);
    va_end(args);
}

void load_warning(struct route_load *load, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_problem(load, true, fmt, args);
    va_end(args);
}

void load_out_of_memory(struct route_load *load)
{
    if (!load->broken)
        load_error(load, "out of memory");
    load->broken = true;
}

size_t load_push(struct route_load *load, const char *fmt, ...)
{
    size_t before = load->path_len;
    size_t room = sizeof(load->path) - before;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(load->path + before, room, fmt, args);
    va_end(args);
    load->path_len = (size_t)len < room ? before + (size_t)len : sizeof(load->path) - 1;
    return before;
}

void load_pop(struct route_load *load, size_t len)
{
    load->path_len = len;
    load->path[len] = '\0';
}

/* ---- structure ---- */

static enum json_token next(struct route_load *load)
{
    enum json_token token = load->broken ? JSON_ERROR : json_next(&load->reader);

    if (token == JSON_ERROR && !load->broken) {
        load_error(load, "not JSON: %s", load->reader.problem);
        load->broken = true;
    }
    return token;
}

/* The rest of a value whose first token was taken. */
static void skip_rest(struct route_load *load, enum json_token token)
{
    unsigned depth = load->reader.depth;

    if (token != JSON_OBJECT_BEGIN && token != JSON_ARRAY_BEGIN)
        return;
    while (!load->broken && load->reader.depth >= depth)
        next(load);
}

static bool expect(struct route_load *load, enum json_token wanted, const char *what)
{
    enum json_token token = next(load);

    if (token == wanted)
        return true;
    if (!load->broken)
        load_error(load, "must be %s", what);
    skip_rest(load, token);
    return false;
}

void load_skip(struct route_load *load)
{
    skip_rest(load, next(load));
}

enum json_token load_peek(const struct route_load *load)
{
    struct json_reader ahead = load->reader;

    return load->broken ? JSON_ERROR : json_next(&ahead);
}

/* Unescaped: the JSON text itself where it can be, else a copy in the pool. */
static bool token_text(struct route_load *load, struct slice *out)
{
    struct slice raw = load->reader.raw;
    char *copy;

    *out = raw;
    if (!load->reader.escaped)
        return true;
    copy = route_pool_alloc(&load->config->pool, raw.len + 1, 1);
    if (copy == NULL)
        return load_out_of_memory(load), false;
    *out = slice_make(copy, json_unescape(raw, copy));
    return true;
}

void load_map(struct route_load *load,
              void (*entry)(struct route_load *load, struct slice key, void *out), void *out)
{
    if (!expect(load, JSON_OBJECT_BEGIN, "an object"))
        return;
    while (next(load) == JSON_KEY) {
        struct slice key;
        size_t path;

        if (!token_text(load, &key))
            return;
        path = load_push(load, "%s%.*s", load->path_len > 0 ? "." : "",
                         (int)(key.len < ROUTE_NAME_MAX ? key.len : ROUTE_NAME_MAX), key.ptr);
        entry(load, key, out);
        load_pop(load, path);
    }
}

struct fields_in {
    const struct load_field *fields;
    unsigned count;
    uint32_t seen;
    void *out;
};

static void read_field(struct route_load *load, struct slice key, void *out)
{
    struct fields_in *in = out;

    for (unsigned i = 0; i < in->count; i++) {
        if (!slice_equal_text(key, in->fields[i].name))
            continue;
        if ((in->seen >> i & 1) != 0)
            load_error(load, "is given twice");
        in->seen |= UINT32_C(1) << i;
        in->fields[i].read(load, in->out);
        return;
    }
    load_error(load, "is not a known setting");
    load_skip(load);
}

void load_fields(struct route_load *load, const struct load_field *fields, unsigned count,
                 void *out)
{
    struct fields_in in = { fields, count, 0, out };

    ENSURE(count <= 32);
    load_map(load, read_field, &in);
}

void load_list(struct route_load *load,
               void (*item)(struct route_load *load, unsigned at, void *out), void *out)
{
    if (!expect(load, JSON_ARRAY_BEGIN, "a list"))
        return;
    for (unsigned at = 0; !load->broken && load_peek(load) != JSON_ARRAY_END; at++) {
        size_t path = load_push(load, "[%u]", at);

        item(load, at, out);
        load_pop(load, path);
    }
    next(load);
}

/* ---- scalars ---- */

static bool read_slice(struct route_load *load, struct slice *out)
{
    return expect(load, JSON_TEXT, "a text") && token_text(load, out);
}

bool load_text(struct route_load *load, const char **out)
{
    struct slice text;
    char *copy;

    if (!read_slice(load, &text))
        return false;
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return load_error(load, "holds a NUL"), false;
    copy = route_pool_text(&load->config->pool, text.ptr, text.len);
    if (copy == NULL)
        return load_out_of_memory(load), false;
    *out = copy;
    return true;
}

bool load_integer(struct route_load *load, int64_t min, int64_t max, int64_t *out)
{
    int64_t value;

    if (!expect(load, JSON_NUMBER, "a number"))
        return false;
    if (!json_number_i64(load->reader.raw, &value) || value < min || value > max) {
        load_error(load, "must be a whole number from %lld to %lld", (long long)min,
                   (long long)max);
        return false;
    }
    *out = value;
    return true;
}

bool load_number(struct route_load *load, double min, double max, double *out)
{
    double value;

    if (!expect(load, JSON_NUMBER, "a number"))
        return false;
    if (!json_number_double(load->reader.raw, &value) || value < min || value > max)
        return load_error(load, "must be from %g to %g", min, max), false;
    *out = value;
    return true;
}

bool load_bool(struct route_load *load, bool *out)
{
    enum json_token token = next(load);

    if (token != JSON_TRUE && token != JSON_FALSE) {
        if (!load->broken)
            load_error(load, "must be true or false");
        skip_rest(load, token);
        return false;
    }
    *out = token == JSON_TRUE;
    return true;
}

/* "20s": a whole number and a unit. */
static bool duration_of(struct slice text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    unsigned long long value;
    size_t digits = 0;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!slice_to_u64(slice_make(text.ptr, digits), &value) || value > INT32_MAX)
        return false;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (!slice_equal_text(slice_make(text.ptr + digits, text.len - digits), units[i].unit))
            continue;
        *out = (int64_t)value * units[i].ms;
        return true;
    }
    return false;
}

bool load_duration(struct route_load *load, int64_t max_ms, int64_t *out_ms)
{
    struct slice text;
    int64_t value;

    if (!read_slice(load, &text))
        return false;
    if (!duration_of(text, &value))
        return load_error(load, "must be a duration such as 20s, 5m or 72h"), false;
    if (value > max_ms) {
        load_error(load, "is longer than the limit, %lld s", (long long)(max_ms / 1000));
        return false;
    }
    *out_ms = value;
    return true;
}

bool load_percent(struct route_load *load, uint32_t *out)
{
    struct slice text;
    unsigned long long value;

    if (!read_slice(load, &text))
        return false;
    if (text.len < 2 || text.ptr[text.len - 1] != '%' ||
        !slice_to_u64(slice_make(text.ptr, text.len - 1), &value) || value > 100)
        return load_error(load, "must be a percentage such as 90%%"), false;
    *out = (uint32_t)value;
    return true;
}

/* ---- names ---- */

static uint32_t find_name(const struct route_names *names, struct slice name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (slice_equal_text(name, names->items[i]))
            return i;
    }
    return ROUTE_NONE;
}

bool load_find(struct route_load *load, enum route_kind kind, struct slice name, uint32_t *out)
{
    uint32_t found = find_name(&load->config->names[kind], name);

    if (found == ROUTE_NONE) {
        load_error(load, "unknown %s '%.*s'", kind_words[kind],
                   (int)(name.len < ROUTE_NAME_MAX ? name.len : ROUTE_NAME_MAX), name.ptr);
        return false;
    }
    *out = found;
    return true;
}

bool load_reference(struct route_load *load, enum route_kind kind, uint32_t *out)
{
    struct slice name;

    return read_slice(load, &name) && load_find(load, kind, name, out);
}

static bool name_fits(struct route_load *load, struct slice name)
{
    if (name.len == 0 || name.len > ROUTE_NAME_MAX)
        return load_error(load, "a name has 1 to %d bytes", ROUTE_NAME_MAX), false;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < 0x20)
            return load_error(load, "a name has no control characters"), false;
    }
    return true;
}

uint32_t load_name(struct route_load *load, enum route_kind kind, struct slice name)
{
    struct route_names *names = &load->config->names[kind];
    char *copy;

    if (!name_fits(load, name))
        return ROUTE_NONE;
    /* Agents come by the thousand: their section looks for repetitions by sorting. */
    if (kind != ROUTE_KIND_AGENT && find_name(names, name) != ROUTE_NONE)
        return load_error(load, "is given twice"), ROUTE_NONE;
    if (names->count == names->max) {
        load_error(load, "%s number %u: the limit is %u", kind_words[kind], names->count + 1,
                   names->max);
        return ROUTE_NONE;
    }
    copy = route_pool_text(&load->config->pool, name.ptr, name.len);
    if (copy == NULL)
        return load_out_of_memory(load), ROUTE_NONE;
    names->items[names->count] = copy;
    return names->count++;
}

/* ---- small shared shapes ---- */

struct needs_in {
    struct route_need *needs;
    uint32_t *count;
};

static void read_need(struct route_load *load, struct slice key, void *out)
{
    struct needs_in *in = out;
    uint32_t skill = 0;
    uint32_t at = *in->count;
    int64_t level;

    if (!load_find(load, ROUTE_KIND_SKILL, key, &skill)) {
        load_skip(load);
        return;
    }
    if (!load_integer(load, 1, ROUTE_LEVEL_MAX, &level))
        return;
    if (*in->count == ROUTE_REQUEST_SKILLS_MAX) {
        load_error(load, "more than %d skills", ROUTE_REQUEST_SKILLS_MAX);
        return;
    }
    while (at > 0 && in->needs[at - 1].skill >= skill) {
        if (in->needs[at - 1].skill == skill) {
            load_error(load, "is given twice");
            return;
        }
        at--;
    }
    memmove(&in->needs[at + 1], &in->needs[at], (*in->count - at) * sizeof(*in->needs));
    in->needs[at] = (struct route_need){ (uint16_t)skill, (uint16_t)level };
    ++*in->count;
}

void load_needs(struct route_load *load, struct route_need *needs, uint32_t *count)
{
    load_map(load, read_need, &(struct needs_in){ needs, count });
}

static void read_alternative(struct route_load *load, unsigned at, void *out)
{
    static const char *const words[] = { "bot", "ticket", "callback", "promise" };
    struct slice text;

    (void)at;
    if (!read_slice(load, &text))
        return;
    for (unsigned i = 0; i < LENGTH_OF(words); i++) {
        if (slice_equal_text(text, words[i])) {
            *(uint32_t *)out |= UINT32_C(1) << i;
            return;
        }
    }
    load_error(load, "must be bot, ticket, callback or promise");
}

void load_alternatives(struct route_load *load, uint32_t *out)
{
    if (load_peek(load) == JSON_ARRAY_BEGIN)
        load_list(load, read_alternative, out);
    else
        read_alternative(load, 0, out);
}
