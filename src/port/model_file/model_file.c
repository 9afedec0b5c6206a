/* SPDX-License-Identifier: Apache-2.0 */
#include "model_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024 };

static const char *const endings[MODEL_FILE_KINDS] = {
    [MODEL_FILE_MODEL] = "kim",
    [MODEL_FILE_REPORT] = "json",
    [MODEL_FILE_ANSWERS] = "kia",
};

static enum err_code path_make(const char *folder, uint64_t id, enum model_file_kind kind,
                               const char *tail, char out[MODEL_FILE_PATH_MAX], struct err *err)
{
    int len = snprintf(out, MODEL_FILE_PATH_MAX, "%s/%llu.%s%s", folder, (unsigned long long)id,
                       endings[kind], tail);

    if (len < 0 || len >= MODEL_FILE_PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "the models' path is too long");
    return ERR_OK;
}

static enum err_code system_fault(struct err *err, const char *what)
{
    return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "models: %s: %s", what,
                   strerror(errno));
}

static enum err_code write_all(int fd, struct slice bytes, struct err *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return system_fault(err, "write");
        bytes = slice_make(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return fsync(fd) == 0 ? ERR_OK : system_fault(err, "fsync");
}

/* The name is as durable as the bytes only once the folder is. */
static enum err_code folder_sync(const char *folder, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = ERR_OK;

    if (fd < 0 || fsync(fd) != 0)
        rc = system_fault(err, "folder");
    if (fd >= 0)
        close(fd);
    return rc;
}

enum err_code model_file_write(const char *folder, uint64_t id, enum model_file_kind kind,
                               struct slice bytes, struct err *err)
{
    char path[MODEL_FILE_PATH_MAX];
    char beside[MODEL_FILE_PATH_MAX];
    enum err_code rc = path_make(folder, id, kind, "", path, err);
    int fd;

    if (rc == ERR_OK)
        rc = path_make(folder, id, kind, ".tmp", beside, err);
    if (rc != ERR_OK)
        return rc;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return system_fault(err, "mkdir");
    fd = open(beside, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return system_fault(err, "open");
    rc = write_all(fd, bytes, err);
    if (close(fd) != 0 && rc == ERR_OK)
        rc = system_fault(err, "close");
    if (rc == ERR_OK && rename(beside, path) != 0)
        rc = system_fault(err, "rename");
    if (rc != ERR_OK) {
        (void)unlink(beside);
        return rc;
    }
    return folder_sync(folder, err);
}

static enum err_code file_open(const char *folder, uint64_t id, enum model_file_kind kind, int *fd,
                               struct err *err)
{
    char path[MODEL_FILE_PATH_MAX];
    enum err_code rc = path_make(folder, id, kind, "", path, err);

    if (rc != ERR_OK)
        return rc;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0)
        return ERR_OK;
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "models: no such file");
    return system_fault(err, "open");
}

enum err_code model_file_read(const char *folder, uint64_t id, enum model_file_kind kind,
                              struct buf *out, struct err *err)
{
    int fd = -1;
    enum err_code rc = file_open(folder, id, kind, &fd, err);
    ssize_t n = 1;

    if (rc != ERR_OK)
        return rc;
    while (rc == ERR_OK && n > 0) {
        char *to = buf_reserve(out, READ_STEP);

        if (to == NULL) {
            rc = err_set(err, ERR_TOO_BIG, "models: file over %zu bytes", out->len_max);
            break;
        }
        n = read(fd, to, READ_STEP);
        if (n < 0)
            rc = system_fault(err, "read");
        else
            buf_commit(out, (size_t)n);
    }
    close(fd);
    return rc;
}

void model_file_remove(const char *folder, uint64_t id)
{
    char path[MODEL_FILE_PATH_MAX];

    for (unsigned kind = 0; kind < MODEL_FILE_KINDS; kind++) {
        if (path_make(folder, id, (enum model_file_kind)kind, "", path, NULL) == ERR_OK)
            (void)unlink(path);
    }
}

enum err_code model_file_map(const char *folder, uint64_t id, size_t bytes_max,
                             struct model_map *out, struct err *err)
{
    struct stat st;
    int fd = -1;
    enum err_code rc = file_open(folder, id, MODEL_FILE_MODEL, &fd, err);

    *out = (struct model_map){ 0 };
    if (rc != ERR_OK)
        return rc;
    if (fstat(fd, &st) != 0)
        rc = system_fault(err, "stat");
    else if (!S_ISREG(st.st_mode) || st.st_size == 0)
        rc = err_set(err, ERR_CORRUPT, "models: the file is empty");
    else if ((uint64_t)st.st_size > bytes_max)
        rc = err_set(err, ERR_TOO_BIG, "models: file over %zu bytes", bytes_max);
    if (rc == ERR_OK) {
        void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (bytes == MAP_FAILED)
            rc = system_fault(err, "mmap");
        else
            *out = (struct model_map){ bytes, (size_t)st.st_size };
    }
    close(fd);
    return rc;
}

void model_file_rest(const struct model_map *map)
{
    if (map->bytes != NULL)
        (void)madvise(map->bytes, map->len, MADV_DONTNEED); /* a hint: without it, only larger */
}

void model_file_unmap(struct model_map *map)
{
    if (map->bytes != NULL)
        (void)munmap(map->bytes, map->len);
    *map = (struct model_map){ 0 };
}
