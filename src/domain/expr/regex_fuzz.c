/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: flags; up to the first newline: a pattern; the rest: a text. Both ways of matching
 * agree, and spans lie in the text. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct regex_scratch *scratch;
    struct slice in = slice_make(data, size);
    struct regex_span spans[REGEX_GROUPS_MAX];
    struct regex *regex = NULL;
    struct err err = { 0 };
    struct slice text;
    const char *end;
    size_t offset;
    bool matched;

    if (scratch == NULL)
        scratch = regex_scratch_create();
    if (size < 2 || size > 4096)
        return 0;
    in = slice_make(in.ptr + 1, in.len - 1);
    end = memchr(in.ptr, '\n', in.len);
    text = end != NULL ? slice_make(end + 1, (size_t)(in.ptr + in.len - end) - 1) : slice_of("");
    if (end != NULL)
        in.len = (size_t)(end - in.ptr);
    if (regex_compile(in, data[0] & 3U, &regex, &offset, &err) != ERR_OK) {
        ENSURE(err.code != ERR_OK && offset <= in.len);
        return 0;
    }
    matched = regex_test(regex, text);
    ENSURE(matched == regex_find(regex, scratch, text, 0, spans, REGEX_GROUPS_MAX));
    for (unsigned i = 0; matched && i < REGEX_GROUPS_MAX; i++)
        ENSURE(spans[i].start <= spans[i].end && spans[i].end <= (int32_t)text.len);
    free(regex);
    return 0;
}
