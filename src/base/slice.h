/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: pointer and length, not terminated, may hold NUL. Passed by value;
 * valid until the owner of the bytes says otherwise (as an argument: until return). */
#ifndef KEFU_SLICE_H
#define KEFU_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define SLICE_LITERAL(text) ((struct slice){ (text), sizeof(text) - 1 })
#define SLICE_EMPTY         ((struct slice){ NULL, 0 })
/* For printf: printf("%.*s", SLICE_ARGS(s)). */
#define SLICE_ARGS(s) (int)(s).len, ((s).ptr != NULL ? (s).ptr : "")

static inline struct slice slice_of(const char *text)
{
    return (struct slice){ text, text != NULL ? strlen(text) : 0 };
}

static inline struct slice slice_make(const void *ptr, size_t len)
{
    return (struct slice){ ptr, len };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_equal_text(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* ASCII letters only. */
bool slice_equal_ignore_case(struct slice a, struct slice b);

/* Without leading and trailing ASCII blanks (space, tab, CR, LF). */
struct slice slice_trim(struct slice s);

/* Whole string as unsigned decimal without sign or blanks; false on anything else or overflow. */
bool slice_to_u64(struct slice s, unsigned long long *out);

#endif
