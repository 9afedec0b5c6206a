/* SPDX-License-Identifier: Apache-2.0 */
#include "route_sim_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

bool route_sim_strategy_find(struct slice name, struct route_sim_strategy *out)
{
    if (slice_equal_text(name, "configured")) {
        *out = (struct route_sim_strategy){ .name = "configured", .configured = true };
        return true;
    }
    for (unsigned i = 0; i < ROUTE_MANUAL; i++) {
        const char *preset = route_preset_name((enum route_preset)i);

        if (slice_equal_text(name, preset)) {
            *out = (struct route_sim_strategy){ .name = preset, .preset = (enum route_preset)i };
            return true;
        }
    }
    return false;
}

static struct route_sim_study *study_create(const struct route_sim_options *options)
{
    struct route_sim_study *study = mem_zalloc(sizeof(*study));
    int64_t slots = (options->scenario->length_ms + SIM_QUARTER_MS - 1) / SIM_QUARTER_MS;
    int64_t quarters = (slots + ROUTE_SIM_SLOTS_MAX - 1) / ROUTE_SIM_SLOTS_MAX;

    study->config = options->config;
    study->seed_count = options->seed_count;
    study->strategy_count = options->strategy_count;
    study->slot_ms = SIM_QUARTER_MS * quarters;
    study->slot_count = (uint32_t)((slots + quarters - 1) / quarters);
    for (uint32_t i = 0; i < options->strategy_count; i++) {
        struct route_sim_result *result = &study->results[i];

        result->strategy = options->strategies[i];
        result->runs = mem_zalloc(options->seed_count * sizeof(*result->runs));
        result->agent_occupancy = mem_zalloc((route_count(options->config, ROUTE_KIND_AGENT) + 1) *
                                             sizeof(*result->agent_occupancy));
    }
    return study;
}

void route_sim_study_destroy(struct route_sim_study **study)
{
    if (*study == NULL)
        return;
    for (uint32_t i = 0; i < (*study)->strategy_count; i++) {
        free((*study)->results[i].runs);
        free((*study)->results[i].agent_occupancy);
    }
    free(*study);
    *study = NULL;
}

static enum err_code run_seeds(const struct route_sim_options *options,
                               struct sim_workspace *workspace, struct route_sim_study *study,
                               struct err *err)
{
    struct sim_traffic traffic = { 0 };
    enum err_code rc = ERR_OK;

    for (uint32_t seed = 0; seed < options->seed_count && rc == ERR_OK; seed++) {
        rc = sim_traffic_make(options->scenario, options->config, options->seed + seed, &traffic,
                              err);
        for (uint32_t i = 0; i < options->strategy_count && rc == ERR_OK; i++) {
            rc = sim_run(workspace, options->scenario, &traffic, study, i, seed, err);
            study->conversations += traffic.count;
        }
    }
    free(traffic.convs);
    return rc;
}

enum err_code route_sim_study(const struct route_sim_options *options, struct route_sim_study **out,
                              struct err *err)
{
    struct sim_workspace *workspace;
    struct route_sim_study *study;
    enum err_code rc;

    *out = NULL;
    if (options->strategy_count < 1 || options->strategy_count > ROUTE_SIM_STRATEGIES_MAX ||
        options->seed_count < 1 || options->seed_count > ROUTE_SIM_SEEDS_MAX)
        return err_set(err, ERR_INVALID, "1 to %d strategies and 1 to %d seeds",
                       ROUTE_SIM_STRATEGIES_MAX, ROUTE_SIM_SEEDS_MAX);
    if (route_count(options->config, ROUTE_KIND_AGENT) == 0)
        return err_set(err, ERR_INVALID, "the configuration has no agents");
    study = study_create(options);
    workspace = sim_workspace_create(options->config);
    rc = run_seeds(options, workspace, study, err);
    sim_workspace_destroy(&workspace);
    if (rc == ERR_OK) {
        *out = study;
        study = NULL;
    }
    route_sim_study_destroy(&study);
    return rc;
}

/* ---- intervals ---- */

/* Upper 2.5 % points of Student's t. */
static double student(uint32_t freedom)
{
    static const double table[] = { 0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                                    2.306, 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                    2.120, 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
                                    2.064, 2.060,  2.056, 2.052, 2.048, 2.045, 2.042 };

    return freedom < LENGTH_OF(table) ? table[freedom] : 1.96 + 2.5 / freedom;
}

static struct route_sim_interval interval_of(const double *x, uint32_t n)
{
    double mean = 0;
    double squares = 0;
    double half;

    for (uint32_t i = 0; i < n; i++)
        mean += x[i] / n;
    for (uint32_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    half = n > 1 ? student(n - 1) * sqrt(squares / (n - 1) / n) : 0;
    return (struct route_sim_interval){ mean, mean - half, mean + half };
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

static double measure_run(const struct route_sim_run *run, enum route_sim_measure measure)
{
    switch (measure) {
    case ROUTE_SIM_ABANDONED:
        return percent(run->abandoned, run->arrived);
    case ROUTE_SIM_IN_TIME:
        return percent(run->in_time, run->arrived);
    case ROUTE_SIM_WAIT_P50:
        return run->wait_p50_s;
    case ROUTE_SIM_WAIT_P90:
        return run->wait_p90_s;
    case ROUTE_SIM_WAIT_P99:
        return run->wait_p99_s;
    case ROUTE_SIM_WAIT_MEAN:
        return run->wait_mean_s;
    case ROUTE_SIM_OCCUPANCY:
        return 100 * run->occupancy;
    case ROUTE_SIM_FAIRNESS:
        return run->fairness;
    case ROUTE_SIM_STICKY:
        return percent(run->sticky_kept, run->sticky_wished);
    case ROUTE_SIM_MEASURE_COUNT:
        break;
    }
    return 0;
}

struct route_sim_interval route_sim_measure(const struct route_sim_study *study, uint32_t strategy,
                                            enum route_sim_measure measure)
{
    double values[ROUTE_SIM_SEEDS_MAX];

    for (uint32_t i = 0; i < study->seed_count; i++)
        values[i] = measure_run(&study->results[strategy].runs[i], measure);
    return interval_of(values, study->seed_count);
}

/* Percent fewer, seed `without` left out (seed_count: none). */
static double fewer(const struct route_sim_study *study, uint32_t strategy, uint32_t other,
                    uint32_t without)
{
    uint64_t mine = 0;
    uint64_t theirs = 0;

    for (uint32_t i = 0; i < study->seed_count; i++) {
        mine += i != without ? study->results[strategy].runs[i].abandoned : 0;
        theirs += i != without ? study->results[other].runs[i].abandoned : 0;
    }
    return theirs > 0 ? 100 - percent(mine, theirs) : 0;
}

struct route_sim_interval route_sim_fewer_abandon(const struct route_sim_study *study,
                                                  uint32_t strategy, uint32_t other)
{
    uint32_t n = study->seed_count;
    double all = fewer(study, strategy, other, n);
    double parts[ROUTE_SIM_SEEDS_MAX];
    struct route_sim_interval interval;

    for (uint32_t i = 0; i < n; i++)
        parts[i] = n > 1 ? n * all - (n - 1) * fewer(study, strategy, other, i) : all;
    interval = interval_of(parts, n);
    return interval;
}

/* ---- theory ---- */

/* States 0, 1, ...: served together at rate min(k, n) * mu, leaving at rate max(k - n, 0) * theta.
 * Summed until the tail is below what a double can tell; everything in shares of the empty state's
 * neighbourhood, scaled so that nothing overflows. */
double route_sim_erlang_a(double arrival_rate, double service_rate, double patience_rate,
                          unsigned agents)
{
    double weight = 1;
    double sum = 1;
    double leaving = 0;

    for (unsigned k = 1; k < 1000000; k++) {
        double served = k < agents ? k : agents;
        double waiting = k > agents ? k - agents : 0;

        weight *= arrival_rate / (served * service_rate + waiting * patience_rate);
        sum += weight;
        leaving += weight * waiting * patience_rate;
        if (sum > 1e200) {
            weight /= 1e200;
            sum /= 1e200;
            leaving /= 1e200;
        }
        if (k > agents && weight < sum * 1e-15)
            break;
    }
    return leaving / sum / arrival_rate;
}
