/* SPDX-License-Identifier: Apache-2.0 */
/* kefu flow: check, test, format, run, draw and generate. A table of verbs, one function each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "command_flow.h"
#include "command_flow_files.h"
#include "json.h"
#include "mem.h"

enum { OUTPUT_BYTES_MAX = 256 * 1024 * 1024, PATHS_MAX = 1000 };

static const struct command *self(void)
{
    return command_find("flow");
}

static bool files_given(struct command_args *args, int min, int max)
{
    return command_complete(args, self(), min, max);
}

static void print_buf(struct buf *out)
{
    fwrite(out->ptr, 1, out->len, stdout);
    buf_fini(out);
}

static void json_number(struct json_writer *json, const char *key, size_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

static void json_string(struct json_writer *json, const char *key, struct slice value)
{
    json_key(json, key);
    json_text(json, value);
}

/* ---- check ---- */
static void finding_json(struct json_writer *json, const char *path,
                         const struct flow_finding *finding)
{
    json_object_begin(json);
    json_string(json, "file", slice_of(path));
    json_number(json, "line", finding->line);
    json_number(json, "column", finding->column);
    json_string(json, "code", slice_of(finding->code));
    json_string(json, "message", slice_of(finding->text));
    json_object_end(json);
}

static void facts_json(struct json_writer *json, const struct flow_file *file)
{
    const struct flow_facts *facts = &file->facts;

    json_object_begin(json);
    json_string(json, "file", slice_of(file->path));
    if (file->flow != NULL) {
        json_string(json, "flow", flow_name(file->flow));
        json_number(json, "version", flow_version(file->flow));
        json_number(json, "bytes", flow_bytes(file->flow));
    }
    json_number(json, "states", facts->states);
    json_number(json, "rows", facts->rows);
    json_number(json, "globalRows", facts->global_rows);
    json_number(json, "terminals", facts->terminals);
    json_number(json, "unreachable", facts->unreachable);
    json_number(json, "unhandled", facts->unhandled);
    json_key(json, "paths");
    if (facts->paths == UINT64_MAX)
        json_null(json);
    else
        json_u64(json, facts->paths);
    json_object_end(json);
}

static void check_json(const struct flow_files *files, size_t errors, size_t warnings)
{
    struct json_writer json;
    struct buf out;

    buf_init(&out, OUTPUT_BYTES_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_number(&json, "files", files->count);
    json_number(&json, "errors", errors);
    json_number(&json, "warnings", warnings);
    json_key(&json, "flows");
    json_array_begin(&json);
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].kind == STORY_FILE_FLOW)
            facts_json(&json, &files->items[i]);
    }
    json_array_end(&json);
    json_key(&json, "findings");
    json_array_begin(&json);
    for (size_t i = 0; i < files->count; i++) {
        const struct flow_report *report = files->items[i].report;
        for (size_t k = 0; k < report->count; k++)
            finding_json(&json, files->items[i].path, &report->findings[k]);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(&out, '\n');
    print_buf(&out);
}

static void check_text(const struct flow_files *files, size_t errors, size_t warnings)
{
    (void)flow_files_report(files, files->count, stdout);
    for (size_t i = 0; i < files->count; i++) {
        const struct flow_file *file = &files->items[i];

        if (file->flow == NULL)
            continue;
        printf("%s: %.*s version %u: %u states, %u rows + %u global, %u terminals, %u unreachable",
               file->path, (int)flow_name(file->flow).len, flow_name(file->flow).ptr,
               flow_version(file->flow), file->facts.states, file->facts.rows,
               file->facts.global_rows, file->facts.terminals, file->facts.unreachable);
        if (file->facts.paths != UINT64_MAX)
            printf(", %llu paths", (unsigned long long)file->facts.paths);
        putchar('\n');
    }
    printf("%zu files, %zu errors, %zu warnings\n", files->count, errors, warnings);
}

static int flow_check_main(struct command_args *args)
{
    bool json = command_flag(args, "json");
    struct flow_files files;
    struct err err = { 0 };
    size_t errors = 0;
    size_t warnings = 0;
    size_t given;

    if (!files_given(args, 1, PATHS_MAX))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, args->count, false, &given, &err) != ERR_OK)
        return command_fault(&err);
    for (size_t i = 0; i < files.count; i++) {
        errors += files.items[i].report->errors;
        warnings += files.items[i].report->warnings;
    }
    if (json)
        check_json(&files, errors, warnings);
    else
        check_text(&files, errors, warnings);
    flow_files_free(&files);
    return errors > 0 ? COMMAND_FAULT : 0;
}

/* ---- test ---- */
static void failure_json(struct json_writer *json, const struct story_failure *failure)
{
    json_object_begin(json);
    json_string(json, "file", slice_of(failure->file));
    json_string(json, "story", slice_of(failure->story));
    json_number(json, "line", failure->line);
    json_number(json, "step", failure->step);
    json_string(json, "expected", slice_of(failure->expected));
    json_string(json, "actual", slice_of(failure->actual));
    json_object_end(json);
}

/* The flow of a file, wherever it is: flows move into the set by name and version. */
static const struct flow *flow_of_file(const struct flow_set *set, const struct flow_file *file)
{
    return file->flow_name[0] != '\0'
               ? flow_set_find(set, slice_of(file->flow_name), file->flow_version)
               : NULL;
}

typedef void uncovered_fn(void *ctx, const char *path, uint32_t line, const char *text);

static void each_uncovered(const struct flow_files *files, const struct flow_set *set,
                           const struct story_coverage *coverage, uncovered_fn *fn, void *ctx)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct flow *flow = flow_of_file(set, &files->items[i]);
        uint32_t line;
        bool covered;
        char text[300];

        for (unsigned row = 0; flow != NULL && story_coverage_row(coverage, flow, row, &line,
                                                                  &covered, text, sizeof(text));
             row++) {
            if (!covered)
                fn(ctx, files->items[i].path, line, text);
        }
    }
}

static void uncovered_json(void *ctx, const char *path, uint32_t line, const char *text)
{
    struct json_writer *json = ctx;

    json_object_begin(json);
    json_string(json, "file", slice_of(path));
    json_number(json, "line", line);
    json_string(json, "row", slice_of(text));
    json_object_end(json);
}

static void uncovered_text(void *ctx, const char *path, uint32_t line, const char *text)
{
    (void)ctx;
    printf("%s:%u: not covered: %s\n", path, line, text);
}

static void test_json(const struct flow_files *files, const struct flow_set *set,
                      const struct story_coverage *coverage, const struct story_tally *tally)
{
    struct json_writer json;
    struct buf out;
    size_t covered;
    size_t total;

    story_coverage_count(coverage, &covered, &total);
    buf_init(&out, OUTPUT_BYTES_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_number(&json, "stories", tally->stories);
    json_number(&json, "passed", tally->passed);
    json_number(&json, "failed", tally->failed);
    json_number(&json, "rowsCovered", covered);
    json_number(&json, "rowsTotal", total);
    json_number(&json, "stateBytesMax", tally->state_bytes_max);
    json_key(&json, "failures");
    json_array_begin(&json);
    for (size_t i = 0; i < tally->failure_count; i++)
        failure_json(&json, &tally->failures[i]);
    json_array_end(&json);
    json_key(&json, "uncovered");
    json_array_begin(&json);
    each_uncovered(files, set, coverage, uncovered_json, &json);
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(&out, '\n');
    print_buf(&out);
}

static void test_text(const struct flow_files *files, const struct flow_set *set,
                      const struct story_coverage *coverage, const struct story_tally *tally)
{
    size_t covered;
    size_t total;

    for (size_t i = 0; i < tally->failure_count; i++) {
        const struct story_failure *f = &tally->failures[i];
        printf("%s:%u: %s, step %u\n    expected %s\n    actual   %s\n", f->file, f->line, f->story,
               f->step, f->expected, f->actual);
    }
    each_uncovered(files, set, coverage, uncovered_text, NULL);
    story_coverage_count(coverage, &covered, &total);
    printf("%zu stories, %zu passed, %zu failed; %zu of %zu rows covered\n", tally->stories,
           tally->passed, tally->failed, covered, total);
}

static int flow_test_main(struct command_args *args)
{
    bool json = command_flag(args, "json");
    struct story_coverage *coverage = NULL;
    struct story_tally *tally = NULL;
    struct flow_set *set = NULL;
    struct flow_files files;
    struct err err = { 0 };
    size_t given;
    size_t errors;
    int status = COMMAND_FAULT;

    if (!files_given(args, 1, PATHS_MAX))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, args->count, false, &given, &err) != ERR_OK)
        return command_fault(&err);
    set = flow_files_set(&files);
    coverage = story_coverage_create(set);
    story_stubs_add(set);
    tally = mem_zalloc(sizeof(*tally));
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == STORY_FILE_STORY)
            story_run(set, files.items[i].source, files.items[i].path, coverage, tally,
                      files.items[i].report);
    }
    errors = 0;
    for (size_t i = 0; i < files.count; i++)
        errors += files.items[i].report->errors;
    if (errors > 0)
        (void)flow_files_report(&files, files.count, stderr);
    if (json)
        test_json(&files, set, coverage, tally);
    else
        test_text(&files, set, coverage, tally);
    status = errors > 0 || tally->failed > 0 ? COMMAND_FAULT : 0;
    free(tally);
    story_coverage_destroy(&coverage);
    flow_set_destroy(&set);
    flow_files_free(&files);
    return status;
}

/* ---- paths and combinations ---- */
static const struct flow *first_flow(const struct flow_files *files, const struct flow_set *set)
{
    const struct flow *flow = files->count > 0 ? flow_of_file(set, &files->items[0]) : NULL;

    if (flow == NULL)
        (void)flow_files_report(files, 1, stderr);
    return flow;
}

static void stories_json(const struct flow *flow, const struct story_paths *result,
                         struct slice source)
{
    struct json_writer json;
    struct buf out;

    buf_init(&out, OUTPUT_BYTES_MAX);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    json_string(&json, "flow", flow_name(flow));
    json_number(&json, "stories", result->stories);
    json_number(&json, "rowsCovered", result->covered);
    json_number(&json, "rowsTotal", result->total);
    json_number(&json, "runs", result->runs);
    json_string(&json, "source", source);
    json_object_end(&json);
    buf_add_char(&out, '\n');
    print_buf(&out);
}

static int flow_paths_main(struct command_args *args)
{
    bool json = command_flag(args, "json");
    const char *seed = command_option(args, "seed");
    const char *channel = command_option(args, "channel");
    const char *locale = command_option(args, "locale");
    unsigned long long seed_value = 1;
    struct story_paths result;
    struct flow_files files;
    struct flow_set *set;
    const struct flow *flow;
    struct err err = { 0 };
    struct buf source;
    size_t given;

    if (!files_given(args, 1, 1))
        return COMMAND_USAGE;
    if (seed != NULL && !slice_to_u64(slice_of(seed), &seed_value))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, 1, true, &given, &err) != ERR_OK)
        return command_fault(&err);
    set = flow_files_set(&files);
    story_stubs_add(set);
    flow = first_flow(&files, set);
    buf_init(&source, OUTPUT_BYTES_MAX);
    if (flow != NULL) {
        story_paths_generate(set, flow, channel, locale, seed_value, &source, &result);
        if (json)
            stories_json(flow, &result, buf_slice(&source));
        else
            fwrite(source.ptr, 1, source.len, stdout);
    }
    buf_fini(&source);
    flow_set_destroy(&set);
    flow_files_free(&files);
    return flow == NULL || result.covered < result.total ? COMMAND_FAULT : 0;
}

static void combinations_print(const struct story_combinations *r, bool json)
{
    if (json)
        printf("{\"flows\":%u,\"composing\":%u,\"scenarios\":%u,\"passed\":%u,"
               "\"interruptPairs\":%u,\"pairsPassed\":%u,\"digressions\":%u,\"corrections\":%u,"
               "\"valuePairs\":%u,\"valuePairsTotal\":%u,\"rowsCovered\":%zu,\"rowsTotal\":%zu}\n",
               r->flows, r->composing, r->scenarios, r->passed, r->interrupt_pairs, r->pairs_passed,
               r->digressions, r->corrections, r->value_pairs, r->value_pairs_total,
               r->rows_covered, r->rows_total);
    else
        printf(
            "%u flows, %u call others; %u of %u scenarios and %u of %u interrupted pairs passed; "
            "%zu of %zu rows\n",
            r->flows, r->composing, r->passed, r->scenarios, r->pairs_passed, r->interrupt_pairs,
            r->rows_covered, r->rows_total);
    if (r->first_failure[0] != '\0')
        fprintf(stderr, "kefu: %s\n", r->first_failure);
}

static int flow_combinations_main(struct command_args *args)
{
    bool json = command_flag(args, "json");
    struct story_combinations result;
    struct flow_files files;
    struct flow_set *set;
    struct err err = { 0 };
    size_t given;

    if (!files_given(args, 1, 1))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, 1, false, &given, &err) != ERR_OK)
        return command_fault(&err);
    if (flow_files_report(&files, files.count, stderr) > 0) {
        flow_files_free(&files);
        return COMMAND_FAULT;
    }
    set = flow_files_set(&files);
    story_combine(set, 1, &result);
    combinations_print(&result, json);
    flow_set_destroy(&set);
    flow_files_free(&files);
    return result.passed < result.scenarios || result.pairs_passed < result.interrupt_pairs
               ? COMMAND_FAULT
               : 0;
}

/* ---- graph ---- */
static int flow_graph_main(struct command_args *args)
{
    const char *format = command_option(args, "format");
    struct flow_files files;
    struct flow_set *set;
    const struct flow *flow;
    struct err err = { 0 };
    struct buf dot;
    size_t given;
    int status = COMMAND_FAULT;

    if (!files_given(args, 1, 1))
        return COMMAND_USAGE;
    if (format != NULL && strcmp(format, "dot") != 0 && strcmp(format, "svg") != 0) {
        fputs("kefu flow: --format dot or svg\n", stderr);
        return COMMAND_USAGE;
    }
    if (flow_files_load(&files, args->items, 1, true, &given, &err) != ERR_OK)
        return command_fault(&err);
    set = flow_files_set(&files);
    story_stubs_add(set);
    flow = first_flow(&files, set);
    buf_init(&dot, OUTPUT_BYTES_MAX);
    if (flow != NULL) {
        flow_graph_write(flow, &dot);
        status = 0;
        if (format != NULL && strcmp(format, "svg") == 0)
            status = command_flow_svg(buf_slice(&dot), &err);
        else
            fwrite(dot.ptr, 1, dot.len, stdout);
    }
    buf_fini(&dot);
    flow_set_destroy(&set);
    flow_files_free(&files);
    return status;
}

/* ---- fmt ---- */
static enum err_code write_file(const char *path, struct slice text, struct err *err)
{
    FILE *out = fopen(path, "wb");

    if (out == NULL)
        return err_set_field(err, ERR_IO, path, "cannot be written");
    if (fwrite(text.ptr, 1, text.len, out) != text.len) {
        fclose(out);
        return err_set_field(err, ERR_IO, path, "cannot be written");
    }
    return fclose(out) == 0 ? ERR_OK : err_set_field(err, ERR_IO, path, "cannot be written");
}

/* 0: canonical already, 1: changed, -1: not a flow (findings printed). */
static int format_one(struct flow_file *file, bool check, struct err *err)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct buf out;
    int changed = 0;

    buf_init(&out, 4 * FLOW_SOURCE_BYTES_MAX);
    if (!flow_format(file->source, &out, report)) {
        for (size_t i = 0; i < report->count; i++)
            fprintf(stderr, "%s:%u:%u: %s: %s\n", file->path, report->findings[i].line,
                    report->findings[i].column, report->findings[i].code, report->findings[i].text);
        changed = -1;
    } else if (!slice_equal(buf_slice(&out), file->source)) {
        changed = 1;
        if (!check && write_file(file->path, buf_slice(&out), err) != ERR_OK)
            changed = -1;
    }
    buf_fini(&out);
    free(report);
    return changed;
}

static int flow_fmt_main(struct command_args *args)
{
    bool check = command_flag(args, "check");
    struct flow_files files;
    struct err err = { 0 };
    size_t given;
    int status = 0;

    if (!files_given(args, 1, PATHS_MAX))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, args->count, false, &given, &err) != ERR_OK)
        return command_fault(&err);
    for (size_t i = 0; i < files.count; i++) {
        int changed;

        if (files.items[i].kind != STORY_FILE_FLOW)
            continue;
        changed = format_one(&files.items[i], check, &err);
        if (changed < 0 && err.code != ERR_OK)
            (void)command_fault(&err);
        if (changed > 0)
            printf("%s%s\n", files.items[i].path, check ? ": not in canonical form" : "");
        if (changed < 0 || (check && changed > 0))
            status = COMMAND_FAULT;
    }
    flow_files_free(&files);
    return status;
}

/* ---- schema ---- */
static int flow_schema_main(struct command_args *args)
{
    bool markdown = command_flag(args, "markdown");
    struct buf out;

    if (!files_given(args, 0, 0))
        return COMMAND_USAGE;
    buf_init(&out, OUTPUT_BYTES_MAX);
    if (markdown)
        flow_schema_markdown(&out);
    else
        flow_schema_text(&out);
    print_buf(&out);
    return 0;
}

static int flow_run_main(struct command_args *args)
{
    const char *given_path = command_option(args, "given");
    struct flow_files files;
    struct flow_set *set;
    const struct flow *flow;
    struct err err = { 0 };
    size_t given;
    int status = COMMAND_FAULT;

    if (!files_given(args, 1, 1))
        return COMMAND_USAGE;
    if (flow_files_load(&files, args->items, 1, true, &given, &err) != ERR_OK)
        return command_fault(&err);
    set = flow_files_set(&files);
    story_stubs_add(set);
    flow = first_flow(&files, set);
    if (flow != NULL)
        status = command_flow_talk(set, flow, given_path);
    flow_set_destroy(&set);
    flow_files_free(&files);
    return status;
}

static const struct {
    const char *name;
    int (*run)(struct command_args *args);
} verbs[] = {
    { "check", flow_check_main },   { "test", flow_test_main },
    { "fmt", flow_fmt_main },       { "run", flow_run_main },
    { "graph", flow_graph_main },   { "paths", flow_paths_main },
    { "schema", flow_schema_main }, { "combinations", flow_combinations_main },
};

int command_flow(struct command_args *args)
{
    for (size_t i = 0; args->count > 0 && i < LENGTH_OF(verbs); i++) {
        struct command_args rest = { args->count - 1, args->items + 1 };

        if (strcmp(args->items[0], verbs[i].name) == 0)
            return verbs[i].run(&rest);
    }
    fprintf(stderr, "usage: kefu flow %s\n", self()->help);
    return COMMAND_USAGE;
}
