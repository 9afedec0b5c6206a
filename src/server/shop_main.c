/* SPDX-License-Identifier: Apache-2.0 */
/* kefu-shop [PORT]: the demo's shop on 127.0.0.1, until it is told to stop. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "http_server.h"
#include "loop.h"
#include "shop.h"

enum { ANSWER_MAX = 8 * 1024 * 1024 };

struct front {
    struct loop *loop;
    struct http_server *http;
    struct shop *shop;
    struct buf out;
};

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    struct front *front = ctx;
    const struct shop_request asked = { .post = slice_equal_text(request->method_text, "POST"),
                                        .path = request->path,
                                        .query = request->query,
                                        .body = request->body,
                                        .key = http_field_get(request, "Idempotency-Key") };
    int status = shop_handle(front->shop, &asked, &front->out);

    if (status != 0)
        (void)http_reply(front->http, ref,
                         &(struct http_reply){ .status = status,
                                               .type = SLICE_LITERAL("application/json"),
                                               .body = buf_slice(&front->out) });
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    loop_stop(handle->data);
}

/* The port as it is written; 0: no port. */
static uint16_t port_of(const char *text)
{
    unsigned long long port = 0;

    return slice_to_u64(slice_of(text), &port) && port <= UINT16_MAX ? (uint16_t)port : 0;
}

int main(int argc, char **argv)
{
    struct front front = { 0 };
    const struct http_server_options options = { .on_request = on_request, .ctx = &front };
    struct net_listen_options listen = {
        .address = "127.0.0.1",
        .port = argc > 1 ? port_of(argv[1]) : SHOP_PORT,
    };
    struct net_listener *listener = NULL;
    struct err err = { 0 };
    uv_signal_t stop[2];
    int status = 1;

    if (argc > 2 || listen.port == 0) {
        fputs("usage: kefu-shop [PORT]\n", stderr);
        return 2;
    }
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    front.loop = loop_create();
    front.shop = shop_create(clock_wall_ms(&clock_system));
    buf_init(&front.out, ANSWER_MAX);
    front.http = http_server_create(front.loop, &options);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop_uv(front.loop), &stop[i]);
        stop[i].data = front.loop;
        uv_signal_start(&stop[i], on_signal, i == 0 ? SIGINT : SIGTERM);
    }
    if (http_server_listen(front.http, &listen, &listener, &err) != ERR_OK) {
        fprintf(stderr, "kefu-shop: %s\n", err.text);
    } else {
        printf("shop on http://127.0.0.1:%u\n", listen.port);
        fflush(stdout);
        loop_run(front.loop);
        status = 0;
    }
    net_listener_close(&listener);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&stop[i], NULL);
    http_server_destroy(&front.http);
    loop_destroy(&front.loop);
    shop_destroy(&front.shop);
    buf_fini(&front.out);
    return status;
}
