/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a state: format byte, then the fields as little-endian base-128 numbers, then
 * the area as it is. Decoding trusts nothing: counts, enums and every record are checked, so a
 * state that decodes can be stepped. */
#include "flow_area.h"
#include "flow_set.h"

#include <string.h>

#include "json.h"

enum { FORMAT = 1 };

void flow_state_init(struct flow_state *state)
{
    memset(state, 0, sizeof(*state));
}

static size_t put_number(uint8_t *out, uint64_t value)
{
    size_t len = 0;

    while (value >= 0x80) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    return len;
}

static size_t put_frame(uint8_t *out, const struct flow_frame *frame)
{
    size_t len = 0;

    memcpy(out, &frame->flow, sizeof(frame->flow));
    len += sizeof(frame->flow);
    len += put_number(out + len, frame->version);
    len += put_number(out + len, frame->state);
    len += put_number(out + len, frame->turns);
    out[len++] = frame->kind;
    out[len++] = frame->tries;
    out[len++] = frame->rerun;
    return len;
}

/* Largest encoding: 1 + 10 + 10 + 5 + 2 + 1 + 1 + 1, eight frames of 22, the area. */
_Static_assert(31 + FLOW_DEPTH_MAX * 22 + FLOW_AREA_BYTES_MAX <= FLOW_STATE_BYTES_MAX,
               "an encoded state fits");

size_t flow_state_encode(const struct flow_state *state, uint8_t out[FLOW_STATE_BYTES_MAX])
{
    size_t len = 0;

    if (state->depth == 0 && state->area_used == 0 && state->seq == 0)
        return 0;
    out[len++] = FORMAT;
    len += put_number(out + len, state->run);
    len += put_number(out + len, (uint64_t)state->deadline);
    len += put_number(out + len, state->seq);
    out[len++] = state->depth;
    out[len++] = state->wait;
    out[len++] = state->attempt;
    for (unsigned i = 0; i < state->depth; i++)
        len += put_frame(out + len, &state->frames[i]);
    len += put_number(out + len, state->area_used);
    memcpy(out + len, state->area, state->area_used);
    return len + state->area_used;
}

struct decoder {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take_number(struct decoder *d, uint64_t max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (d->at == d->end)
            break;
        byte = *d->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            d->bad |= value > max || (shift == 63 && byte > 1);
            return d->bad ? 0 : value;
        }
    }
    d->bad = true;
    return 0;
}

static uint8_t take_byte(struct decoder *d, uint8_t max)
{
    if (d->at == d->end || *d->at > max) {
        d->bad = true;
        return 0;
    }
    return *d->at++;
}

static void take_frame(struct decoder *d, struct flow_frame *frame)
{
    if ((size_t)(d->end - d->at) < sizeof(frame->flow)) {
        d->bad = true;
        return;
    }
    memcpy(&frame->flow, d->at, sizeof(frame->flow));
    d->at += sizeof(frame->flow);
    frame->version = (uint32_t)take_number(d, INT32_MAX);
    frame->state = (uint16_t)take_number(d, FLOW_STATES_MAX - 1);
    frame->turns = (uint16_t)take_number(d, UINT16_MAX);
    frame->kind = take_byte(d, FLOW_FRAME_KIND_COUNT - 1);
    frame->tries = take_byte(d, UINT8_MAX);
    frame->rerun = take_byte(d, FLOW_SLOTS_MAX);
    d->bad |= frame->version == 0;
}

enum err_code flow_state_decode(struct slice bytes, struct flow_state *out, struct err *err)
{
    struct decoder d = { (const uint8_t *)bytes.ptr, (const uint8_t *)bytes.ptr + bytes.len,
                         false };
    uint8_t format;

    flow_state_init(out);
    if (bytes.len == 0)
        return ERR_OK;
    if (bytes.len > FLOW_STATE_BYTES_MAX)
        return err_set(err, ERR_CORRUPT, "flow state of %zu bytes", bytes.len);
    format = *d.at++;
    if (format != FORMAT)
        return err_set(err, ERR_UNSUPPORTED, "flow state of format %u", format);
    out->run = take_number(&d, UINT64_MAX);
    out->deadline = (int64_t)take_number(&d, INT64_MAX);
    out->seq = (uint32_t)take_number(&d, UINT32_MAX);
    out->depth = take_byte(&d, FLOW_DEPTH_MAX);
    out->wait = take_byte(&d, FLOW_WAIT_AGENT);
    out->attempt = take_byte(&d, UINT8_MAX);
    for (unsigned i = 0; i < out->depth && !d.bad; i++)
        take_frame(&d, &out->frames[i]);
    out->area_used = (uint16_t)take_number(&d, FLOW_AREA_BYTES_MAX);
    d.bad |= (out->depth == 0) != (out->wait == FLOW_WAIT_NOTHING);
    if (d.bad || (size_t)(d.end - d.at) != out->area_used ||
        !flow_area_valid(d.at, out->area_used, out->depth)) {
        flow_state_init(out);
        return err_set(err, ERR_CORRUPT, "flow state is damaged");
    }
    memcpy(out->area, d.at, out->area_used);
    return ERR_OK;
}

void flow_state_stop(struct flow_state *state)
{
    for (; state->depth > 0; state->depth--)
        flow_area_drop_frame(state, state->depth);
    state->wait = FLOW_WAIT_NOTHING;
    state->deadline = 0;
    state->attempt = 0;
}

bool flow_state_uses(const struct flow_state *state, unsigned depth, uint64_t *flow,
                     unsigned *version)
{
    if (depth >= state->depth)
        return false;
    *flow = state->frames[depth].flow;
    *version = state->frames[depth].version;
    return true;
}

/* ---- looking in ---- */
static const struct flow *top_flow(const struct flow_state *state, const struct flow_set *set)
{
    const struct flow_frame *top;

    if (state->depth == 0)
        return NULL;
    top = &state->frames[state->depth - 1];
    return flow_set_get(set, top->flow, top->version);
}

struct slice flow_state_at(const struct flow_state *state, const struct flow_set *set)
{
    const struct flow *flow = top_flow(state, set);
    unsigned at = flow != NULL ? state->frames[state->depth - 1].state : 0;

    if (flow == NULL || at >= flow->states.count)
        return slice_of("");
    return slice_of(flow_str(flow, flow_state_def(flow, at)->name));
}

struct slice flow_state_flow(const struct flow_state *state, const struct flow_set *set)
{
    const struct flow *flow = top_flow(state, set);

    return flow != NULL ? flow_name(flow) : slice_of("");
}

static void add_number(struct buf *out, int64_t number)
{
    char digits[EXPR_NUMBER_CHARS_MAX];

    buf_add(out, digits, expr_number_format(number, digits));
}

/* Days since 1970 to a date (H. Hinnant's civil_from_days). Slots of type date are midnights of
 * the host's zone; rounding to the nearest midnight makes the zone unnecessary here. */
void flow_add_date(struct buf *out, int64_t ms, int utc_offset_minutes)
{
    int64_t local = ms + utc_offset_minutes * INT64_C(60000);
    int64_t z = local / 86400000 - (local % 86400000 < 0) + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    buf_printf(out, "%04lld-%02lld-%02lld", (long long)(yoe + era * 400 + (month <= 2)),
               (long long)month, (long long)(doy - (153 * mp + 2) / 5 + 1));
}

void flow_record_text(const struct flow_record *record, const uint8_t *bytes,
                      int utc_offset_minutes, struct buf *out)
{
    int64_t number;

    switch ((enum flow_area_type)record->type) {
    case FLOW_AREA_NUMBER:
        memcpy(&number, bytes, sizeof(number));
        add_number(out, number);
        break;
    case FLOW_AREA_TIME:
        memcpy(&number, bytes, sizeof(number));
        flow_add_date(out, number, utc_offset_minutes);
        break;
    case FLOW_AREA_BOOL:
        buf_add_text(out, bytes[0] != 0 ? "true" : "false");
        break;
    case FLOW_AREA_LIST:
        for (unsigned i = 0; i < flow_list_count(bytes, record->len); i++) {
            if (i > 0)
                buf_add_text(out, ",");
            buf_add_slice(out, flow_list_item(bytes, record->len, i));
        }
        break;
    default:
        buf_add(out, bytes, record->len);
        break;
    }
}

void flow_record_json(const struct flow_record *record, const uint8_t *bytes,
                      int utc_offset_minutes, struct buf *out)
{
    switch ((enum flow_area_type)record->type) {
    case FLOW_AREA_NUMBER:
    case FLOW_AREA_BOOL:
    case FLOW_AREA_JSON:
        flow_record_text(record, bytes, utc_offset_minutes, out);
        break;
    case FLOW_AREA_LIST:
        buf_add_char(out, '[');
        for (unsigned i = 0; i < flow_list_count(bytes, record->len); i++) {
            if (i > 0)
                buf_add_char(out, ',');
            json_add_text(out, flow_list_item(bytes, record->len, i));
        }
        buf_add_char(out, ']');
        break;
    case FLOW_AREA_TIME:
        buf_add_char(out, '"');
        flow_record_text(record, bytes, utc_offset_minutes, out);
        buf_add_char(out, '"');
        break;
    default:
        json_add_text(out, slice_make(bytes, record->len));
        break;
    }
}

/* The top frame's, or what a flow below knows, or the session. */
static bool slot_record(const struct flow_state *state, uint32_t key, struct flow_record *record,
                        const uint8_t **bytes)
{
    for (unsigned frame = state->depth + 1U; frame > 0; frame--) {
        if (flow_area_get(state, frame - 1, key, record, bytes))
            return true;
    }
    return false;
}

bool flow_state_slot(const struct flow_state *state, struct slice name, int utc_offset_minutes,
                     struct buf *out)
{
    struct flow_record record;
    const uint8_t *bytes;

    if (!slot_record(state, flow_hash32(name), &record, &bytes))
        return false;
    flow_record_text(&record, bytes, utc_offset_minutes, out);
    return true;
}

void flow_state_slots(const struct flow_state *state, const struct flow_set *set,
                      int utc_offset_minutes, struct buf *out)
{
    const struct flow *flow = top_flow(state, set);
    bool any = false;

    buf_add_char(out, '{');
    for (unsigned i = 0; flow != NULL && i < flow->slots.count; i++) {
        const struct flow_slot_def *slot = flow_slot_def(flow, i);
        struct flow_record record;
        const uint8_t *bytes;

        if (!slot_record(state, slot->hash, &record, &bytes))
            continue;
        if (any)
            buf_add_char(out, ',');
        json_add_text(out, slice_of(flow_str(flow, slot->name)));
        buf_add_char(out, ':');
        flow_record_json(&record, bytes, utc_offset_minutes, out);
        any = true;
    }
    buf_add_char(out, '}');
}
