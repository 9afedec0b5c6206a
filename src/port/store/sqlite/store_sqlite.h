/* SPDX-License-Identifier: Apache-2.0 */
/* The default adapter: a journal of turns that is the commit point, and one SQLite file that the
 * turns are settled into. Restore and check work on a folder that no server has open. */
#ifndef KEFU_STORE_SQLITE_H
#define KEFU_STORE_SQLITE_H

#include <stdint.h>

#include "err.h"

struct store_backend;
extern const struct store_backend store_sqlite_backend;

struct store_check_report {
    uint64_t events;
    uint64_t conversations;
    uint64_t journal_turns; /* not yet settled */
    uint64_t bad_checksums;
    uint64_t seq_gaps;
    uint64_t client_id_repeats;
    uint64_t quarantined;
    uint64_t sqlite_problems; /* lines of integrity_check that are not "ok" */
    uint64_t torn_bytes;
};

/* [worker] Reads everything and changes nothing. ERR_OK: the report is complete, also when it
 * holds problems. Takes the folder's lock (ERR_CONFLICT when a server has it). */
MUST_USE enum err_code store_sqlite_check(const char *path, struct store_check_report *out,
                                          struct err *err);
/* [worker] The same on a running store, from its readers, in short snapshots; the journal and the
 * structure of SQLite's pages are not looked at. */
struct store;
MUST_USE enum err_code store_sqlite_check_running(struct store *store,
                                                  struct store_check_report *out, struct err *err);
/* [worker] Makes a data folder from a backup file. The folder must not exist or be empty
 * (ERR_CONFLICT); every member's SHA-256 is checked before anything is put in place (ERR_CORRUPT).
 * secrets.key is there afterwards when the backup was made with it. */
MUST_USE enum err_code store_sqlite_restore(const char *file, const char *path, struct err *err);

#endif
