/* SPDX-License-Identifier: Apache-2.0 */
/* Nearly always a whole head lies in the bytes at hand and is read from there; only a head that is
 * cut by the end of the bytes is gathered in the reader, byte by byte. The order of the checks is
 * that of the bytes, so any two ways to cut the same input end in the same verdict. */
#include "ws_frame.h"

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0F,
    CONTROL_BIT = 0x08,
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
};

bool ws_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

void ws_mask(char *bytes, size_t len, const unsigned char mask[static WS_MASK_BYTES])
{
    uint64_t pattern;
    size_t at;

    memcpy(&pattern, mask, WS_MASK_BYTES);
    memcpy((char *)&pattern + WS_MASK_BYTES, mask, WS_MASK_BYTES);
    for (at = 0; len - at >= sizeof(pattern); at += sizeof(pattern)) {
        uint64_t word;

        memcpy(&word, bytes + at, sizeof(word));
        word ^= pattern;
        memcpy(bytes + at, &word, sizeof(word));
    }
    for (; at < len; at++)
        bytes[at] = (char)(bytes[at] ^ mask[at % WS_MASK_BYTES]);
}

static void mask_turn(unsigned char mask[static WS_MASK_BYTES], size_t by)
{
    unsigned char turned[WS_MASK_BYTES];

    for (size_t i = 0; i < WS_MASK_BYTES; i++)
        turned[i] = mask[(i + by) % WS_MASK_BYTES];
    memcpy(mask, turned, WS_MASK_BYTES);
}

static enum ws_verdict bad(struct ws_reader *r, enum ws_code code, const char *reason)
{
    r->code = (uint16_t)code;
    r->reason = reason;
    return WS_BAD;
}

void ws_reader_init(struct ws_reader *reader, enum ws_role role, uint32_t message_max)
{
    *reader = (struct ws_reader){ .message_max = message_max, .client = role == WS_CLIENT };
}

static enum ws_verdict opcode_check(struct ws_reader *r, unsigned char byte)
{
    unsigned opcode = byte & OPCODE_BITS;

    if ((byte & RESERVED_BITS) != 0)
        return bad(r, WS_CODE_PROTOCOL, "a reserved bit is set");
    if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
        return bad(r, WS_CODE_PROTOCOL, "the opcode is not known");
    if ((opcode & CONTROL_BIT) != 0) {
        if ((byte & FINAL_BIT) == 0)
            return bad(r, WS_CODE_PROTOCOL, "a control frame is fragmented");
    } else if (opcode == WS_CONTINUATION && r->message_opcode == 0) {
        return bad(r, WS_CODE_PROTOCOL, "nothing to continue");
    } else if (opcode != WS_CONTINUATION && r->message_opcode != 0) {
        return bad(r, WS_CODE_PROTOCOL, "a message begins before the last one has ended");
    }
    return WS_PIECE;
}

static enum ws_verdict length_byte_check(struct ws_reader *r, unsigned char opcode_byte,
                                         unsigned char byte)
{
    bool masked = (byte & MASK_BIT) != 0;

    if (masked == r->client)
        return bad(r, WS_CODE_PROTOCOL,
                   masked ? "a server's frame is masked" : "a client's frame is not masked");
    if ((opcode_byte & CONTROL_BIT) != 0 && (byte & LENGTH_BITS) > WS_CONTROL_MAX)
        return bad(r, WS_CODE_PROTOCOL, "a control frame is too long");
    return WS_PIECE;
}

static size_t length_bytes(unsigned char byte)
{
    unsigned length = byte & LENGTH_BITS;

    return length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
}

/* head is whole as far as the length. The shortest form is a must (RFC 6455 section 5.2). */
static enum ws_verdict length_check(struct ws_reader *r, const unsigned char *head, uint64_t *out)
{
    size_t more = length_bytes(head[1]);
    uint64_t length = head[1] & LENGTH_BITS;

    if (more > 0) {
        length = 0;
        for (size_t i = 0; i < more; i++)
            length = length << 8 | head[2 + i];
        if (length >> 63 != 0)
            return bad(r, WS_CODE_PROTOCOL, "the highest bit of a length is set");
        if (length <= (more == 2 ? WS_CONTROL_MAX : UINT16_MAX))
            return bad(r, WS_CODE_PROTOCOL, "a length is not in its shortest form");
    }
    if ((head[0] & CONTROL_BIT) == 0 && length > r->message_max - r->message_len)
        return bad(r, WS_CODE_TOO_BIG, "the message is too long");
    *out = length;
    return WS_PIECE;
}

static void frame_begin(struct ws_reader *r, const unsigned char *head, uint64_t length)
{
    unsigned char opcode = head[0] & OPCODE_BITS;

    r->opcode = opcode;
    r->final = (head[0] & FINAL_BIT) != 0;
    r->payload_left = (uint32_t)length;
    r->in_payload = true;
    r->begun = false;
    if (!r->client)
        memcpy(r->mask, head + 2 + length_bytes(head[1]), WS_MASK_BYTES);
    if ((opcode & CONTROL_BIT) != 0)
        return;
    if (opcode != WS_CONTINUATION)
        r->message_opcode = opcode;
    r->message_len += (uint32_t)length;
}

/* head: the first have bytes of a frame. WS_PIECE: the head is whole and *size bytes long. */
static enum ws_verdict head_read(struct ws_reader *r, const unsigned char *head, size_t have,
                                 size_t *size)
{
    enum ws_verdict verdict = WS_PIECE;
    uint64_t length = 0;
    size_t to_length;

    if (have >= 1)
        verdict = opcode_check(r, head[0]);
    if (verdict == WS_PIECE && have >= 2)
        verdict = length_byte_check(r, head[0], head[1]);
    if (verdict != WS_PIECE)
        return verdict;
    if (have < 2)
        return WS_MORE;
    to_length = 2 + length_bytes(head[1]);
    if (have < to_length)
        return WS_MORE;
    verdict = length_check(r, head, &length);
    if (verdict != WS_PIECE)
        return verdict;
    *size = to_length + (r->client ? 0 : WS_MASK_BYTES);
    if (have < *size)
        return WS_MORE;
    frame_begin(r, head, length);
    return WS_PIECE;
}

/* How many of the bytes belonged to the head goes to *used. */
static enum ws_verdict head_take(struct ws_reader *r, const char *bytes, size_t len, size_t *used)
{
    enum ws_verdict verdict = WS_MORE;
    size_t size = 0;

    *used = 0;
    if (r->head_len == 0) {
        verdict = head_read(r, (const unsigned char *)bytes, len, &size);
        if (verdict == WS_PIECE)
            *used = size;
        if (verdict != WS_MORE)
            return verdict;
    }
    while (verdict == WS_MORE && *used < len) {
        unsigned char head[WS_HEAD_MAX];

        memcpy(head, r->head, r->head_len);
        head[r->head_len] = (unsigned char)bytes[(*used)++];
        verdict = head_read(r, head, r->head_len + 1u, &size);
        if (verdict == WS_MORE) {
            ENSURE(r->head_len < sizeof(r->head));
            r->head[r->head_len] = head[r->head_len];
            r->head_len++;
        }
    }
    if (verdict == WS_PIECE)
        r->head_len = 0;
    return verdict;
}

static void message_end(struct ws_reader *r)
{
    r->message_opcode = 0;
    r->message_len = 0;
    r->message_begun = false;
    r->text = (struct utf8_state){ 0 };
}

static enum ws_verdict text_check(struct ws_reader *r, struct slice piece, bool last)
{
    if (!utf8_feed(&r->text, piece) || (last && !utf8_done(&r->text)))
        return bad(r, WS_CODE_BAD_DATA, "the text is not UTF-8");
    return WS_PIECE;
}

static enum ws_verdict payload_take(struct ws_reader *r, char *bytes, size_t len, size_t *used,
                                    struct ws_piece *out)
{
    size_t n = len < r->payload_left ? len : r->payload_left;
    bool control = (r->opcode & CONTROL_BIT) != 0;
    enum ws_verdict verdict = WS_PIECE;
    bool ends_frame;

    r->payload_left -= (uint32_t)n;
    ends_frame = r->payload_left == 0;
    if (!r->client) {
        ws_mask(bytes, n, r->mask);
        if (!ends_frame)
            mask_turn(r->mask, n);
    }
    *used = n;
    out->bytes = slice_make(bytes, n);
    out->opcode = control ? r->opcode : r->message_opcode;
    out->first = control ? !r->begun : !r->message_begun;
    out->last = ends_frame && r->final;
    r->in_payload = !ends_frame;
    r->begun = true;
    if (control)
        return WS_PIECE;
    r->message_begun = true;
    if (r->message_opcode == WS_TEXT)
        verdict = text_check(r, out->bytes, out->last);
    if (out->last)
        message_end(r);
    return verdict;
}

enum ws_verdict ws_read(struct ws_reader *reader, char *bytes, size_t len, size_t *used,
                        struct ws_piece *out)
{
    size_t head = 0;
    size_t payload = 0;
    enum ws_verdict verdict;

    *used = 0;
    if (!reader->in_payload) {
        verdict = head_take(reader, bytes, len, &head);
        *used = head;
        if (verdict != WS_PIECE)
            return verdict;
    }
    if (head == len && reader->payload_left > 0)
        return WS_MORE;
    verdict = payload_take(reader, bytes + head, len - head, &payload, out);
    *used = head + payload;
    return verdict;
}

bool ws_close_parse(struct slice payload, uint16_t *code, struct slice *reason)
{
    unsigned sent = 0;

    *reason = SLICE_EMPTY;
    *code = WS_CODE_NONE;
    if (payload.len == 0)
        return true;
    if (payload.len >= 2)
        sent = (unsigned)(unsigned char)payload.ptr[0] << 8 | (unsigned char)payload.ptr[1];
    if (!ws_code_valid(sent)) {
        *code = WS_CODE_PROTOCOL;
        *reason = SLICE_LITERAL("the close code is not valid");
        return false;
    }
    if (!utf8_valid(slice_make(payload.ptr + 2, payload.len - 2))) {
        *code = WS_CODE_BAD_DATA;
        *reason = SLICE_LITERAL("the close reason is not UTF-8");
        return false;
    }
    *code = (uint16_t)sent;
    *reason = slice_make(payload.ptr + 2, payload.len - 2);
    return true;
}

size_t ws_head_write(char out[static WS_HEAD_MAX], enum ws_opcode opcode, bool final, size_t len,
                     const unsigned char *mask)
{
    unsigned char *head = (unsigned char *)out;
    unsigned char masked = mask != NULL ? MASK_BIT : 0;
    size_t size = 2;

    head[0] = (unsigned char)((final ? FINAL_BIT : 0) | (unsigned)opcode);
    if (len <= WS_CONTROL_MAX) {
        head[1] = (unsigned char)(masked | len);
    } else if (len <= UINT16_MAX) {
        head[1] = masked | LENGTH_16;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        size = 4;
    } else {
        head[1] = masked | LENGTH_64;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        size = 10;
    }
    if (mask != NULL)
        memcpy(head + size, mask, WS_MASK_BYTES);
    return size + (mask != NULL ? WS_MASK_BYTES : 0);
}
