/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a ceiling. A write that would pass the ceiling leaves the buffer as
 * it is and marks it full: write on, and ask buf_ok() once at the end. One owner, any thread. */
#ifndef KEFU_BUF_H
#define KEFU_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "slice.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t len_max;
    bool full; /* a write did not fit */
};

void buf_init(struct buf *buf, size_t len_max); /* allocates nothing yet */
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_add(struct buf *buf, const void *ptr, size_t len);
void buf_add_slice(struct buf *buf, struct slice s);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value); /* decimal */
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for len bytes at the end, to be filled by the caller, or NULL (and full). Commit with
 * buf_commit(used <= len). */
char *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t used);
/* Drops the first len bytes. */
void buf_consume(struct buf *buf, size_t len);
static inline bool buf_ok(const struct buf *buf)
{
    return !buf->full;
}
static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_make(buf->ptr, buf->len);
}

#endif
