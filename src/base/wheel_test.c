/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "check.h"
#include "hash.h"
#include "wheel.h"

enum { NODES = 200, STEPS = 20000 };

struct world {
    struct wheel wheel;
    struct wheel_node nodes[NODES];
    uint64_t due[NODES]; /* the model: 0 is not scheduled */
    uint64_t now;
    uint64_t last;
    unsigned fired;
    bool again;
};

static void on_fire(void *ctx, struct wheel_node *node)
{
    struct world *world = ctx;
    size_t i = (size_t)(node - world->nodes);

    assert_false(wheel_scheduled(node));
    assert_true(world->due[i] != 0 && world->due[i] <= world->now);
    assert_true(world->due[i] >= world->last);
    world->last = world->due[i];
    world->due[i] = 0;
    world->fired++;
    if (world->again) {
        wheel_schedule(&world->wheel, node, 0);
        world->due[i] = world->wheel.now + 1;
    }
}

/* A due time from the very near to the whole range. */
static uint64_t random_due(uint64_t now, uint64_t step)
{
    uint64_t span = UINT64_C(1) << hash_u64(1, step) % 40;

    return now + 1 + hash_u64(2, step) % span;
}

static void advance(struct world *world, uint64_t now)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < NODES; i++) {
        if (world->due[i] != 0 && world->due[i] < first)
            first = world->due[i];
    }
    assert_true(wheel_next(&world->wheel) <= first);
    assert_true((wheel_next(&world->wheel) == UINT64_MAX) == (first == UINT64_MAX));
    world->now = now;
    world->last = 0;
    wheel_advance(&world->wheel, now, on_fire, world);
    for (size_t i = 0; i < NODES; i++)
        assert_true(world->due[i] == 0 || world->due[i] > now);
}

static void nodes_fire_on_time_and_in_order(void **state)
{
    static struct world world;
    uint64_t count = 0;

    (void)state;
    world.now = 1735689600000;
    wheel_init(&world.wheel, world.now);
    for (uint64_t step = 0; step < STEPS; step++) {
        size_t i = hash_u64(3, step) % NODES;

        if (hash_u64(4, step) % 4 == 0) {
            wheel_cancel(&world.wheel, &world.nodes[i]);
            world.due[i] = 0;
        } else {
            world.due[i] = random_due(world.now, step);
            wheel_schedule(&world.wheel, &world.nodes[i], world.due[i]);
        }
        if (hash_u64(5, step) % 8 == 0)
            advance(&world, random_due(world.now, step + STEPS) - 1);
    }
    for (size_t i = 0; i < NODES; i++)
        count += world.due[i] != 0;
    assert_int_equal(world.wheel.count, count);
    advance(&world, UINT64_MAX);
    assert_int_equal(world.wheel.count, 0);
    assert_true(world.fired > STEPS / 4);
}

static void a_node_that_is_past_counts_as_the_next_tick(void **state)
{
    static struct world world = { .again = true };

    (void)state;
    wheel_init(&world.wheel, 63);
    world.now = 63;
    world.due[0] = 64;
    wheel_schedule(&world.wheel, &world.nodes[0], 5);
    assert_int_equal(wheel_next(&world.wheel), 64);
    advance(&world, 67);
    assert_int_equal(world.fired, 4);
    assert_int_equal(world.due[0], 68);
}

static void cancel_others(void *ctx, struct wheel_node *node)
{
    struct world *world = ctx;

    world->fired++;
    for (size_t i = 0; i < NODES; i++)
        wheel_cancel(&world->wheel, &world->nodes[i]);
    wheel_schedule(&world->wheel, node, world->wheel.now + 1000);
}

static void a_call_may_cancel_those_that_are_due_with_it(void **state)
{
    static struct world world;

    (void)state;
    wheel_init(&world.wheel, 0);
    for (size_t i = 0; i < NODES; i++)
        wheel_schedule(&world.wheel, &world.nodes[i], 4096);
    wheel_advance(&world.wheel, 4096, cancel_others, &world);
    assert_int_equal(world.fired, 1);
    assert_int_equal(world.wheel.count, 1);
    assert_true(wheel_next(&world.wheel) <= 5096);
    wheel_advance(&world.wheel, 5096, cancel_others, &world);
    assert_int_equal(world.fired, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_fire_on_time_and_in_order),
        cmocka_unit_test(a_node_that_is_past_counts_as_the_next_tick),
        cmocka_unit_test(a_call_may_cancel_those_that_are_due_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
