/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML front: libyaml's events to a tree, and what the strict subset leaves out refused. */
#include "flow_doc.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

struct level {
    struct flow_node *node;
    struct flow_node *last;
    struct slice key; /* read, waiting for its value */
    uint32_t key_line, key_column;
    bool has_key;
    bool brackets; /* flow style: it ends with a bracket of its own */
};

struct reader {
    struct flow_doc *doc;
    struct flow_report *report;
    size_t docs_max;
    struct level levels[FLOW_DOC_DEPTH_MAX];
    unsigned depth;
    bool done, failed;
};

static void fault(struct reader *r, yaml_mark_t mark, const char *text)
{
    if (!r->failed)
        flow_report_add(r->report, "E0", (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, "%s",
                        text);
    r->failed = true;
}

/* A tab looks like blanks and is not; YAML allows it in some places, people never mean it. */
static bool check_tabs(struct slice source, struct flow_report *report)
{
    uint32_t line = 1;
    uint32_t column = 1;

    for (size_t i = 0; i < source.len; i++, column++) {
        if (source.ptr[i] == '\t') {
            flow_report_add(report, "E0", line, column,
                            "a tab: use spaces, or \\t inside double quotes");
            return false;
        }
        if (source.ptr[i] == '\n') {
            line++;
            column = 0;
        }
    }
    return true;
}

static void take_key(struct reader *r, const yaml_event_t *event, struct slice text)
{
    struct level *level = &r->levels[r->depth - 1];

    if (flow_node_find(level->node, text) != NULL) {
        char problem[FLOW_FINDING_TEXT_MAX];
        snprintf(problem, sizeof(problem), "key %.*s twice", (int)text.len, text.ptr);
        fault(r, event->start_mark, problem);
        return;
    }
    level->key = text;
    level->key_line = (uint32_t)event->start_mark.line + 1;
    level->key_column = (uint32_t)event->start_mark.column + 1;
    level->has_key = true;
}

/* Puts a new node where it belongs: a value, an item, or a document. */
static struct flow_node *place(struct reader *r, const yaml_event_t *event,
                               enum flow_node_kind kind)
{
    struct flow_node *node = flow_doc_node(r->doc, kind);
    struct level *level;

    if (node == NULL) {
        fault(r, event->start_mark, "too many parts");
        return NULL;
    }
    node->line = (uint32_t)event->start_mark.line + 1;
    node->column = (uint32_t)event->start_mark.column + 1;
    node->end_line = (uint32_t)event->end_mark.line + 1;
    if (r->depth == 0) {
        if (r->doc->root_count == r->docs_max)
            fault(r, event->start_mark,
                  r->docs_max == 1 ? "one document in a file" : "too many documents");
        else
            r->doc->roots[r->doc->root_count++] = node;
        return node;
    }
    level = &r->levels[r->depth - 1];
    if (level->node->kind == FLOW_NODE_MAP) {
        node->key = level->key;
        node->key_line = level->key_line;
        node->key_column = level->key_column;
        level->has_key = false;
    }
    flow_node_append(level->node, level->last, node);
    level->last = node;
    return node;
}

static bool expects_key(const struct reader *r)
{
    return r->depth > 0 && r->levels[r->depth - 1].node->kind == FLOW_NODE_MAP &&
           !r->levels[r->depth - 1].has_key;
}

static void on_scalar(struct reader *r, const yaml_event_t *event)
{
    char *copy;
    struct slice text;
    struct flow_node *node;

    if (event->data.scalar.anchor != NULL) {
        fault(r, event->start_mark, "anchors (&name) are not part of the format");
        return;
    }
    if (event->data.scalar.tag != NULL) {
        fault(r, event->start_mark, "tags (!name) are not part of the format");
        return;
    }
    copy = arena_strdup(&r->doc->arena,
                        slice_make(event->data.scalar.value, event->data.scalar.length));
    if (copy == NULL) {
        fault(r, event->start_mark, "too large");
        return;
    }
    text = slice_make(copy, event->data.scalar.length);
    if (memchr(text.ptr, '\0', text.len) != NULL) {
        fault(r, event->start_mark, "a zero byte in a text");
        return;
    }
    if (expects_key(r)) {
        take_key(r, event, text);
        return;
    }
    node = place(r, event, FLOW_NODE_SCALAR);
    if (node == NULL)
        return;
    node->text = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static void on_begin(struct reader *r, const yaml_event_t *event, enum flow_node_kind kind)
{
    bool map = kind == FLOW_NODE_MAP;
    bool brackets = map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                        : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    struct flow_node *node;

    if ((map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor) != NULL)
        fault(r, event->start_mark, "anchors (&name) are not part of the format");
    if ((map ? event->data.mapping_start.tag : event->data.sequence_start.tag) != NULL)
        fault(r, event->start_mark, "tags (!name) are not part of the format");
    if (expects_key(r))
        fault(r, event->start_mark, "a key must be a plain text");
    if (r->depth == FLOW_DOC_DEPTH_MAX)
        fault(r, event->start_mark, "nested too deep");
    if (r->failed)
        return;
    node = place(r, event, kind);
    if (node != NULL)
        r->levels[r->depth++] = (struct level){ .node = node, .brackets = brackets };
}

/* A block ends where the next thing begins, so its own last line is that of its last part. */
static void on_end(struct reader *r, const yaml_event_t *event)
{
    struct level *level = &r->levels[r->depth - 1];

    if (level->brackets || level->last == NULL)
        level->node->end_line = (uint32_t)event->end_mark.line + 1;
    else
        level->node->end_line = level->last->end_line;
    r->depth--;
}

static void on_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(r, event);
        break;
    case YAML_MAPPING_START_EVENT:
        on_begin(r, event, FLOW_NODE_MAP);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_begin(r, event, FLOW_NODE_LIST);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        on_end(r, event);
        break;
    case YAML_ALIAS_EVENT:
        fault(r, event->start_mark, "aliases (*name) are not part of the format");
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.version_directive != NULL ||
            event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end)
            fault(r, event->start_mark, "directives (%) are not part of the format");
        break;
    case YAML_STREAM_END_EVENT:
        r->done = true;
        break;
    default:
        break;
    }
}

static void on_parser_fault(struct reader *r, const yaml_parser_t *parser)
{
    char text[FLOW_FINDING_TEXT_MAX];

    snprintf(text, sizeof(text), "%s%s%s", parser->problem != NULL ? parser->problem : "not YAML",
             parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
    fault(r, parser->problem_mark, text);
}

bool flow_yaml_read(struct slice source, size_t docs_max, struct flow_doc *doc,
                    struct flow_report *report)
{
    struct reader reader = { .doc = doc, .report = report, .docs_max = docs_max };
    yaml_parser_t parser;

    if (!check_tabs(source, report))
        return false;
    if (yaml_parser_initialize(&parser) == 0) {
        flow_report_add(report, "E0", 1, 1, "out of memory");
        return false;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)source.ptr, source.len);
    while (!reader.done && !reader.failed) {
        yaml_event_t event;

        if (yaml_parser_parse(&parser, &event) == 0) {
            on_parser_fault(&reader, &parser);
            break;
        }
        on_event(&reader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (!reader.failed && doc->root_count == 0) {
        flow_report_add(report, "E0", 1, 1, "empty");
        return false;
    }
    return !reader.failed;
}
