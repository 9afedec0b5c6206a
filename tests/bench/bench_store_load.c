/* SPDX-License-Identifier: Apache-2.0 */
/* Turns by hand: an encoder of our own costs a tenth of the library's, and the load runs on the
 * same two processors as the store that is measured. bench_store checks one against the library. */
#include "bench_store.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { CONV_STEP = 4099, LOAD_BYTES_MAX = 4 * 1024 * 1024, WORKSPACE = 1, SITE = 5 };

static uint64_t load_random(struct store_load *load)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return load->random;
}

static void conv_begin(struct store_load *load, struct store_load_conv *conv)
{
    load->next_id += CONV_STEP; /* ids grow with time */
    conv->id = load->next_id;
    conv->seq = 0;
    conv->turns_left =
        STORE_LOAD_TURNS_MIN +
        (uint32_t)(load_random(load) % (STORE_LOAD_TURNS_MAX - STORE_LOAD_TURNS_MIN + 1));
}

void store_load_init(struct store_load *load, unsigned convs, unsigned number)
{
    *load = (struct store_load){ .convs_n = convs,
                                 .next_id = (UINT64_C(1) << 53) + number,
                                 .random = UINT64_C(88172645463325252),
                                 .now_ms = 1767225600000 };
    load->convs = mem_zalloc(convs * sizeof(*load->convs));
    for (unsigned i = 0; i < convs; i++) {
        conv_begin(load, &load->convs[i]);
        load->convs[i].turns_left = 1 + (uint32_t)(load_random(load) % STORE_LOAD_TURNS_MAX);
    }
    buf_init(&load->bytes, LOAD_BYTES_MAX);
}

void store_load_fini(struct store_load *load)
{
    buf_fini(&load->bytes);
    free(load->convs);
}

/* ---- encoding ---- */

static char *varint(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

static char *number(char *at, unsigned field, uint64_t value)
{
    return value != 0 ? varint(varint(at, field << 3), value) : at;
}

static char *bytes(char *at, unsigned field, const void *ptr, size_t len)
{
    at = varint(varint(at, field << 3 | 2), len);
    memcpy(at, ptr, len);
    return at + len;
}

static char *text(char *at, unsigned field, const char *value)
{
    return bytes(at, field, value, strlen(value));
}

static char *fixed(char *at, unsigned field, uint64_t value)
{
    at = varint(at, field << 3 | 1);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static char *event(char *at, struct store_load *load, const struct store_load_conv *conv, bool bot)
{
    char body[512];
    char inner[64];
    char *end = number(body, 1, conv->id);
    char *in;

    end = number(number(end, 2, conv->seq), 3, conv->seq - 1);
    end = number(end, 4, 1);
    in = number(number(inner, 1, bot ? 2 : 1), 2, bot ? 1 : conv->id + 1);
    end = bytes(end, 6, inner, (size_t)(in - inner));
    in = number(number(inner, 1, (uint64_t)load->now_ms / 1000), 2, 123000000);
    end = bytes(end, 7, inner, (size_t)(in - inner));
    end = text(end, 8,
               bot ? "Sie k\xc3\xb6nnen innerhalb von 30 Tagen zur\xc3\xbc"
                     "ckgeben: legen Sie das Formular bei."
                   : "\xe9\x80\x80\xe8\xb4\xa7\xe8\xa6\x81\xe5\x87\xa0\xe5\xa4\xa9? return");
    return bytes(at, 1, body, (size_t)(end - body));
}

static char *stored_event(char *at, struct store_load *load, struct store_load_conv *conv, bool bot)
{
    char body[600];
    char *end;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    uint64_t high = __builtin_bswap64(++load->client);
    uint64_t low = load_random(load);

    conv->seq++;
    end = event(body, load, conv, bot);
    if (!bot) {
        memcpy(id, &high, sizeof(high));
        memcpy(id + sizeof(high), &low, sizeof(low));
        end = fixed(bytes(end, 2, id, sizeof(id)), 3, low);
    }
    return bytes(at, 4, body, (size_t)(end - body));
}

static char *header(char *at, struct store_load *load, const struct store_load_conv *conv)
{
    char body[512];
    uint8_t start[STORE_CLIENT_ID_BYTES] = { 7 };
    char *end = number(number(number(body, 1, conv->id), 2, WORKSPACE), 3, SITE);
    bool closed = conv->turns_left == 0;

    memcpy(start + 1, &conv->id, sizeof(conv->id));
    end = number(number(end, 4, conv->id + 1), 5, closed ? 5 : 2);
    end = number(number(end, 8, conv->seq), 9, conv->seq);
    end = number(number(end, 10, 1767225600000), 11, (uint64_t)load->now_ms);
    end = number(end, 14, closed ? 0 : (uint64_t)load->now_ms + 600000);
    end = bytes(end, 15, start, sizeof(start));
    end = text(text(end, 16, "de"), 18, "Sie k\xc3\xb6nnen innerhalb von 30 Tagen zur");
    end = number(end, 19, 2);
    return bytes(at, 5, body, (size_t)(end - body));
}

static char *trace(char *at, const struct store_load_conv *conv)
{
    char body[256];
    char step[64];
    char *in = text(text(text(step, 1, "faq"), 2, "answer"), 3, "entry 4711");
    char *end = number(number(number(body, 1, conv->id), 2, conv->seq), 3, conv->seq - 1);

    end = bytes(end, 4, step, (size_t)(in - step));
    end = number(text(end, 5, "faq"), 6, 14);
    return bytes(at, 7, body, (size_t)(end - body));
}

static void turn(struct store_load *load, struct store_turn *out)
{
    struct store_load_conv *conv = &load->convs[load_random(load) % load->convs_n];
    char *start = buf_reserve(&load->bytes, 2048);
    char *end = number(number(number(start, 1, 1), 2, WORKSPACE), 3, conv->id);

    conv->turns_left--;
    *out = (struct store_turn){ .workspace = WORKSPACE,
                                .conv = conv->id,
                                .visitor = conv->id + 1,
                                .first_seq = conv->seq + 1,
                                .n_events = STORE_LOAD_EVENTS };
    end = stored_event(end, load, conv, false);
    end = stored_event(end, load, conv, true);
    end = header(end, load, conv);
    end = trace(end, conv);
    buf_commit(&load->bytes, (size_t)(end - start));
    out->bytes = slice_make(NULL, (size_t)(end - start)); /* the buffer may still move */
    if (conv->turns_left == 0)
        conv_begin(load, conv);
}

void store_load_turns(struct store_load *load, struct store_turn *out, unsigned n)
{
    const char *at;

    buf_clear(&load->bytes);
    load->now_ms++;
    for (unsigned i = 0; i < n; i++)
        turn(load, &out[i]);
    at = load->bytes.ptr;
    for (unsigned i = 0; i < n; i++) {
        out[i].bytes.ptr = at;
        at += out[i].bytes.len;
    }
}
