/* SPDX-License-Identifier: Apache-2.0 */
/* Flows by name and version. Versions of one name hang in a list, newest first, so "the newest" is
 * the head and an old one is a step or two away. */
#include "flow_priv.h"

#include <stdlib.h>

#include "flow_set.h"
#include "mem.h"
#include "text.h"

struct entry {
    const struct flow *flow;
    struct flow *owned; /* the same, or NULL: somebody else's */
    uint32_t next;      /* older version of the same name: index + 1, or 0 */
};

struct flow_set {
    struct entry *entries;
    size_t count, cap;
    uint32_t *heads; /* hash table: index + 1 of a name's newest version */
    size_t mask;
};

struct flow_set *flow_set_create(void)
{
    struct flow_set *set = mem_zalloc(sizeof(*set));

    set->mask = 63;
    set->heads = mem_zalloc((set->mask + 1) * sizeof(*set->heads));
    return set;
}

void flow_set_destroy(struct flow_set **set)
{
    if (*set == NULL)
        return;
    for (size_t i = 0; i < (*set)->count; i++)
        flow_destroy(&(*set)->entries[i].owned);
    free((*set)->entries);
    free((*set)->heads);
    free(*set);
    *set = NULL;
}

static size_t head_find(const struct flow_set *set, uint64_t hash)
{
    size_t at = hash & set->mask;

    while (set->heads[at] != 0 && set->entries[set->heads[at] - 1].flow->hash != hash)
        at = (at + 1) & set->mask;
    return at;
}

static void heads_grow(struct flow_set *set)
{
    uint32_t *old = set->heads;
    size_t count = set->mask + 1;

    set->mask = 2 * count - 1;
    set->heads = mem_zalloc((set->mask + 1) * sizeof(*set->heads));
    for (size_t i = 0; i < count; i++) {
        if (old[i] != 0)
            set->heads[head_find(set, set->entries[old[i] - 1].flow->hash)] = old[i];
    }
    free(old);
}

const struct flow *flow_set_get(const struct flow_set *set, uint64_t hash, unsigned version)
{
    uint32_t at = set->heads[head_find(set, hash)];

    while (at != 0 && version != 0 && set->entries[at - 1].flow->version != version)
        at = set->entries[at - 1].next;
    return at != 0 ? set->entries[at - 1].flow : NULL;
}

enum err_code flow_set_add(struct flow_set *set, struct flow **flow, struct err *err)
{
    enum err_code rc = flow_set_share(set, *flow, err);

    if (rc == ERR_OK) {
        set->entries[set->count - 1].owned = *flow;
        *flow = NULL;
    }
    return rc;
}

enum err_code flow_set_share(struct flow_set *set, const struct flow *flow, struct err *err)
{
    uint32_t index = (uint32_t)set->count + 1;
    uint32_t *link;

    if (flow_set_get(set, flow->hash, flow->version) != NULL)
        return err_set(err, ERR_CONFLICT, "flow %s version %u is there already",
                       flow_str(flow, flow->name), flow->version);
    if (set->count == set->cap) {
        set->cap = set->cap == 0 ? 32 : 2 * set->cap;
        set->entries = mem_realloc(set->entries, set->cap * sizeof(*set->entries));
    }
    if (set->count * 2 > set->mask)
        heads_grow(set);
    set->entries[set->count++] = (struct entry){ .flow = flow };
    link = &set->heads[head_find(set, flow->hash)];
    while (*link != 0 && set->entries[*link - 1].flow->version > flow->version)
        link = &set->entries[*link - 1].next;
    set->entries[index - 1].next = *link;
    *link = index;
    return ERR_OK;
}

const struct flow *flow_set_find(const struct flow_set *set, struct slice name, unsigned version)
{
    return flow_set_get(set, flow_name_hash(name), version);
}

size_t flow_set_count(const struct flow_set *set)
{
    return set->count;
}

const struct flow *flow_set_at(const struct flow_set *set, size_t index)
{
    return set->entries[index].flow;
}

static bool begins(const struct flow *flow, struct slice intent, int64_t score, struct slice key)
{
    const uint32_t *intents = FLOW_TABLE(flow, intents, uint32_t);
    const uint32_t *phrases = FLOW_TABLE(flow, phrases, uint32_t);

    for (unsigned i = 0; key.len > 0 && i < flow->phrases.count; i++) {
        if (slice_equal_text(key, flow_str(flow, phrases[i])))
            return true;
    }
    for (unsigned i = 0; score >= flow->min_confidence && i < flow->intents.count; i++) {
        if (slice_equal_text(intent, flow_str(flow, intents[i])))
            return true;
    }
    return false;
}

bool flow_begins(const struct flow *flow)
{
    return flow->phrases.count + flow->intents.count > 0;
}

const struct flow *flow_set_match(const struct flow_set *set, struct slice intent, int64_t score,
                                  struct slice text)
{
    char norm[1024];
    char key_bytes[1024];
    struct slice key =
        text_key(text_normalise(text, norm, sizeof(norm)), key_bytes, sizeof(key_bytes));

    for (size_t i = 0; i < set->count; i++) {
        const struct flow *flow = set->entries[i].flow;

        if (flow_set_get(set, flow->hash, 0) == flow && begins(flow, intent, score, key))
            return flow;
    }
    return NULL;
}
