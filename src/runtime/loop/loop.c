/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: libuv runs timers, then `prepare`, waits for events and works through them, then runs
 * `check` and the close callbacks. Deferred work runs in `check` (after events) and in `prepare`
 * (after timers and close callbacks), so nothing is ever left while the loop sleeps.
 *
 * Timers are our own heap over one uv_timer_t: a libuv timer may only be freed from its close
 * callback, which would force every owner of a timer into an asynchronous end. */
#include "loop.h"

#include <stdlib.h>
#include <uv.h>

#include "mem.h"

enum {
    LOOP_DEFER_ROUNDS_MAX = 64, /* work that arms work for ever must not starve the sockets */
    LOOP_HEAP_MIN = 16,
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* active only while deferred work is left over: then poll must not sleep */
    uv_timer_t timer;
    struct loop_node work; /* list heads */
    struct loop_node last;
    struct loop_timer **heap; /* heap[1] is due first */
    uint32_t heap_len;
    uint32_t heap_cap;
    uint64_t awake_ms; /* when poll returned */
    void (*slow)(void *ctx, uint64_t us, const char *activity);
    void *slow_ctx;
    const char *activity;
    char *read_buffer;
    struct loop_part *parts;
};

static void node_list_init(struct loop_node *head)
{
    head->next = head;
    head->prev = head;
}

static void node_append(struct loop_node *head, struct loop_node *node)
{
    if (node->next != NULL)
        return;
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

void loop_defer_cancel(struct loop_node *node)
{
    if (node->next == NULL)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

void loop_defer(struct loop *loop, struct loop_node *node)
{
    node_append(&loop->work, node);
}

void loop_defer_last(struct loop *loop, struct loop_node *node)
{
    node_append(&loop->last, node);
}

/* Runs what is on the list now; what arrives meanwhile waits for the caller's next round. */
static void node_list_run(struct loop_node *head)
{
    struct loop_node batch;

    if (head->next == head)
        return;
    batch = *head;
    batch.next->prev = &batch;
    batch.prev->next = &batch;
    node_list_init(head);
    while (batch.next != &batch) {
        struct loop_node *node = batch.next;

        loop_defer_cancel(node);
        node->run(node);
    }
}

static bool deferred_left(const struct loop *loop)
{
    return loop->work.next != &loop->work || loop->last.next != &loop->last;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void deferred_run(struct loop *loop)
{
    int round;

    for (round = 0; round < LOOP_DEFER_ROUNDS_MAX && deferred_left(loop); round++) {
        if (loop->work.next != &loop->work)
            node_list_run(&loop->work);
        else
            node_list_run(&loop->last);
    }
    if (deferred_left(loop))
        uv_idle_start(&loop->idle, on_idle);
    else if (uv_is_active((uv_handle_t *)&loop->idle))
        uv_idle_stop(&loop->idle);
}

uint64_t loop_turn_us(const struct loop *loop)
{
    uint64_t now = uv_hrtime() / 1000;

    return loop->awake_ms == 0 ? 0 : now - loop->awake_ms * 1000;
}

static void turn_measure(struct loop *loop)
{
    uint64_t us;

    if (loop->slow == NULL || loop->awake_ms == 0)
        return;
    us = loop_turn_us(loop);
    loop->awake_ms = 0;
    if (us > LOOP_SLOW_TURN_US)
        loop->slow(loop->slow_ctx, us, loop->activity);
    loop->activity = "none";
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    deferred_run(loop);
    turn_measure(loop);
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;

    loop->awake_ms = uv_now(&loop->uv);
    deferred_run(loop);
}

static void heap_put(struct loop *loop, uint32_t place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void heap_up(struct loop *loop, uint32_t place, struct loop_timer *timer)
{
    while (place > 1 && loop->heap[place / 2]->due_ms > timer->due_ms) {
        heap_put(loop, place, loop->heap[place / 2]);
        place /= 2;
    }
    heap_put(loop, place, timer);
}

static void heap_down(struct loop *loop, uint32_t place, struct loop_timer *timer)
{
    for (;;) {
        uint32_t child = place * 2;

        if (child > loop->heap_len)
            break;
        if (child < loop->heap_len && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
            child++;
        if (loop->heap[child]->due_ms >= timer->due_ms)
            break;
        heap_put(loop, place, loop->heap[child]);
        place = child;
    }
    heap_put(loop, place, timer);
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
    uint32_t place = timer->place;
    struct loop_timer *moved = loop->heap[loop->heap_len--];

    ENSURE(place >= 1 && place <= loop->heap_len + 1 && loop->heap[place] == timer);
    timer->place = 0;
    if (moved == timer)
        return;
    if (place > 1 && loop->heap[place / 2]->due_ms > moved->due_ms)
        heap_up(loop, place, moved);
    else
        heap_down(loop, place, moved);
}

static void on_timer(uv_timer_t *uv_timer);

static void timer_arm(struct loop *loop)
{
    uint64_t now = uv_now(&loop->uv);

    if (loop->heap_len == 0) {
        uv_timer_stop(&loop->timer);
        return;
    }
    uv_timer_start(&loop->timer, on_timer,
                   loop->heap[1]->due_ms > now ? loop->heap[1]->due_ms - now : 0, 0);
}

static void on_timer(uv_timer_t *uv_timer)
{
    struct loop *loop = uv_timer->data;
    uint64_t now = uv_now(&loop->uv);
    uint32_t left = loop->heap_len; /* a timer that starts itself anew with 0 waits a turn */

    while (left-- > 0 && loop->heap_len > 0 && loop->heap[1]->due_ms <= now) {
        struct loop_timer *timer = loop->heap[1];

        heap_remove(loop, timer);
        timer->run(timer);
    }
    timer_arm(loop);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    ENSURE(timer->run != NULL);
    if (timer->place != 0)
        heap_remove(loop, timer);
    if (loop->heap_len + 1 >= loop->heap_cap) {
        loop->heap_cap = loop->heap_cap > 0 ? loop->heap_cap * 2 : LOOP_HEAP_MIN;
        loop->heap = mem_realloc(loop->heap, loop->heap_cap * sizeof(struct loop_timer *));
    }
    timer->due_ms = uv_now(&loop->uv) + delay_ms;
    heap_up(loop, ++loop->heap_len, timer);
    if (timer->place == 1)
        timer_arm(loop);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (timer->place == 0)
        return;
    heap_remove(loop, timer);
    if (loop->heap_len == 0)
        timer_arm(loop);
}

struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));

    ENSURE(uv_loop_init(&loop->uv) == 0);
    loop->uv.data = loop;
    node_list_init(&loop->work);
    node_list_init(&loop->last);
    ENSURE(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    ENSURE(uv_check_init(&loop->uv, &loop->check) == 0);
    ENSURE(uv_idle_init(&loop->uv, &loop->idle) == 0);
    ENSURE(uv_timer_init(&loop->uv, &loop->timer) == 0);
    loop->prepare.data = loop;
    loop->check.data = loop;
    loop->timer.data = loop;
    loop->activity = "none";
    ENSURE(uv_prepare_start(&loop->prepare, on_prepare) == 0);
    ENSURE(uv_check_start(&loop->check, on_check) == 0);
    return loop;
}

void loop_destroy(struct loop **loop_ptr)
{
    struct loop *loop = *loop_ptr;

    if (loop == NULL)
        return;
    *loop_ptr = NULL;
    while (loop->parts != NULL) {
        struct loop_part *part = loop->parts;

        loop->parts = part->next;
        part->fini(part);
    }
    deferred_run(loop);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    ENSURE(uv_loop_close(&loop->uv) == 0);
    free(loop->heap);
    free(loop->read_buffer);
    free(loop);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_run_until_timeout(struct loop_timer *timer)
{
    (void)timer; /* it only has to wake the loop */
}

bool loop_run_until(struct loop *loop, bool (*done)(void *ctx), void *ctx, unsigned ms_max)
{
    struct loop_timer timeout;

    loop_timer_init(&timeout, on_run_until_timeout);
    uv_update_time(&loop->uv);
    loop_timer_start(loop, &timeout, ms_max);
    while (!done(ctx) && loop_timer_running(&timeout)) {
        uv_run(&loop->uv, UV_RUN_NOWAIT); /* work that was put off may be all that is needed */
        if (!done(ctx) && loop_timer_running(&timeout))
            uv_run(&loop->uv, UV_RUN_ONCE);
    }
    loop_timer_stop(loop, &timeout);
    return done(ctx);
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

uint64_t loop_now_us(const struct loop *loop)
{
    (void)loop;
    return uv_hrtime() / 1000;
}

void loop_slow_set(struct loop *loop, void (*slow)(void *ctx, uint64_t us, const char *activity),
                   void *ctx)
{
    loop->slow = slow;
    loop->slow_ctx = ctx;
}

void loop_activity_note(struct loop *loop, const char *constant_name)
{
    loop->activity = constant_name;
}

struct loop_part *loop_part_find(struct loop *loop, const void *key)
{
    struct loop_part *part = loop->parts;

    while (part != NULL && part->key != key)
        part = part->next;
    return part;
}

void loop_part_add(struct loop *loop, struct loop_part *part)
{
    part->next = loop->parts;
    loop->parts = part;
}

char *loop_read_buffer(struct loop *loop)
{
    if (loop->read_buffer == NULL)
        loop->read_buffer = mem_alloc(LOOP_READ_BYTES);
    return loop->read_buffer;
}
