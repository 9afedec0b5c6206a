/* SPDX-License-Identifier: Apache-2.0 */
/* Between the readers of generators and logs. */
#ifndef KEFU_ROUTE_SIM_SCENARIO_PRIV_H
#define KEFU_ROUTE_SIM_SCENARIO_PRIV_H

#include "arena.h"
#include "json.h"

#include "route_sim_priv.h"

/* ---- reading, one value each ---- */

struct sim_load {
    struct json_reader reader;
    const struct route_config *config;
    struct route_sim_scenario *scenario;
    struct err *err;
    char path[ERR_FIELD_MAX];
    size_t path_len;
    bool failed;
    double shares;
    struct sim_dist handle; /* of rows without their own */
};

typedef void sim_read_entry(struct sim_load *load, struct slice key, void *out);

PRINTF_LIKE(2, 3) void sim_fail(struct sim_load *load, const char *fmt, ...);
enum json_token sim_next(struct sim_load *load);
bool sim_expect(struct sim_load *load, enum json_token wanted, const char *what);
size_t sim_push(struct sim_load *load, const char *dot, struct slice key);
void sim_pop(struct sim_load *load, size_t len);
/* Of the token just read; terminated, lives as long as the scenario. */
struct slice sim_text_of(struct sim_load *load);
struct slice sim_read_text(struct sim_load *load);
double sim_read_number(struct sim_load *load, double min, double max);
double sim_read_duration(struct sim_load *load); /* ms */
double sim_read_percent(struct sim_load *load, double max);
void sim_read_map(struct sim_load *load, sim_read_entry *entry, void *out);
/* Whether a list goes on; takes its end. */
bool sim_more_items(struct sim_load *load);
struct sim_dist sim_read_dist(struct sim_load *load);
struct sim_dist sim_read_patience(struct sim_load *load);
uint32_t sim_read_label(struct sim_load *load, enum route_kind kind);
/* A setting of a kind of conversation; out is its struct sim_row. */
void sim_row_entry(struct sim_load *load, struct slice key, void *out);
void sim_row_init(struct sim_row *row);

/* With the initial values. */
struct route_sim_scenario *sim_scenario_create(void);
/* "20s", "15m", "1500ms" to milliseconds. */
bool sim_duration_parse(struct slice text, double *ms);
/* RFC 3339 with "Z" or an offset: "2026-03-02T09:00:00+08:00". */
bool sim_time_parse(struct slice text, int64_t *ms);

#endif
