/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_ROUTE_SIM_PRIV_H
#define KEFU_ROUTE_SIM_PRIV_H

#include "route_sim.h"

/* ---- random numbers: xoshiro256++ (Blackman and Vigna, 2019), seeded by SplitMix64 ---- */

struct sim_random {
    uint64_t s[4];
    double spare; /* Box and Muller's second normal */
    bool has_spare;
};
void sim_random_init(struct sim_random *random, uint64_t seed);
uint64_t sim_random_u64(struct sim_random *random);
double sim_random_unit(struct sim_random *random); /* (0, 1] */
uint32_t sim_random_below(struct sim_random *random, uint32_t n);
double sim_random_exponential(struct sim_random *random); /* mean 1 */
double sim_random_normal(struct sim_random *random);

enum sim_dist_kind { SIM_NEVER, SIM_FIXED, SIM_EXPONENTIAL, SIM_LOG_NORMAL };
struct sim_dist {
    enum sim_dist_kind kind;
    double mean_ms;
    double mu, sigma; /* of the log-normal */
};
struct sim_dist sim_dist_log_normal(double mean_ms, double cv);
double sim_dist_draw(const struct sim_dist *dist, struct sim_random *random);

/* ---- scenarios ---- */

enum { SIM_ROW_FACTS_MAX = 16, SIM_QUARTER_MS = 900000 };

/* A kind of conversation: what it asks for, or the facts by which the rules decide. */
struct sim_row {
    double share;
    struct route_request request;
    bool by_rules;
    struct route_fact facts[SIM_ROW_FACTS_MAX];
    uint32_t fact_count;
    struct sim_dist handle;
};

struct sim_log_entry {
    int64_t at_ms; /* since the start */
    uint32_t row;
    float handle_ms; /* < 0: not known */
};

struct route_sim_scenario {
    struct arena *texts;
    int64_t start_ms, length_ms, warm_up_ms;
    int64_t step_ms;
    uint32_t step_count;
    double *per_hour; /* of each step, again and again */
    struct sim_row *rows;
    uint32_t row_count;
    struct sim_log_entry *log; /* NULL: a generator */
    uint32_t log_count;
    struct sim_dist patience;
    double inflation;
    double returning; /* share of conversations with a last agent */
};

/* ---- the visitors of one seed ---- */

struct sim_conv {
    int64_t at_ms;
    uint32_t row;
    uint32_t last_agent;
    float handle_ms, patience_ms; /* patience < 0: for ever */
};
struct sim_traffic {
    struct sim_conv *convs;
    uint32_t count, cap;
};
MUST_USE enum err_code sim_traffic_make(const struct route_sim_scenario *scenario,
                                        const struct route_config *config, uint64_t seed,
                                        struct sim_traffic *out, struct err *err);

/* ---- one run ---- */

struct sim_workspace; /* tables that runs use again */
struct sim_workspace *sim_workspace_create(const struct route_config *config);
void sim_workspace_destroy(struct sim_workspace **workspace);
/* Adds to result what is summed over the seeds, fills result->runs[seed]. */
MUST_USE enum err_code sim_run(struct sim_workspace *workspace,
                               const struct route_sim_scenario *scenario,
                               const struct sim_traffic *traffic, struct route_sim_study *study,
                               uint32_t strategy, uint32_t seed, struct err *err);

#endif
