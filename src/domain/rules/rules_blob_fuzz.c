/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled block, damaged anywhere, with its checksum put right: refused, or safe to scan with.
 * The input is a list of (place, value) changes to a good block, or a whole block. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "crc32c.h"
#include "rules_file.h"
#include "rules_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rules_set *good_set(void)
{
    static const char file[] = "rule a\n  when: 退货 & (/\\d+/ | <number>) | send ..5 back & "
                               "!\"gift card\"\n  scope: shop\n"
                               "rule b\n  when: 退 & 换\n  hours: mon 09:00-10:00\n"
                               "words w\n  action: mask\n  list:\n    微信\n    银行\n    fuck\n";
    struct rules_set *set = NULL;
    struct rules_where where;

    ENSURE(rules_file_compile(slice_of(file), &set, &where, NULL) == ERR_OK);
    return set;
}

static void scan_one(struct slice blob)
{
    static const struct slice text = SLICE_LITERAL("退货 3 换 send it back wei 信 y i n hang fuck");
    static const struct rules_context context = { .scope = SLICE_LITERAL("shop") };
    static struct rules_scratch *scratch;
    struct rules_set *set = NULL;
    struct rules_hit hits[4];

    if (scratch == NULL)
        scratch = rules_scratch_create();
    if (rules_set_open(blob, &set, NULL) != ERR_OK)
        return;
    if (rules_set_count(set) < 1000)
        (void)rules_scan(set, scratch, text, &context, hits, LENGTH_OF(hits));
    rules_set_destroy(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rules_set *set;
    struct slice good;
    char *copy;
    struct rules_header *header;

    if (set == NULL)
        set = good_set();
    good = rules_set_blob(set);
    copy = malloc(good.len);
    header = (void *)copy;
    memcpy(copy, good.ptr, good.len);
    for (size_t at = 0; at + 6 <= size; at += 6) {
        uint16_t word;

        memcpy(&word, data + at, 2);
        memcpy(copy + (size_t)word * 4 % (good.len - 3), data + at + 2, 4);
    }
    header->magic = RULES_BLOB_MAGIC;
    header->version = RULES_BLOB_VERSION;
    header->form = TEXT_FORM_VERSION;
    header->bytes = good.len;
    header->crc = crc32c(0, copy + sizeof(*header), good.len - sizeof(*header));
    scan_one(slice_make(copy, good.len));
    free(copy);
    return 0;
}
