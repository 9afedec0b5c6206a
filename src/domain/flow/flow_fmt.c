/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a flow: keys in the schema's order; two blanks of indentation; a slot, a
 * state, an action, a text or a row on one line in flow style where it fits in FMT_COLUMNS, and
 * spread over several where it does not. Comments stay: whole lines before the part that they stood
 * before, a comment behind something behind its last line.
 *
 * Comments are not in the tree (libyaml drops them), so the lines of the source are looked at once
 * more: a # at the start of a line or behind a blank, outside quotes, begins one. */
#include "flow_schema.h"

#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "flow.h"
#include "mem.h"
#include "utf8.h"

enum { FMT_COLUMNS = 100, FMT_PASSES_MAX = 8 };

struct comment {
    struct slice text; /* from the # on */
    bool alone;        /* nothing else on its line */
    bool written;
};

struct formatter {
    struct buf *out;
    struct comment *comments; /* by line, from 1 */
    uint32_t lines;
};

/* ---- comments ---- */
static void find_comment(struct slice line, struct comment *comment)
{
    char quote = '\0';
    bool blank = true;

    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        if (quote != '\0') {
            if (c == '\\' && quote == '"')
                i++;
            else if (c == quote)
                quote = '\0';
        } else if ((c == '"' || c == '\'') &&
                   (i == 0 || memchr(" [{,:", line.ptr[i - 1], 5) != NULL)) {
            quote = c;
        } else if (c == '#' && (i == 0 || line.ptr[i - 1] == ' ')) {
            comment->text = slice_trim(slice_make(line.ptr + i, line.len - i));
            comment->alone = blank;
            return;
        }
        blank &= c == ' ';
    }
}

static void find_comments(struct formatter *f, struct slice source)
{
    uint32_t line = 1;
    size_t begin = 0;

    for (size_t i = 0; i < source.len; i++)
        f->lines += source.ptr[i] == '\n';
    f->lines += 2;
    f->comments = mem_zalloc((f->lines + 1) * sizeof(*f->comments));
    for (size_t i = 0; i <= source.len; i++) {
        if (i < source.len && source.ptr[i] != '\n')
            continue;
        find_comment(slice_make(source.ptr + begin, i - begin), &f->comments[line++]);
        begin = i + 1;
    }
}

static void indent(struct formatter *f, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_add_text(f->out, "  ");
}

/* Whole-line comments up to a line of the source that were not written yet. */
static void comments_before(struct formatter *f, uint32_t line, unsigned depth)
{
    for (uint32_t i = 1; i < line && i <= f->lines; i++) {
        struct comment *comment = &f->comments[i];

        if (comment->text.len == 0 || comment->written || !comment->alone)
            continue;
        comment->written = true;
        indent(f, depth);
        buf_add_slice(f->out, comment->text);
        buf_add_char(f->out, '\n');
    }
}

/* Comments behind the lines from first to last. */
static void comments_behind(struct formatter *f, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last && i <= f->lines; i++) {
        struct comment *comment = &f->comments[i];

        if (comment->text.len == 0 || comment->written || comment->alone)
            continue;
        comment->written = true;
        buf_add_text(f->out, "  ");
        buf_add_slice(f->out, comment->text);
    }
}

static bool comments_inside(const struct formatter *f, uint32_t first, uint32_t last)
{
    for (uint32_t i = first + 1; i < last && i <= f->lines; i++) {
        if (f->comments[i].text.len > 0)
            return true;
    }
    return false;
}

/* ---- scalars ---- */
static bool needs_quotes(struct slice text)
{
    if (text.len == 0 || text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ' ||
        memchr("-?:,[]{}#&*!|>'\"%@`~", text.ptr[0], 20) != NULL)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (memchr(",[]{}\"\\", c, 7) != NULL || (unsigned char)c < 0x20)
            return true;
        if (c == ':' && (i + 1 == text.len || text.ptr[i + 1] == ' '))
            return true;
        if (c == '#' && text.ptr[i - 1] == ' ')
            return true;
    }
    return false;
}

/* What is quoted stays quoted: "12" and 12 may differ. */
static void add_scalar(struct slice text, bool quoted, struct buf *out)
{
    if (!quoted && !needs_quotes(text)) {
        buf_add_slice(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_add_text(out, "\\n");
        else if (c == '\t')
            buf_add_text(out, "\\t");
        else if ((unsigned char)c < 0x20)
            buf_printf(out, "\\x%02X", (unsigned)c);
        else
            buf_add_char(out, c);
    }
    buf_add_char(out, '"');
}

/* ---- flow style: everything on one line ---- */
static const struct flow_shape *shape_of(const struct flow_shape *shape, struct slice key)
{
    for (size_t i = 0; shape != NULL && i < shape->count; i++) {
        if (shape->keys[i].name != NULL && slice_equal_text(key, shape->keys[i].name))
            return shape->keys[i].ref != NULL ? flow_shape_find(shape->keys[i].ref) : NULL;
    }
    return NULL;
}

static bool shape_is_map(const struct flow_shape *shape, struct slice key)
{
    for (size_t i = 0; shape != NULL && i < shape->count; i++) {
        if (shape->keys[i].name != NULL && slice_equal_text(key, shape->keys[i].name))
            return shape->keys[i].type == FLOW_KEY_MAP || shape->keys[i].type == FLOW_KEY_ROWS ||
                   shape->keys[i].type == FLOW_KEY_LIST;
    }
    return false;
}

/* The next child to write: in the schema's order, unknown keys last; NULL at the end. */
static const struct flow_node *next_child(const struct flow_node *node,
                                          const struct flow_shape *shape, size_t *at)
{
    if (node->kind != FLOW_NODE_MAP || shape == NULL || shape->keys[0].name == NULL) {
        const struct flow_node *child = node->first;
        for (size_t i = 0; i < *at && child != NULL; i++)
            child = child->next;
        ++*at;
        return child;
    }
    while (*at < shape->count) {
        const struct flow_node *child = flow_node_get(node, shape->keys[(*at)++].name);
        if (child != NULL)
            return child;
    }
    return NULL;
}

/* A child's shape: of a map of shapes it is the map's own. */
static const struct flow_shape *child_shape(const struct flow_shape *shape, bool members,
                                            struct slice key, bool *child_members)
{
    *child_members = !members && shape_is_map(shape, key);
    return members ? shape : shape_of(shape, key);
}

static void add_inline(const struct flow_node *node, const struct flow_shape *shape, bool members,
                       struct buf *out)
{
    size_t at = 0;
    bool first = true;
    bool map = node->kind == FLOW_NODE_MAP;
    const struct flow_node *child;

    if (node->kind == FLOW_NODE_SCALAR) {
        add_scalar(node->text, node->quoted, out);
        return;
    }
    buf_add_char(out, map ? '{' : '[');
    while ((child = next_child(node, members ? NULL : shape, &at)) != NULL) {
        bool inner = false;
        const struct flow_shape *next =
            map ? child_shape(shape, members, child->key, &inner) : shape;

        if (!first)
            buf_add_text(out, ", ");
        first = false;
        if (map) {
            add_scalar(child->key, false, out);
            buf_add_text(out, ": ");
        }
        add_inline(child, next, inner, out);
    }
    buf_add_char(out, map ? '}' : ']');
}

static size_t width_of(struct slice text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return width;
}

/* ---- block style ---- */
static void write_node(struct formatter *f, const struct flow_node *node,
                       const struct flow_shape *shape, bool members, unsigned depth,
                       bool always_block);

static bool fits_inline(struct formatter *f, const struct flow_node *node,
                        const struct flow_shape *shape, bool members, size_t used)
{
    struct buf line;
    bool fits;

    if (comments_inside(f, node->line, node->end_line))
        return false;
    buf_init(&line, 8 * FMT_COLUMNS);
    add_inline(node, shape, members, &line);
    fits = buf_ok(&line) && used + width_of(buf_slice(&line)) <= FMT_COLUMNS;
    buf_fini(&line);
    return fits;
}

static uint32_t first_line(const struct flow_node *node)
{
    return node->key.len > 0 ? node->key_line : node->line;
}

/* What follows a key or a dash: on the same line, or below. */
static void write_value(struct formatter *f, const struct flow_node *node,
                        const struct flow_shape *shape, bool members, unsigned depth, size_t used,
                        bool top)
{
    bool parts = node->kind != FLOW_NODE_SCALAR && node->count > 0;
    /* Slots, states and the like always stand one below the other. */
    bool block = parts && ((top && node->kind == FLOW_NODE_MAP && members) ||
                           (top && node->kind == FLOW_NODE_LIST && shape != NULL) ||
                           !fits_inline(f, node, shape, members, used + 1));

    if (!block) {
        buf_add_char(f->out, ' ');
        add_inline(node, shape, members, f->out);
        comments_behind(f, first_line(node), node->end_line);
        buf_add_char(f->out, '\n');
        return;
    }
    comments_behind(f, first_line(node), first_line(node));
    buf_add_char(f->out, '\n');
    write_node(f, node, shape, members, depth + 1, false);
}

static void write_node(struct formatter *f, const struct flow_node *node,
                       const struct flow_shape *shape, bool members, unsigned depth, bool top)
{
    const struct flow_node *child;
    size_t at = 0;

    while ((child = next_child(node, members ? NULL : shape, &at)) != NULL) {
        bool inner = false;
        const struct flow_shape *next =
            node->kind == FLOW_NODE_MAP ? child_shape(shape, members, child->key, &inner) : shape;
        size_t begin;

        comments_before(f, first_line(child), depth);
        begin = f->out->len;
        indent(f, depth);
        if (node->kind == FLOW_NODE_MAP) {
            add_scalar(child->key, false, f->out);
            buf_add_char(f->out, ':');
        } else {
            buf_add_char(f->out, '-');
        }
        if (node->kind == FLOW_NODE_LIST && child->kind != FLOW_NODE_SCALAR) {
            /* An item stays on the line of its dash. */
            buf_add_char(f->out, ' ');
            add_inline(child, next, inner, f->out);
            comments_behind(f, first_line(child), child->end_line);
            buf_add_char(f->out, '\n');
            continue;
        }
        write_value(f, child, next, inner, depth,
                    width_of(slice_make(f->out->ptr + begin, f->out->len - begin)), top);
    }
}

static bool format_once(struct slice source, struct buf *out, struct flow_report *report)
{
    struct formatter f = { .out = out };
    struct flow_doc *doc;

    if (!flow_doc_read(source, 1, &doc, report))
        return false;
    flow_schema_check(doc->roots[0], report);
    if (report->errors > 0) { /* an unknown key would be lost */
        flow_doc_destroy(&doc);
        return false;
    }
    find_comments(&f, source);
    write_node(&f, doc->roots[0], flow_shape_find("flow"), false, 0, true);
    comments_before(&f, f.lines + 1, 0);
    free(f.comments);
    flow_doc_destroy(&doc);
    return buf_ok(out);
}

/* A comment that stood inside a list moves before or behind it, and what it stood in may fit on one
 * line then: so once more, until nothing changes. */
bool flow_format(struct slice source, struct buf *out, struct flow_report *report)
{
    struct buf again;
    bool ok = format_once(source, out, report);
    bool same = false;

    buf_init(&again, out->len_max);
    for (unsigned i = 0; i < FMT_PASSES_MAX && ok && !same; i++) {
        buf_clear(&again);
        ok = format_once(buf_slice(out), &again, report);
        same = slice_equal(buf_slice(out), buf_slice(&again));
        buf_clear(out);
        buf_add_slice(out, buf_slice(&again));
    }
    buf_fini(&again);
    return ok;
}
