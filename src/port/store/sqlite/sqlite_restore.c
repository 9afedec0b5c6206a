/* SPDX-License-Identifier: Apache-2.0 */
/* From a backup file to a data folder. Everything is unpacked beside the wanted folder, checked
 * there, and renamed into place at the very end: a damaged backup leaves nothing behind. */
#include "store_sqlite.h"

#include "backup_format.h"
#include "journal.h"
#include "sqlite_schema.h"

#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESTORE_BYTES = 256 * 1024 };

static const char *const member_names[] = { "main.db", "journal.bin", "secrets.key" };
enum { MEMBERS_NEEDED = 2 }; /* the first of them */

struct restore {
    int in;     /* the backup */
    int folder; /* of what is being unpacked */
    char *path; /* of that folder */
    struct backup_member found[BACKUP_MEMBERS_MAX];
    size_t found_n;
    struct buf manifest_json;
    struct backup_manifest manifest;
};

static enum err_code fault(struct err *err, const char *what)
{
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                   "restore: %s: %s", what, strerror(errno));
}

static enum err_code bytes_read(struct restore *restore, void *ptr, size_t len, struct err *err)
{
    char *at = ptr;

    while (len > 0) {
        ssize_t n = read(restore->in, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault(err, "read");
        if (n == 0)
            return err_set(err, ERR_CORRUPT, "the backup ends too early");
        at += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

/* ---- unpacking ---- */

static enum err_code content_unpack(struct restore *restore, struct backup_member *member, int out,
                                    struct err *err)
{
    crypto_hash_sha256_state hash;
    char *bytes = mem_alloc(RESTORE_BYTES);
    enum err_code rc = ERR_OK;

    crypto_hash_sha256_init(&hash);
    for (uint64_t left = member->size; left > 0 && rc == ERR_OK;) {
        size_t n = left < RESTORE_BYTES ? (size_t)left : RESTORE_BYTES;

        rc = bytes_read(restore, bytes, n, err);
        crypto_hash_sha256_update(&hash, (const unsigned char *)bytes, n);
        if (rc == ERR_OK && write(out, bytes, n) != (ssize_t)n)
            rc = fault(err, "write");
        left -= n;
    }
    crypto_hash_sha256_final(&hash, member->hash);
    if (rc == ERR_OK)
        rc = bytes_read(restore, bytes, tar_padding(member->size), err);
    free(bytes);
    return rc;
}

static bool name_known(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(member_names); i++) {
        if (strcmp(member_names[i], name) == 0)
            return true;
    }
    return false;
}

static const struct backup_member *member_find(const struct backup_member *members, size_t n,
                                               const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    }
    return NULL;
}

static enum err_code file_unpack(struct restore *restore, const struct tar_entry *entry,
                                 struct err *err)
{
    struct backup_member *member = &restore->found[restore->found_n];
    enum err_code rc;
    int out;

    if (!name_known(entry->name) || restore->found_n == BACKUP_MEMBERS_MAX ||
        member_find(restore->found, restore->found_n, entry->name) != NULL)
        return err_set(err, ERR_CORRUPT, "the backup holds a file that does not belong into one");
    memcpy(member->name, entry->name, sizeof(member->name));
    member->size = entry->size;
    restore->found_n++;
    out = openat(restore->folder, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return fault(err, entry->name);
    rc = content_unpack(restore, member, out, err);
    if (rc == ERR_OK && fsync(out) != 0)
        rc = fault(err, "sync");
    close(out);
    return rc;
}

static enum err_code manifest_unpack(struct restore *restore, uint64_t size, struct err *err)
{
    char padding[TAR_BLOCK];
    char *bytes;
    enum err_code rc;

    if (size == 0 || size > BACKUP_MANIFEST_MAX || restore->manifest_json.len != 0)
        return err_set(err, ERR_CORRUPT, "the backup's manifest.json has an impossible size");
    bytes = buf_reserve(&restore->manifest_json, (size_t)size);
    rc = bytes_read(restore, bytes, (size_t)size, err);
    buf_commit(&restore->manifest_json, (size_t)size);
    return rc == ERR_OK ? bytes_read(restore, padding, tar_padding(size), err) : rc;
}

static enum err_code members_unpack(struct restore *restore, struct err *err)
{
    uint8_t block[TAR_BLOCK];
    struct tar_entry entry;
    bool end = false;
    enum err_code rc = ERR_OK;

    while (rc == ERR_OK) {
        rc = bytes_read(restore, block, sizeof(block), err);
        if (rc == ERR_OK)
            rc = tar_entry_parse(block, &entry, &end, err);
        if (rc != ERR_OK || end)
            break;
        if (strcmp(entry.name, "manifest.json") == 0)
            rc = manifest_unpack(restore, entry.size, err);
        else
            rc = file_unpack(restore, &entry, err);
    }
    return rc;
}

/* ---- checking ---- */

static enum err_code members_check(struct restore *restore, struct err *err)
{
    const struct backup_manifest *manifest = &restore->manifest;

    for (size_t i = 0; i < MEMBERS_NEEDED; i++) {
        if (member_find(restore->found, restore->found_n, member_names[i]) == NULL)
            return err_set(err, ERR_CORRUPT, "the backup lacks %s", member_names[i]);
    }
    for (size_t i = 0; i < restore->found_n; i++) {
        const struct backup_member *found = &restore->found[i];
        const struct backup_member *listed =
            member_find(manifest->members, manifest->members_n, found->name);

        if (listed == NULL || listed->size != found->size ||
            memcmp(listed->hash, found->hash, BACKUP_HASH_BYTES) != 0)
            return err_set(err, ERR_CORRUPT, "%s in the backup is damaged: its SHA-256 differs",
                           found->name);
    }
    if (restore->found_n != manifest->members_n)
        return err_set(err, ERR_CORRUPT, "the backup lacks a file that its manifest names");
    return ERR_OK;
}

static enum err_code schema_readable(const struct restore *restore, struct err *err)
{
    size_t len = strlen(restore->path) + sizeof("/main.db");
    char *path = mem_alloc(len);
    struct db db;
    unsigned version;
    enum err_code rc;

    snprintf(path, len, "%s/main.db", restore->path);
    rc = db_open(&db, path, DB_INSPECTOR, err);
    if (rc == ERR_OK) {
        rc = schema_check(&db, &version, err);
        if (rc == ERR_OK && version != restore->manifest.schema)
            rc = err_set(err, ERR_CORRUPT, "main.db and manifest.json name different schemas");
        db_close(&db);
    }
    free(path);
    return rc;
}

/* journal.bin becomes the segment that follows what is settled. */
static enum err_code journal_place(struct restore *restore, struct err *err)
{
    struct journal_view view;
    char name[40];
    int folder;
    enum err_code rc;

    snprintf(name, sizeof(name), "journal/%06u.log", restore->manifest.segment);
    if (mkdirat(restore->folder, "journal", 0700) != 0 ||
        renameat(restore->folder, "journal.bin", restore->folder, name) != 0)
        return fault(err, "journal");
    folder = openat(restore->folder, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fault(err, "journal");
    rc = journal_view_open(folder, restore->manifest.segment, &view, err);
    if (rc == ERR_OK)
        journal_view_close(&view);
    if (rc == ERR_OK && (fsync(folder) != 0 || fsync(restore->folder) != 0))
        rc = fault(err, "sync");
    close(folder);
    return rc;
}

/* ---- putting it in place ---- */

static void folder_discard(struct restore *restore)
{
    char name[40];

    for (size_t i = 0; i < LENGTH_OF(member_names); i++)
        unlinkat(restore->folder, member_names[i], 0);
    unlinkat(restore->folder, "main.db-wal", 0);
    unlinkat(restore->folder, "main.db-shm", 0);
    snprintf(name, sizeof(name), "journal/%06u.log", restore->manifest.segment);
    unlinkat(restore->folder, name, 0);
    unlinkat(restore->folder, "journal", AT_REMOVEDIR);
    rmdir(restore->path);
}

static enum err_code folder_sync(const char *path, struct err *err)
{
    char *copy = mem_strndup(path, strlen(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = fd >= 0 && fsync(fd) == 0 ? ERR_OK : fault(err, "sync");

    if (fd >= 0)
        close(fd);
    free(copy);
    return rc;
}

static enum err_code restore_run(struct restore *restore, const char *path, struct err *err)
{
    enum err_code rc = members_unpack(restore, err);

    if (rc == ERR_OK)
        rc = manifest_parse(buf_slice(&restore->manifest_json), &restore->manifest, err);
    if (rc == ERR_OK)
        rc = members_check(restore, err);
    if (rc == ERR_OK)
        rc = schema_readable(restore, err);
    if (rc == ERR_OK)
        rc = journal_place(restore, err);
    /* An empty folder is replaced, anything else refused. */
    if (rc == ERR_OK && rename(restore->path, path) != 0)
        rc = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                 ? err_set(err, ERR_CONFLICT, "the data folder is not empty")
                 : fault(err, "rename");
    return rc == ERR_OK ? folder_sync(path, err) : rc;
}

/* Before hours of unpacking: rename would only say it at the end. */
static enum err_code target_check(const char *path, struct err *err)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool empty = true;

    if (dir == NULL && errno == ENOENT)
        return ERR_OK;
    if (dir == NULL)
        return fault(err, path);
    while ((entry = readdir(dir)) != NULL)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    return empty ? ERR_OK : err_set(err, ERR_CONFLICT, "the data folder is not empty");
}

/* The folder's path with ".restore" behind it, beside it. */
static char *unpack_path(const char *path)
{
    size_t len = strlen(path);
    char *out = mem_alloc(len + sizeof(".restore"));

    while (len > 1 && path[len - 1] == '/')
        len--;
    memcpy(out, path, len);
    memcpy(out + len, ".restore", sizeof(".restore"));
    return out;
}

enum err_code store_sqlite_restore(const char *file, const char *path, struct err *err)
{
    struct restore *restore = mem_zalloc(sizeof(*restore));
    enum err_code rc = target_check(path, err);

    restore->folder = -1;
    restore->path = unpack_path(path);
    buf_init(&restore->manifest_json, BACKUP_MANIFEST_MAX);
    restore->in = open(file, O_RDONLY | O_CLOEXEC);
    if (rc == ERR_OK && restore->in < 0)
        rc =
            err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", file, strerror(errno));
    if (rc == ERR_OK && mkdir(restore->path, 0700) != 0)
        rc = errno == EEXIST ? err_set(err, ERR_CONFLICT,
                                       "%s is in the way: of an earlier restore?", restore->path)
                             : fault(err, restore->path);
    if (rc == ERR_OK) {
        restore->folder = open(restore->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = restore->folder >= 0 ? restore_run(restore, path, err) : fault(err, restore->path);
        if (rc != ERR_OK)
            folder_discard(restore);
    }
    if (restore->folder >= 0)
        close(restore->folder);
    if (restore->in >= 0)
        close(restore->in);
    buf_fini(&restore->manifest_json);
    free(restore->path);
    free(restore);
    return rc;
}
