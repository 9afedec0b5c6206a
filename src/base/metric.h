/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and histograms, declared in a table beside the code that measures:
 *
 *   enum { CHAT_TURNS, CHAT_LIVE, CHAT_TURN_US, CHAT_METRICS };
 *   const struct metric_desc chat_metrics[CHAT_METRICS] = {
 *       [CHAT_TURNS] = { METRIC_COUNTER, "chat_turns_total", "Turns committed.", NULL },
 *       [CHAT_LIVE] = { METRIC_GAUGE, "chat_live_conversations", "Conversations in memory.", NULL
 * }, [CHAT_TURN_US] = { METRIC_HISTOGRAM, "chat_turn_us", "From decision to commit.", NULL },
 *   };
 *   metric_add(group, shard_index, CHAT_TURNS, 1);
 *
 * A group holds one row of cells per thread, so a count is a plain add in memory of its own. Each
 * row has ONE writing thread; any thread may render. Labels come from closed sets: rows of one
 * name lie side by side in the table and differ in labels. Groups live as long as the process. */
#ifndef KEFU_METRIC_H
#define KEFU_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_desc {
    enum metric_kind kind;
    const char *name;   /* <module>_<what>_<unit> */
    const char *help;   /* one sentence */
    const char *labels; /* such as "rung=\"exact\"", or NULL */
};

enum {
    METRIC_ROWS_MAX = 256,   /* threads that count; far above any machine's shards */
    METRIC_TABLE_MAX = 1024, /* metrics of one table */
    METRIC_BUCKETS = 26,     /* up to 2^0, 2^1, ... 2^24 (16.8 s in microseconds), and the rest */
};

struct metric_group;

struct metric_group *metric_group_create(const struct metric_desc *table, size_t n, unsigned rows);
void metric_group_destroy(struct metric_group **group);

void metric_add(struct metric_group *group, unsigned row, unsigned id, int64_t delta);
void metric_set(struct metric_group *group, unsigned row, unsigned id, int64_t value); /* gauge */
void metric_observe(struct metric_group *group, unsigned row, unsigned id, uint64_t value);

/* Sum over the rows; of a histogram the number of observations. */
int64_t metric_sum(const struct metric_group *group, unsigned id);
/* Upper bound of the bucket that holds the quantile q (0 to 1) of a histogram; 0: empty. */
uint64_t metric_quantile(const struct metric_group *group, unsigned id, double q);
/* Appends the group in Prometheus' text format 0.0.4. */
void metric_render(const struct metric_group *group, struct buf *out);

#endif
