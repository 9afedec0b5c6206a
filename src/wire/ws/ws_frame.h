/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6455 frames. Reading takes bytes in whatever portions they arrive and hands on payload in
 * pieces, unmasked where it lies, so that nothing is copied or kept here; what the standard forbids
 * is refused at the first byte that shows it. Pure functions, any thread. Extensions are not
 * spoken: every reserved bit is an error. */
#ifndef KEFU_WS_FRAME_H
#define KEFU_WS_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "slice.h"
#include "utf8.h"

enum {
    WS_HEAD_MAX = 14,     /* bytes before the payload: two, eight of length, four of mask */
    WS_CONTROL_MAX = 125, /* RFC 6455 section 5.5 */
    WS_REASON_MAX = WS_CONTROL_MAX - 2,
    WS_MASK_BYTES = 4,
    WS_MESSAGE_MAX = 64 * 1024, /* of a client; one chat message and its envelope fit four times */
};

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* RFC 6455 section 7.4.1 and IANA's registry. */
enum ws_code {
    WS_CODE_NORMAL = 1000,
    WS_CODE_GOING_AWAY = 1001,
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_UNSUPPORTED = 1003,
    WS_CODE_NONE = 1005,     /* never sent: the peer's close frame was empty */
    WS_CODE_ABNORMAL = 1006, /* never sent: the connection ended without a close frame */
    WS_CODE_BAD_DATA = 1007, /* text that is not UTF-8 */
    WS_CODE_POLICY = 1008,
    WS_CODE_TOO_BIG = 1009,
    WS_CODE_INTERNAL = 1011,
    WS_CODE_RESTART = 1012,
    WS_CODE_TRY_LATER = 1013,
};

/* May stand in a close frame: 1000-1003, 1007-1014, 3000-4999. */
bool ws_code_valid(unsigned code);

enum ws_role { WS_SERVER, WS_CLIENT };

enum ws_verdict {
    WS_PIECE, /* *out is filled; call again with the bytes behind it */
    WS_MORE,  /* all bytes are used */
    WS_BAD,   /* reader->code and ->reason say why; the connection has to be failed */
};

/* Progress over what one peer sends. ws_reader_init before the first byte. */
struct ws_reader {
    const char *reason; /* WS_BAD: a constant text */
    uint32_t message_max;
    uint32_t message_len;   /* payload bytes of the message so far, the frame at work included */
    uint32_t payload_left;  /* of the frame at work */
    uint16_t code;          /* WS_BAD: what the close frame should say */
    struct utf8_state text; /* of the text message at work */
    uint8_t head_len;       /* bytes of an unfinished head in head */
    uint8_t opcode;         /* of the frame at work */
    uint8_t message_opcode; /* of the message at work; 0: none */
    bool final : 1;         /* the frame at work ends its message */
    bool in_payload : 1;    /* the head of the frame at work is read */
    bool begun : 1;         /* a piece of the frame at work was handed on */
    bool message_begun : 1; /* a piece of the message at work was handed on */
    bool client : 1;        /* we are the client: frames must not be masked */
    unsigned char mask[WS_MASK_BYTES]; /* turned so that the next byte meets mask[0] */
    unsigned char head[WS_HEAD_MAX - 1];
};

struct ws_piece {
    enum ws_opcode opcode; /* of the message: never WS_CONTINUATION */
    struct slice bytes;    /* unmasked, in the bytes that were read */
    bool first;            /* begins its message or control frame */
    bool last;             /* ends it */
};

void ws_reader_init(struct ws_reader *reader, enum ws_role role, uint32_t message_max);
/* bytes are unmasked in place. *used: how many of them are done with. A text message's pieces are
 * checked UTF-8, but a character may lie in two of them. Pieces of a control frame may come between
 * those of a message, never the other way round. */
enum ws_verdict ws_read(struct ws_reader *reader, char *bytes, size_t len, size_t *used,
                        struct ws_piece *out);
/* Nothing is half read: no frame, no message. */
static inline bool ws_reader_idle(const struct ws_reader *reader)
{
    return reader->head_len == 0 && !reader->in_payload && reader->message_opcode == 0;
}

/* A close frame's whole payload. False: *code (1002 or 1007) and *reason are our answer to it.
 * True: the peer's code (WS_CODE_NONE: empty) and reason. */
bool ws_close_parse(struct slice payload, uint16_t *code, struct slice *reason);

/* The head of a frame; how many bytes. mask NULL: not masked (servers). */
size_t ws_head_write(char out[static WS_HEAD_MAX], enum ws_opcode opcode, bool final, size_t len,
                     const unsigned char *mask);
/* How many bytes ws_head_write will write. */
static inline size_t ws_head_size(size_t len, bool masked)
{
    return (len <= WS_CONTROL_MAX ? 2u
            : len <= UINT16_MAX   ? 4u
                                  : 10u) +
           (masked ? WS_MASK_BYTES : 0u);
}
/* Masks or unmasks: byte i meets mask[i % 4]. */
void ws_mask(char *bytes, size_t len, const unsigned char mask[static WS_MASK_BYTES]);

#endif
