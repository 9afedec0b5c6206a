/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of RFC 6455, its limits, and wslay as the oracle for what a stream of bytes says. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "buf.h"
#include "ws_frame.h"

enum {
    TRANSCRIPT_MAX = 4 * 1024 * 1024,
    ORACLE_ROUNDS = 20000,
    ORACLE_MESSAGE_MAX = 600,
    STREAM_MAX = 8192
};

static const unsigned char rfc_mask[WS_MASK_BYTES] = { 0x37, 0xfa, 0x21, 0x3d };
static struct ws_reader reader;

static enum ws_verdict read_all(const void *bytes, size_t len, struct ws_piece *piece)
{
    static char copy[256 * 1024];
    size_t used;

    memcpy(copy, bytes, len);
    return ws_read(&reader, copy, len, &used, piece);
}

static void examples_of_the_standard_are_read(void **state)
{
    static const unsigned char unmasked[] = { 0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f };
    static const unsigned char masked[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                            0x7f, 0x9f, 0x4d, 0x51, 0x58 };
    static const unsigned char fragments[] = {
        0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f
    };
    static const unsigned char pong[] = { 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                          0x7f, 0x9f, 0x4d, 0x51, 0x58 };
    struct ws_piece piece;

    (void)state;
    ws_reader_init(&reader, WS_CLIENT, 1000);
    assert_int_equal(read_all(unmasked, sizeof(unmasked), &piece), WS_PIECE);
    assert_true(slice_equal_text(piece.bytes, "Hello") && piece.opcode == WS_TEXT);
    assert_int_equal(read_all(fragments, 5, &piece), WS_PIECE);
    assert_true(slice_equal_text(piece.bytes, "Hel") && piece.first && !piece.last);
    assert_int_equal(read_all(fragments + 5, 4, &piece), WS_PIECE);
    assert_true(slice_equal_text(piece.bytes, "lo") && !piece.first && piece.last);
    assert_int_equal(piece.opcode, WS_TEXT);
    ws_reader_init(&reader, WS_SERVER, 1000);
    assert_int_equal(read_all(masked, sizeof(masked), &piece), WS_PIECE);
    assert_true(slice_equal_text(piece.bytes, "Hello") && piece.first && piece.last);
    assert_int_equal(read_all(pong, sizeof(pong), &piece), WS_PIECE);
    assert_true(slice_equal_text(piece.bytes, "Hello") && piece.opcode == WS_PONG);
    assert_true(ws_reader_idle(&reader));
}

static void mask_is_demanded_of_clients_and_refused_of_servers(void **state)
{
    static const unsigned char unmasked[] = { 0x81, 0x01, 'x' };
    static const unsigned char masked[] = { 0x81, 0x81, 0, 0, 0, 0, 'x' };
    struct ws_piece piece;

    (void)state;
    ws_reader_init(&reader, WS_SERVER, 1000);
    assert_int_equal(read_all(unmasked, sizeof(unmasked), &piece), WS_BAD);
    assert_int_equal(reader.code, WS_CODE_PROTOCOL);
    ws_reader_init(&reader, WS_CLIENT, 1000);
    assert_int_equal(read_all(masked, sizeof(masked), &piece), WS_BAD);
    assert_int_equal(reader.code, WS_CODE_PROTOCOL);
}

static void heads_written_are_the_shortest_and_read_back(void **state)
{
    static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        static char frame[WS_HEAD_MAX + 70000];
        struct ws_piece piece;
        size_t size = ws_head_write(frame, WS_BINARY, true, lengths[i], rfc_mask);

        assert_int_equal(size, ws_head_size(lengths[i], true));
        assert_int_equal(ws_head_size(lengths[i], false), size - WS_MASK_BYTES);
        memset(frame + size, 'x', lengths[i]);
        ws_mask(frame + size, lengths[i], rfc_mask);
        ws_reader_init(&reader, WS_SERVER, 70000);
        assert_int_equal(read_all(frame, size + lengths[i], &piece), WS_PIECE);
        assert_int_equal(piece.bytes.len, lengths[i]);
        assert_true(piece.last);
        for (size_t j = 0; j < lengths[i]; j++)
            assert_int_equal(piece.bytes.ptr[j], 'x');
    }
}

static void lengths_in_a_longer_form_than_needed_are_refused(void **state)
{
    static const struct {
        unsigned char head[WS_HEAD_MAX];
        unsigned short code; /* 0: fine */
    } cases[] = {
        { { 0x82, 0x80 | 126, 0, 125 }, WS_CODE_PROTOCOL },
        { { 0x82, 0x80 | 126, 0, 126 }, 0 },
        { { 0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, WS_CODE_PROTOCOL },
        { { 0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0 }, 0 },
        { { 0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 1, 0, 0 }, WS_CODE_PROTOCOL },
        { { 0x82, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, WS_CODE_TOO_BIG },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct ws_piece piece;

        ws_reader_init(&reader, WS_SERVER, WS_MESSAGE_MAX);
        assert_int_equal(read_all(cases[i].head, sizeof(cases[i].head), &piece) == WS_BAD,
                         cases[i].code != 0);
        if (cases[i].code != 0)
            assert_int_equal(reader.code, cases[i].code);
    }
}

/* The head alone decides, so nobody has to be sent, or to keep, what is refused. */
static void message_of_the_limit_passes_and_one_byte_more_does_not(void **state)
{
    char head[WS_HEAD_MAX];
    struct ws_piece piece;
    size_t size;

    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        ws_reader_init(&reader, WS_SERVER, 64 * 1024);
        size = ws_head_write(head, WS_BINARY, true, 64 * 1024 + more, rfc_mask);
        assert_int_equal(read_all(head, size, &piece), more == 0 ? WS_MORE : WS_BAD);
        if (more == 1)
            assert_int_equal(reader.code, WS_CODE_TOO_BIG);
    }
    for (size_t more = 0; more <= 1; more++) { /* in two fragments */
        static char fragment[WS_HEAD_MAX + 40000];

        ws_reader_init(&reader, WS_SERVER, 64 * 1024);
        size = ws_head_write(fragment, WS_BINARY, false, 40000, rfc_mask);
        assert_int_equal(read_all(fragment, size + 40000, &piece), WS_PIECE);
        size = ws_head_write(head, WS_CONTINUATION, true, 64 * 1024 - 40000 + more, rfc_mask);
        assert_int_equal(read_all(head, size, &piece), more == 0 ? WS_MORE : WS_BAD);
    }
}

static void wrong_text_is_refused_before_the_message_has_ended(void **state)
{
    char frame[WS_HEAD_MAX + 2];
    size_t size = ws_head_write(frame, WS_TEXT, false, 60000, rfc_mask);
    struct ws_piece piece;

    (void)state;
    memcpy(frame + size, "\xC0x", 2);
    ws_mask(frame + size, 2, rfc_mask);
    ws_reader_init(&reader, WS_SERVER, WS_MESSAGE_MAX);
    assert_int_equal(read_all(frame, size + 2, &piece), WS_BAD);
    assert_int_equal(reader.code, WS_CODE_BAD_DATA);
}

static void mask_of_any_length_and_alignment_is_its_own_inverse(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 8; offset++) {
        for (size_t len = 0; len < 40; len++) {
            char bytes[64] = { 0 };

            ws_mask(bytes + offset, len, rfc_mask);
            for (size_t i = 0; i < sizeof(bytes); i++) {
                bool inside = i >= offset && i < offset + len;

                assert_int_equal((unsigned char)bytes[i], inside ? rfc_mask[(i - offset) % 4] : 0);
            }
            ws_mask(bytes + offset, len, rfc_mask);
            for (size_t i = 0; i < sizeof(bytes); i++)
                assert_int_equal(bytes[i], 0);
        }
    }
}

static void a_reader_is_small_since_every_idle_connection_has_one(void **state)
{
    (void)state;
    assert_true(sizeof(struct ws_reader) <= 48);
}

/* ---- oracle ---- */

static uint64_t seed;

static unsigned chance(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 32) % below);
}

static size_t frame_make(char *out)
{
    static const unsigned char opcodes[] = {
        WS_CONTINUATION, WS_CONTINUATION, WS_TEXT,  WS_TEXT, WS_BINARY,
        WS_PING,         WS_PONG,         WS_CLOSE, 3,       11
    };
    static const char *const texts[] = { "a", "\xE4\xBD\xA0", "\xC3", "\xA9", "\xF0\x9F\x98\x80" };
    static const unsigned codes[] = { 1000, 1001, 1005, 1011, 1100, 3000, 4999, 5000 };
    unsigned char opcode = opcodes[chance(chance(8) == 0 ? 10 : 7)];
    char payload[400];
    size_t len = 0;
    size_t size;

    if (opcode == WS_CLOSE && chance(4) != 0) {
        unsigned code = codes[chance(LENGTH_OF(codes))];

        payload[len++] = (char)(code >> 8);
        payload[len++] = (char)code;
    }
    for (unsigned n = chance(chance(10) == 0 ? 130 : 6); n > 0; n--) {
        const char *text = texts[chance(chance(6) == 0 ? 5 : 2)];

        memcpy(payload + len, text, strlen(text));
        len += strlen(text);
    }
    size = ws_head_write(out, (enum ws_opcode)opcode, chance(3) != 0, len, rfc_mask);
    memcpy(out + size, payload, len);
    ws_mask(out + size, len, rfc_mask);
    return size + len;
}

static size_t stream_make(char *out)
{
    size_t len = 0;

    for (unsigned frames = 1 + chance(6); frames > 0; frames--)
        len += frame_make(out + len);
    if (chance(3) == 0)
        out[chance((unsigned)len)] ^= (char)(1 << chance(8));
    /* wslay judges a frame when it is whole, so none may stay unfinished; zeros are a wrong head.
     */
    memset(out + len, 0, ORACLE_MESSAGE_MAX + WS_HEAD_MAX);
    return len + ORACLE_MESSAGE_MAX + WS_HEAD_MAX;
}

static void message_note(struct buf *transcript, unsigned opcode, struct slice message)
{
    buf_printf(transcript, "%u %zu ", opcode, message.len);
    buf_add_slice(transcript, message);
}

struct feed {
    const char *bytes;
    size_t len;
    bool half_code; /* a close frame of one byte, which wslay takes for an empty one */
    struct buf transcript;
};

static ssize_t oracle_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags,
                           void *user)
{
    struct feed *feed = user;

    (void)flags;
    if (feed->len == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    len = len < feed->len ? len : feed->len;
    memcpy(buf, feed->bytes, len);
    feed->bytes += len;
    feed->len -= len;
    return (ssize_t)len;
}

static ssize_t oracle_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                           void *user)
{
    (void)ctx;
    (void)data;
    (void)flags;
    (void)user;
    return (ssize_t)len;
}

static void oracle_message(wslay_event_context_ptr ctx,
                           const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    (void)ctx;
    if (arg->opcode == WSLAY_CONNECTION_CLOSE)
        ((struct feed *)user)->half_code = arg->msg_length == 1;
    else
        message_note(&((struct feed *)user)->transcript, arg->opcode,
                     slice_make(arg->msg, arg->msg_length));
}

static void oracle_read(struct feed *feed)
{
    static const struct wslay_event_callbacks callbacks = { .recv_callback = oracle_recv,
                                                            .send_callback = oracle_send,
                                                            .on_msg_recv_callback =
                                                                oracle_message };
    wslay_event_context_ptr ctx;

    assert_int_equal(wslay_event_context_server_init(&ctx, &callbacks, feed), 0);
    wslay_event_config_set_max_recv_msg_length(ctx, ORACLE_MESSAGE_MAX);
    (void)wslay_event_recv(ctx);
    (void)wslay_event_send(ctx);
    if (wslay_event_get_close_sent(ctx)) {
        unsigned code = wslay_event_get_status_code_sent(ctx);

        /* Faults of a frame's head alone it answers with an empty close frame. */
        if (code == WS_CODE_NONE && (!wslay_event_get_close_received(ctx) || feed->half_code))
            code = WS_CODE_PROTOCOL;
        buf_printf(&feed->transcript, "close %u", code);
    }
    wslay_event_context_free(ctx);
}

struct gather {
    char message[STREAM_MAX];
    size_t message_len;
    char control[WS_CONTROL_MAX];
    size_t control_len;
};

/* True: the connection is over. */
static bool piece_note(struct gather *gather, const struct ws_piece *piece, struct buf *transcript)
{
    bool control = piece->opcode >= WS_CLOSE;
    char *bytes = control ? gather->control : gather->message;
    size_t *len = control ? &gather->control_len : &gather->message_len;
    struct slice whole;
    struct slice reason;
    uint16_t code;

    assert_int_equal(piece->first && !control, piece->first && *len == 0 && !control);
    memcpy(bytes + *len, piece->bytes.ptr, piece->bytes.len);
    *len += piece->bytes.len;
    if (!piece->last)
        return false;
    whole = slice_make(bytes, *len);
    *len = 0;
    if (piece->opcode != WS_CLOSE) {
        message_note(transcript, piece->opcode, whole);
        return false;
    }
    ws_close_parse(whole, &code, &reason);
    buf_printf(transcript, "close %u", code);
    return true;
}

/* piece_max 0: everything in one call, else cut anywhere. */
static void own_read(struct feed *feed, unsigned piece_max)
{
    struct gather gather = { .message_len = 0 };
    char copy[STREAM_MAX];
    size_t at = 0;
    bool over = false;

    memcpy(copy, feed->bytes, feed->len);
    ws_reader_init(&reader, WS_SERVER, ORACLE_MESSAGE_MAX);
    while (at < feed->len && !over) {
        size_t end = piece_max > 0 ? at + 1 + chance(piece_max) : feed->len;

        end = end < feed->len ? end : feed->len;
        while (at < end && !over) {
            struct ws_piece piece;
            size_t used;
            enum ws_verdict verdict = ws_read(&reader, copy + at, end - at, &used, &piece);

            at += used;
            if (verdict == WS_PIECE)
                over = piece_note(&gather, &piece, &feed->transcript);
            if (verdict == WS_MORE)
                assert_int_equal(at, end);
            if (verdict == WS_BAD)
                buf_printf(&feed->transcript, "close %u", reader.code);
            over |= verdict == WS_BAD;
        }
    }
}

/* A close frame may be wrong in its code and its text at once, and either answer is right. */
static bool same_but_for_the_code(struct slice a, struct slice b)
{
    static const char protocol[] = "close 1002";
    static const char bad_data[] = "close 1007";
    size_t tail = sizeof(protocol) - 1;

    return a.len == b.len && a.len >= tail && memcmp(a.ptr, b.ptr, a.len - tail) == 0 &&
           memcmp(a.ptr + a.len - tail, protocol, tail) == 0 &&
           memcmp(b.ptr + b.len - tail, bad_data, tail) == 0;
}

static void wslay_reads_the_same_however_the_bytes_are_cut(void **state)
{
    static const unsigned cuts[] = { 0, 1, 7, 200 };
    static char stream[STREAM_MAX];
    unsigned messages = 0;
    unsigned both_wrong = 0;

    (void)state;
    seed = 88172645463325252U;
    for (unsigned round = 0; round < ORACLE_ROUNDS; round++) {
        size_t len = stream_make(stream);
        struct feed oracle = { .bytes = stream, .len = len };

        buf_init(&oracle.transcript, TRANSCRIPT_MAX);
        oracle_read(&oracle);
        for (size_t i = 0; i < LENGTH_OF(cuts); i++) {
            struct feed own = { .bytes = stream, .len = len };

            buf_init(&own.transcript, TRANSCRIPT_MAX);
            own_read(&own, cuts[i]);
            if (same_but_for_the_code(buf_slice(&own.transcript), buf_slice(&oracle.transcript))) {
                both_wrong++;
            } else if (!slice_equal(buf_slice(&own.transcript), buf_slice(&oracle.transcript))) {
                for (size_t j = 0; j < len; j++)
                    fprintf(stderr, "%02x ", (unsigned char)stream[j]);
                fail_msg("round %u, cut %u: '%.*s' against '%.*s'", round, cuts[i],
                         SLICE_ARGS(buf_slice(&own.transcript)),
                         SLICE_ARGS(buf_slice(&oracle.transcript)));
            }
            messages += own.transcript.ptr[0] != 'c';
            buf_fini(&own.transcript);
        }
        buf_fini(&oracle.transcript);
    }
    assert_true(both_wrong / LENGTH_OF(cuts) < ORACLE_ROUNDS / 50);
    assert_true(messages / LENGTH_OF(cuts) > ORACLE_ROUNDS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standard_are_read),
        cmocka_unit_test(mask_is_demanded_of_clients_and_refused_of_servers),
        cmocka_unit_test(heads_written_are_the_shortest_and_read_back),
        cmocka_unit_test(lengths_in_a_longer_form_than_needed_are_refused),
        cmocka_unit_test(message_of_the_limit_passes_and_one_byte_more_does_not),
        cmocka_unit_test(wrong_text_is_refused_before_the_message_has_ended),
        cmocka_unit_test(mask_of_any_length_and_alignment_is_its_own_inverse),
        cmocka_unit_test(a_reader_is_small_since_every_idle_connection_has_one),
        cmocka_unit_test(wslay_reads_the_same_however_the_bytes_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
