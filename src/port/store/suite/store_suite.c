/* SPDX-License-Identifier: Apache-2.0 */
/* The claims. Each runs on a fresh store. */
#include "store_suite.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 8 * 1024 * 1024 };

static void one_message(struct suite_store *s, uint64_t conv, uint32_t seq, const char *text,
                        uint64_t client)
{
    struct suite_turn t;

    suite_turn_init(&t, conv, seq);
    suite_turn_message(&t, text, client);
    suite_append(s, &t.turn);
}

static struct store_thread thread_read(struct suite_store *s, struct store_thread_query query,
                                       struct arena *arena)
{
    struct store_thread thread;
    enum store_read state;
    struct err err = { 0 };

    if (query.limit == 0)
        query.limit = 100;
    if (store_thread_read(s->store, &query, arena, &thread, &state, &err) != ERR_OK) {
        fprintf(stderr, "store_thread_read: %s\n", err.text);
        abort();
    }
    ENSURE(state == STORE_READ_DONE);
    return thread;
}

static Kefu__V1__Event *event_decode(struct slice bytes)
{
    Kefu__V1__Event *event = kefu__v1__event__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);

    ENSURE(event != NULL);
    return event;
}

static void event_is(const struct store_event *stored, uint32_t seq, const char *text)
{
    Kefu__V1__Event *event = event_decode(stored->event);

    ENSURE(stored->seq == seq && event->seq == seq);
    ENSURE(strcmp(event->text, text) == 0);
    kefu__v1__event__free_unpacked(event, NULL);
}

static void turn_is_read_back(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct suite_turn t;
    struct store_thread thread;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    suite_turn_init(&t, 7, 1);
    suite_turn_message(&t, "Wo ist mein Paket?", 11);
    suite_turn_message(&t, "请稍等", 0)->author->kind = KEFU__V1__AUTHOR__KIND__bot;
    suite_turn_message(&t, "", 0);
    suite_append(&s, &t.turn);
    suite_settle(&s);
    ENSURE(s.failed == 0 && store_settled_upto(s.store) > s.last_position);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 7 }, &arena);
    ENSURE(thread.n == 3 && !thread.more);
    event_is(&thread.events[0], 1, "Wo ist mein Paket?");
    event_is(&thread.events[1], 2, "请稍等");
    event_is(&thread.events[2], 3, "");
    ENSURE(thread.events[0].has_client_id && thread.events[0].client_hash == 341);
    ENSURE(!thread.events[1].has_client_id && !thread.events[1].erased);
    ENSURE(thread.events[1].created_at == 1700000002000);
    ENSURE(thread.events[2].prev_public_seq == 2);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 8 }, &arena);
    ENSURE(thread.n == 0 && !thread.more);
    suite_close(&s);
    arena_fini(&arena);
}

static void thread_ranges_are_exact(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_thread thread;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    for (uint32_t seq = 1; seq <= 20; seq++) {
        struct suite_turn t;

        suite_turn_init(&t, 3, seq);
        if (seq % 4 == 0) {
            suite_turn_message(&t, "note", 0)->visibility = KEFU__V1__EVENT__VISIBILITY__internal;
        } else {
            /* The public one before it stands before the note. */
            suite_turn_message(&t, "text", seq)->prev_seq = seq - 1 - (seq > 1 && seq % 4 == 1);
        }
        suite_append(&s, &t.turn);
    }
    suite_settle(&s);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 3, .from_seq = 5, .to_seq = 8 },
                         &arena);
    ENSURE(thread.n == 4 && thread.events[0].seq == 5 && thread.events[3].internal && !thread.more);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 3, .newest = true, .limit = 3 },
                         &arena);
    ENSURE(thread.n == 3 && thread.events[0].seq == 18 && thread.events[2].seq == 20 &&
           thread.more);
    thread = thread_read(
        &s, (struct store_thread_query){ .conv = 3, .public_only = true, .limit = 4 }, &arena);
    ENSURE(thread.n == 4 && thread.events[3].seq == 5 && thread.more);
    thread = thread_read(
        &s, (struct store_thread_query){ .conv = 3, .public_only = true, .from_seq = 17 }, &arena);
    ENSURE(thread.n == 3 && !thread.more);
    suite_close(&s);
    arena_fini(&arena);
}

/* Unsettled turns come out of the overlay, settled ones of the tables, never twice. */
static void overlay_and_tables_merge(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_overlay overlay[4];
    struct store_thread thread;
    struct store_client_id found_id;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    bool found;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_options(&s, suite);
    s.options.settle_paused = true;
    suite_start(&s);
    for (uint32_t i = 0; i < 4; i++) {
        struct suite_turn t;

        suite_turn_init(&t, 2, 1 + 2 * i);
        suite_turn_message(&t, "a", 100 + i);
        suite_turn_message(&t, "b", 0);
        suite_append(&s, &t.turn);
        suite_wait(&s);
        overlay[i] = (struct store_overlay){ s.last_position, 1 + 2 * i, 2 };
        if (i == 1)
            suite_settle(&s);
    }
    suite_client_id(id, 103);
    for (unsigned pass = 0; pass < 2; pass++) {
        struct store_thread_query query = { .conv = 2, .overlay = overlay, .overlay_n = 4 };

        thread = thread_read(&s, query, &arena);
        ENSURE(thread.n == 8);
        for (uint32_t i = 0; i < 8; i++)
            event_is(&thread.events[i], i + 1, i % 2 == 0 ? "a" : "b");
        query.newest = true;
        query.limit = 3;
        thread = thread_read(&s, query, &arena);
        ENSURE(thread.n == 3 && thread.more && thread.events[0].seq == 6);
        ENSURE(store_client_id_find(s.store, 2, id, overlay, 4, &found, &found_id, &err) == ERR_OK);
        ENSURE(found && found_id.seq == 7 && found_id.client_hash == 103 * 31);
        suite_settle(&s);
    }
    suite_close(&s);
    arena_fini(&arena);
}

static void client_ids_are_found(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_conv conv;
    struct store_client_id found_id;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    bool found;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    ENSURE(store_conv_load(s.store, 4, &arena, &conv, &err) == ERR_OK && !conv.found);
    for (uint32_t seq = 1; seq <= 8; seq++)
        one_message(&s, 4, seq, "x", seq * 7 % 11 + 1); /* not in order */
    suite_settle(&s);
    ENSURE(store_conv_load(s.store, 4, &arena, &conv, &err) == ERR_OK);
    ENSURE(conv.found && conv.client_ids_all && conv.client_ids_n == 8);
    one_message(&s, 4, 9, "x", 50);
    suite_settle(&s);
    ENSURE(store_conv_load(s.store, 4, &arena, &conv, &err) == ERR_OK);
    ENSURE(!conv.client_ids_all && conv.client_ids_n == 8);
    suite_client_id(id, 50);
    ENSURE(memcmp(conv.client_ids[0].id, id, sizeof(id)) == 0 && conv.client_ids[0].seq == 9);
    for (unsigned i = 1; i < 8; i++)
        ENSURE(memcmp(conv.client_ids[i - 1].id, conv.client_ids[i].id, sizeof(id)) > 0);
    suite_client_id(id, 8);
    ENSURE(store_client_id_find(s.store, 4, id, NULL, 0, &found, &found_id, &err) == ERR_OK);
    ENSURE(found && found_id.seq == 1 && found_id.client_hash == 8 * 31);
    ENSURE(store_client_id_find(s.store, 5, id, NULL, 0, &found, &found_id, &err) == ERR_OK);
    ENSURE(!found);
    suite_close(&s);
    arena_fini(&arena);
}

static void start_and_visitor_are_found(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct suite_turn t;
    struct slice bytes;
    struct store_page page;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    uint64_t conv;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    suite_turn_init(&t, 20, 1);
    suite_turn_message(&t, "hello", 9);
    suite_client_id(id, 9);
    t.header.start_client_id.data = id;
    t.header.start_client_id.len = sizeof(id);
    t.turn.visitor = &t.visitor;
    t.visitor.id = 1020;
    t.visitor.site_id = 5;
    t.visitor.name = (char *)"Mei";
    suite_append(&s, &t.turn);
    suite_settle(&s);
    ENSURE(store_conv_by_start(s.store, 1020, id, &conv, &err) == ERR_OK && conv == 20);
    ENSURE(store_conv_by_start(s.store, 1021, id, &conv, &err) == ERR_OK && conv == 0);
    ENSURE(store_visitor_open_conv(s.store, 1020, 5, &conv, &err) == ERR_OK && conv == 20);
    ENSURE(store_visitor_open_conv(s.store, 1020, 6, &conv, &err) == ERR_OK && conv == 0);
    ENSURE(store_visitor_load(s.store, 1020, &arena, &bytes, &err) == ERR_OK && bytes.len > 0);
    ENSURE(memmem(bytes.ptr, bytes.len, "Mei", 3) != NULL);
    ENSURE(store_visitor_load(s.store, 77, &arena, &bytes, &err) == ERR_OK && bytes.ptr == NULL);
    ENSURE(store_visitor_list(s.store, 1, 0, 10, &arena, &page, &err) == ERR_OK && page.n == 1);
    ENSURE(store_visitor_list(s.store, 2, 0, 10, &arena, &page, &err) == ERR_OK && page.n == 0);
    suite_turn_init(&t, 20, 2);
    suite_turn_message(&t, "", 0)->kind = KEFU__V1__EVENT__KIND__closed;
    t.header.state = KEFU__V1__CONVERSATION_STATE__closed;
    t.header.start_client_id.data = id;
    t.header.start_client_id.len = sizeof(id);
    suite_append(&s, &t.turn);
    suite_settle(&s);
    ENSURE(store_visitor_open_conv(s.store, 1020, 5, &conv, &err) == ERR_OK && conv == 0);
    ENSURE(store_conv_by_start(s.store, 1020, id, &conv, &err) == ERR_OK && conv == 20);
    suite_close(&s);
    arena_fini(&arena);
}

static uint64_t header_id(struct slice bytes)
{
    Kefu__V1__Header *header =
        kefu__v1__header__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
    uint64_t id;

    ENSURE(header != NULL);
    id = header->id;
    kefu__v1__header__free_unpacked(header, NULL);
    return id;
}

/* Conversations 1..12: every third is closed, even ones belong to agent 9. */
static void convs_fill(struct suite_store *s)
{
    for (uint64_t id = 1; id <= 12; id++) {
        struct suite_turn t;

        suite_turn_init(&t, id, 1);
        suite_turn_message(&t, "hi", 1);
        t.header.state = id % 3 == 0 ? KEFU__V1__CONVERSATION_STATE__closed
                                     : KEFU__V1__CONVERSATION_STATE__agent;
        t.header.agent_id = id % 2 == 0 ? 9 : 0;
        t.header.due_at = id % 4 == 0 ? 5000 - (int64_t)id : 0;
        suite_append(s, &t.turn);
    }
    suite_settle(s);
}

static void ids_are(const struct store_page *page, const uint64_t *ids, size_t n)
{
    ENSURE(page->n == n);
    for (size_t i = 0; i < n; i++)
        ENSURE(header_id(page->items[i]) == ids[i]);
}

static void lists_filter_and_page(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_page page;
    struct store_conv_filter all = { .workspace = 1, .limit = 5 };
    struct store_conv_filter mine = { .workspace = 1, .agent = 9, .states = 1U << 4, .limit = 10 };
    struct store_conv_filter closed = { .workspace = 1, .states = 1U << 5, .limit = 2 };
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    convs_fill(&s);
    ENSURE(store_conv_list(s.store, &all, &arena, &page, &err) == ERR_OK && page.more);
    ids_are(&page, (uint64_t[]){ 12, 11, 10, 9, 8 }, 5);
    all.before_updated = 1700000000008;
    all.before_conv = 8;
    ENSURE(store_conv_list(s.store, &all, &arena, &page, &err) == ERR_OK && page.more);
    ids_are(&page, (uint64_t[]){ 7, 6, 5, 4, 3 }, 5);
    ENSURE(store_conv_list(s.store, &mine, &arena, &page, &err) == ERR_OK && !page.more);
    ids_are(&page, (uint64_t[]){ 10, 8, 4, 2 }, 4);
    ENSURE(store_conv_list(s.store, &closed, &arena, &page, &err) == ERR_OK && page.more);
    ids_are(&page, (uint64_t[]){ 12, 9 }, 2);
    closed.visitor = 1006;
    ENSURE(store_conv_list(s.store, &closed, &arena, &page, &err) == ERR_OK && !page.more);
    ids_are(&page, (uint64_t[]){ 6 }, 1);
    all.workspace = 2;
    ENSURE(store_conv_list(s.store, &all, &arena, &page, &err) == ERR_OK && page.n == 0);
    ENSURE(store_conv_open_list(s.store, 2, 4, &arena, &page, &err) == ERR_OK && page.more);
    ids_are(&page, (uint64_t[]){ 4, 5, 7, 8 }, 4);
    ENSURE(store_conv_due_list(s.store, 4996, 0, 0, 9, &arena, &page, &err) == ERR_OK);
    ids_are(&page, (uint64_t[]){ 12, 8, 4 }, 3);
    ENSURE(store_conv_due_list(s.store, 4995, 4988, 12, 9, &arena, &page, &err) == ERR_OK);
    ids_are(&page, (uint64_t[]){ 8 }, 1);
    suite_close(&s);
    arena_fini(&arena);
}

static size_t search_count(struct suite_store *s, const char *text, bool public_only)
{
    struct store_search_query query = {
        .workspace = 1, .text = slice_of(text), .public_only = public_only, .limit = 50
    };
    struct store_hits hits;
    struct arena arena;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    if (store_search(s->store, &query, &arena, &hits, &err) != ERR_OK) {
        fprintf(stderr, "store_search: %s\n", err.text);
        abort();
    }
    arena_fini(&arena);
    return hits.n;
}

static void search_finds_chinese_and_english(const struct store_suite *suite)
{
    struct suite_store s;
    struct suite_turn t;

    suite_open(&s, suite);
    one_message(&s, 1, 1, "我想申请退款，订单12345", 1);
    one_message(&s, 1, 2, "Where is my Parcel?", 2);
    one_message(&s, 2, 1, "退货还是换货", 3);
    suite_turn_init(&t, 2, 2);
    suite_turn_message(&t, "internal parcel note", 0)->visibility =
        KEFU__V1__EVENT__VISIBILITY__internal;
    suite_append(&s, &t.turn);
    suite_settle(&s);
    ENSURE(search_count(&s, "退款", false) == 1);
    ENSURE(search_count(&s, "申请退款", false) == 1);
    ENSURE(search_count(&s, "退", false) == 2);
    ENSURE(search_count(&s, "退申", false) == 0);
    ENSURE(search_count(&s, "订单12345", false) == 1);
    ENSURE(search_count(&s, "订单 123", false) == 1);
    ENSURE(search_count(&s, "PARCEL", false) == 2);
    ENSURE(search_count(&s, "PARCEL", true) == 1);
    ENSURE(search_count(&s, "parc where", false) == 1);
    ENSURE(search_count(&s, "\" OR * )", false) == 0);
    ENSURE(search_count(&s, "  ", false) == 0);
    ENSURE(search_count(&s, "NOT AND", false) == 0);
    suite_close(&s);
}

static void recalled_text_is_gone(const struct store_suite *suite)
{
    struct suite_store s;
    struct suite_turn t;
    struct arena arena;
    struct store_thread thread;
    Kefu__V1__Event *event;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    one_message(&s, 1, 1, "my password is hunter2", 1);
    one_message(&s, 1, 2, "another hunter2", 2);
    suite_settle(&s);
    ENSURE(search_count(&s, "hunter2", false) == 2);
    for (uint32_t seq = 3; seq <= 4; seq++) {
        suite_turn_init(&t, 1, seq);
        event = suite_turn_message(&t, "", 0);
        event->kind = KEFU__V1__EVENT__KIND__recall;
        event->target_seq = 1;
        suite_append(&s, &t.turn);
    }
    suite_settle(&s);
    ENSURE(search_count(&s, "hunter2", false) == 1);
    ENSURE(search_count(&s, "another", false) == 1);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 1 }, &arena);
    ENSURE(thread.n == 4 && thread.events[0].erased && !thread.events[1].erased);
    event_is(&thread.events[0], 1, "");
    event_is(&thread.events[1], 2, "another hunter2");
    ENSURE(thread.events[0].has_client_id && thread.events[0].client_hash == 31);
    suite_close(&s);
    arena_fini(&arena);
}

static void recall_takes_edits_along(const struct store_suite *suite)
{
    struct suite_store s;
    struct suite_turn t;
    struct arena arena;
    struct store_thread thread;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    one_message(&s, 1, 1, "the first wording", 1);
    for (uint32_t seq = 2; seq <= 3; seq++) {
        suite_turn_init(&t, 1, seq);
        suite_turn_message(&t, "a second wording", seq)->kind = KEFU__V1__EVENT__KIND__edit;
        t.events[0].target_seq = seq == 2 ? 1 : 2; /* the other one edits something else */
        suite_append(&s, &t.turn);
    }
    suite_turn_init(&t, 1, 4);
    suite_turn_message(&t, "", 4)->kind = KEFU__V1__EVENT__KIND__recall;
    t.events[0].target_seq = 1;
    suite_append(&s, &t.turn);
    suite_settle(&s);
    ENSURE(search_count(&s, "wording", false) == 1);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 1 }, &arena);
    ENSURE(thread.n == 4 && thread.events[0].erased && thread.events[1].erased);
    ENSURE(!thread.events[2].erased && !thread.events[3].erased);
    event_is(&thread.events[1], 2, "");
    suite_close(&s);
    arena_fini(&arena);
}

static void erased_visitor_leaves_no_text(const struct store_suite *suite)
{
    struct suite_store s;
    struct suite_turn t;
    struct arena arena;
    struct store_thread thread;
    struct store_conv conv;
    struct slice bytes;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    suite_turn_init(&t, 1, 1);
    suite_turn_message(&t, "secret Hangzhou", 1);
    t.turn.visitor = &t.visitor;
    t.visitor.id = 1001;
    t.visitor.name = (char *)"Secretname";
    t.header.visitor_name = (char *)"Secretname";
    t.header.last_text = (char *)"secret Hangzhou";
    suite_append(&s, &t.turn);
    one_message(&s, 2, 1, "secret of another", 1);
    suite_settle(&s);
    ENSURE(store_visitor_erase(s.store, 1001, &err) == ERR_OK);
    ENSURE(search_count(&s, "secret", false) == 1);
    thread = thread_read(&s, (struct store_thread_query){ .conv = 1 }, &arena);
    ENSURE(thread.n == 1 && thread.events[0].erased && thread.events[0].seq == 1);
    event_is(&thread.events[0], 1, "");
    ENSURE(memmem(thread.events[0].event.ptr, thread.events[0].event.len, "Lin", 3) == NULL);
    ENSURE(store_conv_load(s.store, 1, &arena, &conv, &err) == ERR_OK && conv.found);
    ENSURE(memmem(conv.header.ptr, conv.header.len, "ecret", 5) == NULL);
    ENSURE(header_id(conv.header) == 1);
    ENSURE(store_visitor_load(s.store, 1001, &arena, &bytes, &err) == ERR_OK);
    ENSURE(memmem(bytes.ptr, bytes.len, "ecret", 5) == NULL);
    suite_close(&s);
    arena_fini(&arena);
}

static void record_add(struct suite_store *s, enum store_kind kind, uint64_t id, uint64_t parent)
{
    const struct store_change change = {
        .op = STORE_INSERT,
        .kind = kind,
        .record = { .id = id, .workspace = 1, .parent = parent, .body = SLICE_LITERAL("bytes") },
    };

    ENSURE(store_admin_run(s->store, &change, 1, NULL, NULL) == ERR_OK);
}

static bool record_there(struct suite_store *s, enum store_kind kind, uint64_t id)
{
    struct store_record record;
    struct arena arena;
    bool found = false;

    arena_init(&arena, ARENA_BYTES);
    ENSURE(store_record_get(s->store, kind, id, &arena, &record, &found, NULL) == ERR_OK);
    arena_fini(&arena);
    return found;
}

static void erasing_a_visitor_deletes_its_uploads_only(const struct store_suite *suite)
{
    struct suite_store s;

    suite_open(&s, suite);
    record_add(&s, STORE_ATTACHMENT, 11, 1001);
    record_add(&s, STORE_ATTACHMENT_PART, 101, 11);
    record_add(&s, STORE_ATTACHMENT_PART, 102, 11);
    record_add(&s, STORE_ATTACHMENT, 12, 1002);
    record_add(&s, STORE_ATTACHMENT_PART, 103, 12);
    ENSURE(store_visitor_erase(s.store, 1001, NULL) == ERR_OK);
    ENSURE(!record_there(&s, STORE_ATTACHMENT, 11));
    ENSURE(!record_there(&s, STORE_ATTACHMENT_PART, 101));
    ENSURE(!record_there(&s, STORE_ATTACHMENT_PART, 102));
    ENSURE(record_there(&s, STORE_ATTACHMENT, 12) && record_there(&s, STORE_ATTACHMENT_PART, 103));
    suite_close(&s);
}

static void marks_and_traces_are_kept(const struct store_suite *suite)
{
    struct suite_store s;
    struct suite_turn t;
    struct arena arena;
    struct store_conv conv;
    struct slice bytes;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    suite_turn_init(&t, 1, 1);
    suite_turn_message(&t, "q", 1);
    t.turn.n_traces = 1;
    t.trace.conversation_id = 1;
    t.trace.seq = 1;
    t.trace.rung = (char *)"exact";
    suite_append(&s, &t.turn);
    for (uint32_t seq = 3; seq > 0; seq--) { /* a lower mark never wins */
        suite_turn_init(&t, 1, 2);
        t.turn.header = NULL;
        t.turn.n_read_marks = 1;
        t.mark.conversation_id = 1;
        t.mark.agent_id = 4;
        t.mark.seq = seq;
        suite_append(&s, &t.turn);
    }
    suite_settle(&s);
    ENSURE(store_conv_load(s.store, 1, &arena, &conv, &err) == ERR_OK);
    ENSURE(conv.marks_n == 1 && conv.marks[0].agent == 4 && conv.marks[0].seq == 3);
    ENSURE(store_trace_load(s.store, 1, 1, &arena, &bytes, &err) == ERR_OK && bytes.len > 0);
    ENSURE(memmem(bytes.ptr, bytes.len, "exact", 5) != NULL);
    ENSURE(store_trace_load(s.store, 1, 2, &arena, &bytes, &err) == ERR_OK && bytes.ptr == NULL);
    suite_close(&s);
    arena_fini(&arena);
}

static void turn_that_does_not_fit_is_quarantined(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_conv conv;
    struct store_stats stats;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    one_message(&s, 6, 1, "one", 1);
    one_message(&s, 6, 3, "a gap", 2);
    one_message(&s, 8, 1, "one", 1);
    one_message(&s, 8, 2, "the same client id", 1);
    one_message(&s, 10, 1, "untouched", 1);
    suite_settle(&s);
    store_stats(s.store, &stats);
    ENSURE(stats.quarantined == 2 && s.quarantined_conv != 0);
    ENSURE(store_conv_load(s.store, 6, &arena, &conv, &err) == ERR_OK && conv.quarantined);
    ENSURE(store_conv_load(s.store, 8, &arena, &conv, &err) == ERR_OK && conv.quarantined);
    ENSURE(store_conv_load(s.store, 10, &arena, &conv, &err) == ERR_OK && !conv.quarantined);
    ENSURE(thread_read(&s, (struct store_thread_query){ .conv = 6 }, &arena).n == 1);
    ENSURE(thread_read(&s, (struct store_thread_query){ .conv = 8 }, &arena).n == 1);
    ENSURE(thread_read(&s, (struct store_thread_query){ .conv = 10 }, &arena).n == 1);
    suite_close(&s);
    arena_fini(&arena);
}

static struct store_change change(enum store_change_op op, uint64_t id, const char *lookup,
                                  const char *body, uint64_t version)
{
    return (struct store_change){ .op = op,
                                  .kind = STORE_AGENT,
                                  .record = { .id = id,
                                              .workspace = 1,
                                              .parent = id % 2,
                                              .lookup = slice_of(lookup),
                                              .version = version,
                                              .created_at = (int64_t)id * 10,
                                              .body = slice_of(body) } };
}

static enum err_code run(struct suite_store *s, struct store_change c)
{
    struct err err = { 0 };

    return store_admin_run(s->store, &c, 1, NULL, &err);
}

static void records_keep_versions_and_names(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_record record;
    bool found;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    ENSURE(run(&s, change(STORE_INSERT, 1, "a@example.org", "A", 0)) == ERR_OK);
    ENSURE(run(&s, change(STORE_INSERT, 1, "x@example.org", "A", 0)) == ERR_CONFLICT);
    ENSURE(run(&s, change(STORE_INSERT, 2, "a@example.org", "B", 0)) == ERR_CONFLICT);
    ENSURE(run(&s, change(STORE_INSERT, 2, "", "B", 0)) == ERR_OK);
    ENSURE(run(&s, change(STORE_INSERT, 3, "", "C", 0)) == ERR_OK);
    ENSURE(run(&s, change(STORE_UPDATE, 1, "a@example.org", "A2", 2)) == ERR_CONFLICT);
    ENSURE(run(&s, change(STORE_UPDATE, 1, "new@example.org", "A2", 1)) == ERR_OK);
    ENSURE(run(&s, change(STORE_UPDATE, 9, "", "", 1)) == ERR_NOT_FOUND);
    ENSURE(store_record_get(s.store, STORE_AGENT, 1, &arena, &record, &found, &err) == ERR_OK);
    ENSURE(found && record.version == 2 && slice_equal_text(record.body, "A2"));
    ENSURE(record.created_at == 10 && record.parent == 1 && record.workspace == 1);
    ENSURE(store_record_by_lookup(s.store, STORE_AGENT, 1, slice_of("a@example.org"), &arena,
                                  &record, &found, &err) == ERR_OK &&
           !found);
    ENSURE(store_record_by_lookup(s.store, STORE_AGENT, 0, slice_of("new@example.org"), &arena,
                                  &record, &found, &err) == ERR_OK &&
           found && record.id == 1);
    ENSURE(store_record_get(s.store, STORE_SITE, 1, &arena, &record, &found, &err) == ERR_OK &&
           !found);
    ENSURE(run(&s, change(STORE_PUT, 3, "", "C2", 0)) == ERR_OK);
    ENSURE(run(&s, change(STORE_DELETE, 3, "", "", 1)) == ERR_CONFLICT);
    ENSURE(run(&s, change(STORE_DELETE, 3, "", "", 2)) == ERR_OK);
    ENSURE(run(&s, change(STORE_DELETE, 3, "", "", 0)) == ERR_NOT_FOUND);
    suite_close(&s);
    arena_fini(&arena);
}

static void admin_transaction_is_all_or_nothing(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_record record;
    struct store_change changes[3];
    size_t failed = 99;
    bool found;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    changes[0] = change(STORE_INSERT, 1, "one", "1", 0);
    changes[1] = change(STORE_INSERT, 2, "two", "2", 0);
    changes[1].kind = STORE_AUDIT;
    changes[2] = change(STORE_UPDATE, 3, "", "3", 1);
    ENSURE(store_admin_run(s.store, changes, 3, &failed, &err) == ERR_NOT_FOUND && failed == 2);
    ENSURE(store_record_get(s.store, STORE_AGENT, 1, &arena, &record, &found, &err) == ERR_OK);
    ENSURE(!found);
    ENSURE(store_admin_run(s.store, changes, 2, &failed, &err) == ERR_OK);
    ENSURE(store_record_get(s.store, STORE_AUDIT, 2, &arena, &record, &found, &err) == ERR_OK);
    ENSURE(found);
    suite_close(&s);
    arena_fini(&arena);
}

static void record_lists_page_and_expire(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_record_query query = { .kind = STORE_AGENT, .workspace = 1, .limit = 3 };
    struct store_records records;
    size_t deleted;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    for (uint64_t id = 1; id <= 8; id++)
        ENSURE(run(&s, change(STORE_INSERT, id, "", "b", 0)) == ERR_OK);
    ENSURE(store_record_list(s.store, &query, &arena, &records, &err) == ERR_OK);
    ENSURE(records.n == 3 && records.more && records.items[2].id == 3);
    query.after = 6;
    ENSURE(store_record_list(s.store, &query, &arena, &records, &err) == ERR_OK);
    ENSURE(records.n == 2 && !records.more && records.items[0].id == 7);
    query.descending = true;
    ENSURE(store_record_list(s.store, &query, &arena, &records, &err) == ERR_OK);
    ENSURE(records.n == 3 && records.more && records.items[0].id == 5);
    query.parent = 1;
    query.after = 0;
    ENSURE(store_record_list(s.store, &query, &arena, &records, &err) == ERR_OK);
    ENSURE(records.n == 3 && records.items[0].id == 7 && records.items[2].id == 3);
    ENSURE(store_record_expire(s.store, STORE_AGENT, 40, &deleted, &err) == ERR_OK);
    ENSURE(deleted == 3);
    ENSURE(store_record_trim(s.store, STORE_AGENT, 5, &deleted, &err) == ERR_OK);
    ENSURE(deleted == 0);
    ENSURE(store_record_trim(s.store, STORE_AGENT, 4, &deleted, &err) == ERR_OK);
    ENSURE(deleted == 1);
    query = (struct store_record_query){ .kind = STORE_AGENT, .limit = 5 };
    ENSURE(store_record_list(s.store, &query, &arena, &records, &err) == ERR_OK);
    ENSURE(records.n == 4 && records.items[0].id == 5); /* the oldest went */
    suite_close(&s);
    arena_fini(&arena);
}

static void outbox_gives_each_event_once(const struct store_suite *suite)
{
    struct suite_store s;
    struct arena arena;
    struct store_outbox_row *rows;
    size_t n;
    struct err err = { 0 };

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    one_message(&s, 1, 1, "before anyone listened", 1);
    suite_settle(&s);
    ENSURE(store_outbox_read(s.store, "hook", 10, &arena, &rows, &n, &err) == ERR_NOT_FOUND);
    ENSURE(store_outbox_subscribe(s.store, "hook", &err) == ERR_OK);
    for (uint32_t seq = 2; seq <= 4; seq++)
        one_message(&s, 1, seq, "news", seq);
    suite_settle(&s);
    ENSURE(store_outbox_read(s.store, "hook", 2, &arena, &rows, &n, &err) == ERR_OK);
    ENSURE(n == 2 && rows[0].seq == 2 && rows[1].seq == 3 && rows[0].conv == 1);
    ENSURE(rows[0].workspace == 1 && rows[0].event.len > 0 && rows[0].id < rows[1].id);
    ENSURE(store_outbox_advance(s.store, "hook", rows[1].id, &err) == ERR_OK);
    ENSURE(store_outbox_subscribe(s.store, "hook", &err) == ERR_OK); /* again: keeps its place */
    ENSURE(store_outbox_read(s.store, "hook", 10, &arena, &rows, &n, &err) == ERR_OK);
    ENSURE(n == 1 && rows[0].seq == 4);
    suite_close(&s);
    arena_fini(&arena);
}

static void many_turns_stay_dense(const struct store_suite *suite)
{
    enum { CONVS = 50, TURNS = 6000 };
    struct suite_store s;
    struct arena arena;
    uint32_t seq[CONVS] = { 0 };
    uint32_t random = 12345;
    struct store_stats stats;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    for (uint32_t i = 0; i < TURNS; i++) {
        struct suite_turn t;
        uint32_t c;

        random = random * 1664525 + 1013904223;
        c = (random >> 16) % CONVS;
        suite_turn_init(&t, c + 1, seq[c] + 1);
        suite_turn_message(&t, "question", i + 1);
        suite_turn_message(&t, "answer", 0);
        seq[c] += 2;
        suite_append(&s, &t.turn);
    }
    suite_settle(&s);
    for (uint32_t c = 0; c < CONVS; c++) {
        struct store_thread thread = thread_read(
            &s, (struct store_thread_query){ .conv = c + 1, .limit = STORE_THREAD_MAX }, &arena);

        ENSURE(thread.n == seq[c]);
        for (uint32_t i = 0; i < thread.n; i++)
            ENSURE(thread.events[i].seq == i + 1);
        arena_reset(&arena);
    }
    store_stats(s.store, &stats);
    ENSURE(stats.turns_committed == TURNS && stats.events_settled == 2 * TURNS);
    ENSURE(stats.settle_backlog == 0 && stats.writable && stats.mean_batch >= 1);
    suite_close(&s);
    arena_fini(&arena);
}

/* More than either adapter keeps together: 128 in a chunk, 256 in a block. */
static void turns_of_one_call_are_all_taken_and_in_order(const struct store_suite *suite)
{
    enum { TURNS = 300 };
    struct suite_turn *turns = mem_zalloc(TURNS * sizeof(*turns));
    const Kefu__V1__Turn *list[TURNS];
    struct store_thread thread;
    struct suite_store s;
    struct arena arena;

    arena_init(&arena, ARENA_BYTES);
    suite_open(&s, suite);
    for (uint32_t i = 0; i < TURNS; i++) {
        suite_turn_init(&turns[i], 7, i + 1);
        suite_turn_message(&turns[i], "text", i + 1);
        list[i] = &turns[i].turn;
    }
    suite_append_all(&s, list, TURNS);
    suite_settle(&s); /* completions came in the order of their tickets: on_complete sees to it */
    ENSURE(s.failed == 0 && s.completed == TURNS && s.quarantined_conv == 0);
    for (uint32_t from = 1; from <= TURNS; from += (uint32_t)thread.n) {
        thread = thread_read(
            &s, (struct store_thread_query){ .conv = 7, .from_seq = from, .to_seq = TURNS },
            &arena);
        ENSURE(thread.n > 0);
        for (uint32_t i = 0; i < thread.n; i++)
            ENSURE(thread.events[i].seq == from + i);
    }
    suite_close(&s);
    arena_fini(&arena);
    free(turns);
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct store_suite_test store_suite_tests[] = {
    TEST(turn_is_read_back),
    TEST(thread_ranges_are_exact),
    TEST(overlay_and_tables_merge),
    TEST(client_ids_are_found),
    TEST(start_and_visitor_are_found),
    TEST(lists_filter_and_page),
    TEST(search_finds_chinese_and_english),
    TEST(recalled_text_is_gone),
    TEST(recall_takes_edits_along),
    TEST(erased_visitor_leaves_no_text),
    TEST(erasing_a_visitor_deletes_its_uploads_only),
    TEST(marks_and_traces_are_kept),
    TEST(turn_that_does_not_fit_is_quarantined),
    TEST(records_keep_versions_and_names),
    TEST(admin_transaction_is_all_or_nothing),
    TEST(record_lists_page_and_expire),
    TEST(outbox_gives_each_event_once),
    TEST(many_turns_stay_dense),
    TEST(turns_of_one_call_are_all_taken_and_in_order),
};
const size_t store_suite_tests_n = LENGTH_OF(store_suite_tests);
