/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* linux/fs/ext4/ext4.h: EXT4_IOC_SHUTDOWN and its "do not flush the log" flag; the same numbers as
 * XFS_IOC_GOINGDOWN, not exported to user space headers of this age. */
#define EXT4_IOC_SHUTDOWN           _IOR('X', 125, uint32_t)
#define EXT4_GOING_FLAGS_NOLOGFLUSH 2u

bool chaos_command(const char *const argv[])
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(null, STDOUT_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

void chaos_folder_copy(const char *from, const char *to)
{
    const char *const copy[] = { "cp", "-a", "--sparse=always", from, to, NULL };

    bench_remove_tree(to);
    if (!chaos_command(copy))
        bench_fail("cannot copy %s", from);
}

static bool root_here(void)
{
    if (geteuid() == 0)
        return true;
    printf("skipped: mounting a file system needs root\n");
    return false;
}

static void disk_names(struct chaos_disk *disk, unsigned mib)
{
    *disk = (struct chaos_disk){ .mib = mib };
    bench_temp_dir(disk->mount, sizeof(disk->mount));
}

static bool disk_mount(struct chaos_disk *disk)
{
    const char *const argv[] = { "mount", "-o", "loop", disk->image, disk->mount, NULL };

    return chaos_command(argv);
}

bool chaos_disk_create_ext4(struct chaos_disk *disk, unsigned mib)
{
    const char *const mkfs[] = { "mkfs.ext4", "-q", "-F", disk->image, NULL };
    int fd;

    if (!root_here())
        return false;
    disk_names(disk, mib);
    snprintf(disk->image, sizeof(disk->image), "%.100s.img", disk->mount);
    fd = open(disk->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)mib << 20) != 0)
        bench_fail("%s: errno %d", disk->image, errno);
    close(fd);
    if (!chaos_command(mkfs) || !disk_mount(disk)) {
        printf("skipped: cannot make or mount an ext4 image here\n");
        unlink(disk->image);
        rmdir(disk->mount);
        return false;
    }
    return true;
}

bool chaos_disk_create_tmpfs(struct chaos_disk *disk, unsigned mib)
{
    char options[32];

    if (!root_here())
        return false;
    disk_names(disk, mib);
    snprintf(options, sizeof(options), "size=%um", mib);
    if (mount("tmpfs", disk->mount, "tmpfs", 0, options) != 0) {
        printf("skipped: cannot mount a tmpfs here (errno %d)\n", errno);
        rmdir(disk->mount);
        return false;
    }
    return true;
}

static void disk_unmount(struct chaos_disk *disk)
{
    for (int i = 0; i < 200; i++) {
        if (umount(disk->mount) == 0)
            return;
        usleep(20000); /* a killed process lets go of its files a moment later */
    }
    bench_fail("cannot unmount %s: errno %d", disk->mount, errno);
}

void chaos_disk_destroy(struct chaos_disk *disk)
{
    disk_unmount(disk);
    rmdir(disk->mount);
    if (disk->image[0] != '\0')
        unlink(disk->image);
}

void chaos_disk_cut(struct chaos_disk *disk)
{
    uint32_t flags = EXT4_GOING_FLAGS_NOLOGFLUSH;
    int fd = open(disk->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, EXT4_IOC_SHUTDOWN, &flags) != 0)
        bench_fail("shutdown ioctl on %s: errno %d", disk->mount, errno);
    close(fd);
}

void chaos_disk_remount(struct chaos_disk *disk)
{
    disk_unmount(disk);
    if (!disk_mount(disk))
        bench_fail("cannot mount %s again", disk->image);
}

void chaos_disk_fill(struct chaos_disk *disk, char *path, size_t path_size)
{
    static char block[65536];
    int fd;
    ssize_t n;

    snprintf(path, path_size, "%s/filler", disk->mount);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_fail("%s: errno %d", path, errno);
    for (size_t size = sizeof(block); size > 0; size /= 2) {
        while ((n = write(fd, block, size)) == (ssize_t)size)
            ;
        if (n < 0 && errno != ENOSPC)
            bench_fail("%s: errno %d", path, errno);
    }
    close(fd);
}
