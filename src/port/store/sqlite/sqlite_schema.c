/* SPDX-License-Identifier: Apache-2.0 */
/* A migration runs in one transaction with the row that says it ran, so a crash leaves the version
 * before or the version after. Within a minor release migrations only add, and min_reader stays. */
#include "sqlite_schema.h"

/* Column order: what settling reads of a conversation comes before its header. Indexes on event are
 * the two promises (dense seq, unique client id) and no more: each costs every settled row.
 * conversation_open and conversation_closed hold each conversation once between them. */
static const char version_1[] =
    "create table progress(id integer primary key check (id = 1), settled_upto int not null,"
    " settled_batch int not null, search_upto int not null, quarantined int not null);"
    "insert into progress values(1, 0, 1, 0, 0);"

    "create table event(id integer primary key, workspace_id int not null,"
    " conversation_id int not null, seq int not null, prev_public_seq int not null,"
    " kind int not null, internal int not null, author_kind int not null, author_id int not null,"
    " client_id blob, client_hash int not null, created_at int not null, body blob not null,"
    " text text, crc int not null, origin_crc int not null, erased int not null);"
    "create unique index event_seq on event(conversation_id, seq);"
    "create unique index event_client_id on event(conversation_id, client_id)"
    " where client_id is not null;"

    "create table conversation(id integer primary key, workspace_id int not null, site_id int,"
    " visitor_id int, agent_id int, state int, head_seq int not null, created_at int,"
    " updated_at int, due_at int, quarantined int not null, start_client_id blob, crc int,"
    " header blob);"
    "create unique index conversation_visitor on conversation(visitor_id, start_client_id);"
    "create index conversation_open on conversation(workspace_id, updated_at) where state <> 5;"
    "create index conversation_closed on conversation(workspace_id, updated_at) where state = 5;"
    "create index conversation_live on conversation(id) where state <> 5;"
    "create index conversation_agent on conversation(workspace_id, agent_id, updated_at)"
    " where agent_id <> 0;"
    "create index conversation_due on conversation(due_at) where due_at > 0;"

    "create table visitor(id integer primary key, workspace_id int not null, site_id int not null,"
    " body blob not null, crc int not null);"
    "create table read_mark(conversation_id int not null, agent_id int not null,"
    " workspace_id int not null, seq int not null, primary key(conversation_id, agent_id))"
    " without rowid;"
    "create table answer_trace(event_id integer primary key, workspace_id int not null,"
    " body blob not null);"
    "create table quarantine(id integer primary key, workspace_id int not null,"
    " conversation_id int not null, position int not null, reason text not null,"
    " body blob not null, created_at int not null);"
    "create index quarantine_conversation on quarantine(conversation_id);"
    "create table outbox(consumer text primary key, upto int not null) without rowid;"
    "create virtual table event_text using fts5(text, content = 'event', content_rowid = 'id',"
    " columnsize = 0, tokenize = 'kefu');";

/* All kinds of records have one shape; see struct store_record. */
#define RECORD_TABLE(name)                                                                 \
    "create table " name "(id integer primary key, workspace_id int not null,"             \
    " parent_id int not null, lookup blob, version int not null, created_at int not null," \
    " body blob not null, crc int not null);"                                              \
    "create unique index " name "_lookup on " name "(lookup, workspace_id)"                \
    " where lookup is not null;"                                                           \
    "create index " name "_parent on " name "(parent_id) where parent_id <> 0;"            \
    "create index " name "_created on " name "(created_at);"

static const char version_1_records[] = RECORD_TABLE("workspace") RECORD_TABLE("site")
    RECORD_TABLE("agent") RECORD_TABLE("role") RECORD_TABLE("team") RECORD_TABLE("login_session")
        RECORD_TABLE("api_token") RECORD_TABLE("canned_reply") RECORD_TABLE("tag")
            RECORD_TABLE("faq_entry") RECORD_TABLE("rule") RECORD_TABLE("setting")
                RECORD_TABLE("audit") RECORD_TABLE("idempotency") RECORD_TABLE("contact")
                    RECORD_TABLE("queue") RECORD_TABLE("webhook");

/* Routing: configurations in versions, and why each conversation went to whom. */
static const char version_2[] = RECORD_TABLE("routing_config") RECORD_TABLE("routing_trace");
static const char version_3[] =
    RECORD_TABLE("intent") RECORD_TABLE("example") RECORD_TABLE("model") RECORD_TABLE("unclear");

/* Flows in versions, their stories, and what their actions need. */
static const char version_4[] = RECORD_TABLE("flow") RECORD_TABLE("story") RECORD_TABLE("action")
    RECORD_TABLE("secret") RECORD_TABLE("flow_value");

/* What visitors send, cut into bodies of records. */
static const char version_5[] = RECORD_TABLE("attachment") RECORD_TABLE("attachment_part");

static const struct {
    unsigned min_reader;
    const char *sql[2];
} migrations[SCHEMA_VERSION] = {
    { 1, { version_1, version_1_records } },
    { 1, { version_2 } },
    { 1, { version_3 } }, /* older programs do not ask for these tables */
    { 1, { version_4 } },
    { 1, { version_5 } },
};

static enum err_code table_exists(struct db *db, bool *exists, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum err_code rc = ERR_OK;

    if (sqlite3_prepare_v2(db->handle, "select 1 from sqlite_schema where name = 'migration'", -1,
                           &stmt, NULL) != SQLITE_OK)
        return db_fault(db, err);
    rc = db_next(db, stmt, exists, err);
    sqlite3_finalize(stmt);
    return rc;
}

enum err_code schema_check(struct db *db, unsigned *version, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    unsigned min_reader = 0;
    bool row = false;
    enum err_code rc = table_exists(db, &row, err);

    *version = 0;
    if (rc != ERR_OK || !row)
        return rc;
    if (sqlite3_prepare_v2(db->handle,
                           "select version, min_reader from migration order by version desc", -1,
                           &stmt, NULL) != SQLITE_OK)
        return db_fault(db, err);
    rc = db_next(db, stmt, &row, err);
    if (rc == ERR_OK && row) {
        *version = column_u32(stmt, 0);
        min_reader = column_u32(stmt, 1);
    }
    sqlite3_finalize(stmt);
    if (rc == ERR_OK && min_reader > SCHEMA_VERSION)
        rc = err_set(err, ERR_UNSUPPORTED,
                     "main.db has schema %u, which a program of schema %u or newer reads; this one "
                     "has %d: nothing was changed",
                     *version, min_reader, SCHEMA_VERSION);
    return rc;
}

static enum err_code migration_run(struct db *db, unsigned to, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < LENGTH_OF(migrations[0].sql) && rc == ERR_OK; i++) {
        if (migrations[to - 1].sql[i] != NULL)
            rc = db_exec(db, migrations[to - 1].sql[i], err);
    }
    if (rc != ERR_OK)
        return rc;
    if (sqlite3_prepare_v2(db->handle, "insert into migration values(?1, ?2, ?3)", -1, &stmt,
                           NULL) != SQLITE_OK)
        return db_fault(db, err);
    bind_u64(stmt, 1, to);
    bind_u64(stmt, 2, migrations[to - 1].min_reader);
    bind_i64(stmt, 3, now_ms);
    rc = db_run(db, stmt, err);
    sqlite3_finalize(stmt);
    return rc;
}

enum err_code schema_migrate(struct db *db, unsigned version, int64_t now_ms, struct err *err)
{
    enum err_code rc = db_exec(db,
                               "create table if not exists migration(version integer primary key,"
                               " min_reader int not null, applied_at int not null)",
                               err);

    for (unsigned to = version + 1; rc == ERR_OK && to <= SCHEMA_VERSION; to++) {
        rc = db_do(db, SQL_BEGIN, err);
        if (rc != ERR_OK)
            break;
        rc = migration_run(db, to, now_ms, err);
        if (rc == ERR_OK)
            rc = db_do(db, SQL_COMMIT, err);
        if (rc != ERR_OK && db_do(db, SQL_ROLLBACK, NULL) != ERR_OK)
            break;
    }
    return rc;
}
