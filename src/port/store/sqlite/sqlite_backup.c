/* SPDX-License-Identifier: Apache-2.0 */
/* A backup of a running store. main.db is copied in slices on the writer connection: SQLite carries
 * changes made through the same connection over into the copy, so settling goes on in between. With
 * the last slice, and before the writer is let go, what the journal holds unsettled is mapped; both
 * together are everything that was acknowledged at that moment. */
#include "sqlite_priv.h"

#include "backup_format.h"
#include "sqlite_schema.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SLICE_PAGES = 1024, /* 8 MiB: some 10 ms */
    COPY_BYTES = 256 * 1024,
};

struct backup {
    struct sqlite_store *store;
    int fd;          /* of the file being written */
    char *part_path; /* it has this name until it is whole */
    char *copy_path; /* main.db's copy */
    int64_t now_ms;
    crypto_hash_sha256_state hash; /* of the member being written */
    struct backup_manifest manifest;
    struct journal_view *views; /* segments with unsettled turns */
    size_t views_n;
    struct journal_recovery tail; /* start, start_batch and end of what is unsettled */
};

static enum err_code fault(struct err *err, const char *what)
{
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                   "backup: %s: %s", what, strerror(errno));
}

/* ---- writing members ---- */

static enum err_code bytes_write(struct backup *backup, const void *ptr, size_t len,
                                 struct err *err)
{
    const char *at = ptr;

    while (len > 0) {
        ssize_t n = write(backup->fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fault(err, "write");
        at += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static enum err_code content_write(struct backup *backup, const void *ptr, size_t len,
                                   struct err *err)
{
    crypto_hash_sha256_update(&backup->hash, ptr, len);
    return bytes_write(backup, ptr, len, err);
}

static enum err_code member_begin(struct backup *backup, const char *name, uint64_t size,
                                  struct err *err)
{
    struct backup_member *member = &backup->manifest.members[backup->manifest.members_n];
    struct tar_entry entry = { .size = size };
    uint8_t block[TAR_BLOCK];

    ENSURE(backup->manifest.members_n < BACKUP_MEMBERS_MAX);
    snprintf(entry.name, sizeof(entry.name), "%s", name);
    memcpy(member->name, entry.name, sizeof(member->name));
    member->size = size;
    crypto_hash_sha256_init(&backup->hash);
    tar_entry_write(&entry, backup->now_ms / 1000, block);
    return bytes_write(backup, block, sizeof(block), err);
}

static enum err_code member_end(struct backup *backup, struct err *err)
{
    static const uint8_t zero[TAR_BLOCK];
    struct backup_member *member = &backup->manifest.members[backup->manifest.members_n++];

    crypto_hash_sha256_final(&backup->hash, member->hash);
    return bytes_write(backup, zero, tar_padding(member->size), err);
}

static enum err_code content_copy(struct backup *backup, int from, uint64_t size, struct err *err)
{
    char *bytes = mem_alloc(COPY_BYTES);
    enum err_code rc = ERR_OK;

    while (size > 0 && rc == ERR_OK) {
        ssize_t n = read(from, bytes, size < COPY_BYTES ? (size_t)size : COPY_BYTES);

        if (n <= 0)
            rc = n < 0 ? fault(err, "read") : err_set(err, ERR_IO, "backup: a file shrank");
        else
            rc = content_write(backup, bytes, (size_t)n, err);
        size -= n > 0 ? (uint64_t)n : 0;
    }
    free(bytes);
    return rc;
}

static enum err_code file_add(struct backup *backup, const char *path, const char *name,
                              struct err *err)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    enum err_code rc = ERR_OK;

    if (from < 0 || fstat(from, &st) != 0)
        rc = fault(err, name);
    if (rc == ERR_OK)
        rc = member_begin(backup, name, (uint64_t)st.st_size, err);
    if (rc == ERR_OK)
        rc = content_copy(backup, from, (uint64_t)st.st_size, err);
    if (rc == ERR_OK)
        rc = member_end(backup, err);
    if (from >= 0)
        close(from);
    return rc;
}

/* ---- main.db ---- */

/* Maps the segments from what is settled to what is committed. The writer is held. */
static enum err_code tail_map(struct backup *backup, struct err *err)
{
    struct sqlite_store *store = backup->store;
    uint32_t last = journal_position_segment(commit_mark(store).position);
    uint32_t number;
    enum err_code rc = ERR_OK;

    backup->tail.start = settle_position(store->writer.settle);
    backup->tail.start_batch = settle_batch(store->writer.settle);
    backup->tail.end = commit_mark(store).position;
    number = journal_position_segment(backup->tail.start);
    backup->views = mem_zalloc((last - number + 1) * sizeof(*backup->views));
    for (; number <= last && rc == ERR_OK; number++) {
        rc = journal_view_open(store->journal, number, &backup->views[backup->views_n], err);
        if (rc == ERR_OK)
            backup->views_n++;
        else if (rc == ERR_NOT_FOUND || rc == ERR_CORRUPT)
            rc = ERR_OK; /* settled and gone, or damaged and reported elsewhere */
    }
    return rc;
}

/* One slice; *done: everything is copied, and the journal's tail is mapped. */
static enum err_code copy_slice(struct backup *backup, sqlite3 *copy, sqlite3_backup **steps,
                                bool *done, struct err *err)
{
    struct db *db = writer_acquire(backup->store);
    enum err_code rc = ERR_OK;
    int step;

    if (*steps == NULL)
        *steps = sqlite3_backup_init(copy, "main", db->handle, "main");
    step = *steps != NULL ? sqlite3_backup_step(*steps, SLICE_PAGES) : SQLITE_ERROR;
    *done = step == SQLITE_DONE;
    if (step == SQLITE_FULL || (step & 0xFF) == SQLITE_IOERR)
        rc = err_set(err, step == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO, "backup: %s",
                     sqlite3_errmsg(copy));
    else if (step != SQLITE_OK && step != SQLITE_DONE && step != SQLITE_BUSY)
        rc = err_set(err, ERR_CORRUPT, "backup: %s", sqlite3_errmsg(copy));
    if (*done)
        rc = tail_map(backup, err);
    if (*done || rc != ERR_OK)
        sqlite3_backup_finish(*steps); /* on the writer's connection, so while it is ours */
    writer_release(backup->store);
    return rc;
}

static enum err_code main_copy(struct backup *backup, struct err *err)
{
    sqlite3_backup *steps = NULL;
    sqlite3 *copy = NULL;
    enum err_code rc = ERR_OK;
    bool done = false;

    unlink(backup->copy_path);
    if (sqlite3_open(backup->copy_path, &copy) != SQLITE_OK)
        rc = err_set(err, ERR_IO, "backup: %s", sqlite3_errmsg(copy));
    /* If the machine stops now, there is no backup; so nothing needs to be synced. */
    if (rc == ERR_OK)
        (void)sqlite3_exec(copy, "pragma synchronous = off; pragma journal_mode = off", NULL, NULL,
                           NULL);
    while (rc == ERR_OK && !done)
        rc = copy_slice(backup, copy, &steps, &done, err);
    sqlite3_close(copy);
    return rc;
}

/* ---- journal.bin: one segment that holds the unsettled batches ---- */

static size_t view_end(const struct backup *backup, const struct journal_view *view)
{
    return view->number == journal_position_segment(backup->tail.end)
               ? journal_position_offset(backup->tail.end)
               : view->len;
}

/* Where to begin reading a view. */
static size_t view_start(const struct backup *backup, const struct journal_view *view)
{
    size_t offset = journal_position_offset(backup->tail.start);

    if (view->number == journal_position_segment(backup->tail.start) && offset > JOURNAL_BLOCK)
        return offset;
    return JOURNAL_BLOCK;
}

static size_t batch_bytes(const struct journal_batch_head *head)
{
    return journal_round(sizeof(*head) + head->length, JOURNAL_BLOCK);
}

static uint64_t tail_bytes(const struct backup *backup)
{
    uint64_t bytes = JOURNAL_BLOCK;

    for (size_t i = 0; i < backup->views_n; i++) {
        const struct journal_view *view = &backup->views[i];
        size_t end = view_end(backup, view);
        size_t at = view_start(backup, view);

        while (at < end && (at = journal_batch_find(view, at, backup->tail.start_batch)) < end) {
            bytes += batch_bytes(journal_batch_at(view, at));
            at += batch_bytes(journal_batch_at(view, at));
        }
    }
    return bytes;
}

static enum err_code batch_add(struct backup *backup, const struct journal_view *view, size_t at,
                               uint64_t salt, struct err *err)
{
    static const uint8_t zero[JOURNAL_BLOCK];
    const struct journal_batch_head *from = journal_batch_at(view, at);
    struct journal_batch_head head = *from;
    enum err_code rc;

    head.salt = salt;
    journal_batch_head_seal(&head);
    rc = content_write(backup, &head, sizeof(head), err);
    if (rc == ERR_OK)
        rc = content_write(backup, from + 1, head.length, err);
    if (rc == ERR_OK)
        rc = content_write(backup, zero, batch_bytes(from) - sizeof(head) - head.length, err);
    return rc;
}

static enum err_code segment_head_add(struct backup *backup, uint64_t *salt, struct err *err)
{
    uint8_t block[JOURNAL_BLOCK] = { 0 };
    struct journal_segment_head head = { .magic = JOURNAL_SEGMENT_MAGIC,
                                         .format = JOURNAL_FORMAT,
                                         .number = backup->manifest.segment };

    if (getrandom(&head.salt, sizeof(head.salt), 0) != sizeof(head.salt))
        return fault(err, "random");
    *salt = head.salt;
    journal_segment_head_seal(&head);
    memcpy(block, &head, sizeof(head));
    return content_write(backup, block, sizeof(block), err);
}

static enum err_code tail_add(struct backup *backup, struct err *err)
{
    uint64_t salt;
    enum err_code rc = member_begin(backup, "journal.bin", tail_bytes(backup), err);

    if (rc == ERR_OK)
        rc = segment_head_add(backup, &salt, err);
    for (size_t i = 0; i < backup->views_n && rc == ERR_OK; i++) {
        const struct journal_view *view = &backup->views[i];
        size_t end = view_end(backup, view);
        size_t at = view_start(backup, view);

        while (rc == ERR_OK && at < end &&
               (at = journal_batch_find(view, at, backup->tail.start_batch)) < end) {
            rc = batch_add(backup, view, at, salt, err);
            at += batch_bytes(journal_batch_at(view, at));
        }
    }
    return rc == ERR_OK ? member_end(backup, err) : rc;
}

/* ---- the whole file ---- */

static enum err_code manifest_add(struct backup *backup, struct err *err)
{
    static const uint8_t zero[2 * TAR_BLOCK]; /* the archive's end */
    struct buf json;
    enum err_code rc;

    buf_init(&json, BACKUP_MANIFEST_MAX);
    manifest_write(&backup->manifest, &json);
    rc = member_begin(backup, "manifest.json", json.len, err);
    if (rc == ERR_OK)
        rc = content_write(backup, json.ptr, json.len, err);
    if (rc == ERR_OK)
        rc = member_end(backup, err);
    if (rc == ERR_OK)
        rc = bytes_write(backup, zero, sizeof(zero), err);
    buf_fini(&json);
    return rc;
}

static enum err_code key_add(struct backup *backup, struct err *err)
{
    size_t len = strlen(backup->store->folder) + sizeof("/secrets.key");
    char *path = mem_alloc(len);
    enum err_code rc = ERR_OK;

    snprintf(path, len, "%s/secrets.key", backup->store->folder);
    if (access(path, F_OK) == 0)
        rc = file_add(backup, path, "secrets.key", err);
    free(path);
    return rc;
}

static enum err_code members_add(struct backup *backup, bool with_key, struct err *err)
{
    enum err_code rc = main_copy(backup, err);

    backup->manifest.format = BACKUP_FORMAT;
    backup->manifest.schema = SCHEMA_VERSION;
    backup->manifest.segment = journal_position_segment(backup->tail.start) + 1;
    backup->manifest.settled_upto = backup->tail.start;
    backup->manifest.created_at = backup->now_ms;
    if (rc == ERR_OK)
        rc = file_add(backup, backup->copy_path, "main.db", err);
    if (rc == ERR_OK)
        rc = tail_add(backup, err);
    if (rc == ERR_OK && with_key)
        rc = key_add(backup, err);
    if (rc == ERR_OK)
        rc = manifest_add(backup, err);
    return rc;
}

/* The name appears when the file is whole and synced. */
static enum err_code file_finish(struct backup *backup, const char *file, struct err *err)
{
    char *folder = mem_strndup(file, strlen(file));
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = ERR_OK;

    if (fsync(backup->fd) != 0 || rename(backup->part_path, file) != 0 || fd < 0 || fsync(fd) != 0)
        rc = fault(err, "finish");
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

static char *path_add(const char *path, const char *suffix)
{
    size_t len = strlen(path) + strlen(suffix) + 1;
    char *out = mem_alloc(len);

    snprintf(out, len, "%s%s", path, suffix);
    return out;
}

enum err_code sqlite_backup(struct store *base, const char *file, bool with_key, struct err *err)
{
    struct backup *backup = mem_zalloc(sizeof(*backup));
    enum err_code rc = ERR_OK;

    backup->store = sqlite_store(base);
    backup->now_ms = clock_wall_ms(&backup->store->clock);
    backup->part_path = path_add(file, ".part");
    backup->copy_path = path_add(file, ".part-main.db");
    backup->fd = open(backup->part_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (backup->fd < 0)
        rc = fault(err, "create");
    if (rc == ERR_OK)
        rc = members_add(backup, with_key, err);
    if (rc == ERR_OK)
        rc = file_finish(backup, file, err);
    for (size_t i = 0; i < backup->views_n; i++)
        journal_view_close(&backup->views[i]);
    if (backup->fd >= 0)
        close(backup->fd);
    if (rc != ERR_OK)
        unlink(backup->part_path);
    unlink(backup->copy_path);
    free(backup->views);
    free(backup->part_path);
    free(backup->copy_path);
    free(backup);
    return rc;
}
