/* SPDX-License-Identifier: Apache-2.0 */
/* The client's opening handshake: a stream until the answer's head is there, then a connection. */
#include "ws_priv.h"

#include <stdlib.h>

#include "loop.h"
#include "mem.h"
#include "net.h"

enum { REQUEST_MAX = 4096 };

struct ws_client {
    struct net_stream *stream;
    struct loop_timer timer;
    struct ws_client_options options; /* of the request only the subprotocol is kept */
    struct buf head;
    char *subprotocol;
    char key[WS_KEY_TEXT];
};

static void client_free(struct ws_client *client)
{
    loop_timer_stop(net_stream_loop(client->stream), &client->timer);
    net_abort(&client->stream);
    buf_fini(&client->head);
    free(client->subprotocol);
    free(client);
}

static void client_failed(struct ws_client *client, enum err_code code, const char *reason)
{
    struct ws_client_options options = client->options;
    struct err err;

    client_free(client);
    err_set(&err, code, "WebSocket handshake: %s", reason);
    options.done(options.ctx, NULL, &err);
}

static void client_opened(struct ws_client *client, struct slice rest)
{
    struct ws_client_options options = client->options;
    struct buf head = client->head; /* rest lies in it */
    struct ws_conn *conn;

    loop_timer_stop(net_stream_loop(client->stream), &client->timer);
    conn = ws_conn_create(&client->stream, WS_CLIENT, &options.options, rest, options.ops,
                          options.owner);
    free(client->subprotocol);
    free(client);
    buf_fini(&head);
    options.done(options.ctx, conn, NULL);
}

static void on_bytes(void *owner, char *bytes, size_t len)
{
    struct ws_client *client = owner;
    const char *end;
    const char *reason;
    size_t head_len;

    buf_add(&client->head, bytes, len);
    if (!buf_ok(&client->head)) {
        client_failed(client, ERR_TOO_BIG, "the answer's head is too long");
        return;
    }
    end = memmem(client->head.ptr, client->head.len, "\r\n\r\n", 4);
    if (end == NULL)
        return;
    head_len = (size_t)(end + 4 - client->head.ptr);
    reason = ws_response_check(slice_make(client->head.ptr, head_len), client->key,
                               slice_of(client->subprotocol));
    if (reason != NULL)
        client_failed(client, ERR_IO, reason);
    else
        client_opened(client, slice_make(client->head.ptr + head_len, client->head.len - head_len));
}

static void on_end(void *owner, enum net_end end)
{
    (void)end;
    client_failed(owner, ERR_IO, "the connection ended");
}

static void on_timer(struct loop_timer *timer)
{
    client_failed(CONTAINER_OF(timer, struct ws_client, timer), ERR_TIMEOUT, "no answer in time");
}

static const struct net_ops client_net_ops = { .on_bytes = on_bytes, .on_end = on_end };

static bool request_send(struct ws_client *client, const struct ws_request *request)
{
    struct buf out;
    bool sent;

    buf_init(&out, REQUEST_MAX);
    ws_request_write(request, client->key, &out);
    sent = buf_ok(&out) && net_write(client->stream, buf_slice(&out));
    buf_fini(&out);
    return sent;
}

/* The stream of a new client. */
static enum err_code stream_open(struct ws_client *client, struct loop *loop,
                                 const struct ws_client_options *options, struct err *err)
{
    enum err_code rc = net_connect(loop, options->address, options->port, &client_net_ops, client,
                                   &client->stream, err);

    if (rc == ERR_OK && options->tls != NULL)
        rc = net_tls_connect(client->stream, options->tls, options->tls_host, err);
    return rc;
}

enum err_code ws_client_start(struct loop *loop, const struct ws_client_options *options,
                              struct ws_client **out, struct err *err)
{
    struct ws_client *client = mem_zalloc(sizeof(*client));
    uint32_t ms_max = options->connect_ms_max != 0 ? options->connect_ms_max : WS_CONNECT_MS_MAX;
    enum err_code rc = stream_open(client, loop, options, err);

    if (rc != ERR_OK) {
        net_abort(&client->stream);
        free(client);
        return rc;
    }
    client->options = *options;
    client->subprotocol =
        mem_strndup(options->request.subprotocol.ptr, options->request.subprotocol.len);
    buf_init(&client->head, HTTP_HEAD_MAX + LOOP_READ_BYTES); /* frames may follow at once */
    ws_key_make(client->key);
    loop_timer_init(&client->timer, on_timer);
    loop_timer_start(loop, &client->timer, ms_max);
    if (!request_send(client, &options->request)) {
        client_free(client);
        return err_set(err, ERR_TOO_BIG, "WebSocket handshake: the request is too long");
    }
    *out = client;
    return ERR_OK;
}

void ws_client_cancel(struct ws_client **client)
{
    if (*client == NULL)
        return;
    client_free(*client);
    *client = NULL;
}
