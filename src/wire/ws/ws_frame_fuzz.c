/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in one call and cut anywhere, are the same messages and the same fault; and what a
 * message says is never longer than its limit. The first byte chooses role and cut. */
#include <stdlib.h>

#include "buf.h"
#include "ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 300, TRANSCRIPT_MAX = 16 * 1024 * 1024, ROLE_BIT = 0x80 };

struct reading {
    struct buf transcript; /* whole messages and control frames, then the fault */
    char message[MESSAGE_MAX];
    size_t message_len;
    char control[WS_CONTROL_MAX];
    size_t control_len;
};

static void piece_note(struct reading *reading, const struct ws_piece *piece)
{
    bool control = piece->opcode >= WS_CLOSE;
    char *bytes = control ? reading->control : reading->message;
    size_t *len = control ? &reading->control_len : &reading->message_len;
    struct slice reason;
    uint16_t code;

    ENSURE(!piece->first || *len == 0);
    ENSURE(piece->bytes.len <= (control ? WS_CONTROL_MAX : MESSAGE_MAX) - *len);
    memcpy(bytes + *len, piece->bytes.ptr, piece->bytes.len);
    *len += piece->bytes.len;
    if (!piece->last)
        return;
    buf_printf(&reading->transcript, "\n%u ", piece->opcode);
    buf_add(&reading->transcript, bytes, *len);
    if (piece->opcode == WS_TEXT)
        ENSURE(utf8_valid(slice_make(bytes, *len)));
    if (piece->opcode == WS_CLOSE && ws_close_parse(slice_make(bytes, *len), &code, &reason))
        ENSURE(code == WS_CODE_NONE || ws_code_valid(code));
    *len = 0;
}

static void read_cut(const uint8_t *data, size_t size, size_t cut, enum ws_role role,
                     struct reading *reading)
{
    struct ws_reader reader;
    enum ws_verdict verdict = WS_MORE;
    char *bytes = malloc(size);
    size_t at = 0;

    ENSURE(bytes != NULL);
    memcpy(bytes, data, size);
    ws_reader_init(&reader, role, MESSAGE_MAX);
    while (at < size && verdict != WS_BAD) {
        size_t end = size - at > cut ? at + cut : size;

        while (at < end && verdict != WS_BAD) {
            struct ws_piece piece;
            size_t used;

            verdict = ws_read(&reader, bytes + at, end - at, &used, &piece);
            ENSURE(used <= end - at);
            at += used;
            ENSURE(verdict != WS_MORE || at == end);
            if (verdict == WS_PIECE)
                piece_note(reading, &piece);
            else if (verdict == WS_BAD)
                buf_printf(&reading->transcript, "\n%u %s", reader.code, reader.reason);
        }
    }
    free(bytes);
}

static struct reading readings[2];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum ws_role role;
    size_t cut;

    if (size < 2)
        return 0;
    role = (data[0] & ROLE_BIT) != 0 ? WS_CLIENT : WS_SERVER;
    cut = 1 + (data[0] & ~ROLE_BIT & 0xFF);
    for (int i = 0; i < 2; i++) {
        readings[i].message_len = 0;
        readings[i].control_len = 0;
        buf_init(&readings[i].transcript, TRANSCRIPT_MAX);
        read_cut(data + 1, size - 1, i == 0 ? size : cut, role, &readings[i]);
    }
    ENSURE(slice_equal(buf_slice(&readings[0].transcript), buf_slice(&readings[1].transcript)));
    buf_fini(&readings[0].transcript);
    buf_fini(&readings[1].transcript);
    return 0;
}
