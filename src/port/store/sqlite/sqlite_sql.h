/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the adapter's SQL statements. Private to this folder. */
#ifndef KEFU_SQLITE_SQL_H
#define KEFU_SQLITE_SQL_H

#include "store.h"

enum sql {
    /* transactions */
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_TURN_BEGIN,
    SQL_TURN_UNDO,
    SQL_TURN_DONE,
    /* progress */
    SQL_PROGRESS,
    SQL_PROGRESS_SETTLED,
    SQL_PROGRESS_SEARCH,
    SQL_EVENT_LAST,
    /* settling */
    SQL_CONV_FIND,
    SQL_CONV_INSERT,
    SQL_CONV_UPDATE,
    SQL_CONV_UPDATE_DUE,
    SQL_CONV_UPDATE_TIME,
    SQL_CONV_HEAD,
    SQL_CONV_QUARANTINE,
    SQL_CONV_BODY,
    SQL_EVENT_INSERT,
    SQL_EVENT_ORIGIN,
    SQL_EVENT_TARGET,
    SQL_EVENT_EDITS,
    SQL_EVENT_BLANK,
    SQL_TRACE_PUT,
    SQL_MARK_PUT,
    SQL_VISITOR_PUT,
    SQL_VISITOR_BODY,
    SQL_QUARANTINE_ADD,
    SQL_QUARANTINE_FIND,
    /* search stage */
    SQL_SEARCH_NEXT,
    SQL_SEARCH_ADD,
    SQL_SEARCH_REMOVE,
    SQL_SEARCH_MERGE,
    /* erasing */
    SQL_ERASE_CONVS,
    SQL_ERASE_EVENTS,
    SQL_ERASE_TRACES,
    SQL_ERASE_QUARANTINE,
    SQL_ERASE_PARTS,
    SQL_ERASE_ATTACHMENTS,
    /* reading */
    SQL_THREAD_FIRST,
    SQL_THREAD_LAST,
    SQL_CONV_HEAD_SEQ,
    SQL_CONV_LOAD,
    SQL_CLIENT_IDS,
    SQL_CLIENT_ID,
    SQL_MARKS,
    SQL_CONV_BY_START,
    SQL_CONV_OPEN,
    SQL_VISITOR_LOAD,
    SQL_TRACE_LOAD,
    SQL_CONVS_OPEN,
    SQL_CONVS_CLOSED,
    SQL_CONVS_ALL,
    SQL_CONVS_AGENT,
    SQL_CONVS_VISITOR,
    SQL_CONVS_LIVE,
    SQL_CONVS_DUE,
    SQL_VISITORS,
    SQL_SEARCH,
    /* outbox */
    SQL_CONSUMER_ADD,
    SQL_CONSUMER_FIND,
    SQL_CONSUMER_ADVANCE,
    SQL_OUTBOX_READ,
    /* checking */
    SQL_CHECK_PAGES,
    SQL_CHECK_EVENTS,
    SQL_CHECK_SEQS,
    SQL_CHECK_CONVS,
    SQL_CHECK_CLIENT_IDS,
    SQL_CHECK_QUARANTINED,
    SQL_COUNT,
};

/* One statement per kind of record. */
enum record_sql {
    RECORD_GET,
    RECORD_BY_LOOKUP,
    RECORD_LIST,
    RECORD_LIST_DOWN,
    RECORD_INSERT,
    RECORD_UPDATE,
    RECORD_DELETE,
    RECORD_EXPIRE,
    RECORD_COUNT,
    RECORD_TRIM,
    RECORD_SQL_COUNT,
};

const char *sql_text(enum sql which);
const char *record_sql_text(enum store_kind kind, enum record_sql which);

#endif
