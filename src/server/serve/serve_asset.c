/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and scripts out of the binary: encoding by Accept-Encoding, conditional requests, and the
 * headers that say what a page may do. The panel may be framed by its site's domains, the rest by
 * nobody. */
#include <stdio.h>
#include <string.h>

#include "assets.h"
#include "auth_origin.h"
#include "serve_priv.h"

enum { CSP_MAX = 4096, FIELDS_MAX = 12 };

#define CSP_COMMON                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "   \
    "'self'; media-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; " \
    "form-action 'self'; "

/* True when the client takes this coding (RFC 9110 section 12.5.3; a weight of 0 refuses). */
static bool coding_accepted(struct slice accept, const char *coding)
{
    size_t len = strlen(coding);

    while (accept.len > 0) {
        const char *comma = memchr(accept.ptr, ',', accept.len);
        size_t item_len = comma != NULL ? (size_t)(comma - accept.ptr) : accept.len;
        struct slice item = slice_trim(slice_make(accept.ptr, item_len));
        struct slice name = item;
        const char *semicolon = item.len > 0 ? memchr(item.ptr, ';', item.len) : NULL;

        if (semicolon != NULL)
            name = slice_trim(slice_make(item.ptr, (size_t)(semicolon - item.ptr)));
        if (name.len == len && slice_equal_ignore_case(name, slice_of(coding))) {
            struct slice rest = semicolon != NULL
                                    ? slice_trim(slice_make(semicolon + 1, item.len - name.len - 1))
                                    : SLICE_EMPTY;
            return !(slice_equal_text(rest, "q=0") || slice_equal_text(rest, "q=0.0") ||
                     slice_equal_text(rest, "q=0.00") || slice_equal_text(rest, "q=0.000"));
        }
        accept = comma != NULL ? slice_make(comma + 1, accept.len - item_len - 1) : SLICE_EMPTY;
    }
    return false;
}

static const struct directory_site *site_asked(const struct node *node,
                                               const struct http_request *request)
{
    struct slice key;

    return http_query_get(request->query, "site", &key)
               ? directory_site_by_key(node->directory, key)
               : NULL;
}

/* `frame-ancestors` of the panel: the domains of the site that it is asked for. A site that lists
 * none may be embedded anywhere, so that the first try on a new site works; a listed one is held
 * to its list. */
static void panel_ancestors(const struct node *node, const struct http_request *request, char *out,
                            size_t room)
{
    const struct directory_site *site = site_asked(node, request);
    size_t at;

    at = (size_t)snprintf(out, room, "frame-ancestors 'self'");
    if (site == NULL)
        return;
    if (site->site->n_domains == 0) {
        snprintf(out, room, "frame-ancestors http: https:");
        return;
    }
    for (size_t i = 0; i < site->site->n_domains && at < room; i++)
        at += (size_t)snprintf(out + at, room - at, " %s", site->site->domains[i]);
    if (at >= room) /* never cut in the middle of a name */
        snprintf(out, room, "frame-ancestors 'self'");
}

void node_visitor_site(struct node *node, const struct http_request *request, struct http_ref ref)
{
    const struct directory_site *site = site_asked(node, request);
    const struct http_field fields[] = {
        { SLICE_LITERAL("Access-Control-Allow-Origin"), SLICE_LITERAL("*") },
        { SLICE_LITERAL("Cache-Control"),
          slice_of(site != NULL ? "public, max-age=60" : "no-store") },
        { SLICE_LITERAL("Vary"), SLICE_LITERAL("Origin") },
        { SLICE_LITERAL("Cross-Origin-Resource-Policy"), SLICE_LITERAL("cross-origin") },
        { SLICE_LITERAL("Content-Security-Policy"), SLICE_LITERAL(NODE_CSP_NOTHING) },
    };
    struct http_reply reply = { .status = 200,
                                .type = SLICE_LITERAL("application/json"),
                                .fields = fields,
                                .field_count = LENGTH_OF(fields) };
    struct slice origin = http_field_get(request, "origin"); /* none: a page of our own */
    bool listed = site != NULL && (origin.ptr == NULL || auth_origin_is(origin, request->host) ||
                                   auth_origin_listed(origin, request->tls, site->site->domains,
                                                      site->site->n_domains));

    /* The colour was checked when it was stored: nothing to escape. */
    buf_clear(&node->buf);
    buf_printf(&node->buf, "{\"known\":%s,\"listed\":%s,\"color\":\"%s\"}",
               site != NULL ? "true" : "false", listed ? "true" : "false",
               listed ? site->site->color : "");
    reply.body = buf_slice(&node->buf);
    http_reply(node->http, ref, &reply);
}

static bool not_modified(const struct http_request *request, const char *etag)
{
    struct slice list = http_field_get(request, "if-none-match");

    return list.ptr != NULL &&
           (slice_equal_text(slice_trim(list), "*") || http_list_has(list, slice_of(etag)));
}

static void field_add(struct http_reply *reply, struct http_field *fields, const char *name,
                      const char *value)
{
    ENSURE(reply->field_count < FIELDS_MAX);
    fields[reply->field_count++] = (struct http_field){ slice_of(name), slice_of(value) };
}

static void body_choose(const struct asset *asset, const struct http_request *request,
                        struct http_reply *reply, struct http_field *fields)
{
    struct slice accept = http_field_get(request, "accept-encoding");

    reply->body = asset->identity;
    if (asset->br.len > 0 || asset->gz.len > 0)
        field_add(reply, fields, "Vary", "Accept-Encoding");
    if (asset->br.len > 0 && coding_accepted(accept, "br")) {
        reply->body = asset->br;
        field_add(reply, fields, "Content-Encoding", "br");
    } else if (asset->gz.len > 0 && coding_accepted(accept, "gzip")) {
        reply->body = asset->gz;
        field_add(reply, fields, "Content-Encoding", "gzip");
    }
}

bool node_asset(struct node *node, const struct http_request *request, struct http_ref ref)
{
    const struct asset *asset = asset_find(request->path);
    struct http_field fields[FIELDS_MAX];
    struct http_reply reply = { .status = 200, .fields = fields };
    char csp[CSP_MAX];
    char ancestors[CSP_MAX / 2] = "frame-ancestors 'none'";
    bool panel;

    if (asset == NULL)
        return false;
    panel = strcmp(asset->path, "/panel") == 0;
    if (panel)
        panel_ancestors(node, request, ancestors, sizeof(ancestors));
    snprintf(csp, sizeof(csp), CSP_COMMON "%s%s", ancestors,
             strcmp(asset->path, "/demo") == 0 ? "; frame-src 'self'" : "");
    reply.type = slice_of(asset->content_type);
    field_add(&reply, fields, "ETag", asset->etag);
    field_add(&reply, fields, "Cache-Control",
              asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    field_add(&reply, fields, "Content-Security-Policy", csp);
    field_add(&reply, fields, "Referrer-Policy", "strict-origin-when-cross-origin");
    field_add(&reply, fields, "Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    field_add(&reply, fields, "Cross-Origin-Resource-Policy",
              strcmp(asset->path, "/w.js") == 0 || panel ? "cross-origin" : "same-origin");
    if (!panel)
        field_add(&reply, fields, "Cross-Origin-Opener-Policy", "same-origin");
    if (request->tls)
        field_add(&reply, fields, "Strict-Transport-Security", "max-age=31536000");
    if (not_modified(request, asset->etag))
        reply.status = 304;
    else
        body_choose(asset, request, &reply, fields);
    http_reply(node->http, ref, &reply);
    return true;
}
