/* SPDX-License-Identifier: Apache-2.0 */
/* File systems to break: an ext4 image on a loop device, cut off by its shutdown ioctl, and a small
 * tmpfs. Both need root; without it the commands say so and end with status 77 (skipped). */
#ifndef KEFU_CHAOS_DISK_H
#define KEFU_CHAOS_DISK_H

#include <stdbool.h>
#include <stddef.h>

struct chaos_disk {
    char image[128]; /* empty: tmpfs */
    char mount[128];
    unsigned mib;
};

enum { CHAOS_SKIPPED = 77 }; /* the status that ctest and automake take for "skipped" */

/* A program with its output thrown away; NULL ends argv. False: its status was not 0. */
bool chaos_command(const char *const argv[]);
/* A copy with its holes, in place of what is there. */
void chaos_folder_copy(const char *from, const char *to);
/* False: not allowed here; the reason is printed. */
bool chaos_disk_create_ext4(struct chaos_disk *disk, unsigned mib);
bool chaos_disk_create_tmpfs(struct chaos_disk *disk, unsigned mib);
void chaos_disk_destroy(struct chaos_disk *disk);
/* Nothing written and not yet synced survives this. */
void chaos_disk_cut(struct chaos_disk *disk);
void chaos_disk_remount(struct chaos_disk *disk);
/* Writes a file until there is no room; gives its path. */
void chaos_disk_fill(struct chaos_disk *disk, char *path, size_t path_size);

#endif
