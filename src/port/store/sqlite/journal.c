/* SPDX-License-Identifier: Apache-2.0 */
/* Segments are allocated and written whole before they are used, so that a commit never needs room
 * and a full disk shows itself only here. A new one is made under another name and renamed once it
 * is synced: a file with a segment's name always has a head. */
#include "journal.h"

#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENT_NAME_MAX = 24,
    FILL_PIECE = 512 * 1024, /* about half a millisecond of a disk */
};

_Noreturn void journal_die(const char *what, int error)
{
    char line[256];
    int n = snprintf(line, sizeof(line),
                     "kefu: store: %s failed: %s; stopping, so that nothing is acknowledged that "
                     "is not on disk\n",
                     what, strerror(error));

    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(1);
    _exit(1);
}

static void segment_name(char name[SEGMENT_NAME_MAX], uint32_t number)
{
    snprintf(name, SEGMENT_NAME_MAX, "%06u.log", number);
}

static enum err_code segment_fault(struct err *err, const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return err_set(err, ERR_NO_SPACE, "no space for a journal segment");
    return err_set(err, ERR_IO, "journal segment: %s: %s", what, strerror(errno));
}

/* Blocks that are only allocated count as unwritten, so that the first sync behind each would have
 * to commit the file system's own log, too; and Linux 6.18's ext4 calls such a sync done even if
 * that log is cut off. Written before, they are only overwritten. In pieces, because commits wait
 * for the same disk (decision 22). */
static enum err_code blocks_write(int fd, size_t bytes, struct err *err)
{
    uint8_t *zeros = mem_zalloc(FILL_PIECE);
    enum err_code rc = ERR_OK;

    for (size_t at = 0; at < bytes && rc == ERR_OK; at += FILL_PIECE) {
        size_t len = bytes - at < FILL_PIECE ? bytes - at : FILL_PIECE;

        ssize_t n = pwrite(fd, zeros, len, (off_t)at);

        if (n >= 0 && n < (ssize_t)len)
            errno = ENOSPC;
        if (n != (ssize_t)len)
            rc = segment_fault(err, "fill");
        else if (fdatasync(fd) != 0)
            journal_die("fdatasync of a journal segment", errno);
    }
    free(zeros);
    return rc;
}

static enum err_code segment_fill(int fd, uint32_t number, size_t bytes, uint64_t *salt,
                                  struct err *err)
{
    uint8_t block[JOURNAL_BLOCK] = { 0 };
    struct journal_segment_head head = { .magic = JOURNAL_SEGMENT_MAGIC,
                                         .format = JOURNAL_FORMAT,
                                         .number = number };
    int error = posix_fallocate(fd, 0, (off_t)bytes);
    enum err_code rc;

    if (error != 0) {
        errno = error;
        return segment_fault(err, "allocate");
    }
    rc = blocks_write(fd, bytes, err);
    if (rc != ERR_OK)
        return rc;
    if (getrandom(&head.salt, sizeof(head.salt), 0) != sizeof(head.salt))
        return segment_fault(err, "random");
    *salt = head.salt;
    journal_segment_head_seal(&head);
    memcpy(block, &head, sizeof(head));
    if (pwrite(fd, block, sizeof(block), 0) != (ssize_t)sizeof(block))
        return segment_fault(err, "write its head");
    if (fsync(fd) != 0)
        journal_die("fsync of a journal segment", errno);
    return ERR_OK;
}

enum err_code journal_segment_make(int folder, uint32_t number, size_t bytes,
                                   struct journal_segment *out, struct err *err)
{
    char name[SEGMENT_NAME_MAX];
    enum err_code rc;
    int fd = openat(folder, "next.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return segment_fault(err, "create");
    rc = segment_fill(fd, number, bytes, &out->salt, err);
    if (rc != ERR_OK) {
        close(fd);
        unlinkat(folder, "next.tmp", 0);
        return rc;
    }
    segment_name(name, number);
    if (renameat(folder, "next.tmp", folder, name) != 0) {
        rc = segment_fault(err, "rename");
        close(fd);
        return rc;
    }
    if (fsync(folder) != 0)
        journal_die("fsync of the journal folder", errno);
    out->fd = fd;
    out->number = number;
    out->bytes = bytes;
    return ERR_OK;
}

void journal_segment_close(struct journal_segment *segment)
{
    if (segment->fd >= 0)
        close(segment->fd);
    segment->fd = -1;
}

void journal_segment_unlink(int folder, uint32_t number)
{
    char name[SEGMENT_NAME_MAX];

    segment_name(name, number);
    unlinkat(folder, name, 0); /* gone already is as good; start-up tries again */
}

static int number_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

uint32_t *journal_segment_list(int folder, size_t *n)
{
    uint32_t *numbers = NULL;
    size_t cap = 0;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    *n = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);

        if (end == entry->d_name || strcmp(end, ".log") != 0 || number > UINT32_MAX)
            continue;
        if (*n == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            numbers = mem_realloc(numbers, cap * sizeof(*numbers));
        }
        numbers[(*n)++] = (uint32_t)number;
    }
    if (dir != NULL)
        closedir(dir);
    if (*n != 0)
        qsort(numbers, *n, sizeof(*numbers), number_compare);
    return numbers;
}

static int segment_open(int folder, uint32_t number, int flags)
{
    char name[SEGMENT_NAME_MAX];

    segment_name(name, number);
    return openat(folder, name, flags | O_CLOEXEC);
}

static enum err_code view_check(struct journal_view *view, uint32_t number, struct err *err)
{
    const struct journal_segment_head *head = (const void *)view->bytes;

    if (view->len < JOURNAL_BLOCK || !journal_segment_head_valid(head) || head->number != number)
        return err_set(err, ERR_CORRUPT, "journal segment %u has no sound head", number);
    if (head->format > JOURNAL_FORMAT)
        return err_set(err, ERR_UNSUPPORTED,
                       "journal segment %u has format %u, this program reads up to %d", number,
                       head->format, JOURNAL_FORMAT);
    view->number = number;
    view->salt = head->salt;
    return ERR_OK;
}

enum err_code journal_view_open(int folder, uint32_t number, struct journal_view *out,
                                struct err *err)
{
    struct stat st;
    enum err_code rc;
    int fd = segment_open(folder, number, O_RDONLY);
    void *map;

    *out = (struct journal_view){ 0 };
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "journal segment %u: %s",
                       number, strerror(errno));
    if (fstat(fd, &st) != 0 || st.st_size < JOURNAL_BLOCK) {
        close(fd);
        return err_set(err, ERR_CORRUPT, "journal segment %u is too short", number);
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return err_set(err, ERR_IO, "journal segment %u: mmap: %s", number, strerror(errno));
    out->bytes = map;
    out->len = (size_t)st.st_size;
    rc = view_check(out, number, err);
    if (rc != ERR_OK)
        journal_view_close(out);
    return rc;
}

void journal_view_close(struct journal_view *view)
{
    if (view->bytes != NULL)
        munmap((void *)(uintptr_t)view->bytes, view->len);
    *view = (struct journal_view){ 0 };
}

enum err_code journal_record_read(int folder, uint64_t position, struct arena *arena,
                                  const struct journal_record_head **out, struct err *err)
{
    struct journal_record_head head;
    size_t offset = journal_position_offset(position);
    enum err_code rc = ERR_OK;
    char *bytes = NULL;
    int fd = segment_open(folder, journal_position_segment(position), O_RDONLY);

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "journal record: %s",
                       strerror(errno));
    if (pread(fd, &head, sizeof(head), (off_t)offset) != (ssize_t)sizeof(head) ||
        head.length < sizeof(head)) {
        rc = err_set(err, ERR_CORRUPT, "journal record does not read");
        goto out;
    }
    bytes = arena_alloc(arena, head.length);
    if (bytes == NULL) {
        rc = err_set(err, ERR_TOO_BIG, "the answer does not fit the arena");
        goto out;
    }
    if (pread(fd, bytes, head.length, (off_t)offset) != (ssize_t)head.length)
        rc = err_set(err, ERR_CORRUPT, "journal record does not read");
    *out = rc == ERR_OK ? journal_record_at(slice_make(bytes, head.length)) : NULL;
    if (rc == ERR_OK && *out == NULL)
        rc = err_set(err, ERR_CORRUPT, "journal record has a bad checksum");
out:
    close(fd);
    return rc;
}
