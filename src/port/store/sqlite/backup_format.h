/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a backup, and nothing about stores: a tar archive (POSIX.1-1988 ustar, sizes beyond
 * 8 GiB in the base-256 form of GNU tar) of plain files, the last of which is manifest.json. It
 * names every other member with its SHA-256, so `tar` and `sha256sum` alone can check and unpack
 * one. Pure; any thread. */
#ifndef KEFU_BACKUP_FORMAT_H
#define KEFU_BACKUP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "check.h"
#include "err.h"
#include "slice.h"

enum {
    TAR_BLOCK = 512,
    TAR_NAME_MAX = 100,
    BACKUP_FORMAT = 1,      /* the newest manifest.format that this code reads */
    BACKUP_MEMBERS_MAX = 8, /* main.db, journal.bin, secrets.key, and room */
    BACKUP_HASH_BYTES = 32,
    BACKUP_MANIFEST_MAX = 64 * 1024,
};

struct tar_entry {
    char name[TAR_NAME_MAX + 1];
    uint64_t size;
};

/* A header block of a file with mode 0600. */
void tar_entry_write(const struct tar_entry *entry, int64_t mtime, uint8_t block[TAR_BLOCK]);
/* *end: the zero block behind the last member. ERR_CORRUPT: not a header, or not of a plain file.
 */
MUST_USE enum err_code tar_entry_parse(const uint8_t block[TAR_BLOCK], struct tar_entry *out,
                                       bool *end, struct err *err);
/* Zero bytes behind a member of this size. */
static inline size_t tar_padding(uint64_t size)
{
    return (size_t)(-size % TAR_BLOCK);
}

struct backup_member {
    char name[TAR_NAME_MAX + 1];
    uint64_t size;
    uint8_t hash[BACKUP_HASH_BYTES]; /* SHA-256 */
};

struct backup_manifest {
    uint32_t format;
    uint32_t schema;
    uint32_t segment; /* journal.bin becomes the journal's file of this number */
    uint64_t settled_upto;
    int64_t created_at; /* ms */
    struct backup_member members[BACKUP_MEMBERS_MAX];
    size_t members_n;
};

void manifest_write(const struct backup_manifest *manifest, struct buf *out);
/* ERR_CORRUPT: not a manifest; ERR_UNSUPPORTED: of a newer format. */
MUST_USE enum err_code manifest_parse(struct slice json, struct backup_manifest *out,
                                      struct err *err);

#endif
