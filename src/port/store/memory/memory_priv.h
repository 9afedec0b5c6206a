/* SPDX-License-Identifier: Apache-2.0 */
/* The memory adapter: a queue of turns under one lock, the tables under another. What is measured
 * with this adapter is everything but the store, and what is tested with it has no races of its
 * own. */
#ifndef KEFU_MEMORY_PRIV_H
#define KEFU_MEMORY_PRIV_H

#include <pthread.h>

#include "map_u64.h"
#include "store_backend.h"
#include "store_turn.h"

enum {
    MEMORY_CONVS_MAX = 16 * 1024 * 1024, /* tables of a process that never drops anything */
    MEMORY_PENDING_MAX = 64 * 1024,      /* turns of one shard waiting for the commit thread */
    MEMORY_CHUNK_TURNS = 256,            /* in one block; below STORE_BATCH_TURNS_MAX */
};

struct blob {
    char *ptr;
    size_t len;
};

struct memory_event {
    uint32_t seq;
    uint32_t prev_seq;
    uint32_t kind;
    uint32_t target_seq;
    bool internal;
    bool erased;
    bool has_client_id;
    uint8_t client_id[STORE_CLIENT_ID_BYTES];
    uint64_t client_hash;
    int64_t created_at;
    struct blob bytes; /* kefu.v1.Event */
};

struct memory_trace {
    uint32_t seq;
    struct blob bytes;
};

struct memory_conv {
    uint64_t id;
    bool quarantined;
    bool has_start;
    uint8_t start_client_id[STORE_CLIENT_ID_BYTES];
    uint64_t workspace;
    uint64_t site;
    uint64_t visitor;
    uint64_t agent;
    uint32_t state;
    int64_t updated_at;
    int64_t due_at;
    struct blob header;
    struct memory_event *events; /* seq 1, 2, ... */
    size_t events_n;
    size_t events_cap;
    struct memory_trace *traces;
    size_t traces_n;
    size_t traces_cap;
    struct store_mark *marks;
    size_t marks_n;
    size_t marks_cap;
};

struct memory_visitor {
    uint64_t id;
    uint64_t workspace;
    struct blob bytes; /* empty until a turn brought its profile */
    uint64_t *convs;   /* ids, oldest first */
    size_t convs_n;
    size_t convs_cap;
};

/* Every event in the order of settling: search and outbox follow it. */
struct memory_row {
    struct memory_conv *conv;
    uint32_t seq;
};

struct memory_record {
    struct store_record record; /* body and lookup are owned */
};

struct memory_records {
    struct store_record *items; /* by id */
    size_t n;
    size_t cap;
};

struct memory_consumer {
    char *name;
    uint64_t upto;
};

/* Turns of one append; their bytes follow them. */
struct memory_chunk {
    struct memory_chunk *next;
    unsigned shard;
    size_t n;
    struct store_turn turns[];
};

struct memory_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;  /* or stopping */
    pthread_cond_t settled; /* for `waiters` */
    struct memory_chunk *first;
    struct memory_chunk **last;
    size_t pending[STORE_SHARDS_MAX]; /* turns */
    size_t busy;                      /* taken by the commit thread and not completed */
    unsigned waiters;
    bool asleep; /* the commit thread */
    bool stopping;
};

struct memory_store {
    struct store base;
    struct store_options options;
    struct memory_queue queue;
    pthread_t thread;

    pthread_mutex_t lock; /* of all below */
    uint64_t position;
    struct map_u64 convs;
    struct map_u64 visitors;
    struct memory_row *rows;
    size_t rows_n;
    size_t rows_cap;
    struct memory_records records[STORE_KIND_COUNT];
    struct memory_consumer *consumers;
    size_t consumers_n;
    size_t consumers_cap;
    struct store_stats stats;
};

/* Room for one more item of an array: memory_grow(&a->items, &a->cap, a->n, sizeof(*a->items)). */
void memory_grow(void *items, size_t *cap, size_t n, size_t item_bytes);
void blob_set(struct blob *blob, struct slice bytes);
void blob_free(struct blob *blob);
/* A copy in the arena; a NULL ptr means that the arena is full. */
struct slice arena_slice(struct arena *arena, struct slice bytes);

/* memory_turn.c; the lock is held. false: the turn did not fit, its conversation is quarantined. */
bool memory_turn_apply(struct memory_store *store, const struct store_turn *turn);
void memory_visitor_blank(struct memory_store *store, uint64_t visitor);
void memory_turns_free(struct memory_store *store);

/* memory_read.c and memory_record.c: the backend's functions. */
enum err_code memory_thread_read(struct store *, const struct store_thread_query *, struct arena *,
                                 struct store_thread *, enum store_read *, struct err *);
enum err_code memory_conv_load(struct store *, uint64_t, struct arena *, struct store_conv *,
                               struct err *);
enum err_code memory_client_id_find(struct store *, uint64_t, const uint8_t *,
                                    const struct store_overlay *, size_t, bool *,
                                    struct store_client_id *, struct err *);
enum err_code memory_conv_by_start(struct store *, uint64_t, const uint8_t *, uint64_t *,
                                   struct err *);
enum err_code memory_visitor_open_conv(struct store *, uint64_t, uint64_t, uint64_t *,
                                       struct err *);
enum err_code memory_visitor_load(struct store *, uint64_t, struct arena *, struct slice *,
                                  struct err *);
enum err_code memory_conv_list(struct store *, const struct store_conv_filter *, struct arena *,
                               struct store_page *, struct err *);
enum err_code memory_conv_open_list(struct store *, uint64_t, unsigned, struct arena *,
                                    struct store_page *, struct err *);
enum err_code memory_conv_due_list(struct store *, int64_t, int64_t, uint64_t, unsigned,
                                   struct arena *, struct store_page *, struct err *);
enum err_code memory_visitor_list(struct store *, uint64_t, uint64_t, unsigned, struct arena *,
                                  struct store_page *, struct err *);
enum err_code memory_trace_load(struct store *, uint64_t, uint32_t, struct arena *, struct slice *,
                                struct err *);
enum err_code memory_search(struct store *, const struct store_search_query *, struct arena *,
                            struct store_hits *, struct err *);
enum err_code memory_outbox_subscribe(struct store *, const char *, struct err *);
enum err_code memory_outbox_read(struct store *, const char *, unsigned, struct arena *,
                                 struct store_outbox_row **, size_t *, struct err *);
enum err_code memory_outbox_advance(struct store *, const char *, uint64_t, struct err *);
enum err_code memory_admin_run(struct store *, const struct store_change *, size_t, size_t *,
                               struct err *);
enum err_code memory_record_get(struct store *, enum store_kind, uint64_t, struct arena *,
                                struct store_record *, bool *, struct err *);
enum err_code memory_record_by_lookup(struct store *, enum store_kind, uint64_t, struct slice,
                                      struct arena *, struct store_record *, bool *, struct err *);
enum err_code memory_record_list(struct store *, const struct store_record_query *, struct arena *,
                                 struct store_records *, struct err *);
void memory_attachments_erase(struct memory_store *store, uint64_t visitor); /* locked */
enum err_code memory_record_expire(struct store *, enum store_kind, int64_t, size_t *,
                                   struct err *);
enum err_code memory_record_trim(struct store *, enum store_kind, uint64_t, size_t *, struct err *);
void memory_records_free(struct memory_store *store);

#endif
