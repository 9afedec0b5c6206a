/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's files: segments made ahead, appended to, mapped for reading, unlinked. The commit
 * thread appends; one maker makes segments ahead; anyone reads. */
#ifndef KEFU_JOURNAL_H
#define KEFU_JOURNAL_H

#include <sys/uio.h>

#include "arena.h"
#include "err.h"
#include "journal_format.h"

/* Last words and the end with status 1: after a failed write or sync nothing may go on. */
_Noreturn void journal_die(const char *what, int error);

struct journal_segment {
    int fd; /* -1: none */
    uint32_t number;
    uint64_t salt;
    size_t bytes;
};

/* Makes and syncs one segment: allocated, headed, named. ERR_NO_SPACE leaves nothing behind. */
MUST_USE enum err_code journal_segment_make(int folder, uint32_t number, size_t bytes,
                                            struct journal_segment *out, struct err *err);
void journal_segment_close(struct journal_segment *segment);
void journal_segment_unlink(int folder, uint32_t number);
/* Numbers of the segments in the folder, ascending; the caller frees. */
uint32_t *journal_segment_list(int folder, size_t *n);

/* Maps a segment for reading. ERR_NOT_FOUND: no such file; ERR_CORRUPT: no sound head;
 * ERR_UNSUPPORTED: a newer format. */
MUST_USE enum err_code journal_view_open(int folder, uint32_t number, struct journal_view *out,
                                         struct err *err);
void journal_view_close(struct journal_view *view);

/* One record by position, copied. ERR_NOT_FOUND: its segment is gone (it has been settled). */
MUST_USE enum err_code journal_record_read(int folder, uint64_t position, struct arena *arena,
                                           const struct journal_record_head **out, struct err *err);

struct journal_recovery {
    uint64_t start;        /* in: settled up to here */
    uint64_t start_batch;  /* in: number of the batch expected there */
    uint64_t end;          /* behind the last sound batch */
    uint64_t next_batch;   /* number for the next batch */
    uint32_t next_segment; /* number for the next segment */
    uint64_t turns;        /* between start and end */
    uint64_t torn_bytes;   /* written but not whole, at the very end */
    uint64_t damaged;      /* places of corruption before that */
    uint32_t torn_segment; /* where zeroing begins, when torn_bytes > 0 */
    size_t torn_offset;
    size_t torn_batch;    /* offset of the batch that is cut, 0: none of it is sound */
    uint32_t torn_length; /* and the bytes of it that stay */
};
/* Reads everything, changes nothing. */
MUST_USE enum err_code journal_scan(int folder, struct journal_recovery *recovery, struct err *err);
/* Zeroes the torn tail that journal_scan found, and syncs. */
MUST_USE enum err_code journal_repair(int folder, const struct journal_recovery *recovery,
                                      struct err *err);

#endif
