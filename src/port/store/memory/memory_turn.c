/* SPDX-License-Identifier: Apache-2.0 */
/* Turns into tables: the same checks and foldings as settling does in the default adapter. */
#include "memory_priv.h"

#include "log.h"
#include "mem.h"

#include <stdlib.h>

void memory_grow(void *items, size_t *cap, size_t n, size_t item_bytes)
{
    void **array = items;

    if (n < *cap)
        return;
    *cap = *cap == 0 ? 4 : *cap * 2;
    *array = mem_realloc(*array, *cap * item_bytes);
}

void blob_set(struct blob *blob, struct slice bytes)
{
    if (blob->ptr == NULL || blob->len != bytes.len) {
        free(blob->ptr);
        blob->ptr = mem_alloc(bytes.len + 1);
        blob->len = bytes.len;
    }
    if (bytes.len != 0)
        memcpy(blob->ptr, bytes.ptr, bytes.len);
}

void blob_free(struct blob *blob)
{
    free(blob->ptr);
    *blob = (struct blob){ 0 };
}

static void blob_set_buf(struct blob *blob, struct buf *buf)
{
    blob_set(blob, buf_slice(buf));
    buf_fini(buf);
}

static struct memory_visitor *visitor_get(struct memory_store *store, uint64_t id)
{
    struct memory_visitor *visitor = map_u64_get(&store->visitors, id);

    if (visitor != NULL)
        return visitor;
    visitor = mem_zalloc(sizeof(*visitor));
    visitor->id = id;
    ENSURE(map_u64_put(&store->visitors, id, visitor));
    return visitor;
}

static struct memory_conv *conv_get(struct memory_store *store, const struct store_turn *turn)
{
    struct memory_conv *conv = map_u64_get(&store->convs, turn->conv);

    if (conv != NULL)
        return conv;
    conv = mem_zalloc(sizeof(*conv));
    conv->id = turn->conv;
    conv->workspace = turn->workspace;
    conv->visitor = turn->visitor;
    ENSURE(map_u64_put(&store->convs, turn->conv, conv));
    if (turn->visitor != 0) {
        struct memory_visitor *visitor = visitor_get(store, turn->visitor);

        memory_grow(&visitor->convs, &visitor->convs_cap, visitor->convs_n,
                    sizeof(*visitor->convs));
        visitor->convs[visitor->convs_n++] = turn->conv;
    }
    return conv;
}

static void event_blank(struct memory_event *event, bool without_names)
{
    struct buf out;

    buf_init(&out, event->bytes.len + 64);
    turn_event_blank(&out, slice_make(event->bytes.ptr, event->bytes.len), without_names);
    blob_set_buf(&event->bytes, &out);
    event->erased = true;
}

/* The message, and whatever edits of it said. */
static void recall(struct memory_conv *conv, uint32_t target)
{
    event_blank(&conv->events[target - 1], false);
    for (size_t i = target; i < conv->events_n; i++) {
        if (conv->events[i].kind == EVENT_KIND_EDIT && conv->events[i].target_seq == target)
            event_blank(&conv->events[i], false);
    }
}

static void event_add(struct memory_store *store, struct memory_conv *conv,
                      const struct turn_event *from)
{
    struct memory_event *event;

    memory_grow(&conv->events, &conv->events_cap, conv->events_n, sizeof(*conv->events));
    event = &conv->events[conv->events_n++];
    *event = (struct memory_event){
        .seq = from->seq,
        .prev_seq = from->prev_seq,
        .kind = from->kind,
        .target_seq = from->target_seq,
        .internal = from->internal,
        .has_client_id = from->client_id != NULL,
        .client_hash = from->client_hash,
        .created_at = from->created_at,
    };
    if (from->client_id != NULL)
        memcpy(event->client_id, from->client_id, STORE_CLIENT_ID_BYTES);
    blob_set(&event->bytes, from->event);
    if (from->kind == EVENT_KIND_RECALL && from->target_seq > 0 && from->target_seq < from->seq)
        recall(conv, from->target_seq);
    memory_grow(&store->rows, &store->rows_cap, store->rows_n, sizeof(*store->rows));
    store->rows[store->rows_n++] = (struct memory_row){ conv, from->seq };
    store->stats.events_settled++;
}

static void header_set(struct memory_conv *conv, const struct turn_header *header)
{
    conv->workspace = header->workspace;
    conv->site = header->site;
    conv->visitor = header->visitor;
    conv->agent = header->agent;
    conv->state = header->state;
    conv->updated_at = header->updated_at;
    conv->due_at = header->due_at;
    if (header->start_client_id != NULL) {
        conv->has_start = true;
        memcpy(conv->start_client_id, header->start_client_id, STORE_CLIENT_ID_BYTES);
    }
    blob_set(&conv->header, header->bytes);
}

static void mark_set(struct memory_store *store, const struct turn_mark *mark)
{
    struct memory_conv *conv = map_u64_get(&store->convs, mark->conv);

    if (conv == NULL)
        return;
    for (size_t i = 0; i < conv->marks_n; i++) {
        if (conv->marks[i].agent == mark->agent) {
            if (conv->marks[i].seq < mark->seq)
                conv->marks[i].seq = mark->seq;
            return;
        }
    }
    memory_grow(&conv->marks, &conv->marks_cap, conv->marks_n, sizeof(*conv->marks));
    conv->marks[conv->marks_n++] = (struct store_mark){ mark->agent, mark->seq };
}

static bool client_id_used(const struct memory_conv *conv, const uint8_t *id)
{
    for (size_t i = 0; i < conv->events_n; i++) {
        if (conv->events[i].has_client_id &&
            memcmp(conv->events[i].client_id, id, STORE_CLIENT_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static bool turn_fits(const struct memory_conv *conv, const struct store_turn *turn,
                      const struct turn_view *view)
{
    if (conv->quarantined || view->conv != turn->conv || view->events_n != turn->n_events)
        return false;
    for (size_t i = 0; i < view->events_n; i++) {
        if (view->events[i].seq != conv->events_n + 1 + i)
            return false;
        if (view->events[i].client_id != NULL && client_id_used(conv, view->events[i].client_id))
            return false;
    }
    return true;
}

static void traces_add(struct memory_conv *conv, const struct turn_view *view)
{
    for (size_t i = 0; i < view->traces_n; i++) {
        struct memory_trace *trace;

        memory_grow(&conv->traces, &conv->traces_cap, conv->traces_n, sizeof(*conv->traces));
        trace = &conv->traces[conv->traces_n++];
        *trace = (struct memory_trace){ .seq = view->traces[i].seq };
        blob_set(&trace->bytes, view->traces[i].bytes);
    }
}

bool memory_turn_apply(struct memory_store *store, const struct store_turn *turn)
{
    static __thread struct turn_view view; /* 10 KiB, too large for a stack frame */
    struct memory_conv *conv = conv_get(store, turn);
    struct err err = { 0 };
    enum err_code rc = turn_view_parse(turn->bytes, &view, &err);

    store->stats.turns_settled++;
    if (rc != ERR_OK || !turn_fits(conv, turn, &view)) {
        conv->quarantined = true;
        store->stats.quarantined++;
        LOG_ERROR("turn_quarantined", KV_ID("conv", turn->conv), KV_U64("seq", turn->first_seq));
        return false;
    }
    for (size_t i = 0; i < view.events_n; i++)
        event_add(store, conv, &view.events[i]);
    if (view.has_header)
        header_set(conv, &view.header);
    if (view.has_visitor && view.visitor.id != 0) {
        struct memory_visitor *visitor = visitor_get(store, view.visitor.id);

        visitor->workspace = turn->workspace;
        blob_set(&visitor->bytes, view.visitor.bytes);
    }
    traces_add(conv, &view);
    for (size_t i = 0; i < view.marks_n; i++)
        mark_set(store, &view.marks[i]);
    return true;
}

static void conv_blank(struct memory_conv *conv)
{
    struct buf out;

    for (size_t i = 0; i < conv->events_n; i++)
        event_blank(&conv->events[i], true);
    buf_init(&out, conv->header.len + 1);
    turn_header_blank(&out, slice_make(conv->header.ptr, conv->header.len));
    blob_set_buf(&conv->header, &out);
    for (size_t i = 0; i < conv->traces_n; i++)
        blob_free(&conv->traces[i].bytes);
    conv->traces_n = 0;
}

void memory_visitor_blank(struct memory_store *store, uint64_t id)
{
    struct memory_visitor *visitor = map_u64_get(&store->visitors, id);
    struct buf out;

    if (visitor == NULL)
        return;
    buf_init(&out, visitor->bytes.len + 1);
    turn_visitor_blank(&out, slice_make(visitor->bytes.ptr, visitor->bytes.len));
    blob_set_buf(&visitor->bytes, &out);
    for (size_t i = 0; i < visitor->convs_n; i++)
        conv_blank(map_u64_get(&store->convs, visitor->convs[i]));
}

static void conv_free(struct memory_conv *conv)
{
    for (size_t i = 0; i < conv->events_n; i++)
        blob_free(&conv->events[i].bytes);
    for (size_t i = 0; i < conv->traces_n; i++)
        blob_free(&conv->traces[i].bytes);
    free(conv->events);
    free(conv->traces);
    free(conv->marks);
    blob_free(&conv->header);
    free(conv);
}

void memory_turns_free(struct memory_store *store)
{
    struct memory_conv *conv;
    struct memory_visitor *visitor;
    size_t cursor = 0;

    while ((conv = map_u64_next(&store->convs, &cursor, NULL)) != NULL)
        conv_free(conv);
    cursor = 0;
    while ((visitor = map_u64_next(&store->visitors, &cursor, NULL)) != NULL) {
        blob_free(&visitor->bytes);
        free(visitor->convs);
        free(visitor);
    }
    map_u64_fini(&store->convs);
    map_u64_fini(&store->visitors);
    free(store->rows);
}
