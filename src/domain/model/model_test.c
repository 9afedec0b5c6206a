/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "conv.h"
#include "id.h"
#include "limit.h"
#include "permission.h"

#define NOW (ID_EPOCH_MS + 1000000)

static void ids_grow_and_carry_slot_and_time(void **state)
{
    struct id_gen gen;
    uint64_t a;
    uint64_t b;

    (void)state;
    id_gen_init(&gen, 0);
    a = id_gen_next(&gen, NOW, 1023);
    b = id_gen_next(&gen, NOW, 0);
    assert_true(id_ms(a) == NOW);
    assert_int_equal(id_slot(a), 1023);
    assert_int_equal(id_slot(b), 0);
    assert_true((a & ID_COUNTER_MAX) != (b & ID_COUNTER_MAX));
    assert_int_equal(id_shard(a, 4), 3);
}

static void full_counter_borrows_from_the_next_ms(void **state)
{
    struct id_gen gen;
    uint64_t last = 0;

    (void)state;
    id_gen_init(&gen, 0);
    for (unsigned i = 0; i < 3 * 4096 + 1; i++) {
        uint64_t id = id_gen_next(&gen, NOW, 5);

        assert_true(id > last);
        last = id;
    }
    assert_true(id_ms(last) == NOW + 3);
    assert_true(id_gen_used_ms(&gen) == NOW + 3);
}

static void clock_that_goes_back_or_a_restart_never_repeats_an_id(void **state)
{
    struct id_gen gen;
    uint64_t before;
    uint64_t after;

    (void)state;
    id_gen_init(&gen, 0);
    before = id_gen_next(&gen, NOW, 1);
    assert_true(id_gen_next(&gen, NOW - 5000, 1) > before);
    id_gen_init(&gen, id_gen_used_ms(&gen));
    after = id_gen_next(&gen, NOW - 5000, 1);
    assert_true(after > before);
    assert_true(id_ms(after) == NOW + 1);
}

static void slots_spread_evenly(void **state)
{
    unsigned hits[ID_SLOT_COUNT] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < 102400; i++)
        hits[slot_of((struct workspace_id){ 1 }, i)]++;
    for (unsigned i = 0; i < ID_SLOT_COUNT; i++)
        assert_in_range(hits[i], 50, 160);
}

static void client_id_is_32_hex_digits_with_dashes_allowed(void **state)
{
    static const char uuid[] = "0190F5FE-7c00-7a00-8000-000000000001";
    uint8_t id[16];
    char text[33];

    (void)state;
    assert_true(client_id_parse(uuid, sizeof(uuid) - 1, id));
    client_id_format(id, text);
    assert_string_equal(text, "0190f5fe7c007a008000000000000001");
    assert_false(client_id_parse(uuid, sizeof(uuid) - 2, id));
    assert_false(client_id_parse("", 0, id));
    assert_false(client_id_parse("g190f5fe7c007a008000000000000001", 32, id));
    assert_false(client_id_parse("0190f5fe7c007a0080000000000000011", 33, id));
}

/* A life in each state, made by legal moves only. */
static struct conv_life life_in(enum conv_state want)
{
    struct conv_life life = conv_life_new();
    struct agent_id agent = { want == CONV_AGENT ? 7 : 0 };

    if (want != CONV_NEW)
        assert_int_equal(conv_move(&life, want, agent, 0, NOW, NULL), ERR_OK);
    assert_int_equal(life.state, want);
    return life;
}

static void every_move_is_what_the_table_says(void **state)
{
    static const char legal[CONV_STATE_COUNT][CONV_STATE_COUNT] = {
        /* to:           -  new bot que age clo */
        [CONV_NEW] = { 0, 0, 1, 1, 1, 1 },    [CONV_BOT] = { 0, 0, 0, 1, 1, 1 },
        [CONV_QUEUED] = { 0, 0, 1, 0, 1, 1 }, [CONV_AGENT] = { 0, 0, 1, 1, 1, 1 },
        [CONV_CLOSED] = { 0, 0, 1, 1, 1, 0 },
    };

    (void)state;
    for (int from = CONV_NEW; from < CONV_STATE_COUNT; from++) {
        for (int to = CONV_NEW; to < CONV_STATE_COUNT; to++) {
            struct conv_life life = life_in((enum conv_state)from);
            struct conv_life old = life;
            struct agent_id agent = { to == CONV_AGENT ? 8 : 0 };
            struct err err;
            enum err_code rc = conv_move(&life, (enum conv_state)to, agent, 0, NOW + 1, &err);

            assert_int_equal(rc, legal[from][to] ? ERR_OK : ERR_CONFLICT);
            assert_int_equal(life.state, legal[from][to] ? to : from);
            assert_true(conv_life_valid(&life));
            if (!legal[from][to])
                assert_memory_equal(&life, &old, sizeof(life));
        }
    }
    assert_false(conv_move_legal(CONV_NEW, CONV_STATE_COUNT));
    assert_false(conv_move_legal((enum conv_state)0, CONV_BOT));
}

static void closed_conversation_reopens_within_72_hours_only(void **state)
{
    const int64_t hours72 = INT64_C(72) * 3600 * 1000;
    struct conv_life life = life_in(CONV_CLOSED);
    struct conv_life late = life;

    (void)state;
    assert_int_equal(conv_move(&life, CONV_BOT, (struct agent_id){ 0 }, 0, NOW + hours72, NULL),
                     ERR_OK);
    assert_int_equal(conv_move(&late, CONV_BOT, (struct agent_id){ 0 }, 0, NOW + hours72 + 1, NULL),
                     ERR_CONFLICT);
    assert_int_equal(late.state, CONV_CLOSED);
}

static void requeued_conversation_keeps_its_place(void **state)
{
    struct conv_life life = life_in(CONV_AGENT);

    (void)state;
    assert_int_equal(conv_move(&life, CONV_QUEUED, (struct agent_id){ 0 }, NOW - 9, NOW, NULL),
                     ERR_OK);
    assert_true(life.queued_at == NOW - 9);
}

static void roles_only_grow_and_nobody_has_none(void **state)
{
    (void)state;
    for (int role = ROLE_SUPERVISOR; role < ROLE_COUNT; role++) {
        uint64_t below = role_permissions((enum role)(role - 1)).bits;

        assert_true((role_permissions((enum role)role).bits & below) == below);
        assert_true(role_permissions((enum role)role).bits != below);
    }
    for (int role = 0; role <= ROLE_COUNT; role++)
        assert_false(permission_has(role_permissions((enum role)role), PERM_NONE));
    assert_false(permission_has(role_permissions(ROLE_OWNER), PERM_COUNT));
    assert_false(permission_has(role_permissions(ROLE_VISITOR), PERM_CONV_READ));
    assert_false(permission_has(role_permissions(ROLE_AGENT), PERM_CONV_REPLY_ANY));
    assert_false(permission_has(role_permissions(ROLE_ADMIN), PERM_OWNER_WRITE));
    for (int permission = 0; permission < PERM_COUNT; permission++)
        assert_true(permission_name((enum permission)permission)[0] != '\0');
    assert_int_equal(role_parse(SLICE_LITERAL("owner")), ROLE_OWNER);
    assert_int_equal(role_parse(SLICE_LITERAL("root")), ROLE_NONE);
    assert_int_equal(role_parse(SLICE_LITERAL("")), ROLE_NONE);
}

static void scopes_grant_what_they_name_and_no_more(void **state)
{
    struct permission_set set;

    (void)state;
    assert_true(scope_permissions(SLICE_LITERAL("conversations:read"), &set));
    assert_true(permission_has(set, PERM_CONV_READ));
    assert_false(permission_has(set, PERM_CONV_REPLY));
    assert_false(scope_permissions(SLICE_LITERAL("conversations"), &set));
    for (unsigned i = 0; scope_name_at(i) != NULL; i++) {
        assert_true(scope_permissions(slice_of(scope_name_at(i)), &set));
        assert_true((set.bits & ~role_permissions(ROLE_ADMIN).bits) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_grow_and_carry_slot_and_time),
        cmocka_unit_test(full_counter_borrows_from_the_next_ms),
        cmocka_unit_test(clock_that_goes_back_or_a_restart_never_repeats_an_id),
        cmocka_unit_test(slots_spread_evenly),
        cmocka_unit_test(client_id_is_32_hex_digits_with_dashes_allowed),
        cmocka_unit_test(every_move_is_what_the_table_says),
        cmocka_unit_test(closed_conversation_reopens_within_72_hours_only),
        cmocka_unit_test(requeued_conversation_keeps_its_place),
        cmocka_unit_test(roles_only_grow_and_nobody_has_none),
        cmocka_unit_test(scopes_grant_what_they_name_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
