/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the past: CSV (RFC 4180) with a header. */
#include "route_sim_scenario_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    COLUMNS_MAX = 32,
    LOG_ROWS_MAX = 100000, /* different kinds of conversation */
};

enum column {
    COLUMN_ARRIVED,
    COLUMN_QUEUE,
    COLUMN_SKILLS,
    COLUMN_LANGUAGE,
    COLUMN_CHANNEL,
    COLUMN_PRIORITY,
    COLUMN_VIP,
    COLUMN_HANDLE,
    COLUMN_WAIT,
    COLUMN_ABANDONED,
    COLUMN_FACT, /* any other name */
};

static const char *const column_names[COLUMN_FACT] = {
    [COLUMN_ARRIVED] = "arrived_at",
    [COLUMN_QUEUE] = "queue",
    [COLUMN_SKILLS] = "skills",
    [COLUMN_LANGUAGE] = "language",
    [COLUMN_CHANNEL] = "channel",
    [COLUMN_PRIORITY] = "priority",
    [COLUMN_VIP] = "vip",
    [COLUMN_HANDLE] = "handle_seconds",
    [COLUMN_WAIT] = "wait_seconds",
    [COLUMN_ABANDONED] = "abandoned",
};

struct log_load {
    const struct route_config *config;
    struct route_sim_scenario *scenario;
    struct err *err;
    struct slice rest;
    unsigned line;
    enum column columns[COLUMNS_MAX];
    const char *facts[COLUMNS_MAX];
    unsigned column_count;
    struct slice cells[COLUMNS_MAX];
    unsigned cell_count;
    /* for the fits */
    double log_sum, log_squares, waited_s;
    uint64_t handled, abandoned;
    uint32_t *row_index; /* hash of rows, so that equal lines share one */
    uint32_t row_index_mask;
};

static enum err_code fail(struct log_load *load, const char *column, const char *what)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "line %u%s%s", load->line, column[0] != '\0' ? ", " : "",
             column);
    return err_set_field(load->err, ERR_INVALID, field, "%s", what);
}

/* ---- cells ---- */

/* One cell off the front of rest; quotes doubled inside quotes are halved into the arena. */
static enum err_code next_cell(struct log_load *load, struct slice *out, bool *last)
{
    struct slice *rest = &load->rest;
    size_t at = 0;

    if (rest->len > 0 && rest->ptr[0] == '"') {
        char *copy = arena_alloc(load->scenario->texts, rest->len < 4096 ? rest->len : 4096);
        size_t len = 0;

        for (at = 1; at < rest->len; at++) {
            if (rest->ptr[at] == '"' && (at + 1 >= rest->len || rest->ptr[++at] != '"'))
                break;
            if (copy == NULL || len == 4095)
                return fail(load, "", "a cell of more than 4,095 bytes");
            copy[len++] = rest->ptr[at];
        }
        *out = slice_make(copy, len);
    } else {
        while (at < rest->len && rest->ptr[at] != ',' && rest->ptr[at] != '\n')
            at++;
        *out = slice_make(rest->ptr, at);
        if (at > 0 && rest->ptr[at - 1] == '\r')
            out->len--;
    }
    if (at < rest->len && rest->ptr[at] == '\r')
        at++;
    if (at < rest->len && rest->ptr[at] != ',' && rest->ptr[at] != '\n')
        return fail(load, "", "something after the closing quote");
    *last = at >= rest->len || rest->ptr[at] == '\n';
    at += at < rest->len;
    *rest = slice_make(rest->ptr + at, rest->len - at);
    return ERR_OK;
}

static enum err_code next_line(struct log_load *load)
{
    bool last = false;

    load->line++;
    load->cell_count = 0;
    while (!last) {
        if (load->cell_count == COLUMNS_MAX)
            return fail(load, "", "more than 32 columns");
        if (next_cell(load, &load->cells[load->cell_count++], &last) != ERR_OK)
            return load->err->code;
    }
    return ERR_OK;
}

static struct slice cell_of(const struct log_load *load, enum column column)
{
    for (unsigned i = 0; i < load->column_count && i < load->cell_count; i++) {
        if (load->columns[i] == column)
            return load->cells[i];
    }
    return SLICE_EMPTY;
}

static enum err_code read_header(struct log_load *load)
{
    if (next_line(load) != ERR_OK)
        return load->err->code;
    load->column_count = load->cell_count;
    for (unsigned i = 0; i < load->cell_count; i++) {
        unsigned column = 0;

        while (column < COLUMN_FACT && !slice_equal_text(load->cells[i], column_names[column]))
            column++;
        load->columns[i] = (enum column)column;
        load->facts[i] = arena_strdup(load->scenario->texts, load->cells[i]);
        if (load->facts[i] == NULL)
            return fail(load, "", "too many texts");
    }
    if (cell_of(load, COLUMN_ARRIVED).len == 0)
        return fail(load, "arrived_at", "there is no such column");
    return ERR_OK;
}

static bool number_of(struct slice text, double *out)
{
    text = slice_trim(text);
    return text.len > 0 && json_number_double(text, out) && *out >= 0;
}

/* ---- rows ---- */

static enum err_code label_of(struct log_load *load, enum column column, enum route_kind kind,
                              uint32_t *out)
{
    struct slice text = cell_of(load, column);

    if (text.len == 0)
        return ERR_OK;
    *out = route_find(load->config, kind, text.ptr, text.len);
    return *out != ROUTE_NONE
               ? ERR_OK
               : fail(load, column_names[column], "a name that is not in the configuration");
}

/* "returns:2;zh:5" */
static enum err_code skills_of(struct log_load *load, struct route_request *request)
{
    struct slice text = cell_of(load, COLUMN_SKILLS);

    while (text.len > 0) {
        const char *end = memchr(text.ptr, ';', text.len);
        struct slice item = slice_make(text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len);
        const char *colon = item.len > 0 ? memchr(item.ptr, ':', item.len) : NULL;
        size_t name_len = colon != NULL ? (size_t)(colon - item.ptr) : 0;
        uint32_t skill = route_find(load->config, ROUTE_KIND_SKILL, item.ptr, name_len);
        unsigned long long level = 0;

        if (skill == ROUTE_NONE || request->require_count == ROUTE_REQUEST_SKILLS_MAX ||
            !slice_to_u64(slice_make(item.ptr + name_len + 1, item.len - name_len - 1), &level) ||
            level < 1 || level > ROUTE_LEVEL_MAX)
            return fail(load, "skills", "must be like returns:2;zh:5, at most eight");
        request->require[request->require_count++] =
            (struct route_need){ (uint16_t)skill, (uint16_t)level };
        item.len += end != NULL;
        text = slice_make(text.ptr + item.len, text.len - item.len);
    }
    return ERR_OK;
}

static enum err_code facts_of(struct log_load *load, struct sim_row *row)
{
    for (unsigned i = 0; i < load->column_count && i < load->cell_count; i++) {
        struct route_fact *fact = &row->facts[row->fact_count];

        if (load->columns[i] != COLUMN_FACT || load->cells[i].len == 0)
            continue;
        if (row->fact_count == SIM_ROW_FACTS_MAX)
            return fail(load, "", "more than 16 facts");
        row->fact_count++;
        *fact = (struct route_fact){ .name = load->facts[i],
                                     .text = load->cells[i].ptr,
                                     .text_len = load->cells[i].len };
        if (slice_equal_text(load->cells[i], "true") || slice_equal_text(load->cells[i], "false")) {
            fact->type = ROUTE_FACT_BOOL;
            fact->number = load->cells[i].len == 4;
        } else if (number_of(load->cells[i], &fact->number)) {
            fact->type = ROUTE_FACT_NUMBER;
        }
    }
    return ERR_OK;
}

static enum err_code read_row(struct log_load *load, struct sim_row *row)
{
    struct slice priority = cell_of(load, COLUMN_PRIORITY);
    struct slice vip = cell_of(load, COLUMN_VIP);
    unsigned long long value = 0;

    memset(row, 0, sizeof(*row)); /* rows are compared as bytes */
    route_request_init(&row->request);
    row->request.queue = ROUTE_NONE;
    if (label_of(load, COLUMN_QUEUE, ROUTE_KIND_QUEUE, &row->request.queue) != ERR_OK ||
        label_of(load, COLUMN_LANGUAGE, ROUTE_KIND_LANGUAGE, &row->request.language) != ERR_OK ||
        label_of(load, COLUMN_CHANNEL, ROUTE_KIND_CHANNEL, &row->request.channel) != ERR_OK ||
        skills_of(load, &row->request) != ERR_OK || facts_of(load, row) != ERR_OK)
        return load->err->code;
    if (priority.len > 0 && (!slice_to_u64(priority, &value) || value > ROUTE_PRIORITY_MAX))
        return fail(load, "priority", "must be from 0 to 9");
    row->request.priority = (uint32_t)value;
    row->request.vip = slice_equal_text(vip, "1") || slice_equal_text(vip, "true");
    row->by_rules = row->request.queue == ROUTE_NONE;
    if (row->by_rules && route_count(load->config, ROUTE_KIND_RULE) == 0)
        return fail(load, "queue", "is empty, and the configuration has no rules");
    return ERR_OK;
}

static bool same_row(const struct sim_row *a, const struct sim_row *b)
{
    if (memcmp(&a->request, &b->request, sizeof(a->request)) != 0 || a->by_rules != b->by_rules ||
        a->fact_count != b->fact_count)
        return false;
    for (uint32_t i = 0; i < a->fact_count; i++) {
        if (a->facts[i].name != b->facts[i].name || a->facts[i].text_len != b->facts[i].text_len ||
            memcmp(a->facts[i].text, b->facts[i].text, a->facts[i].text_len) != 0)
            return false;
    }
    return true;
}

static uint32_t hash_row(const struct sim_row *row)
{
    const unsigned char *bytes = (const unsigned char *)&row->request;
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < sizeof(row->request); i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    for (uint32_t i = 0; i < row->fact_count; i++) {
        for (size_t k = 0; k < row->facts[i].text_len; k++)
            hash = (hash ^ (unsigned char)row->facts[i].text[k]) * 16777619U;
    }
    return hash;
}

static enum err_code intern_row(struct log_load *load, const struct sim_row *row, uint32_t *out)
{
    struct route_sim_scenario *s = load->scenario;
    uint32_t at = hash_row(row) & load->row_index_mask;

    while (load->row_index[at] != ROUTE_NONE) {
        *out = load->row_index[at];
        if (same_row(&s->rows[*out], row))
            return ERR_OK;
        at = (at + 1) & load->row_index_mask;
    }
    if (s->row_count == LOG_ROWS_MAX)
        return fail(load, "", "more than 100,000 different kinds of conversation");
    if ((s->row_count & (s->row_count - 1)) == 0)
        s->rows =
            mem_realloc(s->rows, (s->row_count > 0 ? 2 * s->row_count : 1) * sizeof(*s->rows));
    *out = s->row_count;
    load->row_index[at] = s->row_count;
    s->rows[s->row_count++] = *row;
    return ERR_OK;
}

/* ---- lines ---- */

static void note_times(struct log_load *load, struct sim_log_entry *entry)
{
    double handle;
    double wait;

    entry->handle_ms = -1;
    if (number_of(cell_of(load, COLUMN_HANDLE), &handle) && handle > 0) {
        double x = log(handle * 1000);

        entry->handle_ms = (float)(handle * 1000);
        load->log_sum += x;
        load->log_squares += x * x;
        load->handled++;
    }
    if (number_of(cell_of(load, COLUMN_WAIT), &wait))
        load->waited_s += wait;
    load->abandoned += slice_equal_text(cell_of(load, COLUMN_ABANDONED), "1") ||
                       slice_equal_text(cell_of(load, COLUMN_ABANDONED), "true");
}

static enum err_code add_line(struct log_load *load)
{
    struct route_sim_scenario *s = load->scenario;
    struct sim_log_entry entry;
    struct sim_row row;

    if (load->cell_count != load->column_count)
        return fail(load, "", "not as many cells as the header has");
    if (!sim_time_parse(cell_of(load, COLUMN_ARRIVED), &entry.at_ms))
        return fail(load, "arrived_at", "must be a time such as 2026-03-02T09:00:00+08:00");
    if (s->log_count == ROUTE_SIM_LOG_MAX)
        return fail(load, "", "more than 2,000,000 lines");
    if (read_row(load, &row) != ERR_OK || intern_row(load, &row, &entry.row) != ERR_OK)
        return load->err->code;
    note_times(load, &entry);
    if ((s->log_count & (s->log_count - 1)) == 0)
        s->log = mem_realloc(s->log, (s->log_count > 0 ? 2 * s->log_count : 1) * sizeof(*s->log));
    s->log[s->log_count++] = entry;
    return ERR_OK;
}

static int compare_entries(const void *a, const void *b)
{
    int64_t x = ((const struct sim_log_entry *)a)->at_ms;
    int64_t y = ((const struct sim_log_entry *)b)->at_ms;

    return x < y ? -1 : x > y;
}

/* Times become relative to the quarter of an hour in which the first came. */
static void set_course(struct route_sim_scenario *s)
{
    qsort(s->log, s->log_count, sizeof(*s->log), compare_entries);
    s->start_ms = s->log[0].at_ms / SIM_QUARTER_MS * SIM_QUARTER_MS;
    for (uint32_t i = 0; i < s->log_count; i++)
        s->log[i].at_ms -= s->start_ms;
    s->length_ms = (s->log[s->log_count - 1].at_ms / SIM_QUARTER_MS + 1) * SIM_QUARTER_MS;
}

/* Moments of the logarithms; and for patience the estimate of a censored exponential: who was
 * answered only shows that their patience was longer than their wait. */
static void fit(struct log_load *load)
{
    struct route_sim_scenario *s = load->scenario;
    struct sim_dist handle = sim_dist_log_normal(420000, 0.8);

    if (load->handled > 1) {
        double n = (double)load->handled;
        double mean = load->log_sum / n;
        double variance = (load->log_squares - n * mean * mean) / (n - 1);

        handle.mu = mean;
        handle.sigma = sqrt(variance > 0 ? variance : 0);
        handle.mean_ms = exp(mean + handle.sigma * handle.sigma / 2);
    }
    for (uint32_t i = 0; i < s->row_count; i++)
        s->rows[i].handle = handle;
    if (load->abandoned > 0 && load->waited_s > 0)
        s->patience.mean_ms = load->waited_s * 1000 / (double)load->abandoned;
}

static enum err_code read_log(struct log_load *load)
{
    if (read_header(load) != ERR_OK)
        return load->err->code;
    while (load->rest.len > 0) {
        if (load->rest.ptr[0] == '\n') { /* an empty line */
            load->rest = slice_make(load->rest.ptr + 1, load->rest.len - 1);
            load->line++;
            continue;
        }
        if (next_line(load) != ERR_OK || add_line(load) != ERR_OK)
            return load->err->code;
    }
    if (load->scenario->log_count == 0)
        return fail(load, "", "there are no conversations in the log");
    set_course(load->scenario);
    fit(load);
    return ERR_OK;
}

enum err_code route_sim_log_load(const struct route_config *config, struct slice csv,
                                 struct route_sim_scenario **out, struct err *err)
{
    struct err own;
    struct log_load load = {
        .config = config,
        .scenario = sim_scenario_create(),
        .err = err != NULL ? err : &own,
        .rest = csv,
        .row_index_mask = 15,
    };
    enum err_code rc;

    *out = NULL;
    /* At most half full: a line has at least its time of 20 bytes. */
    while (load.row_index_mask < 2 * LOG_ROWS_MAX && load.row_index_mask < csv.len / 8)
        load.row_index_mask = 2 * load.row_index_mask + 1;
    load.row_index = mem_alloc((load.row_index_mask + 1) * sizeof(*load.row_index));
    memset(load.row_index, 0xFF, (load.row_index_mask + 1) * sizeof(*load.row_index));
    rc = read_log(&load);
    free(load.row_index);
    if (rc == ERR_OK) {
        *out = load.scenario;
        load.scenario = NULL;
    }
    route_sim_scenario_destroy(&load.scenario);
    return rc;
}
