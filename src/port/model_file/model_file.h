/* SPDX-License-Identifier: Apache-2.0 */
/* Models of the classifier, their reports and the answers behind these, as files of one folder
 * (DATA/models): <id>.kim, <id>.json and <id>.kia. A file is written beside its place, synced and
 * moved there, so a reader sees all of it or none; once there it never changes, and may be mapped
 * by any number of readers. What is in a file is its reader's to check. [worker] all of it. */
#ifndef KEFU_MODEL_FILE_H
#define KEFU_MODEL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

enum { MODEL_FILE_PATH_MAX = 4096 };

enum model_file_kind {
    MODEL_FILE_MODEL,
    MODEL_FILE_REPORT,
    MODEL_FILE_ANSWERS, /* that the evaluation got, for later ones to be compared with */
    MODEL_FILE_KINDS,
};

/* Makes the folder if need be. */
MUST_USE enum err_code model_file_write(const char *folder, uint64_t id, enum model_file_kind kind,
                                        struct slice bytes, struct err *err);
/* The whole file into `out`, of its bound. ERR_NOT_FOUND: there is none. */
MUST_USE enum err_code model_file_read(const char *folder, uint64_t id, enum model_file_kind kind,
                                       struct buf *out, struct err *err);
/* All files of a model that are there. */
void model_file_remove(const char *folder, uint64_t id);

struct model_map {
    void *bytes; /* NULL: nothing mapped */
    size_t len;
};
MUST_USE enum err_code model_file_map(const char *folder, uint64_t id, size_t bytes_max,
                                      struct model_map *out, struct err *err);
/* All of it was read once, to be checked: the pages are left to the system's cache, and come back
 * as they are used. */
void model_file_rest(const struct model_map *map);
void model_file_unmap(struct model_map *map);

#endif
