/* SPDX-License-Identifier: Apache-2.0 */
/* The scan and the table of recognisers. */
#include "entity_priv.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

_Static_assert(ENTITY_LOOKUP == 0, "best_at masks it by 1");

struct entity_scratch {
    char norm[ENTITY_TEXT_BYTES_MAX];
    uint32_t from[ENTITY_TEXT_BYTES_MAX];
    struct entity_scratch_lookup *lookup;
};

static const struct {
    const char *name;
    size_t (*at)(struct entity_scan *s, size_t at, struct entity_match *m);
} recognisers[ENTITY_KINDS] = {
    [ENTITY_LOOKUP] = { "lookup", entity_lookup_at },
    [ENTITY_EMAIL] = { "email", entity_email_at },
    [ENTITY_URL] = { "url", entity_url_at },
    [ENTITY_ID_CARD] = { "id_card", entity_id_card_at },
    [ENTITY_TRACKING] = { "tracking", entity_tracking_at },
    [ENTITY_PHONE] = { "phone", entity_phone_at },
    [ENTITY_ORDER] = { "order", entity_order_at },
    [ENTITY_MONEY] = { "money", entity_money_at },
    [ENTITY_DATE] = { "date", entity_date_at },
    [ENTITY_PERCENT] = { "percent", entity_percent_at },
    [ENTITY_NUMBER] = { "number", entity_number_at },
};

const char *entity_kind_name(enum entity_kind kind)
{
    ENSURE((unsigned)kind < ENTITY_KINDS);
    return recognisers[kind].name;
}

struct entity_scratch *entity_scratch_create(void)
{
    struct entity_scratch *scratch = mem_zalloc(sizeof(*scratch));

    scratch->lookup = entity_scratch_lookup_create();
    return scratch;
}

void entity_scratch_destroy(struct entity_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    free((*scratch)->lookup);
    free(*scratch);
    *scratch = NULL;
}

struct entity_scratch_lookup *entity_scratch_lookup_of(struct entity_scratch *scratch)
{
    return scratch->lookup;
}

size_t entity_word_at(struct slice norm, size_t at, const struct entity_word *words, size_t count,
                      int *value)
{
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        size_t end = entity_past(norm, at, words[i].text);

        if (end <= best || (entity_is_letter(norm.ptr[end - 1]) && !entity_ends(norm, end)))
            continue;
        best = end;
        *value = words[i].value;
    }
    return best;
}

/* All but the bytes of the value. */
static void match_clear(struct entity_match *m)
{
    m->value_len = 0;
    m->value_at = SLICE_EMPTY;
    m->number = (struct entity_decimal){ 0, 0 };
    m->lookup = 0;
    m->entry = 0;
    m->fuzzy = false;
}

/* Whether anything but an entry of a list may begin with that character. Most Chinese characters
 * begin nothing, and asking every recogniser about each would cost more than all the rest. */
static bool may_begin(uint32_t cp)
{
    if (cp < 0x80)
        return entity_is_alnum((char)cp) || strchr("+-($_", (int)cp) != NULL;
    switch (cp) {
    case U'¥':
    case U'€':
    case U'£':  /* amounts */
    case U'人': /* 人民币 */
    case U'今':
    case U'明':
    case U'后':
    case U'大':
    case U'昨':
    case U'前': /* days */
    case U'下':
    case U'这':
    case U'本':
    case U'上': /* weeks, months */
    case U'周':
    case U'星':
    case U'礼':
        return true;
    default:
        return entity_is_numeral(cp); /* 百分之 too */
    }
}

/* The best match at one place; its end, or 0. */
static size_t best_at(struct entity_scan *s, size_t at, struct entity_match *best,
                      enum entity_kind *kind)
{
    struct slice rest = slice_make(s->norm.ptr + at, s->norm.len - at);
    unsigned kinds = s->options->kinds & (may_begin(text_next(&rest)) ? ENTITY_ALL : 1);
    size_t end = 0;

    for (unsigned k = 0; kinds >> k != 0; k++) {
        struct entity_match m;
        size_t here;

        if ((kinds >> k & 1) == 0)
            continue;
        match_clear(&m);
        here = recognisers[k].at(s, at, &m);
        ENSURE(here <= s->norm.len && (here == 0 || here > at));
        if (here > end) {
            end = here;
            *best = m;
            *kind = (enum entity_kind)k;
        }
    }
    return end;
}

/* False: the list is full. */
static bool keep(const struct entity_scan *s, size_t at, size_t end, enum entity_kind kind,
                 const struct entity_match *m, struct entity_list *out)
{
    struct slice origin = text_original(s->text, s->norm, s->from, at, end - at);
    struct entity *e = &out->items[out->count];

    if (out->count == ENTITY_FOUND_MAX || out->used + m->value_len > sizeof(out->values))
        return false;
    *e = (struct entity){ .kind = kind,
                          .start = (uint32_t)(origin.ptr - s->text.ptr),
                          .len = (uint32_t)origin.len,
                          .value = m->value_at,
                          .number = m->number,
                          .lookup = m->lookup,
                          .entry = m->entry,
                          .fuzzy = m->fuzzy };
    if (m->value_len > 0) {
        memcpy(out->values + out->used, m->value, m->value_len);
        e->value = slice_make(out->values + out->used, m->value_len);
        out->used += m->value_len;
    }
    out->count++;
    return true;
}

/* Past one character, or past a whole word or number: nothing begins inside one. */
static size_t next_place(struct slice norm, size_t at)
{
    struct slice rest = slice_make(norm.ptr + at, norm.len - at);

    if (!entity_is_alnum(norm.ptr[at])) {
        (void)text_next(&rest);
        return (size_t)(rest.ptr - norm.ptr);
    }
    while (at < norm.len && entity_is_alnum(norm.ptr[at]))
        at++;
    return at;
}

void entity_find_normalised(struct slice text, struct slice normalised, const uint32_t *from,
                            const struct entity_options *options, struct entity_scratch *scratch,
                            struct entity_list *out)
{
    struct entity_scan s = {
        .text = text, .norm = normalised, .from = from, .options = options, .scratch = scratch
    };
    struct entity_match best;
    size_t at = 0;

    ENSURE(options->lookup_count <= ENTITY_LOOKUPS_MAX);
    if (s.norm.len > ENTITY_TEXT_BYTES_MAX)
        s.norm.len = ENTITY_TEXT_BYTES_MAX;
    out->count = 0;
    out->used = 0;
    if (options->lookup_count > 0 && (options->kinds >> ENTITY_LOOKUP & 1) != 0)
        entity_lookup_prepare(&s);
    while (at < s.norm.len) {
        enum entity_kind kind = ENTITY_KINDS;
        size_t end = best_at(&s, at, &best, &kind);

        if (end != 0 && !keep(&s, at, end, kind, &best, out))
            return;
        at = end != 0 ? end : next_place(s.norm, at);
    }
}

void entity_find(struct slice text, const struct entity_options *options,
                 struct entity_scratch *scratch, struct entity_list *out)
{
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, scratch->norm, scratch->from,
                                            sizeof(scratch->norm));

    entity_find_normalised(text, norm, scratch->from, options, scratch, out);
}
