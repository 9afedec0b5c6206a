/* SPDX-License-Identifier: Apache-2.0 */
/* Trees, findings, and the choice between the two fronts. */
#include "flow_doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "utf8.h"

/* Room for the nodes and the copied texts of the largest source. */
enum { ARENA_BYTES_MAX = FLOW_DOC_NODES_MAX * 128 + 4 * FLOW_SOURCE_BYTES_MAX };

void flow_report_init(struct flow_report *report)
{
    report->count = 0;
    report->errors = report->warnings = 0;
}

void flow_report_add(struct flow_report *report, const char *code, uint32_t line, uint32_t column,
                     const char *fmt, ...)
{
    struct flow_finding *finding;
    va_list args;

    report->errors += code[0] == 'E';
    report->warnings += code[0] == 'W';
    if (report->count == FLOW_FINDINGS_MAX)
        return;
    finding = &report->findings[report->count++];
    snprintf(finding->code, sizeof(finding->code), "%s", code);
    finding->line = line;
    finding->column = column;
    va_start(args, fmt);
    vsnprintf(finding->text, sizeof(finding->text), fmt, args);
    va_end(args);
}

void flow_report_sort(struct flow_report *report)
{
    for (size_t i = 1; i < report->count; i++) {
        struct flow_finding moved = report->findings[i];
        size_t at = i;

        for (; at > 0 && (report->findings[at - 1].line > moved.line ||
                          (report->findings[at - 1].line == moved.line &&
                           report->findings[at - 1].column > moved.column));
             at--)
            report->findings[at] = report->findings[at - 1];
        report->findings[at] = moved;
    }
}

bool flow_report_has(const struct flow_report *report, const char *code)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->findings[i].code, code) == 0)
            return true;
    }
    return false;
}

struct flow_node *flow_doc_node(struct flow_doc *doc, enum flow_node_kind kind)
{
    struct flow_node *node;

    if (doc->node_count == FLOW_DOC_NODES_MAX)
        return NULL;
    node = arena_zalloc(&doc->arena, sizeof(*node));
    if (node == NULL)
        return NULL;
    doc->node_count++;
    node->kind = kind;
    return node;
}

void flow_node_append(struct flow_node *parent, struct flow_node *last, struct flow_node *child)
{
    if (last == NULL)
        parent->first = child;
    else
        last->next = child;
    parent->count++;
}

/* Line and column of the first byte that is not UTF-8. */
static void report_encoding(struct slice source, struct flow_report *report)
{
    struct utf8_state state = { 0 };
    uint32_t line = 1;
    uint32_t column = 1;

    for (size_t i = 0; i < source.len; i++) {
        if (!utf8_feed(&state, slice_make(source.ptr + i, 1)))
            break;
        if (source.ptr[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)source.ptr[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    flow_report_add(report, "E0", line, column, "not UTF-8");
}

bool flow_doc_read(struct slice source, size_t docs_max, struct flow_doc **out,
                   struct flow_report *report)
{
    struct flow_doc *doc;
    struct slice begin;
    bool ok;

    *out = NULL;
    if (source.len > FLOW_SOURCE_BYTES_MAX) {
        flow_report_add(report, "E0", 1, 1, "%zu bytes, limit %d", source.len,
                        FLOW_SOURCE_BYTES_MAX);
        return false;
    }
    if (!utf8_valid(source)) {
        report_encoding(source, report);
        return false;
    }
    doc = mem_zalloc(sizeof(*doc));
    arena_init(&doc->arena, ARENA_BYTES_MAX);
    begin = slice_trim(source);
    if (begin.len > 0 && begin.ptr[0] == '{')
        ok = flow_json_read(source, doc, report);
    else
        ok = flow_yaml_read(source,
                            docs_max < LENGTH_OF(doc->roots) ? docs_max : LENGTH_OF(doc->roots),
                            doc, report);
    if (!ok)
        flow_doc_destroy(&doc);
    *out = doc;
    return ok;
}

void flow_doc_destroy(struct flow_doc **doc)
{
    if (*doc == NULL)
        return;
    arena_fini(&(*doc)->arena);
    free(*doc);
    *doc = NULL;
}

const struct flow_node *flow_node_find(const struct flow_node *map, struct slice key)
{
    if (map == NULL || map->kind != FLOW_NODE_MAP)
        return NULL;
    for (const struct flow_node *child = map->first; child != NULL; child = child->next) {
        if (slice_equal(child->key, key))
            return child;
    }
    return NULL;
}

const struct flow_node *flow_node_get(const struct flow_node *map, const char *key)
{
    return flow_node_find(map, slice_of(key));
}

bool flow_node_int(const struct flow_node *node, int64_t *out)
{
    unsigned long long value;
    bool negative;
    struct slice text;

    if (node == NULL || node->kind != FLOW_NODE_SCALAR || node->quoted)
        return false;
    text = node->text;
    negative = text.len > 1 && text.ptr[0] == '-';
    if (negative)
        text = slice_make(text.ptr + 1, text.len - 1);
    if (!slice_to_u64(text, &value) || value > INT32_MAX)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool flow_node_bool(const struct flow_node *node, bool *out)
{
    if (node == NULL || node->kind != FLOW_NODE_SCALAR || node->quoted)
        return false;
    *out = slice_equal_text(node->text, "true");
    return *out || slice_equal_text(node->text, "false");
}

bool flow_node_duration(const struct flow_node *node, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    unsigned long long count;
    size_t digits = 0;

    if (node == NULL || node->kind != FLOW_NODE_SCALAR)
        return false;
    while (digits < node->text.len && node->text.ptr[digits] >= '0' &&
           node->text.ptr[digits] <= '9')
        digits++;
    if (!slice_to_u64(slice_make(node->text.ptr, digits), &count) || count > 100 * 1000)
        return false;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (slice_equal_text(slice_make(node->text.ptr + digits, node->text.len - digits),
                             units[i].unit)) {
            *out_ms = (int64_t)count * units[i].ms;
            return true;
        }
    }
    return false;
}
