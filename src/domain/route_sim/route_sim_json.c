/* SPDX-License-Identifier: Apache-2.0 */
#include "route_sim_priv.h"

#include "json.h"

static const char *const measure_keys[ROUTE_SIM_MEASURE_COUNT] = {
    [ROUTE_SIM_ABANDONED] = "abandonedPercent", [ROUTE_SIM_IN_TIME] = "withinSlaPercent",
    [ROUTE_SIM_WAIT_P50] = "waitP50Seconds",    [ROUTE_SIM_WAIT_P90] = "waitP90Seconds",
    [ROUTE_SIM_WAIT_P99] = "waitP99Seconds",    [ROUTE_SIM_WAIT_MEAN] = "waitMeanSeconds",
    [ROUTE_SIM_OCCUPANCY] = "occupancyPercent", [ROUTE_SIM_FAIRNESS] = "fairness",
    [ROUTE_SIM_STICKY] = "sameAgentPercent",
};

static void write_interval(struct json_writer *json, const char *key,
                           struct route_sim_interval interval)
{
    json_key(json, key);
    json_object_begin(json);
    json_key(json, "mean");
    json_double(json, interval.mean);
    json_key(json, "low");
    json_double(json, interval.low);
    json_key(json, "high");
    json_double(json, interval.high);
    json_object_end(json);
}

static void write_count(struct json_writer *json, const char *key, uint64_t count)
{
    json_key(json, key);
    json_u64(json, count);
}

static struct route_sim_run total_of(const struct route_sim_study *study, uint32_t strategy)
{
    struct route_sim_run total = { 0 };

    for (uint32_t i = 0; i < study->seed_count; i++) {
        const struct route_sim_run *run = &study->results[strategy].runs[i];

        total.arrived += run->arrived;
        total.answered += run->answered;
        total.abandoned += run->abandoned;
        total.refused += run->refused;
        total.closed += run->closed;
        total.overflowed += run->overflowed;
        total.idle_while_waiting += run->idle_while_waiting;
        total.decisions += run->decisions;
        for (unsigned k = 0; k < ROUTE_RINGS_MAX; k++)
            total.rings[k] += run->rings[k];
    }
    return total;
}

static void write_rings(struct json_writer *json, const struct route_sim_run *total)
{
    unsigned last = ROUTE_RINGS_MAX;

    while (last > 1 && total->rings[last - 1] == 0)
        last--;
    json_key(json, "answeredInRing");
    json_array_begin(json);
    for (unsigned i = 0; i < last; i++)
        json_u64(json, total->rings[i]);
    json_array_end(json);
}

static void write_agents(struct json_writer *json, const struct route_sim_study *study,
                         const struct route_sim_result *result)
{
    json_key(json, "agents");
    json_array_begin(json);
    for (uint32_t i = 0; i < route_count(study->config, ROUTE_KIND_AGENT); i++) {
        json_object_begin(json);
        json_key(json, "id");
        json_text(json, slice_of(route_name(study->config, ROUTE_KIND_AGENT, i)));
        json_key(json, "occupancyPercent");
        json_double(json, 100 * result->agent_occupancy[i]);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_strategy(struct json_writer *json, const struct route_sim_study *study,
                           uint32_t strategy)
{
    const struct route_sim_result *result = &study->results[strategy];
    struct route_sim_run total = total_of(study, strategy);

    json_object_begin(json);
    json_key(json, "name");
    json_text(json, slice_of(result->strategy.name));
    write_count(json, "arrived", total.arrived);
    write_count(json, "answered", total.answered);
    write_count(json, "abandoned", total.abandoned);
    write_count(json, "refused", total.refused);
    write_count(json, "closed", total.closed);
    write_count(json, "overflowed", total.overflowed);
    write_count(json, "idleWhileWaiting", total.idle_while_waiting);
    for (unsigned i = 0; i < ROUTE_SIM_MEASURE_COUNT; i++)
        write_interval(json, measure_keys[i],
                       route_sim_measure(study, strategy, (enum route_sim_measure)i));
    write_rings(json, &total);
    write_agents(json, study, result);
    json_object_end(json);
}

static void write_comparisons(struct json_writer *json, const struct route_sim_study *study)
{
    json_key(json, "comparedWithFirst");
    json_array_begin(json);
    for (uint32_t i = 1; i < study->strategy_count; i++) {
        json_object_begin(json);
        json_key(json, "name");
        json_text(json, slice_of(study->results[i].strategy.name));
        write_interval(json, "fewerAbandonPercent", route_sim_fewer_abandon(study, i, 0));
        json_object_end(json);
    }
    json_array_end(json);
}

void route_sim_write_json(const struct route_sim_study *study, double cpu_seconds, struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    write_count(&json, "seeds", study->seed_count);
    write_count(&json, "conversations", study->conversations);
    if (cpu_seconds > 0) {
        json_key(&json, "cpuSeconds");
        json_double(&json, cpu_seconds);
        json_key(&json, "conversationsPerSecond");
        json_double(&json, (double)study->conversations / cpu_seconds);
    }
    json_key(&json, "strategies");
    json_array_begin(&json);
    for (uint32_t i = 0; i < study->strategy_count; i++)
        write_strategy(&json, study, i);
    json_array_end(&json);
    write_comparisons(&json, study);
    json_object_end(&json);
    buf_add_char(out, '\n');
}
