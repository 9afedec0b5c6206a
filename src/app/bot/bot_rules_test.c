/* SPDX-License-Identifier: Apache-2.0 */
/* Where and when rules hold. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "bot.h"

#define W(text) SLICE_LITERAL(text)

enum { NINE_MS = 9 * 3600 * 1000 };

static const struct slice sale[] = { W("sale"), W("打折") };
static const struct slice swear[] = { W("idiot") };
static const uint64_t shop[] = { 7, 8 };
static const struct bot_rule rules[] = {
    { .id = 1,
      .name = W("sale day"),
      .any = sale,
      .any_count = 2,
      .answer = W("Today only."),
      .active = W("2024-11-11 .. 2024-11-11"),
      .priority = 10 },
    { .id = 2,
      .name = W("sale here"),
      .any = sale,
      .any_count = 2,
      .answer = W("In this shop."),
      .sites = shop,
      .site_count = 2,
      .priority = 5 },
    { .id = 3,
      .name = W("sale"),
      .any = sale,
      .any_count = 2,
      .answer = W("Ask us."),
      .hours = W("mon-fri 09:00-18:00") },
    { .id = 4,
      .name = W("manners"),
      .action = BOT_ACTION_BLOCK,
      .any = swear,
      .any_count = 1,
      .sites = shop,
      .site_count = 1,
      .hours = W("09:00-10:00") },
};

struct fixture {
    struct bot *bot;
    struct bot_scratch *scratch;
    struct arena arena;
    struct clock_virtual time;
    struct clock clock;
    struct bot_reply reply;
    struct bot_guard guard;
};

static struct fixture fixture;

static int setup(void **state)
{
    static const struct bot_source source = { .rules = rules, .rule_count = LENGTH_OF(rules) };
    struct fixture *f = &fixture;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->clock = clock_virtual_clock(&f->time);
    arena_init(&f->arena, 1 << 16);
    f->scratch = bot_scratch_create();
    return bot_create(&source, &f->bot, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    bot_destroy(&f->bot);
    bot_scratch_destroy(&f->scratch);
    arena_fini(&f->arena);
    return 0;
}

static struct bot_question question_at(struct fixture *f, const char *text, int64_t utc_ms,
                                       uint64_t site, int offset)
{
    f->time.wall_ms = utc_ms;
    arena_reset(&f->arena);
    return (struct bot_question){ .text = slice_of(text),
                                  .site_id = site,
                                  .utc_offset_minutes = offset };
}

/* The name of the rule that answers; empty: none does. */
static const char *rule_at(struct fixture *f, int64_t utc_ms, uint64_t site, int offset)
{
    const struct bot_question question = question_at(f, "is there a sale", utc_ms, site, offset);
    static char name[32];

    assert_int_equal(
        bot_answer(f->bot, f->scratch, &question, &f->clock, &f->arena, &f->reply, NULL), ERR_OK);
    name[0] = '\0';
    for (size_t i = 0; i < f->reply.step_count; i++) {
        const struct bot_step *step = &f->reply.steps[i];

        if (strcmp(step->rung, "rule") == 0 && step->candidate_count > 0)
            snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(step->candidates[0].text));
    }
    return name;
}

enum { DAY_MS = 24 * 3600 * 1000 };
static const int64_t monday_ms = INT64_C(20038) * DAY_MS; /* 2024-11-11, 00:00 UTC */

static void a_rule_holds_in_its_days_and_hours_of_the_shop(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(rule_at(f, monday_ms, 0, 0), "sale day");
    assert_string_equal(rule_at(f, monday_ms - 1, 0, 0), "");
    assert_string_equal(rule_at(f, monday_ms - 1, 0, 480), "sale day"); /* 08:00 in China */
    assert_string_equal(rule_at(f, monday_ms + DAY_MS, 0, 0), "");
    assert_string_equal(rule_at(f, monday_ms + DAY_MS + NINE_MS, 0, 0), "sale");
    assert_string_equal(rule_at(f, monday_ms + DAY_MS + NINE_MS - 1, 0, 0), "");
    assert_string_equal(rule_at(f, monday_ms + 6 * (int64_t)DAY_MS + NINE_MS, 0, 0), "");
}

static void a_rule_holds_on_its_sites(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(rule_at(f, monday_ms - DAY_MS, 7, 0), "sale here");
    assert_string_equal(rule_at(f, monday_ms - DAY_MS, 8, 0), "sale here");
    assert_string_equal(rule_at(f, monday_ms - DAY_MS, 78, 0), "");
    assert_string_equal(rule_at(f, monday_ms - DAY_MS, 0, 0), "");
}

static bool blocked_at(struct fixture *f, int64_t utc_ms, uint64_t site)
{
    const struct bot_question question = question_at(f, "you idiot", utc_ms, site, 0);

    assert_int_equal(
        bot_guard(f->bot, f->scratch, &question, &f->clock, &f->arena, &f->guard, NULL), ERR_OK);
    return f->guard.block;
}

static void so_does_a_guards(void **state)
{
    struct fixture *f = *state;

    assert_true(blocked_at(f, monday_ms + NINE_MS, 7));
    assert_false(blocked_at(f, monday_ms + NINE_MS, 8));
    assert_false(blocked_at(f, monday_ms, 7));
}

static void a_fault_names_its_part(void **state)
{
    static const struct slice words[] = { W("ok"), W(" ") };
    uint64_t many[BOT_RULE_SITES_MAX + 1];
    const struct bot_rule good = { .name = W("r"), .any = words, .any_count = 1 };
    struct {
        struct bot_rule rule;
        const char *field;
    } bad[] = {
        { good, "any[1]" }, { good, "condition" }, { good, "active" },
        { good, "hours" },  { good, "priority" },  { good, "siteIds" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(many); i++)
        many[i] = i + 1;
    bad[0].rule.any_count = 2;
    bad[1].rule.condition = W("a & (");
    bad[2].rule.active = W("tomorrow");
    bad[3].rule.hours = W("mon-fri 9-18");
    bad[4].rule.priority = 1000001;
    bad[5].rule.sites = many;
    bad[5].rule.site_count = BOT_RULE_SITES_MAX + 1;
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct err err = { 0 };

        assert_true(bot_rule_check(&bad[i].rule, &err) != ERR_OK);
        assert_string_equal(err.field, bad[i].field);
    }
    bad[4].rule.priority = 1000000;
    assert_int_equal(bot_rule_check(&bad[4].rule, NULL), ERR_OK);
    bad[5].rule.site_count = BOT_RULE_SITES_MAX;
    assert_int_equal(bot_rule_check(&bad[5].rule, NULL), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rule_holds_in_its_days_and_hours_of_the_shop, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rule_holds_on_its_sites, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_a_guards, setup, teardown),
        cmocka_unit_test(a_fault_names_its_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
