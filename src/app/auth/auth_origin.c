/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_origin.h"

#include <string.h>

struct place {
    struct slice host; /* without brackets taken off, so "[::1]" */
    struct slice port; /* empty: none written */
    bool https;
    bool scheme; /* there was one */
};

static bool prefix_take(struct slice *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || !slice_equal_ignore_case(slice_make(text->ptr, len), slice_of(prefix)))
        return false;
    *text = slice_make(text->ptr + len, text->len - len);
    return true;
}

static struct slice until(struct slice text, char stop)
{
    const char *at = text.len > 0 ? memchr(text.ptr, stop, text.len) : NULL;

    return at != NULL ? slice_make(text.ptr, (size_t)(at - text.ptr)) : text;
}

/* [scheme://]host[:port][/path]. */
static struct place place_of(struct slice text)
{
    struct place out = { 0 };
    size_t host;

    out.https = prefix_take(&text, "https://");
    out.scheme = out.https || prefix_take(&text, "http://");
    text = until(text, '/');
    host = until(text, ':').len;
    if (text.len > 0 && text.ptr[0] == '[') {
        host = until(text, ']').len;
        host += host < text.len;
    }
    out.host = slice_make(text.ptr, host);
    if (host < text.len && text.ptr[host] == ':')
        out.port = slice_make(text.ptr + host + 1, text.len - host - 1);
    return out;
}

/* A port that goes without saying is none. */
static struct slice port_beside(const struct place *place, bool https)
{
    return slice_equal_text(place->port, https ? "443" : "80") ? SLICE_EMPTY : place->port;
}

bool auth_origin_is(struct slice origin, struct slice own)
{
    struct place page = place_of(origin);
    struct place here = place_of(own);

    return page.scheme && page.host.len > 0 && slice_equal_ignore_case(page.host, here.host) &&
           slice_equal(port_beside(&page, page.https), port_beside(&here, page.https));
}

static bool host_listed(struct slice host, struct slice source)
{
    size_t tail = source.len - 1;

    if (!slice_starts_with(source, SLICE_LITERAL("*.")))
        return slice_equal_ignore_case(host, source);
    return host.len > tail && slice_equal_ignore_case(slice_make(host.ptr + host.len - tail, tail),
                                                      slice_make(source.ptr + 1, tail));
}

bool auth_origin_listed(struct slice origin, bool tls, char *const *sources, size_t count)
{
    struct place page = place_of(origin);

    if (!page.scheme || page.host.len == 0)
        return false;
    if (count == 0)
        return true;
    if (tls && !page.https)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct place source = place_of(slice_of(sources[i]));
        if (host_listed(page.host, source.host) &&
            (slice_equal_text(source.port, "*") ||
             slice_equal(port_beside(&page, page.https), port_beside(&source, page.https))))
            return true;
    }
    return false;
}
