/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the suite: completions under a lock, turns from plain arguments. */
#include "store_suite.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    struct suite_store *s = ctx;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        ENSURE(completions[i].ticket > s->last_ticket[shard]);
        s->last_ticket[shard] = completions[i].ticket;
        s->completed++;
        if (completions[i].rc != ERR_OK) {
            s->failed++;
            s->last_rc = completions[i].rc;
        } else {
            ENSURE(completions[i].position != 0);
            s->last_position = completions[i].position;
        }
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_quarantine(void *ctx, uint64_t conv)
{
    struct suite_store *s = ctx;

    pthread_mutex_lock(&s->lock);
    s->quarantined_conv = conv;
    pthread_mutex_unlock(&s->lock);
}

void suite_options(struct suite_store *s, const struct store_suite *suite)
{
    *s = (struct suite_store){ 0 };
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->options = (struct store_options){ .backend = suite->backend,
                                         .path = suite->path,
                                         .shards = SUITE_SHARDS,
                                         .on_complete = on_complete,
                                         .on_quarantine = on_quarantine,
                                         .ctx = s,
                                         .segment_bytes = 1 << 20 };
}

void suite_start(struct suite_store *s)
{
    struct err err = { 0 };

    if (store_open(&s->options, &s->store, &err) != ERR_OK) {
        fprintf(stderr, "store_open: %s\n", err.text);
        abort();
    }
}

void suite_open(struct suite_store *s, const struct store_suite *suite)
{
    suite_options(s, suite);
    suite_start(s);
}

void suite_close(struct suite_store *s)
{
    store_close(&s->store);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

static struct store_turn turn_packed(const Kefu__V1__Turn *turn, uint64_t ticket)
{
    size_t len = kefu__v1__turn__get_packed_size(turn);
    uint8_t *bytes = mem_alloc(len + 1);

    ENSURE(kefu__v1__turn__pack(turn, bytes) == len);
    return (struct store_turn){
        .ticket = ticket,
        .workspace = turn->workspace_id,
        .conv = turn->conversation_id,
        .visitor = turn->header != NULL ? turn->header->visitor_id : 0,
        .first_seq = turn->n_events != 0 ? turn->events[0]->event->seq : 0,
        .n_events = (uint16_t)turn->n_events,
        .flags = turn->n_events != 0 ? 0 : STORE_TURN_MARKS_ONLY,
        .bytes = slice_make(bytes, len),
    };
}

void suite_append_all(struct suite_store *s, const Kefu__V1__Turn *const *turns, size_t n)
{
    struct store_turn *packed = mem_alloc(n * sizeof(*packed));
    unsigned shard = (unsigned)(turns[0]->conversation_id % SUITE_SHARDS);
    struct err err = { 0 };
    enum err_code rc;

    for (size_t i = 0; i < n; i++)
        packed[i] = turn_packed(turns[i], s->appended + 1 + i);
    while ((rc = store_append(s->store, shard, packed, n, &err)) == ERR_BUSY)
        suite_wait(s);
    ENSURE(rc == ERR_OK);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)packed[i].bytes.ptr);
    free(packed);
    s->appended += n;
}

void suite_append(struct suite_store *s, const Kefu__V1__Turn *turn)
{
    suite_append_all(s, &turn, 1);
}

void suite_wait(struct suite_store *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->completed < s->appended)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void suite_settle(struct suite_store *s)
{
    struct err err = { 0 };

    suite_wait(s);
    if (s->options.settle_paused)
        ENSURE(store_settle_run(s->store, &err) == ERR_OK);
    ENSURE(store_settle_wait(s->store, 60000, true, &err) == ERR_OK);
}

void suite_turn_init(struct suite_turn *t, uint64_t conv, uint32_t first_seq)
{
    memset(t, 0, sizeof(*t));
    kefu__v1__turn__init(&t->turn);
    kefu__v1__header__init(&t->header);
    kefu__v1__visitor__init(&t->visitor);
    kefu__v1__read_mark__init(&t->mark);
    kefu__v1__trace__init(&t->trace);
    t->mark_list[0] = &t->mark;
    t->trace_list[0] = &t->trace;
    t->turn.format = 1;
    t->turn.workspace_id = 1;
    t->turn.conversation_id = conv;
    t->turn.events = t->stored_list;
    t->turn.header = &t->header;
    t->turn.read_marks = t->mark_list;
    t->turn.traces = t->trace_list;
    t->header.id = conv;
    t->header.workspace_id = 1;
    t->header.site_id = 5;
    t->header.visitor_id = conv + 1000;
    t->header.state = KEFU__V1__CONVERSATION_STATE__bot;
    t->header.head_seq = first_seq - 1;
    t->header.created_at = 1700000000000;
    t->header.updated_at = 1700000000000 + (int64_t)conv;
}

void suite_client_id(uint8_t out[STORE_CLIENT_ID_BYTES], uint64_t number)
{
    memset(out, 0, STORE_CLIENT_ID_BYTES);
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    out[15] = 1;
}

Kefu__V1__Event *suite_turn_message(struct suite_turn *t, const char *text, uint64_t client_number)
{
    size_t i = t->turn.n_events++;
    Kefu__V1__Event *event = &t->events[i];

    ENSURE(i < STORE_TURN_EVENTS_MAX);
    kefu__v1__event__init(event);
    kefu__v1__stored_event__init(&t->stored[i]);
    kefu__v1__author__init(&t->authors[i]);
    google__protobuf__timestamp__init(&t->times[i]);
    t->stored_list[i] = &t->stored[i];
    t->stored[i].event = event;
    if (client_number != 0) {
        suite_client_id(t->client_ids[i], client_number);
        t->stored[i].client_id.data = t->client_ids[i];
        t->stored[i].client_id.len = STORE_CLIENT_ID_BYTES;
        t->stored[i].client_hash = client_number * 31;
    }
    t->authors[i].kind = KEFU__V1__AUTHOR__KIND__visitor;
    t->authors[i].id = t->header.visitor_id;
    t->authors[i].name = (char *)"Lin";
    t->header.head_seq++;
    t->times[i].seconds = 1700000000 + t->header.head_seq;
    event->conversation_id = t->turn.conversation_id;
    event->seq = t->header.head_seq;
    event->prev_seq = event->seq - 1;
    event->kind = KEFU__V1__EVENT__KIND__message;
    event->author = &t->authors[i];
    event->created_at = &t->times[i];
    event->text = (char *)(uintptr_t)text;
    return event;
}
