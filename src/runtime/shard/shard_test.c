/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes, the life of a group, workers and the ring, with real threads. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "loop.h"
#include "shard.h"
#include "shard_ring.h"

enum { SHARDS = 3, ROUNDS = 20000 };

static atomic_uint inits;
static atomic_uint finis;
static atomic_uint done_count;
static uint32_t init_fails_at = SHARDS;

static enum err_code count_init(struct shard *shard, void *ctx, struct err *err)
{
    (void)ctx;
    assert_ptr_equal(shard_current(), shard);
    if (shard_index(shard) == init_fails_at)
        return err_set(err, ERR_IO, "no luck on %u", shard_index(shard));
    atomic_fetch_add(&inits, 1);
    return ERR_OK;
}

static void count_fini(struct shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
    atomic_fetch_add(&finis, 1);
}

static const struct shard_ops count_ops = { .init = count_init, .fini = count_fini };

static struct shard_group *group_start(void)
{
    struct shard_group *group = NULL;
    struct err err;

    atomic_store(&inits, 0);
    atomic_store(&finis, 0);
    atomic_store(&done_count, 0);
    assert_int_equal(shard_group_start(SHARDS, &count_ops, &group, &err), ERR_OK);
    return group;
}

static void group_runs_init_and_fini_once_on_each_shard(void **state)
{
    struct shard_group *group = group_start();

    (void)state;
    assert_int_equal(atomic_load(&inits), SHARDS);
    shard_group_stop(&group);
    assert_null(group);
    assert_int_equal(atomic_load(&finis), SHARDS);
}

static struct shard_group *asked_group;
static atomic_int asked_found;

static void asked_stop(struct shard *shard, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&asked_found, asked_group != NULL &&
                                       shard_group_at(asked_group, shard_index(shard)) == shard);
    shard_stopped(shard);
}

static void stopping_shards_are_found_by_the_group(void **state)
{
    const struct shard_ops ops = { .stop = asked_stop };
    struct err err;

    (void)state;
    assert_int_equal(shard_group_start(SHARDS, &ops, &asked_group, &err), ERR_OK);
    shard_group_stop(&asked_group);
    assert_null(asked_group);
    assert_int_equal(atomic_load(&asked_found), SHARDS);
}

static void fault_in_init_is_reported_and_the_others_are_cleaned_up(void **state)
{
    struct shard_group *group = NULL;
    struct err err;

    (void)state;
    atomic_store(&finis, 0);
    init_fails_at = 1;
    assert_int_equal(shard_group_start(SHARDS, &count_ops, &group, &err), ERR_IO);
    init_fails_at = SHARDS;
    assert_null(group);
    assert_string_equal(err.text, "no luck on 1");
    assert_int_equal(atomic_load(&finis), SHARDS - 1);
}

struct numbered {
    struct shard_msg head;
    unsigned sender;
    unsigned number;
};

static unsigned next_number[SHARDS + 1];

static void numbered_run(struct shard_msg *msg, struct shard *shard)
{
    struct numbered *n = CONTAINER_OF(msg, struct numbered, head);

    assert_int_equal(shard_index(shard), 0);
    assert_int_equal(n->number, next_number[n->sender]++);
    free(n);
    atomic_fetch_add(&done_count, 1);
}

static void post_numbered(struct shard *to, unsigned sender, unsigned number)
{
    struct numbered *n = malloc(sizeof(*n));
    struct shard_msg *msg = &n->head;

    *n = (struct numbered){ { .run = numbered_run }, sender, number };
    while (!shard_post(to, &msg)) /* full: the receiver is at it */
        ;
    assert_null(msg);
}

struct sender {
    pthread_t thread;
    struct shard *to;
    unsigned index;
};

static void *sender_main(void *arg)
{
    struct sender *sender = arg;
    unsigned i;

    for (i = 0; i < ROUNDS; i++)
        post_numbered(sender->to, sender->index, i);
    return NULL;
}

static void messages_of_each_sender_arrive_in_order_and_none_is_lost(void **state)
{
    struct shard_group *group = group_start();
    struct sender senders[SHARDS];
    unsigned i;

    (void)state;
    for (i = 0; i < SHARDS; i++) {
        next_number[i] = 0;
        senders[i].to = shard_group_at(group, 0);
        senders[i].index = i;
        assert_int_equal(pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]), 0);
    }
    for (i = 0; i < SHARDS; i++)
        pthread_join(senders[i].thread, NULL);
    shard_group_stop(&group); /* works what waits */
    assert_int_equal(atomic_load(&done_count), SHARDS * ROUNDS);
}

struct gate {
    struct shard_msg head;
    atomic_bool entered;
    atomic_bool open;
};

static void gate_run(struct shard_msg *msg, struct shard *shard)
{
    struct gate *gate = CONTAINER_OF(msg, struct gate, head);

    (void)shard;
    atomic_store(&gate->entered, true);
    while (!atomic_load(&gate->open))
        ;
}

static void drop_run(struct shard_msg *msg, struct shard *shard)
{
    (void)shard;
    (void)msg;
    atomic_fetch_add(&done_count, 1);
}

static void full_mailbox_gives_the_message_back(void **state)
{
    struct shard_group *group = group_start();
    struct gate gate = { .head.run = gate_run };
    struct shard_msg *msgs = calloc(SHARD_MAILBOX_MAX + 2, sizeof(*msgs));
    struct shard_msg *msg = &gate.head;
    unsigned posted = 0;

    (void)state;
    assert_true(shard_post(shard_group_at(group, 0), &msg));
    while (!atomic_load(&gate.entered))
        ;
    for (;;) {
        msg = &msgs[posted];
        msg->run = drop_run;
        if (!shard_post(shard_group_at(group, 0), &msg))
            break;
        posted++;
    }
    assert_ptr_equal(msg, &msgs[posted]);
    assert_in_range(posted, SHARD_MAILBOX_MAX - 1, SHARD_MAILBOX_MAX);
    shard_post_reserved(shard_group_at(group, 0), &msg);
    atomic_store(&gate.open, true);
    shard_group_stop(&group);
    assert_int_equal(atomic_load(&done_count), posted + 1);
    free(msgs);
}

struct hash_job {
    struct worker_job head;
    struct shard_msg start;
    struct worker_pool *pool;
    pthread_t ran_on;
};

static void hash_run(struct worker_job *job)
{
    struct hash_job *hash = CONTAINER_OF(job, struct hash_job, head);

    assert_null(shard_current());
    hash->ran_on = pthread_self();
}

static void hash_done(struct worker_job *job, struct shard *shard)
{
    struct hash_job *hash = CONTAINER_OF(job, struct hash_job, head);

    assert_ptr_equal(shard_current(), shard);
    assert_int_equal(shard_index(shard), 2);
    assert_false(pthread_equal(hash->ran_on, pthread_self()));
    atomic_fetch_add(&done_count, 1);
}

static void hash_start(struct shard_msg *msg, struct shard *shard)
{
    struct hash_job *hash = CONTAINER_OF(msg, struct hash_job, start);
    struct worker_job *job = &hash->head;

    (void)shard;
    job->run = hash_run;
    job->done = hash_done;
    assert_true(worker_submit(hash->pool, &job));
    assert_null(job);
    atomic_fetch_add(&inits, 1);
}

static void job_runs_on_a_worker_and_comes_home(void **state)
{
    struct shard_group *group = group_start();
    struct worker_pool *pool = worker_pool_start(2, 16);
    struct hash_job jobs[10] = { 0 };
    unsigned i;

    (void)state;
    for (i = 0; i < LENGTH_OF(jobs); i++) {
        struct shard_msg *msg = &jobs[i].start;

        msg->run = hash_start;
        jobs[i].pool = pool;
        assert_true(shard_post(shard_group_at(group, 2), &msg));
    }
    while (atomic_load(&inits) < SHARDS + LENGTH_OF(jobs))
        ;
    worker_pool_stop(&pool);
    shard_group_stop(&group);
    assert_int_equal(atomic_load(&done_count), LENGTH_OF(jobs));
}

static atomic_uint refused;

static void late_start(struct shard_msg *msg, struct shard *shard)
{
    struct hash_job *job = CONTAINER_OF(msg, struct hash_job, start);
    struct worker_job *ask = &job->head;

    (void)shard;
    ask->run = hash_run;
    ask->done = hash_done;
    atomic_fetch_add(&refused, !worker_submit(job->pool, &ask));
}

static void an_ended_pool_refuses_jobs_until_it_is_gone(void **state)
{
    struct shard_group *group = group_start();
    struct worker_pool *pool = worker_pool_start(1, 4);
    struct hash_job job = { .pool = pool };
    struct shard_msg *msg = &job.start;

    (void)state;
    worker_pool_end(pool);
    job.start.run = late_start;
    assert_true(shard_post(shard_group_at(group, 0), &msg));
    shard_group_stop(&group);
    assert_int_equal(atomic_load(&refused), 1);
    worker_pool_stop(&pool);
    assert_null(pool);
}

struct hop {
    struct shard_msg head;
    unsigned left;
};

static void hop_run(struct shard_msg *msg, struct shard *shard)
{
    struct hop *hop = CONTAINER_OF(msg, struct hop, head);
    uint32_t next = (shard_index(shard) + 1) % SHARDS;

    atomic_fetch_add(&done_count, 1);
    if (hop->left-- == 0)
        free(hop);
    else
        shard_post_reserved(shard_group_at(shard_group_of(shard), next), &msg);
}

static void messages_sent_while_the_group_ends_still_arrive(void **state)
{
    struct shard_group *group = group_start();
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        struct hop *hop = malloc(sizeof(*hop));
        struct shard_msg *msg = &hop->head;

        *hop = (struct hop){ { .run = hop_run }, 999 };
        assert_true(shard_post(shard_group_at(group, i % SHARDS), &msg));
    }
    shard_group_stop(&group);
    assert_int_equal(atomic_load(&done_count), 100 * 1000);
}

static void *ring_reader(void *arg)
{
    struct shard_ring *ring = arg;
    uint64_t expected = 0;

    while (expected < ROUNDS * 10) {
        uint32_t n = shard_ring_ready(ring);
        uint32_t i;

        for (i = 0; i < n; i++)
            assert_int_equal(*(uint64_t *)shard_ring_slot(ring, i), expected++);
        shard_ring_release(ring, n);
    }
    return NULL;
}

static void ring_hands_over_every_slot_in_order(void **state)
{
    static struct shard_ring ring;
    pthread_t reader;
    uint64_t i = 0;

    (void)state;
    shard_ring_init(&ring, 256, sizeof(uint64_t));
    assert_int_equal(pthread_create(&reader, NULL, ring_reader, &ring), 0);
    while (i < ROUNDS * 10) {
        uint64_t *slot = shard_ring_fill(&ring);

        if (slot != NULL)
            *slot = i++;
        if (slot == NULL || i % 32 == 0)
            shard_ring_publish(&ring);
    }
    shard_ring_publish(&ring);
    pthread_join(reader, NULL);
    shard_ring_fini(&ring);
}

static void full_ring_gives_no_slot_and_says_how_much_room_there_is(void **state)
{
    static struct shard_ring ring;
    int i;

    (void)state;
    shard_ring_init(&ring, 4, 8);
    for (i = 0; i < 4; i++)
        assert_non_null(shard_ring_fill(&ring));
    assert_null(shard_ring_fill(&ring));
    assert_int_equal(shard_ring_ready(&ring), 0);
    assert_true(shard_ring_publish(&ring));
    assert_int_equal(shard_ring_ready(&ring), 4);
    shard_ring_release(&ring, 3);
    assert_int_equal(shard_ring_room(&ring), 3);
    assert_non_null(shard_ring_fill(&ring));
    assert_false(shard_ring_publish(&ring));
    shard_ring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_runs_init_and_fini_once_on_each_shard),
        cmocka_unit_test(stopping_shards_are_found_by_the_group),
        cmocka_unit_test(fault_in_init_is_reported_and_the_others_are_cleaned_up),
        cmocka_unit_test(messages_of_each_sender_arrive_in_order_and_none_is_lost),
        cmocka_unit_test(full_mailbox_gives_the_message_back),
        cmocka_unit_test(job_runs_on_a_worker_and_comes_home),
        cmocka_unit_test(messages_sent_while_the_group_ends_still_arrive),
        cmocka_unit_test(an_ended_pool_refuses_jobs_until_it_is_gone),
        cmocka_unit_test(ring_hands_over_every_slot_in_order),
        cmocka_unit_test(full_ring_gives_no_slot_and_says_how_much_room_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
