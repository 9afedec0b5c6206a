/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client_request.h"

#include "http_chars.h"

static const char *const methods[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};

/* Ours, of framing, or between neighbours only. */
static const char *const fields_refused[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "User-Agent",
    "Upgrade",
    "Expect",
    "TE",
    "Trailer",
    "Keep-Alive",
    "Accept-Encoding",
};

static bool all_of(struct slice s, int class)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!http_char_is(s.ptr[i], class))
            return false;
    }
    return true;
}

static const char *field_refused(const struct http_field *field)
{
    if (field->name.len == 0 || !all_of(field->name, HTTP_CHAR_TOKEN))
        return "a field's name is not valid";
    if (!all_of(field->value, HTTP_CHAR_VALUE))
        return "a field's value has a control character";
    for (size_t i = 0; i < LENGTH_OF(fields_refused); i++) {
        if (slice_equal_ignore_case(field->name, slice_of(fields_refused[i])))
            return "a field that is not the caller's";
    }
    return NULL;
}

static void host_write(const struct http_url *url, struct buf *out)
{
    bool v6 = strchr(url->host, ':') != NULL;

    buf_printf(out, v6 ? "Host: [%s]" : "Host: %s", url->host);
    if (url->port != (url->tls ? 443 : 80))
        buf_printf(out, ":%u", url->port);
    buf_add_text(out, "\r\n");
}

static void head_write(const struct http_call_options *options, const struct http_url *url,
                       struct buf *out)
{
    bool has_body = options->body.len > 0 || options->method == HTTP_POST ||
                    options->method == HTTP_PUT || options->method == HTTP_PATCH;

    buf_add_text(out, methods[options->method]);
    buf_add_char(out, ' ');
    if (url->target.len == 0 || url->target.ptr[0] != '/')
        buf_add_char(out, '/');
    buf_add_slice(out, url->target);
    buf_add_text(out, " HTTP/1.1\r\n");
    host_write(url, out);
    buf_add_text(out, "User-Agent: kefu/" KEFU_VERSION "\r\nConnection: close\r\n");
    if (has_body)
        buf_printf(out, "Content-Length: %zu\r\n", options->body.len);
    for (size_t i = 0; i < options->field_count; i++) {
        buf_add_slice(out, options->fields[i].name);
        buf_add_text(out, ": ");
        buf_add_slice(out, options->fields[i].value);
        buf_add_text(out, "\r\n");
    }
    buf_add_text(out, "\r\n");
}

enum err_code http_client_request_write(const struct http_call_options *options,
                                        const struct http_url *url, struct buf *out,
                                        struct err *err)
{
    if (options->field_count > HTTP_CALL_FIELDS_MAX)
        return err_set_field(err, ERR_INVALID, "fields", "more than %d", HTTP_CALL_FIELDS_MAX);
    if (options->body.len > HTTP_BODY_MAX)
        return err_set_field(err, ERR_TOO_BIG, "body", "%zu bytes, limit %d", options->body.len,
                             HTTP_BODY_MAX);
    for (size_t i = 0; i < options->field_count; i++) {
        const char *refused = field_refused(&options->fields[i]);

        if (refused != NULL)
            return err_set_field(err, ERR_INVALID, "fields", "%s", refused);
    }
    buf_init(out, HTTP_HEAD_MAX + HTTP_BODY_MAX);
    head_write(options, url, out);
    if (out->len > HTTP_HEAD_MAX || !buf_ok(out)) {
        buf_fini(out);
        return err_set_field(err, ERR_TOO_BIG, "fields", "the head is longer than %d bytes",
                             HTTP_HEAD_MAX);
    }
    buf_add_slice(out, options->body);
    return ERR_OK;
}
