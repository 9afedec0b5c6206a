/* SPDX-License-Identifier: Apache-2.0 */
/* c-ares opens and closes its own sockets; we watch them for it. It may answer within the question
 * (a name of /etc/hosts, no server), so answers wait for the end of the turn. It cannot take back a
 * single question: a cancelled one is answered into nothing. */
#include "http_client_resolve.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop.h"
#include "mem.h"

struct http_resolver {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer timer;
    struct watch *watches;
    struct http_query *answered; /* waiting for the end of the turn */
};

struct watch {
    uv_poll_t poll;
    struct http_resolver *resolver;
    struct watch *next;
    ares_socket_t fd;
};

struct http_query {
    struct loop_node node;
    struct http_resolver *resolver;
    struct http_query *next; /* in answered */
    void (*done)(void *ctx, const struct http_addresses *addresses, const char *reason);
    void *ctx;
    bool cancelled;
    bool is_answered;
    const char *reason;
    struct http_addresses addresses;
};

static void timer_arm(struct http_resolver *resolver)
{
    struct timeval room;
    struct timeval *next = ares_timeout(resolver->channel, NULL, &room);

    if (next == NULL) {
        loop_timer_stop(resolver->loop, &resolver->timer);
        return;
    }
    loop_timer_start(resolver->loop, &resolver->timer,
                     (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1);
}

static void on_timer(struct loop_timer *timer)
{
    struct http_resolver *resolver = CONTAINER_OF(timer, struct http_resolver, timer);

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    timer_arm(resolver);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = CONTAINER_OF(poll, struct watch, poll);
    struct http_resolver *resolver = watch->resolver;
    ares_socket_t fd = watch->fd; /* the watch may go within the call */
    bool readable = status < 0 || (events & UV_READABLE) != 0;
    bool writable = status < 0 || (events & UV_WRITABLE) != 0;

    ares_process_fd(resolver->channel, readable ? fd : ARES_SOCKET_BAD,
                    writable ? fd : ARES_SOCKET_BAD);
    timer_arm(resolver);
}

static void watch_closed(uv_handle_t *handle)
{
    free(CONTAINER_OF(handle, struct watch, poll));
}

static void watch_end(struct watch **slot)
{
    struct watch *watch = *slot;

    *slot = watch->next;
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

static struct watch *watch_create(struct http_resolver *resolver, ares_socket_t fd)
{
    struct watch *watch = mem_zalloc(sizeof(*watch));

    if (uv_poll_init(loop_uv(resolver->loop), &watch->poll, fd) != 0) {
        free(watch); /* then only the timer drives the question, into its time-out */
        return NULL;
    }
    watch->resolver = resolver;
    watch->fd = fd;
    watch->next = resolver->watches;
    resolver->watches = watch;
    return watch;
}

static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct http_resolver *resolver = ctx;
    struct watch **slot = &resolver->watches;
    struct watch *watch;

    while (*slot != NULL && (*slot)->fd != fd)
        slot = &(*slot)->next;
    if (!readable && !writable) {
        if (*slot != NULL)
            watch_end(slot);
        return;
    }
    watch = *slot != NULL ? *slot : watch_create(resolver, fd);
    if (watch != NULL)
        uv_poll_start(&watch->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                      on_poll);
}

/* ---- queries ---- */

static bool address_take(const struct sockaddr *from, uint8_t out[static 16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (from->sa_family == AF_INET) {
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + sizeof(mapped), &((const struct sockaddr_in *)(const void *)from)->sin_addr,
               4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
        return true;
    }
    return false;
}

static const char *status_reason(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
        return "the host does not exist";
    case ARES_ETIMEOUT:
        return "no name server answers";
    default:
        return "the host's name cannot be resolved";
    }
}

static void query_answered(void *ctx, int status, int timeouts, struct ares_addrinfo *result)
{
    struct http_query *query = ctx;
    struct http_addresses *list = &query->addresses;

    (void)timeouts;
    for (struct ares_addrinfo_node *node = result != NULL ? result->nodes : NULL;
         node != NULL && list->count < HTTP_ADDRESSES_MAX; node = node->ai_next) {
        if (address_take(node->ai_addr, list->address[list->count]))
            list->count++;
    }
    if (result != NULL)
        ares_freeaddrinfo(result);
    if (query->cancelled || status == ARES_EDESTRUCTION) {
        free(query);
        return;
    }
    if (list->count == 0)
        query->reason = status_reason(status == ARES_SUCCESS ? ARES_ENODATA : status);
    query->is_answered = true;
    query->next = query->resolver->answered;
    query->resolver->answered = query;
    loop_defer(query->resolver->loop, &query->node);
}

static void answered_unlink(struct http_query *query)
{
    struct http_query **slot = &query->resolver->answered;

    while (*slot != query)
        slot = &(*slot)->next;
    *slot = query->next;
}

static void query_run(struct loop_node *node)
{
    struct http_query *query = CONTAINER_OF(node, struct http_query, node);

    answered_unlink(query);
    query->done(query->ctx, &query->addresses, query->reason);
    free(query);
}

struct http_query *http_resolve(struct http_resolver *resolver, const char *host,
                                void (*done)(void *ctx, const struct http_addresses *addresses,
                                             const char *reason),
                                void *ctx)
{
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct http_query *query = mem_zalloc(sizeof(*query));

    query->node.run = query_run;
    query->resolver = resolver;
    query->done = done;
    query->ctx = ctx;
    ares_getaddrinfo(resolver->channel, host, NULL, &hints, query_answered, query);
    timer_arm(resolver);
    return query;
}

void http_query_cancel(struct http_query **slot)
{
    struct http_query *query = *slot;

    if (query == NULL)
        return;
    *slot = NULL;
    if (!query->is_answered) {
        query->cancelled = true;
        return;
    }
    answered_unlink(query);
    loop_defer_cancel(&query->node);
    free(query);
}

/* ---- life ---- */

enum err_code http_resolver_create(struct loop *loop, const char *servers,
                                   struct http_resolver **out, struct err *err)
{
    struct http_resolver *resolver = mem_zalloc(sizeof(*resolver));
    struct ares_options options = { .flags = ARES_FLAG_NOSEARCH, /* names are taken as they are */
                                    .timeout = HTTP_QUERY_TRY_MS,
                                    .tries = HTTP_QUERY_TRIES,
                                    .sock_state_cb = on_socket,
                                    .sock_state_cb_data = resolver };
    int status = ares_init_options(&resolver->channel, &options,
                                   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                       ARES_OPT_SOCK_STATE_CB);

    if (status != ARES_SUCCESS) {
        free(resolver);
        return err_set(err, ERR_IO, "resolver: %s", ares_strerror(status));
    }
    resolver->loop = loop;
    loop_timer_init(&resolver->timer, on_timer);
    if (servers != NULL)
        status = ares_set_servers_ports_csv(resolver->channel, servers);
    if (status != ARES_SUCCESS) {
        http_resolver_destroy(&resolver);
        return err_set(err, ERR_INVALID, "name servers: %s", ares_strerror(status));
    }
    *out = resolver;
    return ERR_OK;
}

void http_resolver_destroy(struct http_resolver **slot)
{
    struct http_resolver *resolver = *slot;

    if (resolver == NULL)
        return;
    *slot = NULL;
    ares_destroy(resolver->channel); /* ends its sockets, and the queries with EDESTRUCTION */
    while (resolver->answered != NULL) {
        struct http_query *query = resolver->answered;

        http_query_cancel(&query);
    }
    while (resolver->watches != NULL)
        watch_end(&resolver->watches);
    loop_timer_stop(resolver->loop, &resolver->timer);
    free(resolver);
}
