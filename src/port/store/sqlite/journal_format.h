/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the journal, and nothing about files.
 *
 *   segment = head block (512) { batch }
 *   batch   = head { record } padding to 512; begins 512-aligned, never crosses a segment
 *   record  = head, the encoded turn, padding to 8
 *
 * A segment is preallocated and zero; a zero batch head is the end of what it holds. The salt is
 * random per segment, so that no bytes of a message can be taken for a batch. Batch numbers are
 * dense over all segments: a missing one is noticed. Little-endian. Pure; any thread. */
#ifndef KEFU_JOURNAL_FORMAT_H
#define KEFU_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is little-endian");

enum {
    JOURNAL_BLOCK = 512, /* what a disk writes whole */
    JOURNAL_FORMAT = 1,  /* newest format of segments and records that this code reads */
    JOURNAL_ALIGN = 8,
};
#define JOURNAL_SEGMENT_MAGIC UINT64_C(0x314C4E4A5546454B) /* "KEFUJNL1" */
#define JOURNAL_BATCH_MAGIC   UINT32_C(0x4842464B)         /* "KFBH" */

struct journal_segment_head {
    uint64_t magic;
    uint32_t format;
    uint32_t number;
    uint64_t salt;
    uint32_t reserved;
    uint32_t crc; /* of the bytes before it */
};
struct journal_batch_head {
    uint32_t magic;
    uint32_t length; /* of the records */
    uint64_t salt;
    uint64_t number;
    uint32_t turns;
    uint32_t crc; /* of the bytes before it */
};
struct journal_record_head {
    uint32_t length; /* head and turn, without padding */
    uint32_t crc;    /* of the length and of everything behind this field */
    uint16_t format;
    uint16_t shard;
    uint16_t n_events;
    uint16_t flags;
    uint32_t first_seq;
    uint32_t reserved;
    uint64_t workspace;
    uint64_t conv;
    uint64_t visitor;
};
_Static_assert(sizeof(struct journal_segment_head) == 32, "on disk");
_Static_assert(sizeof(struct journal_batch_head) == 32, "on disk");
_Static_assert(sizeof(struct journal_record_head) == 48, "on disk");

static inline size_t journal_round(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Positions order everything that was ever committed: segment number, then offset. */
static inline uint64_t journal_position(uint32_t segment, size_t offset)
{
    return (uint64_t)segment << 32 | (uint32_t)offset;
}
static inline uint32_t journal_position_segment(uint64_t position)
{
    return (uint32_t)(position >> 32);
}
static inline size_t journal_position_offset(uint64_t position)
{
    return (uint32_t)position;
}

void journal_segment_head_seal(struct journal_segment_head *head);
bool journal_segment_head_valid(const struct journal_segment_head *head);
void journal_batch_head_seal(struct journal_batch_head *head);

/* Where the turn's bytes go is behind the head; fill both, then seal. */
void journal_record_seal(struct journal_record_head *record);
/* The record at the start of bytes, NULL when it is not whole and sound. Aligned to 8. */
const struct journal_record_head *journal_record_at(struct slice bytes);
static inline struct slice journal_record_turn(const struct journal_record_head *record)
{
    return slice_make(record + 1, record->length - sizeof(*record));
}

/* A mapped segment. */
struct journal_view {
    const uint8_t *bytes;
    size_t len;
    uint32_t number;
    uint64_t salt;
};
/* The batch head at an offset, NULL when there is none that is sound and fits. */
const struct journal_batch_head *journal_batch_at(const struct journal_view *view, size_t offset);
/* The first sound batch head at or after an offset with a number >= number, else view->len. */
size_t journal_batch_find(const struct journal_view *view, size_t offset, uint64_t number);
/* How many bytes of a batch's records are sound from its start on (length: all). */
size_t journal_batch_sound(const struct journal_view *view, size_t offset);
/* Whether nothing was ever written at this offset. */
bool journal_blank(const struct journal_view *view, size_t offset);

/* Walks the records of one segment, skipping what is damaged.
 * A cursor starts at an offset that is a batch's start (or JOURNAL_BLOCK). */
struct journal_cursor {
    size_t offset;    /* of the next record, or of the next batch */
    size_t batch_end; /* 0: between batches */
    uint64_t number;  /* of the batch expected next */
    size_t damaged;   /* bytes skipped so far */
    bool salvage;     /* walking damaged bytes */
};
/* The next record before `end`, NULL at the end (cursor->offset is then the end of the last
 * batch). *offset is where the record is. */
const struct journal_record_head *journal_cursor_next(struct journal_cursor *cursor,
                                                      const struct journal_view *view, size_t end,
                                                      size_t *offset);

#endif
