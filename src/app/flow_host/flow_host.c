/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "utf8.h"

/* ---- heads ----------------------------------------------------------------------------------- */

static void text_take(const struct flow_node *node, char *out, size_t max)
{
    struct slice text = node != NULL ? utf8_cut(node->text, max) : SLICE_EMPTY;

    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

/* NULL: it is no document; err says where. */
static struct flow_doc *doc_read(struct slice source, size_t docs_max, struct err *err)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct flow_doc *doc = NULL;

    flow_report_init(report);
    if (!flow_doc_read(source, docs_max, &doc, report)) {
        flow_doc_destroy(&doc);
        if (report->count > 0)
            err_set_field(err, ERR_INVALID, "source", "%u:%u %s", report->findings[0].line,
                          report->findings[0].column, report->findings[0].text);
        else
            err_set_field(err, ERR_INVALID, "source", "not a document");
    }
    free(report);
    return doc;
}

bool flow_host_head(struct slice source, struct flow_host_head *out, struct err *err)
{
    struct flow_doc *doc = doc_read(source, 1, err);
    const struct flow_node *root = doc != NULL && doc->root_count > 0 ? doc->roots[0] : NULL;
    int64_t number = 0;

    *out = (struct flow_host_head){ .number = 1 };
    if (doc == NULL)
        return false;
    if (root != NULL && root->kind == FLOW_NODE_MAP) {
        text_take(flow_node_get(root, "flow"), out->name, FLOW_HOST_NAME_MAX);
        text_take(flow_node_get(root, "title"), out->title, FLOW_HOST_TITLE_MAX);
        out->begins = flow_node_get(root, "start") != NULL;
        if (flow_node_get(root, "version") != NULL &&
            flow_node_int(flow_node_get(root, "version"), &number) && number > 0 &&
            number < INT32_MAX)
            out->number = (unsigned)number;
    }
    flow_doc_destroy(&doc);
    if (out->name[0] == '\0')
        err_set_field(err, ERR_INVALID, "source", "has no `flow:` line with its name");
    return out->name[0] != '\0';
}

void flow_host_story_flow(struct slice source, char out[FLOW_HOST_NAME_MAX + 1])
{
    struct err err;
    struct flow_doc *doc = doc_read(source, STORY_DOCS_MAX, &err);
    char *at;

    out[0] = '\0';
    if (doc != NULL && doc->root_count > 0 && doc->roots[0]->kind == FLOW_NODE_MAP)
        text_take(flow_node_get(doc->roots[0], "flow"), out, FLOW_HOST_NAME_MAX);
    flow_doc_destroy(&doc);
    at = strchr(out, '@');
    if (at != NULL)
        *at = '\0';
}

/* ---- sets ------------------------------------------------------------------------------------ */

struct flow_set *flow_host_set(const struct slice *sources, size_t count,
                               void (*bad)(void *ctx, size_t at, const struct flow_finding *why),
                               void *ctx)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct flow_set *set = flow_set_create();

    for (size_t i = 0; i < count && i < FLOW_HOST_FLOWS_MAX; i++) {
        struct flow *flow = NULL;
        struct err err;

        flow_report_init(report);
        flow_compile(sources[i], NULL, NULL, &flow, NULL, report);
        if (flow == NULL && bad != NULL && report->count > 0)
            bad(ctx, i, &report->findings[0]);
        if (flow != NULL && flow_set_add(set, &flow, &err) != ERR_OK)
            flow_destroy(&flow); /* the same version twice: the first one counts */
    }
    free(report);
    return set;
}

/* ---- checking -------------------------------------------------------------------------------- */

static void gap_add(struct flow_host_check *out, uint32_t line, const char *text)
{
    struct flow_host_gap *gap = &out->gaps[out->gap_count++];
    struct slice cut = utf8_cut(slice_of(text), sizeof(gap->text) - 1);

    gap->line = line;
    memcpy(gap->text, cut.ptr, cut.len);
    gap->text[cut.len] = '\0';
}

static void stories_run(const struct flow_set *set, const struct flow *flow,
                        const struct flow_host_story *stories, size_t count,
                        struct flow_host_check *out)
{
    struct story_coverage *coverage = story_coverage_create(set);
    char name[STORY_FAILURES_MAX * 4];
    char text[300];
    uint32_t line;
    bool covered;

    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(utf8_cut(stories[i].name, 100)));
        story_run(set, stories[i].source, name, coverage, &out->tally, &out->report);
    }
    for (unsigned row = 0;
         story_coverage_row(coverage, flow, row, &line, &covered, text, sizeof(text)); row++) {
        out->rows_covered += covered;
        if (!covered && out->gap_count < FLOW_HOST_GAPS_MAX)
            gap_add(out, line, text);
    }
    story_coverage_destroy(&coverage);
}

void flow_host_check_run(struct slice source, const struct slice *others, size_t other_count,
                         const struct flow_host_story *stories, size_t story_count,
                         struct flow_host_check *out)
{
    struct flow_set *set = flow_host_set(others, other_count, NULL, NULL);
    const struct flow **list;
    struct flow_others known;
    struct flow *flow = NULL;
    const struct flow *kept;
    struct err err;

    memset(out, 0, sizeof(*out));
    flow_report_init(&out->report);
    list = mem_zalloc((flow_set_count(set) + 1) * sizeof(*list));
    known = (struct flow_others){ .flows = list, .complete = true };
    for (size_t i = 0; i < flow_set_count(set); i++)
        list[known.count++] = flow_set_at(set, i);
    flow_compile(source, NULL, &known, &out->flow, &out->facts, &out->report);
    if (out->flow != NULL) {
        /* A second copy for the set, which keeps it. */
        struct flow_report *again = mem_zalloc(sizeof(*again));

        flow_report_init(again);
        flow_compile(source, NULL, &known, &flow, NULL, again);
        free(again);
        kept = flow;
        if (flow != NULL && flow_set_add(set, &flow, &err) == ERR_OK && story_count > 0)
            stories_run(set, kept, stories, story_count, out);
        flow_destroy(&flow);
    }
    out->ok = out->flow != NULL && out->report.errors == 0 && out->tally.failed == 0;
    free(list);
    flow_set_destroy(&set);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The bytes from a place that is given by line and column (in characters). */
static size_t offset_of(struct slice source, uint32_t line, uint32_t column)
{
    size_t at = 0;

    for (uint32_t l = 1; l < line && at < source.len; at++)
        l += source.ptr[at] == '\n';
    for (uint32_t c = 1; c < column && at < source.len; c++) {
        at++;
        while (at < source.len && ((uint8_t)source.ptr[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

bool flow_host_renumber(struct slice source, unsigned number, struct buf *out)
{
    struct err err;
    struct flow_doc *doc = doc_read(source, 1, &err);
    const struct flow_node *root = doc != NULL && doc->root_count > 0 ? doc->roots[0] : NULL;
    const struct flow_node *version =
        root != NULL && root->kind == FLOW_NODE_MAP ? flow_node_get(root, "version") : NULL;
    size_t at = version != NULL ? offset_of(source, version->line, version->column) : source.len;
    size_t end = at;

    while (end < source.len && source.ptr[end] >= '0' && source.ptr[end] <= '9')
        end++;
    flow_doc_destroy(&doc);
    if (end == at)
        return false;
    buf_add(out, source.ptr, at);
    buf_add_u64(out, number);
    buf_add(out, source.ptr + end, source.len - end);
    return buf_ok(out);
}
