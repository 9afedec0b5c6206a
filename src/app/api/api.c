/* SPDX-License-Identifier: Apache-2.0 */
/* One request from its bytes to its reply: route, who, may he, body, handler, encode. Every check
 * that must not be forgotten stands here once and not in sixty handlers. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth_visitor.h"
#include "mem.h"
#include "schema.h"

enum err_code api_create(const struct api_options *options, struct api **out, struct err *err)
{
    struct api *api;
    enum err_code rc = api_route_check(err);

    if (rc != ERR_OK)
        return rc;
    api = mem_zalloc(sizeof(*api));
    api->store = options->store;
    api->master = *options->master;
    api->clock = options->clock;
    api->models = options->models;
    api->settings = options->settings;
    api->setting_count = options->setting_count;
    api->require_tls = options->require_tls;
    api->public_url = options->public_url != NULL ? options->public_url : "";
    *out = api;
    return ERR_OK;
}

void api_destroy(struct api **api)
{
    free(*api);
    *api = NULL;
}

void api_reply_init(struct api_reply *reply)
{
    memset(reply, 0, sizeof(*reply));
    reply->status = 200;
    reply->content_type = "application/json";
    snprintf(reply->cache_control, sizeof(reply->cache_control), "no-store");
    buf_init(&reply->body, API_REPLY_MAX);
}

void api_reply_fini(struct api_reply *reply)
{
    buf_fini(&reply->body);
}

void api_reply_error(struct api_reply *reply, const struct err *err)
{
    Kefu__V1__Error error = KEFU__V1__ERROR__INIT;
    Kefu__V1__ErrorReply body = KEFU__V1__ERROR_REPLY__INIT;

    error.code = (char *)err_code_name(err->code);
    error.message = (char *)err->text;
    error.field = (char *)err->field;
    error.retry_after_ms = err->retry_after_ms;
    body.error = &error;
    reply->status = err_http_status(err->code);
    reply->content_type = "application/json";
    reply->retry_after_s = (err->retry_after_ms + 999) / 1000;
    reply->effects = 0;
    buf_clear(&reply->body);
    schema_json_encode(&body.base, &reply->body);
}

static enum err_code body_decode(struct api_call *call, struct err *err)
{
    const struct api_route *route = call->route;
    struct slice body = call->request->body;

    if (route->request == NULL || (route->flags & API_RAW_BODY) != 0)
        return ERR_OK;
    /* Forms can't be sent as JSON without the browser asking first: one more lock against CSRF. */
    if (body.len > 0 &&
        !slice_starts_with(call->request->content_type, SLICE_LITERAL("application/json")))
        return err_set(err, ERR_UNSUPPORTED, "content-type must be application/json");
    if (body.len == 0)
        body = SLICE_LITERAL("{}");
    return schema_json_decode(route->request, body, call->arena, &call->body, err);
}

/* *is: the caller holds a visitor's token; then who and visitor are filled in. A token that is none
 * may still be an agent's, who then lacks the permission. */
static enum err_code visitor_check(struct api_call *call, bool *is, struct err *err)
{
    struct slice value = call->request->authorization;
    struct slice scheme = SLICE_LITERAL("Bearer ");
    struct auth_visitor visitor;
    struct store_record site;
    bool found = false;
    enum err_code rc;

    *is = false;
    if (value.len <= scheme.len ||
        !slice_equal_ignore_case(slice_make(value.ptr, scheme.len), scheme))
        return ERR_OK;
    value = slice_trim(slice_make(value.ptr + scheme.len, value.len - scheme.len));
    if (auth_visitor_verify(&call->api->master, value, &visitor, NULL) != ERR_OK)
        return ERR_OK;
    rc = store_record_get(call->api->store, STORE_SITE, visitor.site_id, call->arena, &site, &found,
                          err);
    if (rc == ERR_OK && !found)
        rc = err_set(err, ERR_UNAUTHENTICATED, "the visitor token's site is gone");
    if (rc != ERR_OK)
        return rc;
    *is = true;
    call->visitor = visitor.visitor_id;
    call->who.workspace_id = site.workspace;
    call->who.permissions = role_permissions(ROLE_VISITOR).bits;
    return (call->route->flags & API_SAME_ORIGIN) != 0 ? api_origin_check(call, err) : ERR_OK;
}

static enum err_code who_check(struct api_call *call, struct err *err)
{
    const struct api_route *route = call->route;
    struct permission_set set;
    bool visitor = false;
    enum err_code rc;

    if (route->permission == PERM_VISIT) {
        rc = visitor_check(call, &visitor, err);
        if (rc != ERR_OK || visitor)
            return rc;
    }
    if (route->permission == PERM_PUBLIC) {
        if ((route->flags & API_SAME_ORIGIN) != 0)
            return api_origin_check(call, err);
        return ERR_OK;
    }
    rc = api_authenticate(call->api, call->request, call->arena, &call->who, err);
    if (rc != ERR_OK)
        return rc;
    rc = api_csrf_check(call, err);
    if (rc != ERR_OK)
        return rc;
    set.bits = call->who.permissions;
    if (!permission_has(set, route->permission))
        return err_set(err, ERR_FORBIDDEN, "needs the permission %s",
                       permission_name(route->permission));
    return ERR_OK;
}

static enum err_code answer_encode(struct api_call *call, struct err *err)
{
    if (call->answer == NULL)
        return ERR_OK;
    schema_json_encode(call->answer, &call->reply->body);
    if (!buf_ok(&call->reply->body))
        return err_set(err, ERR_TOO_BIG, "reply too large; ask for fewer items");
    return ERR_OK;
}

static enum err_code call_run(struct api_call *call, struct err *err)
{
    bool known = false;
    bool repeated = false;
    enum err_code rc;

    call->route = api_route_find(call->request->method, call->request->path, &call->id, &known);
    if (call->route == NULL)
        return known ? err_set(err, ERR_METHOD, "method not allowed here")
                     : err_set(err, ERR_NOT_FOUND, "no such address");
    if (call->request->body.len > API_BODY_MAX)
        return err_set(err, ERR_TOO_BIG, "body over %d bytes", API_BODY_MAX);
    rc = who_check(call, err);
    if (rc == ERR_OK)
        rc = api_query_check(call, err);
    if (rc == ERR_OK)
        rc = body_decode(call, err);
    if (rc == ERR_OK && slice_equal_text(call->request->method, "POST"))
        rc = api_repeat_find(call, &repeated, err);
    if (rc != ERR_OK || repeated)
        return rc;
    rc = call->route->handler(call, err);
    if (rc != ERR_OK)
        return rc;
    call->reply->who = call->who;
    /* A change already encoded its answer, because it is stored beside it. */
    return call->reply->body.len > 0 ? ERR_OK : answer_encode(call, err);
}

void api_handle(struct api *api, const struct api_request *request, struct arena *arena,
                struct api_reply *reply)
{
    struct api_call call = {
        .api = api,
        .request = request,
        .arena = arena,
        .reply = reply,
        .now_ms = clock_wall_ms(api->clock),
    };
    struct err err = { 0 };

    if (call_run(&call, &err) != ERR_OK) {
        reply->set_cookie[0] = reply->etag[0] = reply->disposition[0] = '\0';
        api_reply_error(reply, &err);
        return;
    }
    if (reply->etag[0] != '\0' && slice_equal_text(request->if_none_match, reply->etag) &&
        reply->status == 200) {
        reply->status = 304;
        buf_clear(&reply->body);
    }
}
