/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as one reader sees it, for comparing readers: by seq, a hash over author, kind and
 * text. Three readers fill it: the visitor over WebSocket, an agent over REST, SQL. */
#ifndef KEFU_CHAOS_THREAD_H
#define KEFU_CHAOS_THREAD_H

#include "chaos_http.h"

struct thread_event {
    uint32_t seq;
    bool internal;
    bool visitor; /* its author */
    uint64_t hash;
};
struct thread {
    struct thread_event *events; /* by seq, ascending */
    size_t count, cap;
    bool more; /* of the last page that was added */
};

void thread_fini(struct thread *thread);
/* author and kind: the schema's numbers. */
void thread_add(struct thread *thread, uint32_t seq, bool internal, unsigned author, unsigned kind,
                struct slice text);
/* A page of history: the list under "events" (a frame) or "items" (REST), with its "more" or
 * "next". False: no such list, or events out of order. */
bool thread_add_page(struct thread *thread, struct slice json);
/* The whole conversation over REST. Gives the HTTP status of the first page that failed, or 200. */
int thread_read_rest(struct thread *thread, const struct chaos_login *login, uint16_t port,
                     const char *conv);
/* 0: the same for a reader of one visibility; else the first seq that differs. */
uint32_t thread_compare(const struct thread *a, const struct thread *b, bool public_only);
/* Over everything, for keeping many. */
uint64_t thread_hash(const struct thread *thread);

#endif
