/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: as a tar header and as a manifest. What parses is in bounds, and what we write of it
 * reads back the same. */
#include "backup_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tar_check(const uint8_t *data)
{
    struct tar_entry entry;
    struct tar_entry back;
    uint8_t block[TAR_BLOCK];
    bool end;

    if (tar_entry_parse(data, &entry, &end, NULL) != ERR_OK || end)
        return;
    ENSURE(entry.name[0] != '\0' && strlen(entry.name) <= TAR_NAME_MAX);
    tar_entry_write(&entry, 0, block);
    ENSURE(tar_entry_parse(block, &back, &end, NULL) == ERR_OK && !end);
    ENSURE(back.size == entry.size && strcmp(back.name, entry.name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backup_manifest manifest;

    if (size >= TAR_BLOCK)
        tar_check(data);
    if (manifest_parse(slice_make(data, size), &manifest, NULL) == ERR_OK) {
        ENSURE(manifest.members_n <= BACKUP_MEMBERS_MAX && manifest.format == BACKUP_FORMAT);
        for (size_t i = 0; i < manifest.members_n; i++)
            ENSURE(strlen(manifest.members[i].name) <= TAR_NAME_MAX);
    }
    return 0;
}
