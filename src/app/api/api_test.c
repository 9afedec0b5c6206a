/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the API as HTTP would, over a store in memory: set-up, log-in, the permission matrix out
 * of the route table, and the life of a record. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_priv.h"
#include "attachment.h"
#include "auth_attachment.h"
#include "auth_visitor.h"
#include "store_memory.h"

#define PASSWORD "correct horse battery"

struct fixture {
    struct store *store;
    struct api *api;
    struct arena arena;
    struct api_reply reply;
    struct auth_key key;
    char cookie[256];
    char csrf[128];
    char token[AUTH_SECRET_TEXT_MAX];
};

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    (void)ctx, (void)shard, (void)completions, (void)n;
}

static int setup_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct store_options store = { .backend = &store_memory_backend,
                                   .shards = 1,
                                   .on_complete = on_complete };
    struct api_options options = { .clock = &clock_system,
                                   .master = &f->key,
                                   .models = "/tmp/kefu-api-test-models" };

    assert_int_equal(auth_secret_init(NULL), ERR_OK);
    assert_int_equal(store_open(&store, &f->store, NULL), ERR_OK);
    options.store = f->store;
    assert_int_equal(api_create(&options, &f->api, NULL), ERR_OK);
    assert_int_equal(api_setup_begin(f->api, f->token, NULL), ERR_OK);
    arena_init(&f->arena, API_ARENA_MAX);
    api_reply_init(&f->reply);
    *state = f;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *f = *state;

    api_reply_fini(&f->reply);
    arena_fini(&f->arena);
    api_destroy(&f->api);
    store_close(&f->store);
    free(f);
    return 0;
}

static struct api_request request_make(struct fixture *f, const char *method, const char *path,
                                       const char *body)
{
    const char *query = strchr(path, '?');

    return (struct api_request){
        .method = slice_of(method),
        .path = query != NULL ? slice_make(path, (size_t)(query - path)) : slice_of(path),
        .query = query != NULL ? slice_of(query + 1) : SLICE_EMPTY,
        .body = slice_of(body),
        .content_type = SLICE_LITERAL("application/json"),
        .cookie = slice_of(f->cookie),
        .csrf = slice_of(f->csrf),
        .host = SLICE_LITERAL("kefu.test"),
        .address = "127.0.0.1",
    };
}

static const char *send_request(struct fixture *f, const struct api_request *request)
{
    api_reply_fini(&f->reply);
    api_reply_init(&f->reply);
    arena_reset(&f->arena);
    api_handle(f->api, request, &f->arena, &f->reply);
    buf_add_char(&f->reply.body, '\0');
    return f->reply.body.ptr;
}

static const char *call(struct fixture *f, const char *method, const char *path, const char *body)
{
    struct api_request request = request_make(f, method, path, body);

    return send_request(f, &request);
}

static void text_take(const char *json, const char *key, char *out, size_t size)
{
    char quoted[64];
    const char *at;
    size_t len;

    snprintf(quoted, sizeof(quoted), "\"%s\":\"", key);
    at = strstr(json, quoted);
    if (at == NULL)
        fail_msg("no %s in %s", key, json);
    at += strlen(quoted);
    len = strcspn(at, "\"");
    assert_true(len < size);
    memcpy(out, at, len);
    out[len] = '\0';
}

static void login_keep(struct fixture *f)
{
    size_t len = strcspn(f->reply.set_cookie, ";");

    assert_true(len > 0 && len < sizeof(f->cookie));
    memcpy(f->cookie, f->reply.set_cookie, len);
    f->cookie[len] = '\0';
    text_take(f->reply.body.ptr, "csrfToken", f->csrf, sizeof(f->csrf));
}

static void set_up(struct fixture *f)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"token\":\"%s\",\"email\":\"Boss@Shop.test\",\"name\":\"Boss\",\"password\":"
             "\"" PASSWORD "\",\"siteName\":\"Shop\"}",
             f->token);
    call(f, "POST", "/api/v1/setup", body);
    assert_int_equal(f->reply.status, 200);
    login_keep(f);
}

static void login_as(struct fixture *f, const char *email)
{
    char body[256];

    f->cookie[0] = f->csrf[0] = '\0';
    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"" PASSWORD "\"}", email);
    call(f, "POST", "/api/v1/login", body);
    assert_int_equal(f->reply.status, 200);
    login_keep(f);
}

static void setup_works_once_with_the_printed_token(void **state)
{
    struct fixture *f = *state;
    char body[512];

    assert_non_null(strstr(call(f, "GET", "/api/v1/setup", ""), "\"needed\":true"));
    call(f, "POST", "/api/v1/setup", "{\"token\":\"guess\",\"siteName\":\"x\"}");
    assert_int_equal(f->reply.status, 403);
    set_up(f);
    assert_non_null(strstr(f->reply.set_cookie, "kefu_http="));
    assert_non_null(strstr(f->reply.set_cookie, "HttpOnly; SameSite=Lax"));
    assert_null(strstr(call(f, "GET", "/api/v1/setup", ""), "true"));
    snprintf(body, sizeof(body),
             "{\"token\":\"%s\",\"email\":\"b@c\",\"name\":\"B\",\"password\":\"" PASSWORD
             "\",\"siteName\":\"Shop\"}",
             f->token);
    call(f, "POST", "/api/v1/setup", body);
    assert_int_equal(f->reply.status, 409);
    assert_non_null(strstr(call(f, "GET", "/api/v1/session", ""), "boss@shop.test"));
    assert_null(strstr(f->reply.body.ptr, "password"));
    call(f, "POST", "/api/v1/logout", "{}");
    assert_int_equal(f->reply.status, 200);
    assert_true((f->reply.effects & API_EFFECT_REVOKE) != 0 && f->reply.revoke_session != 0);
    call(f, "GET", "/api/v1/session", "");
    assert_int_equal(f->reply.status, 401);
}

static void wrong_password_and_unknown_account_look_the_same_and_lock(void **state)
{
    struct fixture *f = *state;
    char unknown[256];
    const char *locked;

    set_up(f);
    snprintf(unknown, sizeof(unknown), "%s",
             call(f, "POST", "/api/v1/login", "{\"email\":\"no@no\",\"password\":\"x\"}"));
    for (int i = 0; i < 5; i++) {
        const char *wrong = call(f, "POST", "/api/v1/login",
                                 "{\"email\":\"boss@shop.test\",\"password\":\"wrong\"}");
        assert_int_equal(f->reply.status, 401);
        assert_string_equal(wrong, unknown);
    }
    locked = call(f, "POST", "/api/v1/login",
                  "{\"email\":\"boss@shop.test\",\"password\":\"" PASSWORD "\"}");
    assert_int_equal(f->reply.status, 401);
    assert_string_equal(locked, unknown);
}

static void changes_by_cookie_need_the_token_and_our_origin(void **state)
{
    struct fixture *f = *state;
    struct api_request request;

    set_up(f);
    request = request_make(f, "POST", "/api/v1/rules",
                           "{\"name\":\"r\",\"any\":[\"a\"],"
                           "\"answer\":\"b\"}");
    request.csrf = SLICE_EMPTY;
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    request.csrf = SLICE_LITERAL("wrong");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    request.csrf = slice_of(f->csrf);
    request.origin = SLICE_LITERAL("https://evil.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    request.origin = SLICE_LITERAL("https://kefu.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 201);
    request.content_type = SLICE_LITERAL("text/plain");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 400);
}

/* What each role must get of each route: the expectation is computed from the route's declared
 * permission by the role table, so a handler reached without its check shows as a wrong status. */
static void the_public_address_is_our_own_too(void **state)
{
    struct fixture *f = *state;
    struct api_request request;

    set_up(f);
    request = request_make(f, "POST", "/api/v1/logout", "{}");
    request.host = SLICE_LITERAL("127.0.0.1:8787"); /* as a proxy calls us */
    request.origin = SLICE_LITERAL("https://chat.shop.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    f->api->public_url = "https://chat.shop.test/";
    request.origin = SLICE_LITERAL("https://chat.shop.test.evil.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    request.origin = SLICE_LITERAL("https://chat.shop.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 200);
}

static void every_route_answers_each_role_by_its_permission(void **state)
{
    static const char *const roles[] = { NULL, "agent", "supervisor", "admin", "owner" };
    struct fixture *f = *state;

    set_up(f);
    for (size_t r = 1; r < LENGTH_OF(roles); r++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"email\":\"%s@x\",\"name\":\"n\",\"role\":\"%s\",\"password\":\"" PASSWORD
                 "\"}",
                 roles[r], roles[r]);
        call(f, "POST", "/api/v1/agents", body);
        assert_int_equal(f->reply.status, 201);
        assert_null(strstr(f->reply.body.ptr, "argon2"));
    }
    for (size_t r = 0; r < LENGTH_OF(roles); r++) {
        char email[64];
        enum role role = r > 0 ? role_parse(slice_of(roles[r])) : ROLE_NONE;
        f->cookie[0] = '\0';
        if (r > 0) {
            snprintf(email, sizeof(email), "%s@x", roles[r]);
            login_as(f, email);
        }
        for (const struct api_routes *const *t = api_route_tables; *t != NULL; t++) {
            for (size_t i = 0; i < (*t)->count; i++) {
                const struct api_route *route = &(*t)->items[i];
                char path[128] = "/api/v1";
                const char *id = strstr(route->path, "{id}");
                if (strcmp(route->path, "/logout") == 0 || strcmp(route->path, "/setup") == 0 ||
                    strcmp(route->path, "/login") == 0)
                    continue;
                snprintf(path + 7, sizeof(path) - 7, "%.*s%s%s",
                         id != NULL ? (int)(id - route->path) : (int)strlen(route->path),
                         route->path, id != NULL ? "999" : "", id != NULL ? id + 4 : "");
                call(f, route->method, path, route->request != NULL ? "{}" : "");
                bool allowed = permission_has(role_permissions(role), route->permission) ||
                               route->permission == PERM_PUBLIC;
                int status = f->reply.status;
                bool right = allowed  ? status != 401 && status != 403
                             : r == 0 ? status == 401
                                      : status == 403;
                if (!right)
                    fail_msg("%s %s as %s: %d", route->method, path, r > 0 ? roles[r] : "nobody",
                             status);
            }
        }
    }
}

static void record_lives_through_versions_and_repeats(void **state)
{
    struct fixture *f = *state;
    struct api_request request;
    char id[32];
    char path[96];
    char first[512];

    set_up(f);
    request = request_make(f, "POST", "/api/v1/faq-entries",
                           "{\"locale\":\"en\",\"question\":\"q\",\"answer\":\"a\","
                           "\"variants\":[\"v\"]}");
    request.idempotency_key = SLICE_LITERAL("k1");
    snprintf(first, sizeof(first), "%s", send_request(f, &request));
    assert_int_equal(f->reply.status, 201);
    assert_true((f->reply.effects & API_EFFECT_BOT) != 0);
    assert_string_equal(send_request(f, &request), first);
    assert_int_equal(f->reply.status, 201);
    request.body = SLICE_LITERAL("{\"locale\":\"zh\"}");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 409);

    text_take(first, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/faq-entries/%s", id);
    call(f, "GET", path, "");
    assert_string_equal(f->reply.etag, "\"1\"");
    call(f, "PATCH", path, "{\"answer\":\"b\",\"version\":\"1\"}");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(f->reply.body.ptr, "\"answer\":\"b\""));
    assert_non_null(strstr(f->reply.body.ptr, "\"question\":\"q\""));
    assert_string_equal(f->reply.etag, "\"2\"");
    call(f, "PATCH", path, "{\"answer\":\"c\",\"version\":\"1\"}");
    assert_int_equal(f->reply.status, 409);
    request = request_make(f, "PATCH", path, "{\"answer\":\"c\"}");
    request.if_match = SLICE_LITERAL("\"1\"");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 412);
    call(f, "PATCH", path, "{\"answr\":\"c\"}");
    assert_int_equal(f->reply.status, 400);
    assert_non_null(strstr(f->reply.body.ptr, "\"field\":\"answr\""));
    request = request_make(f, "GET", path, "");
    request.if_none_match = SLICE_LITERAL("\"2\"");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 304);
    assert_non_null(strstr(call(f, "GET", "/api/v1/faq-entries?limit=1", ""), "\"items\":[{"));
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 200);
    call(f, "GET", path, "");
    assert_int_equal(f->reply.status, 404);
    call(f, "PUT", path, "");
    assert_int_equal(f->reply.status, 405);
    assert_non_null(strstr(call(f, "GET", "/api/v1/audit", ""), "faq-entries.delete"));
}

static void a_ladder_is_checked_before_the_bot_has_to_climb_it(void **state)
{
    struct fixture *f = *state;
    char id[32], path[64];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/sites", ""), "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/sites/%s", id);
    call(f, "PATCH", path, "{\"ladder\":[{\"rung\":\"faq\",\"threshold\":1},{\"rung\":\"flow\"}]}");
    assert_int_equal(f->reply.status, 200);
    call(f, "PATCH", path, "{\"ladder\":[{\"rung\":\"faq\"},{\"rung\":\"Faq\"}]}");
    assert_int_equal(f->reply.status, 400);
    assert_non_null(strstr(f->reply.body.ptr, "\"field\":\"ladder[1].rung\""));
    call(f, "PATCH", path, "{\"ladder\":[{\"rung\":\"faq\",\"threshold\":1.01}]}");
    assert_int_equal(f->reply.status, 400);
    assert_non_null(strstr(f->reply.body.ptr, "\"field\":\"ladder[0].threshold\""));
    call(f, "PATCH", path, "{\"ladder\":[{\"rung\":\"faq\",\"threshold\":-0.01}]}");
    assert_int_equal(f->reply.status, 400);
}

static void an_escaped_name_is_the_field_that_it_means(void **state)
{
    struct fixture *f = *state;
    char id[32], path[64];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/session", ""), "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/agents/%s", id);
    call(f, "PATCH", path, "{\"capac\\u0069ty\":7,\"n\\u0061me\":\"{\\\"role\\\": 1}\"}");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(f->reply.body.ptr, "\"capacity\":7"));
    assert_non_null(strstr(f->reply.body.ptr, "\"name\":\"{\\\"role\\\": 1}\""));
    assert_non_null(strstr(f->reply.body.ptr, "\"role\":\"owner\""));
    text_take(call(f, "GET", "/api/v1/sites", ""), "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/sites/%s", id);
    call(f, "PATCH", path, " { \"\\u0063olor\" : \"#112233\" } ");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(f->reply.body.ptr, "\"color\":\"#112233\""));
    call(f, "PATCH", path, "{\"\\u0063olour\":\"#112233\"}");
    assert_int_equal(f->reply.status, 400);
    call(f, "PATCH", path, "");
    assert_int_equal(f->reply.status, 200);
}

static void a_query_that_cannot_be_read_is_refused_with_its_name(void **state)
{
    static const char *const bad[][2] = {
        { "/api/v1/conversations?state=bott", "state" },
        { "/api/v1/conversations?state=bot,,agent", "state" },
        { "/api/v1/conversations?siteId=x", "siteId" },
        { "/api/v1/conversations?agentId=-1", "agentId" },
        { "/api/v1/conversations?visitorId=1.5", "visitorId" },
        { "/api/v1/conversations?after=12.x", "after" },
        { "/api/v1/conversations?after=.", "after" },
        { "/api/v1/faq-entries?after=next", "after" },
        { "/api/v1/faq-entries?limit=many", "limit" },
        { "/api/v1/visitors?limit=99999999999999999999999", "limit" },
        { "/api/v1/examples?intentId=hello", "intentId" },
    };
    static const char *const good[] = { "/api/v1/conversations?state=bot,agent&after=12.7&limit=3",
                                        "/api/v1/conversations?state=&siteId=&after=",
                                        "/api/v1/faq-entries?after=7&limit=0" };
    struct fixture *f = *state;
    char field[64];

    set_up(f);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        call(f, "GET", bad[i][0], "");
        assert_int_equal(f->reply.status, 400);
        snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i][1]);
        assert_non_null(strstr(f->reply.body.ptr, field));
    }
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        call(f, "GET", good[i], "");
        assert_int_equal(f->reply.status, 200);
    }
}

static void a_site_gets_its_key_and_its_secret_from_the_server(void **state)
{
    static const char *const bad[][2] = {
        { "{\"name\":\"\"}", "name" },
        { "{\"name\":\"s\",\"color\":\"red\"}", "color" },
        { "{\"name\":\"s\",\"color\":\"#12345g\"}", "color" },
        { "{\"name\":\"s\",\"domains\":[\"a.example\",\"https://b.example\"]}", "domains" },
        { "{\"name\":\"s\",\"domains\":[\"*.\"]}", "domains" },
        { "{\"name\":\"s\",\"domains\":[\"a.example; script-src *\"]}", "domains" },
        { "{\"name\":\"s\",\"idleCloseMinutes\":10081}", "idleCloseMinutes" },
    };
    struct fixture *f = *state;
    char id[32], key[64], secret[80], path[80], field[64];

    set_up(f);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        call(f, "POST", "/api/v1/sites", bad[i][0]);
        assert_int_equal(f->reply.status, 400);
        snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i][1]);
        assert_non_null(strstr(f->reply.body.ptr, field));
    }
    call(f, "POST", "/api/v1/sites", "{\"name\":\"Second\",\"key\":\"mine\"}");
    assert_int_equal(f->reply.status, 201);
    assert_int_equal(f->reply.effects, API_EFFECT_DIRECTORY | API_EFFECT_BOT);
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    text_take(f->reply.body.ptr, "key", key, sizeof(key));
    assert_int_equal(strlen(key), 22);
    assert_non_null(strstr(f->reply.body.ptr, "\"idleCloseMinutes\":30"));
    snprintf(path, sizeof(path), "/api/v1/sites/%s/identity-secret", id);
    text_take(call(f, "GET", path, ""), "value", secret, sizeof(secret));
    assert_int_equal(strlen(secret), 64);
    call(f, "GET", "/api/v1/sites/77/identity-secret", "");
    assert_int_equal(f->reply.status, 404);
    snprintf(path, sizeof(path), "/api/v1/sites/%s", id);
    text_take(call(f, "GET", path, ""), "identitySecretHint", field, sizeof(field));
    assert_string_equal(field, secret + 60);
    call(f, "PATCH", path, "{\"key\":\"mine\"}");
    text_take(f->reply.body.ptr, "key", field, sizeof(field));
    assert_string_equal(field, key);
}

static void the_command_line_makes_a_way_in(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct slice email = SLICE_LITERAL("Way@In.test");
    struct slice password = SLICE_LITERAL("correct horse battery");

    assert_int_equal(api_admin_create(f->api, email, SLICE_LITERAL("Way"), SLICE_LITERAL("king"),
                                      password, &err),
                     ERR_INVALID);
    assert_string_equal(err.field, "role");
    assert_int_equal(api_admin_create(f->api, email, SLICE_LITERAL("Way"), SLICE_LITERAL("owner"),
                                      password, NULL),
                     ERR_OK);
    assert_int_equal(api_admin_create(f->api, email, SLICE_LITERAL("Way"), SLICE_LITERAL("owner"),
                                      password, &err),
                     ERR_CONFLICT);
    call(f, "POST", "/api/v1/login",
         "{\"email\":\"way@in.test\",\"password\":\"correct horse battery\"}");
    assert_int_equal(f->reply.status, 200);
    login_keep(f);
    assert_non_null(strstr(call(f, "GET", "/api/v1/audit", ""), "admin.create"));
}

static void settings_are_shown_with_their_source(void **state)
{
    static const struct api_setting settings[] = { { "port", "8080", "default" },
                                                   { "data", "/srv", "file" } };
    struct fixture *f = *state;

    set_up(f);
    f->api->settings = settings;
    f->api->setting_count = LENGTH_OF(settings);
    assert_non_null(strstr(call(f, "GET", "/api/v1/settings", ""),
                           "{\"key\":\"data\",\"value\":\"/srv\",\"source\":\"file\"}"));
}

static void an_agent_is_changed_deleted_and_then_a_stranger(void **state)
{
    struct fixture *f = *state;
    char id[32], path[64];

    set_up(f);
    text_take(call(f, "POST", "/api/v1/agents",
                   "{\"email\":\"Lin@Shop.test\",\"name\":\"Lin\",\"role\":\"agent\",\"password\":"
                   "\"" PASSWORD "\",\"capacity\":3}"),
              "id", id, sizeof(id));
    assert_int_equal(f->reply.status, 201);
    call(f, "POST", "/api/v1/agents",
         "{\"email\":\"lin@shop.test\",\"name\":\"L\",\"role\":\"agent\",\"password\":\"" PASSWORD
         "\"}");
    assert_int_equal(f->reply.status, 409);
    snprintf(path, sizeof(path), "/api/v1/agents/%s", id);
    call(f, "PATCH", path,
         "{\"email\":\"li@shop.test\",\"locale\":\"en\",\"languages\":[\"en\"],\"teams\":[\"a\"]}");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(f->reply.body.ptr, "\"email\":\"li@shop.test\""));
    assert_non_null(strstr(f->reply.body.ptr, "\"capacity\":3"));
    assert_null(strstr(f->reply.body.ptr, PASSWORD));
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 200);
    assert_true(f->reply.effects & API_EFFECT_REVOKE);
    call(f, "POST", "/api/v1/login", "{\"email\":\"li@shop.test\",\"password\":\"" PASSWORD "\"}");
    assert_int_equal(f->reply.status, 401);
    call(f, "GET", path, "");
    assert_true(f->reply.status == 401 || f->reply.status == 404);
}

static void api_token_reaches_no_further_than_its_scopes(void **state)
{
    struct fixture *f = *state;
    char secret[80];
    char authorization[96];
    struct api_request request;

    set_up(f);
    call(f, "POST", "/api/v1/api-tokens", "{\"name\":\"t\",\"scopes\":[\"knowledge:read\"]}");
    assert_int_equal(f->reply.status, 201);
    text_take(f->reply.body.ptr, "token", secret, sizeof(secret));
    assert_null(strstr(call(f, "GET", "/api/v1/api-tokens", ""), secret));
    f->cookie[0] = '\0';
    snprintf(authorization, sizeof(authorization), "Bearer %s", secret);
    request = request_make(f, "GET", "/api/v1/faq-entries", "");
    request.authorization = slice_of(authorization);
    send_request(f, &request);
    assert_int_equal(f->reply.status, 200);
    request.path = SLICE_LITERAL("/api/v1/settings");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
    request.path = SLICE_LITERAL("/api/v1/session");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
}

static void a_deleted_token_ends_its_sockets(void **state)
{
    struct fixture *f = *state;
    char id[32];
    char path[64];

    set_up(f);
    call(f, "POST", "/api/v1/api-tokens", "{\"name\":\"t\",\"scopes\":[\"knowledge:read\"]}");
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/api-tokens/%s", id);
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 200);
    assert_true((f->reply.effects & API_EFFECT_REVOKE) != 0);
    assert_int_equal(f->reply.revoke_token, strtoull(id, NULL, 10));
}

static void tokens_are_listed_page_by_page(void **state)
{
    struct fixture *f = *state;
    char next[32];
    char path[64];

    set_up(f);
    for (int i = 0; i < 2; i++) {
        call(f, "POST", "/api/v1/api-tokens", "{\"name\":\"t\",\"scopes\":[\"knowledge:read\"]}");
        assert_int_equal(f->reply.status, 201);
    }
    text_take(call(f, "GET", "/api/v1/api-tokens?limit=1", ""), "next", next, sizeof(next));
    snprintf(path, sizeof(path), "/api/v1/api-tokens?after=%s", next);
    assert_non_null(strstr(call(f, "GET", path, ""), "\"items\":[{"));
    assert_null(strstr(f->reply.body.ptr, "\"next\""));
}

/* The words of a value are no names of fields. */
static void an_agent_may_be_called_password(void **state)
{
    struct fixture *f = *state;
    char id[32];
    char path[64];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/session", ""), "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/agents/%s", id);
    call(f, "PATCH", path, "{\"name\":\"password\"}");
    assert_int_equal(f->reply.status, 200);
    assert_int_equal(f->reply.effects & API_EFFECT_REVOKE, 0);
    call(f, "PATCH", path, "{\"password\":\"short\"}");
    assert_int_equal(f->reply.status, 400);
}

static unsigned sessions_count(struct fixture *f)
{
    struct store_record_query query = { .kind = STORE_LOGIN_SESSION, .limit = STORE_PAGE_MAX };
    struct store_records records;

    arena_reset(&f->arena);
    assert_int_equal(store_record_list(f->store, &query, &f->arena, &records, NULL), ERR_OK);
    return (unsigned)records.n;
}

/* As log-ins of long ago would have left it. */
static void session_insert(struct fixture *f, uint64_t id, uint64_t agent, int64_t seen_at)
{
    struct store_change change = { .op = STORE_INSERT, .kind = STORE_LOGIN_SESSION };
    Kefu__V1__LoginSession session = KEFU__V1__LOGIN_SESSION__INIT;
    uint8_t body[64];
    char lookup[24];

    session.agent_id = agent;
    session.created_at = session.seen_at = seen_at;
    snprintf(lookup, sizeof(lookup), "old-%llu", (unsigned long long)id);
    change.record = (struct store_record){
        .id = id, .workspace = 1, .parent = agent, .lookup = slice_of(lookup), .created_at = seen_at
    };
    change.record.body = slice_make(body, kefu__v1__login_session__pack(&session, body));
    assert_int_equal(store_admin_run(f->store, &change, 1, NULL, NULL), ERR_OK);
}

static void log_ins_that_have_ended_do_not_pile_up(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_wall_ms(&clock_system);
    uint64_t agent;
    char id[32];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/session", ""), "id", id, sizeof(id));
    agent = strtoull(id, NULL, 10);
    for (uint64_t i = 1; i <= 5; i++)
        session_insert(f, i, agent, now - INT64_C(13) * 3600 * 1000);
    login_as(f, "boss@shop.test");
    assert_int_equal(sessions_count(f), 2);
    for (uint64_t i = 1; i <= API_SESSIONS_MAX - 2; i++)
        session_insert(f, i, agent, now);
    assert_int_equal(sessions_count(f), API_SESSIONS_MAX);
    login_as(f, "boss@shop.test");
    assert_int_equal(sessions_count(f), API_SESSIONS_MAX);
}

static void a_reply_is_repeated_for_a_day_and_then_forgotten(void **state)
{
    struct fixture *f = *state;
    struct clock_virtual now = { .wall_ms = clock_wall_ms(&clock_system) };
    struct clock clock = clock_virtual_clock(&now);
    struct api_request request;
    char first[32];
    char again[32];

    set_up(f);
    f->api->clock = &clock;
    request = request_make(f, "POST", "/api/v1/faq-entries",
                           "{\"question\":\"q\",\"answer\":\"a\",\"locale\":\"en\"}");
    request.idempotency_key = SLICE_LITERAL("once");
    text_take(send_request(f, &request), "id", first, sizeof(first));
    clock_virtual_advance(&now, API_REPEAT_KEPT_MS);
    login_as(f, "boss@shop.test"); /* the log-in of before has ended meanwhile */
    request.cookie = slice_of(f->cookie);
    request.csrf = slice_of(f->csrf);
    assert_int_equal(api_expire(f->api, NULL), ERR_OK);
    text_take(send_request(f, &request), "id", again, sizeof(again));
    assert_string_equal(first, again);
    clock_virtual_advance(&now, 1);
    assert_int_equal(api_expire(f->api, NULL), ERR_OK);
    text_take(send_request(f, &request), "id", again, sizeof(again));
    assert_int_equal(f->reply.status, 201);
    assert_string_not_equal(first, again);
}

static void log_ins_of_people_who_never_came_back_are_deleted(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_wall_ms(&clock_system);

    set_up(f);
    for (uint64_t i = 1; i <= 1500; i++) /* more than one call of the store deletes */
        session_insert(f, i, 7, now - API_SESSION_AGE_MS - 1);
    session_insert(f, 2000, 7, now - API_SESSION_AGE_MS + 60 * 1000);
    assert_int_equal(api_expire(f->api, NULL), ERR_OK);
    assert_int_equal(sessions_count(f), 2);
}

static void a_reset_password_ends_every_log_in(void **state)
{
    struct fixture *f = *state;
    uint64_t agent = 0;

    set_up(f);
    assert_int_equal(api_admin_reset(f->api, SLICE_LITERAL("boss@shop.test"),
                                     SLICE_LITERAL("another horse battery"), &agent, NULL),
                     ERR_OK);
    assert_true(agent != 0);
    call(f, "GET", "/api/v1/session", "");
    assert_int_equal(f->reply.status, 401);
}

static void last_owner_stays(void **state)
{
    struct fixture *f = *state;
    char id[32];
    char path[64];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/session", ""), "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/agents/%s", id);
    call(f, "PATCH", path, "{\"role\":\"agent\"}");
    assert_int_equal(f->reply.status, 409);
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 409);
}

static void openapi_describes_every_route(void **state)
{
    struct fixture *f = *state;
    const char *json = call(f, "GET", "/api/v1/openapi.json", "");

    assert_int_equal(f->reply.status, 200);
    for (const struct api_routes *const *t = api_route_tables; *t != NULL; t++)
        for (size_t i = 0; i < (*t)->count; i++)
            assert_non_null(strstr(json, (*t)->items[i].path));
}

static const char *import_csv(struct fixture *f, const char *path, const char *csv)
{
    struct api_request request = request_make(f, "POST", path, csv);

    request.content_type = SLICE_LITERAL("text/csv");
    return send_request(f, &request);
}

static void faq_import_names_bad_lines_and_takes_the_good_ones(void **state)
{
    struct fixture *f = *state;
    const char *answer;

    set_up(f);
    answer = import_csv(f, "/api/v1/faq-entries/import",
                        "locale,question,variants,answer,category\n"
                        "zh,包邮吗？,运费|邮费,满 299 元包邮,配送\n"
                        "fr,Bonjour?,,Non,x\n"
                        "en,Free shipping?,,From 299,Delivery\n"
                        "en,Free shipping?,,Again,Delivery\n");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(answer, "\"created\":2"));
    assert_non_null(strstr(answer, "\"line\":3"));
    assert_non_null(strstr(answer, "\"line\":5,\"message\":\"the same question stands above\""));
    assert_true((f->reply.effects & API_EFFECT_BOT) != 0);
    answer = import_csv(f, "/api/v1/faq-entries/import",
                        "locale,question,answer\nzh,包邮吗？,满 199 元包邮\n");
    assert_non_null(strstr(answer, "\"updated\":1"));
    answer = call(f, "GET", "/api/v1/faq-entries/export", "");
    assert_non_null(strstr(answer, "满 199 元包邮"));
    assert_null(strstr(answer, "满 299 元包邮"));
    assert_non_null(strstr(answer, "Free shipping?"));
}

static void faq_import_dry_run_changes_nothing(void **state)
{
    struct fixture *f = *state;
    const char *answer;

    set_up(f);
    answer = import_csv(f, "/api/v1/faq-entries/import?dryRun=1", "question,answer\nQ?,A\n");
    assert_non_null(strstr(answer, "\"created\":1"));
    assert_int_equal(f->reply.effects & API_EFFECT_BOT, 0);
    answer = call(f, "GET", "/api/v1/faq-entries", "");
    assert_null(strstr(answer, "Q?"));
}

static void faq_import_beyond_its_bound_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct buf csv;

    set_up(f);
    buf_init(&csv, 1024 * 1024);
    buf_add_text(&csv, "question,answer\n");
    for (int i = 0; i < 2047; i++)
        buf_printf(&csv, "question %d,answer\n", i);
    buf_add_char(&csv, '\0');
    import_csv(f, "/api/v1/faq-entries/import", csv.ptr);
    assert_int_equal(f->reply.status, 413);
    csv.ptr[strlen(csv.ptr) - strlen("question 2046,answer\n")] = '\0';
    assert_non_null(
        strstr(import_csv(f, "/api/v1/faq-entries/import", csv.ptr), "\"created\":2046"));
    buf_fini(&csv);
}

/* ---- routing ---- */

/* A draft with this configuration; its path is left in out. */
static void draft_make(struct fixture *f, const char *config, char *out, size_t size)
{
    char body[512];
    char id[24];

    snprintf(body, sizeof(body), "{\"config\":\"%s\",\"note\":\"n\"}", config);
    call(f, "POST", "/api/v1/routing-configs", body);
    assert_int_equal(f->reply.status, 201);
    assert_non_null(strstr(f->reply.body.ptr, "\"state\":\"draft\""));
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    snprintf(out, size, "/api/v1/routing-configs/%s", id);
}

static int publish(struct fixture *f, const char *path)
{
    char full[128];

    snprintf(full, sizeof(full), "%s/publish", path);
    call(f, "POST", full, "");
    return f->reply.status;
}

static void routing_is_published_and_rolled_back_in_versions(void **state)
{
    struct fixture *f = *state;
    char first[64];
    char second[64];

    set_up(f);
    assert_non_null(strstr(call(f, "GET", "/api/v1/routing", ""), "general"));
    draft_make(f, "{\\\"queues\\\":{\\\"one\\\":{}}}", first, sizeof(first));
    draft_make(f, "{\\\"queues\\\":{\\\"two\\\":{}}}", second, sizeof(second));
    assert_int_equal(publish(f, first), 200);
    assert_true((f->reply.effects & API_EFFECT_IN_FORCE) != 0);
    assert_int_equal(publish(f, first), 409);
    assert_non_null(strstr(call(f, "GET", "/api/v1/routing", ""), "one"));
    assert_int_equal(publish(f, second), 200);
    assert_non_null(strstr(call(f, "GET", "/api/v1/routing", ""), "two"));
    assert_non_null(strstr(call(f, "GET", first, ""), "\"state\":\"retired\""));
    call(f, "PATCH", first, "{\"note\":\"other\"}");
    assert_int_equal(f->reply.status, 409); /* what was published stays as it was */
    call(f, "DELETE", second, "");
    assert_int_equal(f->reply.status, 409);
    assert_int_equal(publish(f, first), 200); /* back */
    assert_non_null(strstr(call(f, "GET", "/api/v1/routing", ""), "one"));
    call(f, "DELETE", second, "");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(call(f, "GET", "/api/v1/audit", ""), "routing-configs.publish"));
    assert_null(strstr(call(f, "GET", "/api/v1/routing-configs", ""), "queues"));
}

static void routing_errors_have_their_path(void **state)
{
    struct fixture *f = *state;
    const char *answer;
    char path[64];

    set_up(f);
    answer = call(f, "POST", "/api/v1/routing-checks",
                  "{\"config\":\"{\\\"queues\\\":{\\\"q\\\":{\\\"pick\\\":\\\"best\\\"}}}\"}");
    assert_int_equal(f->reply.status, 200);
    assert_null(strstr(answer, "\"ok\""));
    assert_non_null(strstr(answer, "\"path\":\"queues.q.pick\""));
    draft_make(f, "{", path, sizeof(path)); /* half written is a draft too */
    assert_int_equal(publish(f, path), 400);
    call(f, "PATCH", path, "{\"config\":\"{\\\"queues\\\":{\\\"q\\\":{}}}\"}");
    assert_int_equal(f->reply.status, 200);
    assert_int_equal(publish(f, path), 200);
}

static void what_agents_can_do_is_checked(void **state)
{
    struct fixture *f = *state;
    static const char agent[] = "{\"email\":\"%s\",\"name\":\"A\",\"role\":\"agent\","
                                "\"password\":\"" PASSWORD "\",\"skills\":[%s]}";
    char body[512];

    set_up(f);
    snprintf(body, sizeof(body), agent, "a@shop.test", "{\"skill\":\"zh\",\"level\":11}");
    assert_non_null(strstr(call(f, "POST", "/api/v1/agents", body), "\"field\":\"skills\""));
    snprintf(body, sizeof(body), agent, "a@shop.test",
             "{\"skill\":\"zh\",\"level\":1},{\"skill\":\"zh\",\"level\":2}");
    assert_non_null(strstr(call(f, "POST", "/api/v1/agents", body), "given twice"));
    snprintf(body, sizeof(body), agent, "a@shop.test", "{\"skill\":\"zh\",\"level\":10}");
    assert_non_null(strstr(call(f, "POST", "/api/v1/agents", body), "\"level\":10"));
    assert_int_equal(f->reply.status, 201);
}

/* ---- understanding ----------------------------------------------------------------------------
 */

static void example_files_are_imported_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    const char *answer;

    set_up(f);
    answer = import_csv(f, "/api/v1/examples/import", "text,intent\n退款,refund\n\"物流");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(answer, "\"line\":3,\"message\":\"quote is not closed\""));
    assert_null(strstr(answer, "created"));
    assert_non_null(strstr(call(f, "GET", "/api/v1/intents", ""), "{}"));
    answer = import_csv(f, "/api/v1/examples/import?dryRun=1", "refund\t退款\n");
    assert_non_null(strstr(answer, "\"created\":1"));
    assert_non_null(strstr(call(f, "GET", "/api/v1/intents", ""), "{}"));
    answer = import_csv(f, "/api/v1/examples/import",
                        "refund\t退款\nrefund\tmoney back\nparcel\t物流\n");
    assert_non_null(strstr(answer, "\"created\":3"));
    answer = import_csv(f, "/api/v1/examples/import", "refund\t退款\nparcel\twhere is it\n");
    assert_non_null(strstr(answer, "\"created\":1"));
    assert_non_null(strstr(answer, "\"updated\":1"));
    answer = call(f, "GET", "/api/v1/examples", "");
    assert_non_null(strstr(answer, "\"locale\":\"zh\",\"text\":\"退款\""));
    assert_non_null(strstr(answer, "\"locale\":\"en\",\"text\":\"money back\""));
    answer = call(f, "GET", "/api/v1/examples/export?format=tsv", "");
    assert_non_null(strstr(answer, "parcel\twhere is it"));
    import_csv(f, "/api/v1/examples/import?format=odt", "x");
    assert_int_equal(f->reply.status, 400);
}

static void an_import_goes_on_behind_bad_lines_and_counts_them(void **state)
{
    struct fixture *f = *state;
    const char *answer;
    struct buf tsv;

    set_up(f);
    answer = import_csv(f, "/api/v1/examples/import",
                        "refund\t退款\nrefund\t\nparcel\t物流\nno tab\nparcel\twhere is it\n");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(answer, "\"created\":3"));
    assert_non_null(strstr(answer, "\"rejected\":2"));
    assert_non_null(strstr(answer, "{\"line\":2,\"message\":\"text is empty\"}"));
    assert_non_null(strstr(answer, "{\"line\":4,\"message\":\"one column, two are needed\"}"));
    buf_init(&tsv, 1024 * 1024);
    for (int i = 0; i < 101; i++)
        buf_printf(&tsv, "bad\t\n");
    buf_printf(&tsv, "refund\tone more%c", 0);
    answer = import_csv(f, "/api/v1/examples/import?dryRun=1", tsv.ptr);
    assert_non_null(strstr(answer, "\"rejected\":101"));
    assert_non_null(strstr(answer, "\"line\":100"));
    assert_null(strstr(answer, "\"line\":101"));
    assert_non_null(strstr(answer, "\"created\":1"));
    buf_fini(&tsv);
}

static void an_import_beyond_one_transaction_takes_several(void **state)
{
    struct fixture *f = *state;
    struct buf tsv;

    set_up(f);
    buf_init(&tsv, 1024 * 1024);
    for (int i = 0; i < 3000; i++)
        buf_printf(&tsv, "intent.%d\texample number %d\n", i % 7, i);
    buf_add_char(&tsv, '\0');
    assert_non_null(strstr(import_csv(f, "/api/v1/examples/import", tsv.ptr), "\"created\":3000"));
    assert_non_null(strstr(import_csv(f, "/api/v1/examples/import", tsv.ptr), "\"updated\":3000"));
    buf_fini(&tsv);
}

static void an_intent_goes_with_its_examples(void **state)
{
    struct fixture *f = *state;
    char path[64] = "/api/v1/intents/";
    char body[128];

    set_up(f);
    text_take(call(f, "POST", "/api/v1/intents", "{\"name\":\"refund\",\"answerZh\":\"好\"}"), "id",
              path + strlen(path), 32);
    assert_int_equal(f->reply.status, 201);
    assert_true((f->reply.effects & API_EFFECT_BOT) != 0);
    call(f, "POST", "/api/v1/intents", "{\"name\":\"refund\"}");
    assert_int_equal(f->reply.status, 409);
    snprintf(body, sizeof(body), "{\"intentId\":\"%s\",\"locale\":\"zh\",\"text\":\"退款\"}",
             path + strlen("/api/v1/intents/"));
    call(f, "POST", "/api/v1/examples", body);
    assert_int_equal(f->reply.status, 201);
    call(f, "POST", "/api/v1/examples", body);
    assert_int_equal(f->reply.status, 409); /* the same again */
    call(f, "POST", "/api/v1/examples",
         "{\"intentId\":\"77\",\"locale\":\"zh\",\"text\":\"退款\"}");
    assert_int_equal(f->reply.status, 400);
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 200);
    assert_string_equal(call(f, "GET", "/api/v1/examples", ""), "{}");
}

static void a_rule_is_compiled_before_it_is_kept(void **state)
{
    struct fixture *f = *state;
    const char *answer;

    set_up(f);
    answer = call(f, "POST", "/api/v1/rules",
                  "{\"name\":\"r\",\"condition\":\"退货 & (\",\"answer\":\"a\"}");
    assert_int_equal(f->reply.status, 400);
    assert_non_null(strstr(answer, "\"field\":\"condition\""));
    assert_non_null(strstr(answer, "line 1 column"));
    call(f, "POST", "/api/v1/rules",
         "{\"name\":\"r\",\"condition\":\"退货 & !发票\",\"answer\":\"a\"}");
    assert_int_equal(f->reply.status, 201);
    call(f, "POST", "/api/v1/rules",
         "{\"name\":\"w\",\"any\":[\"加微信\"],\"action\":\"mask\",\"disguise\":\"pinyin\"}");
    assert_int_equal(f->reply.status, 201);
    call(f, "POST", "/api/v1/rules", "{\"name\":\"w\",\"any\":[\"x\"],\"action\":\"burn\"}");
    assert_int_equal(f->reply.status, 400);
    assert_non_null(strstr(call(f, "POST", "/api/v1/rules",
                                "{\"name\":\"w\",\"any\":[\"x\",\"\"],\"action\":\"mask\"}"),
                           "\"field\":\"any[1]\""));
}

static void a_rules_times_and_sites_are_checked_by_their_paths(void **state)
{
    static const char *const bad[][2] = {
        { "\"active\":\"2024-11-12 .. 2024-11-01\"", "\"field\":\"active\"" },
        { "\"hours\":\"9-18\"", "\"field\":\"hours\"" },
        { "\"priority\":1000001", "\"field\":\"priority\"" },
        { "\"siteIds\":[\"SITE\",\"77\"]", "\"field\":\"siteIds[1]\"" },
    };
    struct fixture *f = *state;
    const char *answer;
    char site[32];
    char body[256];

    set_up(f);
    text_take(call(f, "GET", "/api/v1/sites", ""), "id", site, sizeof(site));
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        const char *id = strstr(bad[i][0], "SITE");

        snprintf(body, sizeof(body), "{\"name\":\"r\",\"any\":[\"x\"],\"answer\":\"a\",%.*s%s%s}",
                 id != NULL ? (int)(id - bad[i][0]) : (int)strlen(bad[i][0]), bad[i][0],
                 id != NULL ? site : "", id != NULL ? id + 4 : "");
        answer = call(f, "POST", "/api/v1/rules", body);
        assert_int_equal(f->reply.status, 400);
        if (strstr(answer, bad[i][1]) == NULL)
            fail_msg("%s", answer);
    }
    snprintf(body, sizeof(body),
             "{\"name\":\"r\",\"any\":[\"x\"],\"answer\":\"a\",\"siteIds\":[\"%s\"],"
             "\"active\":\"2024-11-01 ..\",\"hours\":\"mon-fri 09:00-18:00\"}",
             site);
    answer = call(f, "POST", "/api/v1/rules", body);
    assert_int_equal(f->reply.status, 201);
    assert_non_null(strstr(answer, "\"hours\":\"mon-fri 09:00-18:00\""));
}

static void one_training_at_a_time_and_nothing_unready_goes_live(void **state)
{
    struct fixture *f = *state;
    char path[96] = "/api/v1/models/";
    size_t end;

    set_up(f);
    text_take(call(f, "POST", "/api/v1/models", "{\"publish\":true}"), "id", path + strlen(path),
              32);
    assert_int_equal(f->reply.status, 202);
    assert_true((f->reply.effects & API_EFFECT_TRAIN) != 0);
    assert_true(f->reply.train != 0);
    call(f, "POST", "/api/v1/models", "{}");
    assert_int_equal(f->reply.status, 409);
    end = strlen(path);
    snprintf(path + end, sizeof(path) - end, "/publish");
    call(f, "POST", path, "");
    assert_int_equal(f->reply.status, 409);
    snprintf(path + end, sizeof(path) - end, "/cancel");
    assert_non_null(strstr(call(f, "POST", path, ""), "\"status\":\"cancelled\""));
    call(f, "POST", path, "");
    assert_int_equal(f->reply.status, 409);
    path[end] = '\0';
    call(f, "DELETE", path, "");
    assert_int_equal(f->reply.status, 200);
    call(f, "GET", path, "");
    assert_int_equal(f->reply.status, 404);
}

static void a_question_to_try_goes_to_the_shard(void **state)
{
    struct fixture *f = *state;

    set_up(f);
    call(f, "POST", "/api/v1/try", "{\"text\":\"\"}");
    assert_int_equal(f->reply.status, 400);
    call(f, "POST", "/api/v1/try", "{\"text\":\"退货\",\"locale\":\"zh\"}");
    assert_int_equal(f->reply.status, 200);
    assert_true((f->reply.effects & API_EFFECT_TRY) != 0);
    assert_true(slice_equal_text(f->reply.try.text, "退货"));
    assert_string_equal(call(f, "GET", "/api/v1/unclear-questions", ""), "{}");
    call(f, "POST", "/api/v1/unclear-questions/dismiss", "{\"ids\":[\"5\"]}");
    assert_int_equal(f->reply.status, 200);
}

/* ---- flows ---- */

#define HELLO(version, target)                                                            \
    "flow: hello\\nversion: " version "\\nlocales: [en]\\nslots: {name: {type: text}}\\n" \
    "states:\\n  ask_name: {ask: name, when: {filled: " target                            \
    ", exhausted: done, timeout: done}}"                                                  \
    "\\n  done: {end: done}\\ntexts:\\n  ask.name: {en: Your name?}\\n"

static void a_flow_is_published_only_when_it_passes(void **state)
{
    static const char story[] =
        "{\"name\":\"a.yaml\",\"source\":\"story: says done\\nflow: hello\\n"
        "steps:\\n  - {user: hello}\\n  - {user: Ann, expect: {end: %s}}\\n\"}";
    struct fixture *f = *state;
    char body[512];
    char id[32];
    char story_id[32];
    char path[96];

    set_up(f);
    call(f, "POST", "/api/v1/flows", "{\"source\":\"" HELLO("1", "nowhere") "\"}");
    assert_int_equal(f->reply.status, 201);
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/flows/%s/check", id);
    assert_non_null(strstr(call(f, "POST", path, "{}"), "\"E1\""));
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", id);
    assert_non_null(strstr(call(f, "POST", path, ""), "E1"));
    assert_int_equal(f->reply.status, 409);
    snprintf(path, sizeof(path), "/api/v1/flows/%s", id);
    call(f, "PATCH", path, "{\"source\":\"" HELLO("1", "done") "\"}");
    assert_int_equal(f->reply.status, 200);
    snprintf(body, sizeof(body), story, "other");
    call(f, "POST", "/api/v1/stories", body);
    assert_int_equal(f->reply.status, 201);
    text_take(f->reply.body.ptr, "id", story_id, sizeof(story_id));
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", id);
    assert_non_null(strstr(call(f, "POST", path, ""), "stories fail"));
    snprintf(path, sizeof(path), "/api/v1/stories/%s", story_id);
    call(f, "DELETE", path, "");
    snprintf(body, sizeof(body), story, "done");
    call(f, "POST", "/api/v1/stories", body);
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", id);
    assert_non_null(strstr(call(f, "POST", path, ""), "\"state\":\"published\""));
    assert_true((f->reply.effects & API_EFFECT_BOT) != 0);
}

static void a_new_version_retires_the_old_and_the_old_comes_back(void **state)
{
    struct fixture *f = *state;
    const char *list;
    char first[32];
    char second[32];
    char path[96];

    set_up(f);
    call(f, "POST", "/api/v1/flows", "{\"source\":\"" HELLO("1", "done") "\"}");
    text_take(f->reply.body.ptr, "id", first, sizeof(first));
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", first);
    call(f, "POST", path, "");
    assert_int_equal(f->reply.status, 200);
    call(f, "POST", "/api/v1/flows", "{\"source\":\"" HELLO("1", "done") "\"}");
    text_take(f->reply.body.ptr, "id", second, sizeof(second));
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", second);
    assert_non_null(strstr(call(f, "POST", path, ""), "version: 2"));
    snprintf(path, sizeof(path), "/api/v1/flows/%s", first);
    assert_non_null(strstr(call(f, "GET", path, ""), "retired"));
    call(f, "PATCH", path, "{\"note\":\"x\"}");
    assert_int_equal(f->reply.status, 409);
    snprintf(path, sizeof(path), "/api/v1/flows/%s/publish", first);
    assert_non_null(strstr(call(f, "POST", path, ""), "\"number\":3"));
    list = call(f, "GET", "/api/v1/flows", "");
    assert_null(strstr(list, "states:"));
    assert_non_null(strstr(list, "rolled back"));
    snprintf(path, sizeof(path), "/api/v1/flows/%s", second);
    assert_non_null(strstr(call(f, "GET", path, ""), "retired"));
}

static void a_trial_is_stepped_with_its_own_clock(void **state)
{
    struct fixture *f = *state;
    char body[2048];
    char trial[512];
    const char *answer;

    set_up(f);
    answer = call(f, "POST", "/api/v1/flows/try",
                  "{\"flow\":\"hello\",\"source\":\"" HELLO("1", "done") "\"}");
    assert_int_equal(f->reply.status, 200);
    assert_non_null(strstr(answer, "Your name?"));
    assert_non_null(strstr(answer, "\"at\":\"ask_name\""));
    text_take(answer, "state", trial, sizeof(trial));
    snprintf(body, sizeof(body),
             "{\"flow\":\"hello\",\"state\":\"%s\",\"nowMs\":\"%lld\",\"advanceMs\":\"999999999\","
             "\"source\":\"" HELLO("1", "done") "\"}",
             trial, (long long)clock_wall_ms(&clock_system));
    answer = call(f, "POST", "/api/v1/flows/try", body);
    assert_non_null(strstr(answer, "\"kind\":\"end\""));
    answer = call(f, "POST", "/api/v1/flows/try", "{\"flow\":\"nothing\"}");
    assert_int_equal(f->reply.status, 404);
}

static void a_secret_goes_in_and_never_comes_out(void **state)
{
    struct fixture *f = *state;
    const char *audit;
    char id[32], path[64];

    set_up(f);
    call(f, "POST", "/api/v1/secrets", "{\"name\":\"shop\",\"value\":\"sk-very-secret-1234\"}");
    assert_int_equal(f->reply.status, 201);
    assert_non_null(strstr(f->reply.body.ptr, "\"hint\":\"1234\""));
    assert_null(strstr(f->reply.body.ptr, "very-secret"));
    assert_null(strstr(f->reply.body.ptr, "sealed"));
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    assert_null(strstr(call(f, "GET", "/api/v1/secrets", ""), "very-secret"));
    snprintf(path, sizeof(path), "/api/v1/secrets/%s", id);
    call(f, "PATCH", path, "{\"value\":\"sk-very-secret-5678\"}");
    assert_int_equal(f->reply.status, 200);
    audit = call(f, "GET", "/api/v1/audit", "");
    assert_non_null(strstr(audit, "secrets.update"));
    assert_non_null(strstr(audit, "5678"));
    assert_null(strstr(audit, "very-secret"));
    assert_null(strstr(audit, "sealed"));
    call(f, "POST", "/api/v1/secrets", "{\"name\":\"shop\",\"value\":\"other\"}");
    assert_int_equal(f->reply.status, 409);
    call(f, "POST", "/api/v1/actions", "{\"name\":\"a.b\",\"url\":\"ftp://shop\"}");
    assert_int_equal(f->reply.status, 400);
}

/* ---- files of visitors ---- */

static void visitor_token(struct fixture *f, uint64_t visitor, char out[128])
{
    char site[32];
    struct auth_visitor who = { .visitor_id = visitor, .issued_s = 1 };

    text_take(call(f, "GET", "/api/v1/sites", ""), "id", site, sizeof(site));
    who.site_id = strtoull(site, NULL, 10);
    memcpy(out, "Bearer ", 7);
    auth_visitor_sign(&f->key, &who, out + 7);
}

static const char *as_visitor(struct fixture *f, const char *token, const char *method,
                              const char *path, struct slice body)
{
    struct api_request request = request_make(f, method, path, "");

    request.cookie = request.csrf = SLICE_EMPTY;
    request.content_type = SLICE_LITERAL("image/png");
    request.authorization = slice_of(token);
    request.body = body;
    return send_request(f, &request);
}

#define PNG "\x89PNG\r\n\x1A\n"

static void an_upload_is_read_by_its_visitor_and_by_agents_only(void **state)
{
    struct fixture *f = *state;
    struct auth_attachment reference;
    char mine[128], other[128], id[32], text[128], path[96], again[32];

    set_up(f);
    visitor_token(f, 7, mine);
    visitor_token(f, 8, other);
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments?name=..%2F%E6%9D%AF.png",
               SLICE_LITERAL(PNG "data"));
    assert_int_equal(f->reply.status, 201);
    assert_non_null(strstr(f->reply.body.ptr, "\"name\":\"杯.png\",\"type\":\"image/png\""));
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    text_take(f->reply.body.ptr, "reference", text, sizeof(text));
    assert_int_equal(auth_attachment_verify(&f->key, slice_of(text), 7, &reference, NULL), ERR_OK);
    assert_string_equal(reference.name, "杯.png");
    /* Sent again after a lost answer: the same one. */
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments?name=%E6%9D%AF.png",
               SLICE_LITERAL(PNG "data"));
    text_take(f->reply.body.ptr, "id", again, sizeof(again));
    assert_string_equal(id, again);

    snprintf(path, sizeof(path), "/api/v1/visitor/attachments/%s", id);
    as_visitor(f, mine, "GET", path, SLICE_EMPTY);
    assert_int_equal(f->reply.status, 200);
    assert_string_equal(f->reply.body.ptr, PNG "data");
    assert_string_equal(f->reply.content_type, "image/png");
    assert_string_equal(f->reply.disposition, "attachment; filename*=UTF-8''%E6%9D%AF.png");
    as_visitor(f, other, "GET", path, SLICE_EMPTY);
    assert_int_equal(f->reply.status, 404);
    as_visitor(f, "Bearer nobody", "GET", path, SLICE_EMPTY);
    assert_int_equal(f->reply.status, 401);
    call(f, "GET", path, ""); /* an agent is no visitor */
    assert_int_equal(f->reply.status, 403);
    snprintf(path, sizeof(path), "/api/v1/attachments/%s", id);
    call(f, "GET", path, "");
    assert_int_equal(f->reply.status, 200);
    assert_string_equal(f->reply.body.ptr, PNG "data");
    as_visitor(f, mine, "GET", path, SLICE_EMPTY);
    assert_int_equal(f->reply.status, 401);
}

static void an_upload_is_bounded_and_of_a_known_kind(void **state)
{
    struct fixture *f = *state;
    size_t max = ATTACHMENT_BYTES_MAX;
    char *bytes = calloc(1, max + 1);
    char mine[128], other[128], id[32], path[96];

    set_up(f);
    visitor_token(f, 7, mine);
    visitor_token(f, 8, other);
    memcpy(bytes, PNG, 8);
    bytes[STORE_BODY_MAX] = 'x'; /* of the second part */
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", slice_make(bytes, max));
    assert_int_equal(f->reply.status, 201);
    text_take(f->reply.body.ptr, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/api/v1/visitor/attachments/%s", id);
    as_visitor(f, mine, "GET", path, SLICE_EMPTY);
    assert_int_equal(f->reply.body.len, max + 1); /* and the test's NUL */
    assert_memory_equal(f->reply.body.ptr, bytes, max);
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", slice_make(bytes, max + 1));
    assert_int_equal(f->reply.status, 413);
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", SLICE_LITERAL("<svg/>"));
    assert_int_equal(f->reply.status, 400);
    for (unsigned i = 1; i < ATTACHMENT_VISITOR_MAX; i++) {
        bytes[8] = (char)i;
        as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", slice_make(bytes, 9));
        assert_int_equal(f->reply.status, 201);
    }
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", slice_make(bytes, 10));
    assert_int_equal(f->reply.status, 429);
    as_visitor(f, mine, "POST", "/api/v1/visitor/attachments", slice_make(bytes, 9));
    assert_int_equal(f->reply.status, 201); /* a repeat is no new one */
    as_visitor(f, other, "POST", "/api/v1/visitor/attachments", slice_make(bytes, 10));
    assert_int_equal(f->reply.status, 201);
    free(bytes);
}

static void another_sites_page_uploads_nothing(void **state)
{
    struct fixture *f = *state;
    struct api_request request;
    char mine[128];

    set_up(f);
    visitor_token(f, 7, mine);
    request = request_make(f, "POST", "/api/v1/visitor/attachments", PNG);
    request.cookie = SLICE_EMPTY;
    request.authorization = slice_of(mine);
    request.origin = SLICE_LITERAL("https://evil.test");
    send_request(f, &request);
    assert_int_equal(f->reply.status, 403);
}

static void simulations_are_bounded_and_need_a_past(void **state)
{
    struct fixture *f = *state;

    set_up(f);
    call(f, "POST", "/api/v1/routing-simulations", "{\"extraAgents\":2}");
    assert_int_equal(f->reply.status, 412); /* nothing has happened here yet */
    call(f, "POST", "/api/v1/routing-simulations", "{\"days\":31,\"seeds\":100}");
    assert_int_equal(f->reply.status, 412);
    assert_non_null(strstr(call(f, "POST", "/api/v1/routing-simulations", "{\"days\":32}"),
                           "\"field\":\"days\""));
    assert_non_null(strstr(call(f, "POST", "/api/v1/routing-simulations", "{\"seeds\":101}"),
                           "\"field\":\"seeds\""));
    assert_non_null(strstr(call(f, "POST", "/api/v1/routing-simulations", "{\"extraAgents\":51}"),
                           "\"field\":\"extraAgents\""));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_fixture, teardown_fixture)
    const struct CMUnitTest tests[] = {
        CASE(setup_works_once_with_the_printed_token),
        CASE(wrong_password_and_unknown_account_look_the_same_and_lock),
        CASE(changes_by_cookie_need_the_token_and_our_origin),
        CASE(the_public_address_is_our_own_too),
        CASE(every_route_answers_each_role_by_its_permission),
        CASE(record_lives_through_versions_and_repeats),
        CASE(a_ladder_is_checked_before_the_bot_has_to_climb_it),
        CASE(an_escaped_name_is_the_field_that_it_means),
        CASE(a_query_that_cannot_be_read_is_refused_with_its_name),
        CASE(a_site_gets_its_key_and_its_secret_from_the_server),
        CASE(the_command_line_makes_a_way_in),
        CASE(settings_are_shown_with_their_source),
        CASE(an_agent_is_changed_deleted_and_then_a_stranger),
        CASE(api_token_reaches_no_further_than_its_scopes),
        CASE(a_deleted_token_ends_its_sockets),
        CASE(tokens_are_listed_page_by_page),
        CASE(an_agent_may_be_called_password),
        CASE(log_ins_that_have_ended_do_not_pile_up),
        CASE(a_reply_is_repeated_for_a_day_and_then_forgotten),
        CASE(log_ins_of_people_who_never_came_back_are_deleted),
        CASE(a_reset_password_ends_every_log_in),
        CASE(last_owner_stays),
        CASE(openapi_describes_every_route),
        CASE(faq_import_names_bad_lines_and_takes_the_good_ones),
        CASE(faq_import_dry_run_changes_nothing),
        CASE(faq_import_beyond_its_bound_changes_nothing),
        CASE(routing_is_published_and_rolled_back_in_versions),
        CASE(routing_errors_have_their_path),
        CASE(what_agents_can_do_is_checked),
        CASE(simulations_are_bounded_and_need_a_past),
        CASE(example_files_are_imported_whole_or_not_at_all),
        CASE(an_import_goes_on_behind_bad_lines_and_counts_them),
        CASE(an_import_beyond_one_transaction_takes_several),
        CASE(an_intent_goes_with_its_examples),
        CASE(a_rule_is_compiled_before_it_is_kept),
        CASE(a_rules_times_and_sites_are_checked_by_their_paths),
        CASE(one_training_at_a_time_and_nothing_unready_goes_live),
        CASE(a_question_to_try_goes_to_the_shard),
        CASE(a_flow_is_published_only_when_it_passes),
        CASE(a_new_version_retires_the_old_and_the_old_comes_back),
        CASE(a_trial_is_stepped_with_its_own_clock),
        CASE(a_secret_goes_in_and_never_comes_out),
        CASE(an_upload_is_read_by_its_visitor_and_by_agents_only),
        CASE(an_upload_is_bounded_and_of_a_known_kind),
        CASE(another_sites_page_uploads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
