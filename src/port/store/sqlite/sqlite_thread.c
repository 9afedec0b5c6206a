/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_priv.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

bool thread_start(pthread_t *out, void *(*run)(void *), void *arg, const char *name)
{
    sigset_t all;
    sigset_t before;
    bool ok;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = pthread_create(out, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        pthread_setname_np(*out, name);
    return ok;
}

void thread_background(void)
{
    struct sched_param param = { 0 };

    /* The same share of the processor, but it does not interrupt a thread that just woke up. It is
     * a wish: where it is refused nothing breaks. */
    (void)sched_setscheduler(0, SCHED_BATCH, &param);
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(cond, lock, &until);
}
