/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over encoded turns, held against the schema's own codec: a field that moves in
 * proto/kefu/v1 breaks here first. */
#include "test.h"

#include "store_turn.h"

#include "kefu/v1/store.pb-c.h"
#include "mem.h"

#include <stdlib.h>

struct example {
    Kefu__V1__Turn turn;
    Kefu__V1__Header header;
    Kefu__V1__Visitor visitor;
    Kefu__V1__StoredEvent stored[2];
    Kefu__V1__StoredEvent *stored_list[2];
    Kefu__V1__Event events[2];
    Kefu__V1__Author author;
    Google__Protobuf__Timestamp at;
    Kefu__V1__Trace trace, *traces[1];
    Kefu__V1__ReadMark mark, *marks[1];
    Kefu__V1__PageView page;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    uint8_t *bytes;
    size_t len;
    struct turn_view view;
};

static void events_fill(struct example *e)
{
    for (unsigned i = 0; i < 2; i++) {
        kefu__v1__event__init(&e->events[i]);
        kefu__v1__stored_event__init(&e->stored[i]);
        e->stored_list[i] = &e->stored[i];
        e->stored[i].event = &e->events[i];
        e->events[i].conversation_id = 77;
        e->events[i].seq = 5 + i;
        e->events[i].prev_seq = 4 + i;
        e->events[i].author = &e->author;
        e->events[i].created_at = &e->at;
        e->events[i].kind = i == 0 ? KEFU__V1__EVENT__KIND__edit : KEFU__V1__EVENT__KIND__recall;
        e->events[i].target_seq = 3;
        e->events[i].text = i == 0 ? (char *)"secret \xe9\x80\x80\xe6\xac\xbe" : (char *)"";
        e->events[i].reason = (char *)"why";
    }
    e->events[1].visibility = KEFU__V1__EVENT__VISIBILITY__internal;
    e->stored[0].client_id.data = e->id;
    e->stored[0].client_id.len = sizeof(e->id);
    e->stored[0].client_hash = UINT64_C(0xFEDCBA9876543210);
}

static void header_fill(struct example *e)
{
    kefu__v1__header__init(&e->header);
    e->header.id = 77;
    e->header.workspace_id = 1;
    e->header.site_id = 2;
    e->header.visitor_id = 3;
    e->header.agent_id = 4;
    e->header.state = KEFU__V1__CONVERSATION_STATE__closed;
    e->header.head_seq = 6;
    e->header.created_at = 1000;
    e->header.updated_at = 2000;
    e->header.due_at = 3000;
    e->header.start_client_id.data = e->id;
    e->header.start_client_id.len = sizeof(e->id);
    e->header.visitor_name = (char *)"secret";
    e->header.last_text = (char *)"secret";
    e->header.page = &e->page;
}

static int setup(void **state)
{
    struct example *e = mem_zalloc(sizeof(*e));

    kefu__v1__turn__init(&e->turn);
    kefu__v1__visitor__init(&e->visitor);
    kefu__v1__author__init(&e->author);
    google__protobuf__timestamp__init(&e->at);
    kefu__v1__trace__init(&e->trace);
    kefu__v1__read_mark__init(&e->mark);
    kefu__v1__page_view__init(&e->page);
    memset(e->id, 0xAB, sizeof(e->id));
    e->page.url = (char *)"https://shop.example/secret";
    e->author.kind = KEFU__V1__AUTHOR__KIND__agent;
    e->author.id = 9;
    e->author.name = (char *)"secret";
    e->at.seconds = 1700000000;
    e->at.nanos = 123000000;
    events_fill(e);
    header_fill(e);
    e->visitor.id = 3;
    e->visitor.site_id = 2;
    e->visitor.name = (char *)"secret";
    e->visitor.created_at = &e->at;
    e->trace.conversation_id = 77;
    e->trace.seq = 6;
    e->traces[0] = &e->trace;
    e->mark.conversation_id = 77;
    e->mark.agent_id = 4;
    e->mark.seq = 5;
    e->marks[0] = &e->mark;
    e->turn = (Kefu__V1__Turn){ .base = e->turn.base,
                                .format = 1,
                                .workspace_id = 1,
                                .conversation_id = 77,
                                .n_events = 2,
                                .events = e->stored_list,
                                .header = &e->header,
                                .visitor = &e->visitor,
                                .n_traces = 1,
                                .traces = e->traces,
                                .n_read_marks = 1,
                                .read_marks = e->marks };
    e->len = kefu__v1__turn__get_packed_size(&e->turn);
    e->bytes = mem_alloc(e->len);
    kefu__v1__turn__pack(&e->turn, e->bytes);
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    struct example *e = *state;

    free(e->bytes);
    free(e);
    return 0;
}

static struct turn_view *view_of(struct example *e)
{
    assert_int_equal(turn_view_parse(slice_make(e->bytes, e->len), &e->view, NULL), ERR_OK);
    return &e->view;
}

static void fields_are_those_of_the_schema(void **state)
{
    struct turn_view *view = view_of(*state);

    assert_int_equal(view->format, 1);
    assert_int_equal(view->workspace, 1);
    assert_int_equal(view->conv, 77);
    assert_int_equal(view->events_n, 2);
    assert_int_equal(view->events[0].seq, 5);
    assert_int_equal(view->events[0].prev_seq, 4);
    assert_int_equal(view->events[0].kind, EVENT_KIND_EDIT);
    assert_int_equal(view->events[1].kind, EVENT_KIND_RECALL);
    assert_int_equal(view->events[0].target_seq, 3);
    assert_false(view->events[0].internal);
    assert_true(view->events[1].internal);
    assert_int_equal(view->events[0].author_kind, KEFU__V1__AUTHOR__KIND__agent);
    assert_int_equal(view->events[0].author_id, 9);
    assert_true(view->events[0].created_at == 1700000000123);
    assert_true(view->events[0].client_hash == UINT64_C(0xFEDCBA9876543210));
    assert_int_equal(view->events[0].client_id[15], 0xAB);
    assert_null(view->events[1].client_id);
    assert_int_equal(view->header.state, CONV_STATE_CLOSED);
    assert_int_equal(view->header.agent, 4);
    assert_int_equal(view->header.head_seq, 6);
    assert_int_equal(view->header.created_at, 1000);
    assert_int_equal(view->header.updated_at, 2000);
    assert_int_equal(view->header.due_at, 3000);
    assert_non_null(view->header.start_client_id);
    assert_int_equal(view->visitor.id, 3);
    assert_int_equal(view->visitor.site, 2);
    assert_int_equal(view->traces[0].seq, 6);
    assert_int_equal(view->marks[0].agent, 4);
    assert_int_equal(view->marks[0].seq, 5);
}

static void text_comes_out_and_goes_back(void **state)
{
    const struct turn_event *event = &view_of(*state)->events[0];
    struct buf joined;
    char head[TURN_TEXT_HEAD_MAX];
    Kefu__V1__Event *back;

    buf_init(&joined, 4096);
    buf_add_slice(&joined, event->before);
    buf_add_slice(&joined, event->after);
    assert_null(memmem(joined.ptr, joined.len, "secret \xe9", 8));
    buf_add(&joined, head, turn_text_head(head, event->text.len));
    buf_add_slice(&joined, event->text);
    back = kefu__v1__event__unpack(NULL, joined.len, (const uint8_t *)joined.ptr);
    assert_non_null(back);
    assert_string_equal(back->text, "secret \xe9\x80\x80\xe6\xac\xbe");
    assert_string_equal(back->reason, "why");
    assert_int_equal(back->seq, 5);
    kefu__v1__event__free_unpacked(back, NULL);
    buf_fini(&joined);
}

static void text_heads_of_all_lengths_agree(void **state)
{
    static const size_t lengths[] = { 1, 127, 128, 16383, 16384, 1048576 };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        char *text = mem_zalloc(lengths[i]);
        char head[TURN_TEXT_HEAD_MAX];
        size_t n = turn_text_head(head, lengths[i]);
        struct buf whole;

        buf_init(&whole, 2 * 1048576);
        turn_text_add(&whole, slice_make(text, lengths[i]));
        assert_int_equal(whole.len, n + lengths[i]);
        assert_memory_equal(whole.ptr, head, n);
        buf_fini(&whole);
        free(text);
    }
}

static void blanked_bytes_keep_ids_and_lose_words(void **state)
{
    struct turn_view *view = view_of(*state);
    struct buf out;
    struct turn_event event;
    struct turn_header header;

    buf_init(&out, 4096);
    turn_event_blank(&out, view->events[0].event, false);
    assert_int_equal(turn_event_parse(buf_slice(&out), &event, NULL), ERR_OK);
    assert_int_equal(event.seq, 5);
    assert_int_equal(event.text.len, 0);
    assert_non_null(memmem(out.ptr, out.len, "secret", 6)); /* the author's name */
    buf_clear(&out);
    turn_event_blank(&out, view->events[0].event, true);
    assert_int_equal(turn_event_parse(buf_slice(&out), &event, NULL), ERR_OK);
    assert_int_equal(event.author_id, 9);
    assert_null(memmem(out.ptr, out.len, "secret", 6));
    buf_clear(&out);
    turn_header_blank(&out, view->header.bytes);
    assert_int_equal(turn_header_parse(buf_slice(&out), &header, NULL), ERR_OK);
    assert_int_equal(header.due_at, 3000);
    assert_null(memmem(out.ptr, out.len, "secret", 6));
    buf_clear(&out);
    turn_visitor_blank(&out, view->visitor.bytes);
    assert_true(out.len > 0);
    assert_null(memmem(out.ptr, out.len, "secret", 6));
    buf_fini(&out);
}

static void every_cut_is_noticed(void **state)
{
    struct example *e = *state;

    for (size_t len = 0; len < e->len; len++) {
        uint8_t *exact = mem_alloc(len + 1); /* so that a read past it is seen */
        enum err_code rc;

        memcpy(exact, e->bytes, len);
        rc = turn_view_parse(slice_make(exact, len), &e->view, NULL);
        assert_true(rc == ERR_CORRUPT || rc == ERR_OK); /* a cut between fields is a message */
        free(exact);
    }
}

static void newer_formats_are_told_apart(void **state)
{
    struct example *e = *state;

    assert_int_equal(turn_format(slice_make(e->bytes, e->len)), 1);
    assert_int_equal(turn_format(SLICE_EMPTY), 0);
    e->bytes[1] = TURN_FORMAT + 1;
    assert_int_equal(turn_format(slice_make(e->bytes, e->len)), TURN_FORMAT + 1);
    assert_int_equal(turn_view_parse(slice_make(e->bytes, e->len), &e->view, NULL),
                     ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_those_of_the_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(text_comes_out_and_goes_back, setup, teardown),
        cmocka_unit_test(text_heads_of_all_lengths_agree),
        cmocka_unit_test_setup_teardown(blanked_bytes_keep_ids_and_lose_words, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(newer_formats_are_told_apart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
