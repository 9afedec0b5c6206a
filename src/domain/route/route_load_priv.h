/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration: the pull reader with the path of where it stands, and a report that goes
 * on after a mistake, so that one run shows them all. Every reading function consumes exactly one
 * value, good or bad. */
#ifndef KEFU_ROUTE_LOAD_PRIV_H
#define KEFU_ROUTE_LOAD_PRIV_H

#include "json.h"
#include "slice.h"

#include "route_priv.h"

struct route_load {
    struct json_reader reader;
    struct route_config *config;
    struct route_report *report;
    char path[ROUTE_PATH_MAX];
    size_t path_len;
    bool broken; /* not JSON, or memory is out: reading stops */
};

PRINTF_LIKE(2, 3) void load_error(struct route_load *load, const char *fmt, ...);
PRINTF_LIKE(2, 3) void load_warning(struct route_load *load, const char *fmt, ...);
void load_out_of_memory(struct route_load *load);

/* Path: "queues" + ".sales" + "[2]"; pop with the length that push gave. */
PRINTF_LIKE(2, 3) size_t load_push(struct route_load *load, const char *fmt, ...);
void load_pop(struct route_load *load, size_t len);

struct load_field {
    const char *name;
    void (*read)(struct route_load *load, void *out);
};

/* An object with no other keys than these (at most 32), each at most once. */
void load_fields(struct route_load *load, const struct load_field *fields, unsigned count,
                 void *out);
/* An object with names as keys; key lives as long as the configuration's text. */
void load_map(struct route_load *load,
              void (*entry)(struct route_load *load, struct slice key, void *out), void *out);
void load_list(struct route_load *load,
               void (*item)(struct route_load *load, unsigned at, void *out), void *out);
void load_skip(struct route_load *load);
/* What comes next, without taking it. */
enum json_token load_peek(const struct route_load *load);

/* false: reported, *out is unchanged. Texts live as long as the configuration (in its pool). */
bool load_text(struct route_load *load, const char **out);
bool load_integer(struct route_load *load, int64_t min, int64_t max, int64_t *out);
bool load_number(struct route_load *load, double min, double max, double *out);
bool load_bool(struct route_load *load, bool *out);
bool load_duration(struct route_load *load, int64_t max_ms, int64_t *out_ms); /* "20s" */
bool load_percent(struct route_load *load, uint32_t *out);                    /* "90%" */
/* A name of that kind that exists; says what is unknown. */
bool load_reference(struct route_load *load, enum route_kind kind, uint32_t *out);
bool load_find(struct route_load *load, enum route_kind kind, struct slice name, uint32_t *out);
/* Adds a name: 1 .. ROUTE_NAME_MAX bytes, not there yet, below the limit. ROUTE_NONE: reported. */
uint32_t load_name(struct route_load *load, enum route_kind kind, struct slice name);
/* { skill: level, ... } into needs, sorted by skill. */
void load_needs(struct route_load *load, struct route_need *needs, uint32_t *count);
/* "ticket" or ["callback", "ticket"]: bits. */
void load_alternatives(struct route_load *load, uint32_t *out);

/* Whole sections, each from its own file. */
void load_calendars(struct route_load *load, void *out);
void load_agents(struct route_load *load, void *out);
void load_queue_names(struct route_load *load, void *out);
void load_queues(struct route_load *load, void *out);
void load_settings(struct route_load *load, void *out);
void load_facts(struct route_load *load, void *out);
void load_routes(struct route_load *load, void *out);
/* Room for so many rules; false: memory is out. */
bool load_rules_begin(struct route_load *load, unsigned count);
void load_check_rules(struct route_load *load);
/* What no single value shows: capable agents, cycles. */
void load_check(struct route_load *load);

#endif
