/* SPDX-License-Identifier: Apache-2.0 */
/* First line: words of a rule, second: more words, rest: a text. Compiles or is refused, scans. */
#include <stdint.h>

#include "check.h"
#include "rules.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    WORDS_MAX = 40,
};

static size_t split_line(struct slice *in, struct slice *words)
{
    const char *end = in->len > 0 ? memchr(in->ptr, '\n', in->len) : NULL;
    struct slice line = slice_make(in->ptr, end != NULL ? (size_t)(end - in->ptr) : in->len);
    size_t count = 0;

    in->ptr += line.len;
    in->len -= line.len;
    if (in->len > 0) {
        in->ptr++;
        in->len--;
    }
    while (line.len > 0 && count < WORDS_MAX) {
        const char *bar = memchr(line.ptr, '|', line.len);
        size_t len = bar != NULL ? (size_t)(bar - line.ptr) : line.len;

        words[count++] = slice_make(line.ptr, len);
        line.ptr += len;
        line.len -= len;
        if (line.len > 0) {
            line.ptr++;
            line.len--;
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[TEXT_NORM_BYTES_MAX];
    static struct rules_scratch *scratch;
    struct slice in = slice_make(data, size);
    struct slice any[WORDS_MAX];
    struct slice none[WORDS_MAX];
    struct rules_rule rules[2] = { { .id = 1 }, { .id = 2, .priority = 1 } };
    struct rules_set *set = NULL;
    struct rules_hit hits[2];
    struct slice norm;
    size_t n;

    if (scratch == NULL)
        scratch = rules_scratch_create();
    rules[0].any = rules[1].all = any;
    rules[0].any_count = rules[1].all_count = split_line(&in, any);
    rules[0].none = none;
    rules[0].none_count = split_line(&in, none);
    if (rules_compile(rules, 2, &set, NULL) != ERR_OK)
        return 0;
    norm = text_normalise(in, out, sizeof(out));
    n = rules_scan(set, scratch, norm, RULES_ANY_LOCALE, hits, 2);
    for (size_t i = 0; i < n; i++)
        ENSURE((size_t)hits[i].start + hits[i].len <= norm.len && hits[i].len > 0);
    rules_set_destroy(&set);
    return 0;
}
