/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling: literals become paths of prefix hashes, conditions become masks and programs. */
#include "rules_build_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum {
    STRINGS_BYTES_MAX = 256 * 1024 * 1024,
    RAW_BYTES_MAX = RULES_LITERAL_BYTES_MAX * 2, /* full width letters are three bytes for one */
};

void *rules_list_add(struct rules_list *list)
{
    char *item;

    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 16 : list->cap * 2;
        list->items = mem_realloc(list->items, list->cap * list->item_bytes);
    }
    item = (char *)list->items + list->count++ * list->item_bytes;
    memset(item, 0, list->item_bytes);
    return item;
}

static void list_add_u64(struct rules_list *list, uint64_t value)
{
    *(uint64_t *)rules_list_add(list) = value;
}

static struct rules_prefix *prefix_slot(struct rules_prefix *cells, size_t mask, uint64_t hash)
{
    size_t at = (size_t)(hash * 0xD6E8FEB86659FD93u >> 20) & mask;

    while (cells[at].hash != 0 && cells[at].hash != hash)
        at = (at + 1) & mask;
    return &cells[at];
}

static void prefixes_grow(struct rules_prefixes *p)
{
    size_t mask = p->cells == NULL ? 1023 : p->mask * 2 + 1;
    struct rules_prefix *cells = mem_zalloc((mask + 1) * sizeof(*cells));

    for (size_t i = 0; p->cells != NULL && i <= p->mask; i++) {
        if (p->cells[i].hash != 0)
            *prefix_slot(cells, mask, p->cells[i].hash) = p->cells[i];
    }
    free(p->cells);
    p->cells = cells;
    p->mask = mask;
}

struct rules_prefix *rules_prefix_put(struct rules_prefixes *p, uint64_t hash)
{
    struct rules_prefix *cell;

    hash = hash != 0 ? hash : 1;
    if (p->cells == NULL || p->count * 2 > p->mask)
        prefixes_grow(p);
    cell = prefix_slot(p->cells, p->mask, hash);
    if (cell->hash == 0) {
        cell->hash = hash;
        p->count++;
    }
    return cell;
}

void rules_build_init(struct rules_build *b, struct err *err)
{
    *b = (struct rules_build){
        .singles.item_bytes = sizeof(uint64_t),
        .pairs.item_bytes = sizeof(uint64_t),
        .literals.item_bytes = sizeof(struct rules_literal),
        .literal_uses.item_bytes = sizeof(struct rules_pair),
        .hidden.item_bytes = sizeof(struct rules_hidden),
        .hidden_uses.item_bytes = sizeof(struct rules_pair),
        .entries.item_bytes = sizeof(struct rules_entry),
        .extras.item_bytes = sizeof(struct rules_extra),
        .programs.item_bytes = sizeof(uint32_t),
        .scopes.item_bytes = sizeof(struct rules_text),
        .regexes.item_bytes = sizeof(struct rules_text),
        .err = err,
    };
    buf_init(&b->strings, STRINGS_BYTES_MAX);
}

void rules_build_fini(struct rules_build *b)
{
    struct rules_list *lists[] = { &b->singles,  &b->pairs,       &b->literals, &b->literal_uses,
                                   &b->hidden,   &b->hidden_uses, &b->entries,  &b->extras,
                                   &b->programs, &b->scopes,      &b->regexes };

    for (size_t i = 0; i < LENGTH_OF(lists); i++)
        free(lists[i]->items);
    free(b->prefixes.cells);
    free(b->hidden_prefixes.cells);
    buf_fini(&b->strings);
}

struct err *rules_build_err(struct rules_build *b)
{
    return b->err;
}

struct rules_text rules_build_text(struct rules_build *b, struct slice text)
{
    struct rules_text at = { (uint32_t)b->strings.len, (uint32_t)text.len };

    buf_add_slice(&b->strings, text);
    return at;
}

enum err_code rules_build_slot(struct rules_build *b, unsigned *slot)
{
    if (b->slots == RULES_SLOTS_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d groups of words", RULES_SLOTS_MAX);
    *slot = b->slots++;
    return ERR_OK;
}

static enum err_code literal_normalise(struct rules_build *b, struct slice raw, char *out,
                                       size_t cap, struct slice *norm)
{
    if (b->literal_uses.count + b->hidden_uses.count >= RULES_LITERALS_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d words in all rules", RULES_LITERALS_MAX);
    *norm = text_normalise_with(raw, TEXT_SIMPLIFY, out, NULL, cap);
    if (raw.len > RAW_BYTES_MAX || norm->len > RULES_LITERAL_BYTES_MAX)
        return err_set(b->err, ERR_TOO_BIG, "word is longer than %d bytes",
                       RULES_LITERAL_BYTES_MAX);
    if (norm->len == 0)
        return err_set(b->err, ERR_INVALID, "word is empty");
    return ERR_OK;
}

/* The path of a literal: its first token alone is looked for in the filter of pairs, longer
 * prefixes in the table. */
static struct rules_prefix *path_put(struct rules_build *b, const struct rules_token *tokens,
                                     size_t count)
{
    uint64_t hash = rules_step(rules_seed, tokens[0].hash);

    if (count == 1) {
        list_add_u64(&b->singles, hash);
        return rules_prefix_put(&b->prefixes, hash);
    }
    for (size_t i = 1; i < count; i++) {
        hash = rules_step(hash, rules_token_next(&tokens[i]));
        if (i == 1)
            list_add_u64(&b->pairs, hash);
        if (i + 1 < count)
            rules_prefix_put(&b->prefixes, hash)->more = true;
    }
    return rules_prefix_put(&b->prefixes, hash);
}

enum err_code rules_build_literal(struct rules_build *b, struct slice raw, unsigned slot)
{
    char out[RULES_LITERAL_BYTES_MAX + 4];
    struct rules_token tokens[RULES_LITERAL_BYTES_MAX + 4];
    struct slice norm;
    struct rules_prefix *end;
    enum err_code rc = literal_normalise(b, raw, out, sizeof(out), &norm);

    if (rc != ERR_OK)
        return rc;
    end = path_put(b, tokens, rules_tokens(norm, tokens, LENGTH_OF(tokens)));
    if (end->literal == 0) {
        ((struct rules_literal *)rules_list_add(&b->literals))->hash = end->hash;
        end->literal = (uint32_t)b->literals.count;
    }
    *(struct rules_pair *)rules_list_add(&b->literal_uses) =
        (struct rules_pair){ end->literal - 1, rules_use((uint32_t)b->entries.count - 1, slot) };
    return ERR_OK;
}

enum err_code rules_build_regex(struct rules_build *b, struct slice pattern, uint32_t *which,
                                size_t *offset)
{
    struct regex *regex = NULL;
    enum err_code rc;

    if (b->regexes.count == RULES_REGEX_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d regular expressions", RULES_REGEX_MAX);
    rc = regex_compile(pattern, REGEX_FOLD, &regex, offset, b->err);
    free(regex);
    if (rc != ERR_OK)
        return rc;
    *which = (uint32_t)b->regexes.count;
    *(struct rules_text *)rules_list_add(&b->regexes) = rules_build_text(b, pattern);
    return ERR_OK;
}

/* ---- one rule ---- */
static enum err_code word_add(struct rules_build *b, const struct rules_rule *rule,
                              struct slice word, unsigned slot)
{
    if (rule->disguise != 0)
        return rules_build_hidden(b, word, rule->disguise, slot);
    return rules_build_literal(b, word, slot);
}

static enum err_code words_add(struct rules_build *b, const struct rules_rule *rule,
                               const struct slice *words, size_t count, unsigned slot, size_t *done)
{
    enum err_code rc = ERR_OK;

    for (*done = 0; *done < count && rc == ERR_OK; ++*done)
        rc = word_add(b, rule, words[*done], slot);
    if (rc != ERR_OK)
        --*done;
    return rc;
}

static enum err_code lists_add(struct rules_build *b, const struct rules_rule *rule,
                               struct rules_entry *entry, struct rules_place *place)
{
    enum err_code rc = ERR_OK;
    unsigned slot;

    if (rule->any_count > 0) {
        place->part = RULES_PART_ANY;
        rc = rules_build_slot(b, &slot);
        if (rc == ERR_OK)
            rc = words_add(b, rule, rule->any, rule->any_count, slot, &place->at);
        if (rc != ERR_OK)
            return rc;
        entry->all_mask |= 1u << slot;
    }
    place->part = RULES_PART_ALL;
    for (place->at = 0; place->at < rule->all_count; place->at++) {
        rc = rules_build_slot(b, &slot);
        if (rc == ERR_OK)
            rc = word_add(b, rule, rule->all[place->at], slot);
        if (rc != ERR_OK)
            return rc;
        entry->all_mask |= 1u << slot;
    }
    if (rule->none_count > 0) {
        place->part = RULES_PART_NONE;
        place->at = 0;
        rc = rules_build_slot(b, &slot);
        if (rc == ERR_OK)
            rc = words_add(b, rule, rule->none, rule->none_count, slot, &place->at);
        if (rc != ERR_OK)
            return rc;
        entry->none_mask |= 1u << slot;
    }
    return rc;
}

static enum err_code extra_add(struct rules_build *b, const struct rules_rule *rule,
                               const struct rules_condition *condition, uint32_t *which)
{
    bool program = rule->when.len > 0 && !condition->masks;
    struct rules_extra extra = { .times = rule->times };

    if (!program && rule->scope_count == 0 && !rule->times.set)
        return ERR_OK;
    if (rule->scope_count > RULES_SCOPES_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d scopes", RULES_SCOPES_MAX);
    extra.program = (uint32_t)b->programs.count;
    for (size_t i = 0; program && i < condition->count; i++) {
        *(uint32_t *)rules_list_add(&b->programs) = condition->words[i];
        extra.program_len++;
    }
    extra.scope = (uint32_t)b->scopes.count;
    extra.scope_count = (uint32_t)rule->scope_count;
    for (size_t i = 0; i < rule->scope_count; i++) {
        if (rule->scopes[i].len == 0 || rule->scopes[i].len > RULES_NAME_BYTES_MAX)
            return err_set(b->err, ERR_INVALID, "scope is empty or too long");
        *(struct rules_text *)rules_list_add(&b->scopes) = rules_build_text(b, rule->scopes[i]);
    }
    *(struct rules_extra *)rules_list_add(&b->extras) = extra;
    *which = (uint32_t)b->extras.count;
    return ERR_OK;
}

/* Marks the uses from `from` on: their rule wants to know where its words were found. */
static void uses_mark(struct rules_list *uses, size_t from)
{
    for (size_t i = from; i < uses->count; i++)
        ((struct rules_pair *)uses->items)[i].use |= RULES_PLACED;
}

static enum err_code rule_add(struct rules_build *b, const struct rules_rule *rule,
                              struct rules_place *place)
{
    struct rules_condition condition = { .count = 0 };
    struct rules_entry entry = { .id = rule->id,
                                 .locale = (uint8_t)rule->locale,
                                 .action = (uint8_t)rule->action,
                                 .priority = rule->priority };
    size_t literal_uses = b->literal_uses.count;
    size_t hidden_uses = b->hidden_uses.count;
    enum err_code rc;

    ENSURE((unsigned)rule->action < RULES_ACTIONS && (unsigned)rule->locale <= RULES_EN);
    b->slots = 0;
    rules_list_add(&b->entries); /* its words count on it */
    if (rule->any_count == 0 && rule->all_count == 0 && rule->when.len == 0)
        return err_set(b->err, ERR_INVALID, "needs a word in any, all or when");
    if (rule->all_count > RULES_ALL_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d words in all", RULES_ALL_MAX);
    if (rule->name.len > RULES_NAME_BYTES_MAX)
        return err_set(b->err, ERR_TOO_BIG, "name is longer than %d bytes", RULES_NAME_BYTES_MAX);
    rc = lists_add(b, rule, &entry, place);
    if (rc != ERR_OK)
        return rc;
    if (rule->when.len > 0) {
        place->part = RULES_PART_WHEN;
        rc = rules_when(b, rule->when, &condition, &place->at);
        if (rc != ERR_OK)
            return rc;
        entry.all_mask |= condition.all_mask;
        entry.none_mask |= condition.masks ? condition.none_mask : 0;
    }
    place->part = RULES_PART_WHOLE;
    rc = extra_add(b, rule, &condition, &entry.extra);
    if (entry.extra != 0 || rule->action == RULES_MASK) {
        uses_mark(&b->literal_uses, literal_uses);
        uses_mark(&b->hidden_uses, hidden_uses);
    }
    entry.name_len = (uint16_t)rule->name.len;
    entry.name = rules_build_text(b, rule->name).at;
    ((struct rules_entry *)b->entries.items)[b->entries.count - 1] = entry;
    return rc;
}

static void name_place(struct err *err, const struct rules_place *place)
{
    static const char *const parts[] = { "", ".any", ".all", ".none", ".when" };
    const char *part = parts[place->part];

    if (place->part == RULES_PART_WHOLE || place->part == RULES_PART_WHEN)
        snprintf(err->field, sizeof(err->field), "rules[%zu]%s", place->rule, part);
    else
        snprintf(err->field, sizeof(err->field), "rules[%zu]%s[%zu]", place->rule, part, place->at);
}

enum err_code rules_compile_at(const struct rules_rule *rules, size_t count, struct rules_set **out,
                               struct rules_place *place, struct err *err)
{
    struct rules_build *b = NULL;
    struct rules_place here = { 0 };
    void *blob = NULL;
    size_t bytes = 0;
    enum err_code rc = ERR_OK;

    if (count > RULES_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu rules, limit %d", count, RULES_MAX);
    b = mem_alloc(sizeof(*b));
    rules_build_init(b, err);
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        here = (struct rules_place){ .rule = i };
        rc = rule_add(b, &rules[i], &here);
    }
    if (rc != ERR_OK) {
        if (err != NULL)
            name_place(err, &here);
        if (place != NULL)
            *place = here;
        goto out;
    }
    rc = rules_blob_make(b, &blob, &bytes);
    if (rc == ERR_OK)
        rc = rules_set_open(slice_make(blob, bytes), out, err);
    if (rc == ERR_OK) {
        (*out)->owned = blob;
        blob = NULL;
    }
out:
    free(blob);
    rules_build_fini(b);
    free(b);
    return rc;
}

enum err_code rules_compile(const struct rules_rule *rules, size_t count, struct rules_set **out,
                            struct err *err)
{
    return rules_compile_at(rules, count, out, NULL, err);
}
