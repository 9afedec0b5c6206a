/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side of a query: the only code of chat that meets the store's blocking reads. It
 * touches the query and nothing else, so the shard may go on meanwhile. */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"
#include "schema.h"

enum {
    QUERY_LIST_MAX = 2000, /* headers of one query; the next one goes on after them */
    QUERY_START_CONVS = 4, /* newest conversations in which a start may be an event */
    /* A page that is larger than a session's queue could never be sent, and the client would ask
     * for it again for ever. Half of the queue leaves room for what is pushed meanwhile. */
    PAGE_BYTES_MAX = LIMIT_SESSION_QUEUE_BYTES_MAX / 2,
    EVENT_JSON_BYTES = 512, /* names of fields, ids, times: what JSON adds to an event */
    ESCAPE_BYTES = 5,       /* that a byte gains as \u0001 */
};

struct chat_query *chat_query_make(enum chat_query_kind kind)
{
    struct chat_query *query = mem_zalloc(sizeof(*query));

    query->kind = kind;
    arena_init(&query->arena, QUERY_ARENA_BYTES_MAX);
    return query;
}

void chat_query_destroy(struct chat_query **query)
{
    if (*query == NULL)
        return;
    arena_fini(&(*query)->arena);
    free((*query)->overlay);
    free(*query);
    *query = NULL;
}

static enum err_code decode(struct chat_query *query, const ProtobufCMessageDescriptor *desc,
                            struct slice bytes, void *out)
{
    ProtobufCMessage *msg = NULL;
    enum err_code rc = schema_proto_decode(desc, bytes, &query->arena, &msg, NULL);

    if (rc == ERR_OK)
        memcpy(out, &msg, sizeof(msg));
    return rc;
}

static enum err_code load_visitor(struct chat_query *query, struct store *store)
{
    struct slice bytes = SLICE_EMPTY;
    enum err_code rc = store_visitor_load(store, query->visitor.v, &query->arena, &bytes, NULL);

    if (rc != ERR_OK || bytes.ptr == NULL)
        return rc;
    return decode(query, &kefu__v1__visitor__descriptor, bytes, &query->visitor_msg);
}

static enum err_code run_conv(struct chat_query *query, struct store *store)
{
    struct store_conv conv = { 0 };
    enum err_code rc = store_conv_load(store, query->conv.v, &query->arena, &conv, NULL);

    if (rc != ERR_OK || !conv.found)
        return rc;
    rc = decode(query, &kefu__v1__header__descriptor, conv.header, &query->header);
    if (rc != ERR_OK)
        return rc;
    query->found = true;
    query->quarantined = conv.quarantined;
    query->visitor.v = query->header->visitor_id;
    rc = load_visitor(query, store);
    query->window_all = conv.client_ids_all;
    query->window_count = conv.client_ids_n;
    memcpy(query->window, conv.client_ids, sizeof(query->window));
    for (size_t i = 0; i < conv.marks_n; i++) {
        uint32_t *mark =
            conv.marks[i].agent == 0 ? &query->visitor_read_seq : &query->agent_read_seq;

        if (conv.marks[i].seq > *mark)
            *mark = conv.marks[i].seq;
    }
    return rc;
}

static enum err_code run_client_id(struct chat_query *query, struct store *store)
{
    struct store_client_id found = { 0 };
    enum err_code rc = store_client_id_find(store, query->conv.v, query->client_id, query->overlay,
                                            query->overlay_count, &query->found, &found, NULL);

    query->seq = found.seq;
    query->created_at = found.created_at;
    query->client_hash = found.client_hash;
    return rc;
}

static enum err_code take_headers(struct chat_query *query, const struct store_page *page)
{
    Kefu__V1__Header **headers =
        arena_alloc(&query->arena, (query->header_count + page->n) * sizeof(Kefu__V1__Header *));
    enum err_code rc = ERR_OK;

    if (headers == NULL)
        return ERR_TOO_BIG;
    if (query->header_count > 0)
        memcpy(headers, query->headers, query->header_count * sizeof(Kefu__V1__Header *));
    query->headers = headers;
    for (size_t i = 0; i < page->n && rc == ERR_OK; i++) {
        rc = decode(query, &kefu__v1__header__descriptor, page->items[i],
                    &headers[query->header_count]);
        if (rc == ERR_OK)
            query->header_count++;
    }
    return rc;
}

static enum err_code visitor_convs(struct chat_query *query, struct store *store, uint32_t limit)
{
    struct store_conv_filter filter = {
        .workspace = query->workspace.v,
        .visitor = query->visitor.v,
        .limit = limit,
    };
    struct store_page page = { 0 };
    enum err_code rc = store_conv_list(store, &filter, &query->arena, &page, NULL);

    return rc == ERR_OK ? take_headers(query, &page) : rc;
}

static enum err_code run_visitor(struct chat_query *query, struct store *store)
{
    enum err_code rc = load_visitor(query, store);

    return rc == ERR_OK ? visitor_convs(query, store, query->limit) : rc;
}

/* A start that came while another conversation was open is an event of that one. */
static enum err_code start_elsewhere(struct chat_query *query, struct store *store)
{
    enum err_code rc = visitor_convs(query, store, QUERY_START_CONVS);
    struct store_client_id id;
    bool found = false;

    for (unsigned i = 0; i < query->header_count && rc == ERR_OK && !found; i++) {
        rc = store_client_id_find(store, query->headers[i]->id, query->client_id, NULL, 0, &found,
                                  &id, NULL);
        if (rc == ERR_OK && found)
            query->conv.v = query->headers[i]->id;
    }
    return rc;
}

static enum err_code run_start(struct chat_query *query, struct store *store)
{
    enum err_code rc = load_visitor(query, store);

    if (rc == ERR_OK)
        rc = store_conv_by_start(store, query->visitor.v, query->client_id, &query->conv.v, NULL);
    if (rc == ERR_OK && query->conv.v == 0)
        rc = start_elsewhere(query, store);
    if (rc == ERR_OK) {
        rc = store_visitor_open_conv(store, query->visitor.v, query->site.v, &query->open_conv.v,
                                     NULL);
    }
    return rc;
}

/* An upper bound of the event's length as JSON, from its stored bytes. */
static size_t event_json_bytes(struct slice stored)
{
    size_t bytes = stored.len + EVENT_JSON_BYTES;

    for (size_t i = 0; i < stored.len; i++) {
        unsigned char c = (unsigned char)stored.ptr[i];

        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            bytes += ESCAPE_BYTES;
    }
    return bytes;
}

/* How many of the events make a page: the first ones, or the newest. One alone always fits. */
static size_t page_count(const struct store_thread *thread, bool newest)
{
    size_t bytes = 0;
    size_t n = 0;

    for (; n < thread->n; n++) {
        bytes += event_json_bytes(thread->events[newest ? thread->n - 1 - n : n].event);
        if (n > 0 && bytes > PAGE_BYTES_MAX)
            break;
    }
    return n;
}

static enum err_code take_events(struct chat_query *query, const struct store_thread *thread)
{
    bool sent = query->token != 0; /* else it is for chat's own eyes */
    size_t count = sent ? page_count(thread, query->newest_first) : thread->n;
    size_t first = query->newest_first ? thread->n - count : 0;

    query->events = arena_alloc(&query->arena, (count + 1) * sizeof(Kefu__V1__StoredEvent *));
    if (query->events == NULL)
        return ERR_TOO_BIG;
    for (size_t i = first; i < first + count; i++) {
        const struct store_event *from = &thread->events[i];
        Kefu__V1__StoredEvent *to = arena_alloc(&query->arena, sizeof(*to));
        enum err_code rc;

        if (to == NULL)
            return ERR_TOO_BIG;
        kefu__v1__stored_event__init(to);
        rc = decode(query, &kefu__v1__event__descriptor, from->event, &to->event);
        if (rc != ERR_OK)
            return rc;
        to->event->conversation_id = query->conv.v;
        to->event->seq = from->seq;
        to->event->prev_seq = from->prev_public_seq;
        if (from->has_client_id) {
            char *hex = arena_alloc(&query->arena, 33);

            if (hex == NULL)
                return ERR_TOO_BIG;
            client_id_format(from->client_id, hex);
            to->event->client_id = hex;
        }
        query->events[query->event_count++] = to;
    }
    query->more = thread->more || count < thread->n;
    return ERR_OK;
}

static enum err_code run_thread(struct chat_query *query, struct store *store)
{
    struct store_thread_query ask = {
        .conv = query->conv.v,
        .from_seq = query->from_seq,
        .to_seq = query->to_seq,
        .newest = query->newest_first,
        .public_only = query->public_only,
        .limit = query->limit,
        .overlay = query->overlay,
        .overlay_n = query->overlay_count,
    };
    struct store_thread thread = { 0 };
    enum store_read state = STORE_READ_DONE;
    enum err_code rc = store_thread_read(store, &ask, &query->arena, &thread, &state, NULL);

    if (rc == ERR_OK && state == STORE_READ_AGAIN) {
        /* Turns of the overlay are in the tables now and their segment is gone; whatever the
         * overlay still names that is not, the second read finds there too: a segment goes only
         * after everything in it was settled. */
        arena_reset(&query->arena);
        rc = store_thread_read(store, &ask, &query->arena, &thread, &state, NULL);
    }
    if (rc == ERR_OK && state == STORE_READ_AGAIN)
        return ERR_BUSY;
    return rc == ERR_OK ? take_events(query, &thread) : rc;
}

static enum err_code run_due(struct chat_query *query, struct store *store)
{
    struct store_page page = { .more = true };
    enum err_code rc = ERR_OK;

    while (rc == ERR_OK && page.more && query->header_count + STORE_PAGE_MAX <= QUERY_LIST_MAX) {
        rc = store_conv_due_list(store, query->due_before, query->after_due, query->after_conv,
                                 STORE_PAGE_MAX, &query->arena, &page, NULL);
        if (rc == ERR_OK)
            rc = take_headers(query, &page);
        if (rc == ERR_OK && page.n > 0) {
            query->after_due = query->headers[query->header_count - 1]->due_at;
            query->after_conv = query->headers[query->header_count - 1]->id;
        }
    }
    query->more = page.more;
    return rc;
}

static enum err_code run_open(struct chat_query *query, struct store *store)
{
    struct store_page page = { .more = true };
    enum err_code rc = ERR_OK;

    while (rc == ERR_OK && page.more && query->header_count + STORE_PAGE_MAX <= QUERY_LIST_MAX) {
        rc = store_conv_open_list(store, query->after_conv, STORE_PAGE_MAX, &query->arena, &page,
                                  NULL);
        if (rc == ERR_OK)
            rc = take_headers(query, &page);
        if (rc == ERR_OK && page.n > 0)
            query->after_conv = query->headers[query->header_count - 1]->id;
    }
    query->more = page.more;
    return rc;
}

void chat_query_run(struct chat_query *query, struct store *store)
{
    static enum err_code (*const runs[])(struct chat_query *, struct store *) = {
        [CHAT_QUERY_CONV] = run_conv,     [CHAT_QUERY_CLIENT_ID] = run_client_id,
        [CHAT_QUERY_START] = run_start,   [CHAT_QUERY_VISITOR] = run_visitor,
        [CHAT_QUERY_THREAD] = run_thread, [CHAT_QUERY_DUE] = run_due,
        [CHAT_QUERY_OPEN] = run_open,
    };

    ENSURE((size_t)query->kind < LENGTH_OF(runs));
    query->rc = runs[query->kind](query, store);
}
