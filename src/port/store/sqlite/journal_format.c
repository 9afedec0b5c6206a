/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_format.h"

#include "crc32c.h"
#include "store.h"

/* A record is never longer than the longest turn and its head. */
#define RECORD_BYTES_MAX (STORE_TURN_BYTES_MAX + sizeof(struct journal_record_head))

void journal_segment_head_seal(struct journal_segment_head *head)
{
    head->crc = crc32c(0, head, offsetof(struct journal_segment_head, crc));
}

bool journal_segment_head_valid(const struct journal_segment_head *head)
{
    return head->magic == JOURNAL_SEGMENT_MAGIC &&
           head->crc == crc32c(0, head, offsetof(struct journal_segment_head, crc));
}

void journal_batch_head_seal(struct journal_batch_head *head)
{
    head->crc = crc32c(0, head, offsetof(struct journal_batch_head, crc));
}

static uint32_t record_crc(const struct journal_record_head *record)
{
    uint32_t crc = crc32c(0, &record->length, sizeof(record->length));

    return crc32c(crc, (const char *)record + 8, record->length - 8);
}

void journal_record_seal(struct journal_record_head *record)
{
    record->crc = record_crc(record);
}

const struct journal_record_head *journal_record_at(struct slice bytes)
{
    const struct journal_record_head *record = (const void *)bytes.ptr;

    if (bytes.len < sizeof(*record) || record->length < sizeof(*record) ||
        record->length > bytes.len || record->length > RECORD_BYTES_MAX || record->conv == 0 ||
        record->format == 0 || record->crc != record_crc(record))
        return NULL;
    return record;
}

const struct journal_batch_head *journal_batch_at(const struct journal_view *view, size_t offset)
{
    const struct journal_batch_head *head = (const void *)(view->bytes + offset);

    if (offset + sizeof(*head) > view->len || head->magic != JOURNAL_BATCH_MAGIC ||
        head->salt != view->salt ||
        head->crc != crc32c(0, head, offsetof(struct journal_batch_head, crc)) ||
        head->length > view->len - offset - sizeof(*head))
        return NULL;
    return head;
}

size_t journal_batch_find(const struct journal_view *view, size_t offset, uint64_t number)
{
    for (; offset + JOURNAL_BLOCK <= view->len; offset += JOURNAL_BLOCK) {
        const struct journal_batch_head *head = journal_batch_at(view, offset);

        if (head != NULL && head->number >= number)
            return offset;
    }
    return view->len;
}

size_t journal_batch_sound(const struct journal_view *view, size_t offset)
{
    const struct journal_batch_head *head = journal_batch_at(view, offset);
    const uint8_t *start = (const uint8_t *)(head + 1);
    size_t at = 0;

    while (at < head->length) {
        const struct journal_record_head *record =
            journal_record_at(slice_make(start + at, head->length - at));

        if (record == NULL)
            return at;
        at += journal_round(record->length, JOURNAL_ALIGN);
    }
    return head->length;
}

bool journal_blank(const struct journal_view *view, size_t offset)
{
    static const uint8_t zero[JOURNAL_BLOCK];

    return offset + JOURNAL_BLOCK > view->len ||
           memcmp(view->bytes + offset, zero, JOURNAL_BLOCK) == 0;
}

/* Steps over damaged bytes to the next sound record or batch head. NULL: none before end, or a
 * batch head was found, which the caller reads next. */
static const struct journal_record_head *salvage(struct journal_cursor *cursor,
                                                 const struct journal_view *view, size_t end)
{
    for (; cursor->offset + JOURNAL_ALIGN <= end; cursor->offset += JOURNAL_ALIGN) {
        const struct journal_batch_head *head = NULL;
        const struct journal_record_head *record;

        if (cursor->offset % JOURNAL_BLOCK == 0)
            head = journal_batch_at(view, cursor->offset);
        if (head != NULL && head->number >= cursor->number) {
            cursor->salvage = false;
            return NULL;
        }
        record =
            journal_record_at(slice_make(view->bytes + cursor->offset, view->len - cursor->offset));
        if (record != NULL)
            return record;
        cursor->damaged += JOURNAL_ALIGN;
    }
    cursor->offset = end;
    cursor->salvage = false;
    return NULL;
}

static bool batch_enter(struct journal_cursor *cursor, const struct journal_view *view, size_t end)
{
    const struct journal_batch_head *head;

    cursor->offset = journal_round(cursor->offset, JOURNAL_BLOCK);
    if (cursor->offset >= end || journal_blank(view, cursor->offset))
        return false;
    head = journal_batch_at(view, cursor->offset);
    if (head == NULL || head->number < cursor->number) {
        cursor->salvage = true;
        return true;
    }
    cursor->number = head->number + 1;
    cursor->batch_end = cursor->offset + sizeof(*head) + head->length;
    cursor->offset += sizeof(*head);
    return true;
}

const struct journal_record_head *journal_cursor_next(struct journal_cursor *cursor,
                                                      const struct journal_view *view, size_t end,
                                                      size_t *offset)
{
    for (;;) {
        const struct journal_record_head *record;

        if (cursor->salvage) {
            record = salvage(cursor, view, end);
        } else if (cursor->batch_end == 0 || cursor->offset >= cursor->batch_end) {
            cursor->batch_end = 0;
            if (!batch_enter(cursor, view, end))
                return NULL;
            continue;
        } else {
            record = journal_record_at(
                slice_make(view->bytes + cursor->offset, cursor->batch_end - cursor->offset));
            if (record == NULL) {
                cursor->salvage = true;
                cursor->batch_end = 0;
                continue;
            }
        }
        if (record == NULL)
            continue;
        *offset = cursor->offset;
        cursor->offset += journal_round(record->length, JOURNAL_ALIGN);
        return record;
    }
}
