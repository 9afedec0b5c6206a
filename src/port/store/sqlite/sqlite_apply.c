/* SPDX-License-Identifier: Apache-2.0 */
/* One turn into the tables. This runs for every turn that the server ever takes, so it does what
 * the two promises need (dense seq, unique client id) and nothing else; the statements are few and
 * prepared, and nothing is allocated. */
#include "sqlite_settle_priv.h"

#include "crc32c.h"
#include "log.h"

uint32_t event_crc(const uint8_t *client_id, uint64_t client_hash, struct slice body,
                   struct slice text)
{
    uint32_t crc = crc32c(0, &client_hash, sizeof(client_hash));

    if (client_id != NULL)
        crc = crc32c(crc, client_id, STORE_CLIENT_ID_BYTES);
    crc = crc32c(crc, body.ptr, body.len);
    return crc32c(crc, text.ptr, text.len);
}

/* ---- quarantine ---- */

enum err_code quarantine_add(struct settle *settle, uint64_t workspace, uint64_t conv,
                             uint64_t position, const char *reason, struct slice body,
                             struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_QUARANTINE_ADD, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, workspace);
    bind_u64(stmt, 2, conv);
    bind_u64(stmt, 3, position);
    bind_text(stmt, 4, slice_of(reason));
    bind_blob(stmt, 5, body);
    bind_i64(stmt, 6, clock_wall_ms(&settle->store->clock));
    return db_run(settle->db, stmt, err);
}

/* A turn that was met before, ahead of its order or before a crash, is kept once. */
static enum err_code quarantine_has(struct settle *settle, const struct settle_item *item,
                                    bool *has, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_QUARANTINE_FIND, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, item->conv);
    bind_u64(stmt, 2, item->position);
    rc = db_next(settle->db, stmt, has, err);
    if (*has)
        sqlite3_reset(stmt);
    return rc;
}

static enum err_code turn_quarantine(struct settle *settle, struct group *group,
                                     const struct settle_item *item, const char *reason,
                                     struct err *err)
{
    const struct journal_record_head *record = item->record;
    bool known = false;
    enum err_code rc = quarantine_has(settle, item, &known, err);

    if (rc != ERR_OK || known)
        return rc;
    if (!group->quarantined) /* what follows it in its conversation needs no line each */
        LOG_ERROR("turn_quarantined", KV_ID("conv", item->conv), KV_U64("seq", record->first_seq),
                  KV_TEXT("reason", reason));
    group->quarantined = true;
    settle_grow(&settle->bad_convs, &settle->bad_convs_cap, settle->bad_convs_n,
                sizeof(*settle->bad_convs));
    settle->bad_convs[settle->bad_convs_n++] = item->conv;
    return quarantine_add(settle, record->workspace, item->conv, item->position, reason,
                          journal_record_turn(record), err);
}

/* ---- the parts of a turn ---- */

/* An event's row keeps its text apart from the rest. */
static struct slice event_body(struct settle *settle, const struct turn_event *event)
{
    if (event->text.ptr == NULL)
        return event->event;
    if (event->after.len == 0)
        return event->before;
    buf_clear(&settle->scratch);
    buf_add_slice(&settle->scratch, event->before);
    buf_add_slice(&settle->scratch, event->after);
    return buf_slice(&settle->scratch);
}

static enum err_code event_insert(struct settle *settle, uint64_t workspace, uint64_t conv,
                                  const struct turn_event *event, struct err *err)
{
    struct slice body = event_body(settle, event);
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_EVENT_INSERT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, workspace);
    bind_u64(stmt, 2, conv);
    bind_u64(stmt, 3, event->seq);
    bind_u64(stmt, 4, event->prev_seq);
    bind_u64(stmt, 5, event->kind);
    bind_u64(stmt, 6, event->internal);
    bind_u64(stmt, 7, event->author_kind);
    bind_u64(stmt, 8, event->author_id);
    if (event->client_id != NULL)
        bind_blob(stmt, 9, slice_make(event->client_id, STORE_CLIENT_ID_BYTES));
    else
        bind_null(stmt, 9);
    bind_u64(stmt, 10, event->client_hash);
    bind_i64(stmt, 11, event->created_at);
    bind_blob(stmt, 12, body);
    bind_text(stmt, 13, event->text);
    bind_u64(stmt, 14, event_crc(event->client_id, event->client_hash, body, event->text));
    return db_run(settle->db, stmt, err);
}

static enum err_code trace_put(struct settle *settle, uint64_t workspace, uint64_t event,
                               struct slice body, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_TRACE_PUT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, event);
    bind_u64(stmt, 2, workspace);
    bind_blob(stmt, 3, body);
    return db_run(settle->db, stmt, err);
}

/* Traces name an event of their own turn; one that does not is dropped, it explains nothing. */
static enum err_code traces_put(struct settle *settle, uint64_t workspace, uint64_t first_event,
                                struct err *err)
{
    const struct turn_view *view = &settle->view;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < view->traces_n && rc == ERR_OK; i++) {
        uint32_t at = view->traces[i].seq - (view->events_n != 0 ? view->events[0].seq : 0);

        if (view->traces[i].conv == view->conv && at < view->events_n)
            rc = trace_put(settle, workspace, first_event + at, view->traces[i].bytes, err);
    }
    return rc;
}

static enum err_code mark_put(struct settle *settle, uint64_t workspace,
                              const struct turn_mark *mark, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_MARK_PUT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, mark->conv);
    bind_u64(stmt, 2, mark->agent);
    bind_u64(stmt, 3, workspace);
    bind_u64(stmt, 4, mark->seq);
    return db_run(settle->db, stmt, err);
}

static enum err_code marks_flush(struct settle *settle, struct group *group, struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < group->marks_n && rc == ERR_OK; i++)
        rc = mark_put(settle, group->workspace, &group->marks[i], err);
    group->marks_n = 0;
    return rc;
}

static enum err_code mark_keep(struct settle *settle, struct group *group,
                               const struct turn_mark *mark, struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < group->marks_n; i++) {
        struct turn_mark *kept = &group->marks[i];

        if (kept->agent == mark->agent && kept->conv == mark->conv) {
            if (mark->seq > kept->seq)
                kept->seq = mark->seq;
            return ERR_OK;
        }
    }
    if (group->marks_n == GROUP_MARKS)
        rc = marks_flush(settle, group, err);
    group->marks[group->marks_n++] = *mark;
    return rc;
}

static enum err_code events_insert(struct settle *settle, const struct settle_item *item,
                                   struct err *err)
{
    const struct turn_view *view = &settle->view;
    uint64_t workspace = item->record->workspace;
    uint64_t last = 0;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < view->events_n && rc == ERR_OK; i++) {
        const struct turn_event *event = &view->events[i];

        rc = event_insert(settle, workspace, item->conv, event, err);
        last = (uint64_t)sqlite3_last_insert_rowid(settle->db->handle);
        if (rc == ERR_OK && event->kind == EVENT_KIND_RECALL && event->target_seq > 0 &&
            event->target_seq < event->seq)
            rc = event_recall(settle->store, settle->db, item->conv, event->target_seq, err);
    }
    if (rc == ERR_OK)
        rc = traces_put(settle, workspace, last + 1 - view->events_n, err);
    return rc;
}

void settle_profile_keep(struct settle *settle, const struct settle_item *item)
{
    const struct turn_visitor *visitor = &settle->view.visitor;

    if (!settle->view.has_visitor || visitor->id == 0)
        return;
    settle_grow(&settle->profiles, &settle->profiles_cap, settle->profiles_n,
                sizeof(*settle->profiles));
    settle->profiles[settle->profiles_n++] =
        (struct settle_profile){ visitor->id, item->position, item->record->workspace,
                                 visitor->site, visitor->bytes };
}

/* ---- does the turn fit? ---- */

static bool events_dense(const struct turn_view *view, const struct journal_record_head *record)
{
    if (view->conv != record->conv || view->events_n != record->n_events)
        return false;
    for (size_t i = 0; i < view->events_n; i++) {
        if (view->events[i].seq != record->first_seq + i)
            return false;
    }
    return true;
}

/* Whether these very events are in the table: their first checksum was the same. */
static enum err_code turn_is_replay(struct settle *settle, uint64_t conv, bool *same,
                                    struct err *err)
{
    const struct turn_view *view = &settle->view;
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_EVENT_ORIGIN, &stmt, err);

    *same = true;
    for (size_t i = 0; i < view->events_n && rc == ERR_OK && *same; i++) {
        const struct turn_event *event = &view->events[i];
        uint32_t crc =
            event_crc(event->client_id, event->client_hash, event_body(settle, event), event->text);
        bool row;

        bind_u64(stmt, 1, conv);
        bind_u64(stmt, 2, event->seq);
        rc = db_next(settle->db, stmt, &row, err);
        *same = rc == ERR_OK && row && column_u32(stmt, 0) == crc;
        if (row)
            sqlite3_reset(stmt);
    }
    return rc;
}

enum fit { FIT_NEXT, FIT_REPLAY, FIT_NOT };

static enum err_code turn_fit(struct settle *settle, const struct group *group,
                              const struct settle_item *item, enum fit *fit, const char **reason,
                              struct err *err)
{
    const struct journal_record_head *record = item->record;
    struct err why = { 0 };
    bool same = false;
    enum err_code rc = ERR_OK;

    *fit = FIT_NOT;
    if (turn_view_parse(journal_record_turn(record), &settle->view, &why) != ERR_OK) {
        *reason = "does not parse";
    } else if (!events_dense(&settle->view, record)) {
        *reason = "record and content differ";
    } else if (record->n_events == 0) {
        *fit = FIT_NEXT; /* marks and profiles only grow */
    } else if (record->first_seq <= group->head_seq) {
        rc = turn_is_replay(settle, item->conv, &same, err);
        *fit = same ? FIT_REPLAY : FIT_NOT;
        *reason = "other content under the same seq";
    } else if (group->quarantined) {
        *reason = "the conversation is quarantined";
    } else if (record->first_seq > group->head_seq + 1) {
        *reason = "leaves a gap";
    } else {
        *fit = FIT_NEXT;
    }
    return rc;
}

/* ---- one turn ---- */

static enum err_code turn_write(struct settle *settle, struct group *group,
                                const struct settle_item *item, struct err *err)
{
    const struct turn_view *view = &settle->view;
    enum err_code rc = events_insert(settle, item, err);

    for (size_t i = 0; i < view->marks_n && rc == ERR_OK; i++)
        rc = mark_keep(settle, group, &view->marks[i], err);
    if (rc != ERR_OK)
        return rc;
    if (group->workspace == 0) {
        group->workspace = item->record->workspace;
        group->visitor = item->record->visitor;
    }
    if (view->has_header) {
        group->has_header = true;
        group->header = view->header;
    }
    group->head_seq += item->record->n_events;
    if (settle->careful)
        rc = group_flush(settle, group, err);
    return rc;
}

/* In careful mode each turn stands by itself: what a unique index refuses is undone alone. */
static enum err_code turn_write_careful(struct settle *settle, struct group *group,
                                        const struct settle_item *item, struct err *err)
{
    struct group before = *group;
    enum err_code rc = db_do(settle->db, SQL_TURN_BEGIN, err);

    if (rc != ERR_OK)
        return rc;
    rc = turn_write(settle, group, item, err);
    if (rc == ERR_CONFLICT) {
        *group = before;
        rc = db_do(settle->db, SQL_TURN_UNDO, err);
        if (rc == ERR_OK)
            rc = turn_quarantine(settle, group, item, "a client id is used twice", err);
        settle->view.events_n = 0;
        settle->view.has_visitor = false;
    }
    return rc == ERR_OK ? db_do(settle->db, SQL_TURN_DONE, err) : rc;
}

enum err_code settle_turn(struct settle *settle, struct group *group,
                          const struct settle_item *item, struct err *err)
{
    const char *reason = NULL;
    enum fit fit;
    enum err_code rc = turn_fit(settle, group, item, &fit, &reason, err);

    if (rc != ERR_OK || fit == FIT_REPLAY)
        return rc;
    if (fit == FIT_NOT)
        return turn_quarantine(settle, group, item, reason, err);
    rc = settle->careful ? turn_write_careful(settle, group, item, err)
                         : turn_write(settle, group, item, err);
    if (rc != ERR_OK)
        return rc;
    settle->events += settle->view.events_n;
    settle_profile_keep(settle, item);
    return ERR_OK;
}

/* ---- the conversation's row ---- */

enum err_code group_begin(struct settle *settle, struct group *group, uint64_t conv,
                          struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_CONV_FIND, &stmt, err);

    memset(group, 0, offsetof(struct group, header));
    group->conv = conv;
    group->state = -1;
    group->marks_n = 0;
    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    rc = db_next(settle->db, stmt, &group->exists, err);
    if (rc != ERR_OK || !group->exists)
        return rc;
    group->workspace = column_u64(stmt, 0);
    group->site = column_u64(stmt, 1);
    group->visitor = column_u64(stmt, 2);
    group->agent = column_u64(stmt, 3);
    if (sqlite3_column_type(stmt, 4) != SQLITE_NULL)
        group->state = sqlite3_column_int64(stmt, 4);
    group->head_seq = group->stored_head_seq = column_u32(stmt, 5);
    group->updated_at = sqlite3_column_int64(stmt, 6);
    group->due_at = sqlite3_column_int64(stmt, 7);
    group->quarantined = sqlite3_column_int(stmt, 8) != 0;
    sqlite3_reset(stmt);
    return ERR_OK;
}

/* Every column; for a new row, and when something changed that indexes hang on. */
static enum err_code row_write(struct settle *settle, const struct group *group, struct err *err)
{
    const struct turn_header *header = &group->header;
    sqlite3_stmt *stmt;
    enum err_code rc =
        db_stmt(settle->db, group->exists ? SQL_CONV_UPDATE : SQL_CONV_INSERT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, group->conv);
    bind_u64(stmt, 2, header->workspace);
    bind_u64(stmt, 3, header->site);
    bind_u64(stmt, 4, header->visitor);
    bind_u64(stmt, 5, header->agent);
    bind_u64(stmt, 6, header->state);
    bind_u64(stmt, 7, group->head_seq);
    bind_i64(stmt, 8, header->created_at);
    bind_i64(stmt, 9, header->updated_at);
    bind_i64(stmt, 10, header->due_at);
    if (header->start_client_id != NULL)
        bind_blob(stmt, 11, slice_make(header->start_client_id, STORE_CLIENT_ID_BYTES));
    else
        bind_null(stmt, 11);
    bind_blob(stmt, 12, header->bytes);
    bind_u64(stmt, 13, crc32c(0, header->bytes.ptr, header->bytes.len));
    return db_run(settle->db, stmt, err);
}

/* What nearly every turn changes. */
static enum err_code row_touch(struct settle *settle, const struct group *group, struct err *err)
{
    const struct turn_header *header = &group->header;
    bool due = header->due_at != group->due_at;
    sqlite3_stmt *stmt;
    enum err_code rc =
        db_stmt(settle->db, due ? SQL_CONV_UPDATE_DUE : SQL_CONV_UPDATE_TIME, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, group->conv);
    bind_u64(stmt, 2, group->head_seq);
    bind_blob(stmt, 3, header->bytes);
    bind_u64(stmt, 4, crc32c(0, header->bytes.ptr, header->bytes.len));
    bind_i64(stmt, 5, header->updated_at);
    if (due)
        bind_i64(stmt, 6, header->due_at);
    return db_run(settle->db, stmt, err);
}

/* Events came without a header: only seq and, for a new row, whose it is. */
static enum err_code row_head(struct settle *settle, const struct group *group, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc =
        db_stmt(settle->db, group->exists ? SQL_CONV_HEAD : SQL_CONV_INSERT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, group->conv);
    if (group->exists) {
        bind_u64(stmt, 2, group->head_seq);
        return db_run(settle->db, stmt, err);
    }
    for (int i = 2; i <= 13; i++)
        bind_null(stmt, i);
    bind_u64(stmt, 2, group->workspace);
    bind_u64(stmt, 4, group->visitor);
    bind_u64(stmt, 7, group->head_seq);
    return db_run(settle->db, stmt, err);
}

static enum err_code row_flush(struct settle *settle, struct group *group, struct err *err)
{
    const struct turn_header *header = &group->header;

    if (!group->has_header)
        return group->head_seq == group->stored_head_seq ? ERR_OK : row_head(settle, group, err);
    if (group->exists && group->state == (int64_t)header->state &&
        group->workspace == header->workspace && group->site == header->site &&
        group->visitor == header->visitor && group->agent == header->agent)
        return row_touch(settle, group, err);
    return row_write(settle, group, err);
}

enum err_code group_header_write(struct settle *settle, uint64_t conv,
                                 const struct turn_header *header, struct err *err)
{
    struct group group;
    enum err_code rc = group_begin(settle, &group, conv, err);

    if (rc != ERR_OK || group.quarantined)
        return rc;
    group.has_header = true;
    group.header = *header;
    return row_flush(settle, &group, err); /* with the head_seq that the tables have reached */
}

static enum err_code row_quarantine(struct settle *settle, const struct group *group,
                                    struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_CONV_QUARANTINE, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, group->conv);
    bind_u64(stmt, 2, group->workspace);
    return db_run(settle->db, stmt, err);
}

enum err_code group_flush(struct settle *settle, struct group *group, struct err *err)
{
    enum err_code rc = row_flush(settle, group, err);

    if (rc == ERR_OK && group->quarantined)
        rc = row_quarantine(settle, group, err);
    if (rc == ERR_OK)
        rc = marks_flush(settle, group, err);
    if (rc != ERR_OK)
        return rc;
    if (group->has_header) {
        group->workspace = group->header.workspace;
        group->site = group->header.site;
        group->visitor = group->header.visitor;
        group->agent = group->header.agent;
        group->state = group->header.state;
        group->updated_at = group->header.updated_at;
        group->due_at = group->header.due_at;
    }
    group->exists |= group->has_header || group->head_seq != group->stored_head_seq;
    group->stored_head_seq = group->head_seq;
    group->has_header = false;
    return ERR_OK;
}
