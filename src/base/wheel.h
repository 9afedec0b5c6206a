/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines by the hundred thousand: schedule and cancel in constant time, no memory beside the
 * nodes, which live inside their owners. Time is a number in the caller's unit, the tick (we use
 * milliseconds); the wheel never asks a clock. One owner, any thread.
 *
 *   struct conv { struct wheel_node idle; ... };
 *   wheel_schedule(&shard->wheel, &conv->idle, now_ms + idle_ms_max);
 *   wheel_advance(&shard->wheel, now_ms, conv_is_idle, shard);
 */
#ifndef KEFU_WHEEL_H
#define KEFU_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WHEEL_LEVELS = 11, /* of 6 bits each: any 64-bit time fits */
    WHEEL_SLOTS = 64,  /* one bit each in a word */
};

struct wheel_link {
    struct wheel_link *prev, *next; /* NULL: in no ring */
};

struct wheel_node {
    struct wheel_link link;
    uint64_t due;
    uint8_t level, slot;
};

struct wheel {
    struct wheel_link slots[WHEEL_LEVELS][WHEEL_SLOTS]; /* heads of rings */
    uint64_t taken[WHEEL_LEVELS];                       /* bit s: slot s holds nodes */
    uint64_t now;
    uint64_t count;
};

/* The wheel must not be moved after this: its lists point into it. */
void wheel_init(struct wheel *wheel, uint64_t now);
/* A node begins zeroed. */
static inline bool wheel_scheduled(const struct wheel_node *node)
{
    return node->link.next != NULL;
}
/* Moves the node if it is scheduled already. A due time that is not ahead counts as the next tick.
 */
void wheel_schedule(struct wheel *wheel, struct wheel_node *node, uint64_t due);
void wheel_cancel(struct wheel *wheel, struct wheel_node *node); /* also when not scheduled */
/* No later than the first deadline, for a timer of the loop; UINT64_MAX: nothing is scheduled. */
uint64_t wheel_next(const struct wheel *wheel);
/* Calls fire for every node that is due by now (due <= now), in order of ticks; a node is no longer
 * scheduled when its call begins. fire may schedule and cancel any node; what it schedules up to
 * now fires in the same advance, in its turn. Time never goes back. */
void wheel_advance(struct wheel *wheel, uint64_t now, void (*fire)(void *ctx, struct wheel_node *),
                   void *ctx);

#endif
