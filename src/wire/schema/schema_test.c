/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "kefu/v1/api.pb-c.h"
#include "schema.h"

enum { ARENA_BYTES = 1 << 20, OUT_BYTES = 1 << 20 };

struct bench {
    struct arena arena;
    struct buf out;
    struct err err;
};

static int setup(void **state)
{
    static struct bench bench;

    arena_init(&bench.arena, ARENA_BYTES);
    buf_init(&bench.out, OUT_BYTES);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    arena_fini(&bench->arena);
    buf_fini(&bench->out);
    return 0;
}

static ProtobufCMessage *decode(struct bench *bench, const ProtobufCMessageDescriptor *desc,
                                const char *json)
{
    ProtobufCMessage *msg = NULL;

    bench->err = (struct err){ 0 };
    if (schema_json_decode(desc, slice_of(json), &bench->arena, &msg, &bench->err) != ERR_OK)
        return NULL;
    return msg;
}

static const char *encode(struct bench *bench, const ProtobufCMessage *msg)
{
    buf_clear(&bench->out);
    schema_json_encode(msg, &bench->out);
    buf_add_char(&bench->out, '\0');
    assert_true(buf_ok(&bench->out));
    return bench->out.ptr;
}

/* JSON in, out, through protobuf, and out again. */
static void assert_mapping(struct bench *bench, const ProtobufCMessageDescriptor *desc,
                           const char *in, const char *out)
{
    ProtobufCMessage *msg = decode(bench, desc, in);
    ProtobufCMessage *copy = NULL;

    if (msg == NULL)
        fail_msg("%s: %s: %s", in, bench->err.field, bench->err.text);
    assert_string_equal(encode(bench, msg), out);
    buf_clear(&bench->out);
    schema_proto_encode(msg, &bench->out);
    assert_int_equal(
        schema_proto_decode(desc, buf_slice(&bench->out), &bench->arena, &copy, &bench->err),
        ERR_OK);
    assert_string_equal(encode(bench, copy), out);
}

static void assert_refused(struct bench *bench, const ProtobufCMessageDescriptor *desc,
                           const char *in, const char *field)
{
    if (decode(bench, desc, in) != NULL)
        fail_msg("accepted: %s", in);
    assert_int_equal(bench->err.code, ERR_INVALID);
    assert_string_equal(bench->err.field, field);
    assert_true(bench->err.text[0] != '\0');
}

static void a_frame_is_read_and_written(void **state)
{
    const char *json = "{\"id\":7,\"send\":{\"conversationId\":\"18446744073709551615\","
                       "\"clientId\":\"00ff\",\"text\":\"\xE4\xBD\xA0\\n\\\"x\\\"\"}}";
    ProtobufCMessage *msg = decode(*state, &kefu__v1__client_frame__descriptor, json);
    const Kefu__V1__ClientFrame *frame = (const Kefu__V1__ClientFrame *)msg;

    assert_non_null(frame);
    assert_int_equal(frame->id, 7);
    assert_int_equal(frame->action_case, KEFU__V1__CLIENT_FRAME__ACTION_SEND);
    assert_true(frame->send->conversation_id == UINT64_MAX);
    assert_string_equal(frame->send->text, "\xE4\xBD\xA0\n\"x\"");
    assert_mapping(*state, &kefu__v1__client_frame__descriptor, json, json);
}

static void what_the_canonical_mapping_allows_is_accepted(void **state)
{
    static const struct {
        const ProtobufCMessageDescriptor *desc;
        const char *in;
        const char *out;
    } cases[] = {
        { &kefu__v1__send__descriptor, "{}", "{}" },
        { &kefu__v1__send__descriptor, " { \"conversationId\" : 5 } ",
          "{\"conversationId\":\"5\"}" },
        { &kefu__v1__send__descriptor, "{\"conversation_id\":\"5\"}",
          "{\"conversationId\":\"5\"}" },
        { &kefu__v1__send__descriptor, "{\"conversationId\":5.0e0}", "{\"conversationId\":\"5\"}" },
        { &kefu__v1__send__descriptor, "{\"conversationId\":0,\"text\":\"\"}", "{}" },
        { &kefu__v1__send__descriptor, "{\"text\":null}", "{}" },
        { &kefu__v1__send__descriptor, "{\"\\u0074ext\":\"a\"}", "{\"text\":\"a\"}" },
        { &kefu__v1__ack__descriptor, "{\"seq\":\"4294967295\"}", "{\"seq\":4294967295}" },
        { &kefu__v1__rule__descriptor, "{\"priority\":-2147483648}", "{\"priority\":-2147483648}" },
        { &kefu__v1__identify__descriptor, "{\"issuedAt\":-9223372036854775808}",
          "{\"issuedAt\":\"-9223372036854775808\"}" },
        { &kefu__v1__client_frame__descriptor, "{\"end\":{}}", "{\"end\":{}}" },
        { &kefu__v1__client_frame__descriptor, "{\"end\":null,\"hello\":{}}", "{\"hello\":{}}" },
        { &kefu__v1__set_presence__descriptor, "{\"status\":\"busy\"}", "{\"status\":\"busy\"}" },
        { &kefu__v1__set_presence__descriptor, "{\"status\":2}", "{\"status\":\"busy\"}" },
        { &kefu__v1__ping__descriptor, "{\"heads\":[]}", "{}" },
        { &kefu__v1__ping__descriptor, "{\"heads\":[{},{\"headSeq\":3}]}",
          "{\"heads\":[{},{\"headSeq\":3}]}" },
        { &kefu__v1__form__descriptor, "{\"attributes\":{\"a\":\"1\",\"\":\"\"}}",
          "{\"attributes\":{\"a\":\"1\",\"\":\"\"}}" },
        { &kefu__v1__rule__descriptor, "{\"any\":[\"a\",\"\"],\"handoff\":true}",
          "{\"any\":[\"a\",\"\"],\"handoff\":true}" },
        { &kefu__v1__trace_step__descriptor, "{\"score\":0.1,\"threshold\":\"-Infinity\"}",
          "{\"score\":0.1,\"threshold\":\"-Infinity\"}" },
        { &kefu__v1__login_session__descriptor, "{\"tokenHash\":\"-_8\"}",
          "{\"tokenHash\":\"+/8=\"}" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2024-02-29T23:59:59.5+01:00\"}",
          "{\"createdAt\":\"2024-02-29T22:59:59.500Z\"}" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"0001-01-01T00:00:00Z\"}",
          "{\"createdAt\":\"0001-01-01T00:00:00.000Z\"}" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"9999-12-31T23:59:59.999999999Z\"}",
          "{\"createdAt\":\"9999-12-31T23:59:59.999Z\"}" },
    };

    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_mapping(*state, cases[i].desc, cases[i].in, cases[i].out);
}

static void what_is_wrong_is_refused_with_its_path(void **state)
{
    static const struct {
        const ProtobufCMessageDescriptor *desc;
        const char *in;
        const char *field;
    } cases[] = {
        { &kefu__v1__client_frame__descriptor, "", "" },
        { &kefu__v1__client_frame__descriptor, "[]", "" },
        { &kefu__v1__client_frame__descriptor, "null", "" },
        { &kefu__v1__client_frame__descriptor, "{}x", "" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":1,}", "" },
        { &kefu__v1__client_frame__descriptor, "{\"nosuch\":1}", "nosuch" },
        { &kefu__v1__client_frame__descriptor, "{\"\":1}", "" },
        { &kefu__v1__client_frame__descriptor, "{\"send\":{\"clientid\":\"a\"}}", "send.clientid" },
        { &kefu__v1__client_frame__descriptor, "{\"send\":{\"client_id\":1}}", "send.clientId" },
        { &kefu__v1__client_frame__descriptor, "{\"send\":[]}", "send" },
        { &kefu__v1__client_frame__descriptor, "{\"send\":{},\"end\":{}}", "end" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":1,\"id\":1}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":-1}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":4294967296}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":1.5}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":\"1 \"}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":\"01\"}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":\"\"}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":true}", "id" },
        { &kefu__v1__client_frame__descriptor, "{\"id\":01}", "id" },
        { &kefu__v1__send__descriptor, "{\"conversationId\":18446744073709551616}",
          "conversationId" },
        { &kefu__v1__send__descriptor, "{\"clientId\":\"a\",\"client_id\":\"a\"}", "clientId" },
        { &kefu__v1__send__descriptor, "{\"text\":\"a\\u0000b\"}", "text" },
        { &kefu__v1__send__descriptor, "{\"text\":\"\xFF\"}", "text" },
        { &kefu__v1__send__descriptor, "{\"text\":\"\\uD800\"}", "text" },
        { &kefu__v1__history__descriptor, "{\"events\":[{},{},{},{\"text\":4}]}",
          "events[3].text" },
        { &kefu__v1__history__descriptor, "{\"events\":[{},null]}", "events[1]" },
        { &kefu__v1__history__descriptor, "{\"events\":{}}", "events" },
        { &kefu__v1__history__descriptor, "{\"more\":\"true\"}", "more" },
        { &kefu__v1__history__descriptor, "{\"more\":1}", "more" },
        { &kefu__v1__form__descriptor, "{\"attributes\":{\"a\":1}}", "attributes.a" },
        { &kefu__v1__form__descriptor, "{\"attributes\":{\"a\":null}}", "attributes.a" },
        { &kefu__v1__form__descriptor, "{\"attributes\":{\"a\":\"\",\"\\u0061\":\"\"}}",
          "attributes.\\u0061" },
        { &kefu__v1__form__descriptor, "{\"attributes\":[]}", "attributes" },
        { &kefu__v1__set_presence__descriptor, "{\"status\":\"BUSY\"}", "status" },
        { &kefu__v1__set_presence__descriptor, "{\"status\":99}", "status" },
        { &kefu__v1__login_session__descriptor, "{\"tokenHash\":\"A\"}", "tokenHash" },
        { &kefu__v1__login_session__descriptor, "{\"tokenHash\":\"AB==C\"}", "tokenHash" },
        { &kefu__v1__login_session__descriptor, "{\"tokenHash\":\"AB\"}", "tokenHash" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-02-29T00:00:00Z\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-01-01T24:00:00Z\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-01-01T00:00:60Z\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-01-01T00:00:00\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-01-01T00:00:00.Z\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"2023-01-01 00:00:00Z\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"0001-01-01T00:00:00+00:01\"}",
          "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":\"\"}", "createdAt" },
        { &kefu__v1__ack__descriptor, "{\"createdAt\":0}", "createdAt" },
        { &kefu__v1__trace_step__descriptor, "{\"score\":1e999}", "score" },
        { &kefu__v1__trace_step__descriptor, "{\"score\":\"nan\"}", "score" },
    };

    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_refused(*state, cases[i].desc, cases[i].in, cases[i].field);
}

static void a_small_arena_is_a_fault_not_a_crash(void **state)
{
    struct bench *bench = *state;
    struct slice json = SLICE_LITERAL("{\"events\":[{\"text\":\"aaaaaaaa\",\"attributes\":{\"a\":"
                                      "\"b\"}},{\"author\":{\"name\":\"x\"}}]}");
    ProtobufCMessage *msg = decode(bench, &kefu__v1__history__descriptor, json.ptr);

    schema_proto_encode(msg, &bench->out);
    for (size_t bytes = 0; bytes < 600; bytes += 16) {
        struct arena small;

        arena_init(&small, bytes);
        assert_int_equal(
            schema_json_decode(&kefu__v1__history__descriptor, json, &small, &msg, &bench->err),
            ERR_TOO_BIG);
        assert_int_equal(schema_proto_decode(&kefu__v1__history__descriptor, buf_slice(&bench->out),
                                             &small, &msg, &bench->err),
                         ERR_TOO_BIG);
        arena_fini(&small);
    }
}

static void maps_are_bounded(void **state)
{
    struct bench *bench = *state;
    struct buf json;

    buf_init(&json, OUT_BYTES);
    buf_add_text(&json, "{\"attributes\":{\"\":\"\"");
    for (int i = 0; i < 256; i++)
        buf_printf(&json, ",\"%d\":\"\"", i);
    buf_add_text(&json, "}}");
    buf_add_char(&json, '\0');
    assert_null(decode(bench, &kefu__v1__form__descriptor, json.ptr));
    assert_int_equal(bench->err.code, ERR_TOO_BIG);
    buf_fini(&json);
}

static void bad_protobuf_is_refused(void **state)
{
    static const struct slice cases[] = {
        SLICE_LITERAL("\x22"),                     /* a length is missing */
        SLICE_LITERAL("\x22\x05\x61"),             /* shorter than said */
        SLICE_LITERAL("\x22\x04\x1A\x02\x61\x00"), /* send.text holds NUL */
        SLICE_LITERAL("\x22\x04\x1A\x02\xC3\x28"), /* not UTF-8 */
        SLICE_LITERAL("\x23\x24"),                 /* groups */
        SLICE_LITERAL("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        SLICE_LITERAL("\x4A\x10\x1A\x06\x0A\x01\x61\x12\x01\x62\x1A\x06\x0A\x01\x61\x12\x01\x62"),
        SLICE_LITERAL("\x00\x00"), /* field number 0 */
    };
    struct bench *bench = *state;
    ProtobufCMessage *msg = NULL;

    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        bench->err = (struct err){ 0 };
        assert_int_equal(schema_proto_decode(&kefu__v1__client_frame__descriptor, cases[i],
                                             &bench->arena, &msg, &bench->err),
                         ERR_INVALID);
        assert_null(msg);
    }
}

static void fields_of_a_newer_peer_are_skipped(void **state)
{
    struct slice bytes = SLICE_LITERAL("\x08\x07\xFA\x07\x02\xFF\x00\xF8\x07\x01");
    struct bench *bench = *state;
    ProtobufCMessage *msg = NULL;

    assert_int_equal(schema_proto_decode(&kefu__v1__client_frame__descriptor, bytes, &bench->arena,
                                         &msg, &bench->err),
                     ERR_OK);
    assert_string_equal(encode(bench, msg), "{\"id\":7}");
}

/* Nested messages of each length that needs another byte for it, up to three. */
static void protobuf_is_written_as_protobuf_c_writes_it(void **state)
{
    static const size_t lengths[] = { 0, 1, 100, 120, 127, 128, 129, 300, 16370, 16384, 70000 };
    static char text[70001];
    struct bench *bench = *state;
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Event event = KEFU__V1__EVENT__INIT;
    Kefu__V1__Author author = KEFU__V1__AUTHOR__INIT;
    static uint8_t packed[200000];

    frame.id = 7;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_EVENT;
    frame.event = &event;
    event.author = &author;
    author.kind = KEFU__V1__AUTHOR__KIND__bot;
    author.id = UINT64_MAX;
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        size_t len;

        memset(text, 'a', lengths[i]);
        text[lengths[i]] = '\0';
        author.name = event.text = text;
        if (lengths[i] > 20000)
            author.name = text + 50000;
        len = protobuf_c_message_pack(&frame.base, packed);
        buf_clear(&bench->out);
        buf_add_text(&bench->out, "before");
        schema_proto_encode(&frame.base, &bench->out);
        assert_true(buf_ok(&bench->out));
        assert_int_equal(bench->out.len, len + 6);
        assert_memory_equal(bench->out.ptr + 6, packed, len);
    }
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
    struct bench *bench = *state;
    ProtobufCMessage *msg = decode(bench, &kefu__v1__history__descriptor,
                                   "{\"events\":[{\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}");
    size_t len = protobuf_c_message_get_packed_size(msg);

    for (size_t len_max = 3; len_max < len + 3; len_max++) {
        struct buf small;

        buf_init(&small, len_max);
        buf_add_text(&small, "abc");
        schema_proto_encode(msg, &small);
        assert_false(buf_ok(&small));
        assert_true(slice_equal_text(buf_slice(&small), "abc"));
        buf_fini(&small);
    }
}

static void fields_of_a_newer_peer_are_handed_on(void **state)
{
    struct slice bytes = SLICE_LITERAL("\x08\x07\xFA\x07\x02\xFF\x00\xF8\x07\x01");
    struct bench *bench = *state;
    ProtobufCMessage *msg = NULL;

    assert_int_equal(schema_proto_decode(&kefu__v1__client_frame__descriptor, bytes, &bench->arena,
                                         &msg, &bench->err),
                     ERR_OK);
    buf_clear(&bench->out);
    schema_proto_encode(msg, &bench->out);
    assert_true(slice_equal(buf_slice(&bench->out), bytes));
}

/* proto3 merges the two; of a oneof the last one counts. */
static void repeated_numbers_are_read_packed_and_one_by_one(void **state)
{
    const ProtobufCMessageDescriptor *desc = &kefu__v1__unclear_dismiss__descriptor;
    const struct slice forms[] = { SLICE_LITERAL("\x0A\x03\x01\xAC\x02"),
                                   SLICE_LITERAL("\x08\x01\x08\xAC\x02"),
                                   SLICE_LITERAL("\x08\x01\x0A\x00\x0A\x02\xAC\x02") };
    struct arena arena;
    ProtobufCMessage *msg = NULL;
    struct buf out;

    (void)state;
    arena_init(&arena, 1 << 16);
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < LENGTH_OF(forms); i++) {
        const Kefu__V1__UnclearDismiss *got;

        assert_int_equal(schema_proto_decode(desc, forms[i], &arena, &msg, NULL), ERR_OK);
        got = (const Kefu__V1__UnclearDismiss *)msg;
        assert_int_equal(got->n_ids, 2);
        assert_int_equal(got->ids[0], 1);
        assert_int_equal(got->ids[1], 300);
        buf_clear(&out);
        schema_proto_encode(msg, &out);
        assert_int_equal(out.len, protobuf_c_message_get_packed_size(msg));
    }
    assert_int_equal(schema_proto_decode(desc, SLICE_LITERAL("\x0A\x01\xAC"), &arena, &msg, NULL),
                     ERR_INVALID);
    buf_fini(&out);
    arena_fini(&arena);
}

static void a_nested_message_that_is_given_twice_is_merged(void **state)
{
    struct bench *bench = *state;
    ProtobufCMessage *msg = NULL;

    assert_int_equal(schema_proto_decode(&kefu__v1__event__descriptor,
                                         SLICE_LITERAL("\x32\x04\x08\x02\x10\x05"
                                                       "\x32\x02\x10\x06"),
                                         &bench->arena, &msg, &bench->err),
                     ERR_OK);
    assert_string_equal(encode(bench, msg), "{\"author\":{\"kind\":\"bot\",\"id\":\"6\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_frame_is_read_and_written, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_canonical_mapping_allows_is_accepted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_with_its_path, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_arena_is_a_fault_not_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_protobuf_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_a_newer_peer_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(protobuf_is_written_as_protobuf_c_writes_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer_keeps_what_it_had, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_a_newer_peer_are_handed_on, setup, teardown),
        cmocka_unit_test(repeated_numbers_are_read_packed_and_one_by_one),
        cmocka_unit_test_setup_teardown(a_nested_message_that_is_given_twice_is_merged, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
