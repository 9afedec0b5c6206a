/* SPDX-License-Identifier: Apache-2.0 */
/* The worker pool: jobs are few and long, so a lock and a condition are all it needs. */
#include <pthread.h>
#include <stdlib.h>

#include "mem.h"
#include "shard.h"

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct worker_job *first;
    struct worker_job **last;
    uint32_t waiting;
    uint32_t queue_max;
    uint32_t thread_count;
    bool stopping;
    bool ended; /* of the thread that ends it */
    pthread_t threads[];
};

static void job_done(struct shard_msg *msg, struct shard *shard)
{
    struct worker_job *job = CONTAINER_OF(msg, struct worker_job, head);

    job->done(job, shard);
}

/* NULL: the pool is stopping and nothing waits. */
static struct worker_job *job_take(struct worker_pool *pool)
{
    struct worker_job *job;

    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stopping)
        pthread_cond_wait(&pool->changed, &pool->lock);
    job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker_main(void *arg)
{
    struct worker_pool *pool = arg;
    struct worker_job *job;

    pthread_setname_np(pthread_self(), "worker");
    while ((job = job_take(pool)) != NULL) {
        struct shard_msg *answer = &job->head;

        job->run(job);
        shard_post_reserved(job->from, &answer);
    }
    return NULL;
}

struct worker_pool *worker_pool_start(uint32_t threads, uint32_t queue_max)
{
    struct worker_pool *pool;
    uint32_t i;

    ENSURE(threads > 0 && threads <= WORKER_COUNT_MAX && queue_max > 0);
    pool = mem_zalloc(sizeof(*pool) + threads * sizeof(pthread_t));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->last = &pool->first;
    pool->queue_max = queue_max;
    pool->thread_count = threads;
    for (i = 0; i < threads; i++)
        ENSURE(pthread_create(&pool->threads[i], NULL, worker_main, pool) == 0);
    return pool;
}

void worker_pool_end(struct worker_pool *pool)
{
    uint32_t i;

    if (pool->ended)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pool->ended = true;
}

void worker_pool_stop(struct worker_pool **pool_ptr)
{
    struct worker_pool *pool = *pool_ptr;

    if (pool == NULL)
        return;
    worker_pool_end(pool);
    *pool_ptr = NULL;
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

bool worker_submit(struct worker_pool *pool, struct worker_job **job_ptr)
{
    struct worker_job *job = *job_ptr;
    bool taken = false;

    ENSURE(job->run != NULL && job->done != NULL && shard_current() != NULL);
    job->from = shard_current();
    job->head.run = job_done;
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (!pool->stopping && pool->waiting < pool->queue_max) {
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        taken = true;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    if (taken)
        *job_ptr = NULL;
    return taken;
}
