/* SPDX-License-Identifier: Apache-2.0 */
/* One readiness loop: a libuv loop with timers that may be freed at once, and with work put off to
 * the end of the turn, which is what makes batching possible (one write per connection, one batch
 * for the store). Everything here is called from the loop's own thread only. No callback ever runs
 * inside the call that armed it. */
#ifndef KEFU_LOOP_H
#define KEFU_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"

struct loop;
struct uv_loop_s;

enum {
    LOOP_SLOW_TURN_US = 20000,   /* a turn longer than this is reported: DESIGN section 12 */
    LOOP_READ_BYTES = 64 * 1024, /* the read buffer that all streams of a loop share */
};

struct loop *loop_create(void);
void loop_destroy(struct loop **loop); /* every stream and listener must have been closed */
void loop_run(struct loop *loop);      /* until loop_stop */
void loop_stop(struct loop *loop);
/* Runs turns until done(ctx) or ms_max has passed; the last value of done(ctx). */
bool loop_run_until(struct loop *loop, bool (*done)(void *ctx), void *ctx, unsigned ms_max);
struct uv_loop_s *loop_uv(struct loop *loop);

/* Cached at the start of the turn: free of charge, to a millisecond. */
uint64_t loop_now_ms(const struct loop *loop);
/* Read now, for measuring. Monotonic, same zero as loop_now_ms. */
uint64_t loop_now_us(const struct loop *loop);

/* Timers. Zeroed is initialised; stop makes the memory free to go. Fires once; start again in run
 * for a period. */
struct loop_timer {
    void (*run)(struct loop_timer *timer);
    uint64_t due_ms;
    uint32_t place; /* in the heap, from 1; 0: not running */
};
static inline void loop_timer_init(struct loop_timer *timer, void (*run)(struct loop_timer *timer))
{
    *timer = (struct loop_timer){ .run = run };
}
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer); /* also when not running */
static inline bool loop_timer_running(const struct loop_timer *timer)
{
    return timer->place != 0;
}

/* Work put off to the end of this turn; run once, in the order of arming. Arming twice is once. A
 * node armed by another one still runs in this turn. Zeroed with .run set is initialised. */
struct loop_node {
    void (*run)(struct loop_node *node);
    struct loop_node *next;
    struct loop_node *prev;
};
void loop_defer(struct loop *loop, struct loop_node *node);
/* After everything of loop_defer: where streams write what the turn has queued. */
void loop_defer_last(struct loop *loop, struct loop_node *node);
void loop_defer_cancel(struct loop_node *node); /* also when not armed */
static inline bool loop_node_armed(const struct loop_node *node)
{
    return node->next != NULL;
}

/* How long this turn has taken; what it reads now has waited at least so long. */
uint64_t loop_turn_us(const struct loop *loop);
/* Called after a turn that took longer than LOOP_SLOW_TURN_US, with the last noted activity. */
void loop_slow_set(struct loop *loop, void (*slow)(void *ctx, uint64_t us, const char *activity),
                   void *ctx);
void loop_activity_note(struct loop *loop, const char *constant_name);

/* For other runtime modules: something that lives as long as the loop. fini is called by
 * loop_destroy before the loop is closed. */
struct loop_part {
    const void *key;
    void (*fini)(struct loop_part *part);
    struct loop_part *next;
};
struct loop_part *loop_part_find(struct loop *loop, const void *key);
void loop_part_add(struct loop *loop, struct loop_part *part);
char *loop_read_buffer(struct loop *loop); /* LOOP_READ_BYTES; valid until the next read */

#endif
