/* SPDX-License-Identifier: Apache-2.0 */
/* Directories one after the other, over a store in memory: what they share, and what they let go.
 */
#include "test.h"

#include <stdio.h>

#include "buf.h"
#include "schema.h"
#include "serve_directory.h"
#include "store_memory.h"

enum { SHOP = 1, OTHER = 2, DAY_MS = 24 * 3600 * 1000 };

static const char greet[] = "flow: %s\n"
                            "version: %d\n"
                            "title: t\n"
                            "locales: [en]\n"
                            "start: {phrases: {en: [%s]}}\n"
                            "states:\n"
                            "  only: {end: done, say: bye}\n"
                            "texts:\n"
                            "  bye: {en: \"Bye.\"}\n";

struct fixture {
    struct store *store;
    struct directory *first; /* held once */
    int64_t now_ms;
};

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    (void)ctx, (void)shard, (void)completions, (void)n;
}

static void put(struct fixture *f, enum store_kind kind, uint64_t workspace, uint64_t id,
                const ProtobufCMessage *msg)
{
    struct store_change change = { .op = STORE_PUT, .kind = kind };
    struct buf buf;

    buf_init(&buf, STORE_BODY_MAX);
    schema_proto_encode(msg, &buf);
    assert_true(buf_ok(&buf));
    change.record.id = id;
    change.record.workspace = workspace;
    change.record.body = buf_slice(&buf);
    assert_int_equal(store_admin_run(f->store, &change, 1, NULL, NULL), ERR_OK);
    buf_fini(&buf);
}

static void site_put(struct fixture *f, uint64_t workspace, uint64_t id, bool bot)
{
    Kefu__V1__Site site = KEFU__V1__SITE__INIT;

    site.key = (char *)"key";
    site.bot_enabled = bot;
    put(f, STORE_SITE, workspace, id, &site.base);
}

static void faq_put(struct fixture *f, uint64_t workspace, uint64_t id, const char *answer)
{
    Kefu__V1__FaqEntry entry = KEFU__V1__FAQ_ENTRY__INIT;

    entry.locale = (char *)"en";
    entry.question = (char *)"when do you open";
    entry.answer = (char *)(uintptr_t)answer;
    put(f, STORE_FAQ_ENTRY, workspace, id, &entry.base);
}

static void flow_put(struct fixture *f, uint64_t id, const char *name, int version,
                     const char *state, int64_t published_ms)
{
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Kefu__V1__Flow flow = KEFU__V1__FLOW__INIT;
    char source[512];

    snprintf(source, sizeof(source), greet, name, version, name);
    schema_timestamp_set(&at, published_ms);
    flow.name = (char *)(uintptr_t)name;
    flow.state = (char *)(uintptr_t)state;
    flow.source = source;
    flow.published_at = &at;
    put(f, STORE_FLOW, SHOP, id, &flow.base);
}

/* An action that nothing knows: the bot cannot be made. */
static void rule_put(struct fixture *f, uint64_t id, const char *action)
{
    Kefu__V1__Rule rule = KEFU__V1__RULE__INIT;
    char *any[] = { (char *)"hello" };

    rule.name = (char *)"r";
    rule.any = any;
    rule.n_any = 1;
    rule.answer = (char *)"hi";
    rule.action = (char *)(uintptr_t)action;
    put(f, STORE_RULE, SHOP, id, &rule.base);
}

static enum err_code load(struct fixture *f, const struct directory *before, struct directory **out)
{
    const struct directory_source source = {
        .store = f->store, .models = "/nowhere", .now_ms = f->now_ms, .before = before
    };
    struct err err = { 0 };

    return directory_load(&source, out, &err);
}

/* After it the first one is gone. */
static struct directory *next(struct fixture *f)
{
    struct directory *second = NULL;

    assert_int_equal(load(f, f->first, &second), ERR_OK);
    directory_hold(second, 1);
    directory_release(&f->first);
    f->first = second;
    return second;
}

static const struct mind *mind_of(const struct directory *directory, uint64_t workspace)
{
    return directory_workspace_by_id(directory, (struct workspace_id){ workspace })->mind;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct store_options options = { .backend = &store_memory_backend,
                                     .shards = 1,
                                     .on_complete = on_complete };

    assert_int_equal(store_open(&options, &f->store, NULL), ERR_OK);
    f->now_ms = INT64_C(1800000000000);
    site_put(f, SHOP, 10, true);
    site_put(f, OTHER, 20, true);
    faq_put(f, SHOP, 11, "at nine");
    faq_put(f, OTHER, 21, "at ten");
    flow_put(f, 12, "one", 1, "published", f->now_ms);
    flow_put(f, 13, "two", 1, "published", f->now_ms);
    assert_int_equal(load(f, NULL, &f->first), ERR_OK);
    directory_hold(f->first, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    directory_release(&f->first);
    store_close(&f->store);
    test_free(f);
    return 0;
}

static void what_did_not_change_is_the_same_mind(void **state)
{
    struct fixture *f = *state;
    const struct mind *shop = mind_of(f->first, SHOP);
    const struct mind *other = mind_of(f->first, OTHER);
    struct directory *directory = next(f);

    assert_ptr_equal(mind_of(directory, SHOP), shop);
    assert_ptr_equal(mind_of(directory, OTHER), other);
    assert_int_equal(shop->holders, 1);
    faq_put(f, SHOP, 11, "at eight");
    directory = next(f);
    assert_ptr_not_equal(mind_of(directory, SHOP), shop);
    assert_ptr_equal(mind_of(directory, OTHER), other);
    site_put(f, OTHER, 20, false);
    directory = next(f);
    assert_ptr_not_equal(mind_of(directory, OTHER), other);
}

static void a_flow_is_compiled_again_only_when_its_source_changes(void **state)
{
    struct fixture *f = *state;
    const struct mind *mind = mind_of(f->first, SHOP);
    const struct mind_flow *one = mind->parts[0];
    const struct mind_flow *two = mind->parts[1];

    assert_int_equal(mind->part_count, 2);
    faq_put(f, SHOP, 11, "at eight");
    flow_put(f, 13, "two", 2, "published", f->now_ms);
    mind = mind_of(next(f), SHOP);
    assert_ptr_equal(mind->parts[0], one);
    assert_int_equal(one->holders, 1);
    assert_ptr_not_equal(mind->parts[1], two);
    assert_non_null(flow_set_find(mind->flows, SLICE_LITERAL("one"), 1));
    assert_non_null(flow_set_find(mind->begins, SLICE_LITERAL("two"), 2));
    assert_null(flow_set_find(mind->flows, SLICE_LITERAL("two"), 1));
}

static void a_retired_flow_is_kept_but_does_not_begin(void **state)
{
    struct fixture *f = *state;
    const struct mind *mind;

    flow_put(f, 12, "one", 1, "retired", f->now_ms);
    mind = mind_of(next(f), SHOP);
    assert_non_null(flow_set_find(mind->flows, SLICE_LITERAL("one"), 1));
    assert_null(flow_set_find(mind->begins, SLICE_LITERAL("one"), 1));
}

static void a_version_replaced_long_ago_is_let_go(void **state)
{
    struct fixture *f = *state;
    int64_t replaced = f->now_ms + DAY_MS;
    const struct mind *mind;

    flow_put(f, 12, "one", 1, "retired", f->now_ms);
    flow_put(f, 14, "one", 2, "published", replaced);
    f->now_ms = replaced + MIND_FLOW_KEEP_MS;
    mind = mind_of(next(f), SHOP);
    assert_non_null(flow_set_find(mind->flows, SLICE_LITERAL("one"), 1));
    f->now_ms++;
    faq_put(f, SHOP, 11, "at eight"); /* minds that stand unchanged are not looked at */
    mind = mind_of(next(f), SHOP);
    assert_null(flow_set_find(mind->flows, SLICE_LITERAL("one"), 1));
    assert_non_null(flow_set_find(mind->flows, SLICE_LITERAL("one"), 2));
    assert_int_equal(mind->part_count, 2);
}

static void a_load_that_fails_takes_nothing_from_the_one_before(void **state)
{
    struct fixture *f = *state;
    const struct mind *other = mind_of(f->first, OTHER);
    const struct mind_flow *one = mind_of(f->first, SHOP)->parts[0];
    struct directory *second = NULL;

    flow_put(f, 13, "two", 2, "published", f->now_ms);
    rule_put(f, 15, "no such action");
    assert_int_equal(load(f, f->first, &second), ERR_CORRUPT);
    assert_null(second);
    assert_non_null(flow_set_find(mind_of(f->first, SHOP)->flows, SLICE_LITERAL("one"), 1));
    rule_put(f, 15, "");
    second = next(f);
    assert_ptr_equal(mind_of(second, OTHER), other);
    assert_ptr_equal(mind_of(second, SHOP)->parts[0], one);
}

static void a_directory_that_nobody_took_gives_back_its_own_part(void **state)
{
    struct fixture *f = *state;
    const struct mind *other = mind_of(f->first, OTHER);
    struct directory *second = NULL;

    faq_put(f, SHOP, 11, "at eight");
    assert_int_equal(load(f, f->first, &second), ERR_OK);
    directory_destroy(&second);
    assert_int_equal(other->holders, 1);
    assert_ptr_equal(mind_of(next(f), OTHER), other);
}

static void a_flow_that_does_not_compile_leaves_the_others(void **state)
{
    struct fixture *f = *state;
    const struct mind *mind;
    Kefu__V1__Flow flow = KEFU__V1__FLOW__INIT;

    flow.name = (char *)"two";
    flow.state = (char *)"published";
    flow.source = (char *)"flow: two\n";
    put(f, STORE_FLOW, SHOP, 13, &flow.base);
    mind = mind_of(next(f), SHOP);
    assert_int_equal(mind->part_count, 1);
    assert_non_null(flow_set_find(mind->begins, SLICE_LITERAL("one"), 1));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_did_not_change_is_the_same_mind),
        TEST(a_flow_is_compiled_again_only_when_its_source_changes),
        TEST(a_retired_flow_is_kept_but_does_not_begin),
        TEST(a_version_replaced_long_ago_is_let_go),
        TEST(a_load_that_fails_takes_nothing_from_the_one_before),
        TEST(a_directory_that_nobody_took_gives_back_its_own_part),
        TEST(a_flow_that_does_not_compile_leaves_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
