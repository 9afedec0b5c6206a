/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into a server by LD_PRELOAD: the nth call of one class that touches the data folder fails,
 * once. Told by the environment:
 *
 *   KEFU_FAULT_DIR    the data folder
 *   KEFU_FAULT_CLASS  write, sync, size (ftruncate, fallocate) or open
 *   KEFU_FAULT_KIND   EIO, ENOSPC or short (writes half of it and says so)
 *   KEFU_FAULT_NTH    1: the first call
 *   KEFU_FAULT_MARK   a file that is made when it happens
 *
 * Part of the tests, never of the server. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static bool class_is(const char *name)
{
    const char *wanted = getenv("KEFU_FAULT_CLASS");

    return wanted != NULL && strcmp(wanted, name) == 0;
}

static bool in_folder(const char *path)
{
    const char *folder = getenv("KEFU_FAULT_DIR");

    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static bool fd_in_folder(int fd)
{
    char link[64];
    char path[4096];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return in_folder(path);
}

static bool hit(void)
{
    const char *nth = getenv("KEFU_FAULT_NTH");
    const char *mark = getenv("KEFU_FAULT_MARK");
    long fd;

    if (nth == NULL || atomic_fetch_add(&calls, 1) + 1 != strtol(nth, NULL, 10))
        return false;
    fd = mark != NULL ? syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0600) : -1;
    if (fd >= 0)
        syscall(SYS_close, fd);
    return true;
}

static bool fails(const char *name, int fd)
{
    return class_is(name) && fd_in_folder(fd) && hit();
}

static bool is_short(void)
{
    const char *kind = getenv("KEFU_FAULT_KIND");

    return kind != NULL && strcmp(kind, "short") == 0;
}

static int error(void)
{
    const char *kind = getenv("KEFU_FAULT_KIND");

    return kind != NULL && strcmp(kind, "ENOSPC") == 0 ? ENOSPC : EIO;
}

/* The function of that name behind this one; the pointer of an object turned into one to code by
 * way of memory, as POSIX asks for. */
#define NEXT(pointer, name)                          \
    do {                                             \
        void *found = dlsym(RTLD_NEXT, name);        \
        memcpy(&(pointer), &found, sizeof(pointer)); \
    } while (0)

/* ---- writing ---- */

static ssize_t written(ssize_t (*next)(int, const void *, size_t, off_t), int fd, const void *ptr,
                       size_t len, off_t at)
{
    if (!fails("write", fd))
        return next(fd, ptr, len, at);
    if (is_short())
        return next(fd, ptr, len / 2 + 1 < len ? len / 2 + 1 : len, at);
    errno = error();
    return -1;
}

static ssize_t write_next(int fd, const void *ptr, size_t len, off_t at)
{
    ssize_t (*next)(int, const void *, size_t);

    (void)at;
    NEXT(next, "write");
    return next(fd, ptr, len);
}

static ssize_t pwrite_next(int fd, const void *ptr, size_t len, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t);

    NEXT(next, "pwrite64");
    return next(fd, ptr, len, at);
}

static ssize_t pwritev_next(int fd, const void *ptr, size_t count, off_t at)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t);

    NEXT(next, "pwritev64");
    return next(fd, ptr, (int)count, at);
}

ssize_t write(int fd, const void *ptr, size_t len)
{
    return written(write_next, fd, ptr, len, 0);
}

ssize_t pwrite(int fd, const void *ptr, size_t len, off_t at)
{
    return written(pwrite_next, fd, ptr, len, at);
}

ssize_t pwrite64(int fd, const void *ptr, size_t len, off_t at)
{
    return written(pwrite_next, fd, ptr, len, at);
}

/* Short: fewer of its parts. */
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return written(pwritev_next, fd, parts, (size_t)count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
{
    return written(pwritev_next, fd, parts, (size_t)count, at);
}

/* ---- syncing ---- */

static int synced(const char *name, int fd)
{
    int (*next)(int);

    if (fails("sync", fd)) {
        errno = error();
        return -1;
    }
    NEXT(next, name);
    return next(fd);
}

int fsync(int fd)
{
    return synced("fsync", fd);
}

int fdatasync(int fd)
{
    return synced("fdatasync", fd);
}

/* ---- sizes ---- */

static int truncated(int fd, off_t len)
{
    int (*next)(int, off_t);

    if (fails("size", fd)) {
        errno = error();
        return -1;
    }
    NEXT(next, "ftruncate64");
    return next(fd, len);
}

int ftruncate(int fd, off_t len)
{
    return truncated(fd, len);
}

int ftruncate64(int fd, off_t len)
{
    return truncated(fd, len);
}

static int allocated(int fd, int mode, off_t at, off_t len)
{
    int (*next)(int, int, off_t, off_t);

    if (fails("size", fd)) {
        errno = error();
        return -1;
    }
    NEXT(next, "fallocate64");
    return next(fd, mode, at, len);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    return allocated(fd, mode, at, len);
}

int fallocate64(int fd, int mode, off_t at, off_t len)
{
    return allocated(fd, mode, at, len);
}

/* It gives the error instead of setting errno. */
int posix_fallocate(int fd, off_t at, off_t len)
{
    int (*next)(int, off_t, off_t);

    if (fails("size", fd))
        return error();
    NEXT(next, "posix_fallocate64");
    return next(fd, at, len);
}

int posix_fallocate64(int fd, off_t at, off_t len)
{
    return posix_fallocate(fd, at, len);
}

/* ---- opening ---- */

static int opened(int folder, const char *path, int flags, mode_t mode)
{
    int (*next)(int, const char *, int, ...);
    bool ours = path[0] == '/' ? in_folder(path) : folder >= 0 && fd_in_folder(folder);

    if (class_is("open") && ours && hit()) {
        errno = error();
        return -1;
    }
    NEXT(next, "openat64");
    return next(folder, path, flags, mode);
}

#define MODE_TAKE(mode, flags)                       \
    do {                                             \
        va_list args;                                \
        va_start(args, flags);                       \
        if (((flags) & (O_CREAT | O_TMPFILE)) != 0)  \
            (mode) = (mode_t)va_arg(args, unsigned); \
        va_end(args);                                \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_TAKE(mode, flags);
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_TAKE(mode, flags);
    return opened(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_TAKE(mode, flags);
    return opened(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_TAKE(mode, flags);
    return opened(folder, path, flags, mode);
}
