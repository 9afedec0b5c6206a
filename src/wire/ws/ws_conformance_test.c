/* SPDX-License-Identifier: Apache-2.0 */
/* An echo server over a real socket against the cases of the Autobahn test suite, by their numbers
 * (groups 1 to 7, 9 and 10). Each case is sent three ways: at once, frame by frame and byte by byte
 * (the suite's "chops"), with the same outcome.
 *
 * Frames are written as words: T text, B binary, C continuation, P ping, O pong, X close, #n opcode
 * n; a small letter clears FIN; "r4" before it sets reserved bits. Then ":payload" with \xHH, or
 * "=n" for n stars, or for X ":code/reason". */
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "net.h"
#include "ws_priv.h"

enum { PLAY_BYTES_MAX = 4 * 1024 * 1024, BYTEWISE_MAX = 2048 };

enum delivery { AT_ONCE, FRAMEWISE, BYTEWISE, DELIVERIES };

struct conformance {
    const char *name;
    const char *sent;
    const char *answer; /* what the server sends */
    unsigned closed;    /* what its owner is told */
};

static struct loop *loop;
static struct ws_conn *conn;
static unsigned closed_code;
static int peer;
static bool peer_ended;
static struct buf sent;
static struct buf got;
static size_t ends[64]; /* of the frames in sent */
static size_t frames;

static void echo(void *owner, struct slice message, bool binary)
{
    (void)owner;
    assert_true(ws_conn_send(conn, message, binary));
}

static void closed(void *owner, unsigned code, struct slice reason)
{
    (void)owner;
    (void)reason;
    conn = NULL;
    closed_code = code;
}

static const struct ws_ops echo_ops = { .on_message = echo, .on_closed = closed };

/* ---- notation ---- */

static int opcode_of(const char **at)
{
    static const char letters[] = "CTB     XPO";
    const char *letter;

    if (**at == '#') {
        (*at)++;
        return (int)strtol(*at, (char **)at, 10);
    }
    letter = strchr(letters, toupper((unsigned char)**at));
    assert_non_null(letter);
    (*at)++;
    return (int)(letter - letters);
}

static void payload_of(const char **at, struct buf *out)
{
    if (**at == '=') {
        size_t n = (size_t)strtoul(*at + 1, (char **)at, 10);

        memset(buf_reserve(out, n), '*', n);
        buf_commit(out, n);
        return;
    }
    if (**at == ':')
        (*at)++;
    while (**at != '\0' && **at != ' ') {
        if (strncmp(*at, "\\x", 2) == 0) {
            char hex[3] = { (*at)[2], (*at)[3], '\0' };

            buf_add_char(out, (char)strtol(hex, NULL, 16));
            *at += 4;
        } else {
            buf_add_char(out, *(*at)++);
        }
    }
}

static void close_payload_of(const char **at, struct buf *out)
{
    if (**at == ':' && isdigit((unsigned char)(*at)[1])) {
        unsigned code = (unsigned)strtoul(*at + 1, (char **)at, 10);

        buf_add_char(out, (char)(code >> 8));
        buf_add_char(out, (char)code);
        if (**at != '/')
            return;
        (*at)++;
    }
    payload_of(at, out);
}

static void frame_add(const char **at)
{
    static const unsigned char mask[WS_MASK_BYTES] = { 0x37, 0xfa, 0x21, 0x3d };
    struct buf payload;
    char head[WS_HEAD_MAX];
    unsigned reserved = 0;
    bool final;
    int opcode;

    if (**at == 'r') {
        reserved = (unsigned)((*at)[1] - '0');
        *at += 2;
    }
    buf_init(&payload, PLAY_BYTES_MAX);
    final = **at == '#' || isupper((unsigned char)**at);
    opcode = opcode_of(at);
    if (opcode == WS_CLOSE)
        close_payload_of(at, &payload);
    else
        payload_of(at, &payload);
    buf_add(&sent, head, ws_head_write(head, (enum ws_opcode)opcode, final, payload.len, mask));
    sent.ptr[sent.len - ws_head_size(payload.len, true)] |= (char)(reserved << 4);
    if (payload.len > 0)
        ws_mask(payload.ptr, payload.len, mask);
    buf_add_slice(&sent, buf_slice(&payload));
    assert_true(buf_ok(&sent));
    buf_fini(&payload);
    assert_true(frames < LENGTH_OF(ends));
    ends[frames++] = sent.len;
}

static void script_read(const char *script)
{
    buf_clear(&sent);
    frames = 0;
    while (*script != '\0') {
        if (*script == ' ')
            script++;
        else
            frame_add(&script);
    }
}

/* What the server sent, in the same words; a payload that is all stars, longer than 16, as =n. */
static void answer_write(struct buf *out)
{
    static const char letters[] = "CTB?????XPO?????";
    struct ws_reader reader;
    struct ws_piece piece;
    size_t at = 0;
    size_t used;

    ws_reader_init(&reader, WS_CLIENT, PLAY_BYTES_MAX);
    while (at < got.len) {
        assert_int_equal(ws_read(&reader, got.ptr + at, got.len - at, &used, &piece), WS_PIECE);
        assert_true(piece.first && piece.last);
        at += used;
        if (out->len > 0)
            buf_add_char(out, ' ');
        buf_add_char(out, letters[piece.opcode]);
        if (piece.opcode == WS_CLOSE) {
            struct slice reason;
            uint16_t code;

            assert_true(ws_close_parse(piece.bytes, &code, &reason));
            if (code != WS_CODE_NONE)
                buf_printf(out, ":%u", code);
        } else if (piece.bytes.len > 16 && piece.bytes.ptr[0] == '*') {
            buf_printf(out, "=%zu", piece.bytes.len);
        } else if (piece.bytes.len > 0) {
            buf_add_char(out, ':');
            buf_add_slice(out, piece.bytes);
        }
    }
    buf_add_char(out, '\0');
}

/* ---- playing ---- */

static void peer_read(void)
{
    ssize_t n;

    do {
        char *room = buf_reserve(&got, 65536);

        assert_non_null(room);
        n = recv(peer, room, 65536, MSG_DONTWAIT);
        if (n > 0)
            buf_commit(&got, (size_t)n);
    } while (n > 0);
    peer_ended = n == 0;
}

static bool server_has_read(void *ctx)
{
    int waiting = 0;

    (void)ctx;
    peer_read(); /* so that the server's answers never fill the socket */
    if (conn == NULL)
        return true;
    assert_int_equal(ioctl(net_stream_fd(ws_conn_stream(conn)), FIONREAD, &waiting), 0);
    return waiting == 0;
}

static void peer_send(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(peer, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        assert_true(loop_run_until(loop, server_has_read, NULL, 5000));
        if (conn == NULL)
            return; /* a server that has left need not read on */
    }
}

static bool all_is_over(void *ctx)
{
    (void)ctx;
    peer_read();
    return conn == NULL && peer_ended;
}

static void play(enum delivery delivery)
{
    struct ws_options options = { .message_max = PLAY_BYTES_MAX, .pending_max = PLAY_BYTES_MAX };
    struct net_stream *stream;
    struct err err;
    size_t from = 0;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    assert_int_equal(net_adopt(loop, fds[0], NULL, NULL, &stream, &err), ERR_OK);
    conn = ws_conn_create(&stream, WS_SERVER, &options, SLICE_EMPTY, &echo_ops, NULL);
    buf_clear(&got);
    closed_code = 0;
    for (size_t i = 0; i < frames && delivery == FRAMEWISE && conn != NULL; i++) {
        peer_send(sent.ptr + from, ends[i] - from);
        from = ends[i];
    }
    for (; delivery == BYTEWISE && from < sent.len && conn != NULL; from++)
        peer_send(sent.ptr + from, 1);
    if (delivery == AT_ONCE)
        peer_send(sent.ptr, sent.len);
    shutdown(peer, SHUT_WR);
    assert_true(loop_run_until(loop, all_is_over, NULL, 5000));
    close(peer);
}

static void check(const struct conformance *c)
{
    script_read(c->sent);
    for (int delivery = 0; delivery < DELIVERIES; delivery++) {
        struct buf answer;

        if (delivery == BYTEWISE && sent.len > BYTEWISE_MAX)
            continue;
        play((enum delivery)delivery);
        buf_init(&answer, PLAY_BYTES_MAX);
        answer_write(&answer);
        if (strcmp(answer.ptr, c->answer) != 0 || closed_code != c->closed)
            fail_msg("case %s, delivery %d: got '%.200s' and code %u, wanted '%.200s' and %u",
                     c->name, delivery, answer.ptr, closed_code, c->answer, c->closed);
        buf_fini(&answer);
    }
}

static void check_all(const struct conformance *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&cases[i]);
}

/* ---- cases ---- */

#define LEFT WS_CODE_ABNORMAL /* the peer closed its side after all was said */

static void messages_of_every_length_are_echoed(void **state)
{
    static const struct conformance cases[] = {
        { "1.1.1", "T", "T", LEFT },
        { "1.1.2", "T=125", "T=125", LEFT },
        { "1.1.3", "T=126", "T=126", LEFT },
        { "1.1.4", "T=127", "T=127", LEFT },
        { "1.1.5", "T=128", "T=128", LEFT },
        { "1.1.6", "T=65535", "T=65535", LEFT },
        { "1.1.7, 1.1.8", "T=65536", "T=65536", LEFT },
        { "1.2.1", "B", "B", LEFT },
        { "1.2.2", "B=125", "B=125", LEFT },
        { "1.2.3", "B=126", "B=126", LEFT },
        { "1.2.4", "B=127", "B=127", LEFT },
        { "1.2.5", "B=128", "B=128", LEFT },
        { "1.2.6", "B=65535", "B=65535", LEFT },
        { "1.2.7, 1.2.8", "B=65536", "B=65536", LEFT },
        { "9.1.2", "T=262144", "T=262144", LEFT },
        { "9.1.3", "T=1048576", "T=1048576", LEFT },
        { "9.2.3", "B=1048576", "B=1048576", LEFT },
        { "9.3.x", "t=1000 c=1000 c=1000 c=1000 C=1000", "T=5000", LEFT },
        { "9.4.x", "b=65536 c=65536 c=65536 C=65536", "B=262144", LEFT },
        { "10.1.1", "t=1300 c=1300 c=1300 C=1300", "T=5200", LEFT },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static void pings_are_answered_and_pongs_taken(void **state)
{
    static const struct conformance cases[] = {
        { "2.1", "P", "O", LEFT },
        { "2.2", "P:Hello", "O:Hello", LEFT },
        { "2.3", "P:\\x80\\xff\\xfe\\xfd", "O:\x80\xff\xfe\xfd", LEFT },
        { "2.4, 2.6", "P=125", "O=125", LEFT },
        { "2.5", "P=126", "X:1002", 1002 },
        { "2.7", "O", "", LEFT },
        { "2.8", "O:unsolicited", "", LEFT },
        { "2.9", "O:unsolicited P:ping", "O:ping", LEFT },
        { "2.10, 2.11", "P:0 P:1 P:2 P:3 P:4 P:5 P:6 P:7 P:8 P:9",
          "O:0 O:1 O:2 O:3 O:4 O:5 O:6 O:7 O:8 O:9", LEFT },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static void reserved_bits_and_opcodes_are_refused(void **state)
{
    static const struct conformance cases[] = {
        { "3.1", "r1T:Hello", "X:1002", 1002 },
        { "3.2", "T:Hello r2T:Hello P", "T:Hello X:1002", 1002 },
        { "3.3, 3.4", "T:Hello r3T:Hello P", "T:Hello X:1002", 1002 },
        { "3.4", "T:Hello r4T:Hello P", "T:Hello X:1002", 1002 },
        { "3.5", "r5B:\\x00\\xff", "X:1002", 1002 },
        { "3.6", "r6P:Hello", "X:1002", 1002 },
        { "3.7", "r7X:1000", "X:1002", 1002 },
        { "4.1.1", "#3", "X:1002", 1002 },
        { "4.1.2", "#4:data", "X:1002", 1002 },
        { "4.1.3", "T:Hello #5 P", "T:Hello X:1002", 1002 },
        { "4.1.4", "T:Hello #6:data P", "T:Hello X:1002", 1002 },
        { "4.1.5", "T:Hello #7:data P", "T:Hello X:1002", 1002 },
        { "4.2.1", "#11", "X:1002", 1002 },
        { "4.2.2", "#12:data", "X:1002", 1002 },
        { "4.2.3", "T:Hello #13 P", "T:Hello X:1002", 1002 },
        { "4.2.4", "T:Hello #14:data P", "T:Hello X:1002", 1002 },
        { "4.2.5", "T:Hello #15:data P", "T:Hello X:1002", 1002 },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static void fragments_become_one_message(void **state)
{
    static const struct conformance cases[] = {
        { "5.1", "p:frag P:ment", "X:1002", 1002 },
        { "5.2", "o:frag O:ment", "X:1002", 1002 },
        { "5.3, 5.4, 5.5", "t:frag C:ment", "T:fragment", LEFT },
        { "5.6, 5.7, 5.8", "t:frag P:ping C:ment", "O:ping T:fragment", LEFT },
        { "5.9, 5.10, 5.11", "C:nothing T:Hello", "X:1002", 1002 },
        { "5.12, 5.13, 5.14", "c:nothing T:Hello", "X:1002", 1002 },
        { "5.15", "t:frag C:ment c:nothing T:Hello", "T:fragment X:1002", 1002 },
        { "5.16", "c:nothing t:frag C:ment c:nothing t:frag C:ment", "X:1002", 1002 },
        { "5.17", "C:nothing t:frag C:ment C:nothing t:frag C:ment", "X:1002", 1002 },
        { "5.18", "t:frag T:ment", "X:1002", 1002 },
        { "5.19, 5.20", "t:1 c:2 P:pongme1 c:3 c:4 P:pongme2 C:5", "O:pongme1 O:pongme2 T:12345",
          LEFT },
        { "control frames do not count into the message", "b:1 P=125 O=125 P=125 C:2",
          "O=125 O=125 B:12", LEFT },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static void text_is_utf8_or_refused(void **state)
{
    static const struct conformance cases[] = {
        { "6.1.1", "T", "T", LEFT },
        { "6.1.2", "t c C", "T", LEFT },
        { "6.1.3", "t c:middle C", "T:middle", LEFT },
        { "6.1.3 with pings", "t P:a c P:b C", "O:a O:b T", LEFT },
        { "6.2.1", "T:\xce\xba\xe1\xbd\xb9\xcf\x83", "T:\xce\xba\xe1\xbd\xb9\xcf\x83", LEFT },
        { "6.2.2", "t:\xce\xba C:\xe1\xbd\xb9\xcf\x83", "T:\xce\xba\xe1\xbd\xb9\xcf\x83", LEFT },
        { "6.2.3, 6.2.4", "t:\\xce c:\\xba c:\\xe1 c:\\xbd C:\\xb9", "T:\xce\xba\xe1\xbd\xb9",
          LEFT },
        { "6.3.1", "T:\xce\xba\\xed\\xa0\\x80edited", "X:1007", 1007 },
        { "6.3.2", "t:\xce\xba c:\\xed c:\\xa0 c:\\x80 C:edited", "X:1007", 1007 },
        { "6.4.1, 6.4.3", "t:\xce\xba c:\\xf4\\x90\\x80\\x80 C:edited", "X:1007", 1007 },
        { "6.4.2, 6.4.4", "t:\xce\xba c:\\xf4 c:\\x90 C", "X:1007", 1007 },
        { "6.6.1", "T:\\xce", "X:1007", 1007 },
        { "6.6.2", "T:\\xce\\xba", "T:\xce\xba", LEFT },
        { "6.6.3", "T:\\xce\\xba\\xe1", "X:1007", 1007 },
        { "6.6.4", "T:\\xce\\xba\\xe1\\xbd", "X:1007", 1007 },
        { "6.7.1", "T:\\x00", "T:", LEFT },
        { "6.7.2", "T:\\xc2\\x80", "T:\xc2\x80", LEFT },
        { "6.7.3", "T:\\xe0\\xa0\\x80", "T:\xe0\xa0\x80", LEFT },
        { "6.7.4", "T:\\xf0\\x90\\x80\\x80", "T:\xf0\x90\x80\x80", LEFT },
        { "6.8.1", "T:\\xf8\\x88\\x80\\x80\\x80", "X:1007", 1007 },
        { "6.8.2", "T:\\xfc\\x84\\x80\\x80\\x80\\x80", "X:1007", 1007 },
        { "6.9.1", "T:\\x7f", "T:\x7f", LEFT },
        { "6.9.2", "T:\\xdf\\xbf", "T:\xdf\xbf", LEFT },
        { "6.9.3", "T:\\xef\\xbf\\xbf", "T:\xef\xbf\xbf", LEFT },
        { "6.9.4", "T:\\xf4\\x8f\\xbf\\xbf", "T:\xf4\x8f\xbf\xbf", LEFT },
        { "6.10.1", "T:\\xf7\\xbf\\xbf\\xbf", "X:1007", 1007 },
        { "6.10.2", "T:\\xfb\\xbf\\xbf\\xbf\\xbf", "X:1007", 1007 },
        { "6.10.3", "T:\\xfd\\xbf\\xbf\\xbf\\xbf\\xbf", "X:1007", 1007 },
        { "6.11.1", "T:\\xed\\x9f\\xbf", "T:\xed\x9f\xbf", LEFT },
        { "6.11.2", "T:\\xee\\x80\\x80", "T:\xee\x80\x80", LEFT },
        { "6.11.3", "T:\\xef\\xbf\\xbd", "T:\xef\xbf\xbd", LEFT },
        { "6.11.5", "T:\\xf4\\x90\\x80\\x80", "X:1007", 1007 },
        { "6.12.1", "T:\\x80", "X:1007", 1007 },
        { "6.12.2", "T:\\xbf", "X:1007", 1007 },
        { "6.12.8", "T:\\x80\\xbf\\x80\\xbf\\x80\\xbf\\x80", "X:1007", 1007 },
        { "6.13.1", "T:\\xc0\\x20\\xc1", "X:1007", 1007 },
        { "6.13.5", "T:\\xfc\\x20\\xfd\\x20", "X:1007", 1007 },
        { "6.14.1", "T:\\xc0", "X:1007", 1007 },
        { "6.14.10", "T:\\xfd\\xbf\\xbf\\xbf\\xbf", "X:1007", 1007 },
        { "6.15.1", "T:\\xc0\\xe0\\x80\\xf0\\x80\\x80", "X:1007", 1007 },
        { "6.16.1", "T:\\xfe", "X:1007", 1007 },
        { "6.16.2", "T:\\xff", "X:1007", 1007 },
        { "6.17.1", "T:\\xc0\\xaf", "X:1007", 1007 },
        { "6.17.2", "T:\\xe0\\x80\\xaf", "X:1007", 1007 },
        { "6.17.3", "T:\\xf0\\x80\\x80\\xaf", "X:1007", 1007 },
        { "6.18.1", "T:\\xc1\\xbf", "X:1007", 1007 },
        { "6.18.2", "T:\\xe0\\x9f\\xbf", "X:1007", 1007 },
        { "6.18.3", "T:\\xf0\\x8f\\xbf\\xbf", "X:1007", 1007 },
        { "6.19.1", "T:\\xc0\\x80", "X:1007", 1007 },
        { "6.19.2", "T:\\xe0\\x80\\x80", "X:1007", 1007 },
        { "6.20.1", "T:\\xed\\xa0\\x80", "X:1007", 1007 },
        { "6.20.7", "T:\\xed\\xbf\\xbf", "X:1007", 1007 },
        { "6.21.1", "T:\\xed\\xa0\\x80\\xed\\xb0\\x80", "X:1007", 1007 },
        { "6.21.8", "T:\\xed\\xaf\\xbf\\xed\\xbf\\xbf", "X:1007", 1007 },
        { "6.22.1", "T:\\xef\\xbf\\xbe", "T:\xef\xbf\xbe", LEFT },
        { "6.22.34", "T:\\xf4\\x8f\\xbf\\xbf", "T:\xf4\x8f\xbf\xbf", LEFT },
        { "6.23.1", "T:\\xef\\xbf\\xbd", "T:\xef\xbf\xbd", LEFT },
        { "binary need not be text", "B:\\xc0\\xff", "B:\xc0\xff", LEFT },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static void close_frames_are_checked_and_answered(void **state)
{
    static const struct conformance cases[] = {
        { "7.1.1", "T:Hello X:1000", "T:Hello X:1000", 1000 },
        { "7.1.2", "X:1000 X:1000", "X:1000", 1000 },
        { "7.1.3", "X:1000 P", "X:1000", 1000 },
        { "7.1.4", "X:1000 T:late", "X:1000", 1000 },
        { "7.1.5", "t:frag X:1000 C:ment", "X:1000", 1000 },
        { "7.1.6", "T=262144 T:Hello X:1000 P", "T=262144 T:Hello X:1000", 1000 },
        { "7.3.1", "X", "X", WS_CODE_NONE },
        { "7.3.2", "X:a", "X:1002", 1002 },
        { "7.3.3", "X:1000", "X:1000", 1000 },
        { "7.3.4", "X:1000/Hello", "X:1000", 1000 },
        { "7.3.5", "X:1000/=123", "X:1000", 1000 },
        { "7.3.6", "X:1000/=124", "X:1002", 1002 },
        { "7.5.1", "X:1000/\xce\xba\\xed\\xa0\\x80", "X:1007", 1007 },
        { "7.7.1", "X:1000", "X:1000", 1000 },
        { "7.7.2", "X:1001", "X:1001", 1001 },
        { "7.7.3", "X:1002", "X:1002", 1002 },
        { "7.7.4", "X:1003", "X:1003", 1003 },
        { "7.7.5", "X:1007", "X:1007", 1007 },
        { "7.7.6", "X:1008", "X:1008", 1008 },
        { "7.7.7", "X:1009", "X:1009", 1009 },
        { "7.7.8", "X:1010", "X:1010", 1010 },
        { "7.7.9", "X:1011", "X:1011", 1011 },
        { "7.7.10", "X:3000", "X:3000", 3000 },
        { "7.7.11", "X:3999", "X:3999", 3999 },
        { "7.7.12", "X:4000", "X:4000", 4000 },
        { "7.7.13", "X:4999", "X:4999", 4999 },
        { "registered since", "X:1014", "X:1014", 1014 },
        { "7.9.1", "X:0", "X:1002", 1002 },
        { "7.9.2", "X:999", "X:1002", 1002 },
        { "7.9.3", "X:1004", "X:1002", 1002 },
        { "7.9.4", "X:1005", "X:1002", 1002 },
        { "7.9.5", "X:1006", "X:1002", 1002 },
        { "7.9.6", "X:1016", "X:1002", 1002 },
        { "TLS failure is no word of a peer", "X:1015", "X:1002", 1002 },
        { "7.9.7", "X:1100", "X:1002", 1002 },
        { "7.9.8", "X:2000", "X:1002", 1002 },
        { "7.9.9", "X:2999", "X:1002", 1002 },
        { "7.13.1", "X:5000", "X:1002", 1002 },
        { "7.13.2", "X:65535", "X:1002", 1002 },
    };

    (void)state;
    check_all(cases, LENGTH_OF(cases));
}

static int setup(void **state)
{
    (void)state;
    loop = loop_create();
    buf_init(&sent, PLAY_BYTES_MAX);
    buf_init(&got, PLAY_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ws_conn_abort(&conn);
    loop_destroy(&loop);
    buf_fini(&sent);
    buf_fini(&got);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_length_are_echoed),
        cmocka_unit_test(pings_are_answered_and_pongs_taken),
        cmocka_unit_test(reserved_bits_and_opcodes_are_refused),
        cmocka_unit_test(fragments_become_one_message),
        cmocka_unit_test(text_is_utf8_or_refused),
        cmocka_unit_test(close_frames_are_checked_and_answered),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
