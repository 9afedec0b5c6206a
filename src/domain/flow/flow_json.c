/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON front: the same tree from the pull reader of base. A string is a quoted scalar; numbers,
 * true and false are plain ones, so both fronts mean the same. */
#include "flow_doc.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

struct reader {
    struct json_reader json;
    struct flow_doc *doc;
    struct flow_report *report;
    struct slice source;
    size_t counted; /* bytes of the source that line and column stand for */
    uint32_t line, column;
    bool failed;
};

static struct flow_node *read_value(struct reader *r, enum json_token token, unsigned depth);

static void move_to(struct reader *r, size_t offset)
{
    for (; r->counted < offset && r->counted < r->source.len; r->counted++) {
        if (r->source.ptr[r->counted] == '\n') {
            r->line++;
            r->column = 1;
        } else if (((unsigned char)r->source.ptr[r->counted] & 0xC0) != 0x80) {
            r->column++;
        }
    }
}

static void fault(struct reader *r, const char *text)
{
    if (!r->failed) {
        move_to(r, json_offset(&r->json));
        flow_report_add(r->report, "E0", r->line, r->column, "%s", text);
    }
    r->failed = true;
}

static enum json_token next(struct reader *r)
{
    enum json_token token = json_next(&r->json);

    if (token == JSON_ERROR)
        fault(r, r->json.problem);
    return token;
}

static struct slice token_text(struct reader *r)
{
    char *copy = arena_alloc(&r->doc->arena, r->json.raw.len + 1);

    if (copy == NULL) {
        fault(r, "too large");
        return slice_of("");
    }
    if (!r->json.escaped) {
        memcpy(copy, r->json.raw.ptr, r->json.raw.len);
        return slice_make(copy, r->json.raw.len);
    }
    return slice_make(copy, json_unescape(r->json.raw, copy));
}

/* Where the token that was just read began. */
static void mark(struct reader *r, uint32_t *line, uint32_t *column)
{
    size_t back = r->json.raw.len > 0 && r->json.raw.ptr >= r->source.ptr
                      ? (size_t)(r->json.raw.ptr - r->source.ptr)
                      : json_offset(&r->json);

    move_to(r, back > r->counted ? back : r->counted);
    *line = r->line;
    *column = r->column;
}

static void read_object(struct reader *r, struct flow_node *map, unsigned depth)
{
    struct flow_node *last = NULL;
    enum json_token token;

    while ((token = next(r)) == JSON_KEY) {
        uint32_t line;
        uint32_t column;
        struct slice key;
        struct flow_node *value;

        mark(r, &line, &column);
        key = token_text(r);
        if (flow_node_find(map, key) != NULL && !r->failed) {
            flow_report_add(r->report, "E0", line, column, "key %.*s twice", (int)key.len, key.ptr);
            r->failed = true;
        }
        value = read_value(r, next(r), depth);
        if (value == NULL)
            return;
        value->key = key;
        value->key_line = line;
        value->key_column = column;
        flow_node_append(map, last, value);
        last = value;
    }
}

static void read_array(struct reader *r, struct flow_node *list, unsigned depth)
{
    struct flow_node *last = NULL;

    for (;;) {
        enum json_token token = next(r);
        struct flow_node *item;

        if (token == JSON_ARRAY_END || r->failed)
            return;
        item = read_value(r, token, depth);
        if (item == NULL)
            return;
        flow_node_append(list, last, item);
        last = item;
    }
}

static struct flow_node *read_value(struct reader *r, enum json_token token, unsigned depth)
{
    static const enum flow_node_kind kinds[] = {
        [JSON_OBJECT_BEGIN] = FLOW_NODE_MAP,
        [JSON_ARRAY_BEGIN] = FLOW_NODE_LIST,
        [JSON_NULL] = FLOW_NODE_SCALAR,
    };
    struct flow_node *node;

    if (depth == FLOW_DOC_DEPTH_MAX)
        fault(r, "nested too deep");
    if (token == JSON_NULL)
        fault(r, "null: leave the key out");
    if (r->failed)
        return NULL;
    node = flow_doc_node(r->doc, kinds[token]);
    if (node == NULL) {
        fault(r, "too many parts");
        return NULL;
    }
    mark(r, &node->line, &node->column);
    if (token == JSON_OBJECT_BEGIN)
        read_object(r, node, depth + 1);
    else if (token == JSON_ARRAY_BEGIN)
        read_array(r, node, depth + 1);
    else if (token == JSON_TRUE || token == JSON_FALSE)
        node->text = slice_of(token == JSON_TRUE ? "true" : "false");
    else
        node->text = token_text(r);
    node->quoted = token == JSON_TEXT;
    move_to(r, json_offset(&r->json));
    node->end_line = r->line;
    return node;
}

bool flow_json_read(struct slice source, struct flow_doc *doc, struct flow_report *report)
{
    struct reader r = { .doc = doc, .report = report, .source = source, .line = 1, .column = 1 };

    json_reader_init(&r.json, source);
    doc->roots[0] = read_value(&r, next(&r), 0);
    if (!r.failed)
        next(&r);
    doc->root_count = r.failed ? 0 : 1;
    return !r.failed;
}
