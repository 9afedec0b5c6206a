/* SPDX-License-Identifier: Apache-2.0 */
/* All records of one kind, of all workspaces, by id: what a directory is loaded from. [worker] */
#ifndef KEFU_SERVE_ROWS_H
#define KEFU_SERVE_ROWS_H

#include "arena.h"
#include "schema.h"
#include "store.h"

enum { ROWS_MAX = 100 * 1000 }; /* of one kind: as many FAQ entries as a bot takes */

struct rows {
    struct store_record *items; /* bodies in the arena */
    size_t count, cap;
};

/* Into rows that are zeroed. */
MUST_USE enum err_code rows_load(struct store *store, enum store_kind kind, struct arena *arena,
                                 struct rows *rows, struct err *err);
void rows_free(struct rows *rows);
/* out: where the pointer to the message goes. */
MUST_USE enum err_code row_decode(const struct store_record *row,
                                  const ProtobufCMessageDescriptor *desc, struct arena *arena,
                                  void *out, struct err *err);

#endif
