/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled rules that snapshots share. Compiling a hundred thousand rules takes some tens of
 * milliseconds, laying one over them a tenth of one, so a snapshot takes the compiled rules of the
 * one before it and compiles only what changed since. What changed adds up against the same base
 * until it is too much to look at twice; then all is compiled again. */
#include "bot_priv.h"

#include <stdlib.h>

#include "check.h"
#include "hash.h"
#include "mem.h"

enum {
    SHARED_MIN = 1000, /* fewer rules are compiled in less than a millisecond */
    OVER_SHARE = 16,   /* over a base lie at most that part of its rules */
};

const struct rules_set *bot_rules_set(const struct bot_rules *rules)
{
    return rules->over != NULL ? rules->over : rules->base->set;
}

void bot_rules_drop(struct bot_rules *rules)
{
    struct bot_rules_base *base = rules->base;

    rules_set_destroy(&rules->over);
    rules->base = NULL;
    if (base == NULL || --base->holders > 0)
        return;
    rules_set_destroy(&base->set);
    free(base->marks);
    free(base);
}

/* ---- what a rule is ---- */

static uint64_t mix(uint64_t hash, struct slice text)
{
    return hash_bytes((struct hash_key){ hash, text.len }, text.len > 0 ? text.ptr : "", text.len);
}

static uint64_t mix_all(uint64_t hash, const struct slice *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = mix(hash, texts[i]);
    return hash;
}

static uint64_t rule_hash(const struct rules_rule *rule)
{
    const uint64_t numbers[] = {
        rule->locale,
        (uint64_t)(int64_t)rule->priority,
        rule->action,
        rule->disguise,
        rule->any_count,
        rule->all_count,
        rule->none_count,
        rule->scope_count,
        rule->times.set,
        (uint64_t)(int64_t)rule->times.day_from,
        (uint64_t)(int64_t)rule->times.day_to,
        rule->times.weekdays,
        rule->times.minute_from,
        rule->times.minute_to,
    };
    uint64_t hash = hash_bytes((struct hash_key){ 0 }, numbers, sizeof(numbers));

    hash = mix(mix(hash, rule->name), rule->when);
    hash = mix_all(hash, rule->any, rule->any_count);
    hash = mix_all(hash, rule->all, rule->all_count);
    hash = mix_all(hash, rule->none, rule->none_count);
    return mix_all(hash, rule->scopes, rule->scope_count);
}

static struct bot_rule_mark *marks_make(const struct rules_rule *rules, size_t count, bool *ordered)
{
    struct bot_rule_mark *marks = mem_alloc((count + 1) * sizeof(*marks));

    *ordered = true;
    for (size_t i = 0; i < count; i++) {
        marks[i] = (struct bot_rule_mark){ rules[i].id, rule_hash(&rules[i]) };
        *ordered = *ordered && (i == 0 || marks[i - 1].id < marks[i].id);
    }
    return marks;
}

/* ---- what changed ---- */

struct difference {
    size_t room;
    struct rules_rule *changed; /* or new */
    size_t changed_count;
    uint64_t *removed;
    size_t removed_count;
};

/* Walks both lists by id; numbers[i] becomes the number of rule i in a set laid over the base.
 * false: too much changed. */
static bool difference_find(const struct bot_rules_base *base, const struct rules_rule *rules,
                            const struct bot_rule_mark *marks, size_t count, uint32_t *numbers,
                            struct difference *d)
{
    size_t at = 0;

    for (size_t i = 0; i < count || at < base->count;) {
        if (d->changed_count + d->removed_count == d->room)
            return false;
        if (i == count || (at < base->count && base->marks[at].id < marks[i].id)) {
            d->removed[d->removed_count++] = base->marks[at++].id;
            continue;
        }
        if (at < base->count && base->marks[at].id == marks[i].id &&
            base->marks[at].hash == marks[i].hash) {
            numbers[i++] = (uint32_t)at++;
            continue;
        }
        at += at < base->count && base->marks[at].id == marks[i].id;
        numbers[i] = (uint32_t)(base->count + d->changed_count);
        d->changed[d->changed_count++] = rules[i++];
    }
    return true;
}

/* false: it is not worth it, or a changed rule is none, which compiling all of them will say. */
static bool lay_over(struct bot_rules_base *base, const struct rules_rule *rules,
                     const struct bot_rule_mark *marks, size_t count, uint32_t *numbers,
                     struct bot_rules *out)
{
    struct difference d = { .room = base->count / OVER_SHARE };
    bool done;

    d.changed = mem_alloc((d.room + 1) * sizeof(*d.changed));
    d.removed = mem_alloc((d.room + 1) * sizeof(*d.removed));
    done = difference_find(base, rules, marks, count, numbers, &d);
    if (done && d.changed_count + d.removed_count > 0)
        done = rules_overlay(base->set, d.changed, d.changed_count, d.removed, d.removed_count,
                             &out->over, NULL) == ERR_OK;
    free(d.changed);
    free(d.removed);
    if (!done)
        return false;
    out->base = base;
    base->holders++;
    return true;
}

enum err_code bot_rules_make(const struct rules_rule *rules, size_t count,
                             const struct bot_rules *before, struct bot_rules *out,
                             uint32_t *numbers, struct rules_place *place, struct err *err)
{
    struct bot_rules_base *base = before != NULL ? before->base : NULL;
    struct rules_set *set = NULL;
    bool ordered;
    struct bot_rule_mark *marks = marks_make(rules, count, &ordered);
    enum err_code rc;

    *out = (struct bot_rules){ 0 };
    if (base != NULL && base->count >= SHARED_MIN && base->ordered && ordered &&
        lay_over(base, rules, marks, count, numbers, out)) {
        free(marks);
        return ERR_OK;
    }
    rc = rules_compile_at(rules, count, &set, place, err);
    if (rc != ERR_OK) {
        free(marks);
        return rc;
    }
    for (size_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)i;
    out->base = mem_alloc(sizeof(*out->base));
    *out->base = (struct bot_rules_base){ 1, set, count, marks, ordered };
    return ERR_OK;
}
