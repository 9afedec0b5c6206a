/* SPDX-License-Identifier: Apache-2.0 */
/* Cells are relaxed atomics with a single writer: load, add, store without a locked instruction.
 * A reader on another thread sees each cell whole, and cells a little out of step with each other,
 * which is all that a scrape needs. Bucket bounds are powers of two: finding one is counting bits,
 * and one set of bounds serves microseconds, bytes and counts alike. */
#include "metric.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum { CACHE_LINE = 64, HISTOGRAM_SUM = METRIC_BUCKETS, HISTOGRAM_CELLS = METRIC_BUCKETS + 1 };

typedef _Atomic int64_t metric_cell;

struct metric_group {
    const struct metric_desc *table;
    size_t n;
    unsigned rows;
    size_t stride;      /* cells of one row: whole cache lines, so that rows never share one */
    metric_cell *cells; /* rows * stride */
    unsigned *first;    /* of each metric, within a row */
};

struct metric_group *metric_group_create(const struct metric_desc *table, size_t n, unsigned rows)
{
    struct metric_group *group = mem_zalloc(sizeof(*group));
    const size_t line = CACHE_LINE / sizeof(metric_cell);
    size_t cells = 0;
    size_t bytes;

    ENSURE(n > 0 && n <= METRIC_TABLE_MAX && rows > 0 && rows <= METRIC_ROWS_MAX);
    group->first = mem_alloc(n * sizeof(*group->first));
    for (size_t i = 0; i < n; i++) {
        ENSURE(table[i].name != NULL && table[i].help != NULL);
        group->first[i] = (unsigned)cells;
        cells += table[i].kind == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
    }
    group->table = table;
    group->n = n;
    group->rows = rows;
    group->stride = (cells + line - 1) / line * line;
    bytes = rows * group->stride * sizeof(metric_cell);
    group->cells = aligned_alloc(CACHE_LINE, bytes);
    ENSURE(group->cells != NULL);
    for (size_t i = 0; i < rows * group->stride; i++)
        atomic_init(&group->cells[i], 0);
    return group;
}

void metric_group_destroy(struct metric_group **group)
{
    if (*group == NULL)
        return;
    free((*group)->cells);
    free((*group)->first);
    free(*group);
    *group = NULL;
}

static metric_cell *cell_at(const struct metric_group *group, unsigned row, unsigned id)
{
    ENSURE(row < group->rows && id < group->n);
    return &group->cells[row * group->stride + group->first[id]];
}

static int64_t cell_load(const metric_cell *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

static void cell_add(metric_cell *cell, int64_t delta)
{
    atomic_store_explicit(cell, cell_load(cell) + delta, memory_order_relaxed);
}

void metric_add(struct metric_group *group, unsigned row, unsigned id, int64_t delta)
{
    ENSURE(group->table[id].kind != METRIC_HISTOGRAM);
    cell_add(cell_at(group, row, id), delta);
}

void metric_set(struct metric_group *group, unsigned row, unsigned id, int64_t value)
{
    ENSURE(group->table[id].kind == METRIC_GAUGE);
    atomic_store_explicit(cell_at(group, row, id), value, memory_order_relaxed);
}

/* Bucket b holds the values up to 2^b. */
static unsigned bucket_of(uint64_t value)
{
    unsigned bucket = value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);

    return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS - 1;
}

void metric_observe(struct metric_group *group, unsigned row, unsigned id, uint64_t value)
{
    metric_cell *cells = cell_at(group, row, id);

    ENSURE(group->table[id].kind == METRIC_HISTOGRAM);
    cell_add(&cells[bucket_of(value)], 1);
    cell_add(&cells[HISTOGRAM_SUM], (int64_t)value);
}

static int64_t sum_rows(const struct metric_group *group, unsigned id, unsigned cell)
{
    int64_t sum = 0;

    for (unsigned row = 0; row < group->rows; row++)
        sum += cell_load(cell_at(group, row, id) + cell);
    return sum;
}

int64_t metric_sum(const struct metric_group *group, unsigned id)
{
    int64_t sum = 0;

    if (group->table[id].kind != METRIC_HISTOGRAM)
        return sum_rows(group, id, 0);
    for (unsigned bucket = 0; bucket < METRIC_BUCKETS; bucket++)
        sum += sum_rows(group, id, bucket);
    return sum;
}

uint64_t metric_quantile(const struct metric_group *group, unsigned id, double q)
{
    double wanted = q * (double)metric_sum(group, id);
    int64_t below = 0;

    ENSURE(group->table[id].kind == METRIC_HISTOGRAM);
    for (unsigned bucket = 0; bucket < METRIC_BUCKETS; bucket++) {
        below += sum_rows(group, id, bucket);
        if (below > 0 && (double)below >= wanted)
            return bucket == METRIC_BUCKETS - 1 ? UINT64_MAX : UINT64_C(1) << bucket;
    }
    return 0;
}

static void render_line(const struct metric_desc *desc, const char *suffix, const char *bound,
                        int64_t value, struct buf *out)
{
    bool labels = desc->labels != NULL;

    buf_printf(out, "%s%s", desc->name, suffix);
    if (labels || bound != NULL) {
        buf_printf(out, "{%s%s", labels ? desc->labels : "", labels && bound != NULL ? "," : "");
        if (bound != NULL)
            buf_printf(out, "le=\"%s\"", bound);
        buf_add_char(out, '}');
    }
    buf_printf(out, " %" PRId64 "\n", value);
}

static void render_histogram(const struct metric_group *group, unsigned id, struct buf *out)
{
    enum { BOUND_TEXT_MAX = 24 };
    const struct metric_desc *desc = &group->table[id];
    int64_t count = 0;

    for (unsigned bucket = 0; bucket < METRIC_BUCKETS; bucket++) {
        char bound[BOUND_TEXT_MAX] = "+Inf";

        count += sum_rows(group, id, bucket);
        if (bucket < METRIC_BUCKETS - 1)
            snprintf(bound, sizeof(bound), "%" PRIu64, UINT64_C(1) << bucket);
        render_line(desc, "_bucket", bound, count, out);
    }
    render_line(desc, "_sum", NULL, sum_rows(group, id, HISTOGRAM_SUM), out);
    render_line(desc, "_count", NULL, count, out);
}

void metric_render(const struct metric_group *group, struct buf *out)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    for (unsigned id = 0; id < group->n; id++) {
        const struct metric_desc *desc = &group->table[id];

        if (id == 0 || strcmp(desc->name, desc[-1].name) != 0) {
            buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", desc->name, desc->help, desc->name,
                       types[desc->kind]);
        }
        if (desc->kind == METRIC_HISTOGRAM)
            render_histogram(group, id, out);
        else
            render_line(desc, "", NULL, metric_sum(group, id), out);
    }
}
