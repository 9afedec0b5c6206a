/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_area.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

static size_t record_size(const struct flow_record *record)
{
    return sizeof(*record) + (record->type == FLOW_AREA_VISITS ? 0 : record->len);
}

static struct flow_record record_at(const uint8_t *area, size_t at)
{
    struct flow_record record;

    memcpy(&record, area + at, sizeof(record));
    return record;
}

/* Where the record is; area_used: nowhere. Counters and slots have name spaces of their own. */
static size_t area_find(const struct flow_state *state, unsigned frame, uint32_t key, bool counter,
                        struct flow_record *out)
{
    size_t at = 0;

    while (at < state->area_used) {
        *out = record_at(state->area, at);
        if (out->key == key && out->frame == frame && (out->type == FLOW_AREA_VISITS) == counter)
            return at;
        at += record_size(out);
    }
    return state->area_used;
}

static void area_cut(struct flow_state *state, size_t at, size_t size)
{
    memmove(state->area + at, state->area + at + size, state->area_used - at - size);
    state->area_used = (uint16_t)(state->area_used - size);
}

bool flow_area_get(const struct flow_state *state, unsigned frame, uint32_t key,
                   struct flow_record *out, const uint8_t **bytes)
{
    size_t at = area_find(state, frame, key, false, out);

    if (at == state->area_used)
        return false;
    *bytes = state->area + at + sizeof(*out);
    return true;
}

bool flow_area_put(struct flow_state *state, unsigned frame, uint32_t key,
                   const struct flow_value *value)
{
    struct flow_record old;
    size_t at = area_find(state, frame, key, false, &old);
    size_t freed = at < state->area_used ? record_size(&old) : 0;
    struct flow_record record = { key, (uint8_t)frame, value->type, value->len };

    if (state->area_used - freed + sizeof(record) + value->len > FLOW_AREA_BYTES_MAX)
        return false;
    if (freed > 0)
        area_cut(state, at, freed);
    memcpy(state->area + state->area_used, &record, sizeof(record));
    memcpy(state->area + state->area_used + sizeof(record), value->bytes, value->len);
    state->area_used = (uint16_t)(state->area_used + sizeof(record) + value->len);
    return true;
}

void flow_area_remove(struct flow_state *state, unsigned frame, uint32_t key)
{
    struct flow_record record;
    size_t at = area_find(state, frame, key, false, &record);

    if (at < state->area_used)
        area_cut(state, at, record_size(&record));
}

void flow_area_drop_frame(struct flow_state *state, unsigned frame)
{
    size_t at = 0;

    while (at < state->area_used) {
        struct flow_record record = record_at(state->area, at);
        if (record.frame == frame)
            area_cut(state, at, record_size(&record));
        else
            at += record_size(&record);
    }
}

unsigned flow_area_visit(struct flow_state *state, unsigned frame, uint16_t state_index)
{
    struct flow_record record;
    size_t at = area_find(state, frame, state_index, true, &record);

    if (at < state->area_used) {
        record.len = (uint16_t)(record.len + (record.len < UINT16_MAX));
        memcpy(state->area + at, &record, sizeof(record));
        return record.len;
    }
    if (state->area_used + sizeof(record) > FLOW_AREA_BYTES_MAX)
        return UINT16_MAX;
    record = (struct flow_record){ state_index, (uint8_t)frame, FLOW_AREA_VISITS, 1 };
    memcpy(state->area + state->area_used, &record, sizeof(record));
    state->area_used = (uint16_t)(state->area_used + sizeof(record));
    return 1;
}

void flow_area_exit_set(struct flow_state *state, unsigned frame, uint16_t state_index,
                        unsigned row)
{
    uint32_t key = (uint32_t)FLOW_STATES_MAX + state_index;
    struct flow_record record;
    size_t at = area_find(state, frame, key, true, &record);

    if (at == state->area_used && state->area_used + sizeof(record) > FLOW_AREA_BYTES_MAX)
        return; /* a correction will make the call once more: no harm */
    if (at == state->area_used)
        state->area_used = (uint16_t)(state->area_used + sizeof(record));
    record = (struct flow_record){ key, (uint8_t)frame, FLOW_AREA_VISITS, (uint16_t)(row + 1) };
    memcpy(state->area + at, &record, sizeof(record));
}

bool flow_area_exit_get(const struct flow_state *state, unsigned frame, uint16_t state_index,
                        unsigned *row)
{
    struct flow_record record;

    if (area_find(state, frame, (uint32_t)FLOW_STATES_MAX + state_index, true, &record) ==
        state->area_used)
        return false;
    *row = record.len - 1U;
    return true;
}

static bool json_valid(struct slice text)
{
    struct json_reader reader;
    enum json_token token;

    json_reader_init(&reader, text);
    do {
        token = json_next(&reader);
    } while (token != JSON_END && token != JSON_ERROR);
    return token == JSON_END;
}

static bool list_valid(const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    while (at < len) {
        uint16_t item;

        if (len - at < sizeof(item))
            return false;
        memcpy(&item, bytes + at, sizeof(item));
        at += sizeof(item);
        if (len - at < item || !utf8_valid(slice_make(bytes + at, item)))
            return false;
        at += item;
    }
    return true;
}

static bool value_valid(const struct flow_record *record, const uint8_t *bytes)
{
    switch (record->type) {
    case FLOW_AREA_VISITS:
        return record->len > 0 && record->key < 2 * FLOW_STATES_MAX;
    case FLOW_AREA_TEXT:
        return utf8_valid(slice_make(bytes, record->len));
    case FLOW_AREA_NUMBER:
    case FLOW_AREA_TIME:
        return record->len == sizeof(int64_t);
    case FLOW_AREA_BOOL:
        return record->len == 1 && bytes[0] <= 1;
    case FLOW_AREA_LIST:
        return list_valid(bytes, record->len);
    case FLOW_AREA_JSON:
        return json_valid(slice_make(bytes, record->len));
    default:
        return false;
    }
}

bool flow_area_valid(const uint8_t *area, size_t used, unsigned depth)
{
    size_t at = 0;

    while (at < used) {
        struct flow_record record;

        if (used - at < sizeof(record))
            return false;
        record = record_at(area, at);
        if (record.frame > depth || record_size(&record) > used - at ||
            (record.type != FLOW_AREA_VISITS && record.len > FLOW_VALUE_BYTES_MAX))
            return false;
        if (!value_valid(&record, area + at + sizeof(record)))
            return false;
        at += record_size(&record);
    }
    return true;
}

/* ---- values ---- */
void flow_value_text(struct flow_value *value, struct slice text)
{
    text = utf8_cut(text, FLOW_VALUE_BYTES_MAX);
    value->type = FLOW_AREA_TEXT;
    value->len = (uint16_t)text.len;
    memcpy(value->bytes, text.ptr, text.len);
}

static void value_int64(struct flow_value *value, enum flow_area_type type, int64_t number)
{
    value->type = (uint8_t)type;
    value->len = sizeof(number);
    memcpy(value->bytes, &number, sizeof(number));
}

void flow_value_number(struct flow_value *value, int64_t number)
{
    value_int64(value, FLOW_AREA_NUMBER, number);
}

void flow_value_time(struct flow_value *value, int64_t ms)
{
    value_int64(value, FLOW_AREA_TIME, ms);
}

void flow_value_bool(struct flow_value *value, bool truth)
{
    value->type = FLOW_AREA_BOOL;
    value->len = 1;
    value->bytes[0] = truth;
}

void flow_value_list(struct flow_value *value)
{
    value->type = FLOW_AREA_LIST;
    value->len = 0;
}

bool flow_value_list_add(struct flow_value *value, struct slice item)
{
    uint16_t len = (uint16_t)item.len;

    if (item.len + sizeof(len) + value->len > FLOW_VALUE_BYTES_MAX)
        return false;
    memcpy(value->bytes + value->len, &len, sizeof(len));
    memcpy(value->bytes + value->len + sizeof(len), item.ptr, item.len);
    value->len = (uint16_t)(value->len + sizeof(len) + item.len);
    return true;
}

/* The item at *at, which moves behind it. */
static struct slice list_next(const uint8_t *bytes, size_t *at)
{
    uint16_t len;
    struct slice item;

    memcpy(&len, bytes + *at, sizeof(len));
    item = slice_make(bytes + *at + sizeof(len), len);
    *at += sizeof(len) + len;
    return item;
}

unsigned flow_list_count(const uint8_t *bytes, size_t len)
{
    unsigned count = 0;

    for (size_t at = 0; at < len; count++)
        (void)list_next(bytes, &at);
    return count;
}

struct slice flow_list_item(const uint8_t *bytes, size_t len, unsigned index)
{
    struct slice item = slice_of("");

    for (size_t at = 0; at < len; index--) {
        item = list_next(bytes, &at);
        if (index == 0)
            return item;
    }
    return slice_of("");
}

bool flow_list_has(const uint8_t *bytes, size_t len, struct slice item)
{
    for (size_t at = 0; at < len;) {
        if (slice_equal(list_next(bytes, &at), item))
            return true;
    }
    return false;
}

/* ---- JSON ---- */
static int64_t number_of(struct slice raw)
{
    int64_t number;
    double value;

    if (expr_number_parse(raw, &number))
        return number;
    if (!json_number_double(raw, &value) || value > 9e14 || value < -9e14)
        return INT64_MIN;
    return (int64_t)(value * (double)EXPR_ONE + (value < 0 ? -0.5 : 0.5));
}

/* The next item of an array that is being read; false: there is none. */
static bool next_item(struct json_reader *reader, struct slice *item)
{
    const char *begin = reader->at;

    while (begin < reader->end && memchr(" ,\t\r\n", *begin, 5) != NULL)
        begin++;
    if (begin == reader->end || *begin == ']' || !json_skip_value(reader))
        return false;
    *item = slice_make(begin, (size_t)(reader->at - begin));
    return true;
}

static unsigned count_items(struct slice array)
{
    struct json_reader reader;
    struct slice item;
    unsigned count = 0;

    json_reader_init(&reader, array);
    (void)json_next(&reader);
    while (next_item(&reader, &item))
        count++;
    return count;
}

static struct flow_json value_of(struct slice raw, struct slice path)
{
    struct flow_json out = { .raw = raw, .path = path };

    if (raw.len == 0)
        return out;
    switch (raw.ptr[0]) {
    case '"':
        out.kind = FLOW_JSON_TEXT;
        out.raw = slice_make(raw.ptr + 1, raw.len - 2);
        break;
    case 't':
    case 'f':
        out.kind = FLOW_JSON_BOOL;
        out.truth = raw.ptr[0] == 't';
        break;
    case 'n':
        break;
    case '[':
        out.kind = FLOW_JSON_LIST;
        out.count = count_items(raw);
        break;
    case '{':
        out.kind = FLOW_JSON_OBJECT;
        break;
    default:
        out.number = number_of(raw);
        out.kind = out.number != INT64_MIN ? FLOW_JSON_NUMBER : FLOW_JSON_NOTHING;
        break;
    }
    /* A path that goes on needs an object or a list to go on in. */
    if (path.len > 0 && out.kind != FLOW_JSON_LIST && out.kind != FLOW_JSON_OBJECT)
        out.kind = FLOW_JSON_NOTHING;
    return out;
}

/* The member of an object whose key is name. */
static struct slice member(struct slice object, struct slice name)
{
    struct json_reader reader;

    json_reader_init(&reader, object);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return slice_of("");
    while (json_next(&reader) == JSON_KEY) {
        bool found = !reader.escaped && slice_equal(reader.raw, name);
        const char *begin = reader.at;

        if (!json_skip_value(&reader))
            break;
        if (found)
            return slice_trim(slice_make(begin, (size_t)(reader.at - begin)));
    }
    return slice_of("");
}

struct flow_json flow_json_at(struct slice json, struct slice path)
{
    json = slice_trim(json);
    while (path.len > 0 && json.len > 0 && json.ptr[0] == '{') {
        const char *dot = memchr(path.ptr, '.', path.len);
        size_t len = dot != NULL ? (size_t)(dot - path.ptr) : path.len;

        json = member(json, slice_make(path.ptr, len));
        path = dot != NULL ? slice_make(dot + 1, path.len - len - 1) : slice_of("");
    }
    return value_of(json, path);
}

struct flow_json flow_json_item(const struct flow_json *list, unsigned index)
{
    struct json_reader reader;
    struct slice item;

    json_reader_init(&reader, list->raw);
    (void)json_next(&reader);
    while (next_item(&reader, &item)) {
        if (index-- == 0)
            return flow_json_at(item, list->path);
    }
    return (struct flow_json){ .kind = FLOW_JSON_NOTHING };
}

bool flow_json_compact(struct slice json, struct flow_value *value)
{
    bool in_text = false;
    size_t len = 0;

    if (!json_valid(json))
        return false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];

        if (!in_text && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            continue;
        if (len == FLOW_VALUE_BYTES_MAX)
            return false;
        value->bytes[len++] = (uint8_t)c;
        if (c == '"')
            in_text = !in_text;
        if (c == '\\' && in_text) {
            if (len == FLOW_VALUE_BYTES_MAX || ++i == json.len)
                return false;
            value->bytes[len++] = (uint8_t)json.ptr[i];
        }
    }
    value->type = FLOW_AREA_JSON;
    value->len = (uint16_t)len;
    return true;
}
