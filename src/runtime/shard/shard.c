/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox is a stack that senders push to with one compare-and-swap and that the shard takes
 * whole with one exchange and turns round. Only the sender that finds the stack empty wakes the
 * loop, so a burst costs one wake-up; there is no lock, and no sender ever waits.
 *
 * Life: start (init on each thread) -> running -> stop asked -> every shard has said stopped ->
 * each drains its mailbox, runs fini and ends. A mailbox closes for good when its shard drains for
 * the last time: the stack's head then holds a mark that posts refuse. */
#include "shard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "loop.h"
#include "mem.h"

struct shard {
    struct loop *loop;
    struct shard_group *group;
    void *user;
    uv_async_t wake;
    struct shard_msg *inbox; /* taken, not yet worked */
    pthread_t thread;
    uint32_t index;
    bool stop_called;
    bool stopped_called;
    bool started;
    _Alignas(64) _Atomic(struct shard_msg *) head;
    atomic_uint_fast32_t waiting; /* messages that count against the bound */
    atomic_bool stop_asked;
    atomic_bool quit_asked;
};

struct shard_group {
    struct shard_ops ops;
    pthread_mutex_t lock; /* start and stop only */
    pthread_cond_t changed;
    uint32_t ready;
    uint32_t stopped;
    uint32_t closed;
    uint64_t round; /* of the mailboxes' closing */
    uint32_t round_arrived;
    uint32_t round_sum;
    uint32_t round_result;
    bool go; /* after start: run (or, with failed, end) */
    enum err_code rc;
    struct err err;
    uint32_t count;
    struct shard *shards[];
};

static struct shard_msg mailbox_closed; /* its address is the mark */
static _Thread_local struct shard *current;

struct shard *shard_current(void)
{
    return current;
}

static bool mailbox_push(struct shard *to, struct shard_msg *msg)
{
    struct shard_msg *head = atomic_load_explicit(&to->head, memory_order_relaxed);

    do {
        if (head == &mailbox_closed)
            return false;
        msg->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&to->head, &head, msg, memory_order_release,
                                                    memory_order_relaxed));
    if (head == NULL)
        uv_async_send(&to->wake);
    return true;
}

/* Reserved messages are told apart by a bit in the count only: each post adds one, each message
 * worked takes one, and a reserved one adds without asking. */
bool shard_post(struct shard *to, struct shard_msg **msg)
{
    ENSURE((*msg)->run != NULL);
    if (atomic_fetch_add_explicit(&to->waiting, 1, memory_order_relaxed) >= SHARD_MAILBOX_MAX ||
        !mailbox_push(to, *msg)) {
        atomic_fetch_sub_explicit(&to->waiting, 1, memory_order_relaxed);
        return false;
    }
    *msg = NULL;
    return true;
}

void shard_post_reserved(struct shard *to, struct shard_msg **msg)
{
    ENSURE((*msg)->run != NULL);
    atomic_fetch_add_explicit(&to->waiting, 1, memory_order_relaxed);
    ENSURE(mailbox_push(to, *msg));
    *msg = NULL;
}

/* Newest first becomes oldest first. */
static struct shard_msg *reversed(struct shard_msg *msg)
{
    struct shard_msg *out = NULL;

    while (msg != NULL) {
        struct shard_msg *next = msg->next;

        msg->next = out;
        out = msg;
        msg = next;
    }
    return out;
}

static uint32_t inbox_work(struct shard *shard)
{
    uint32_t worked = 0;

    while (shard->inbox != NULL && worked < SHARD_BATCH_MAX) {
        struct shard_msg *msg = shard->inbox;

        shard->inbox = msg->next;
        msg->next = NULL;
        worked++;
        msg->run(msg, shard);
    }
    atomic_fetch_sub_explicit(&shard->waiting, worked, memory_order_relaxed);
    return worked;
}

static void mailbox_work(struct shard *shard)
{
    if (shard->inbox == NULL)
        shard->inbox = reversed(atomic_exchange_explicit(&shard->head, NULL, memory_order_acquire));
    loop_activity_note(shard->loop, "mailbox");
    inbox_work(shard);
    if (shard->inbox != NULL)
        uv_async_send(&shard->wake); /* the sockets first, then the rest */
    else if (atomic_load_explicit(&shard->head, memory_order_relaxed) != NULL)
        uv_async_send(&shard->wake); /* came while the taken batch was split over turns */
}

static void on_wake(uv_async_t *wake)
{
    struct shard *shard = wake->data;

    mailbox_work(shard);
    if (atomic_load(&shard->stop_asked) && !shard->stop_called) {
        shard->stop_called = true;
        if (shard->group->ops.stop != NULL)
            shard->group->ops.stop(shard, shard->group->ops.ctx);
        else
            shard_stopped(shard);
    }
    if (atomic_load(&shard->quit_asked))
        loop_stop(shard->loop);
}

void shard_stopped(struct shard *shard)
{
    struct shard_group *group = shard->group;

    ENSURE(current == shard && shard->stop_called && !shard->stopped_called);
    shard->stopped_called = true;
    pthread_mutex_lock(&group->lock);
    group->stopped++;
    pthread_cond_broadcast(&group->changed);
    pthread_mutex_unlock(&group->lock);
}

/* Works what is in the mailbox; how many there were. */
static uint32_t inbox_empty(struct shard *shard)
{
    uint32_t worked = 0;

    if (shard->inbox == NULL)
        shard->inbox = reversed(atomic_exchange_explicit(&shard->head, NULL, memory_order_acquire));
    while (shard->inbox != NULL)
        worked += inbox_work(shard);
    return worked;
}

/* Waits until every shard of the group is here; the sum of what they bring. */
static uint32_t round_wait(struct shard_group *group, uint32_t worked)
{
    uint32_t sum;

    pthread_mutex_lock(&group->lock);
    group->round_sum += worked;
    if (++group->round_arrived == group->count) {
        group->round_result = group->round_sum;
        group->round_sum = 0;
        group->round_arrived = 0;
        group->round++;
        pthread_cond_broadcast(&group->changed);
    } else {
        uint64_t round = group->round;

        while (group->round == round)
            pthread_cond_wait(&group->changed, &group->lock);
    }
    sum = group->round_result;
    pthread_mutex_unlock(&group->lock);
    return sum;
}

/* A message that is worked may send another, also to a shard whose mailbox was empty a moment ago.
 * So all shards work in rounds, and a mailbox closes only after a round in which nobody had
 * anything to work: then nobody has anything to send, but for threads outside the group. */
static void mailbox_close(struct shard *shard)
{
    struct shard_msg *empty = NULL;

    round_wait(shard->group, 0); /* until then another one's loop may still send */
    while (round_wait(shard->group, inbox_empty(shard)) > 0)
        continue;
    while (!atomic_compare_exchange_strong(&shard->head, &empty, &mailbox_closed)) {
        inbox_empty(shard);
        empty = NULL;
    }
}

/* A sender may still be about to wake a loop whose mailbox it got a message into, so no loop goes
 * before every mailbox is closed. */
static void closed_wait(struct shard_group *group)
{
    pthread_mutex_lock(&group->lock);
    group->closed++;
    pthread_cond_broadcast(&group->changed);
    while (group->closed < group->count)
        pthread_cond_wait(&group->changed, &group->lock);
    pthread_mutex_unlock(&group->lock);
}

static bool shard_init_run(struct shard *shard)
{
    struct shard_group *group = shard->group;
    struct err err = { 0 };
    enum err_code rc =
        group->ops.init != NULL ? group->ops.init(shard, group->ops.ctx, &err) : ERR_OK;
    bool go;

    pthread_mutex_lock(&group->lock);
    if (rc != ERR_OK && group->rc == ERR_OK) {
        group->rc = rc;
        group->err = err;
    }
    group->ready++;
    pthread_cond_broadcast(&group->changed);
    while (!group->go)
        pthread_cond_wait(&group->changed, &group->lock);
    go = group->rc == ERR_OK;
    pthread_mutex_unlock(&group->lock);
    shard->started = rc == ERR_OK;
    return go;
}

static void *shard_main(void *arg)
{
    struct shard *shard = arg;
    char name[16];

    current = shard;
    snprintf(name, sizeof(name), "shard-%u", shard->index % 1000);
    pthread_setname_np(pthread_self(), name);
    if (shard_init_run(shard))
        loop_run(shard->loop);
    mailbox_close(shard);
    closed_wait(shard->group);
    if (shard->started && shard->group->ops.fini != NULL)
        shard->group->ops.fini(shard, shard->group->ops.ctx);
    uv_close((uv_handle_t *)&shard->wake, NULL);
    loop_destroy(&shard->loop);
    return NULL;
}

static void shard_create(struct shard_group *group, uint32_t index)
{
    struct shard *shard = aligned_alloc(_Alignof(struct shard), sizeof(*shard));

    ENSURE(shard != NULL);
    *shard = (struct shard){ .group = group, .index = index };
    shard->loop = loop_create();
    ENSURE(uv_async_init(loop_uv(shard->loop), &shard->wake, on_wake) == 0);
    shard->wake.data = shard;
    group->shards[index] = shard;
}

static void group_destroy(struct shard_group *group)
{
    uint32_t i;

    for (i = 0; i < group->count; i++) {
        pthread_join(group->shards[i]->thread, NULL);
        free(group->shards[i]);
    }
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->lock);
    free(group);
}

enum err_code shard_group_start(uint32_t count, const struct shard_ops *ops,
                                struct shard_group **out, struct err *err)
{
    struct shard_group *group;
    enum err_code rc;
    uint32_t i;

    if (count == 0 || count > SHARD_COUNT_MAX)
        return err_set(err, ERR_INVALID, "%u shards, limit 1 to %d", count, SHARD_COUNT_MAX);
    group = mem_zalloc(sizeof(*group) + count * sizeof(struct shard *));
    group->ops = *ops;
    group->count = count;
    pthread_mutex_init(&group->lock, NULL);
    pthread_cond_init(&group->changed, NULL);
    for (i = 0; i < count; i++)
        shard_create(group, i);
    for (i = 0; i < count; i++)
        ENSURE(pthread_create(&group->shards[i]->thread, NULL, shard_main, group->shards[i]) == 0);
    pthread_mutex_lock(&group->lock);
    while (group->ready < count)
        pthread_cond_wait(&group->changed, &group->lock);
    group->go = true;
    pthread_cond_broadcast(&group->changed);
    rc = group->rc;
    pthread_mutex_unlock(&group->lock);
    if (rc != ERR_OK) {
        if (err != NULL)
            *err = group->err;
        group_destroy(group);
        return rc;
    }
    *out = group;
    return ERR_OK;
}

void shard_group_stop(struct shard_group **group_ptr)
{
    struct shard_group *group = *group_ptr;
    uint32_t i;

    if (group == NULL)
        return;
    for (i = 0; i < group->count; i++) {
        atomic_store(&group->shards[i]->stop_asked, true);
        uv_async_send(&group->shards[i]->wake);
    }
    pthread_mutex_lock(&group->lock);
    while (group->stopped < group->count)
        pthread_cond_wait(&group->changed, &group->lock);
    pthread_mutex_unlock(&group->lock);
    for (i = 0; i < group->count; i++) {
        atomic_store(&group->shards[i]->quit_asked, true);
        uv_async_send(&group->shards[i]->wake);
    }
    group_destroy(group);
    *group_ptr = NULL; /* not before: who brings out what is owed finds the shards by it */
}

uint32_t shard_group_count(const struct shard_group *group)
{
    return group->count;
}

struct shard *shard_group_at(struct shard_group *group, uint32_t index)
{
    ENSURE(index < group->count);
    return group->shards[index];
}

struct loop *shard_loop(struct shard *shard)
{
    return shard->loop;
}

void shard_user_set(struct shard *shard, void *user)
{
    shard->user = user;
}

void *shard_user(struct shard *shard)
{
    return shard->user;
}

uint32_t shard_index(const struct shard *shard)
{
    return shard->index;
}

struct shard_group *shard_group_of(const struct shard *shard)
{
    return shard->group;
}
