/* SPDX-License-Identifier: Apache-2.0 */
/* Sensitive words in what people write. The guard has a rule set of its own: it looks at every text
 * of visitors and agents, also where the bot is silent, and the ladder must not pay for it twice.
 * All rules that hold take effect together: a text may be masked and reviewed. */
#include "bot_priv.h"

#include "check.h"

static const char *const action_names[BOT_ACTIONS] = {
    [BOT_ACTION_ANSWER] = "answer", [BOT_ACTION_BLOCK] = "block",     [BOT_ACTION_MASK] = "mask",
    [BOT_ACTION_REVIEW] = "review", [BOT_ACTION_HANDOFF] = "handoff",
};

const char *bot_action_name(enum bot_action action)
{
    ENSURE((unsigned)action < BOT_ACTIONS);
    return action_names[action];
}

bool bot_action_parse(struct slice name, enum bot_action *out)
{
    for (int i = 0; i < BOT_ACTIONS; i++) {
        if (slice_equal_text(name, action_names[i])) {
            *out = (enum bot_action)i;
            return true;
        }
    }
    *out = BOT_ACTION_ANSWER;
    return name.len == 0;
}

bool bot_disguise_parse(struct slice words, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = { { "symbols", BOT_DISGUISE_SYMBOLS },
                  { "pinyin", BOT_DISGUISE_PINYIN },
                  { "sound", BOT_DISGUISE_SOUND } };

    *out = 0;
    for (words = slice_trim(words); words.len > 0; words = slice_trim(words)) {
        const char *blank = memchr(words.ptr, ' ', words.len);
        struct slice word =
            slice_make(words.ptr, blank != NULL ? (size_t)(blank - words.ptr) : words.len);
        size_t at = 0;

        while (at < LENGTH_OF(names) && !slice_equal_text(word, names[at].name))
            at++;
        if (at == LENGTH_OF(names))
            return false;
        *out |= names[at].bit;
        words = slice_make(word.ptr + word.len, words.len - word.len);
    }
    return true;
}

/* One star for each character, so that the reader sees how much is gone. */
static void stars_put(struct slice in, char *out, size_t *len)
{
    while (in.len > 0) {
        (void)text_next(&in);
        out[(*len)++] = '*';
    }
}

/* The text without its masked places; never longer than it was. */
static size_t mask_write(struct slice text, struct slice normalised, const struct bot_scratch *s,
                         size_t spans, char *out)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    size_t len = 0;

    if (spans > RULES_SPANS_MAX) {
        stars_put(text, out, &len);
        return len;
    }
    for (size_t i = 0; i < spans; i++) {
        struct slice part =
            text_original(text, normalised, s->guard_from, s->spans[i].start, s->spans[i].len);

        if (part.ptr < at)
            continue; /* a mark that hangs on the place before belongs to it already */
        memcpy(out + len, at, (size_t)(part.ptr - at));
        len += (size_t)(part.ptr - at);
        stars_put(part, out, &len);
        at = part.ptr + part.len;
    }
    memcpy(out + len, at, (size_t)(end - at));
    return len + (size_t)(end - at);
}

static enum err_code mask(struct bot_scratch *scratch, struct slice text, struct slice normalised,
                          struct arena *arena, struct bot_guard *out, struct err *err)
{
    size_t spans = rules_spans(scratch->guard, scratch->spans);
    char *copy;

    if (spans == 0)
        return ERR_OK;
    copy = arena_alloc(arena, text.len + 1);
    if (copy == NULL)
        return err_set(err, ERR_TOO_BIG, "message arena is full");
    out->text = slice_make(copy, mask_write(text, normalised, scratch, spans, copy));
    out->masked = true;
    return ERR_OK;
}

static void hit_note(const struct bot *bot, const struct rules_hit *hit, struct bot_guard *out)
{
    switch (hit->action) {
    case RULES_BLOCK:
        out->block = true;
        break;
    case RULES_REVIEW:
        out->review = true;
        break;
    case RULES_HANDOFF:
        out->handoff = true;
        break;
    default: /* masks are where rules_spans says */
        break;
    }
    if (out->rule_id == 0) {
        out->rule_id = hit->id;
        out->rule = rules_set_name(bot_rules_set(&bot->guard), hit->rule);
    }
}

enum err_code bot_guard(const struct bot *bot, struct bot_scratch *scratch,
                        const struct bot_question *question, const struct clock *clock,
                        struct arena *arena, struct bot_guard *out, struct err *err)
{
    struct rules_hit hits[RULES_HITS_MAX];
    char scope[BOT_SCOPE_BYTES];
    struct rules_context context;
    struct slice text = question->text;
    struct slice seen = text;
    struct slice normalised;
    size_t n;

    *out = (struct bot_guard){ .text = text };
    if (rules_set_count(bot_rules_set(&bot->guard)) == 0)
        return ERR_OK;
    context = bot_rules_context(question, clock, scope);
    if (seen.len > BOT_GUARD_BYTES_MAX)
        seen.len = BOT_GUARD_BYTES_MAX;
    normalised = text_normalise_with(seen, TEXT_SIMPLIFY, scratch->guard_normalised,
                                     scratch->guard_from, BOT_GUARD_NORM_MAX);
    n = rules_scan(bot_rules_set(&bot->guard), scratch->guard, normalised, &context, hits,
                   RULES_HITS_MAX);
    for (size_t i = 0; i < n; i++)
        hit_note(bot, &hits[i], out);
    return n > 0 ? mask(scratch, text, normalised, arena, out, err) : ERR_OK;
}
