/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations that ask for the same are a class; per ring it knows the agents that may serve it.
 * A busy site has tens of classes, each used thousands of times: building the set once and ANDing
 * it afterwards is what makes a decision cheap. A class that nobody is in stays for the next one,
 * until its place is needed. */
#include "route_priv.h"

#include <string.h>

/* ---- keys ---- */

/* Sorted insertion; of two levels of one skill the higher counts. */
static bool add_need(struct route_need *needs, uint8_t *count, struct route_need need)
{
    uint8_t at = *count;

    while (at > 0 && needs[at - 1].skill > need.skill)
        at--;
    if (at > 0 && needs[at - 1].skill == need.skill) {
        if (needs[at - 1].level < need.level)
            needs[at - 1].level = need.level;
        return true;
    }
    if (*count == ROUTE_REQUEST_SKILLS_MAX)
        return false;
    memmove(&needs[at + 1], &needs[at], (size_t)(*count - at) * sizeof(*needs));
    needs[at] = need;
    ++*count;
    return true;
}

bool route_class_key_of(const struct route_config *config, const struct route_request *request,
                        uint32_t queue, struct route_class_key *key)
{
    const struct route_queue *q = &config->queues[queue];
    bool fits = true;

    memset(key, 0, sizeof(*key));
    key->queue = queue;
    key->language = request->language;
    key->channel = request->channel;
    for (uint32_t i = 0; i < q->require_count; i++)
        fits = fits && add_need(key->require, &key->require_count, q->require[i]);
    for (uint32_t i = 0; i < request->require_count; i++)
        fits = fits && add_need(key->require, &key->require_count, request->require[i]);
    for (uint32_t i = 0; i < request->prefer_count; i++)
        fits = fits && add_need(key->prefer, &key->prefer_count, request->prefer[i]);
    return fits;
}

static uint32_t hash_of(const struct route_class_key *key)
{
    uint64_t words[sizeof(*key) / sizeof(uint64_t)];
    uint64_t hash = 0;

    _Static_assert(sizeof(words) == sizeof(*key), "the key is a row of words");
    memcpy(words, key, sizeof(words));
    for (size_t i = 0; i < LENGTH_OF(words); i++)
        hash = (hash ^ words[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ hash >> 29;
    return (uint32_t)(hash >> 32);
}

/* ---- the sets of agents ---- */

static uint32_t level_needed(const struct route_ring *ring, struct route_need need)
{
    return need.level > ring->lower ? need.level - ring->lower : 1;
}

bool route_class_admits(const struct route_router *router, const struct route_class_key *key,
                        uint32_t ring, uint32_t agent)
{
    const struct route_agent_def *def = &router->config->agents[agent];
    const struct route_ring *r = &router->config->queues[key->queue].rings[ring];
    const uint8_t *skills = router->skills[agent];

    if (r->teams != 0 && (def->teams & r->teams) == 0)
        return false;
    if (key->language != ROUTE_NONE && def->languages != 0 &&
        (def->languages >> key->language & 1) == 0)
        return false;
    if (key->channel != ROUTE_NONE && def->channels != 0 &&
        (def->channels >> key->channel & 1) == 0)
        return false;
    for (uint8_t i = 0; i < key->require_count; i++) {
        if (skills[key->require[i].skill] < level_needed(r, key->require[i]))
            return false;
    }
    for (uint8_t i = 0; i < key->prefer_count && !r->drop_prefer; i++) {
        if (skills[key->prefer[i].skill] < level_needed(r, key->prefer[i]))
            return false;
    }
    return true;
}

static void and_set(uint64_t *set, const uint64_t *with, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++)
        set[i] &= with[i];
}

static void and_skill(const struct route_router *router, uint64_t *set, uint32_t skill,
                      uint32_t level)
{
    and_set(set, &router->skill_sets[(skill * ROUTE_LEVEL_MAX + level - 1) * router->words],
            router->words);
}

static void set_teams(const struct route_router *router, uint64_t *set, uint64_t teams)
{
    uint32_t words = router->words;

    memset(set, teams == 0 ? 0xFF : 0, words * sizeof(*set));
    for (; teams != 0; teams &= teams - 1) {
        const uint64_t *team = &router->team_sets[(uint32_t)__builtin_ctzll(teams) * words];

        for (uint32_t i = 0; i < words; i++)
            set[i] |= team[i];
    }
}

static void build(const struct route_router *router, const struct route_class_key *key,
                  uint32_t ring, uint64_t *set)
{
    const struct route_ring *r = &router->config->queues[key->queue].rings[ring];

    set_teams(router, set, r->teams);
    if (key->language != ROUTE_NONE)
        and_set(set, &router->language_sets[key->language * router->words], router->words);
    if (key->channel != ROUTE_NONE)
        and_set(set, &router->channel_sets[key->channel * router->words], router->words);
    for (uint8_t i = 0; i < key->require_count; i++)
        and_skill(router, set, key->require[i].skill, level_needed(r, key->require[i]));
    for (uint8_t i = 0; i < key->prefer_count && !r->drop_prefer; i++)
        and_skill(router, set, key->prefer[i].skill, level_needed(r, key->prefer[i]));
}

const uint64_t *route_level_agents(struct route_router *router, uint32_t klass, uint32_t ring)
{
    size_t at = (size_t)klass * router->rings + ring;
    uint64_t *set = &router->level_agents[at * router->words];

    if (!router->levels[at].built) {
        build(router, &router->classes[klass].key, ring, set);
        router->levels[at].built = true;
    }
    return set;
}

void route_class_update(struct route_router *router, uint32_t agent)
{
    for (uint32_t klass = 0; klass < router->class_count; klass++) {
        for (uint32_t ring = 0; ring < router->rings; ring++) {
            size_t at = (size_t)klass * router->rings + ring;

            if (router->levels[at].built)
                route_put(&router->level_agents[at * router->words], agent,
                          route_class_admits(router, &router->classes[klass].key, ring, agent));
        }
    }
}

/* ---- the index ---- */

static uint32_t place_of(const struct route_router *router, const struct route_class_key *key,
                         uint32_t hash)
{
    uint32_t at = hash & router->class_index_mask;

    while (router->class_index[at] != ROUTE_NONE) {
        const struct route_class *klass = &router->classes[router->class_index[at]];

        if (klass->hash == hash && memcmp(&klass->key, key, sizeof(*key)) == 0)
            break;
        at = (at + 1) & router->class_index_mask;
    }
    return at;
}

static void close_gap(struct route_router *router, uint32_t gap)
{
    uint32_t mask = router->class_index_mask;

    for (uint32_t at = (gap + 1) & mask; router->class_index[at] != ROUTE_NONE;
         at = (at + 1) & mask) {
        uint32_t home = router->classes[router->class_index[at]].hash & mask;

        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        router->class_index[gap] = router->class_index[at];
        gap = at;
    }
    router->class_index[gap] = ROUTE_NONE;
}

/* A place without a class, or that of a class that nobody is in. */
static uint32_t room_for_class(struct route_router *router)
{
    if (router->class_count < router->options.classes_max)
        return router->class_count++;
    for (uint32_t i = 0; i < router->class_count; i++) {
        uint32_t at = router->class_hand;

        router->class_hand = (at + 1) % router->class_count;
        if (router->classes[at].refs == 0) {
            close_gap(router, place_of(router, &router->classes[at].key, router->classes[at].hash));
            return at;
        }
    }
    return ROUTE_NONE;
}

uint32_t route_class_take(struct route_router *router, const struct route_class_key *key)
{
    uint32_t hash = hash_of(key);
    uint32_t klass = router->class_index[place_of(router, key, hash)];

    if (klass == ROUTE_NONE) {
        klass = room_for_class(router);
        if (klass == ROUTE_NONE)
            return ROUTE_NONE;
        router->classes[klass] = (struct route_class){ .key = *key, .hash = hash };
        for (uint32_t ring = 0; ring < router->rings; ring++)
            router->levels[(size_t)klass * router->rings + ring] = (struct route_level){
                .root = ROUTE_NONE, .first = ROUTE_NONE, .active_at = ROUTE_NONE
            };
        router->class_index[place_of(router, key, hash)] = klass;
    }
    router->classes[klass].refs++;
    return klass;
}

void route_class_release(struct route_router *router, uint32_t klass)
{
    ENSURE(router->classes[klass].refs > 0);
    router->classes[klass].refs--;
}
