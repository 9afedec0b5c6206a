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

/* ---- changes ---- */

enum { MANY = 2000 };

/* Rule n answers "answer n" to "word n"; id 2 n + 2, so that there is room between. */
struct many {
    struct bot_rule rules[MANY + 1];
    struct slice words[MANY + 1];
    char texts[MANY + 1][2][24];
    size_t count;
};

static void many_set(struct many *many, size_t at, uint64_t id, unsigned word, unsigned answer)
{
    snprintf(many->texts[at][0], sizeof(many->texts[at][0]), "word%u", word);
    snprintf(many->texts[at][1], sizeof(many->texts[at][1]), "answer %u", answer);
    many->words[at] = slice_of(many->texts[at][0]);
    many->rules[at] = (struct bot_rule){ .id = id,
                                         .name = many->words[at],
                                         .any = &many->words[at],
                                         .any_count = 1,
                                         .answer = slice_of(many->texts[at][1]) };
}

static struct many *many_make(void)
{
    struct many *many = test_calloc(1, sizeof(*many));

    for (unsigned i = 0; i < MANY; i++)
        many_set(many, i, 2 * i + 2, i, i);
    many->count = MANY;
    return many;
}

static struct bot *many_bot(const struct many *many, const struct bot *before)
{
    const struct bot_source source = { .rules = many->rules,
                                       .rule_count = many->count,
                                       .before = before };
    struct bot *bot = NULL;

    assert_int_equal(bot_create(&source, &bot, NULL), ERR_OK);
    return bot;
}

static void assert_says(struct fixture *f, const struct bot *bot, unsigned word, const char *answer)
{
    char text[24];
    struct bot_question question = { 0 };

    snprintf(text, sizeof(text), "word%u", word);
    question.text = slice_of(text);
    arena_reset(&f->arena);
    assert_int_equal(bot_answer(bot, f->scratch, &question, &f->clock, &f->arena, &f->reply, NULL),
                     ERR_OK);
    if (answer == NULL)
        assert_string_not_equal(f->reply.rung, "rule");
    else
        assert_true(slice_equal_text(f->reply.texts[0], answer));
}

static void a_changed_rule_is_laid_over_those_of_the_bot_before(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_make();
    struct bot *first = many_bot(many, NULL);
    struct bot *second;
    struct bot *third;

    many_set(many, 7, 16, 7, 4711);         /* answers otherwise: nothing is compiled */
    many_set(many, 9, 20, 5000, 9);         /* another word */
    many_set(many, MANY, 9000, 6000, 6000); /* a new one */
    memmove(&many->rules[3], &many->rules[4], (MANY - 3) * sizeof(many->rules[0])); /* 3 is gone */
    second = many_bot(many, first);
    assert_true(bot_bytes(second) < bot_bytes(first));
    bot_destroy(&first);
    assert_says(f, second, 2, "answer 2");
    assert_says(f, second, 3, NULL);
    assert_says(f, second, 4, "answer 4");
    assert_says(f, second, 7, "answer 4711");
    assert_says(f, second, 9, NULL);
    assert_says(f, second, 5000, "answer 9");
    assert_says(f, second, 6000, "answer 6000");
    many_set(many, 0, 2, 7000, 7000);
    third = many_bot(many, second);
    bot_destroy(&second);
    assert_says(f, third, 0, NULL);
    assert_says(f, third, 7000, "answer 7000");
    assert_says(f, third, 3, NULL);
    assert_says(f, third, 6000, "answer 6000");
    bot_destroy(&third);
    test_free(many);
}

static void too_many_changes_are_compiled_anew(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_make();
    struct bot *first = many_bot(many, NULL);
    struct bot *second;

    for (unsigned i = 0; i < MANY / 8; i++)
        many_set(many, i, 2 * i + 2, i + 10000, i);
    second = many_bot(many, first);
    assert_true(bot_bytes(second) + 1000 > bot_bytes(first));
    bot_destroy(&first);
    assert_says(f, second, 10007, "answer 7");
    assert_says(f, second, 7, NULL);
    assert_says(f, second, 1999, "answer 1999");
    bot_destroy(&second);
    test_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rule_holds_in_its_days_and_hours_of_the_shop, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rule_holds_on_its_sites, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_a_guards, setup, teardown),
        cmocka_unit_test(a_fault_names_its_part),
        cmocka_unit_test_setup_teardown(a_changed_rule_is_laid_over_those_of_the_bot_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(too_many_changes_are_compiled_anew, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
