/* SPDX-License-Identifier: Apache-2.0 */
/* Templates and mappings by table, and calls against a real server on the loopback. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "http_server.h"
#include "loop.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static Kefu__V1__Action action_make(const char *method, const char *url, const char *body)
{
    Kefu__V1__Action action = KEFU__V1__ACTION__INIT;

    action.name = (char *)"order.get";
    action.method = (char *)method;
    action.url = (char *)url;
    action.body = (char *)body;
    return action;
}

static struct slice slice_text(const char *text)
{
    return slice_of(text);
}

static void paths_reach_into_answers(void **state)
{
    static const struct {
        const char *json, *path, *out;
    } cases[] = {
        { "{\"a\":{\"b\":[1,2]},\"c\":\"x\"}", "a.b", "[1,2]" },
        { "{\"a\": {\"b\": true}}", "a", "{\"b\": true}" },
        { "{\"a\":1}", "", "{\"a\":1}" },
        { "{\"a\":1}", "b", NULL },
        { "{\"a\":1}", "a.b", NULL },
        { "{\"a\":", "a", NULL },
        { "[1]", "a", NULL },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct slice out;
        bool found = action_json_at(slice_text(cases[i].json), slice_text(cases[i].path), &out);

        assert_int_equal(found, cases[i].out != NULL);
        if (found)
            assert_true(slice_equal_text(out, cases[i].out));
    }
}

static void a_visitors_words_stay_in_their_place(void **state)
{
    Kefu__V1__Action action =
        action_make("POST", "https://shop.test/orders/{id}?q={q}",
                    "{\"id\":\"{id}\",\"list\":\"{items}\",\"note\":\"about {q}\"}");
    struct slice input = slice_of("{\"id\":\"../x?y\",\"q\":\"a\\\"b&c\\n\",\"items\":[\"1\",2]}");
    struct action_call call;

    (void)state;
    assert_int_equal(
        action_call_build(&action, input, SLICE_LITERAL("key-1"), NULL, &arena, &call, NULL),
        ERR_OK);
    assert_true(slice_equal_text(call.url, "https://shop.test/orders/..%2Fx%3Fy?q=a%22b%26c%0A"));
    assert_true(slice_equal_text(
        call.body, "{\"id\":\"../x?y\",\"list\":[\"1\",2],\"note\":\"about a\\\"b&c\\n\"}"));
}

static bool secret_get(void *ctx, struct slice name, struct slice *out)
{
    (void)ctx;
    *out = SLICE_LITERAL("s3cret");
    return slice_equal_text(name, "shop");
}

static void headers_take_secrets_and_no_line_ends(void **state)
{
    Kefu__V1__Action action = action_make("GET", "https://shop.test/x", "");
    Kefu__V1__Action__HeadersEntry header = KEFU__V1__ACTION__HEADERS_ENTRY__INIT;
    Kefu__V1__Action__HeadersEntry *headers[] = { &header };
    struct action_secrets secrets = { .get = secret_get };
    struct action_call call;
    struct err err = { 0 };

    (void)state;
    header.key = (char *)"Authorization";
    header.value = (char *)"Bearer {secret.shop}";
    action.n_headers = 1;
    action.headers = headers;
    assert_int_equal(
        action_call_build(&action, SLICE_EMPTY, SLICE_EMPTY, &secrets, &arena, &call, &err),
        ERR_OK);
    assert_true(slice_equal_text(call.fields[0].value, "Bearer s3cret"));
    assert_int_equal(call.body.len, 0);
    header.value = (char *)"{secret.other}";
    assert_int_equal(
        action_call_build(&action, SLICE_EMPTY, SLICE_EMPTY, &secrets, &arena, &call, &err),
        ERR_NOT_FOUND);
    header.value = (char *)"{q}";
    assert_int_equal(action_call_build(&action, slice_of("{\"q\":\"a\\r\\nX: 1\"}"), SLICE_EMPTY,
                                       &secrets, &arena, &call, &err),
                     ERR_INVALID);
}

static void declarations_that_could_be_led_elsewhere_are_refused(void **state)
{
    static const struct {
        const char *method, *url, *field;
    } cases[] = {
        { "POST", "https://{host}/x", "url" },     { "POST", "https://a.test{x}/", "url" },
        { "POST", "ftp://a.test/", "url" },        { "POST", "/relative", "url" },
        { "POST", "https://user@a.test/", "url" }, { "FETCH", "https://a.test/", "method" },
    };
    Kefu__V1__Action good = action_make("", "https://a.test/{x}", "");

    (void)state;
    assert_int_equal(action_check(&good, NULL), ERR_OK);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        Kefu__V1__Action action = action_make(cases[i].method, cases[i].url, "");
        struct err err = { 0 };

        assert_int_equal(action_check(&action, &err), ERR_INVALID);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void the_url_template_has_its_bound(void **state)
{
    char url[ACTION_URL_BYTES_MAX + 2];
    Kefu__V1__Action action = action_make("", url, "");

    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://a.test/", 15);
    url[ACTION_URL_BYTES_MAX] = '\0';
    assert_int_equal(action_check(&action, NULL), ERR_OK);
    url[ACTION_URL_BYTES_MAX] = 'a';
    url[ACTION_URL_BYTES_MAX + 1] = '\0';
    assert_int_equal(action_check(&action, NULL), ERR_TOO_BIG);
}

static void answers_become_ok_a_declared_error_or_failed(void **state)
{
    Kefu__V1__Action action = action_make("GET", "https://a.test/", "");
    Kefu__V1__Action__ErrorsEntry missing = KEFU__V1__ACTION__ERRORS_ENTRY__INIT;
    Kefu__V1__Action__ErrorsEntry twice = KEFU__V1__ACTION__ERRORS_ENTRY__INIT;
    Kefu__V1__Action__ErrorsEntry *errors[] = { &missing, &twice };
    static const struct {
        int status;
        const char *body, *name, *json;
    } cases[] = {
        { 200, "{\"data\":{\"id\":7}}", "ok", "{\"id\":7}" },
        { 200, "{\"data\":", "failed", "" },
        { 200, "{\"other\":1}", "failed", "" },
        { 404, "", "not_found", "" },
        { 200, "{\"error\":{\"code\":\"DUP\"},\"data\":1}", "duplicate", "" },
        { 500, "{\"data\":1}", "failed", "" },
        { 302, "", "failed", "" },
    };

    (void)state;
    missing.key = (char *)"404";
    missing.value = (char *)"not_found";
    twice.key = (char *)"DUP";
    twice.value = (char *)"duplicate";
    action.n_errors = 2;
    action.errors = errors;
    action.result = (char *)"data";
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct action_result result;

        action_result_map(&action, cases[i].status, slice_text(cases[i].body), &result);
        assert_true(slice_equal_text(result.name, cases[i].name));
        assert_true(slice_equal_text(result.json, cases[i].json));
    }
}

/* ---- over sockets ---------------------------------------------------------------------------- */

struct world {
    struct loop *loop;
    struct http_server *server;
    struct net_listener *listener;
    struct action_runner *runner;
    struct http_ref held;
    unsigned requests;
    char key[64];
    char result[256];
    bool silent;
};

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    struct world *w = ctx;
    struct http_reply reply = { .status = 200,
                                .type = SLICE_LITERAL("application/json"),
                                .body = request->body };

    w->requests++;
    snprintf(w->key, sizeof(w->key), "%.*s",
             SLICE_ARGS(http_field_get(request, "idempotency-key")));
    if (w->silent)
        w->held = ref;
    else
        http_reply(w->server, ref, &reply);
}

static void on_result(void *ctx, const struct action_result *result)
{
    struct world *w = ctx;

    snprintf(w->result, sizeof(w->result), "%.*s %.*s", SLICE_ARGS(result->name),
             SLICE_ARGS(result->json));
}

static bool has_result(void *ctx)
{
    return ((struct world *)ctx)->result[0] != '\0';
}

static void world_open(struct world *w, const char *networks)
{
    struct http_server_options server = { .on_request = on_request, .ctx = w };
    struct net_listen_options listen = { .address = "127.0.0.1" };
    struct action_runner_options options = { 0 };
    char port[8];

    w->loop = options.loop = loop_create();
    w->server = http_server_create(w->loop, &server);
    assert_int_equal(http_server_listen(w->server, &listen, &w->listener, NULL), ERR_OK);
    snprintf(port, sizeof(port), "%u", net_listener_port(w->listener));
    options.private_networks = slice_of(networks);
    options.ports = slice_of(port);
    assert_int_equal(action_runner_create(&options, &w->runner, NULL), ERR_OK);
}

static void world_close(struct world *w)
{
    action_runner_destroy(&w->runner);
    net_listener_close(&w->listener);
    http_server_destroy(&w->server);
    loop_destroy(&w->loop);
}

static void run(struct world *w, uint32_t timeout_ms)
{
    char url[64];
    Kefu__V1__Action action;

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/rma", net_listener_port(w->listener));
    action = action_make("POST", url, "");
    assert_int_equal(action_run(w->runner, &action, slice_of("{\"id\":\"A\"}"),
                                SLICE_LITERAL("conv:run:state:1"), timeout_ms, on_result, w, NULL),
                     ERR_OK);
    assert_true(loop_run_until(w->loop, has_result, w, 10000));
}

static void a_call_reaches_the_shop_with_its_key(void **state)
{
    struct world w = { 0 };

    (void)state;
    world_open(&w, "127.0.0.1");
    run(&w, 5000);
    assert_string_equal(w.result, "ok {\"id\":\"A\"}");
    assert_string_equal(w.key, "conv:run:state:1");
    world_close(&w);
}

static void a_private_address_is_not_called_unless_listed(void **state)
{
    struct world w = { 0 };
    char url[64];
    Kefu__V1__Action action;
    struct err err = { 0 };
    enum err_code rc;

    (void)state;
    world_open(&w, "");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", net_listener_port(w.listener));
    action = action_make("POST", url, "");
    rc = action_run(w.runner, &action, SLICE_EMPTY, SLICE_EMPTY, 1000, on_result, &w, &err);
    assert_int_equal(rc, ERR_FORBIDDEN);
    assert_int_equal(w.requests, 0);
    world_close(&w);
}

static void a_shop_that_does_not_answer_is_a_timeout(void **state)
{
    struct world w = { .silent = true };

    (void)state;
    world_open(&w, "127.0.0.1");
    run(&w, 50);
    assert_string_equal(w.result, "timeout ");
    world_close(&w);
}

static void calls_under_way_end_with_their_runner(void **state)
{
    struct world w = { .silent = true };
    char url[64];
    Kefu__V1__Action action;

    (void)state;
    world_open(&w, "127.0.0.1");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", net_listener_port(w.listener));
    action = action_make("GET", url, "");
    assert_int_equal(
        action_run(w.runner, &action, SLICE_EMPTY, SLICE_EMPTY, 5000, on_result, &w, NULL), ERR_OK);
    world_close(&w);
    assert_string_equal(w.result, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_reach_into_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_visitors_words_stay_in_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_take_secrets_and_no_line_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(declarations_that_could_be_led_elsewhere_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_url_template_has_its_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_become_ok_a_declared_error_or_failed, setup,
                                        teardown),
        cmocka_unit_test(a_call_reaches_the_shop_with_its_key),
        cmocka_unit_test(a_private_address_is_not_called_unless_listed),
        cmocka_unit_test(a_shop_that_does_not_answer_is_a_timeout),
        cmocka_unit_test(calls_under_way_end_with_their_runner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
