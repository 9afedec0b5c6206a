/* SPDX-License-Identifier: Apache-2.0 */
/* The routing simulator: the real router, made-up visitors. A scenario is what comes (a generator,
 * or the past from a log); a study runs it with several strategies over many seeds. All strategies
 * meet the same visitors of a seed (common random numbers), so that their differences show with few
 * seeds. Pure: no files, no clock; the same scenario and seeds give the same study everywhere.
 *
 * The model: an agent with k conversations works on each at the rate 1 / (1 + inflation * (k - 1));
 * visitors leave when their patience ends before somebody takes them; agents work as their
 * calendars say, finish what they have, and accept offers at once. Nobody falls quiet. */
#ifndef KEFU_ROUTE_SIM_H
#define KEFU_ROUTE_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "kefu/routing.h"

#include "buf.h"
#include "check.h"
#include "err.h"
#include "slice.h"

enum {
    ROUTE_SIM_STRATEGIES_MAX = 8,
    ROUTE_SIM_SEEDS_MAX = 1000,
    ROUTE_SIM_ROWS_MAX = 1000,     /* kinds of conversation of a generator */
    ROUTE_SIM_STEPS_MAX = 2000,    /* of the rate: three weeks of quarters of an hour */
    ROUTE_SIM_CONVS_MAX = 5000000, /* of one seed: 200 MB */
    ROUTE_SIM_LOG_MAX = 2000000,   /* lines of a log */
    ROUTE_SIM_WAIT_BUCKETS = 6000, /* of 100 ms: ten minutes, and all beyond */
    ROUTE_SIM_SLOTS_MAX = 96,      /* of the day's course in the report */
};

struct route_sim_scenario;

/* A generator: see docs/guide/routing.md. Fault: err->field names the place. */
MUST_USE enum err_code route_sim_scenario_load(const struct route_config *config, struct slice json,
                                               struct route_sim_scenario **out, struct err *err);
/* A log of arrivals, CSV with a header: arrived_at and queue, or facts for the rules; optional
 * skills, language, channel, priority, vip, handle_seconds, wait_seconds, abandoned. Handling times
 * and patience that it does not have are drawn from what it has: a log-normal fit, and the
 * exponential whose rate is abandonments per waited time. Each seed draws every quarter of an hour
 * anew from the conversations of that quarter. */
MUST_USE enum err_code route_sim_log_load(const struct route_config *config, struct slice csv,
                                          struct route_sim_scenario **out, struct err *err);
void route_sim_scenario_destroy(struct route_sim_scenario **scenario);

struct route_sim_strategy {
    const char *name; /* of a preset, or "configured" */
    bool configured;
    enum route_preset preset;
};
/* false: no such strategy. */
bool route_sim_strategy_find(struct slice name, struct route_sim_strategy *out);

/* One strategy over one seed. */
struct route_sim_run {
    uint64_t arrived, answered, abandoned, refused, closed, in_time;
    double wait_p50_s, wait_p90_s, wait_p99_s, wait_mean_s; /* of the answered */
    double occupancy; /* of the places of the agents while they worked */
    double fairness;  /* Jain's index of work per available place, in the worst group of equals */
    uint64_t sticky_wished, sticky_kept;
    uint64_t rings[ROUTE_RINGS_MAX]; /* answered in that ring */
    uint64_t overflowed, idle_while_waiting, decisions;
};

struct route_sim_slot {
    uint64_t arrived, answered, abandoned;
    double wait_s; /* of the answered, together */
};

struct route_sim_result {
    struct route_sim_strategy strategy;
    struct route_sim_run *runs;                 /* of each seed */
    uint64_t waits[ROUTE_SIM_WAIT_BUCKETS + 1]; /* of all seeds */
    double *agent_occupancy;                    /* of each agent, mean over the seeds */
    struct route_sim_slot slots[ROUTE_SIM_SLOTS_MAX];
};

struct route_sim_study {
    const struct route_config *config;
    uint32_t seed_count, strategy_count, slot_count;
    int64_t slot_ms;
    uint64_t conversations; /* simulated, all runs together */
    struct route_sim_result results[ROUTE_SIM_STRATEGIES_MAX];
};

struct route_sim_options {
    const struct route_config *config;
    const struct route_sim_scenario *scenario;
    const struct route_sim_strategy *strategies;
    uint32_t strategy_count, seed_count;
    uint64_t seed; /* of the first run; the others follow */
};
MUST_USE enum err_code route_sim_study(const struct route_sim_options *options,
                                       struct route_sim_study **out, struct err *err);
void route_sim_study_destroy(struct route_sim_study **study);

/* ---- figures over the seeds ---- */

struct route_sim_interval {
    double mean, low, high; /* 95 % by Student's t over the seeds */
};

enum route_sim_measure {
    ROUTE_SIM_ABANDONED, /* percent of the arrived */
    ROUTE_SIM_IN_TIME,   /* percent of the arrived */
    ROUTE_SIM_WAIT_P50,  /* seconds */
    ROUTE_SIM_WAIT_P90,
    ROUTE_SIM_WAIT_P99,
    ROUTE_SIM_WAIT_MEAN,
    ROUTE_SIM_OCCUPANCY, /* percent */
    ROUTE_SIM_FAIRNESS,
    ROUTE_SIM_STICKY, /* percent of the wished */
    ROUTE_SIM_MEASURE_COUNT,
};
struct route_sim_interval route_sim_measure(const struct route_sim_study *study, uint32_t strategy,
                                            enum route_sim_measure measure);
/* How much less of the arrived abandon with `strategy` than with `other`, in percent of the
 * latter, paired by seed; the interval by the jackknife over the seeds. */
struct route_sim_interval route_sim_fewer_abandon(const struct route_sim_study *study,
                                                  uint32_t strategy, uint32_t other);

/* ---- reports ---- */

/* One JSON object. cpu_seconds: what the caller measured, 0 if it did not. */
void route_sim_write_json(const struct route_sim_study *study, double cpu_seconds, struct buf *out);
/* One page that needs nothing else. */
void route_sim_write_html(const struct route_sim_study *study, double cpu_seconds, struct buf *out);

enum route_sim_plot {
    ROUTE_SIM_PLOT_WAITS,
    ROUTE_SIM_PLOT_IN_TIME,
    ROUTE_SIM_PLOT_ABANDONED,
    ROUTE_SIM_PLOT_AGENTS,
    ROUTE_SIM_PLOT_FAIRNESS,
    ROUTE_SIM_PLOT_DAY,
    ROUTE_SIM_PLOT_COUNT,
};
const char *route_sim_plot_name(enum route_sim_plot plot); /* "waits": a file name */
void route_sim_write_svg(const struct route_sim_study *study, enum route_sim_plot plot,
                         struct buf *out);

/* ---- why ---- */

/* Plays a state of the desk and says, as one JSON object, what becomes of a conversation that comes
 * then, by which steps, and which of them the agent asked about (ROUTE_NONE: none) passes. Formats:
 * see docs/guide/routing.md. */
MUST_USE enum err_code route_sim_explain(const struct route_config *config, struct slice snapshot,
                                         struct slice conversation, uint32_t asked, struct buf *out,
                                         struct err *err);

/* ---- theory ---- */

/* The M/M/n+M queue ("Erlang-A"): rates per second. Gives the probability that an arrival abandons,
 * by the stationary distribution of the birth and death process (Garnett, Mandelbaum and Reiman,
 * "Designing a call center with impatient customers", 2002). */
double route_sim_erlang_a(double arrival_rate, double service_rate, double patience_rate,
                          unsigned agents);

#endif
