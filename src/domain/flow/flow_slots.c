/* SPDX-License-Identifier: Apache-2.0 */
/* Slots while a step runs: what guards read, what actions are sent, what their answers fill. */
#include "flow_step.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "json.h"

unsigned step_slot_frame(const struct flow_step *step, const struct flow_slot_def *slot)
{
    return slot->keep == FLOW_KEEP_SESSION || slot->keep == FLOW_KEEP_CONTACT ? 0 : step->s->depth;
}

bool step_slot_get(const struct flow_step *step, unsigned slot, struct flow_record *record,
                   const uint8_t **bytes)
{
    const struct flow_slot_def *def = flow_slot_def(step->flow, slot);

    return flow_area_get(step->s, step_slot_frame(step, def), def->hash, record, bytes);
}

bool step_slot_set(struct flow_step *step, unsigned slot, const struct flow_value *value)
{
    const struct flow_slot_def *def = flow_slot_def(step->flow, slot);
    struct slice name = slice_of(flow_str(step->flow, def->name));

    if (!flow_area_put(step->s, step_slot_frame(step, def), def->hash, value)) {
        step_note(step, "state_full", name);
        return false;
    }
    if (def->keep == FLOW_KEEP_CONTACT) {
        struct flow_effect *effect = step_effect(step, FLOW_REMEMBER);
        struct flow_record record = { .type = value->type, .len = value->len };
        struct buf buf = step_buf(step);

        flow_record_text(&record, value->bytes, step->env->utc_offset_minutes, &buf);
        if (effect != NULL) {
            effect->slot = name;
            effect->value = step_buf_done(step, &buf);
        }
    }
    return true;
}

/* ---- values for expressions ---- */
static struct expr_value list_value(struct flow_step *step, struct flow_list list, unsigned count)
{
    struct expr_value value = { .type = EXPR_LIST, .count = count };

    if (step->list_count == FLOW_LISTS_MAX)
        return (struct expr_value){ .type = EXPR_UNKNOWN };
    step->lists[step->list_count] = list;
    value.list = &step->lists[step->list_count++];
    return value;
}

struct slice step_json_text(struct flow_step *step, const struct flow_json *json)
{
    size_t len;

    if (memchr(json->raw.ptr, '\\', json->raw.len) == NULL)
        return json->raw;
    if (step->scratch_used + json->raw.len > sizeof(step->scratch))
        return slice_of("");
    len = json_unescape(json->raw, step->scratch + step->scratch_used);
    step->scratch_used += len;
    return slice_make(step->scratch + step->scratch_used - len, len);
}

static struct expr_value json_value(struct flow_step *step, const struct flow_json *json)
{
    struct expr_value value = { .type = EXPR_UNKNOWN };

    switch (json->kind) {
    case FLOW_JSON_TEXT:
        value.type = EXPR_TEXT;
        value.text = step_json_text(step, json);
        break;
    case FLOW_JSON_NUMBER:
        value.type = EXPR_NUMBER;
        value.number = json->number;
        break;
    case FLOW_JSON_BOOL:
        value.type = EXPR_BOOL;
        value.boolean = json->truth;
        break;
    case FLOW_JSON_LIST:
        return list_value(step, (struct flow_list){ .json = *json }, json->count);
    case FLOW_JSON_OBJECT:
        value.type = EXPR_TEXT;
        value.text = json->raw;
        break;
    case FLOW_JSON_NOTHING:
        break;
    }
    return value;
}

static struct expr_value record_value(struct flow_step *step, const struct flow_record *record,
                                      const uint8_t *bytes)
{
    struct expr_value value = { .type = EXPR_UNKNOWN };
    struct flow_json json;

    switch ((enum flow_area_type)record->type) {
    case FLOW_AREA_TEXT:
        value.type = EXPR_TEXT;
        value.text = slice_make(bytes, record->len);
        break;
    case FLOW_AREA_NUMBER:
        value.type = EXPR_NUMBER;
        memcpy(&value.number, bytes, sizeof(value.number));
        break;
    case FLOW_AREA_TIME:
        value.type = EXPR_TIME;
        memcpy(&value.time_ms, bytes, sizeof(value.time_ms));
        break;
    case FLOW_AREA_BOOL:
        value.type = EXPR_BOOL;
        value.boolean = bytes[0] != 0;
        break;
    case FLOW_AREA_LIST:
        return list_value(step, (struct flow_list){ .bytes = bytes, .len = record->len },
                          flow_list_count(bytes, record->len));
    default:
        json = flow_json_at(slice_make(bytes, record->len), slice_of(""));
        return json_value(step, &json);
    }
    return value;
}

static void on_get(void *ctx, uint16_t id, struct expr_value *out)
{
    struct flow_step *step = ctx;
    const struct flow_symbol *symbol = FLOW_TABLE(step->flow, symbols, struct flow_symbol) + id;
    struct flow_record record;
    const uint8_t *bytes;

    if (symbol->slot == FLOW_NO) {
        struct slice name = slice_of(flow_str(step->flow, symbol->name));

        if (slice_equal_text(name, "channel")) {
            *out = (struct expr_value){ .type = EXPR_TEXT, .text = step->env->channel };
        } else if (slice_equal_text(name, "lang")) {
            *out = (struct expr_value){ .type = EXPR_TEXT, .text = step->env->locale };
        } else {
            step->env->get(step->env->ctx, name, out);
        }
        return;
    }
    if (!step_slot_get(step, symbol->slot, &record, &bytes))
        return;
    if (symbol->name != 0 && record.type == FLOW_AREA_JSON) {
        struct flow_json json = flow_json_at(slice_make(bytes, record.len),
                                             slice_of(flow_str(step->flow, symbol->name)));
        *out = json_value(step, &json);
    } else if (symbol->name == 0) {
        *out = record_value(step, &record, bytes);
    }
}

static void on_item(void *ctx, const struct expr_value *value, unsigned index,
                    struct expr_value *out)
{
    struct flow_step *step = ctx;
    const struct flow_list *list = value->list;
    struct flow_json json;

    if (list->bytes != NULL) {
        *out = (struct expr_value){ .type = EXPR_TEXT,
                                    .text = flow_list_item(list->bytes, list->len, index) };
        return;
    }
    json = flow_json_item(&list->json, index);
    *out = json_value(step, &json);
}

/* amount(order, items): what the named lines of an order cost together. */
static void order_amount(struct flow_step *step, const struct expr_value *args,
                         struct expr_value *out)
{
    struct flow_json lines;
    int64_t sum = 0;

    if (args[0].type != EXPR_TEXT || args[1].type != EXPR_LIST)
        return;
    lines = flow_json_at(args[0].text, slice_of("lines"));
    if (lines.kind != FLOW_JSON_LIST)
        return;
    for (unsigned i = 0; i < lines.count; i++) {
        struct flow_json line = flow_json_item(&lines, i);
        struct flow_json id = flow_json_at(line.raw, slice_of("id"));
        struct flow_json amount = flow_json_at(line.raw, slice_of("amount"));

        for (unsigned k = 0; k < args[1].count; k++) {
            struct expr_value item = { .type = EXPR_UNKNOWN };

            on_item(step, &args[1], k, &item);
            if (item.type == EXPR_TEXT && id.kind == FLOW_JSON_TEXT &&
                slice_equal(item.text, id.raw) && amount.kind == FLOW_JSON_NUMBER &&
                __builtin_add_overflow(sum, amount.number, &sum))
                return;
        }
    }
    *out = (struct expr_value){ .type = EXPR_NUMBER, .number = sum };
}

static void on_call(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                    struct expr_value *out)
{
    struct flow_step *step = ctx;
    const struct flow_symbol *symbol = FLOW_TABLE(step->flow, symbols, struct flow_symbol) + id;
    struct slice name = slice_of(flow_str(step->flow, symbol->name));

    if (slice_equal_text(name, "amount"))
        order_amount(step, args, out);
    else if (step->env->call != NULL)
        step->env->call(step->env->ctx, name, args, count, out);
}

static struct expr_env eval_env(struct flow_step *step)
{
    step->list_count = 0;
    step->scratch_used = 0;
    return (struct expr_env){ .ctx = step,
                              .now_ms = step->now_ms,
                              .utc_offset_minutes = step->env->utc_offset_minutes,
                              .get = on_get,
                              .call = on_call,
                              .item = on_item };
}

bool step_eval(struct flow_step *step, unsigned expr, struct expr_value *out)
{
    const struct expr_env env = eval_env(step);
    struct expr_scratch scratch __attribute__((uninitialized));
    enum expr_note why = expr_eval(flow_expr(step->flow, expr), &env, &scratch, out);

    if (why != EXPR_NOTE_NONE)
        step_note(step, expr_note_name(why),
                  slice_of(flow_str(step->flow, step_state(step)->name)));
    if (out->type == EXPR_TEXT) /* the scratch ends here */
        out->text = step_keep(step, out->text);
    return out->type != EXPR_UNKNOWN;
}

bool step_guard(struct flow_step *step, unsigned expr)
{
    const struct expr_env env = eval_env(step);
    enum expr_note why = EXPR_NOTE_NONE;
    bool holds = expr_holds(flow_expr(step->flow, expr), &env, &why);

    if (why != EXPR_NOTE_NONE)
        step_note(step, expr_note_name(why),
                  slice_of(flow_str(step->flow, step_state(step)->name)));
    return holds;
}

bool step_value_of(struct flow_step *step, const struct expr_value *value, struct flow_value *out)
{
    switch (value->type) {
    case EXPR_BOOL:
        flow_value_bool(out, value->boolean);
        return true;
    case EXPR_NUMBER:
        flow_value_number(out, value->number);
        return true;
    case EXPR_TIME:
        flow_value_time(out, value->time_ms);
        return true;
    case EXPR_TEXT:
        flow_value_text(out, value->text);
        return true;
    case EXPR_LIST:
        flow_value_list(out);
        for (unsigned i = 0; i < value->count && !value->constant; i++) {
            struct expr_value item = { .type = EXPR_UNKNOWN };

            on_item(step, value, i, &item);
            if (item.type != EXPR_TEXT || !flow_value_list_add(out, item.text))
                return false;
        }
        return !value->constant;
    default:
        return false;
    }
}

/* ---- lists ---- */
struct flow_json step_slot_items(struct flow_step *step, const struct flow_slot_def *slot)
{
    struct flow_json none = { .kind = FLOW_JSON_NOTHING };
    struct slice path = flow_slice(step->flow, slot->of);
    const char *dot = memchr(path.ptr, '.', path.len);
    struct slice head = dot != NULL ? slice_make(path.ptr, (size_t)(dot - path.ptr)) : path;
    struct flow_record record;
    const uint8_t *bytes;
    unsigned source;
    struct flow_json items;

    if (path.len == 0)
        return none;
    source = flow_slot_find(step->flow, head);
    if (source == FLOW_NO || !step_slot_get(step, source, &record, &bytes) ||
        record.type != FLOW_AREA_JSON)
        return none;
    items = flow_json_at(slice_make(bytes, record.len),
                         dot != NULL ? slice_make(dot + 1, path.len - head.len - 1) : slice_of(""));
    return items.kind == FLOW_JSON_LIST ? items : none;
}

static bool among_items(const struct flow_json *items, struct slice text)
{
    for (unsigned i = 0; i < items->count; i++) {
        struct flow_json item = flow_json_item(items, i);
        if (item.kind == FLOW_JSON_TEXT && slice_equal(item.raw, text))
            return true;
    }
    return false;
}

bool step_slot_valid(struct flow_step *step, unsigned slot)
{
    const struct flow_slot_def *def = flow_slot_def(step->flow, slot);
    struct flow_record record;
    const uint8_t *bytes;
    struct flow_json items;

    if (!step_slot_get(step, slot, &record, &bytes))
        return false;
    if (def->type != FLOW_SLOT_LIST || def->of == 0)
        return true;
    if (record.type != FLOW_AREA_LIST)
        return false;
    items = step_slot_items(step, def);
    for (unsigned i = 0; i < flow_list_count(bytes, record.len); i++) {
        if (!among_items(&items, flow_list_item(bytes, record.len, i)))
            return false;
    }
    return record.len > 0;
}

/* ---- actions ---- */
static void add_value(struct flow_step *step, const struct flow_map *map, struct buf *buf)
{
    struct flow_record record;
    const uint8_t *bytes;
    struct expr_value value;
    struct flow_value plain;

    if (map->slot != FLOW_NO) {
        if (step_slot_get(step, map->slot, &record, &bytes))
            flow_record_json(&record, bytes, step->env->utc_offset_minutes, buf);
        else
            buf_add_text(buf, "null");
        return;
    }
    if (!step_eval(step, map->expr, &value) || !step_value_of(step, &value, &plain)) {
        buf_add_text(buf, "null");
        return;
    }
    record = (struct flow_record){ .type = plain.type, .len = plain.len };
    flow_record_json(&record, plain.bytes, step->env->utc_offset_minutes, buf);
}

struct slice step_inputs(struct flow_step *step, const struct flow_action_def *action)
{
    const struct flow_map *maps = FLOW_TABLE(step->flow, maps, struct flow_map) + action->map0;
    char bytes[4096];
    struct buf buf = { .ptr = bytes, .cap = sizeof(bytes), .len_max = sizeof(bytes) };
    bool any = false;

    buf_add_char(&buf, '{');
    for (unsigned i = 0; i < action->map_count; i++) {
        if (maps[i].out != 0)
            continue;
        if (any)
            buf_add_char(&buf, ',');
        json_add_text(&buf, slice_of(flow_str(step->flow, maps[i].name)));
        buf_add_char(&buf, ':');
        add_value(step, &maps[i], &buf);
        any = true;
    }
    buf_add_char(&buf, '}');
    if (!buf_ok(&buf))
        step_note(step, "input_too_big", slice_of(flow_str(step->flow, action->name)));
    return step_keep(step, buf_ok(&buf) ? buf_slice(&buf) : slice_of("{}"));
}

struct slice step_carry(struct flow_step *step, const uint16_t *slots, unsigned count)
{
    char bytes[4096];
    struct buf buf = { .ptr = bytes, .cap = sizeof(bytes), .len_max = sizeof(bytes) };
    bool any = false;

    buf_add_char(&buf, '{');
    for (unsigned i = 0; i < count; i++) {
        struct flow_record record;
        const uint8_t *value;

        if (!step_slot_get(step, slots[i], &record, &value))
            continue;
        if (any)
            buf_add_char(&buf, ',');
        json_add_text(&buf,
                      slice_of(flow_str(step->flow, flow_slot_def(step->flow, slots[i])->name)));
        buf_add_char(&buf, ':');
        flow_record_json(&record, value, step->env->utc_offset_minutes, &buf);
        any = true;
    }
    buf_add_char(&buf, '}');
    return step_keep(step, buf_ok(&buf) ? buf_slice(&buf) : slice_of("{}"));
}

struct slice step_key(struct flow_step *step, const struct flow_action_def *action,
                      struct slice name)
{
    static const struct hash_key key = { 0x6964656d706f7465U, 0x6e63792d6b657931U };
    const uint16_t *keys = FLOW_TABLE(step->flow, keys, uint16_t) + action->key0;
    struct buf buf;
    struct slice values;
    size_t mark = step->out->bytes_used;

    if (action->key_count == 0) {
        buf = step_buf(step);
        buf_add_slice(&buf, step->env->conversation);
        buf_printf(&buf, ":%llu:%.*s:%u", (unsigned long long)step->s->run, (int)name.len, name.ptr,
                   step->s->seq);
        return step_buf_done(step, &buf);
    }
    values = step_carry(step, keys, action->key_count);
    step->out->bytes_used = mark; /* only its hash is kept */
    buf = (struct buf){ 0 };
    {
        unsigned long long hash = hash_bytes(key, values.ptr, values.len);
        buf = step_buf(step);
        buf_printf(&buf, "%s:%s:%016llx", flow_str(step->flow, step->flow->name),
                   flow_str(step->flow, action->name), hash);
    }
    return step_buf_done(step, &buf);
}

static const char *output_fill(struct flow_step *step, const struct flow_map *map,
                               const struct flow_json *json)
{
    const struct flow_slot_def *slot = flow_slot_def(step->flow, map->slot);
    struct flow_value value;
    struct flow_read_env env = { step->now_ms, step->env->utc_offset_minutes, true };

    if (slot->type == FLOW_SLOT_JSON) {
        if (json->kind != FLOW_JSON_OBJECT && json->kind != FLOW_JSON_LIST)
            return "answer_type";
        if (!flow_json_compact(json->raw, &value))
            return "answer_too_big";
    } else if (slot->type == FLOW_SLOT_NUMBER || slot->type == FLOW_SLOT_AMOUNT) {
        if (json->kind != FLOW_JSON_NUMBER)
            return "answer_type";
        flow_value_number(&value, json->number);
    } else if (slot->type == FLOW_SLOT_BOOL) {
        if (json->kind != FLOW_JSON_BOOL)
            return "answer_type";
        flow_value_bool(&value, json->truth);
    } else {
        step->scratch_used = 0;
        if (json->kind != FLOW_JSON_TEXT)
            return "answer_type";
        if (json->raw.len > FLOW_VALUE_BYTES_MAX)
            return "answer_too_big";
        if (!flow_read_whole(step->flow, slot, step_json_text(step, json), &env, &value))
            return "answer_invalid";
    }
    return step_slot_set(step, map->slot, &value) ? NULL : "state_full";
}

void step_parameters(struct flow_step *step, struct slice json)
{
    for (unsigned i = 0; i < step->flow->slots.count; i++) {
        struct slice name = slice_of(flow_str(step->flow, flow_slot_def(step->flow, i)->name));
        struct flow_map map = { .slot = (uint16_t)i, .out = 1 };
        struct flow_json value = flow_json_at(json, name);
        const char *problem;

        if (value.kind == FLOW_JSON_NOTHING)
            continue;
        problem = output_fill(step, &map, &value);
        if (problem != NULL)
            step_note(step, problem, name);
    }
}

const char *step_outputs(struct flow_step *step, const struct flow_action_def *action,
                         struct slice json)
{
    const struct flow_map *maps = FLOW_TABLE(step->flow, maps, struct flow_map) + action->map0;
    struct json_reader reader;
    enum json_token token;

    json_reader_init(&reader, json);
    do {
        token = json.len > 0 ? json_next(&reader) : JSON_END;
    } while (token != JSON_END && token != JSON_ERROR);
    if (token == JSON_ERROR)
        return "answer_not_json";
    for (unsigned i = 0; i < action->map_count; i++) {
        struct flow_json value;
        const char *problem;

        if (maps[i].out == 0)
            continue;
        value = flow_json_at(json, flow_slice(step->flow, maps[i].name));
        problem = output_fill(step, &maps[i], &value);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}
