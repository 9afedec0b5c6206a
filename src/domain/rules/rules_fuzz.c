/* SPDX-License-Identifier: Apache-2.0 */
/* A file of rules, a line "--", a text: compiles or is refused with a place, and what is found lies
 * in the text. The block that came out opens again. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "rules_file.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan_all(const struct rules_set *set, struct slice text)
{
    static const struct rules_context contexts[] = {
        { .locale = RULES_ANY_LOCALE },
        { .locale = RULES_ZH,
          .scope = SLICE_LITERAL("shop"),
          .timed = true,
          .day = 20000,
          .minute = 600 },
    };
    static char out[RULES_TEXT_BYTES_MAX];
    static struct rules_scratch *scratch;
    static struct rules_span spans[RULES_SPANS_MAX];
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, out, NULL, sizeof(out));
    struct rules_hit hits[4];

    if (scratch == NULL)
        scratch = rules_scratch_create();
    for (size_t c = 0; c < LENGTH_OF(contexts); c++) {
        size_t count = rules_scan(set, scratch, norm, &contexts[c], hits, LENGTH_OF(hits));

        for (size_t i = 0; i < count; i++) {
            ENSURE(hits[i].len > 0 && (size_t)hits[i].start + hits[i].len <= norm.len);
            (void)rules_set_name(set, hits[i].rule);
        }
        count = rules_spans(scratch, spans);
        for (size_t i = 0; i < count && count <= RULES_SPANS_MAX; i++)
            ENSURE((size_t)spans[i].start + spans[i].len <= norm.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n--\n";
    const char *cut = size > 0 ? memmem(data, size, mark, 4) : NULL;
    struct slice file = slice_make(data, cut != NULL ? (size_t)(cut - (const char *)data) : size);
    struct slice text = cut != NULL ? slice_make(cut + 4, size - file.len - 4) : file;
    struct rules_set *set = NULL;
    struct rules_set *again = NULL;
    struct rules_where where;

    if (rules_file_compile(file, &set, &where, NULL) != ERR_OK) {
        size_t lines = 1;

        for (size_t i = 0; i < file.len; i++)
            lines += file.ptr[i] == '\n' ? 1 : 0;
        ENSURE(where.line <= lines);
        return 0;
    }
    scan_all(set, text);
    ENSURE(rules_set_open(rules_set_blob(set), &again, NULL) == ERR_OK);
    rules_set_destroy(&again);
    rules_set_destroy(&set);
    return 0;
}
