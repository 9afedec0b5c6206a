/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a segment. The bytes are first laid out as a journal would have them (heads sealed
 * where the first bytes say so), so that damage is met behind sound heads as well. A walk ends,
 * stays inside, gives records in order, and never one that is not sound. */
#include "journal_format.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SALT = 42, BYTES_MAX = 64 * 1024 };

/* Bit i of `sealed`: the i-th block becomes a batch head, and its record is sealed as well. */
static void blocks_seal(uint8_t *bytes, size_t len, uint32_t sealed)
{
    for (size_t i = 0; i < 32 && (i + 1) * JOURNAL_BLOCK <= len; i++) {
        struct journal_batch_head *head = (void *)(bytes + i * JOURNAL_BLOCK);
        struct journal_record_head *record = (void *)(head + 1);

        if ((sealed >> i & 1) == 0)
            continue;
        head->magic = JOURNAL_BATCH_MAGIC;
        head->salt = SALT;
        head->length %= 4096;
        journal_batch_head_seal(head);
        record->length = (uint32_t)(sizeof(*record) + record->length % 256);
        if ((size_t)((uint8_t *)record - bytes) + record->length <= len)
            journal_record_seal(record);
    }
}

static void walk(const struct journal_view *view)
{
    struct journal_cursor cursor = { .offset = JOURNAL_BLOCK };
    const struct journal_record_head *record;
    size_t last = 0;
    size_t offset;

    while ((record = journal_cursor_next(&cursor, view, view->len, &offset)) != NULL) {
        ENSURE(offset > last && offset + record->length <= view->len);
        ENSURE((const uint8_t *)record == view->bytes + offset);
        ENSURE(journal_record_at(slice_make(record, record->length)) == record);
        ENSURE(cursor.offset > offset);
        last = offset;
    }
    ENSURE(cursor.damaged <= view->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_view view = { .salt = SALT };
    uint32_t sealed;
    uint8_t *bytes;

    if (size < sizeof(sealed) || size > BYTES_MAX)
        return 0;
    memcpy(&sealed, data, sizeof(sealed));
    view.len = journal_round(size, JOURNAL_BLOCK);
    bytes = mem_zalloc(view.len);
    memcpy(bytes, data + sizeof(sealed), size - sizeof(sealed));
    blocks_seal(bytes, view.len, sealed);
    view.bytes = bytes;
    walk(&view);
    for (size_t at = 0; at < view.len; at += JOURNAL_BLOCK) {
        const struct journal_batch_head *head = journal_batch_at(&view, at);

        ENSURE(head == NULL || journal_batch_sound(&view, at) <= head->length);
        (void)journal_blank(&view, at);
    }
    free(bytes);
    return 0;
}
