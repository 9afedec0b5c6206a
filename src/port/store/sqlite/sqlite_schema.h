/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of main.db and the numbered migrations that make them. Private to this folder. */
#ifndef KEFU_SQLITE_SCHEMA_H
#define KEFU_SQLITE_SCHEMA_H

#include "sqlite_db.h"

enum {
    SCHEMA_VERSION = 5, /* the newest that this program writes; it reads any whose min_reader
                           is at most this */
};

/* ERR_UNSUPPORTED: only a newer program may read this file. Reads only. */
MUST_USE enum err_code schema_check(struct db *db, unsigned *version, struct err *err);
/* From `version` to SCHEMA_VERSION; each step is one transaction. */
MUST_USE enum err_code schema_migrate(struct db *db, unsigned version, int64_t now_ms,
                                      struct err *err);

#endif
