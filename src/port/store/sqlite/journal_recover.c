/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash left. A batch is written only after the one before it was synced; so a bad head or
 * record is a torn tail exactly when no sound head of a later batch follows, in its segment or a
 * later one. Then it was never acknowledged, and is zeroed before anything is appended. If a later
 * batch follows, acknowledged bytes were damaged: that is reported, and reading goes on behind. */
#include "journal.h"

#include "mem.h"
#include "store_turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scan {
    int folder;
    struct journal_recovery *r;
    const uint32_t *numbers;
    size_t n;
    size_t at; /* the segment being read */
    struct journal_view view;
};

static bool later_segment_has_batch(struct scan *scan, uint64_t number)
{
    for (size_t i = scan->at + 1; i < scan->n; i++) {
        struct journal_view view;
        bool found;

        if (journal_view_open(scan->folder, scan->numbers[i], &view, NULL) != ERR_OK)
            continue;
        found = journal_batch_find(&view, JOURNAL_BLOCK, number) < view.len;
        journal_view_close(&view);
        if (found)
            return true;
    }
    return false;
}

static void torn(struct scan *scan, size_t offset, size_t batch, size_t length)
{
    struct journal_recovery *r = scan->r;
    size_t last = scan->view.len;

    while (last > offset && scan->view.bytes[last - 1] == 0)
        last--;
    r->torn_bytes = last > offset ? last - offset : 1;
    r->torn_segment = scan->view.number;
    r->torn_offset = offset;
    r->torn_batch = batch;
    r->torn_length = (uint32_t)length;
}

/* Counts the turns of a sound batch, and refuses records of a format from the future. */
static enum err_code batch_count(struct scan *scan, size_t offset, size_t sound, struct err *err)
{
    const uint8_t *start = scan->view.bytes + offset + sizeof(struct journal_batch_head);

    for (size_t at = 0; at < sound;) {
        const struct journal_record_head *record = (const void *)(start + at);

        if (record->format > JOURNAL_FORMAT)
            return err_set(err, ERR_UNSUPPORTED,
                           "the journal holds records of format %u, this program reads up to %d",
                           record->format, JOURNAL_FORMAT);
        if (turn_format(journal_record_turn(record)) > TURN_FORMAT)
            return err_set(err, ERR_UNSUPPORTED,
                           "the journal holds turns of format %u, this program reads up to %d",
                           turn_format(journal_record_turn(record)), TURN_FORMAT);
        scan->r->turns++;
        at += journal_round(record->length, JOURNAL_ALIGN);
    }
    return ERR_OK;
}

/* One segment from an offset on. *stop: the journal ends here. */
static enum err_code segment_scan(struct scan *scan, size_t offset, bool *stop, struct err *err)
{
    struct journal_recovery *r = scan->r;
    struct journal_view *view = &scan->view;

    while (offset + JOURNAL_BLOCK <= view->len) {
        const struct journal_batch_head *head = journal_batch_at(view, offset);
        size_t sound;
        enum err_code rc;

        if (head == NULL || head->number < r->next_batch) {
            size_t next = journal_batch_find(view, offset, r->next_batch);
            bool later = next < view->len || later_segment_has_batch(scan, r->next_batch);

            if (journal_blank(view, offset) && next == view->len)
                return ERR_OK; /* the rest of the segment was not needed */
            if (!later) {
                torn(scan, offset, 0, 0);
                *stop = true;
                return ERR_OK;
            }
            r->damaged++;
            offset = next;
            continue;
        }
        if (head->number != r->next_batch)
            r->damaged++; /* batches are missing */
        sound = journal_batch_sound(view, offset);
        rc = batch_count(scan, offset, sound, err);
        if (rc != ERR_OK)
            return rc;
        r->next_batch = head->number + 1;
        if (sound < head->length) {
            size_t next = offset + JOURNAL_BLOCK;

            if (journal_batch_find(view, next, r->next_batch) == view->len &&
                !later_segment_has_batch(scan, r->next_batch)) {
                torn(scan, offset + sizeof(*head) + sound, sound != 0 ? offset : 0, sound);
                if (sound == 0) {
                    r->torn_offset = offset;
                    r->next_batch--;
                } else {
                    r->end = journal_position(view->number, offset + sizeof(*head) + sound);
                }
                *stop = true;
                return ERR_OK;
            }
            r->damaged++;
        }
        offset = journal_round(offset + sizeof(*head) + head->length, JOURNAL_BLOCK);
        r->end = journal_position(view->number, offset);
    }
    return ERR_OK;
}

static enum err_code segments_scan(struct scan *scan, struct err *err)
{
    struct journal_recovery *r = scan->r;
    uint32_t first = journal_position_segment(r->start);
    bool stop = false;
    enum err_code rc = ERR_OK;

    for (scan->at = 0; scan->at < scan->n && rc == ERR_OK; scan->at++) {
        uint32_t number = scan->numbers[scan->at];
        size_t offset = JOURNAL_BLOCK;

        if (number >= r->next_segment)
            r->next_segment = number + 1;
        if (number < first || stop)
            continue;
        if (number == first && journal_position_offset(r->start) > offset)
            offset = journal_position_offset(r->start);
        rc = journal_view_open(scan->folder, number, &scan->view, err);
        if (rc == ERR_CORRUPT) {
            r->damaged += later_segment_has_batch(scan, r->next_batch);
            rc = ERR_OK;
            continue;
        }
        if (rc == ERR_OK)
            rc = segment_scan(scan, offset, &stop, err);
        journal_view_close(&scan->view);
    }
    return rc;
}

enum err_code journal_scan(int folder, struct journal_recovery *r, struct err *err)
{
    struct scan scan = { .folder = folder, .r = r };
    uint32_t *numbers = journal_segment_list(folder, &scan.n);
    enum err_code rc;

    scan.numbers = numbers;
    r->end = r->start;
    r->next_batch = r->start_batch;
    r->next_segment = journal_position_segment(r->start) + 1;
    rc = segments_scan(&scan, err);
    free(numbers);
    return rc;
}

static enum err_code head_shorten(int fd, const struct journal_recovery *r, struct err *err)
{
    struct journal_batch_head head;

    if (pread(fd, &head, sizeof(head), (off_t)r->torn_batch) != (ssize_t)sizeof(head))
        return err_set(err, ERR_IO, "journal repair: %s", strerror(errno));
    head.length = r->torn_length;
    journal_batch_head_seal(&head);
    if (pwrite(fd, &head, sizeof(head), (off_t)r->torn_batch) != (ssize_t)sizeof(head))
        return err_set(err, ERR_IO, "journal repair: %s", strerror(errno));
    return ERR_OK;
}

static enum err_code rest_zero(int fd, size_t offset, struct err *err)
{
    static const uint8_t zero[65536];
    off_t size = lseek(fd, 0, SEEK_END);

    for (off_t at = (off_t)offset; at < size;) {
        size_t n = (size_t)(size - at) < sizeof(zero) ? (size_t)(size - at) : sizeof(zero);
        ssize_t written = pwrite(fd, zero, n, at);

        if (written <= 0)
            return err_set(err, ERR_IO, "journal repair: %s", strerror(errno));
        at += written;
    }
    return ERR_OK;
}

enum err_code journal_repair(int folder, const struct journal_recovery *r, struct err *err)
{
    char name[24];
    enum err_code rc;
    int fd;

    if (r->torn_bytes == 0)
        return ERR_OK;
    snprintf(name, sizeof(name), "%06u.log", r->torn_segment);
    fd = openat(folder, name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "journal repair: %s", strerror(errno));
    rc = rest_zero(fd, r->torn_offset, err);
    if (rc == ERR_OK && r->torn_batch != 0)
        rc = head_shorten(fd, r, err);
    if (rc == ERR_OK && fsync(fd) != 0)
        journal_die("fsync of a repaired journal segment", errno);
    close(fd);
    return rc;
}
