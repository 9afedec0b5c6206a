/* SPDX-License-Identifier: Apache-2.0 */
/* The front of every adapter: arguments and limits are checked here once, so that all adapters
 * refuse the same things with the same codes. */
#include "store.h"

#include "store_backend.h"

static const char *const kind_names[STORE_KIND_COUNT] = {
    [STORE_WORKSPACE] = "workspace",
    [STORE_SITE] = "site",
    [STORE_AGENT] = "agent",
    [STORE_ROLE] = "role",
    [STORE_TEAM] = "team",
    [STORE_LOGIN_SESSION] = "login_session",
    [STORE_API_TOKEN] = "api_token",
    [STORE_CANNED_REPLY] = "canned_reply",
    [STORE_TAG] = "tag",
    [STORE_FAQ_ENTRY] = "faq_entry",
    [STORE_RULE] = "rule",
    [STORE_SETTING] = "setting",
    [STORE_AUDIT] = "audit",
    [STORE_IDEMPOTENCY] = "idempotency",
    [STORE_CONTACT] = "contact",
    [STORE_QUEUE] = "queue",
    [STORE_WEBHOOK] = "webhook",
    [STORE_ROUTING_CONFIG] = "routing_config",
    [STORE_ROUTING_TRACE] = "routing_trace",
    [STORE_INTENT] = "intent",
    [STORE_EXAMPLE] = "example",
    [STORE_MODEL] = "model",
    [STORE_UNCLEAR] = "unclear",
    [STORE_FLOW] = "flow",
    [STORE_STORY] = "story",
    [STORE_ACTION] = "action",
    [STORE_SECRET] = "secret",
    [STORE_FLOW_VALUE] = "flow_value",
    [STORE_ATTACHMENT] = "attachment",
    [STORE_ATTACHMENT_PART] = "attachment_part",
};

const char *store_kind_name(enum store_kind kind)
{
    ENSURE(kind < STORE_KIND_COUNT);
    return kind_names[kind];
}

static enum err_code limit_check(unsigned limit, unsigned limit_max, struct err *err)
{
    if (limit < 1 || limit > limit_max)
        return err_set_field(err, ERR_INVALID, "limit", "must be 1..%u", limit_max);
    return ERR_OK;
}

enum err_code store_open(const struct store_options *options, struct store **out, struct err *err)
{
    ENSURE(options->backend != NULL && options->on_complete != NULL);
    if (options->shards < 1 || options->shards > STORE_SHARDS_MAX)
        return err_set(err, ERR_INVALID, "shards must be 1..%d", STORE_SHARDS_MAX);
    return options->backend->open(options, out, err);
}

void store_close(struct store **store)
{
    if (*store == NULL)
        return;
    (*store)->backend->close(store);
    *store = NULL;
}

static enum err_code turn_check(const struct store_turn *turn, struct err *err)
{
    bool marks_only = (turn->flags & STORE_TURN_MARKS_ONLY) != 0;

    ENSURE(turn->conv != 0);
    ENSURE(marks_only == (turn->n_events == 0));
    ENSURE(marks_only || turn->first_seq > 0);
    if (turn->n_events > STORE_TURN_EVENTS_MAX)
        return err_set(err, ERR_TOO_BIG, "turn of %u events, limit %d", turn->n_events,
                       STORE_TURN_EVENTS_MAX);
    if (turn->bytes.len > STORE_TURN_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "turn of %zu bytes, limit %d", turn->bytes.len,
                       STORE_TURN_BYTES_MAX);
    return ERR_OK;
}

enum err_code store_append(struct store *store, unsigned shard, const struct store_turn *turns,
                           size_t n, struct err *err)
{
    ENSURE(shard < store->shards);
    for (size_t i = 0; i < n; i++) {
        enum err_code rc = turn_check(&turns[i], err);

        if (rc != ERR_OK)
            return rc;
    }
    return store->backend->append(store, shard, turns, n, err);
}

size_t store_append_room(struct store *store, unsigned shard)
{
    ENSURE(shard < store->shards);
    return store->backend->append_room(store, shard);
}

void store_shard_resume(struct store *store, unsigned shard)
{
    ENSURE(shard < store->shards);
    store->backend->shard_resume(store, shard);
}

uint64_t store_settled_upto(struct store *store)
{
    return store->backend->settled_upto(store);
}

bool store_writable(struct store *store)
{
    return store->backend->writable(store);
}

enum err_code store_thread_read(struct store *store, const struct store_thread_query *query,
                                struct arena *arena, struct store_thread *out,
                                enum store_read *state, struct err *err)
{
    enum err_code rc = limit_check(query->limit, STORE_THREAD_MAX, err);

    *out = (struct store_thread){ 0 };
    *state = STORE_READ_DONE;
    if (rc != ERR_OK)
        return rc;
    return store->backend->thread_read(store, query, arena, out, state, err);
}

enum err_code store_conv_load(struct store *store, uint64_t conv, struct arena *arena,
                              struct store_conv *out, struct err *err)
{
    *out = (struct store_conv){ 0 };
    return store->backend->conv_load(store, conv, arena, out, err);
}

enum err_code store_client_id_find(struct store *store, uint64_t conv, const uint8_t *client_id,
                                   const struct store_overlay *overlay, size_t overlay_n,
                                   bool *found, struct store_client_id *out, struct err *err)
{
    *found = false;
    return store->backend->client_id_find(store, conv, client_id, overlay, overlay_n, found, out,
                                          err);
}

enum err_code store_conv_by_start(struct store *store, uint64_t visitor, const uint8_t *client_id,
                                  uint64_t *conv, struct err *err)
{
    *conv = 0;
    return store->backend->conv_by_start(store, visitor, client_id, conv, err);
}

enum err_code store_visitor_open_conv(struct store *store, uint64_t visitor, uint64_t site,
                                      uint64_t *conv, struct err *err)
{
    *conv = 0;
    return store->backend->visitor_open_conv(store, visitor, site, conv, err);
}

enum err_code store_visitor_load(struct store *store, uint64_t visitor, struct arena *arena,
                                 struct slice *out, struct err *err)
{
    *out = SLICE_EMPTY;
    return store->backend->visitor_load(store, visitor, arena, out, err);
}

enum err_code store_conv_list(struct store *store, const struct store_conv_filter *filter,
                              struct arena *arena, struct store_page *out, struct err *err)
{
    enum err_code rc = limit_check(filter->limit, STORE_PAGE_MAX, err);

    *out = (struct store_page){ 0 };
    if (rc != ERR_OK)
        return rc;
    return store->backend->conv_list(store, filter, arena, out, err);
}

enum err_code store_conv_open_list(struct store *store, uint64_t after_conv, unsigned limit,
                                   struct arena *arena, struct store_page *out, struct err *err)
{
    enum err_code rc = limit_check(limit, STORE_PAGE_MAX, err);

    *out = (struct store_page){ 0 };
    if (rc != ERR_OK)
        return rc;
    return store->backend->conv_open_list(store, after_conv, limit, arena, out, err);
}

enum err_code store_conv_due_list(struct store *store, int64_t due, int64_t after_due,
                                  uint64_t after_conv, unsigned limit, struct arena *arena,
                                  struct store_page *out, struct err *err)
{
    enum err_code rc = limit_check(limit, STORE_PAGE_MAX, err);

    *out = (struct store_page){ 0 };
    if (rc != ERR_OK)
        return rc;
    return store->backend->conv_due_list(store, due, after_due, after_conv, limit, arena, out, err);
}

enum err_code store_visitor_list(struct store *store, uint64_t workspace, uint64_t before_visitor,
                                 unsigned limit, struct arena *arena, struct store_page *out,
                                 struct err *err)
{
    enum err_code rc = limit_check(limit, STORE_PAGE_MAX, err);

    *out = (struct store_page){ 0 };
    if (rc != ERR_OK)
        return rc;
    return store->backend->visitor_list(store, workspace, before_visitor, limit, arena, out, err);
}

enum err_code store_trace_load(struct store *store, uint64_t conv, uint32_t seq,
                               struct arena *arena, struct slice *out, struct err *err)
{
    *out = SLICE_EMPTY;
    return store->backend->trace_load(store, conv, seq, arena, out, err);
}

enum err_code store_search(struct store *store, const struct store_search_query *query,
                           struct arena *arena, struct store_hits *out, struct err *err)
{
    enum err_code rc = limit_check(query->limit, STORE_PAGE_MAX, err);

    *out = (struct store_hits){ 0 };
    if (rc != ERR_OK)
        return rc;
    if (query->text.len > STORE_QUERY_MAX)
        return err_set_field(err, ERR_TOO_BIG, "q", "limit %d bytes", STORE_QUERY_MAX);
    return store->backend->search(store, query, arena, out, err);
}

static enum err_code change_check(const struct store_change *change, struct err *err)
{
    ENSURE(change->kind < STORE_KIND_COUNT && change->record.id != 0);
    if (change->record.lookup.len > STORE_LOOKUP_MAX)
        return err_set(err, ERR_TOO_BIG, "lookup of %zu bytes, limit %d", change->record.lookup.len,
                       STORE_LOOKUP_MAX);
    if (change->record.body.len > STORE_BODY_MAX)
        return err_set(err, ERR_TOO_BIG, "%s of %zu bytes, limit %d", store_kind_name(change->kind),
                       change->record.body.len, STORE_BODY_MAX);
    return ERR_OK;
}

enum err_code store_admin_run(struct store *store, const struct store_change *changes, size_t n,
                              size_t *failed, struct err *err)
{
    size_t unused;

    if (failed == NULL)
        failed = &unused;
    *failed = 0;
    if (n > STORE_CHANGES_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu changes, limit %d", n, STORE_CHANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        enum err_code rc = change_check(&changes[i], err);

        *failed = i;
        if (rc != ERR_OK)
            return rc;
    }
    return store->backend->admin_run(store, changes, n, failed, err);
}

enum err_code store_record_get(struct store *store, enum store_kind kind, uint64_t id,
                               struct arena *arena, struct store_record *out, bool *found,
                               struct err *err)
{
    ENSURE(kind < STORE_KIND_COUNT);
    *out = (struct store_record){ 0 };
    *found = false;
    return store->backend->record_get(store, kind, id, arena, out, found, err);
}

enum err_code store_record_by_lookup(struct store *store, enum store_kind kind, uint64_t workspace,
                                     struct slice lookup, struct arena *arena,
                                     struct store_record *out, bool *found, struct err *err)
{
    ENSURE(kind < STORE_KIND_COUNT);
    *out = (struct store_record){ 0 };
    *found = false;
    if (lookup.len == 0 || lookup.len > STORE_LOOKUP_MAX)
        return ERR_OK;
    return store->backend->record_by_lookup(store, kind, workspace, lookup, arena, out, found, err);
}

enum err_code store_record_list(struct store *store, const struct store_record_query *query,
                                struct arena *arena, struct store_records *out, struct err *err)
{
    enum err_code rc = limit_check(query->limit, STORE_PAGE_MAX, err);

    ENSURE(query->kind < STORE_KIND_COUNT);
    *out = (struct store_records){ 0 };
    if (rc != ERR_OK)
        return rc;
    return store->backend->record_list(store, query, arena, out, err);
}

enum err_code store_record_expire(struct store *store, enum store_kind kind, int64_t created_before,
                                  size_t *deleted, struct err *err)
{
    ENSURE(kind < STORE_KIND_COUNT);
    *deleted = 0;
    return store->backend->record_expire(store, kind, created_before, deleted, err);
}

enum err_code store_record_trim(struct store *store, enum store_kind kind, uint64_t keep,
                                size_t *deleted, struct err *err)
{
    ENSURE(kind < STORE_KIND_COUNT);
    *deleted = 0;
    return store->backend->record_trim(store, kind, keep, deleted, err);
}

enum err_code store_visitor_erase(struct store *store, uint64_t visitor, struct err *err)
{
    return store->backend->visitor_erase(store, visitor, err);
}

enum err_code store_outbox_subscribe(struct store *store, const char *consumer, struct err *err)
{
    return store->backend->outbox_subscribe(store, consumer, err);
}

enum err_code store_outbox_read(struct store *store, const char *consumer, unsigned limit,
                                struct arena *arena, struct store_outbox_row **rows, size_t *n,
                                struct err *err)
{
    enum err_code rc = limit_check(limit, STORE_PAGE_MAX, err);

    *rows = NULL;
    *n = 0;
    if (rc != ERR_OK)
        return rc;
    return store->backend->outbox_read(store, consumer, limit, arena, rows, n, err);
}

enum err_code store_outbox_advance(struct store *store, const char *consumer, uint64_t id,
                                   struct err *err)
{
    return store->backend->outbox_advance(store, consumer, id, err);
}

void store_stats(struct store *store, struct store_stats *out)
{
    *out = (struct store_stats){ 0 };
    store->backend->stats(store, out);
}

enum err_code store_settle_wait(struct store *store, int timeout_ms, bool search, struct err *err)
{
    return store->backend->settle_wait(store, timeout_ms, search, err);
}

enum err_code store_settle_run(struct store *store, struct err *err)
{
    return store->backend->settle_run(store, err);
}

enum err_code store_backup(struct store *store, const char *file, bool with_key, struct err *err)
{
    return store->backend->backup(store, file, with_key, err);
}
