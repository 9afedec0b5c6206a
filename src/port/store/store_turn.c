/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the protobuf wire format (varint, 64-bit, length-delimited, 32-bit; groups are
 * refused), with the fields that matter picked by number. */
#include "store_turn.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;     /* varint, 64-bit and 32-bit */
    struct slice bytes; /* length-delimited */
    struct slice whole; /* with its tag */
};

static bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *p = *at;

    for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
        uint8_t byte = *p++;

        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *at = p;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool fixed_read(const uint8_t **at, const uint8_t *end, size_t bytes, uint64_t *out)
{
    uint64_t value = 0;

    if ((size_t)(end - *at) < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(*at)[i] << (8 * i);
    *at += bytes;
    *out = value;
    return true;
}

/* The next field of *rest: 1 a field, 0 the end, -1 malformed. */
static int field_next(struct slice *rest, struct wire_field *out)
{
    const uint8_t *at = (const uint8_t *)rest->ptr;
    const uint8_t *start = at;
    const uint8_t *end = at + rest->len;
    uint64_t tag;
    bool ok;

    if (rest->len == 0)
        return 0;
    if (!varint_read(&at, end, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911)
        return -1;
    *out = (struct wire_field){ .number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7) };
    switch (out->type) {
    case WIRE_VARINT:
        ok = varint_read(&at, end, &out->value);
        break;
    case WIRE_64:
        ok = fixed_read(&at, end, 8, &out->value);
        break;
    case WIRE_32:
        ok = fixed_read(&at, end, 4, &out->value);
        break;
    case WIRE_BYTES:
        ok = varint_read(&at, end, &out->value) && out->value <= (uint64_t)(end - at);
        if (ok) {
            out->bytes = slice_make(at, (size_t)out->value);
            at += out->value;
        }
        break;
    default:
        ok = false;
    }
    if (!ok)
        return -1;
    out->whole = slice_make(start, (size_t)(at - start));
    *rest = slice_make(at, (size_t)(end - at));
    return 1;
}

/* google.protobuf.Timestamp to milliseconds. */
static bool timestamp_parse(struct slice bytes, int64_t *ms)
{
    struct wire_field f;
    int64_t seconds = 0;
    int64_t nanos = 0;
    int more;

    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            seconds = (int64_t)f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            nanos = (int64_t)f.value;
    }
    if (more < 0 || seconds < 0 || seconds > INT64_MAX / 2000 || nanos < 0 || nanos > 999999999)
        return false;
    *ms = seconds * 1000 + nanos / 1000000;
    return true;
}

static bool author_parse(struct slice bytes, struct turn_event *out)
{
    struct wire_field f;
    int more;

    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            out->author_kind = (uint32_t)f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            out->author_id = f.value;
    }
    return more == 0;
}

static bool event_field(const struct wire_field *f, struct slice event, struct turn_event *out)
{
    switch (f->number << 3 | f->type) {
    case 2 << 3 | WIRE_VARINT:
        out->seq = (uint32_t)f->value;
        return true;
    case 3 << 3 | WIRE_VARINT:
        out->prev_seq = (uint32_t)f->value;
        return true;
    case 4 << 3 | WIRE_VARINT:
        out->kind = (uint32_t)f->value;
        return true;
    case 5 << 3 | WIRE_VARINT:
        out->internal = f->value != 0;
        return true;
    case 6 << 3 | WIRE_BYTES:
        return author_parse(f->bytes, out);
    case 7 << 3 | WIRE_BYTES:
        return timestamp_parse(f->bytes, &out->created_at);
    case 8 << 3 | WIRE_BYTES:
        if (out->text.ptr != NULL)
            return false; /* no encoder writes it twice, and a row keeps it apart only once */
        out->text = f->bytes;
        out->before = slice_make(event.ptr, (size_t)(f->whole.ptr - event.ptr));
        out->after =
            slice_make(f->whole.ptr + f->whole.len, event.len - out->before.len - f->whole.len);
        return true;
    case 10 << 3 | WIRE_VARINT:
        out->target_seq = (uint32_t)f->value;
        return true;
    default:
        return true;
    }
}

enum err_code turn_event_parse(struct slice event, struct turn_event *out, struct err *err)
{
    struct slice rest = event;
    struct wire_field f;
    int more;

    *out = (struct turn_event){ .event = event, .before = event };
    while ((more = field_next(&rest, &f)) > 0) {
        if (!event_field(&f, event, out)) {
            more = -1;
            break;
        }
    }
    if (more < 0)
        return err_set(err, ERR_CORRUPT, "event of %zu bytes does not parse", event.len);
    return ERR_OK;
}

static enum err_code stored_event_parse(struct slice bytes, struct turn_event *out, struct err *err)
{
    struct wire_field f;
    const uint8_t *client_id = NULL;
    uint64_t client_hash = 0;
    struct slice event = SLICE_EMPTY;
    int more;

    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_BYTES) {
            event = f.bytes;
        } else if (f.number == 2 && f.type == WIRE_BYTES) {
            if (f.bytes.len != 0 && f.bytes.len != STORE_CLIENT_ID_BYTES)
                return err_set(err, ERR_CORRUPT, "client id of %zu bytes", f.bytes.len);
            client_id = f.bytes.len != 0 ? (const uint8_t *)f.bytes.ptr : NULL;
        } else if (f.number == 3 && f.type == WIRE_64) {
            client_hash = f.value;
        }
    }
    if (more < 0 || event.ptr == NULL)
        return err_set(err, ERR_CORRUPT, "stored event does not parse");
    if (turn_event_parse(event, out, err) != ERR_OK)
        return ERR_CORRUPT;
    out->client_id = client_id;
    out->client_hash = client_hash;
    return ERR_OK;
}

static bool header_field(const struct wire_field *f, struct turn_header *out)
{
    switch (f->number << 3 | f->type) {
    case 1 << 3 | WIRE_VARINT:
        out->id = f->value;
        return true;
    case 2 << 3 | WIRE_VARINT:
        out->workspace = f->value;
        return true;
    case 3 << 3 | WIRE_VARINT:
        out->site = f->value;
        return true;
    case 4 << 3 | WIRE_VARINT:
        out->visitor = f->value;
        return true;
    case 5 << 3 | WIRE_VARINT:
        out->state = (uint32_t)f->value;
        return true;
    case 6 << 3 | WIRE_VARINT:
        out->agent = f->value;
        return true;
    case 8 << 3 | WIRE_VARINT:
        out->head_seq = (uint32_t)f->value;
        return true;
    case 10 << 3 | WIRE_VARINT:
        out->created_at = (int64_t)f->value;
        return true;
    case 11 << 3 | WIRE_VARINT:
        out->updated_at = (int64_t)f->value;
        return true;
    case 14 << 3 | WIRE_VARINT:
        out->due_at = (int64_t)f->value;
        return true;
    case 15 << 3 | WIRE_BYTES:
        if (f->bytes.len != 0 && f->bytes.len != STORE_CLIENT_ID_BYTES)
            return false;
        out->start_client_id = f->bytes.len != 0 ? (const uint8_t *)f->bytes.ptr : NULL;
        return true;
    default:
        return true;
    }
}

enum err_code turn_header_parse(struct slice header, struct turn_header *out, struct err *err)
{
    struct slice rest = header;
    struct wire_field f;
    int more;

    *out = (struct turn_header){ .bytes = header };
    while ((more = field_next(&rest, &f)) > 0) {
        if (!header_field(&f, out)) {
            more = -1;
            break;
        }
    }
    if (more < 0)
        return err_set(err, ERR_CORRUPT, "header of %zu bytes does not parse", header.len);
    return ERR_OK;
}

static bool visitor_parse(struct slice bytes, struct turn_visitor *out)
{
    struct wire_field f;
    int more;

    *out = (struct turn_visitor){ .bytes = bytes };
    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            out->id = f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            out->site = f.value;
    }
    return more == 0;
}

static bool trace_parse(struct slice bytes, struct turn_trace *out)
{
    struct wire_field f;
    int more;

    *out = (struct turn_trace){ .bytes = bytes };
    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            out->conv = f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            out->seq = (uint32_t)f.value;
    }
    return more == 0;
}

static bool mark_parse(struct slice bytes, struct turn_mark *out)
{
    struct wire_field f;
    int more;

    *out = (struct turn_mark){ 0 };
    while ((more = field_next(&bytes, &f)) > 0) {
        if (f.type != WIRE_VARINT)
            continue;
        if (f.number == 1)
            out->conv = f.value;
        else if (f.number == 2)
            out->agent = f.value;
        else if (f.number == 3)
            out->seq = (uint32_t)f.value;
    }
    return more == 0;
}

static enum err_code turn_field(const struct wire_field *f, struct turn_view *out, struct err *err)
{
    bool ok = true;

    switch (f->number << 3 | f->type) {
    case 1 << 3 | WIRE_VARINT:
        out->format = (uint32_t)f->value;
        break;
    case 2 << 3 | WIRE_VARINT:
        out->workspace = f->value;
        break;
    case 3 << 3 | WIRE_VARINT:
        out->conv = f->value;
        break;
    case 4 << 3 | WIRE_BYTES:
        if (out->events_n == STORE_TURN_EVENTS_MAX)
            return err_set(err, ERR_CORRUPT, "turn with too many events");
        return stored_event_parse(f->bytes, &out->events[out->events_n++], err);
    case 5 << 3 | WIRE_BYTES:
        out->has_header = true;
        return turn_header_parse(f->bytes, &out->header, err);
    case 6 << 3 | WIRE_BYTES:
        out->has_visitor = true;
        ok = visitor_parse(f->bytes, &out->visitor);
        break;
    case 7 << 3 | WIRE_BYTES:
        ok =
            out->traces_n < TURN_TRACES_MAX && trace_parse(f->bytes, &out->traces[out->traces_n++]);
        break;
    case 8 << 3 | WIRE_BYTES:
        ok = out->marks_n < TURN_MARKS_MAX && mark_parse(f->bytes, &out->marks[out->marks_n++]);
        break;
    default:
        break;
    }
    return ok ? ERR_OK : err_set(err, ERR_CORRUPT, "turn field %u does not parse", f->number);
}

uint32_t turn_format(struct slice bytes)
{
    struct wire_field f;

    while (field_next(&bytes, &f) > 0) {
        if (f.number == 1 && f.type == WIRE_VARINT)
            return (uint32_t)f.value;
    }
    return 0;
}

enum err_code turn_view_parse(struct slice bytes, struct turn_view *out, struct err *err)
{
    struct wire_field f;
    int more;

    out->format = 0;
    out->workspace = out->conv = 0;
    out->events_n = out->traces_n = out->marks_n = 0;
    out->has_header = out->has_visitor = false;
    while ((more = field_next(&bytes, &f)) > 0) {
        enum err_code rc = turn_field(&f, out, err);

        if (rc != ERR_OK)
            return rc;
    }
    if (more < 0)
        return err_set(err, ERR_CORRUPT, "turn does not parse");
    if (out->format > TURN_FORMAT)
        return err_set(err, ERR_UNSUPPORTED, "turn of format %u, this program reads up to %d",
                       out->format, TURN_FORMAT);
    return ERR_OK;
}

static void varint_add(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_add_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_add_char(out, (char)value);
}

static void bytes_field_add(struct buf *out, uint32_t number, struct slice bytes)
{
    varint_add(out, number << 3 | WIRE_BYTES);
    varint_add(out, bytes.len);
    buf_add_slice(out, bytes);
}

void turn_text_add(struct buf *out, struct slice text)
{
    if (text.len != 0)
        bytes_field_add(out, 8, text);
}

size_t turn_text_head(char out[TURN_TEXT_HEAD_MAX], size_t text_len)
{
    size_t n = 0;

    out[n++] = 8 << 3 | WIRE_BYTES;
    for (; text_len >= 0x80; text_len >>= 7)
        out[n++] = (char)(text_len | 0x80);
    out[n++] = (char)text_len;
    return n;
}

/* Copies the fields whose bit is set in keep. */
static void fields_copy(struct buf *out, struct slice bytes, uint64_t keep)
{
    struct wire_field f;

    while (field_next(&bytes, &f) > 0) {
        if (f.number < 64 && (keep >> f.number & 1) != 0)
            buf_add_slice(out, f.whole);
    }
}

#define BIT(n) ((uint64_t)1 << (n))

void turn_event_blank(struct buf *out, struct slice event, bool without_names)
{
    /* Ids, seq, kind, visibility, author, time, target, rung, agent id, rating, reason. */
    uint64_t keep = BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(10) | BIT(12) |
                    BIT(13) | BIT(15) | BIT(17);
    struct wire_field f;

    fields_copy(out, event, without_names ? keep : keep | BIT(6));
    while (without_names && field_next(&event, &f) > 0) {
        struct buf author;

        if (f.number != 6 || f.type != WIRE_BYTES)
            continue;
        buf_init(&author, f.bytes.len + 1);
        fields_copy(&author, f.bytes, BIT(1) | BIT(2));
        bytes_field_add(out, 6, buf_slice(&author));
        buf_fini(&author);
    }
}

void turn_header_blank(struct buf *out, struct slice header)
{
    /* All but visitor_name 17, last_text 18, page 22, flow 23 and remember 27. */
    fields_copy(out, header, ~(BIT(17) | BIT(18) | BIT(22) | BIT(23) | BIT(27)));
}

void turn_visitor_blank(struct buf *out, struct slice visitor)
{
    fields_copy(out, visitor, BIT(1) | BIT(2) | BIT(3) | BIT(4));
}
