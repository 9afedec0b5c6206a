/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

enum { BUF_CAP_MIN = 256 };

void buf_init(struct buf *buf, size_t len_max)
{
    *buf = (struct buf){ .len_max = len_max };
}

void buf_fini(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){ .len_max = buf->len_max };
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->full = false;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t need;

    if (__builtin_add_overflow(buf->len, len, &need) || need > buf->len_max) {
        buf->full = true;
        return NULL;
    }
    if (need > buf->cap) {
        size_t cap = buf->cap > 0 ? buf->cap : BUF_CAP_MIN;

        while (cap < need)
            cap *= 2;
        buf->ptr = mem_realloc(buf->ptr, cap);
        buf->cap = cap;
    }
    return buf->ptr + buf->len;
}

void buf_commit(struct buf *buf, size_t used)
{
    ENSURE(used <= buf->cap - buf->len);
    buf->len += used;
}

void buf_add(struct buf *buf, const void *ptr, size_t len)
{
    char *room;

    if (len == 0)
        return;
    room = buf_reserve(buf, len);
    if (room == NULL)
        return;
    memcpy(room, ptr, len);
    buf->len += len;
}

void buf_add_slice(struct buf *buf, struct slice s)
{
    buf_add(buf, s.ptr, s.len);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    int len;
    char *room;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ENSURE(len >= 0);
    room = buf_reserve(buf, (size_t)len + 1);
    if (room == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(room, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t len)
{
    ENSURE(len <= buf->len);
    if (len < buf->len)
        memmove(buf->ptr, buf->ptr + len, buf->len - len);
    buf->len -= len;
}
