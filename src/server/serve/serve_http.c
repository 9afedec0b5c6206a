/* SPDX-License-Identifier: Apache-2.0 */
/* Which request goes where, and the few addresses that are answered on the spot. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_origin.h"
#include "mem.h"
#include "serve_metric.h"
#include "serve_priv.h"

/* ---- requests and uploads per address -------------------------------------------------------- */

enum {
    LIMIT_CELLS = 8192,       /* addresses remembered; two that collide share a bucket */
    LIMIT_BURST_SECONDS = 10, /* a page load with its pictures, an office behind one address */
};

/* Tokens are billionths: one an hour is 277,777 of them in a second. */
#define TOKEN   INT64_C(1000000000)
#define HOUR_US INT64_C(3600000000)

struct limit_cell {
    int64_t at_us;
    int64_t tokens;
};

void node_limit_init(struct node *node)
{
    node->limits = mem_zalloc(LIMIT_CELLS * sizeof(*node->limits));
    node->uploads = mem_zalloc(LIMIT_CELLS * sizeof(*node->uploads));
    node->limit_key = (struct hash_key){ auth_random_u64(), auth_random_u64() };
}

void node_limit_fini(struct node *node)
{
    free(node->limits);
    free(node->uploads);
    node->limits = node->uploads = NULL;
}

/* Whoever has one IPv6 address has all of its /64, so that is what counts. */
static uint64_t address_hash(const struct node *node, struct slice address)
{
    char text[NET_PEER_TEXT_BYTES];
    struct in6_addr in6;

    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(address));
    if (inet_pton(AF_INET6, text, &in6) == 1 && !IN6_IS_ADDR_V4MAPPED(&in6))
        return hash_bytes(node->limit_key, &in6, 8);
    return hash_bytes(node->limit_key, address.ptr, address.len);
}

/* A bucket that holds `full` and gets per_hour of them; both up to a billion. */
static bool token_take(struct limit_cell *cell, uint64_t per_hour, uint64_t full)
{
    int64_t now = clock_mono_us(&clock_system);
    int64_t max = (int64_t)full * TOKEN;
    int64_t gone = cell->at_us == 0 || now - cell->at_us > HOUR_US ? HOUR_US : now - cell->at_us;
    double gain = (double)gone / (double)HOUR_US * (double)per_hour * (double)TOKEN;

    if (cell->at_us == 0 || (double)cell->tokens + gain >= (double)max)
        cell->tokens = max;
    else
        cell->tokens += (int64_t)gain;
    cell->at_us = now;
    if (cell->tokens < TOKEN)
        return false;
    cell->tokens -= TOKEN;
    return true;
}

bool node_limit(struct node *node, struct slice address)
{
    uint64_t rate = config_number(node->server->config, CONFIG_LIMIT_IP_RATE);

    return rate == 0 || token_take(&node->limits[address_hash(node, address) % LIMIT_CELLS],
                                   rate * 3600, rate * LIMIT_BURST_SECONDS);
}

static bool upload_limit(struct node *node, struct slice address)
{
    uint64_t rate = config_number(node->server->config, CONFIG_LIMIT_UPLOADS);

    return rate == 0 ||
           token_take(&node->uploads[address_hash(node, address) % LIMIT_CELLS], rate, rate);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void reply_text(struct node *node, struct http_ref ref, int status, const char *type,
                       struct slice body)
{
    const struct http_field fields[] = {
        { SLICE_LITERAL("Cache-Control"), SLICE_LITERAL("no-store") },
        { SLICE_LITERAL("Content-Security-Policy"), SLICE_LITERAL(NODE_CSP_NOTHING) },
    };
    struct http_reply reply = { .status = status,
                                .type = slice_of(type),
                                .body = body,
                                .fields = fields,
                                .field_count = LENGTH_OF(fields) };

    http_reply(node->http, ref, &reply);
}

void node_http_error(struct node *node, struct http_ref ref, const struct err *err)
{
    struct api_reply body;
    char seconds[16];
    struct http_field fields[3] = {
        { SLICE_LITERAL("Cache-Control"), SLICE_LITERAL("no-store") },
        { SLICE_LITERAL("Content-Security-Policy"), SLICE_LITERAL(NODE_CSP_NOTHING) },
    };
    struct http_reply reply = { .fields = fields, .field_count = 2 };

    api_reply_init(&body);
    api_reply_error(&body, err);
    reply.status = body.status;
    reply.type = slice_of(body.content_type);
    reply.body = buf_slice(&body.body);
    if (body.retry_after_s > 0) {
        snprintf(seconds, sizeof(seconds), "%u", body.retry_after_s);
        fields[reply.field_count++] =
            (struct http_field){ SLICE_LITERAL("Retry-After"), slice_of(seconds) };
    }
    http_reply(node->http, ref, &reply);
    api_reply_fini(&body);
}

bool node_ready(const struct node *node)
{
    return node->started && node->drain_until == 0 && store_writable(node->server->store);
}

static void ready_reply(struct node *node, struct http_ref ref)
{
    if (node_ready(node))
        reply_text(node, ref, 200, "text/plain", SLICE_LITERAL("ready\n"));
    else
        reply_text(node, ref, 503, "text/plain", SLICE_LITERAL("not ready\n"));
}

/* The numbers are for whoever runs the server: asked for on the machine itself, not through a
 * proxy that stands on it. */
static bool from_this_machine(const struct http_request *request)
{
    return (slice_starts_with(request->peer, SLICE_LITERAL("127.")) ||
            slice_equal_text(request->peer, "::1") || slice_equal_text(request->peer, "unix")) &&
           http_field_get(request, "x-forwarded-for").ptr == NULL &&
           http_field_get(request, "forwarded").ptr == NULL;
}

static void metrics_reply(struct node *node, const struct http_request *request,
                          struct http_ref ref)
{
    struct err err = { 0 };

    if (!from_this_machine(request)) {
        err_set(&err, ERR_FORBIDDEN, "metrics are read on the machine itself");
        node_http_error(node, ref, &err);
        return;
    }
    buf_clear(&node->buf);
    serve_metric_render(node->server, &node->buf);
    reply_text(node, ref, 200, "text/plain; version=0.0.4", buf_slice(&node->buf));
}

static void redirect(struct node *node, struct http_ref ref, const char *to)
{
    const struct http_field fields[] = {
        { SLICE_LITERAL("Location"), slice_of(to) },
        { SLICE_LITERAL("Cache-Control"), SLICE_LITERAL("no-store") },
        { SLICE_LITERAL("Content-Security-Policy"), SLICE_LITERAL(NODE_CSP_NOTHING) },
    };
    struct http_reply reply = { .status = 302, .fields = fields, .field_count = LENGTH_OF(fields) };

    http_reply(node->http, ref, &reply);
}

/* ---- who may connect ------------------------------------------------------------------------- */

bool node_origin_ok(const struct node *node, const struct http_request *request)
{
    struct slice origin = http_field_get(request, "origin");

    return origin.ptr == NULL || auth_origin_is(origin, request->host) ||
           auth_origin_is(origin, slice_of(config_text(node->server->config, CONFIG_PUBLIC_URL)));
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static bool path_is(const struct http_request *request, const char *path)
{
    return slice_equal_text(request->path, path);
}

static bool is_get(const struct http_request *request)
{
    return request->method == HTTP_GET || request->method == HTTP_HEAD;
}

static bool probe(struct node *node, const struct http_request *request, struct http_ref ref)
{
    if (!is_get(request))
        return false;
    if (path_is(request, "/healthz"))
        reply_text(node, ref, 200, "text/plain", SLICE_LITERAL("ok\n"));
    else if (path_is(request, "/readyz"))
        ready_reply(node, ref);
    else if (path_is(request, "/metrics"))
        metrics_reply(node, request, ref);
    else
        return false;
    return true;
}

static void page(struct node *node, const struct http_request *request, struct http_ref ref)
{
    struct err err = { 0 };

    if (is_get(request) && path_is(request, "/")) {
        redirect(node, ref, "/console");
        return;
    }
    if (is_get(request) && node_asset(node, request, ref))
        return;
    if (is_get(request))
        err_set(&err, ERR_NOT_FOUND, "no such address");
    else
        err_set(&err, ERR_METHOD, "method not allowed here");
    node_http_error(node, ref, &err);
}

static bool is_upload(const struct http_request *request)
{
    return request->method == HTTP_POST && path_is(request, "/api/v1/visitor/attachments");
}

void node_http_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    struct node *node = ctx;
    struct err err = { 0 };

    loop_activity_note(node->loop, "http");
    if (probe(node, request, ref))
        return;
    if (!node_limit(node, request->peer)) {
        err_set(&err, ERR_RATE_LIMITED, "too many requests from this address");
        err.retry_after_ms = 1000;
        node_http_error(node, ref, &err);
        return;
    }
    if (is_upload(request) && !upload_limit(node, request->peer)) {
        err_set(&err, ERR_RATE_LIMITED, "too many files from this address");
        err.retry_after_ms = 60 * 1000;
        node_http_error(node, ref, &err);
        return;
    }
    if (path_is(request, "/ws"))
        node_socket(node, request, ref);
    else if (path_is(request, "/api/v1/visitor/frames"))
        node_visitor_frame(node, request, ref);
    else if (path_is(request, "/api/v1/visitor/stream"))
        node_visitor_stream(node, request, ref);
    else if (path_is(request, "/api/v1/visitor/site") && is_get(request))
        node_visitor_site(node, request, ref);
    else if (slice_starts_with(request->path, SLICE_LITERAL("/api/")))
        node_api(node, request, ref);
    else
        page(node, request, ref);
}

void node_http_gone(void *ctx, struct http_ref ref)
{
    node_visitor_gone(ctx, ref);
}
