/* SPDX-License-Identifier: Apache-2.0 */
/* kefu route check: what is wrong with a routing configuration. kefu route explain: who would get a
 * conversation, and why. kefu route sim: strategies over the same made-up visitors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "command_file.h"
#include "command_yaml.h"
#include "json.h"
#include "route_sim.h"

enum {
    FILE_BYTES_MAX = ROUTE_CONFIG_BYTES_MAX,
    LOG_BYTES_MAX = 512 << 20,
    OUT_BYTES_MAX = 64 << 20, /* occupancy of 10,000 agents for 8 strategies is 4 MB */
    SEEDS_DEFAULT = 20,
    PATH_BYTES_MAX = 4096,
};

/* ---- the configuration ---- */

static void print_problem(const struct route_problem *problem)
{
    fprintf(stderr, "%s: %s%s%s\n", problem->warning ? "warning" : "error", problem->path,
            problem->path[0] != '\0' ? ": " : "", problem->text);
}

/* NULL: could not be read; *report then has errors, or err says why. */
static struct route_config *load_config(const char *path, struct route_report *report,
                                        struct err *err)
{
    struct route_config *config = NULL;
    struct buf json;

    memset(report, 0, sizeof(*report));
    err->code = ERR_OK;
    buf_init(&json, FILE_BYTES_MAX);
    if (command_yaml_file(path, FILE_BYTES_MAX, &json, err) == ERR_OK)
        (void)route_config_load(json.ptr, json.len, NULL, &config, report);
    buf_fini(&json);
    return config;
}

/* For commands that need one: prints what is wrong. */
static struct route_config *need_config(const char *path)
{
    struct route_report report;
    struct err err;
    struct route_config *config = load_config(path, &report, &err);

    if (config == NULL && err.code != ERR_OK)
        command_fault(&err);
    for (unsigned i = 0; i < report.count && config == NULL; i++)
        print_problem(&report.items[i]);
    return config;
}

static void write_number(struct json_writer *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

static void write_check(const struct route_config *config, const struct route_report *report,
                        struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "ok");
    json_bool(&json, config != NULL);
    if (config != NULL) {
        write_number(&json, "agents", route_count(config, ROUTE_KIND_AGENT));
        write_number(&json, "queues", route_count(config, ROUTE_KIND_QUEUE));
        write_number(&json, "skills", route_count(config, ROUTE_KIND_SKILL));
        write_number(&json, "rules", route_count(config, ROUTE_KIND_RULE));
        write_number(&json, "calendars", route_count(config, ROUTE_KIND_CALENDAR));
        write_number(&json, "bytes", route_config_bytes(config));
    }
    write_number(&json, "errors", report->errors);
    write_number(&json, "warnings", report->warnings);
    json_key(&json, "problems");
    json_array_begin(&json);
    for (unsigned i = 0; i < report->count; i++) {
        json_object_begin(&json);
        json_key(&json, "severity");
        json_text(&json, slice_of(report->items[i].warning ? "warning" : "error"));
        json_key(&json, "path");
        json_text(&json, slice_of(report->items[i].path));
        json_key(&json, "text");
        json_text(&json, slice_of(report->items[i].text));
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

static void print_buf(const struct buf *out)
{
    fwrite(out->ptr, 1, out->len, stdout);
}

static int check(const char *path, bool as_json)
{
    struct route_report report;
    struct err err;
    struct route_config *config = load_config(path, &report, &err);
    bool ok = config != NULL;
    struct buf out;

    if (err.code != ERR_OK)
        return command_fault(&err);
    buf_init(&out, OUT_BYTES_MAX);
    write_check(config, &report, &out);
    if (as_json)
        print_buf(&out);
    for (unsigned i = 0; i < report.count && !as_json; i++)
        print_problem(&report.items[i]);
    if (ok && !as_json)
        printf("%u agents, %u queues, %u rules: no errors, %u warnings\n",
               route_count(config, ROUTE_KIND_AGENT), route_count(config, ROUTE_KIND_QUEUE),
               route_count(config, ROUTE_KIND_RULE), report.warnings);
    buf_fini(&out);
    route_config_destroy(&config);
    return ok ? 0 : COMMAND_FAULT;
}

/* ---- explain ---- */

static int explain_with(const struct route_config *config, const char *snapshot_path,
                        const char *conversation_path, const char *agent)
{
    uint32_t asked = ROUTE_NONE;
    struct buf snapshot;
    struct buf conversation;
    struct buf out;
    struct err err;
    enum err_code rc;

    if (agent != NULL) {
        asked = route_find(config, ROUTE_KIND_AGENT, agent, strlen(agent));
        if (asked == ROUTE_NONE) {
            fprintf(stderr, "kefu: no agent '%s' in the configuration\n", agent);
            return COMMAND_FAULT;
        }
    }
    buf_init(&snapshot, FILE_BYTES_MAX);
    buf_init(&conversation, FILE_BYTES_MAX);
    buf_init(&out, OUT_BYTES_MAX);
    rc = command_yaml_file(snapshot_path, FILE_BYTES_MAX, &snapshot, &err);
    if (rc == ERR_OK)
        rc = command_yaml_file(conversation_path, FILE_BYTES_MAX, &conversation, &err);
    if (rc == ERR_OK)
        rc = route_sim_explain(config, buf_slice(&snapshot), buf_slice(&conversation), asked, &out,
                               &err);
    if (rc == ERR_OK)
        print_buf(&out);
    buf_fini(&snapshot);
    buf_fini(&conversation);
    buf_fini(&out);
    return rc == ERR_OK ? 0 : command_fault(&err);
}

/* ---- sim ---- */

struct sim_args {
    const char *arrivals, *generator, *strategies, *html, *svg;
    bool json;
    uint32_t seeds;
    uint64_t seed;
};

static double cpu_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static enum err_code load_scenario(const struct route_config *config, const struct sim_args *args,
                                   struct route_sim_scenario **out, struct err *err)
{
    struct slice file;
    struct buf json;
    enum err_code rc;

    if (args->arrivals != NULL) {
        rc = command_file_open(args->arrivals, LOG_BYTES_MAX, &file, err);
        if (rc != ERR_OK)
            return rc;
        rc = route_sim_log_load(config, file, out, err);
        command_file_close(&file);
        return rc;
    }
    buf_init(&json, FILE_BYTES_MAX);
    rc = command_yaml_file(args->generator, FILE_BYTES_MAX, &json, err);
    if (rc == ERR_OK)
        rc = route_sim_scenario_load(config, buf_slice(&json), out, err);
    buf_fini(&json);
    return rc;
}

/* "fair,efficient": how many; 0: one of them is unknown, or they are too many. */
static uint32_t find_strategies(const char *names, struct route_sim_strategy *out)
{
    uint32_t count = 0;

    while (*names != '\0') {
        size_t len = strcspn(names, ",");

        if (count == ROUTE_SIM_STRATEGIES_MAX ||
            !route_sim_strategy_find(slice_make(names, len), &out[count++])) {
            fprintf(stderr,
                    "kefu: --strategies takes up to %d of fair, balanced, efficient, round_robin, "
                    "longest_idle, configured\n",
                    ROUTE_SIM_STRATEGIES_MAX);
            return 0;
        }
        names += len;
        names += *names == ',';
    }
    return count;
}

static void print_study(const struct route_sim_study *study, double seconds)
{
    printf("%-12s %22s %22s %9s %9s %10s %9s\n", "strategy", "abandoned %", "in time %", "wait p50",
           "wait p90", "occupied %", "fairness");
    for (uint32_t i = 0; i < study->strategy_count; i++) {
        struct route_sim_interval gone = route_sim_measure(study, i, ROUTE_SIM_ABANDONED);
        struct route_sim_interval kept = route_sim_measure(study, i, ROUTE_SIM_IN_TIME);

        printf("%-12s %6.2f (%5.2f to %5.2f) %6.2f (%5.2f to %5.2f) %7.1f s %7.1f s %10.1f %9.3f\n",
               study->results[i].strategy.name, gone.mean, gone.low, gone.high, kept.mean, kept.low,
               kept.high, route_sim_measure(study, i, ROUTE_SIM_WAIT_P50).mean,
               route_sim_measure(study, i, ROUTE_SIM_WAIT_P90).mean,
               route_sim_measure(study, i, ROUTE_SIM_OCCUPANCY).mean,
               route_sim_measure(study, i, ROUTE_SIM_FAIRNESS).mean);
    }
    for (uint32_t i = 1; i < study->strategy_count; i++) {
        struct route_sim_interval fewer = route_sim_fewer_abandon(study, i, 0);

        printf("with %s %.0f %% (%.0f to %.0f) fewer abandon than with %s\n",
               study->results[i].strategy.name, fewer.mean, fewer.low, fewer.high,
               study->results[0].strategy.name);
    }
    printf("%llu conversations in %.2f s of processor time: %.2f million per second\n",
           (unsigned long long)study->conversations, seconds,
           (double)study->conversations / seconds / 1e6);
}

static enum err_code write_files(const struct route_sim_study *study, const struct sim_args *args,
                                 double seconds, struct err *err)
{
    enum err_code rc = ERR_OK;
    struct buf out;

    buf_init(&out, OUT_BYTES_MAX);
    if (args->html != NULL) {
        route_sim_write_html(study, seconds, &out);
        rc = command_file_write(args->html, buf_slice(&out), err);
    }
    for (unsigned i = 0; i < ROUTE_SIM_PLOT_COUNT && args->svg != NULL && rc == ERR_OK; i++) {
        char path[PATH_BYTES_MAX];

        snprintf(path, sizeof(path), "%s/%s.svg", args->svg,
                 route_sim_plot_name((enum route_sim_plot)i));
        buf_clear(&out);
        route_sim_write_svg(study, (enum route_sim_plot)i, &out);
        rc = command_file_write(path, buf_slice(&out), err);
    }
    buf_fini(&out);
    return rc;
}

static void print_json(const struct route_sim_study *study, double seconds)
{
    struct buf out;

    buf_init(&out, OUT_BYTES_MAX);
    route_sim_write_json(study, seconds, &out);
    print_buf(&out);
    buf_fini(&out);
}

static int sim_with(const struct route_config *config, const struct sim_args *args)
{
    struct route_sim_strategy strategies[ROUTE_SIM_STRATEGIES_MAX];
    struct route_sim_scenario *scenario = NULL;
    struct route_sim_study *study = NULL;
    struct route_sim_options options = {
        .config = config, .strategies = strategies, .seed_count = args->seeds, .seed = args->seed
    };
    double seconds;
    struct err err;
    enum err_code rc;

    options.strategy_count = find_strategies(args->strategies, strategies);
    if (options.strategy_count == 0)
        return COMMAND_USAGE;
    rc = load_scenario(config, args, &scenario, &err);
    options.scenario = scenario;
    seconds = cpu_seconds();
    if (rc == ERR_OK)
        rc = route_sim_study(&options, &study, &err);
    seconds = cpu_seconds() - seconds;
    if (rc == ERR_OK)
        rc = write_files(study, args, seconds, &err);
    if (rc == ERR_OK && args->json)
        print_json(study, seconds);
    else if (rc == ERR_OK)
        print_study(study, seconds);
    route_sim_study_destroy(&study);
    route_sim_scenario_destroy(&scenario);
    return rc == ERR_OK ? 0 : command_fault(&err);
}

/* ---- the command ---- */

static int usage(const char *text)
{
    fprintf(stderr, "usage: kefu route %s\n", text);
    return COMMAND_USAGE;
}

static int check_main(struct command_args *args, const struct command *command)
{
    bool as_json = command_flag(args, "json");

    if (!command_complete(args, command, 2, 2))
        return COMMAND_USAGE;
    return check(args->items[1], as_json);
}

static int explain_main(struct command_args *args, const struct command *command)
{
    const char *snapshot = command_option(args, "snapshot");
    const char *conversation = command_option(args, "conversation");
    const char *agent = command_option(args, "agent");
    struct route_config *config;
    int status;

    (void)command_flag(args, "json"); /* there is no other form */
    if (!command_complete(args, command, 2, 2))
        return COMMAND_USAGE;
    if (snapshot == NULL || conversation == NULL)
        return usage("explain CONFIG --snapshot FILE --conversation FILE [--agent ID] [--json]");
    config = need_config(args->items[1]);
    if (config == NULL)
        return COMMAND_FAULT;
    status = explain_with(config, snapshot, conversation, agent);
    route_config_destroy(&config);
    return status;
}

static bool number_option(struct command_args *args, const char *name, uint64_t max, uint64_t *out)
{
    const char *text = command_option(args, name);
    unsigned long long value;

    if (text == NULL)
        return true;
    if (!slice_to_u64(slice_of(text), &value) || value < 1 || value > max) {
        fprintf(stderr, "kefu: --%s takes a number from 1 to %llu\n", name,
                (unsigned long long)max);
        return false;
    }
    *out = value;
    return true;
}

static int sim_main(struct command_args *args, const struct command *command)
{
    struct sim_args sim = { .strategies = "fair,balanced,efficient" };
    const char *strategies = command_option(args, "strategies");
    uint64_t seeds = SEEDS_DEFAULT;
    struct route_config *config;
    int status;

    sim.arrivals = command_option(args, "arrivals");
    sim.generator = command_option(args, "generate");
    sim.html = command_option(args, "html");
    sim.svg = command_option(args, "svg");
    sim.json = command_flag(args, "json");
    sim.seed = 1;
    sim.strategies = strategies != NULL ? strategies : sim.strategies;
    if (!number_option(args, "seeds", ROUTE_SIM_SEEDS_MAX, &seeds) ||
        !number_option(args, "seed", UINT64_MAX / 2, &sim.seed) ||
        !command_complete(args, command, 2, 2))
        return COMMAND_USAGE;
    sim.seeds = (uint32_t)seeds;
    if ((sim.arrivals == NULL) == (sim.generator == NULL))
        return usage("sim CONFIG (--arrivals FILE.csv | --generate FILE) [--strategies a,b,c] "
                     "[--seeds N] [--seed N] [--html FILE] [--svg FOLDER] [--json]");
    config = need_config(args->items[1]);
    if (config == NULL)
        return COMMAND_FAULT;
    status = sim_with(config, &sim);
    route_config_destroy(&config);
    return status;
}

int command_route(struct command_args *args)
{
    const struct command *command = command_find("route");

    if (args->count > 0 && strcmp(args->items[0], "check") == 0)
        return check_main(args, command);
    if (args->count > 0 && strcmp(args->items[0], "explain") == 0)
        return explain_main(args, command);
    if (args->count > 0 && strcmp(args->items[0], "sim") == 0)
        return sim_main(args, command);
    return usage(command->help);
}
