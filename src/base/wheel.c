/* SPDX-License-Identifier: Apache-2.0 */
/* Hierarchical timing wheel (Varghese and Lauck, 1987, scheme 7). A node lies on the level of the
 * highest 6-bit digit in which its due time differs from now, in the slot of that digit; when the
 * clock reaches the slot, its nodes move down. A heap would cost log n per cancelled deadline, and
 * nearly every deadline of a chat server is cancelled or moved. Bitmaps of the taken slots let
 * advance jump over empty time, so an idle wheel costs nothing. */
#include "wheel.h"

#include <stddef.h>

#include "check.h"

enum { DIGIT_BITS = 6 };

static void ring_init(struct wheel_link *head)
{
    head->prev = head;
    head->next = head;
}

static bool ring_empty(const struct wheel_link *head)
{
    return head->next == head;
}

static void ring_add(struct wheel_link *head, struct wheel_link *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static void ring_remove(struct wheel_link *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
}

/* All nodes of from go to the empty ring to. */
static void ring_move(struct wheel_link *from, struct wheel_link *to)
{
    ring_init(to);
    if (ring_empty(from))
        return;
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to;
    to->prev->next = to;
    ring_init(from);
}

void wheel_init(struct wheel *wheel, uint64_t now)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->taken[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            ring_init(&wheel->slots[level][slot]);
    }
    wheel->now = now;
    wheel->count = 0;
}

static unsigned digit(uint64_t time, unsigned level)
{
    return (unsigned)(time >> (level * DIGIT_BITS)) & (WHEEL_SLOTS - 1);
}

static void place(struct wheel *wheel, struct wheel_node *node)
{
    uint64_t due = node->due > wheel->now ? node->due : wheel->now + 1;
    unsigned level;

    level = (63 - (unsigned)__builtin_clzll(due ^ wheel->now)) / DIGIT_BITS;
    node->level = (uint8_t)level;
    node->slot = (uint8_t)digit(due, level);
    ring_add(&wheel->slots[level][node->slot], &node->link);
    wheel->taken[level] |= UINT64_C(1) << node->slot;
}

static void unplace(struct wheel *wheel, struct wheel_node *node)
{
    ring_remove(&node->link);
    if (ring_empty(&wheel->slots[node->level][node->slot]))
        wheel->taken[node->level] &= ~(UINT64_C(1) << node->slot);
}

void wheel_schedule(struct wheel *wheel, struct wheel_node *node, uint64_t due)
{
    wheel_cancel(wheel, node);
    node->due = due;
    place(wheel, node);
    wheel->count++;
}

void wheel_cancel(struct wheel *wheel, struct wheel_node *node)
{
    if (!wheel_scheduled(node))
        return;
    unplace(wheel, node);
    wheel->count--;
}

uint64_t wheel_next(const struct wheel *wheel)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned at = digit(wheel->now, level);
        uint64_t ahead = at == WHEEL_SLOTS - 1 ? 0 : wheel->taken[level] >> (at + 1) << (at + 1);
        unsigned shift = level * DIGIT_BITS;

        if (ahead == 0)
            continue;
        /* Levels above hold later times only: their digit is higher, this one's is equal. */
        return (wheel->now >> shift >> DIGIT_BITS << DIGIT_BITS | (uint64_t)__builtin_ctzll(ahead))
               << shift;
    }
    return UINT64_MAX;
}

/* The slots that the tick begins, from the highest level down: due nodes go to ready, the others a
 * level down. */
static void open_slots(struct wheel *wheel, struct wheel_link *ready)
{
    for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
        unsigned slot = digit(wheel->now, level);
        struct wheel_link moved;

        if ((wheel->taken[level] >> slot & 1) == 0)
            continue;
        ring_move(&wheel->slots[level][slot], &moved);
        wheel->taken[level] &= ~(UINT64_C(1) << slot);
        while (!ring_empty(&moved)) {
            struct wheel_node *node = CONTAINER_OF(moved.next, struct wheel_node, link);

            ring_remove(&node->link);
            if (node->due <= wheel->now)
                ring_add(ready, &node->link);
            else
                place(wheel, node);
        }
    }
}

/* Nodes that wait for their call sit in a ring of their own, so that fire may cancel them; level
 * and slot then name a slot whose bit may be set or not, and unplace leaves it right either way. */
void wheel_advance(struct wheel *wheel, uint64_t now, void (*fire)(void *ctx, struct wheel_node *),
                   void *ctx)
{
    ENSURE(now >= wheel->now);
    for (uint64_t next = wheel_next(wheel); next <= now; next = wheel_next(wheel)) {
        struct wheel_link ready;

        ring_init(&ready);
        wheel->now = next;
        open_slots(wheel, &ready);
        while (!ring_empty(&ready)) {
            struct wheel_node *node = CONTAINER_OF(ready.next, struct wheel_node, link);

            ring_remove(&node->link);
            wheel->count--;
            fire(ctx, node);
        }
        if (next == UINT64_MAX)
            break;
    }
    wheel->now = now;
}
