/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: an Origin, our own name, then sources of frame-ancestors. Whatever they hold, an origin is
 * itself, no list lets more pages in over https than over http, and nothing without a scheme and a
 * host gets in anywhere. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth_origin.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 8 };

/* The lines as texts in the bytes themselves; the count of them. */
static size_t lines_split(char *bytes, size_t size, char *lines[LINES_MAX])
{
    size_t count = 0;
    char *at = bytes;

    bytes[size] = '\0';
    while (at != NULL && count < LINES_MAX) {
        char *end = strchr(at, '\n');
        lines[count++] = at;
        if (end != NULL)
            *end = '\0';
        at = end != NULL ? end + 1 : NULL;
    }
    return count;
}

static bool has_scheme(struct slice origin)
{
    return origin.len > 7 &&
           (slice_equal_ignore_case(slice_make(origin.ptr, 7), SLICE_LITERAL("http://")) ||
            slice_equal_ignore_case(slice_make(origin.ptr, 8), SLICE_LITERAL("https://")));
}

static void origin_check(char *const *lines, size_t count)
{
    struct slice origin = slice_of(lines[0]);
    struct slice own = slice_of(count > 1 ? lines[1] : "");
    char *const *sources = lines + 2;
    size_t source_count = count > 2 ? count - 2 : 0;
    bool any = auth_origin_listed(origin, false, NULL, 0);

    ENSURE(!any || has_scheme(origin));
    ENSURE(auth_origin_is(origin, origin) == any);
    ENSURE(any || !auth_origin_is(origin, own));
    ENSURE(!auth_origin_is(origin, SLICE_EMPTY));
    if (source_count == 0)
        return;
    ENSURE(any || !auth_origin_listed(origin, false, sources, source_count));
    if (auth_origin_listed(origin, true, sources, source_count))
        ENSURE(auth_origin_listed(origin, false, sources, source_count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    char *lines[LINES_MAX];

    ENSURE(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    origin_check(lines, lines_split(bytes, size, lines));
    free(bytes);
    return 0;
}
