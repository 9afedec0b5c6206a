/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a snapshot that come from rules. They are compiled into two sets: what the ladder
 * answers, and what the guard looks for in everybody's texts. */
#include "bot_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"
#include "rules_times.h"

enum { SCOPES_BYTES_MAX = 256 * 1024 * 1024 }; /* of all rules, each with BOT_RULE_SITES_MAX */

_Static_assert((int)BOT_DISGUISE_SYMBOLS == (int)RULES_SYMBOLS &&
                   (int)BOT_DISGUISE_PINYIN == (int)RULES_PINYIN &&
                   (int)BOT_DISGUISE_SOUND == (int)RULES_SOUND,
               "the same bits in both headers");

struct slice bot_scope(uint64_t site_id, char out[BOT_SCOPE_BYTES])
{
    int len =
        site_id != 0 ? snprintf(out, BOT_SCOPE_BYTES, "%llu", (unsigned long long)site_id) : 0;

    return slice_make(out, (size_t)len);
}

struct rules_context bot_rules_context(const struct bot_question *question,
                                       const struct clock *clock, char scope[BOT_SCOPE_BYTES])
{
    int64_t minutes = clock_wall_ms(clock) / 60000 + question->utc_offset_minutes;

    return (struct rules_context){
        .locale = RULES_ANY_LOCALE,
        .scope = bot_scope(question->site_id, scope),
        .timed = true,
        .day = (int32_t)(minutes / RULES_DAY_MINUTES),
        .minute = (uint16_t)(minutes % RULES_DAY_MINUTES),
    };
}

/* A part that the rules' own compiler does not see. */
static enum err_code part_fault(const char *part, enum err_code code, const char *text, size_t at,
                                struct err *err)
{
    return err_set_field(err, code, part, "column %zu: %s", at + 1, text);
}

static enum err_code times_read(const struct bot_rule *in, struct rules_times *out, struct err *err)
{
    struct slice active = slice_trim(in->active);
    struct slice hours = slice_trim(in->hours);
    struct err found = { 0 };
    size_t at = 0;

    *out = RULES_TIMES_ALWAYS;
    if (active.len > 0 && rules_active_parse(active, out, &at, &found) != ERR_OK)
        return part_fault("active", found.code, found.text, at, err);
    if (hours.len > 0 && rules_hours_parse(hours, out, &at, &found) != ERR_OK)
        return part_fault("hours", found.code, found.text, at, err);
    return ERR_OK;
}

/* Sites are scopes by their number; the texts live in the arena. */
static enum err_code scopes_read(const struct bot_rule *in, struct arena *arena,
                                 struct rules_rule *out, struct err *err)
{
    struct slice *scopes;

    if (in->site_count > BOT_RULE_SITES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "siteIds", "more than %d", BOT_RULE_SITES_MAX);
    if (in->site_count == 0)
        return ERR_OK;
    scopes = arena_alloc(arena, in->site_count * sizeof(*scopes));
    for (size_t i = 0; scopes != NULL && i < in->site_count; i++) {
        char *text = arena_alloc(arena, BOT_SCOPE_BYTES);

        if (text == NULL)
            return err_set(err, ERR_TOO_BIG, "the rules are too many");
        scopes[i] = bot_scope(in->sites[i], text);
    }
    if (scopes == NULL)
        return err_set(err, ERR_TOO_BIG, "the rules are too many");
    out->scopes = scopes;
    out->scope_count = in->site_count;
    return ERR_OK;
}

/* err->field names the part. */
static enum err_code rule_read(const struct bot_rule *in, struct arena *arena,
                               struct rules_rule *out, struct err *err)
{
    static const enum rules_action actions[BOT_ACTIONS] = {
        [BOT_ACTION_ANSWER] = RULES_ANSWER,   [BOT_ACTION_BLOCK] = RULES_BLOCK,
        [BOT_ACTION_MASK] = RULES_MASK,       [BOT_ACTION_REVIEW] = RULES_REVIEW,
        [BOT_ACTION_HANDOFF] = RULES_HANDOFF,
    };
    enum err_code rc;

    *out = (struct rules_rule){
        .id = in->id,
        .name = in->name,
        .priority = in->priority,
        .action = actions[in->action],
        .any = in->any,
        .any_count = in->any_count,
        .all = in->all,
        .all_count = in->all_count,
        .none = in->none,
        .none_count = in->none_count,
        .when = slice_trim(in->condition),
        .disguise = in->disguise,
    };
    if (out->name.len > RULES_NAME_BYTES_MAX)
        out->name.len = RULES_NAME_BYTES_MAX;
    if (in->locale.len > 0)
        out->locale = bot_language_of(in->locale) == BOT_CHINESE ? RULES_ZH : RULES_EN;
    if (in->priority < -RULES_PRIORITY_MAX || in->priority > RULES_PRIORITY_MAX)
        return err_set_field(err, ERR_INVALID, "priority", "is beyond %d", RULES_PRIORITY_MAX);
    rc = times_read(in, &out->times, err);
    return rc == ERR_OK ? scopes_read(in, arena, out, err) : rc;
}

/* Line and column before what is wrong: a condition may be written over several lines. */
static void where_add(const struct bot_rule *rule, const struct rules_place *place, struct err *err)
{
    struct slice when = slice_trim(rule->condition);
    char text[ERR_TEXT_MAX];
    unsigned line = 1;
    unsigned column = 1;

    for (size_t i = 0; i < place->at && i < when.len; i++) {
        bool first_byte = ((uint8_t)when.ptr[i] & 0xC0) != 0x80;

        column += first_byte;
        if (when.ptr[i] == '\n') {
            line++;
            column = 1;
        }
    }
    memcpy(text, err->text, sizeof(text));
    snprintf(err->text, sizeof(err->text), "line %u column %u: %.*s", line, column,
             (int)sizeof(err->text) - 40, text);
}

static void part_put(const struct rules_place *place, char field[ERR_FIELD_MAX])
{
    static const char *const lists[] = {
        [RULES_PART_ANY] = "any", [RULES_PART_ALL] = "all", [RULES_PART_NONE] = "none"
    };

    if (place->part == RULES_PART_WHEN || place->part == RULES_PART_WHOLE)
        snprintf(field, ERR_FIELD_MAX, "%s", place->part == RULES_PART_WHEN ? "condition" : "rule");
    else
        snprintf(field, ERR_FIELD_MAX, "%s[%zu]", lists[place->part], place->at);
}

enum err_code bot_rule_check(const struct bot_rule *rule, struct err *err)
{
    struct rules_place place = { 0 };
    struct rules_set *set = NULL;
    struct err found = { 0 };
    struct rules_rule in;
    struct arena arena;
    enum err_code rc;

    arena_init(&arena, SCOPES_BYTES_MAX);
    rc = rule_read(rule, &arena, &in, err);
    if (rc == ERR_OK)
        rc = rules_compile_at(&in, 1, &set, &place, &found);
    arena_fini(&arena);
    rules_set_destroy(&set);
    if (found.code == ERR_OK || err == NULL)
        return rc;
    *err = found;
    part_put(&place, err->field);
    if (place.part == RULES_PART_WHEN)
        where_add(rule, &place, err);
    return rc;
}

static enum err_code answer_add(struct bot_build *b, size_t at, const struct bot_rule *in,
                                struct bot_rule_answer *out)
{
    enum err_code rc;

    if (slice_trim(in->answer).len == 0 && !in->handoff && in->flow.len == 0)
        return bot_fault(b, "rules", at, "answer", ERR_INVALID,
                         "is empty and the rule does nothing");
    out->id = in->id;
    out->handoff = in->handoff;
    rc = bot_copy(b, in->name, &out->name);
    if (rc == ERR_OK)
        rc = bot_copy(b, slice_trim(in->flow), &out->flow);
    return rc == ERR_OK ? bot_copy(b, slice_trim(in->answer), &out->answer) : rc;
}

/* Answers first, then guards, each in the order of the source: by id in a workspace. */
struct rule_lists {
    struct rules_rule *rules;
    size_t *sources;   /* where each stands in the source */
    uint32_t *numbers; /* and in its set */
    size_t answers, guards;
};

/* The compiler counts the rules that it was given: its fault gets the number in the source. */
static enum err_code set_make(struct bot_build *b, const struct rule_lists *lists, size_t first,
                              size_t count, const struct bot_rules *before, struct bot_rules *out)
{
    struct rules_place place = { 0 };
    struct err found = { 0 };
    enum err_code rc = bot_rules_make(lists->rules + first, count, before, out,
                                      lists->numbers + first, &place, &found);
    const char *tail = strchr(found.field, ']');

    if (rc == ERR_OK)
        return rc;
    if (count == 0 || tail == NULL)
        return err_set(b->err, rc, "%s", found.text);
    if (b->err != NULL) {
        *b->err = found;
        snprintf(b->err->field, sizeof(b->err->field), "rules[%zu%s",
                 lists->sources[first + place.rule], tail);
    }
    return rc;
}

static enum err_code lists_fill(struct bot_build *b, const struct bot_source *source,
                                struct arena *arena, struct rule_lists *lists)
{
    size_t at[2] = { 0 };
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < source->rule_count; i++)
        lists->answers += source->rules[i].action == BOT_ACTION_ANSWER;
    at[1] = lists->answers;
    for (size_t i = 0; i < source->rule_count && rc == ERR_OK; i++) {
        bool guard = source->rules[i].action != BOT_ACTION_ANSWER;
        size_t to = at[guard]++;
        struct err found = { 0 };

        lists->sources[to] = i;
        rc = rule_read(&source->rules[i], arena, &lists->rules[to], &found);
        if (rc != ERR_OK)
            rc = bot_fault(b, "rules", i, found.field, rc, found.text);
    }
    lists->guards = source->rule_count - lists->answers;
    return rc;
}

/* Numbers of a set laid over another one are not dense: those of replaced rules stay unused. */
static enum err_code answers_fill(struct bot_build *b, const struct bot_source *source,
                                  const struct rule_lists *lists)
{
    struct bot *bot = b->bot;
    enum err_code rc = ERR_OK;

    bot->rule_count = rules_set_count(bot_rules_set(&bot->rules));
    bot->rule_answers = mem_zalloc((bot->rule_count + 1) * sizeof(*bot->rule_answers));
    for (size_t i = 0; i < lists->answers && rc == ERR_OK; i++)
        rc = answer_add(b, lists->sources[i], &source->rules[lists->sources[i]],
                        &bot->rule_answers[lists->numbers[i]]);
    return rc;
}

static enum err_code sets_make(struct bot_build *b, const struct bot_source *source,
                               const struct rule_lists *lists)
{
    const struct bot *before = source->before;
    size_t first = lists->answers;
    enum err_code rc = set_make(b, lists, 0, lists->answers, before != NULL ? &before->rules : NULL,
                                &b->bot->rules);

    if (rc == ERR_OK)
        rc = set_make(b, lists, first, lists->guards, before != NULL ? &before->guard : NULL,
                      &b->bot->guard);
    return rc == ERR_OK ? answers_fill(b, source, lists) : rc;
}

enum err_code bot_rules_build(struct bot_build *b, const struct bot_source *source)
{
    size_t room = source->rule_count + 1;
    struct rule_lists lists = { 0 };
    struct arena arena;
    enum err_code rc;

    if (source->rule_count > BOT_RULES_MAX)
        return err_set_field(b->err, ERR_TOO_BIG, "rules", "more than %d", BOT_RULES_MAX);
    arena_init(&arena, SCOPES_BYTES_MAX);
    lists.rules = mem_zalloc(room * sizeof(*lists.rules));
    lists.sources = mem_zalloc(room * sizeof(*lists.sources));
    lists.numbers = mem_zalloc(room * sizeof(*lists.numbers));
    rc = lists_fill(b, source, &arena, &lists);
    if (rc == ERR_OK)
        rc = sets_make(b, source, &lists);
    arena_fini(&arena);
    free(lists.rules);
    free(lists.sources);
    free(lists.numbers);
    return rc;
}
