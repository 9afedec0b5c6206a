/* SPDX-License-Identifier: Apache-2.0 */
/* What chat costs in memory: nothing is allocated for a turn once the shard is warm, and what an
 * idle visitor keeps is small. */
#include "test.h"

#include "chat_drive.h"
#include "chat_priv.h"
#include "test_malloc.h"

enum { TAB = 7, WARM = 64, TURNS = 200, IDLE = 4000 };

static void a_visitors_turn_allocates_nothing(void **state)
{
    static const char *const questions[] = { "How do I return an item?", "退货退款", "weather",
                                             "please, when will my refund arrive" };
    struct drive_options options = { .no_store = true, .encode = true };
    struct drive *d = drive_create(&options);
    struct visitor_id visitors[4];
    struct conv_id convs[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        visitors[i] = drive_visitor(d, TAB + i);
        convs[i] = drive_start(d, visitors[i], TAB + i, "hello");
    }
    d->options.quiet = true;
    for (unsigned i = 0; i < WARM + TURNS; i++) {
        if (i == WARM && !test_malloc_begin()) {
            drive_destroy(&d);
            skip();
        }
        for (unsigned k = 0; k < 4; k++) {
            struct chat_action send = drive_visitor_action(d, CHAT_SEND, visitors[k], TAB + k);

            drive_client_id(d, &send);
            send.conv = convs[k];
            send.text = slice_of(questions[(i + k) % 4]);
            send.from.format = (uint8_t)(k % CHAT_FORMAT_COUNT);
            drive_submit(d, &send);
        }
        drive_run(d);
    }
    assert_int_equal(test_malloc_end(), 0);
    drive_destroy(&d);
}

/* Bytes of a visitor that said hello, began a conversation and then fell silent; without what its
 * session costs in the gateway and below. */
static void an_idle_visitor_with_an_open_conversation_is_small(void **state)
{
    struct drive_options options = { .no_store = true, .quiet = true };
    struct drive *d = drive_create(&options);
    struct chat_stats stats;
    size_t before = 0;
    size_t each;

    (void)state;
    for (unsigned i = 0; i < 2 * IDLE; i++) {
        struct visitor_id visitor;

        if (i == IDLE) {
            drive_advance(d, 60 * 1000);
            before = test_malloc_held() +
                     (d->chat->conv_pool.chunks + d->chat->visitor_pool.chunks) * POOL_CHUNK_BYTES;
        }
        visitor = drive_visitor(d, i + 1);
        (void)drive_start(d, visitor, i + 1, "How do I return an item?");
    }
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.live, IDLE);
    drive_advance(d, 60 * 1000);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.subscribers, 2 * IDLE);
    assert_true(d->chat->conv_pool.chunks <= 1);
    each =
        (test_malloc_held() +
         (d->chat->conv_pool.chunks + d->chat->visitor_pool.chunks) * POOL_CHUNK_BYTES - before) /
        IDLE;
    print_message("%zu bytes\n", each);
    if (test_malloc_held() > 0)
        assert_true(each <= 300);
    drive_destroy(&d);
}

static void live_structs_stay_within_their_budget(void **state)
{
    (void)state;
    print_message("conv %zu visitor %zu sub %zu turn %zu\n", sizeof(struct conv),
                  sizeof(struct visitor), sizeof(struct sub), sizeof(struct turn));
    /* Connected: one each, for as long as the tab is open. */
    assert_true(sizeof(struct visitor) <= 128);
    /* Talking: LIMIT_LIVE_CONV_MAX of them are 160 MB. 320 bytes are the window of client ids. */
    assert_true(sizeof(struct conv) <= 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_visitors_turn_allocates_nothing),
        cmocka_unit_test(an_idle_visitor_with_an_open_conversation_is_small),
        cmocka_unit_test(live_structs_stay_within_their_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
