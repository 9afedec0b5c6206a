/* SPDX-License-Identifier: Apache-2.0 */
#include "command_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096 };

static enum err_code failed(struct err *err, const char *path, const char *what)
{
    return err_set_field(err, ERR_IO, path, "cannot %s: %s", what, strerror(errno));
}

static enum err_code map_file(int fd, const char *path, size_t bytes_max, struct slice *out,
                              struct err *err)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0)
        return failed(err, path, "look at it");
    if (!S_ISREG(st.st_mode))
        return err_set_field(err, ERR_INVALID, path, "is not a file");
    if ((uint64_t)st.st_size > bytes_max)
        return err_set_field(err, ERR_TOO_BIG, path, "is larger than %zu bytes", bytes_max);
    if (st.st_size == 0)
        return ERR_OK;
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return failed(err, path, "map it");
    *out = slice_make(map, (size_t)st.st_size);
    return ERR_OK;
}

enum err_code command_file_open(const char *path, size_t bytes_max, struct slice *out,
                                struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code rc;

    *out = SLICE_EMPTY;
    if (fd < 0)
        return failed(err, path, "open it");
    rc = map_file(fd, path, bytes_max, out, err);
    close(fd);
    return rc;
}

void command_file_close(struct slice *file)
{
    if (file->len > 0)
        (void)munmap((void *)(uintptr_t)file->ptr, file->len);
    *file = SLICE_EMPTY;
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

enum err_code command_file_write(const char *path, struct slice bytes, struct err *err)
{
    char temporary[PATH_BYTES_MAX];
    int len = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    enum err_code rc = ERR_OK;
    int fd;

    if (len < 0 || (size_t)len >= sizeof(temporary))
        return err_set_field(err, ERR_INVALID, path, "path is too long");
    fd = mkstemp(temporary);
    if (fd < 0)
        return failed(err, path, "write beside it");
    if (fchmod(fd, 0644) != 0 || !write_all(fd, bytes) || fsync(fd) != 0)
        rc = failed(err, path, "write it");
    if (close(fd) != 0 && rc == ERR_OK)
        rc = failed(err, path, "write it");
    if (rc == ERR_OK && rename(temporary, path) != 0)
        rc = failed(err, path, "rename to it");
    if (rc != ERR_OK)
        (void)unlink(temporary);
    return rc;
}

bool command_line_next(struct command_lines *lines, size_t bytes_max, struct slice *out)
{
    ssize_t len = getline(&lines->buffer, &lines->cap, stdin);

    if (len < 0)
        return false;
    if (len > 0 && lines->buffer[len - 1] == '\n')
        len--;
    if (len > 0 && lines->buffer[len - 1] == '\r')
        len--;
    lines->cut = (size_t)len > bytes_max;
    *out = slice_make(lines->buffer, lines->cut ? bytes_max : (size_t)len);
    return true;
}

void command_lines_close(struct command_lines *lines)
{
    free(lines->buffer);
    *lines = (struct command_lines){ 0 };
}
