/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "flow_host.h"

static const char hello[] = "flow: hello\n"
                            "version: 3\n"
                            "title: \"问好 / Hello\"\n"
                            "locales: [en]\n"
                            "start: {phrases: {en: [hi there]}}\n"
                            "slots:\n"
                            "  name: {type: text, fill: [user]}\n"
                            "states:\n"
                            "  ask_name: {ask: name, when: {filled: done, exhausted: done,\n"
                            "             timeout: done}}\n"
                            "  done: {end: done, say: bye}\n"
                            "texts:\n"
                            "  ask.name: {en: \"Your name?\"}\n"
                            "  bye: {en: \"Bye.\"}\n";
static const char story[] = "story: says bye\n"
                            "flow: hello@3\n"
                            "steps:\n"
                            "  - {user: hi there, expect: {state: ask_name}}\n"
                            "  - {user: Ann, expect: {end: done}}\n";

static void a_head_is_read_though_the_rest_is_wrong(void **state)
{
    struct flow_host_head head;
    struct err err;
    char flow[FLOW_HOST_NAME_MAX + 1];

    (void)state;
    assert_true(flow_host_head(slice_of(hello), &head, &err));
    assert_string_equal(head.name, "hello");
    assert_string_equal(head.title, "问好 / Hello");
    assert_int_equal(head.number, 3);
    assert_true(flow_host_head(slice_of("flow: x\nnonsense: 1\n"), &head, &err));
    assert_int_equal(head.number, 1);
    assert_false(flow_host_head(slice_of("flow: [a\n"), &head, &err));
    assert_string_equal(err.field, "source");
    assert_false(flow_host_head(slice_of("version: 2\n"), &head, &err));
    flow_host_story_flow(slice_of(story), flow);
    assert_string_equal(flow, "hello");
}

static struct flow_host_check *check(const char *source, const char *told)
{
    struct flow_host_check *out = test_calloc(1, sizeof(*out));
    const struct flow_host_story stories[] = { { SLICE_LITERAL("hello.story.yaml"),
                                                 slice_of(told) } };

    flow_host_check_run(slice_of(source), NULL, 0, stories, 1, out);
    return out;
}

static void check_free(struct flow_host_check *out)
{
    flow_destroy(&out->flow);
    test_free(out);
}

static void only_what_passes_its_stories_is_fine(void **state)
{
    static const char wrong[] = "story: says hello\n"
                                "flow: hello\n"
                                "steps:\n"
                                "  - {user: hi there, expect: {state: done}}\n";
    struct flow_host_check *out = check(hello, story);

    (void)state;
    assert_int_equal(out->tally.passed, 1);
    assert_true(out->ok);
    assert_true(out->rows_covered > 0);
    check_free(out);
    out = check(hello, wrong);
    assert_false(out->ok);
    assert_int_equal(out->tally.failed, 1);
    check_free(out);
    out = check("flow: hello\nversion: 1\nstates: {a: {say: t, to: nowhere}}\n", story);
    assert_false(out->ok);
    assert_null(out->flow);
    check_free(out);
}

static void a_number_is_changed_and_nothing_else(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 64 * 1024);
    assert_true(flow_host_renumber(slice_of(hello), 12, &out));
    assert_int_equal(out.len, sizeof(hello)); /* one digit more, and no NUL */
    assert_memory_equal(out.ptr, "flow: hello\nversion: 12\ntitle", 29);
    buf_clear(&out);
    assert_true(flow_host_renumber(slice_of("{\"version\": 7, \"flow\": \"a\"}"), 8, &out));
    assert_memory_equal(out.ptr, "{\"version\": 8, \"flow\": \"a\"}", out.len);
    buf_clear(&out);
    assert_false(flow_host_renumber(slice_of("flow: a\n"), 8, &out));
    buf_fini(&out);
}

static void note_bad(void *ctx, size_t at, const struct flow_finding *why)
{
    (void)why;
    *(size_t *)ctx = at;
}

static void a_set_holds_what_compiles_and_names_the_rest(void **state)
{
    const struct slice sources[] = { slice_of(hello), SLICE_LITERAL("flow: b\n"), slice_of(hello) };
    size_t bad = 99;
    struct flow_set *set = flow_host_set(sources, LENGTH_OF(sources), note_bad, &bad);

    (void)state;
    assert_int_equal(flow_set_count(set), 1);
    assert_int_equal(bad, 1);
    flow_set_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_though_the_rest_is_wrong),
        cmocka_unit_test(only_what_passes_its_stories_is_fine),
        cmocka_unit_test(a_number_is_changed_and_nothing_else),
        cmocka_unit_test(a_set_holds_what_compiles_and_names_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
