/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning: tokens of the text, a walk over prefix hashes from each of them, a bit per group of
 * words seen in each rule touched, and at the end the conditions of the rules touched.
 *
 * A double-array Aho-Corasick automaton over bytes was measured beside this (see the decision
 * record): it reads every byte through two dependent loads, while here a word costs one hash and
 * two looks into filters that stay in the cache, and only what passes them touches the table. */
#include "rules_priv.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum {
    CANDIDATES_MAX = 2 * RULES_TOKENS_MAX,
    FOUND_MAX = 4096,  /* literals between two visits to the rules */
    PLACES_MAX = 4096, /* kept for conditions with distances and for masking */
    MATCHES_MAX = 256, /* of one regular expression or of numbers */
};

/* A place that passed a filter. */
struct candidate {
    uint64_t hash; /* of the first token, or of the first two */
    uint32_t from;
    uint32_t to;
};

struct found {
    uint64_t hash;
    uint32_t literal;
    uint32_t start;
    uint32_t end;
};

struct place {
    uint32_t rule;
    uint32_t slot;
    uint32_t start;
    uint32_t end;
};

struct rule_state {
    uint32_t epoch;
    uint32_t seen; /* slots */
    uint32_t start;
    uint32_t end;
};

struct rules_scratch {
    struct rules_token tokens[RULES_TOKENS_MAX];
    struct rules_unit units[RULES_TOKENS_MAX];
    struct candidate candidates[CANDIDATES_MAX];
    struct found found[FOUND_MAX];
    size_t found_count;
    struct place places[PLACES_MAX];
    size_t place_count;
    bool places_sorted;
    bool places_lost; /* there were more */
    struct rules_span numbers[MATCHES_MAX];
    size_t number_count;
    bool numbers_ready;
    struct rules_span matches[MATCHES_MAX];
    uint32_t ends[2][PLACES_MAX];
    unsigned regex_runs;
    struct regex_scratch *regex;
    struct rules_span spans[RULES_SPANS_MAX];
    size_t span_count;
    struct rule_state *states;
    uint32_t *touched;
    size_t cap; /* of states and touched */
    size_t touched_count;
    uint32_t epoch;
};

struct scan {
    const struct rules_view *view;
    const uint64_t *gone; /* rules of the view that do not count; NULL: all do */
    uint32_t first_rule;  /* index of the view's first one */
    struct rules_scratch *scratch;
    struct slice text;
    size_t token_count;
    const struct rules_context *context;
};

struct rules_scratch *rules_scratch_create(void)
{
    struct rules_scratch *scratch = mem_zalloc(sizeof(*scratch));

    scratch->regex = regex_scratch_create();
    return scratch;
}

void rules_scratch_destroy(struct rules_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    regex_scratch_destroy(&(*scratch)->regex);
    free((*scratch)->states);
    free((*scratch)->touched);
    free(*scratch);
    *scratch = NULL;
}

/* Room for the set, and an epoch that no state has: "untouched" without clearing. */
static void scratch_begin(struct rules_scratch *s, size_t rules)
{
    if (s->cap < rules) {
        free(s->states);
        free(s->touched);
        s->cap = rules;
        s->states = mem_zalloc(s->cap * sizeof(*s->states));
        s->touched = mem_alloc(s->cap * sizeof(*s->touched));
        s->epoch = 0;
    }
    if (++s->epoch == 0) {
        memset(s->states, 0, s->cap * sizeof(*s->states));
        s->epoch = 1;
    }
    s->touched_count = 0;
    s->found_count = 0;
    s->place_count = 0;
    s->places_sorted = false;
    s->places_lost = false;
    s->numbers_ready = false;
    s->regex_runs = 0;
    s->span_count = 0;
}

/* ---- what was found, told to the rules ---- */
static void use_seen(const struct scan *scan, uint32_t use, uint32_t start, uint32_t end)
{
    struct rules_scratch *s = scan->scratch;
    uint32_t rule = rules_use_rule(use) + scan->first_rule;
    struct rule_state *state = &s->states[rule];

    if (state->epoch != s->epoch) {
        *state = (struct rule_state){ .epoch = s->epoch, .start = start, .end = end };
        s->touched[s->touched_count++] = rule;
    }
    state->seen |= 1u << rules_use_slot(use);
    if ((use & RULES_PLACED) == 0)
        return;
    if (s->place_count == PLACES_MAX) {
        s->places_lost = true;
        return;
    }
    s->places[s->place_count++] =
        (struct place){ .rule = rule, .slot = rules_use_slot(use), .start = start, .end = end };
}

static void uses_seen(const struct scan *scan, uint32_t use, uint32_t count, uint32_t start,
                      uint32_t end)
{
    for (uint32_t i = use; i < use + count; i++) {
        uint32_t rule = rules_use_rule(scan->view->uses[i]);

        if (scan->gone == NULL || (scan->gone[rule / 64] >> (rule % 64) & 1) == 0)
            use_seen(scan, scan->view->uses[i], start, end);
    }
}

/* The table keeps half of a hash; all of it is looked at here. */
static bool found_is_right(const struct scan *scan, const struct found *found)
{
    return scan->view->literals[found->literal].hash == found->hash;
}

static void found_tell(const struct scan *scan)
{
    struct rules_scratch *s = scan->scratch;

    for (size_t i = 0; i < s->found_count; i++) {
        const struct found *found = &s->found[i];
        const struct rules_literal *literal = &scan->view->literals[found->literal];

        if (found_is_right(scan, found))
            uses_seen(scan, literal->use, literal->use_count, found->start, found->end);
    }
    s->found_count = 0;
}

/* ---- literals ---- */
typedef void (*full_fn)(const struct scan *scan);

/* Every place that may begin a literal. The tables are larger than the caches, so the loads of all
 * places are begun here and looked at afterwards. */
static size_t candidates_find(const struct scan *scan)
{
    const struct rules_view *v = scan->view;
    const struct rules_token *tokens = scan->scratch->tokens;
    struct candidate *out = scan->scratch->candidates;
    size_t count = 0;

    for (size_t i = 0; i < scan->token_count; i++) {
        uint64_t one = rules_step(rules_seed, tokens[i].hash);
        uint64_t two;

        if (v->has_singles && rules_filter_has(v->singles, v->filter_bits, one)) {
            out[count++] = (struct candidate){ one, (uint32_t)i, (uint32_t)i };
            __builtin_prefetch(&v->cells[rules_cell_at(one, v->cell_bits)]);
        }
        if (i + 1 == scan->token_count)
            break;
        two = rules_step(one, rules_token_next(&tokens[i + 1]));
        if (rules_filter_has(v->pairs, v->filter_bits, two)) {
            out[count++] = (struct candidate){ two, (uint32_t)i, (uint32_t)i + 1 };
            __builtin_prefetch(&v->cells[rules_cell_at(two, v->cell_bits)]);
        }
    }
    return count;
}

static void found_add(const struct scan *scan, uint32_t literal, uint64_t hash, size_t from,
                      size_t to, full_fn full)
{
    struct rules_scratch *s = scan->scratch;

    if (s->found_count == FOUND_MAX)
        full(scan);
    __builtin_prefetch(&scan->view->literals[literal]);
    s->found[s->found_count++] =
        (struct found){ hash, literal, s->tokens[from].start, s->tokens[to].end };
}

/* The literals that begin there, one token longer each time. */
static void walk(const struct scan *scan, const struct candidate *c, full_fn full)
{
    const struct rules_view *v = scan->view;
    uint64_t hash = c->hash;
    bool single = c->from == c->to;

    for (size_t at = c->to;; at++) {
        uint32_t value = rules_cell_find(v->cells, v->cell_bits, hash);

        if ((value & ~RULES_MORE) != 0)
            found_add(scan, (value & ~RULES_MORE) - 1, hash, c->from, at, full);
        if ((value & RULES_MORE) == 0 || single || at + 1 == scan->token_count)
            return;
        hash = rules_step(hash, rules_token_next(&scan->scratch->tokens[at + 1]));
    }
}

static void match(const struct scan *scan, full_fn full)
{
    size_t count = candidates_find(scan);

    for (size_t i = 0; i < count; i++)
        walk(scan, &scan->scratch->candidates[i], full);
    full(scan);
}

/* ---- words in disguise ---- */
static void hidden_tell(const struct scan *scan, uint32_t value, size_t count, size_t from)
{
    const struct rules_view *v = scan->view;

    for (uint32_t next = value & ~RULES_MORE; next != 0; next = v->hidden[next - 1].same) {
        const struct rules_hidden *hidden = &v->hidden[next - 1];
        const struct rules_unit *units = scan->scratch->units;
        size_t to;

        if (rules_hidden_holds(v, hidden, units, count, from, &to))
            uses_seen(scan, hidden->use, hidden->use_count, units[from].start, units[to - 1].end);
    }
}

static void match_hidden(const struct scan *scan, size_t count)
{
    const struct rules_view *v = scan->view;
    const struct rules_unit *units = scan->scratch->units;

    for (size_t i = 0; i < count; i++) {
        uint64_t hash = rules_seed;

        for (size_t at = i; at < count && units[i].begins; at++) {
            uint32_t value;

            hash = rules_sound_step(hash, units[at].sound, units[at].cp);
            value = rules_cell_find(v->hidden_cells, v->hidden_bits, hash);
            if ((value & ~RULES_MORE) != 0)
                hidden_tell(scan, value, count, i);
            if ((value & RULES_MORE) == 0)
                break;
        }
    }
}

/* ---- conditions ---- */
static bool place_before(const struct place *a, const struct place *b)
{
    if (a->rule != b->rule)
        return a->rule < b->rule;
    return a->slot != b->slot ? a->slot < b->slot : a->start < b->start;
}

/* Shell's sort with M. Ciura's gaps: qsort may allocate. */
static void places_sort(struct place *places, size_t count)
{
    static const size_t gaps[] = { 1750, 701, 301, 132, 57, 23, 10, 4, 1 };

    for (size_t g = 0; g < LENGTH_OF(gaps); g++) {
        for (size_t i = gaps[g]; i < count; i++) {
            struct place place = places[i];
            size_t at = i;

            for (; at >= gaps[g] && place_before(&place, &places[at - gaps[g]]); at -= gaps[g])
                places[at] = places[at - gaps[g]];
            places[at] = place;
        }
    }
}

/* The places of one rule, or of one slot of it, sorted. */
static const struct place *places_of(struct rules_scratch *s, uint32_t rule, uint32_t slot,
                                     size_t *count)
{
    const struct place key = { .rule = rule, .slot = slot };
    size_t low = 0;
    size_t high = s->place_count;

    if (!s->places_sorted)
        places_sort(s->places, s->place_count);
    s->places_sorted = true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (place_before(&s->places[middle], &key))
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < s->place_count && s->places[low + *count].rule == rule &&
           s->places[low + *count].slot == slot)
        ++*count;
    return &s->places[low];
}

static bool is_numeral(struct slice text, const struct rules_token *token)
{
    static const char numerals[] = "零〇一二两三四五六七八九十百千万亿";
    char first = text.ptr[token->start];

    if (first >= '0' && first <= '9')
        return true;
    if (token->end - token->start != 3)
        return false;
    for (size_t i = 0; i + 3 < sizeof(numerals); i += 3) {
        if (memcmp(numerals + i, text.ptr + token->start, 3) == 0)
            return true;
    }
    return false;
}

static void numbers_find(const struct scan *scan)
{
    struct rules_scratch *s = scan->scratch;

    s->numbers_ready = true;
    s->number_count = 0;
    for (size_t i = 0; i < scan->token_count && s->number_count < MATCHES_MAX; i++) {
        const struct rules_token *token = &s->tokens[i];
        struct rules_span *last = s->number_count > 0 ? &s->numbers[s->number_count - 1] : NULL;

        if (!is_numeral(scan->text, token))
            continue;
        if (last != NULL && last->start + last->len == token->start)
            last->len += token->end - token->start;
        else
            s->numbers[s->number_count++] =
                (struct rules_span){ token->start, token->end - token->start };
    }
}

/* False: too many runs in this scan. */
static bool regex_allowed(struct rules_scratch *s)
{
    return s->regex_runs++ < RULES_REGEX_RUNS_MAX;
}

static size_t regex_matches(const struct scan *scan, uint32_t regex)
{
    struct rules_scratch *s = scan->scratch;
    struct regex_span span;
    size_t count = 0;
    size_t from = 0;

    if (!regex_allowed(s))
        return 0;
    while (count < MATCHES_MAX && from <= scan->text.len &&
           regex_find(scan->view->regexes[regex], s->regex, scan->text, from, &span, 1)) {
        s->matches[count++] =
            (struct rules_span){ (uint32_t)span.start, (uint32_t)(span.end - span.start) };
        from = (size_t)(span.end > span.start ? span.end : span.end + 1);
    }
    return count;
}

/* Where part `word` of a chain stands, given one by one. */
struct part {
    const struct place *places;
    const struct rules_span *spans;
    size_t count;
};

static struct part part_of(const struct scan *scan, uint32_t rule, uint32_t word)
{
    struct rules_scratch *s = scan->scratch;
    struct part part = { NULL, NULL, 0 };

    if (word >> 24 == RULES_OP_SLOT) {
        part.places = places_of(s, rule, word & 0xFFFFFF, &part.count);
        return part;
    }
    if (word >> 24 == RULES_OP_REGEX) {
        part.count = regex_matches(scan, word & 0xFFFFFF);
        part.spans = s->matches;
        return part;
    }
    if (!s->numbers_ready)
        numbers_find(scan);
    part.count = s->number_count;
    part.spans = s->numbers;
    return part;
}

static struct rules_span part_at(const struct part *part, size_t i)
{
    if (part->spans != NULL)
        return part->spans[i];
    return (struct rules_span){ part->places[i].start,
                                part->places[i].end - part->places[i].start };
}

/* Whether at most `most` characters lie between two places. */
static bool is_within(struct slice text, uint32_t from, uint32_t to, uint32_t most)
{
    uint32_t chars = 0;

    for (uint32_t at = from; at < to && chars <= most; at++)
        chars += ((unsigned char)text.ptr[at] & 0xC0) != 0x80 ? 1 : 0;
    return chars <= most;
}

static void end_insert(uint32_t *ends, size_t *count, uint32_t end)
{
    size_t at = *count;

    if (at == PLACES_MAX)
        return;
    for (; at > 0 && ends[at - 1] > end; at--)
        ends[at] = ends[at - 1];
    ends[at] = end;
    ++*count;
}

/* Of where the parts so far end, and the next part's places, both in order, the places that begin
 * near enough behind the last end before them: the nearest is the best there is. */
static size_t chain_link(const struct scan *scan, const struct part *part, const uint32_t *ends,
                         size_t end_count, uint32_t gap, uint32_t *out)
{
    size_t count = 0;
    size_t last = 0;

    for (size_t i = 0; i < part->count; i++) {
        struct rules_span span = part_at(part, i);

        while (last + 1 < end_count && ends[last + 1] <= span.start)
            last++;
        if (ends[last] <= span.start && is_within(scan->text, ends[last], span.start, gap))
            end_insert(out, &count, span.start + span.len);
    }
    return count;
}

static bool chain_holds(const struct scan *scan, uint32_t rule, const uint32_t *words,
                        uint32_t parts)
{
    struct rules_scratch *s = scan->scratch;
    struct part part = part_of(scan, rule, words[1]);
    uint32_t *ends = s->ends[0];
    size_t count = 0;

    for (size_t i = 0; i < part.count; i++) {
        struct rules_span span = part_at(&part, i);

        end_insert(ends, &count, span.start + span.len);
    }
    for (uint32_t i = 1; i < parts && count > 0; i++) {
        uint32_t *next = ends == s->ends[0] ? s->ends[1] : s->ends[0];

        part = part_of(scan, rule, words[2 * i + 1]);
        count = chain_link(scan, &part, ends, count, words[2 * i] >> 16, next);
        ends = next;
    }
    return count > 0;
}

static bool operand_holds(const struct scan *scan, const struct rule_state *state, uint32_t word)
{
    struct rules_scratch *s = scan->scratch;

    if (word >> 24 == RULES_OP_SLOT)
        return (state->seen >> (word & 31) & 1) != 0;
    if (word >> 24 == RULES_OP_REGEX)
        return regex_allowed(s) && regex_test(scan->view->regexes[word & 0xFFFFFF], scan->text);
    if (!s->numbers_ready)
        numbers_find(scan);
    return s->number_count > 0;
}

/* The operands that wait are the low bits of `stack`, the last one lowest. */
static bool program_holds(const struct scan *scan, uint32_t rule, const uint32_t *words,
                          uint32_t len)
{
    const struct rule_state *state = &scan->scratch->states[rule];
    uint64_t stack = 0;

    for (uint32_t at = 0; at < len;) {
        uint32_t word = words[at++];
        uint64_t top = stack & 1;

        switch (word >> 24) {
        case RULES_OP_AND:
            stack = (stack >> 1 & ~1ull) | (stack >> 1 & top);
            continue;
        case RULES_OP_OR:
            stack = stack >> 1 | top;
            continue;
        case RULES_OP_NOT:
            stack ^= 1;
            continue;
        case RULES_OP_CHAIN:
            top = chain_holds(scan, rule, words + at, word & 0xFFFFFF) ? 1 : 0;
            at += 2 * (word & 0xFFFFFF);
            break;
        default:
            top = operand_holds(scan, state, word) ? 1 : 0;
        }
        stack = stack << 1 | top;
    }
    return (stack & 1) != 0;
}

static bool scope_holds(const struct scan *scan, const struct rules_extra *extra)
{
    for (uint32_t i = 0; i < extra->scope_count; i++) {
        struct rules_text text = scan->view->scopes[extra->scope + i];

        if (slice_equal(slice_make(scan->view->strings + text.at, text.len), scan->context->scope))
            return true;
    }
    return extra->scope_count == 0;
}

static bool time_holds(const struct rules_times *times, const struct rules_context *context)
{
    int32_t day = context->day;
    bool night = times->minute_from > times->minute_to;
    int weekday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

    if (!times->set)
        return true;
    if (!context->timed)
        return false;
    if ((times->day_from != RULES_DAY_OPEN && day < times->day_from) ||
        (times->day_to != RULES_DAY_OPEN && day > times->day_to))
        return false;
    if (times->weekdays != 0 && (times->weekdays >> weekday & 1) == 0)
        return false;
    if (times->minute_from == times->minute_to)
        return true;
    return night ? context->minute >= times->minute_from || context->minute < times->minute_to
                 : context->minute >= times->minute_from && context->minute < times->minute_to;
}

static bool rule_holds(const struct scan *scan, uint32_t rule)
{
    const struct rules_entry *entry = &scan->view->entries[rule - scan->first_rule];
    uint32_t seen = scan->scratch->states[rule].seen;
    const struct rules_extra *extra;

    if ((seen & entry->all_mask) != entry->all_mask || (seen & entry->none_mask) != 0)
        return false;
    if (entry->locale != RULES_ANY_LOCALE && scan->context->locale != RULES_ANY_LOCALE &&
        entry->locale != scan->context->locale)
        return false;
    if (entry->extra == 0)
        return true;
    extra = &scan->view->extras[entry->extra - 1];
    if (!scope_holds(scan, extra) || !time_holds(&extra->times, scan->context))
        return false;
    return extra->program_len == 0 ||
           program_holds(scan, rule, scan->view->programs + extra->program, extra->program_len);
}

/* ---- results ---- */
struct best {
    struct rules_hit *hits;
    int32_t *priorities; /* beside hits: entries may lie in two views */
    size_t count;
    size_t max;
};

static bool is_before(int32_t priority, uint64_t id, int32_t other, uint64_t other_id)
{
    return priority != other ? priority > other : id < other_id;
}

static void best_add(struct best *best, struct rules_hit hit, int32_t priority)
{
    size_t at = best->count < best->max ? best->count : best->max - 1;

    if (best->count == best->max &&
        !is_before(priority, hit.id, best->priorities[at], best->hits[at].id))
        return;
    for (; at > 0 && is_before(priority, hit.id, best->priorities[at - 1], best->hits[at - 1].id);
         at--) {
        best->hits[at] = best->hits[at - 1];
        best->priorities[at] = best->priorities[at - 1];
    }
    best->hits[at] = hit;
    best->priorities[at] = priority;
    best->count += best->count < best->max ? 1 : 0;
}

/* Spans of a masking rule; its `none` words are not what is masked. */
static void spans_add(struct rules_scratch *s, const struct rules_entry *entry, uint32_t rule)
{
    if (s->places_lost)
        s->span_count = RULES_SPANS_MAX + 1;
    for (uint32_t slot = 0; slot < RULES_SLOTS_MAX; slot++) {
        size_t count;
        const struct place *places = places_of(s, rule, slot, &count);

        if ((entry->none_mask >> slot & 1) != 0)
            continue;
        for (size_t i = 0; i < count && s->span_count <= RULES_SPANS_MAX; i++) {
            if (s->span_count < RULES_SPANS_MAX)
                s->spans[s->span_count] =
                    (struct rules_span){ places[i].start, places[i].end - places[i].start };
            s->span_count++;
        }
    }
}

static void collect(const struct scan *scan, size_t from, struct best *best)
{
    struct rules_scratch *s = scan->scratch;

    for (size_t i = from; i < s->touched_count; i++) {
        uint32_t rule = s->touched[i];
        const struct rules_entry *entry = &scan->view->entries[rule - scan->first_rule];
        const struct rule_state *state = &s->states[rule];

        if (!rule_holds(scan, rule))
            continue;
        if (entry->action == RULES_MASK)
            spans_add(s, entry, rule);
        best_add(best,
                 (struct rules_hit){ .id = entry->id,
                                     .rule = rule,
                                     .start = state->start,
                                     .len = state->end - state->start,
                                     .action = (enum rules_action)entry->action },
                 entry->priority);
    }
}

static void scan_view(struct scan *scan, size_t units, struct best *best)
{
    size_t touched = scan->scratch->touched_count;

    match(scan, found_tell);
    if (scan->view->hidden_count > 0)
        match_hidden(scan, units);
    scan->scratch->places_sorted = false;
    collect(scan, touched, best);
}

size_t rules_scan(const struct rules_set *set, struct rules_scratch *scratch,
                  struct slice normalised, const struct rules_context *context,
                  struct rules_hit *hits, size_t max)
{
    int32_t priorities[RULES_HITS_MAX];
    struct best best = { .hits = hits, .priorities = priorities, .max = max };
    struct scan scan = { .scratch = scratch, .text = normalised, .context = context };
    size_t units = 0;

    ENSURE(max > 0 && max <= RULES_HITS_MAX);
    if (scan.text.len > RULES_TEXT_BYTES_MAX)
        scan.text = slice_make(normalised.ptr, RULES_TEXT_BYTES_MAX);
    scratch_begin(scratch, rules_set_count(set));
    scan.token_count = rules_tokens(scan.text, scratch->tokens, RULES_TOKENS_MAX);
    if (set->view.hidden_count > 0 || (set->base != NULL && set->base->view.hidden_count > 0))
        units = rules_units(scan.text, scratch->units, RULES_TOKENS_MAX);
    if (set->base != NULL) {
        scan.view = &set->base->view;
        scan.gone = set->gone;
        scan_view(&scan, units, &best);
        scan.first_rule = set->base->view.entry_count;
        scan.gone = NULL;
    }
    scan.view = &set->view;
    scan_view(&scan, units, &best);
    return best.count;
}

static void spans_sort(struct rules_span *spans, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct rules_span span = spans[i];
        size_t at = i;

        for (; at > 0 && spans[at - 1].start > span.start; at--)
            spans[at] = spans[at - 1];
        spans[at] = span;
    }
}

size_t rules_spans(const struct rules_scratch *scratch, struct rules_span spans[RULES_SPANS_MAX])
{
    size_t count = 0;

    if (scratch->span_count > RULES_SPANS_MAX)
        return RULES_SPANS_MAX + 1;
    memcpy(spans, scratch->spans, scratch->span_count * sizeof(*spans));
    spans_sort(spans, scratch->span_count);
    for (size_t i = 0; i < scratch->span_count; i++) {
        struct rules_span *last = count > 0 ? &spans[count - 1] : NULL;
        uint32_t end = spans[i].start + spans[i].len;

        if (last == NULL || spans[i].start > last->start + last->len)
            spans[count++] = spans[i];
        else if (end > last->start + last->len)
            last->len = end - last->start;
    }
    return count;
}

static void found_count_only(const struct scan *scan)
{
    struct rules_scratch *s = scan->scratch;

    for (size_t i = 0; i < s->found_count; i++)
        s->touched_count += found_is_right(scan, &s->found[i]) ? 1 : 0;
    s->found_count = 0;
}

size_t rules_match_count(const struct rules_set *set, struct rules_scratch *scratch,
                         struct slice normalised)
{
    struct scan scan = { .view = &set->view, .scratch = scratch, .text = normalised };

    if (scan.text.len > RULES_TEXT_BYTES_MAX)
        scan.text.len = RULES_TEXT_BYTES_MAX;
    scratch->found_count = 0;
    scratch->touched_count = 0;
    scan.token_count = rules_tokens(scan.text, scratch->tokens, RULES_TOKENS_MAX);
    match(&scan, found_count_only);
    return scratch->touched_count;
}

const char *rules_action_name(enum rules_action action)
{
    static const char *const names[RULES_ACTIONS] = {
        [RULES_ANSWER] = "answer", [RULES_BLOCK] = "block",     [RULES_MASK] = "mask",
        [RULES_REVIEW] = "review", [RULES_HANDOFF] = "handoff",
    };

    ENSURE((unsigned)action < RULES_ACTIONS);
    return names[action];
}
