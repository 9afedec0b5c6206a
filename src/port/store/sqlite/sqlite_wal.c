/* SPDX-License-Identifier: Apache-2.0 */
/* The format is SQLite's ("WAL-mode file format", sqlite.org/walformat.html): a head of 32 bytes;
 * frames of a 24-byte head and a page. A frame's checksum goes on from that of the frame before, so
 * behind a damaged frame the chain can be taken up again at any frame's stored checksum. */
#include "sqlite_wal.h"

#include "slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_MAGIC UINT32_C(0x377f0682) /* the lowest bit: checksums over big-endian words */

enum {
    WAL_HEAD_BYTES = 32,
    WAL_FRAME_HEAD_BYTES = 24,
    WAL_PAGE_BYTES_MIN = 512,
    WAL_PAGE_BYTES_MAX = 65536,
    PATH_BYTES_MAX = 4096,
};

struct wal {
    const uint8_t *bytes;
    size_t len;
    bool big_endian;
    size_t frame_bytes;
};

struct wal_sum {
    uint32_t a, b;
};

static uint32_t word(const uint8_t *at, bool big_endian)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? value
                                                                  : __builtin_bswap32(value);
}

static struct wal_sum sum(const struct wal *wal, struct wal_sum from, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        from.a += word(at + i, wal->big_endian) + from.b;
        from.b += word(at + i + 4, wal->big_endian) + from.a;
    }
    return from;
}

static struct wal_sum sum_stored(const uint8_t *at)
{
    return (struct wal_sum){ word(at, true), word(at + 4, true) };
}

static bool sum_equal(struct wal_sum x, struct wal_sum y)
{
    return x.a == y.a && x.b == y.b;
}

static const uint8_t *frame_at(const struct wal *wal, size_t frame)
{
    return wal->bytes + WAL_HEAD_BYTES + frame * wal->frame_bytes;
}

static size_t frame_count(const struct wal *wal)
{
    return (wal->len - WAL_HEAD_BYTES) / wal->frame_bytes;
}

/* Whether a frame goes on from the stored checksum before it, be that one's frame sound or not. */
static bool frame_sound(const struct wal *wal, size_t frame)
{
    const uint8_t *at = frame_at(wal, frame);
    const uint8_t *before = frame == 0 ? wal->bytes + 24 : frame_at(wal, frame - 1) + 16;
    struct wal_sum seed = sum(wal, sum_stored(before), at, 8);

    return sum_equal(
        sum(wal, seed, at + WAL_FRAME_HEAD_BYTES, wal->frame_bytes - WAL_FRAME_HEAD_BYTES),
        sum_stored(at + 16));
}

static bool frame_of_this_log(const struct wal *wal, size_t frame)
{
    return memcmp(frame_at(wal, frame) + 8, wal->bytes + 16, 8) == 0; /* the salts */
}

static bool frame_commits(const struct wal *wal, size_t frame)
{
    return word(frame_at(wal, frame) + 4, true) != 0;
}

static enum err_code frames_check(const struct wal *wal, struct err *err)
{
    size_t count = frame_count(wal);
    size_t bad = 0;
    unsigned commits = 0;

    while (bad < count && frame_of_this_log(wal, bad) && frame_sound(wal, bad))
        bad++;
    for (size_t i = bad; i < count && commits < 2; i++)
        commits +=
            frame_of_this_log(wal, i) && frame_commits(wal, i) && (i == bad || frame_sound(wal, i));
    if (commits < 2)
        return ERR_OK;
    return err_set(err, ERR_CORRUPT,
                   "main.db-wal is damaged at byte %zu, before changes that were committed; "
                   "restore a backup",
                   WAL_HEAD_BYTES + bad * wal->frame_bytes);
}

static enum err_code head_check(struct wal *wal, struct err *err)
{
    uint32_t page = word(wal->bytes + 8, true);

    wal->big_endian = (wal->bytes[3] & 1) != 0;
    if ((word(wal->bytes, true) & ~1U) != WAL_MAGIC || page < WAL_PAGE_BYTES_MIN ||
        page > WAL_PAGE_BYTES_MAX || (page & (page - 1)) != 0 ||
        !sum_equal(sum(wal, (struct wal_sum){ 0, 0 }, wal->bytes, 24), sum_stored(wal->bytes + 24)))
        return err_set(err, ERR_CORRUPT, "the head of main.db-wal is damaged; restore a backup");
    wal->frame_bytes = WAL_FRAME_HEAD_BYTES + page;
    return ERR_OK;
}

/* The head is synced before the first frame: a log with frames has a sound one. */
static enum err_code log_check(struct wal *wal, struct err *err)
{
    enum err_code rc;

    if (wal->len < WAL_HEAD_BYTES + WAL_FRAME_HEAD_BYTES + WAL_PAGE_BYTES_MIN)
        return ERR_OK;
    rc = head_check(wal, err);
    return rc == ERR_OK ? frames_check(wal, err) : rc;
}

enum err_code wal_check(const char *db_path, struct err *err)
{
    char path[PATH_BYTES_MAX];
    struct wal wal = { 0 };
    struct stat st;
    enum err_code rc = ERR_OK;
    void *map;
    int fd;

    snprintf(path, sizeof(path), "%s-wal", db_path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = errno == ENOENT ? ERR_OK : err_set(err, ERR_IO, "main.db-wal: %s", strerror(errno));
    } else if (st.st_size > 0) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            rc = err_set(err, ERR_IO, "main.db-wal: %s", strerror(errno));
        } else {
            wal.bytes = map;
            wal.len = (size_t)st.st_size;
            rc = log_check(&wal, err);
            munmap(map, wal.len);
        }
    }
    if (fd >= 0)
        close(fd);
    return rc;
}
