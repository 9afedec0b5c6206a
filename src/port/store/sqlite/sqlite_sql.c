/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement that the adapter runs, as literals: no SQL is ever put together from anything.
 * Arguments are numbered; a 0 for a filter means "any". Conversation state 5 is closed. */
#include "sqlite_sql.h"

#include "check.h"

/* Filters of the conversation lists: ?2 site, ?3 bits of states, ?4 and ?5 the keyset, ?6 limit. */
#define CONV_FILTER                                                 \
    " and (?2 = 0 or site_id = ?2) and (?3 = 0 or ?3 >> state & 1)" \
    " and (updated_at, id) < (?4, ?5)"
#define CONV_ORDER " order by updated_at desc, id desc limit ?6"
#define CONV_ROW   "select header, crc, id, updated_at from conversation"

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN] = "begin immediate",
    [SQL_COMMIT] = "commit",
    [SQL_ROLLBACK] = "rollback",
    [SQL_TURN_BEGIN] = "savepoint turn",
    [SQL_TURN_UNDO] = "rollback to turn",
    [SQL_TURN_DONE] = "release turn",

    [SQL_PROGRESS] = "select settled_upto, settled_batch, search_upto, quarantined from progress",
    [SQL_PROGRESS_SETTLED] =
        "update progress set settled_upto = ?1, settled_batch = ?2, quarantined = ?3",
    [SQL_PROGRESS_SEARCH] = "update progress set search_upto = ?1",
    [SQL_EVENT_LAST] = "select coalesce(max(id), 0) from event",

    [SQL_CONV_FIND] = "select workspace_id, site_id, visitor_id, agent_id, state, head_seq,"
                      " updated_at, due_at, quarantined from conversation where id = ?1",
    [SQL_CONV_INSERT] = "insert into conversation(id, workspace_id, site_id, visitor_id, agent_id,"
                        " state, head_seq, created_at, updated_at, due_at, start_client_id,"
                        " header, crc, quarantined)"
                        " values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)",
    [SQL_CONV_UPDATE] = "update conversation set workspace_id = ?2, site_id = ?3, visitor_id = ?4,"
                        " agent_id = ?5, state = ?6, head_seq = ?7, created_at = ?8,"
                        " updated_at = ?9, due_at = ?10,"
                        " start_client_id = coalesce(?11, start_client_id), header = ?12,"
                        " crc = ?13 where id = ?1",
    [SQL_CONV_UPDATE_DUE] = "update conversation set head_seq = ?2, header = ?3, crc = ?4,"
                            " updated_at = ?5, due_at = ?6 where id = ?1",
    [SQL_CONV_UPDATE_TIME] = "update conversation set head_seq = ?2, header = ?3, crc = ?4,"
                             " updated_at = ?5 where id = ?1",
    [SQL_CONV_HEAD] = "update conversation set head_seq = ?2 where id = ?1",
    [SQL_CONV_QUARANTINE] =
        "insert into conversation(id, workspace_id, head_seq, quarantined) values(?1, ?2, 0, 1)"
        " on conflict(id) do update set quarantined = 1",
    [SQL_CONV_BODY] = "update conversation set header = ?2, crc = ?3 where id = ?1",
    [SQL_EVENT_INSERT] =
        "insert into event(workspace_id, conversation_id, seq, prev_public_seq, kind, internal,"
        " author_kind, author_id, client_id, client_hash, created_at, body, text, crc, origin_crc,"
        " erased) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, 0)",
    [SQL_EVENT_ORIGIN] = "select origin_crc from event where conversation_id = ?1 and seq = ?2",
    [SQL_EVENT_TARGET] = "select id, body, text, client_id, client_hash, erased from event"
                         " where conversation_id = ?1 and seq = ?2",
    [SQL_EVENT_EDITS] = "select seq, body from event where conversation_id = ?1 and seq > ?2"
                        " and kind = 10",
    [SQL_EVENT_BLANK] =
        "update event set body = ?2, text = null, crc = ?3, erased = ?4 where id = ?1",
    [SQL_TRACE_PUT] = "insert or replace into answer_trace(event_id, workspace_id, body)"
                      " values(?1, ?2, ?3)",
    [SQL_MARK_PUT] = "insert into read_mark(conversation_id, agent_id, workspace_id, seq)"
                     " values(?1, ?2, ?3, ?4) on conflict do update"
                     " set seq = excluded.seq where excluded.seq > seq",
    [SQL_VISITOR_PUT] = "insert into visitor(id, workspace_id, site_id, body, crc)"
                        " values(?1, ?2, ?3, ?4, ?5) on conflict do update"
                        " set workspace_id = ?2, site_id = ?3, body = ?4, crc = ?5",
    [SQL_VISITOR_BODY] = "update visitor set body = ?2, crc = ?3 where id = ?1",
    [SQL_QUARANTINE_ADD] =
        "insert into quarantine(workspace_id, conversation_id, position, reason, body, created_at)"
        " values(?1, ?2, ?3, ?4, ?5, ?6)",

    [SQL_QUARANTINE_FIND] = "select 1 from quarantine where conversation_id = ?1 and position = ?2",

    [SQL_SEARCH_NEXT] = "select id, text from event where id > ?1 order by id limit ?2",
    [SQL_SEARCH_ADD] = "insert into event_text(rowid, text) values(?1, ?2)",
    [SQL_SEARCH_REMOVE] =
        "insert into event_text(event_text, rowid, text) values('delete', ?1, ?2)",
    [SQL_SEARCH_MERGE] = "insert into event_text(event_text, rank) values('merge', ?1)",

    [SQL_ERASE_CONVS] = "select id, header from conversation where visitor_id = ?1 and id > ?2"
                        " order by id limit 1",
    [SQL_ERASE_EVENTS] = "select seq from event where conversation_id = ?1 and seq > ?2"
                         " and erased < 2 order by seq limit ?3",
    [SQL_ERASE_TRACES] = "delete from answer_trace where event_id in"
                         " (select id from event where conversation_id = ?1)",
    [SQL_ERASE_QUARANTINE] = "update quarantine set body = x'' where conversation_id = ?1",
    [SQL_ERASE_PARTS] = "delete from attachment_part where parent_id in"
                        " (select id from attachment where parent_id = ?1 and parent_id <> 0)"
                        " and parent_id <> 0",
    [SQL_ERASE_ATTACHMENTS] = "delete from attachment where parent_id = ?1 and parent_id <> 0",

    [SQL_THREAD_FIRST] = "select seq, body, text, crc, client_id, client_hash, erased from event"
                         " where conversation_id = ?1 and seq between ?2 and ?3 and internal <= ?4"
                         " order by seq limit ?5",
    [SQL_THREAD_LAST] = "select seq, body, text, crc, client_id, client_hash, erased from event"
                        " where conversation_id = ?1 and seq between ?2 and ?3 and internal <= ?4"
                        " order by seq desc limit ?5",
    [SQL_CONV_HEAD_SEQ] = "select head_seq, quarantined from conversation where id = ?1",
    [SQL_CONV_LOAD] = "select header, crc, quarantined from conversation where id = ?1",
    [SQL_CLIENT_IDS] = "select client_id, seq, created_at, client_hash from event"
                       " where conversation_id = ?1 and client_id is not null"
                       " order by client_id desc limit ?2",
    [SQL_CLIENT_ID] = "select client_id, seq, created_at, client_hash from event"
                      " where conversation_id = ?1 and client_id = ?2 and client_id is not null",
    [SQL_MARKS] = "select agent_id, seq from read_mark where conversation_id = ?1 limit ?2",
    [SQL_CONV_BY_START] =
        "select id from conversation where visitor_id = ?1 and start_client_id = ?2",
    [SQL_CONV_OPEN] = "select id from conversation where visitor_id = ?1 and site_id = ?2"
                      " and state <> 5 order by id desc limit 1",
    [SQL_VISITOR_LOAD] = "select body, crc from visitor where id = ?1",
    [SQL_TRACE_LOAD] = "select t.body from event e join answer_trace t on t.event_id = e.id"
                       " where e.conversation_id = ?1 and e.seq = ?2",
    [SQL_CONVS_OPEN] = CONV_ROW " where workspace_id = ?1 and state <> 5" CONV_FILTER CONV_ORDER,
    [SQL_CONVS_CLOSED] = CONV_ROW " where workspace_id = ?1 and state = 5" CONV_FILTER CONV_ORDER,
    [SQL_CONVS_ALL] =
        "select * from (select * from (" CONV_ROW
        " where workspace_id = ?1 and state <> 5" CONV_FILTER CONV_ORDER ")"
        " union all select * from (" CONV_ROW
        " where workspace_id = ?1 and state = 5" CONV_FILTER CONV_ORDER "))" CONV_ORDER,
    [SQL_CONVS_AGENT] = CONV_ROW " where workspace_id = ?1 and agent_id = ?7 and agent_id <> 0"
                                 " and (?8 = 0 or visitor_id = ?8)" CONV_FILTER CONV_ORDER,
    [SQL_CONVS_VISITOR] = CONV_ROW " where +workspace_id = ?1 and visitor_id = ?8"
                                   " and state is not null" CONV_FILTER CONV_ORDER,
    [SQL_CONVS_LIVE] = "select header, crc, id, 0 from conversation"
                       " where state <> 5 and id > ?1 order by id limit ?2",
    [SQL_CONVS_DUE] = "select header, crc, id, due_at from conversation where due_at > 0"
                      " and due_at <= ?1 and (due_at, id) > (?2, ?3) order by due_at, id limit ?4",
    [SQL_VISITORS] = "select body, crc from visitor where workspace_id = ?1 and id < ?2"
                     " order by id desc limit ?3",
    [SQL_SEARCH] = "select e.id, e.conversation_id, e.seq, e.body, e.text, e.crc, e.client_id,"
                   " e.client_hash, e.erased from event_text t join event e on e.id = t.rowid"
                   " where t.event_text match ?1 and t.rowid < ?2 and e.workspace_id = ?3"
                   " and e.internal <= ?4 order by t.rowid desc limit ?5",

    [SQL_CONSUMER_ADD] = "insert into outbox(consumer, upto)"
                         " select ?1, coalesce(max(id), 0) from event where true"
                         " on conflict do nothing",
    [SQL_CONSUMER_FIND] = "select upto from outbox where consumer = ?1",
    [SQL_CONSUMER_ADVANCE] = "update outbox set upto = min(max(upto, ?2),"
                             " (select coalesce(max(id), 0) from event)) where consumer = ?1",
    [SQL_OUTBOX_READ] = "select id, workspace_id, conversation_id, seq, body, text, crc, client_id,"
                        " client_hash, erased from event where id > ?1 order by id limit ?2",

    [SQL_CHECK_PAGES] = "pragma integrity_check",
    [SQL_CHECK_EVENTS] = "select id, body, text, client_id, client_hash, crc from event"
                         " where id > ?1 order by id limit ?2",
    [SQL_CHECK_SEQS] = "select conversation_id, seq from event"
                       " where (conversation_id, seq) > (?1, ?2)"
                       " order by conversation_id, seq limit ?3",
    [SQL_CHECK_CONVS] = "select id, header, crc, head_seq, (select coalesce(max(seq), 0) from event"
                        " where conversation_id = c.id) from conversation c where id > ?1"
                        " order by id limit ?2",
    [SQL_CHECK_CLIENT_IDS] =
        "select count(*) from (select 1 from event indexed by event_client_id"
        " where client_id is not null group by conversation_id, client_id having count(*) > 1)",
    [SQL_CHECK_QUARANTINED] = "select quarantined from progress",
};

/* ?1 is the id everywhere but in lists; workspace and parent 0 mean "any" there. */
#define RECORD_COLUMNS "id, workspace_id, parent_id, lookup, version, created_at, body, crc"
#define RECORD_TEXTS(name)                                                                      \
    {                                                                                           \
        [RECORD_GET] = "select " RECORD_COLUMNS " from " name " where id = ?1",                 \
        [RECORD_BY_LOOKUP] = "select " RECORD_COLUMNS " from " name                             \
                             " where lookup = ?1 and (?2 = 0 or workspace_id = ?2)"             \
                             " order by id limit 1",                                            \
        [RECORD_LIST] = "select " RECORD_COLUMNS " from " name                                  \
                        " where id > ?1 and (?2 = 0 or workspace_id = ?2)"                      \
                        " and (?3 = 0 or parent_id = ?3) order by id limit ?4",                 \
        [RECORD_LIST_DOWN] = "select " RECORD_COLUMNS " from " name                             \
                             " where id < ?1 and (?2 = 0 or workspace_id = ?2)"                 \
                             " and (?3 = 0 or parent_id = ?3) order by id desc limit ?4",       \
        [RECORD_INSERT] =                                                                       \
            "insert into " name "(" RECORD_COLUMNS ") values(?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",   \
        [RECORD_UPDATE] = "update " name " set workspace_id = ?2, parent_id = ?3, lookup = ?4," \
                          " version = version + 1, body = ?6, crc = ?7 where id = ?1",          \
        [RECORD_DELETE] = "delete from " name " where id = ?1",                                 \
        [RECORD_EXPIRE] = "delete from " name " where id in (select id from " name              \
                          " where created_at < ?1 limit ?2)",                                   \
        [RECORD_COUNT] = "select count(*) from " name,                                          \
        [RECORD_TRIM] =                                                                         \
            "delete from " name " where id in (select id from " name " order by id limit ?1)",  \
    }

static const char *const record_texts[STORE_KIND_COUNT][RECORD_SQL_COUNT] = {
    [STORE_WORKSPACE] = RECORD_TEXTS("workspace"),
    [STORE_SITE] = RECORD_TEXTS("site"),
    [STORE_AGENT] = RECORD_TEXTS("agent"),
    [STORE_ROLE] = RECORD_TEXTS("role"),
    [STORE_TEAM] = RECORD_TEXTS("team"),
    [STORE_LOGIN_SESSION] = RECORD_TEXTS("login_session"),
    [STORE_API_TOKEN] = RECORD_TEXTS("api_token"),
    [STORE_CANNED_REPLY] = RECORD_TEXTS("canned_reply"),
    [STORE_TAG] = RECORD_TEXTS("tag"),
    [STORE_FAQ_ENTRY] = RECORD_TEXTS("faq_entry"),
    [STORE_RULE] = RECORD_TEXTS("rule"),
    [STORE_SETTING] = RECORD_TEXTS("setting"),
    [STORE_AUDIT] = RECORD_TEXTS("audit"),
    [STORE_IDEMPOTENCY] = RECORD_TEXTS("idempotency"),
    [STORE_CONTACT] = RECORD_TEXTS("contact"),
    [STORE_QUEUE] = RECORD_TEXTS("queue"),
    [STORE_WEBHOOK] = RECORD_TEXTS("webhook"),
    [STORE_ROUTING_CONFIG] = RECORD_TEXTS("routing_config"),
    [STORE_ROUTING_TRACE] = RECORD_TEXTS("routing_trace"),
    [STORE_INTENT] = RECORD_TEXTS("intent"),
    [STORE_EXAMPLE] = RECORD_TEXTS("example"),
    [STORE_MODEL] = RECORD_TEXTS("model"),
    [STORE_UNCLEAR] = RECORD_TEXTS("unclear"),
    [STORE_FLOW] = RECORD_TEXTS("flow"),
    [STORE_STORY] = RECORD_TEXTS("story"),
    [STORE_ACTION] = RECORD_TEXTS("action"),
    [STORE_SECRET] = RECORD_TEXTS("secret"),
    [STORE_FLOW_VALUE] = RECORD_TEXTS("flow_value"),
    [STORE_ATTACHMENT] = RECORD_TEXTS("attachment"),
    [STORE_ATTACHMENT_PART] = RECORD_TEXTS("attachment_part"),
};

const char *sql_text(enum sql which)
{
    ENSURE(which < SQL_COUNT && texts[which] != NULL);
    return texts[which];
}

const char *record_sql_text(enum store_kind kind, enum record_sql which)
{
    ENSURE(kind < STORE_KIND_COUNT && record_texts[kind][which] != NULL);
    return record_texts[kind][which];
}
