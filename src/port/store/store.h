/* SPDX-License-Identifier: Apache-2.0 */
/* The store, as its users see it: turns go in by store_append, come back as completions once they
 * are durable, and are read exactly by store_thread_read. What is promised and why is written in
 * docs (the store's page); the adapters are in sqlite/ and memory/, how to write one is in
 * store_backend.h.
 *
 * Threads. Each function says who may call it:
 *   [shard]   the shard's own thread, never blocks;
 *   [worker]  any thread that may block (worker pool, start-up, tests), never a shard;
 *   [any]     any thread, never blocks.
 * Memory: everything that a read gives lies in the caller's arena; a full arena is ERR_TOO_BIG.
 *
 * Never: it decides no seq, no state and no id; those come from the shard that owns the
 * conversation. It never decodes a turn on the way in. */
#ifndef KEFU_STORE_H
#define KEFU_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "clock.h"
#include "err.h"
#include "slice.h"

struct store;
struct store_backend; /* store_backend.h; the adapters' headers name theirs */

enum {
    STORE_SHARDS_MAX = 256,
    STORE_CLIENT_ID_BYTES = 16,
    STORE_CLIENT_IDS = 8,               /* K: the largest client ids kept with the live state */
    STORE_TURN_BYTES_MAX = 1024 * 1024, /* 32 events of 16 KiB text with room */
    STORE_TURN_EVENTS_MAX = 32,
    STORE_BATCH_TURNS_MAX = 1024, /* one group commit: bounds latency and recovery work */
    STORE_BATCH_BYTES_MAX = 4 * 1024 * 1024, /* the same in bytes */
    STORE_BACKLOG_MAX =
        1000 * 1000,             /* unsettled turns (SETTLE_BACKLOG_MAX), then admission stops */
    STORE_PAGE_MAX = 200,        /* rows of one page of any list */
    STORE_THREAD_MAX = 1000,     /* events of one store_thread_read */
    STORE_LOOKUP_MAX = 512,      /* bytes of a record's lookup key */
    STORE_BODY_MAX = 256 * 1024, /* bytes of a record's body */
    STORE_QUERY_MAX = 1024,      /* bytes of a search text */
    STORE_CHANGES_MAX = 4096,    /* changes of one administrative transaction */
};

/* ---- opening ---------------------------------------------------------------------------- */

/* What became of one appended turn. Order per shard is the order of appending. */
struct store_completion {
    uint64_t ticket;
    uint64_t position; /* in the journal, never 0 when rc is ERR_OK; grows with time */
    enum err_code rc;  /* ERR_OK: durable. Else: see store_shard_resume */
};

struct store_options {
    const struct store_backend *backend;
    const char *path; /* data folder; NULL for the memory adapter */
    unsigned shards;  /* 1..STORE_SHARDS_MAX */
    unsigned readers; /* connections of the reader pool, 0: a default */
    /* Called on the commit thread with up to STORE_BATCH_TURNS_MAX completions of one shard; must
     * not block and must not call the store. Room for it is the caller's: at most as many
     * completions as turns appended and not yet completed. */
    void (*on_complete)(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n);
    /* A turn went to quarantine while settling: this conversation must stop accepting. Called on
     * the thread that settles (a worker that reads may be it), while shards may append: not before
     * store_open has returned. May be NULL. */
    void (*on_quarantine)(void *ctx, uint64_t conv);
    void *ctx;
    const struct clock *clock; /* NULL: clock_system */
    size_t segment_bytes;      /* 0: 64 MiB; tests make it small */
    bool settle_paused;        /* tests: settling waits for store_settle_run, also at start */
};

/* [worker] Takes the folder's lock, migrates, repairs a torn tail and settles what the journal
 * still holds; of much (more than 50,000 turns) only headers and profiles, the rest goes on behind.
 * Every read is exact after it, whatever a crash left; the search index and the outbox follow. It
 * needs about a second for the largest backlog there can be. ERR_CONFLICT: another process owns the
 * folder. ERR_UNSUPPORTED: written by a newer version, nothing was changed. ERR_CORRUPT: the file
 * cannot be read at all (single bad records are quarantined and counted instead). */
MUST_USE enum err_code store_open(const struct store_options *options, struct store **out,
                                  struct err *err);
/* [worker] Completes what was appended, settles for at most 10 s, closes. Shards must not append
 * any more. NULL is fine. */
void store_close(struct store **store);

/* ---- turns ------------------------------------------------------------------------------- */

enum store_turn_flag {
    STORE_TURN_MARKS_ONLY = 1, /* no events: read marks or a visitor's profile; n_events is 0 */
};

/* One turn: the encoded kefu.v1.Turn and what the store must know without decoding it. */
struct store_turn {
    uint64_t ticket; /* the caller's, comes back in the completion */
    uint64_t workspace;
    uint64_t conv;
    uint64_t visitor;
    uint32_t first_seq; /* of the events; dense: the conversation's last seq + 1 */
    uint16_t n_events;  /* <= STORE_TURN_EVENTS_MAX */
    uint16_t flags;     /* enum store_turn_flag */
    struct slice bytes; /* kefu.v1.Turn; copied before return */
};

/* [shard] Takes all n turns or none. Several calls may be in flight. ERR_BUSY (with a hint when to
 * come back): queue, in-flight bound or settle backlog full; ERR_NO_SPACE: disk full, writing
 * resumes by itself; ERR_UNAVAILABLE: this shard must store_shard_resume first; ERR_TOO_BIG. */
MUST_USE enum err_code store_append(struct store *store, unsigned shard,
                                    const struct store_turn *turns, size_t n, struct err *err);
/* [shard] How many more turns store_append would take now (an estimate by count, not bytes). */
size_t store_append_room(struct store *store, unsigned shard);
/* [shard] After a completion with rc != ERR_OK every later turn of this shard fails too, until
 * the shard has seen the completions of all it appended, has dropped the live state involved, and
 * calls this. A turn that failed may still turn out stored: the repeat finds it. */
void store_shard_resume(struct store *store, unsigned shard);
/* [any] Every turn at a position below this is in the tables; a shard prunes its overlay by it
 * and evicts nothing at or above it. */
uint64_t store_settled_upto(struct store *store);
/* [any] Readiness: false while the disk is full or the store is stopping. */
bool store_writable(struct store *store);

/* ---- exact reads --------------------------------------------------------------------------- */

/* One unsettled turn of a conversation as its shard remembers it (16 bytes). */
struct store_overlay {
    uint64_t position;
    uint32_t first_seq;
    uint32_t n_events;
};

struct store_event {
    uint32_t seq;
    uint32_t prev_public_seq; /* Event.prev_seq as stored */
    uint32_t kind;            /* Kefu__V1__Event__Kind */
    bool internal;
    bool erased; /* recalled or erased: text and details are gone */
    bool has_client_id;
    uint8_t client_id[STORE_CLIENT_ID_BYTES];
    uint64_t client_hash;
    int64_t created_at; /* ms */
    struct slice event; /* encoded kefu.v1.Event, complete, client_id empty */
};

struct store_thread_query {
    uint64_t conv;
    uint32_t from_seq; /* inclusive; 0: from the start */
    uint32_t to_seq;   /* inclusive; 0: to the end */
    bool newest;       /* keep the last `limit` of the range instead of the first */
    bool public_only;  /* leave internal events out; limit counts the ones given */
    unsigned limit;    /* 1..STORE_THREAD_MAX */
    const struct store_overlay *overlay; /* from the owning shard, ordered by first_seq */
    size_t overlay_n;
};

struct store_thread {
    struct store_event *events; /* by seq, ascending */
    size_t n;
    bool more; /* the range holds further events on the far side */
};

/* Some overlay turns were settled while reading and their journal segment is gone: fetch the
 * overlay from the shard again, reset the arena, and repeat. */
enum store_read { STORE_READ_DONE, STORE_READ_AGAIN };

/* [worker] Every event at or below what the overlay covers, exactly once. Readers fold edits and
 * recalls (events of kind edit and recall name target_seq). Snapshot <= 2 s. */
MUST_USE enum err_code store_thread_read(struct store *store,
                                         const struct store_thread_query *query,
                                         struct arena *arena, struct store_thread *out,
                                         enum store_read *state, struct err *err);

/* ---- live state: what a shard loads on first touch ---------------------------------------- */

struct store_client_id {
    uint8_t id[STORE_CLIENT_ID_BYTES];
    uint32_t seq;
    int64_t created_at;
    uint64_t client_hash;
};

struct store_mark {
    uint64_t agent; /* 0: the visitor */
    uint32_t seq;
};

struct store_conv {
    bool found;
    bool quarantined;    /* must not accept */
    bool client_ids_all; /* client_ids holds every client id of the conversation */
    uint8_t client_ids_n;
    struct store_client_id client_ids[STORE_CLIENT_IDS]; /* the largest, descending */
    struct slice header;                                 /* encoded kefu.v1.Header */
    struct store_mark *marks;
    size_t marks_n;
};

/* [worker] Not found is out->found == false, not an error. For conversations that are not live
 * (all their turns are settled). */
MUST_USE enum err_code store_conv_load(struct store *store, uint64_t conv, struct arena *arena,
                                       struct store_conv *out, struct err *err);
/* [worker] One client id anywhere in a conversation, in the tables or the given overlay. */
MUST_USE enum err_code store_client_id_find(struct store *store, uint64_t conv,
                                            const uint8_t *client_id,
                                            const struct store_overlay *overlay, size_t overlay_n,
                                            bool *found, struct store_client_id *out,
                                            struct err *err);
/* [worker] The conversation of this visitor that was begun with this client id, 0: none. */
MUST_USE enum err_code store_conv_by_start(struct store *store, uint64_t visitor,
                                           const uint8_t *client_id, uint64_t *conv,
                                           struct err *err);
/* [worker] The visitor's newest conversation of that site that is not closed, 0: none. */
MUST_USE enum err_code store_visitor_open_conv(struct store *store, uint64_t visitor, uint64_t site,
                                               uint64_t *conv, struct err *err);
/* [worker] Encoded kefu.v1.Visitor; not found is an empty slice with a NULL ptr. */
MUST_USE enum err_code store_visitor_load(struct store *store, uint64_t visitor,
                                          struct arena *arena, struct slice *out, struct err *err);

/* ---- lists (lag by the settling) ----------------------------------------------------------- */

struct store_page {
    struct slice *items; /* encoded messages */
    size_t n;
    bool more;
};

struct store_conv_filter {
    uint64_t workspace;
    uint64_t site;          /* 0: any */
    uint64_t agent;         /* 0: any */
    uint64_t visitor;       /* 0: any */
    uint32_t states;        /* bit per kefu.v1.ConversationState; 0: any */
    int64_t before_updated; /* keyset: last item's updated_at and id; 0, 0: first page */
    uint64_t before_conv;
    unsigned limit; /* 1..STORE_PAGE_MAX */
};
/* [worker] Newest change first; items are kefu.v1.Header. */
MUST_USE enum err_code store_conv_list(struct store *store, const struct store_conv_filter *filter,
                                       struct arena *arena, struct store_page *out,
                                       struct err *err);
/* [worker] Every conversation of all workspaces that is not closed, by id: the desk's rebuild. */
MUST_USE enum err_code store_conv_open_list(struct store *store, uint64_t after_conv,
                                            unsigned limit, struct arena *arena,
                                            struct store_page *out, struct err *err);
/* [worker] Conversations with 0 < due_at <= due, by (due_at, id) from after_* on (0, 0: all). */
MUST_USE enum err_code store_conv_due_list(struct store *store, int64_t due, int64_t after_due,
                                           uint64_t after_conv, unsigned limit, struct arena *arena,
                                           struct store_page *out, struct err *err);
/* [worker] Newest id first, below before_visitor (0: first page); items are kefu.v1.Visitor. */
MUST_USE enum err_code store_visitor_list(struct store *store, uint64_t workspace,
                                          uint64_t before_visitor, unsigned limit,
                                          struct arena *arena, struct store_page *out,
                                          struct err *err);
/* [worker] Encoded kefu.v1.Trace of a bot's event; not found is an empty slice. */
MUST_USE enum err_code store_trace_load(struct store *store, uint64_t conv, uint32_t seq,
                                        struct arena *arena, struct slice *out, struct err *err);

struct store_hit {
    uint64_t row; /* keyset */
    uint64_t conv;
    uint32_t seq; /* of the message; for an edit, of its target */
    bool internal;
    int64_t created_at;
    struct slice text;
};
struct store_hits {
    struct store_hit *items;
    size_t n;
    bool more;
};
struct store_search_query {
    uint64_t workspace;
    struct slice text; /* words are joined by "and"; Chinese of two characters and more works */
    bool public_only;
    uint64_t before_row; /* 0: first page */
    unsigned limit;
};
/* [worker] Full text over event texts, newest first. Follows settling as its own stage. A text
 * without any searchable character gives no hits. */
MUST_USE enum err_code store_search(struct store *store, const struct store_search_query *query,
                                    struct arena *arena, struct store_hits *out, struct err *err);

/* ---- records: administration --------------------------------------------------------------- */

/* Small entities that people edit, each in a table of its own, all of one shape. */
enum store_kind {
    STORE_WORKSPACE,
    STORE_SITE,
    STORE_AGENT,
    STORE_ROLE,
    STORE_TEAM,
    STORE_LOGIN_SESSION,
    STORE_API_TOKEN,
    STORE_CANNED_REPLY,
    STORE_TAG,
    STORE_FAQ_ENTRY,
    STORE_RULE,
    STORE_SETTING,
    STORE_AUDIT,
    STORE_IDEMPOTENCY,
    STORE_CONTACT,
    STORE_QUEUE,
    STORE_WEBHOOK,
    STORE_ROUTING_CONFIG,
    STORE_ROUTING_TRACE, /* parent: the conversation */
    STORE_INTENT,
    STORE_EXAMPLE, /* parent: its intent */
    STORE_MODEL,
    STORE_UNCLEAR, /* questions that the bot did not understand */
    STORE_FLOW,    /* one version each */
    STORE_STORY,
    STORE_ACTION,
    STORE_SECRET,
    STORE_FLOW_VALUE,
    STORE_ATTACHMENT,      /* parent: its visitor, with whom it is erased */
    STORE_ATTACHMENT_PART, /* parent: its attachment; the bytes, in the order of ids */
    STORE_KIND_COUNT,
};
const char *store_kind_name(enum store_kind kind); /* "faq_entry" */

struct store_record {
    uint64_t id; /* the caller's, unique in its kind, not 0 */
    uint64_t workspace;
    uint64_t parent;     /* 0: none; lists filter by it */
    struct slice lookup; /* empty: none; unique in its kind and workspace */
    uint64_t version;    /* 1 at insert, + 1 at each put */
    int64_t created_at;  /* ms */
    struct slice body;   /* encoded message, the caller's */
};

enum store_change_op {
    STORE_INSERT, /* ERR_CONFLICT when id or lookup is taken */
    STORE_UPDATE, /* version must be the stored one, else ERR_CONFLICT; created_at is kept */
    STORE_PUT,    /* insert or replace whatever is there; version is ignored */
    STORE_DELETE, /* version 0: any, else it must match; ERR_NOT_FOUND when missing */
};
struct store_change {
    enum store_change_op op;
    enum store_kind kind;
    struct store_record record; /* for STORE_DELETE only id and version are read */
};

/* [worker] One transaction: all changes or none; returns after it is durable. On ERR_CONFLICT and
 * ERR_NOT_FOUND *failed (may be NULL) is the index of the change that did not fit. Audit and
 * idempotency rows are changes like any other. */
MUST_USE enum err_code store_admin_run(struct store *store, const struct store_change *changes,
                                       size_t n, size_t *failed, struct err *err);
/* [worker] Not found is *found == false. */
MUST_USE enum err_code store_record_get(struct store *store, enum store_kind kind, uint64_t id,
                                        struct arena *arena, struct store_record *out, bool *found,
                                        struct err *err);
/* [worker] workspace 0: whatever workspace holds it (tokens, site keys), the smallest id wins. */
MUST_USE enum err_code store_record_by_lookup(struct store *store, enum store_kind kind,
                                              uint64_t workspace, struct slice lookup,
                                              struct arena *arena, struct store_record *out,
                                              bool *found, struct err *err);
struct store_record_query {
    enum store_kind kind;
    uint64_t workspace; /* 0: any */
    uint64_t parent;    /* 0: any */
    uint64_t after;     /* keyset: ids above (below when descending); 0: first page */
    bool descending;
    unsigned limit; /* 1..STORE_PAGE_MAX */
};
struct store_records {
    struct store_record *items;
    size_t n;
    bool more;
};
MUST_USE enum err_code store_record_list(struct store *store,
                                         const struct store_record_query *query,
                                         struct arena *arena, struct store_records *out,
                                         struct err *err);
/* [worker] Deletes records of a kind made before a time (sessions, idempotency); *deleted <= 1,000
 * a call. */
MUST_USE enum err_code store_record_expire(struct store *store, enum store_kind kind,
                                           int64_t created_before, size_t *deleted,
                                           struct err *err);
/* [worker] Deletes the oldest records of a kind (lowest ids first) beyond so many; *deleted <=
 * 1,000 a call. */
MUST_USE enum err_code store_record_trim(struct store *store, enum store_kind kind, uint64_t keep,
                                         size_t *deleted, struct err *err);
/* [worker] Blanks every text and detail of a visitor, keeps seq, and deletes what it has uploaded;
 * nothing finds them afterwards. */
MUST_USE enum err_code store_visitor_erase(struct store *store, uint64_t visitor, struct err *err);

/* ---- outbox --------------------------------------------------------------------------------- */

struct store_outbox_row {
    uint64_t id; /* grows; the delivery's identity */
    uint64_t workspace;
    uint64_t conv;
    uint32_t seq;
    struct slice event; /* encoded kefu.v1.Event, empty when erased since */
};
/* [worker] From this call on settled events make outbox rows for `consumer` (a stable name). */
MUST_USE enum err_code store_outbox_subscribe(struct store *store, const char *consumer,
                                              struct err *err);
/* [worker] Rows not yet advanced over, oldest first. */
MUST_USE enum err_code store_outbox_read(struct store *store, const char *consumer, unsigned limit,
                                         struct arena *arena, struct store_outbox_row **rows,
                                         size_t *n, struct err *err);
/* [worker] Everything up to and with this id is delivered; rows that nobody needs are deleted. */
MUST_USE enum err_code store_outbox_advance(struct store *store, const char *consumer, uint64_t id,
                                            struct err *err);

/* ---- operation ------------------------------------------------------------------------------ */

struct store_stats {
    uint64_t turns_committed; /* since open */
    uint64_t events_committed;
    uint64_t batches;
    uint64_t bytes_committed;
    uint64_t turns_settled;
    uint64_t events_settled;
    uint64_t settle_backlog; /* turns */
    uint64_t search_backlog; /* events */
    uint64_t quarantined;    /* turns, ever */
    uint64_t torn_bytes;     /* zeroed at this start */
    uint64_t corrupt;        /* bad checksums met since open */
    double mean_batch;       /* turns */
    double commit_p50_ms;    /* over all since open, within 10 % */
    double commit_p99_ms;
    bool writable;
};
void store_stats(struct store *store, struct store_stats *out); /* [any] */

/* [worker] Waits until every turn completed before this call is settled, or timeout_ms. With
 * `search` also until the search stage has seen it. ERR_TIMEOUT. */
MUST_USE enum err_code store_settle_wait(struct store *store, int timeout_ms, bool search,
                                         struct err *err);
/* [worker] Tests, with settle_paused: settles what is committed now. */
MUST_USE enum err_code store_settle_run(struct store *store, struct err *err);

/* [worker] A consistent copy of a running store, as a tar of manifest.json, main.db and
 * journal.bin; with_key adds secrets.key. ERR_UNSUPPORTED: this adapter has no files. */
MUST_USE enum err_code store_backup(struct store *store, const char *file, bool with_key,
                                    struct err *err);

#endif
