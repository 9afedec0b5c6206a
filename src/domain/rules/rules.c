/* SPDX-License-Identifier: Apache-2.0 */
/* Literals live in a byte trie whose edges are one hash table (node, byte) -> node. A scan tries
 * every place where a literal may begin: each character, in Latin scripts each word. A bitmap of
 * the first two bytes of all literals sends most places away with one look. What a literal means
 * to which rule hangs on its last node; per rule, a scan only sets bits. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"
#include "text.h"

enum role {
    ROLE_ANY,
    ROLE_ALL,
    ROLE_NONE,
};

struct use { /* of a literal by a rule */
    uint32_t node;
    uint32_t rule;
    uint8_t role;
    uint8_t bit; /* ROLE_ALL: which one */
};

struct edge {
    uint64_t key; /* node << 8 | byte, + 1; 0: free */
    uint32_t to;
};

struct node_uses {
    uint32_t start;
    uint32_t count;
};

struct compiled_rule {
    uint64_t id;
    int32_t priority;
    uint32_t all_mask;
    uint8_t locale;
    bool needs_any;
};

struct rules_set {
    struct edge *edges;
    uint64_t edge_mask;
    size_t edge_count;
    struct node_uses *nodes;
    uint32_t node_count;
    struct use *uses;
    size_t use_count;
    struct compiled_rule *rules;
    size_t rule_count;
    uint64_t first_two[65536 / 64];
};

struct rule_state {
    uint32_t epoch;
    uint32_t all_seen;
    uint32_t start;
    uint32_t len;
    bool any_seen;
    bool none_seen;
    bool located;
};

struct rules_scratch {
    struct rule_state *states;
    uint32_t *touched;
    size_t cap;
    uint32_t epoch;
};

static uint64_t edge_hash(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key >> 29;
}

static uint32_t edge_find(const struct rules_set *set, uint32_t node, unsigned char byte)
{
    uint64_t key = ((uint64_t)node << 8 | byte) + 1;
    uint64_t at = edge_hash(key) & set->edge_mask;

    while (set->edges[at].key != 0) {
        if (set->edges[at].key == key)
            return set->edges[at].to;
        at = (at + 1) & set->edge_mask;
    }
    return 0;
}

static void edge_put(struct rules_set *set, uint64_t key, uint32_t to)
{
    uint64_t at = edge_hash(key) & set->edge_mask;

    while (set->edges[at].key != 0)
        at = (at + 1) & set->edge_mask;
    set->edges[at] = (struct edge){ .key = key, .to = to };
    set->edge_count++;
}

static void edges_grow(struct rules_set *set)
{
    struct edge *old = set->edges;
    uint64_t old_mask = set->edge_mask;

    set->edge_mask = old_mask * 2 + 1;
    set->edges = mem_zalloc((set->edge_mask + 1) * sizeof(*set->edges));
    set->edge_count = 0;
    for (uint64_t i = 0; i <= old_mask; i++) {
        if (old[i].key != 0)
            edge_put(set, old[i].key, old[i].to);
    }
    free(old);
}

static uint32_t trie_add(struct rules_set *set, struct slice literal)
{
    const unsigned char *p = (const unsigned char *)literal.ptr;
    unsigned first = p[0];
    uint32_t node = 0;

    if (literal.len == 1) { /* any second byte, and the end of the text reads as 0 */
        for (unsigned second = 0; second < 256; second++)
            set->first_two[(first << 8 | second) / 64] |= 1ull << (second % 64);
    } else {
        set->first_two[(first << 8 | p[1]) / 64] |= 1ull << (p[1] % 64);
    }
    for (size_t i = 0; i < literal.len; i++) {
        uint32_t next = edge_find(set, node, p[i]);

        if (next == 0) {
            if (set->edge_count * 2 > set->edge_mask)
                edges_grow(set);
            next = set->node_count++;
            edge_put(set, ((uint64_t)node << 8 | p[i]) + 1, next);
        }
        node = next;
    }
    return node;
}

struct compile {
    struct rules_set *set;
    size_t use_cap;
    size_t rule;
    struct err *err;
};

static enum err_code literal_fault(struct compile *c, const char *list, size_t at,
                                   enum err_code code, const char *text)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "rules[%zu].%s[%zu]", c->rule, list, at);
    return err_set_field(c->err, code, field, "%s", text);
}

static enum err_code literal_add(struct compile *c, struct slice raw, enum role role, size_t at)
{
    static const char *const lists[] = { "any", "all", "none" };
    struct rules_set *set = c->set;
    char norm[RULES_LITERAL_BYTES_MAX + 1];
    struct slice literal;

    if (raw.len > RULES_LITERAL_BYTES_MAX * 2)
        return literal_fault(c, lists[role], at, ERR_TOO_BIG, "word is too long");
    literal = text_normalise_with(raw, TEXT_SIMPLIFY, norm, NULL, sizeof(norm));
    if (literal.len == 0)
        return literal_fault(c, lists[role], at, ERR_INVALID, "word is empty");
    if (literal.len > RULES_LITERAL_BYTES_MAX)
        return literal_fault(c, lists[role], at, ERR_TOO_BIG, "word is too long");
    if (set->use_count == RULES_LITERALS_MAX)
        return literal_fault(c, lists[role], at, ERR_TOO_BIG, "too many words in all rules");
    if (set->use_count == c->use_cap) {
        c->use_cap = c->use_cap == 0 ? 64 : c->use_cap * 2;
        set->uses = mem_realloc(set->uses, c->use_cap * sizeof(*set->uses));
    }
    set->uses[set->use_count++] = (struct use){ .node = trie_add(set, literal),
                                                .rule = (uint32_t)c->rule,
                                                .role = (uint8_t)role,
                                                .bit = (uint8_t)at };
    return ERR_OK;
}

static enum err_code list_add(struct compile *c, const struct slice *list, size_t count,
                              enum role role)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < count && rc == ERR_OK; i++)
        rc = literal_add(c, list[i], role, i);
    return rc;
}

static enum err_code rule_add(struct compile *c, const struct rules_rule *rule)
{
    struct compiled_rule *out = &c->set->rules[c->rule];
    char field[ERR_FIELD_MAX];
    enum err_code rc;

    snprintf(field, sizeof(field), "rules[%zu]", c->rule);
    if (rule->any_count == 0 && rule->all_count == 0)
        return err_set_field(c->err, ERR_INVALID, field, "needs a word in any or all");
    if (rule->all_count > RULES_ALL_MAX)
        return err_set_field(c->err, ERR_TOO_BIG, field, "more than %d words in all",
                             RULES_ALL_MAX);
    *out = (struct compiled_rule){ .id = rule->id,
                                   .priority = rule->priority,
                                   .all_mask = (uint32_t)((1ull << rule->all_count) - 1),
                                   .locale = (uint8_t)rule->locale,
                                   .needs_any = rule->any_count > 0 };
    rc = list_add(c, rule->any, rule->any_count, ROLE_ANY);
    if (rc == ERR_OK)
        rc = list_add(c, rule->all, rule->all_count, ROLE_ALL);
    if (rc == ERR_OK)
        rc = list_add(c, rule->none, rule->none_count, ROLE_NONE);
    return rc;
}

static int use_compare(const void *left, const void *right)
{
    const struct use *a = left;
    const struct use *b = right;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static void index_uses(struct rules_set *set)
{
    set->nodes = mem_zalloc(set->node_count * sizeof(*set->nodes));
    if (set->use_count > 0)
        qsort(set->uses, set->use_count, sizeof(*set->uses), use_compare);
    for (size_t i = 0; i < set->use_count; i++) {
        struct node_uses *node = &set->nodes[set->uses[i].node];

        if (node->count++ == 0)
            node->start = (uint32_t)i;
    }
}

enum err_code rules_compile(const struct rules_rule *rules, size_t count, struct rules_set **out,
                            struct err *err)
{
    struct rules_set *set = NULL;
    struct compile c = { .err = err };
    enum err_code rc = ERR_OK;

    if (count > RULES_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu rules, limit %d", count, RULES_MAX);
    set = mem_zalloc(sizeof(*set));
    set->edge_mask = 63;
    set->edges = mem_zalloc((set->edge_mask + 1) * sizeof(*set->edges));
    set->node_count = 1;
    set->rules = mem_zalloc((count + 1) * sizeof(*set->rules));
    set->rule_count = count;
    c.set = set;
    for (c.rule = 0; c.rule < count && rc == ERR_OK; c.rule++)
        rc = rule_add(&c, &rules[c.rule]);
    if (rc != ERR_OK)
        goto out;
    index_uses(set);
    *out = set;
    set = NULL;
out:
    rules_set_destroy(&set);
    return rc;
}

void rules_set_destroy(struct rules_set **set)
{
    if (*set == NULL)
        return;
    free((*set)->edges);
    free((*set)->nodes);
    free((*set)->uses);
    free((*set)->rules);
    free(*set);
    *set = NULL;
}

size_t rules_set_bytes(const struct rules_set *set)
{
    return sizeof(*set) + (set->edge_mask + 1) * sizeof(*set->edges) +
           set->node_count * sizeof(*set->nodes) + set->use_count * sizeof(*set->uses) +
           set->rule_count * sizeof(*set->rules);
}

struct rules_scratch *rules_scratch_create(void)
{
    return mem_zalloc(sizeof(struct rules_scratch));
}

void rules_scratch_destroy(struct rules_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    free((*scratch)->states);
    free((*scratch)->touched);
    free(*scratch);
    *scratch = NULL;
}

/* Room for the set, and an epoch that no state has: "untouched" without clearing. */
static void scratch_begin(struct rules_scratch *scratch, const struct rules_set *set)
{
    if (scratch->cap < set->rule_count) {
        free(scratch->states);
        free(scratch->touched);
        scratch->cap = set->rule_count;
        scratch->states = mem_zalloc(scratch->cap * sizeof(*scratch->states));
        scratch->touched = mem_alloc(scratch->cap * sizeof(*scratch->touched));
        scratch->epoch = 0;
    }
    if (++scratch->epoch == 0) {
        memset(scratch->states, 0, scratch->cap * sizeof(*scratch->states));
        scratch->epoch = 1;
    }
}

struct scan {
    const struct rules_set *set;
    struct rules_scratch *scratch;
    size_t touched;
};

static void use_found(struct scan *scan, const struct use *use, size_t start, size_t len)
{
    struct rule_state *state = &scan->scratch->states[use->rule];

    if (state->epoch != scan->scratch->epoch) {
        *state = (struct rule_state){ .epoch = scan->scratch->epoch };
        scan->scratch->touched[scan->touched++] = use->rule;
    }
    if (use->role == ROLE_NONE) {
        state->none_seen = true;
        return;
    }
    if (use->role == ROLE_ANY)
        state->any_seen = true;
    else
        state->all_seen |= 1u << use->bit;
    if (!state->located) {
        state->located = true;
        state->start = (uint32_t)start;
        state->len = (uint32_t)len;
    }
}

static bool is_word_class(enum text_class class)
{
    return class == TEXT_LETTER || class == TEXT_DIGIT;
}

/* A literal found at [start, end) ends well unless it cuts a word in two. */
static bool ends_at_border(struct slice text, size_t end, bool last_is_word)
{
    struct slice rest = slice_make(text.ptr + end, text.len - end);

    return !last_is_word || rest.len == 0 || !is_word_class(text_classify(text_next(&rest)));
}

/* Follows the trie from one place; at character ends, reports the literals that end there. */
static void walk(struct scan *scan, struct slice text, size_t start)
{
    const struct rules_set *set = scan->set;
    struct slice rest = slice_make(text.ptr + start, text.len - start);
    uint32_t node = 0;

    while (rest.len > 0) {
        const char *from = rest.ptr;
        bool word = is_word_class(text_classify(text_next(&rest)));
        const struct node_uses *uses;
        size_t end = (size_t)(rest.ptr - text.ptr);

        for (; from < rest.ptr; from++) {
            node = edge_find(set, node, (unsigned char)*from);
            if (node == 0)
                return;
        }
        uses = &set->nodes[node];
        if (uses->count == 0 || !ends_at_border(text, end, word))
            continue;
        for (uint32_t i = 0; i < uses->count; i++)
            use_found(scan, &set->uses[uses->start + i], start, end - start);
    }
}

static bool may_begin(const struct rules_set *set, struct slice at)
{
    unsigned first = (unsigned char)at.ptr[0];
    unsigned second = at.len > 1 ? (unsigned char)at.ptr[1] : 0;

    return (set->first_two[(first << 8 | second) / 64] >> (second % 64) & 1) != 0;
}

static bool rule_holds(const struct compiled_rule *rule, const struct rule_state *state,
                       enum rules_locale locale)
{
    if (rule->locale != RULES_ANY_LOCALE && locale != RULES_ANY_LOCALE && rule->locale != locale)
        return false;
    return !state->none_seen && state->all_seen == rule->all_mask &&
           (state->any_seen || !rule->needs_any);
}

static bool is_before(const struct compiled_rule *a, const struct compiled_rule *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static size_t hit_insert(const struct rules_set *set, struct rules_hit *hits, size_t count,
                         size_t max, struct rules_hit hit)
{
    const struct compiled_rule *rule = &set->rules[hit.rule];
    size_t at = count < max ? count : max - 1;

    if (count == max && !is_before(rule, &set->rules[hits[max - 1].rule]))
        return count;
    for (; at > 0 && is_before(rule, &set->rules[hits[at - 1].rule]); at--)
        hits[at] = hits[at - 1];
    hits[at] = hit;
    return count < max ? count + 1 : max;
}

size_t rules_scan(const struct rules_set *set, struct rules_scratch *scratch,
                  struct slice normalised, enum rules_locale locale, struct rules_hit *hits,
                  size_t max)
{
    struct scan scan = { .set = set, .scratch = scratch };
    struct slice rest = normalised;
    bool in_word = false;
    size_t count = 0;

    ENSURE(max > 0);
    scratch_begin(scratch, set);
    while (rest.len > 0) {
        struct slice at = rest;
        bool word = is_word_class(text_classify(text_next(&rest)));

        if (!(word && in_word) && may_begin(set, at))
            walk(&scan, normalised, (size_t)(at.ptr - normalised.ptr));
        in_word = word;
    }
    for (size_t i = 0; i < scan.touched; i++) {
        uint32_t rule = scratch->touched[i];
        const struct rule_state *state = &scratch->states[rule];

        if (rule_holds(&set->rules[rule], state, locale))
            count = hit_insert(set, hits, count, max,
                               (struct rules_hit){ rule, state->start, state->len });
    }
    return count;
}
