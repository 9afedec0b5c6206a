/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "shop.h"

struct fixture {
    struct shop *shop;
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->shop = shop_create(INT64_C(1760000000000));
    buf_init(&f->out, 1024 * 1024);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    shop_destroy(&f->shop);
    buf_fini(&f->out);
    test_free(f);
    return 0;
}

static int ask(struct fixture *f, bool post, const char *path, const char *body, const char *key)
{
    const struct shop_request request = {
        .post = post, .path = slice_of(path), .body = slice_of(body), .key = slice_of(key)
    };
    int status = shop_handle(f->shop, &request, &f->out);

    buf_add_char(&f->out, '\0');
    return status;
}

static const char rma[] = "{\"order_id\":\"SP1048827\",\"items\":[\"a1\"],\"reason\":\"damaged\"}";

static void an_order_is_dated_from_now(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, false, "/orders/SP1048827", "", ""), 200);
    assert_non_null(strstr(f->out.ptr, "\"delivered_at\":\"2025-10-06\""));
    assert_true(f->out.len <= 500); /* what a slot holds */
    assert_int_equal(ask(f, false, "/orders/SP0", "", ""), 404);
    assert_non_null(strstr(f->out.ptr, "not_found"));
}

static void a_return_is_listed_and_a_repeat_is_the_same_one(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k1"), 201);
    assert_non_null(strstr(f->out.ptr, "R-1001"));
    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k1"), 201);
    assert_non_null(strstr(f->out.ptr, "R-1001"));
    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k2"), 409);
    assert_int_equal(ask(f, false, "/records", "", ""), 200);
    assert_non_null(strstr(f->out.ptr, "R-1001"));
    assert_null(strstr(f->out.ptr, "R-1002"));
}

static void a_held_request_is_done_without_an_answer(void **state)
{
    struct fixture *f = *state;

    ask(f, true, "/faults", "{\"action\":\"rma.create\",\"mode\":\"hold\"}", "");
    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k1"), 0);
    ask(f, true, "/faults", "{\"action\":\"rma.create\",\"mode\":\"fail\"}", "");
    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k1"), 500);
    ask(f, true, "/faults", "{\"action\":\"rma.create\",\"mode\":\"none\"}", "");
    assert_int_equal(ask(f, true, "/do/rma.create", rma, "k1"), 201);
    assert_non_null(strstr(f->out.ptr, "R-1001"));
}

static void only_the_demo_code_is_right(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, true, "/do/code.check", "{\"code\":\"123456\"}", ""), 200);
    assert_int_equal(ask(f, true, "/do/code.check", "{\"code\":\"1\"}", ""), 409);
    assert_int_equal(ask(f, true, "/do/code.check", "{", ""), 400);
    assert_int_equal(ask(f, true, "/do/nothing", "{}", ""), 404);
    assert_int_equal(ask(f, false, "/nothing", "", ""), 404);
}

static void the_oldest_records_are_forgotten(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i <= SHOP_RECORDS_MAX; i++)
        assert_int_equal(ask(f, true, "/do/ticket.create", "{}", ""), 201);
    ask(f, false, "/records", "", "");
    assert_null(strstr(f->out.ptr, "\"T-1001\""));
    assert_non_null(strstr(f->out.ptr, "\"T-1002\""));
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CLAIM(an_order_is_dated_from_now),
        CLAIM(a_return_is_listed_and_a_repeat_is_the_same_one),
        CLAIM(a_held_request_is_done_without_an_answer),
        CLAIM(only_the_demo_code_is_right),
        CLAIM(the_oldest_records_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
