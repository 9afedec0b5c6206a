/* SPDX-License-Identifier: Apache-2.0 */
/* Values out of nothing: what a guard compares a name with is the best guess of what it can be. */
#include "story_walk.h"

#include <stdio.h>
#include <string.h>

#include "flow_area.h"
#include "flow_set.h"
#include "json.h"
#include "regex.h"

uint64_t walk_dice(struct walk *walk, uint64_t sides)
{
    walk->seed ^= walk->seed << 13;
    walk->seed ^= walk->seed >> 7;
    walk->seed ^= walk->seed << 17;
    return (walk->seed >> 20) % sides;
}

bool walk_chinese(const struct walk *walk)
{
    const struct flow *flow = walk->flow;
    const char *locale =
        walk->session.locale[0] != '\0' ? walk->session.locale : flow_str(flow, flow->locales[0]);

    return strncmp(locale, "zh", 2) == 0;
}

void walk_add_scalar(struct buf *out, struct slice text)
{
    bool plain = text.len > 0 && !(text.ptr[0] >= '0' && text.ptr[0] <= '9');

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        plain &= c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z') || (c == '.' && i > 0 && i + 1 < text.len);
    }
    plain &= !slice_equal_text(text, "true") && !slice_equal_text(text, "false");
    if (plain) {
        buf_add_slice(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_add_char(out, '\\');
        if (text.ptr[i] == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, text.ptr[i]);
    }
    buf_add_char(out, '"');
}

/* The flows that will read what is made up now: those on the stack, and the one at hand. */
struct readers {
    const struct flow *flows[FLOW_DEPTH_MAX + 1];
    unsigned count;
};

static void readers_of(const struct walk *walk, const struct flow *flow, struct readers *out)
{
    const struct flow_state *state = &walk->session.state;

    out->flows[0] = flow;
    out->count = 1;
    for (unsigned i = 0; i < state->depth; i++) {
        const struct flow *other =
            flow_set_get(walk->set, state->frames[i].flow, state->frames[i].version);
        if (other != NULL && other != flow)
            out->flows[out->count++] = other;
    }
}

/* ---- what guards compare with ---- */
enum { CANDIDATES_MAX = 40 };
struct candidates {
    struct expr_value values[CANDIDATES_MAX];
    unsigned count;
    bool bare, other;
};

static void candidate_add(struct candidates *c, struct expr_value value)
{
    if (c->count < CANDIDATES_MAX)
        c->values[c->count++] = value;
}

static void candidates_of_use(struct candidates *c, const struct expr_use *use)
{
    struct expr_value value = use->value;

    if (use->kind == EXPR_USE_BARE) {
        c->bare = true;
    } else if (use->kind == EXPR_USE_OTHER) {
        c->other = true;
    } else if (use->kind == EXPR_USE_COMPARE && value.type == EXPR_NUMBER) {
        for (int step = -1; step <= 1; step++) {
            struct expr_value near = value;
            near.number += step * EXPR_ONE;
            candidate_add(c, near);
        }
    } else if (use->kind == EXPR_USE_COMPARE && value.type == EXPR_BOOL) {
        c->bare = true;
    } else if (use->kind == EXPR_USE_COMPARE) {
        candidate_add(c, value);
    }
}

static bool symbol_is(const struct flow *flow, const struct flow_symbol *symbol, unsigned slot,
                      struct slice name)
{
    return symbol->slot == slot && slice_equal(flow_slice(flow, symbol->name), name);
}

/* Of a host's name (slot FLOW_NO) or of a path in a slot. */
static void candidates_in(const struct flow *flow, unsigned slot, struct slice name,
                          struct candidates *c)
{
    const struct flow_symbol *symbols = FLOW_TABLE(flow, symbols, struct flow_symbol);

    for (unsigned i = 0; i < flow->exprs.count; i++) {
        struct expr_use uses[64];
        unsigned calls;
        size_t count = expr_uses(flow_expr(flow, i), uses, 64, &calls);

        for (size_t u = 0; u < count && u < 64; u++) {
            if (symbol_is(flow, &symbols[uses[u].id], slot, name))
                candidates_of_use(c, &uses[u]);
        }
    }
}

static bool is_time_name(struct slice name)
{
    static const char *const tails[] = { "_at", "_on", "date", "time", "until" };

    for (size_t i = 0; i < LENGTH_OF(tails); i++) {
        size_t len = strlen(tails[i]);
        if (name.len >= len && memcmp(name.ptr + name.len - len, tails[i], len) == 0)
            return true;
    }
    return false;
}

/* As a story writes it; text: needs quotes in JSON. */
static void value_print(const struct expr_value *value, char *out, size_t size, bool *text)
{
    char digits[EXPR_NUMBER_CHARS_MAX];
    size_t len;

    *text = value->type == EXPR_TEXT;
    if (value->type == EXPR_TEXT) {
        snprintf(out, size, "%.*s", (int)value->text.len, value->text.ptr);
        for (char *star = strchr(out, '*'); star != NULL; star = strchr(out, '*'))
            *star = 'x'; /* of a glob */
    } else if (value->type == EXPR_BOOL) {
        snprintf(out, size, "%s", value->boolean ? "true" : "false");
    } else {
        len = expr_number_format(value->number, digits);
        snprintf(out, size, "%.*s", (int)len, digits);
    }
}

/* false: nothing is known about it. */
static bool make_up(struct walk *walk, const struct candidates *c, struct slice name, char *out,
                    size_t size, bool *text)
{
    static const char *const dates[] = { "2026-03-01", "2025-11-20", "2026-03-09", "2026-02-25" };
    static const int64_t numbers[] = { 0, 10, 100, 1000, 100000 };
    struct expr_value value;

    if (c->count == 0 && !c->bare && !c->other)
        return false;
    if (c->count == 0 && c->other && is_time_name(name)) {
        snprintf(out, size, "%s", dates[walk_dice(walk, LENGTH_OF(dates))]);
        *text = true;
        return true;
    }
    if (c->count == 0 && c->other) {
        value = (struct expr_value){ .type = EXPR_NUMBER };
        value.number = numbers[walk_dice(walk, LENGTH_OF(numbers))] * EXPR_ONE;
    } else if (c->count == 0 || (c->bare && walk_dice(walk, 2) == 0)) {
        value = (struct expr_value){ .type = EXPR_BOOL, .boolean = walk_dice(walk, 2) == 0 };
    } else {
        value = c->values[walk_dice(walk, c->count)];
        if (value.type == EXPR_TEXT && walk_dice(walk, 4) == 0) /* none of those */
            value.text = slice_of("other");
    }
    value_print(&value, out, size, text);
    return true;
}

bool walk_host_value(struct walk *walk, struct slice name, char *out, size_t size,
                     struct expr_value *parsed)
{
    struct candidates c = { .count = 0 };
    bool text;

    for (size_t i = 0; i < flow_set_count(walk->set); i++)
        candidates_in(flow_set_at(walk->set, i), FLOW_NO, name, &c);
    if (!make_up(walk, &c, name, out, size, &text))
        return false;
    *parsed = (struct expr_value){ .type = EXPR_TEXT, .text = slice_of(out) };
    if (!text && strcmp(out, "true") == 0)
        *parsed = (struct expr_value){ .type = EXPR_BOOL, .boolean = true };
    else if (!text && strcmp(out, "false") == 0)
        *parsed = (struct expr_value){ .type = EXPR_BOOL };
    else if (!text && expr_number_parse(slice_of(out), &parsed->number))
        parsed->type = EXPR_NUMBER;
    return true;
}

/* ---- slots ---- */
static void sample_text(struct walk *walk, const struct flow *flow,
                        const struct flow_slot_def *slot, char *out, size_t size)
{
    const char *piece = walk_chinese(walk) ? "包装破损需要处理" : "the box was open";
    size_t len = 0;
    int32_t min = slot->min > 0 ? slot->min : 1;

    if (slot->pattern != 0) {
        len = regex_sample((const void *)((const char *)flow + slot->pattern),
                           walk_dice(walk, UINT32_MAX) + 1, out, size - 1);
        out[len] = '\0';
        return;
    }
    for (int32_t chars = 0; chars < min && len + 64 < size; chars += walk_chinese(walk) ? 8 : 16)
        len += (size_t)snprintf(out + len, size - len, "%s", piece);
    /* Cut to what fits: all of one script, so characters are counted by their width. */
    if (slot->max != INT32_MAX && slot->max > 0) {
        size_t width = walk_chinese(walk) ? 3 : 1;
        if (len > (size_t)slot->max * width)
            out[(size_t)slot->max * width] = '\0';
    }
}

static void sample_number(struct walk *walk, const struct flow *flow,
                          const struct flow_slot_def *slot, char *out, size_t size)
{
    struct candidates c = { .count = 0 };
    unsigned at = flow_slot_find(flow, slice_of(flow_str(flow, slot->name)));
    int64_t number = (slot->min > 1 ? slot->min : 1) * EXPR_ONE;
    struct expr_value value;
    bool text;

    candidates_in(flow, at, slice_of(""), &c);
    if (c.count > 0)
        number = c.values[walk_dice(walk, c.count)].number;
    if (slot->min != INT32_MIN && number < slot->min * EXPR_ONE)
        number = slot->min * EXPR_ONE;
    if (slot->max != INT32_MAX && number > slot->max * EXPR_ONE)
        number = slot->max * EXPR_ONE;
    value = (struct expr_value){ .type = EXPR_NUMBER, .number = number };
    value_print(&value, out, size, &text);
}

static void sample_date(const struct walk *walk, const struct flow_slot_def *slot, char *out,
                        size_t size)
{
    int64_t days = slot->min != INT32_MIN && slot->min > 0 ? slot->min : 0;
    struct buf buf;

    if (slot->max != INT32_MAX && days > slot->max)
        days = slot->max;
    else if (slot->max == INT32_MAX || days + 1 <= slot->max)
        days += slot->min == INT32_MIN || slot->min >= 0;
    buf_init(&buf, size);
    flow_add_date(&buf, walk->session.now_ms + days * 86400000, walk->session.utc_offset_minutes);
    snprintf(out, size, "%.*s", (int)buf.len, buf.ptr);
    buf_fini(&buf);
}

bool walk_slot_text(struct walk *walk, const struct flow *flow, const struct flow_slot_def *slot,
                    char *out, size_t size)
{
    const struct flow_value_def *values =
        FLOW_TABLE(flow, values, struct flow_value_def) + slot->value0;
    static const char *const phones[] = { "13800138000", "18612345678", "+447700900123" };
    static const char *const orders[] = { "JD2603010001", "A20260301888", "SF8800112233" };

    switch ((enum flow_slot_type)slot->type) {
    case FLOW_SLOT_ENUM:
        snprintf(out, size, "%s", flow_str(flow, values[walk_dice(walk, slot->value_count)].name));
        return true;
    case FLOW_SLOT_TEXT:
        sample_text(walk, flow, slot, out, size);
        return out[0] != '\0';
    case FLOW_SLOT_ORDER_NO:
        if (slot->pattern != 0)
            sample_text(walk, flow, slot, out, size);
        else
            snprintf(out, size, "%s", orders[walk_dice(walk, LENGTH_OF(orders))]);
        return true;
    case FLOW_SLOT_NUMBER:
    case FLOW_SLOT_AMOUNT:
        sample_number(walk, flow, slot, out, size);
        return true;
    case FLOW_SLOT_DATE:
        sample_date(walk, slot, out, size);
        return true;
    case FLOW_SLOT_PHONE:
        snprintf(out, size, "%s", phones[walk_dice(walk, LENGTH_OF(phones))]);
        return true;
    case FLOW_SLOT_ID_CARD:
        snprintf(out, size, "%s", "11010519491231002X");
        return true;
    case FLOW_SLOT_EMAIL:
        snprintf(out, size, "%s", walk_dice(walk, 2) == 0 ? "li@example.com" : "ann@example.org");
        return true;
    case FLOW_SLOT_ADDRESS:
        snprintf(out, size, "%s",
                 walk_chinese(walk) ? "上海市浦东新区世纪大道100号" : "12 Hill Road, Bristol");
        return true;
    case FLOW_SLOT_URL:
        snprintf(out, size, "%s", "https://example.com/a");
        return true;
    case FLOW_SLOT_BOOL:
        snprintf(out, size, "%s", walk->tame || walk_dice(walk, 2) == 0 ? "accept" : "deny");
        return true;
    default:
        return false;
    }
}

/* ---- JSON of actions ---- */
enum { PATHS_MAX = 48 };
struct paths {
    struct slice names[PATHS_MAX];
    unsigned count;
};

static void path_add(struct paths *paths, struct slice path)
{
    if (path.len == 0 || paths->count == PATHS_MAX)
        return;
    for (unsigned i = 0; i < paths->count; i++) {
        if (slice_equal(paths->names[i], path))
            return;
    }
    paths->names[paths->count++] = path;
}

/* "{order.eta}" of the texts. */
static void paths_in_text(const char *text, struct slice slot, struct paths *paths)
{
    const char *at = text;

    while ((at = strchr(at, '{')) != NULL) {
        size_t len = strcspn(++at, "}");
        if (len > slot.len + 1 && memcmp(at, slot.ptr, slot.len) == 0 && at[slot.len] == '.')
            path_add(paths, slice_make(at + slot.len + 1, len - slot.len - 1));
    }
}

/* All paths into a slot that the flow reads: guards, texts, and lists of other slots. */
static void paths_of(const struct flow *flow, unsigned slot, struct paths *paths)
{
    const struct flow_symbol *symbols = FLOW_TABLE(flow, symbols, struct flow_symbol);
    const struct flow_variant *variants = FLOW_TABLE(flow, variants, struct flow_variant);
    struct slice name = slice_of(flow_str(flow, flow_slot_def(flow, slot)->name));

    for (unsigned i = 0; i < flow->symbols.count; i++) {
        if (symbols[i].slot == slot)
            path_add(paths, flow_slice(flow, symbols[i].name));
    }
    for (unsigned i = 0; i < flow->slots.count; i++) {
        struct slice of = flow_slice(flow, flow_slot_def(flow, i)->of);
        if (of.len > name.len + 1 && slice_starts_with(of, name) && of.ptr[name.len] == '.')
            path_add(paths, slice_make(of.ptr + name.len + 1, of.len - name.len - 1));
    }
    for (unsigned i = 0; i < flow->variants.count; i++)
        paths_in_text(flow_str(flow, variants[i].text), name, paths);
}

static void leaf_json(struct walk *walk, const struct readers *readers, struct slice slot,
                      struct slice path, struct buf *out)
{
    struct candidates c = { .count = 0 };
    char value[WALK_TEXT_MAX];
    bool text = true;

    for (unsigned i = 0; i < readers->count; i++) {
        unsigned at = flow_slot_find(readers->flows[i], slot);
        if (at != FLOW_NO)
            candidates_in(readers->flows[i], at, path, &c);
    }
    if (!make_up(walk, &c, path, value, sizeof(value), &text))
        snprintf(value, sizeof(value), "%s", is_time_name(path) ? "2026-03-05" : "SF1002");
    if (text)
        json_add_text(out, slice_of(value));
    else
        buf_add_text(out, value);
}

/* "lines.id" and what else there is of lines: two items. */
static void list_json(struct slice field, struct buf *out)
{
    buf_printf(out,
               "[{\"%.*s\":\"a1\",\"amount\":129,\"title\":\"Cup\"},"
               "{\"%.*s\":\"a2\",\"amount\":30,\"title\":\"Plate\"}]",
               (int)field.len, field.ptr, (int)field.len, field.ptr);
}

static bool is_list_path(const struct readers *readers, struct slice slot, struct slice path)
{
    for (unsigned f = 0; f < readers->count; f++) {
        const struct flow *flow = readers->flows[f];

        for (unsigned i = 0; i < flow->slots.count; i++) {
            struct slice of = flow_slice(flow, flow_slot_def(flow, i)->of);
            if (of.len == slot.len + 1 + path.len && slice_starts_with(of, slot) &&
                memcmp(of.ptr + slot.len + 1, path.ptr, path.len) == 0)
                return true;
        }
    }
    return false;
}

static void member_json(struct walk *walk, const struct readers *readers, struct slice slot,
                        struct slice path, struct buf *out)
{
    const char *dot = memchr(path.ptr, '.', path.len);
    struct slice head = dot != NULL ? slice_make(path.ptr, (size_t)(dot - path.ptr)) : path;

    json_add_text(out, head);
    buf_add_char(out, ':');
    if (dot != NULL)
        list_json(slice_make(dot + 1, path.len - head.len - 1), out);
    else if (is_list_path(readers, slot, path))
        buf_add_text(out, "[\"a1\",\"a2\"]");
    else
        leaf_json(walk, readers, slot, path, out);
}

static void object_json(struct walk *walk, const struct flow *flow, unsigned slot, struct buf *out)
{
    struct slice name = slice_of(flow_str(flow, flow_slot_def(flow, slot)->name));
    struct paths paths = { .count = 0 };
    struct readers readers;
    bool any = false;

    readers_of(walk, flow, &readers);
    for (unsigned i = 0; i < readers.count; i++) {
        unsigned at = flow_slot_find(readers.flows[i], name);
        if (at != FLOW_NO)
            paths_of(readers.flows[i], at, &paths);
    }
    buf_add_char(out, '{');
    for (unsigned i = 0; i < paths.count; i++) {
        struct slice path = paths.names[i];

        /* Deeper objects are left out: unknown is an answer too. */
        if (memchr(path.ptr, '.', path.len) != NULL && !is_list_path(&readers, name, path))
            continue;
        if (any)
            buf_add_char(out, ',');
        member_json(walk, &readers, name, path, out);
        any = true;
    }
    buf_add_char(out, '}');
}

void walk_slot_json(struct walk *walk, const struct flow *flow, unsigned slot, struct buf *out)
{
    const struct flow_slot_def *def = flow_slot_def(flow, slot);
    struct candidates c = { .count = 0 };
    char text[WALK_TEXT_MAX];
    bool quoted = true;

    if (def->type == FLOW_SLOT_JSON) {
        object_json(walk, flow, slot, out);
        return;
    }
    candidates_in(flow, slot, slice_of(""), &c);
    if (def->type == FLOW_SLOT_BOOL) {
        buf_add_text(out, walk_dice(walk, 2) == 0 ? "true" : "false");
    } else if (def->type == FLOW_SLOT_TEXT && c.count > 0 && walk_dice(walk, 3) > 0) {
        value_print(&c.values[walk_dice(walk, c.count)], text, sizeof(text), &quoted);
        json_add_text(out, slice_of(text));
    } else if (walk_slot_text(walk, flow, def, text, sizeof(text))) {
        if (def->type == FLOW_SLOT_NUMBER || def->type == FLOW_SLOT_AMOUNT)
            buf_add_text(out, text);
        else
            json_add_text(out, slice_of(text));
    } else {
        buf_add_text(out, "null");
    }
}

void walk_answer_json(struct walk *walk, const struct flow *flow,
                      const struct flow_action_def *action, struct buf *out)
{
    const struct flow_map *maps = FLOW_TABLE(flow, maps, struct flow_map) + action->map0;
    unsigned outputs = 0;
    bool whole = false;

    for (unsigned i = 0; i < action->map_count; i++) {
        if (maps[i].out == 0)
            continue;
        whole |= maps[i].name == 0;
        if (maps[i].name != 0)
            buf_add_char(out, outputs == 0 ? '{' : ',');
        if (maps[i].name != 0) {
            json_add_text(out, flow_slice(flow, maps[i].name));
            buf_add_char(out, ':');
        }
        walk_slot_json(walk, flow, maps[i].slot, out);
        outputs++;
    }
    if (outputs > 0 && !whole)
        buf_add_char(out, '}');
    if (outputs == 0)
        buf_add_text(out, "{}");
}
