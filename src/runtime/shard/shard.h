/* SPDX-License-Identifier: Apache-2.0 */
/* A shard is one thread with one loop and one bounded mailbox. Shards and workers share nothing;
 * they post messages, which move: after a successful post the message belongs to the receiver.
 *
 * A mailbox wakes its loop once however many messages arrive before it looks, and the shard works
 * them in one batch within one turn of the loop, in order for each sender. */
#ifndef KEFU_SHARD_H
#define KEFU_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct loop;
struct shard;
struct shard_group;

enum {
    SHARD_COUNT_MAX = 256,
    SHARD_MAILBOX_MAX = 65536, /* messages waiting: at 5 us each, a third of a second */
    SHARD_BATCH_MAX = 4096,    /* messages worked in one turn before sockets get theirs */
    WORKER_COUNT_MAX = 64,
    WORKER_QUEUE_MAX = 4096,
};

/* Embedded in the sender's own struct. run is called on the receiving shard and owns the message.
 */
struct shard_msg {
    void (*run)(struct shard_msg *msg, struct shard *shard);
    struct shard_msg *next;
};

struct shard_ops {
    /* On the shard's thread, before its loop runs. A fault keeps the group from starting; fini is
     * then called for the shards whose init succeeded. */
    enum err_code (*init)(struct shard *shard, void *ctx, struct err *err);
    /* Asked to end: refuse what is new, bring out what is owed, then call shard_stopped. May be
     * NULL: stopped at once. */
    void (*stop)(struct shard *shard, void *ctx);
    /* After every shard has stopped and this mailbox is empty: close handles, free. May be NULL. */
    void (*fini)(struct shard *shard, void *ctx);
    void *ctx;
};

/* Any thread outside the group. Returns when every shard has run init. */
MUST_USE enum err_code shard_group_start(uint32_t count, const struct shard_ops *ops,
                                         struct shard_group **out, struct err *err);
/* Asks every shard to stop, waits until all have, ends the threads. Messages flow until no
 * shard has any left, those included that they send while they end. Stop worker pools first: their
 * answers need the shards. */
void shard_group_stop(struct shard_group **group);
uint32_t shard_group_count(const struct shard_group *group);
struct shard *shard_group_at(struct shard_group *group, uint32_t index);

/* Any thread. False: the mailbox is full or the shard is gone; the message is still yours. */
MUST_USE bool shard_post(struct shard *to, struct shard_msg **msg);
/* For answers whose room was reserved when the request was taken (store completions, worker
 * results): does not count against the bound and always succeeds. The shard must still be there. */
void shard_post_reserved(struct shard *to, struct shard_msg **msg);

/* On the shard's thread. */
struct shard *shard_current(void); /* NULL on other threads */
void shard_stopped(struct shard *shard);
struct loop *shard_loop(struct shard *shard);
void shard_user_set(struct shard *shard, void *user);
void *shard_user(struct shard *shard);
/* Any thread. */
uint32_t shard_index(const struct shard *shard);
struct shard_group *shard_group_of(const struct shard *shard);

/* Workers: for everything that blocks. Embedded in the submitter's struct; run on a worker thread,
 * then done on the shard that submitted it, which owns the job again. */
struct worker_job {
    struct shard_msg head; /* for the way back */
    void (*run)(struct worker_job *job);
    void (*done)(struct worker_job *job, struct shard *shard);
    struct shard *from;
    struct worker_job *next;
};
struct worker_pool;

struct worker_pool *worker_pool_start(uint32_t threads, uint32_t queue_max);
/* Refuses new jobs, works those that wait, ends the threads. The pool stays, for shards that may
 * still ask it: their jobs are refused. */
void worker_pool_end(struct worker_pool *pool);
/* The same if it was not done, and frees it: no shard may submit any more. */
void worker_pool_stop(struct worker_pool **pool);
/* On a shard's thread. False: queue full or pool stopping; the job is still yours. */
MUST_USE bool worker_submit(struct worker_pool *pool, struct worker_job **job);

#endif
