/* SPDX-License-Identifier: Apache-2.0 */
/* What every store adapter must pass, and the helpers to drive one from a test or a bench: opening
 * with captured completions, and making turns. An adapter's test turns each entry of
 * store_suite_tests into a test of its own. A claim that does not hold aborts with its line. */
#ifndef KEFU_STORE_SUITE_H
#define KEFU_STORE_SUITE_H

#include <pthread.h>

#include "arena.h"
#include "kefu/v1/store.pb-c.h"
#include "store.h"

struct store_suite {
    const struct store_backend *backend;
    const char *path; /* an empty folder of this test alone, or NULL */
};
struct store_suite_test {
    const char *name;
    void (*run)(const struct store_suite *suite);
};
extern const struct store_suite_test store_suite_tests[];
extern const size_t store_suite_tests_n;

/* ---- driving a store ---- */

enum { SUITE_SHARDS = 2 };

struct suite_store {
    struct store *store;
    struct store_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t appended;
    uint64_t completed;
    uint64_t failed;
    uint64_t last_ticket[SUITE_SHARDS];
    uint64_t last_position;
    uint64_t quarantined_conv;
    enum err_code last_rc;
};
void suite_open(struct suite_store *s, const struct store_suite *suite);
/* With what the caller set in s->options beforehand (suite_options fills the rest). */
void suite_options(struct suite_store *s, const struct store_suite *suite);
void suite_start(struct suite_store *s);
void suite_close(struct suite_store *s);
/* Appends turns in one call, to shard conv % SUITE_SHARDS; their tickets are the running numbers.
 */
void suite_append_all(struct suite_store *s, const Kefu__V1__Turn *const *turns, size_t n);
void suite_append(struct suite_store *s, const Kefu__V1__Turn *turn);
void suite_wait(struct suite_store *s);   /* until all appended turns completed */
void suite_settle(struct suite_store *s); /* and are in the tables and the search index */

/* ---- making turns ---- */

struct suite_turn {
    Kefu__V1__Turn turn;
    Kefu__V1__Header header;
    Kefu__V1__Visitor visitor;
    Kefu__V1__StoredEvent stored[STORE_TURN_EVENTS_MAX];
    Kefu__V1__StoredEvent *stored_list[STORE_TURN_EVENTS_MAX];
    Kefu__V1__Event events[STORE_TURN_EVENTS_MAX];
    Kefu__V1__Author authors[STORE_TURN_EVENTS_MAX];
    Google__Protobuf__Timestamp times[STORE_TURN_EVENTS_MAX];
    uint8_t client_ids[STORE_TURN_EVENTS_MAX][STORE_CLIENT_ID_BYTES];
    Kefu__V1__ReadMark mark;
    Kefu__V1__ReadMark *mark_list[1];
    Kefu__V1__Trace trace;
    Kefu__V1__Trace *trace_list[1];
};
/* A turn of workspace 1, site 5, visitor conv + 1000, state bot. */
void suite_turn_init(struct suite_turn *t, uint64_t conv, uint32_t first_seq);
/* A public message of the visitor; client_number 0: without a client id. Gives the event. */
Kefu__V1__Event *suite_turn_message(struct suite_turn *t, const char *text, uint64_t client_number);
void suite_client_id(uint8_t out[STORE_CLIENT_ID_BYTES], uint64_t number); /* ordered by number */

#endif
