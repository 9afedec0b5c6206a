/* SPDX-License-Identifier: Apache-2.0 */
/* A look at main.db-wal before SQLite opens it. SQLite takes the first frame that does not read for
 * the torn end of the log and goes on without everything behind it; pages that a checkpoint already
 * moved stay, and the tables then hold two times at once. A frame is damaged, not torn, when more
 * than one commit follows: each was synced before the next began. */
#ifndef KEFU_SQLITE_WAL_H
#define KEFU_SQLITE_WAL_H

#include "err.h"

/* [worker] ERR_CORRUPT: committed frames are damaged. Only for a log that this store began with a
 * truncating checkpoint at its last start; else frames of an older torn end may stand in it. */
MUST_USE enum err_code wal_check(const char *db_path, struct err *err);

#endif
