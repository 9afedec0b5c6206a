/* SPDX-License-Identifier: Apache-2.0 */
/* From a flow's request to a call: templates with {fields} of the input. What a field becomes
 * depends on where it stands, so that a visitor's words can never leave their place:
 *
 *   in the URL      percent-encoded, every byte that is not unreserved (RFC 3986)
 *   in a header     as it is, but refused with a control character
 *   in the body     "{field}" alone is the field's JSON; inside a longer text it is escaped text
 */
#include "action.h"
#include "json.h"

#include <string.h>

enum { TEMPLATE_BYTES_MAX = 64 * 1024 };

enum place { IN_URL, IN_HEADER, IN_BODY };

struct template
{
    enum place place;
    struct slice input; /* a JSON object */
    const struct action_secrets *secrets;
    const char *where; /* for faults */
    struct arena *arena;
    struct buf out;
};

/* ---- methods --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum http_method method;
    bool body;
} methods[] = {
    { "", HTTP_POST, true },       { "POST", HTTP_POST, true },      { "PUT", HTTP_PUT, true },
    { "PATCH", HTTP_PATCH, true }, { "DELETE", HTTP_DELETE, false }, { "GET", HTTP_GET, false },
};

static int method_find(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(methods); i++) {
        if (strcmp(methods[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void url_add(struct buf *out, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        char escaped[3] = { '%', digits[c >> 4], digits[c & 15] };

        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_add(out, escaped, sizeof(escaped));
    }
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    }
    return false;
}

/* A JSON scalar as text; objects and lists as their JSON. */
static struct slice text_of(struct slice json, struct arena *arena)
{
    char *text;

    if (json.ptr[0] != '"')
        return json;
    text = arena_alloc(arena, json.len);
    if (text == NULL)
        return SLICE_EMPTY;
    return slice_make(text, json_unescape(slice_make(json.ptr + 1, json.len - 2), text));
}

/* JSON text without its quotes. */
static void escaped_add(struct buf *out, struct slice text)
{
    size_t before = out->len;

    json_add_text(out, text);
    if (!buf_ok(out))
        return;
    memmove(out->ptr + before, out->ptr + before + 1, out->len - before - 2);
    out->len -= 2;
}

static enum err_code value_get(struct template *t, struct slice name, struct slice *json,
                               struct slice *text, struct err *err)
{
    struct slice prefix = SLICE_LITERAL("secret.");

    *json = SLICE_EMPTY;
    if (t->place == IN_HEADER && slice_starts_with(name, prefix)) {
        struct slice key = slice_make(name.ptr + prefix.len, name.len - prefix.len);

        if (t->secrets != NULL && t->secrets->get(t->secrets->ctx, key, text))
            return ERR_OK;
        return err_set_field(err, ERR_NOT_FOUND, t->where, "no secret {%.*s}", SLICE_ARGS(name));
    }
    if (!action_json_at(t->input, name, json))
        return err_set_field(err, ERR_NOT_FOUND, t->where, "no field {%.*s}", SLICE_ARGS(name));
    *text = text_of(*json, t->arena);
    return ERR_OK;
}

static enum err_code field_add(struct template *t, struct slice name, bool alone, struct err *err)
{
    struct slice json;
    struct slice text;
    enum err_code rc = value_get(t, name, &json, &text, err);

    if (rc != ERR_OK)
        return rc;
    if (t->place == IN_URL) {
        url_add(&t->out, text);
    } else if (t->place == IN_HEADER) {
        if (has_control(text))
            return err_set_field(err, ERR_INVALID, t->where, "{%.*s} holds a control character",
                                 SLICE_ARGS(name));
        buf_add_slice(&t->out, text);
    } else if (alone) {
        t->out.len--; /* the quote before it; the one behind is passed by the caller */
        buf_add_slice(&t->out, json);
    } else {
        escaped_add(&t->out, text);
    }
    return ERR_OK;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

/* {name} at the start of text: its length with the braces, 0: none (a brace of JSON). */
static size_t field_len(struct slice text)
{
    size_t len = 1;

    while (len < text.len && name_char(text.ptr[len]))
        len++;
    return len > 1 && len < text.len && text.ptr[len] == '}' ? len + 1 : 0;
}

static enum err_code template_expand(struct template *t, struct slice text, struct err *err)
{
    for (size_t at = 0; at < text.len;) {
        struct slice rest = slice_make(text.ptr + at, text.len - at);
        size_t len = text.ptr[at] == '{' ? field_len(rest) : 0;
        bool alone = len > 0 && at > 0 && text.ptr[at - 1] == '"' && at + len < text.len &&
                     text.ptr[at + len] == '"';
        enum err_code rc;

        if (len == 0) {
            buf_add_char(&t->out, text.ptr[at++]);
            continue;
        }
        rc = field_add(t, slice_make(rest.ptr + 1, len - 2), alone, err);
        if (rc != ERR_OK)
            return rc;
        at += len + (alone && t->place == IN_BODY ? 1 : 0);
    }
    return buf_ok(&t->out)
               ? ERR_OK
               : err_set_field(err, ERR_TOO_BIG, t->where, "over %d bytes", TEMPLATE_BYTES_MAX);
}

static enum err_code expand(const struct template *shape, const char *where, struct slice text,
                            struct slice *out, struct err *err)
{
    struct template t = *shape;
    char *copy = NULL;
    enum err_code rc;

    t.where = where;
    buf_init(&t.out, TEMPLATE_BYTES_MAX);
    rc = template_expand(&t, text, err);
    if (rc == ERR_OK) {
        copy = arena_strdup(t.arena, buf_slice(&t.out));
        *out = slice_make(copy, copy != NULL ? t.out.len : 0);
        if (copy == NULL)
            rc = err_set_field(err, ERR_TOO_BIG, where, "too large");
    }
    buf_fini(&t.out);
    return rc;
}

/* ---- the call -------------------------------------------------------------------------------- */

static enum err_code headers_build(const Kefu__V1__Action *action, struct template *t,
                                   struct action_call *out, struct err *err)
{
    t->place = IN_HEADER;
    for (size_t i = 0; i < action->n_headers; i++) {
        struct http_field *field = &out->fields[out->field_count++];
        enum err_code rc;

        field->name = slice_of(action->headers[i]->key);
        rc = expand(t, "headers", slice_of(action->headers[i]->value), &field->value, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code body_build(const Kefu__V1__Action *action, bool has_body, struct template *t,
                                struct action_call *out, struct err *err)
{
    struct json_reader reader;

    if (!has_body)
        return ERR_OK;
    out->fields[out->field_count++] =
        (struct http_field){ SLICE_LITERAL("Content-Type"), SLICE_LITERAL("application/json") };
    if (action->body[0] == '\0') {
        out->body = t->input;
        return ERR_OK;
    }
    t->place = IN_BODY;
    if (expand(t, "body", slice_of(action->body), &out->body, err) != ERR_OK)
        return err != NULL ? err->code : ERR_INVALID;
    json_reader_init(&reader, out->body);
    if (!json_skip_value(&reader) || json_next(&reader) != JSON_END)
        return err_set_field(err, ERR_INVALID, "body", "not JSON once it is filled in");
    return ERR_OK;
}

enum err_code action_call_build(const Kefu__V1__Action *action, struct slice input,
                                struct slice idempotency_key, const struct action_secrets *secrets,
                                struct arena *arena, struct action_call *out, struct err *err)
{
    int method = method_find(action->method);
    struct template t = {
        .place = IN_URL,
        .input = input.len > 0 ? input : SLICE_LITERAL("{}"),
        .secrets = secrets,
        .arena = arena,
    };
    enum err_code rc;

    *out = (struct action_call){ 0 };
    if (method < 0)
        return err_set_field(err, ERR_INVALID, "method", "GET, POST, PUT, PATCH or DELETE");
    out->method = methods[method].method;
    rc = expand(&t, "url", slice_of(action->url), &out->url, err);
    if (rc == ERR_OK)
        rc = headers_build(action, &t, out, err);
    if (rc == ERR_OK)
        rc = body_build(action, methods[method].body, &t, out, err);
    out->fields[out->field_count++] =
        (struct http_field){ SLICE_LITERAL("Accept"), SLICE_LITERAL("application/json") };
    if (idempotency_key.len > 0)
        out->fields[out->field_count++] =
            (struct http_field){ SLICE_LITERAL("Idempotency-Key"), idempotency_key };
    return rc;
}

/* ---- checking a declaration ------------------------------------------------------------------ */

static bool name_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > ACTION_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!name_char(name[i]))
            return false;
    }
    return true;
}

/* The host must stand there, not come from a visitor's words. */
static enum err_code url_check(const char *url, struct err *err)
{
    struct http_url parsed;
    const char *host = strstr(url, "://");
    size_t host_len = host != NULL ? strcspn(host + 3, "/?#") : 0;
    char fixed[ACTION_URL_BYTES_MAX + 2];

    if (strlen(url) > ACTION_URL_BYTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "url", "at most %d bytes", ACTION_URL_BYTES_MAX);
    if (host == NULL || memchr(host, '{', host_len + 3) != NULL)
        return err_set_field(err, ERR_INVALID, "url", "scheme and host must be written out");
    memcpy(fixed, url, (size_t)(host + 3 - url) + host_len);
    memcpy(fixed + (host + 3 - url) + host_len, "/", 2);
    if (http_url_parse(slice_of(fixed), &parsed, err) == ERR_OK)
        return ERR_OK;
    return err_set_field(err, ERR_INVALID, "url", "not an http or https address");
}

static enum err_code headers_check(const Kefu__V1__Action *action, struct err *err)
{
    static const char *const ours[] = { "host",       "content-length",  "transfer-encoding",
                                        "connection", "idempotency-key", "content-type",
                                        "accept",     "user-agent" };
    if (action->n_headers > ACTION_HEADERS_MAX)
        return err_set_field(err, ERR_TOO_BIG, "headers", "at most %d", ACTION_HEADERS_MAX);
    for (size_t i = 0; i < action->n_headers; i++) {
        struct slice name = slice_of(action->headers[i]->key);

        if (!name_valid(action->headers[i]->key) || memchr(name.ptr, '.', name.len) != NULL)
            return err_set_field(err, ERR_INVALID, "headers", "not the name of a header");
        for (size_t at = 0; at < LENGTH_OF(ours); at++) {
            if (slice_equal_ignore_case(name, slice_of(ours[at])))
                return err_set_field(err, ERR_INVALID, "headers", "%s is set by the server",
                                     ours[at]);
        }
        if (has_control(slice_of(action->headers[i]->value)))
            return err_set_field(err, ERR_INVALID, "headers", "a value holds a control character");
    }
    return ERR_OK;
}

enum err_code action_check(const Kefu__V1__Action *action, struct err *err)
{
    enum err_code rc = url_check(action->url, err);

    if (rc != ERR_OK)
        return rc;
    if (!name_valid(action->name))
        return err_set_field(err, ERR_INVALID, "name", "1 to %d of a-z, 0-9, dot, dash",
                             ACTION_NAME_BYTES_MAX);
    if (method_find(action->method) < 0)
        return err_set_field(err, ERR_INVALID, "method", "GET, POST, PUT, PATCH or DELETE");
    if (strlen(action->body) > ACTION_BODY_BYTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "body", "at most %d bytes", ACTION_BODY_BYTES_MAX);
    if (action->n_errors > ACTION_ERRORS_MAX)
        return err_set_field(err, ERR_TOO_BIG, "errors", "at most %d", ACTION_ERRORS_MAX);
    if (action->timeout_ms > ACTION_TIMEOUT_MS_MAX)
        return err_set_field(err, ERR_TOO_BIG, "timeoutMs", "at most %d", ACTION_TIMEOUT_MS_MAX);
    return headers_check(action, err);
}
