/* SPDX-License-Identifier: Apache-2.0 */
/* The routing configuration of a workspace. What people write (queues, rings, rules, skills,
 * calendars, settings: JSON, see docs/guide/routing.md) and the agents, who are records of their
 * own, together make a configuration of librouting. Here they are put together and checked, and
 * here a conversation that wants a person is classified. Immutable once made; any thread. */
#ifndef KEFU_ROUTING_APP_H
#define KEFU_ROUTING_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "check.h"
#include "err.h"
#include "slice.h"

#include "kefu/routing.h"

#include "kefu/v1/api.pb-c.h"
#include "kefu/v1/routing.pb-c.h"

struct routing;

enum {
    ROUTING_CONFIG_BYTES_MAX = 512 * 1024, /* of what people write: a thousand rules are 200 kB */
    ROUTING_JSON_BYTES_MAX = ROUTE_CONFIG_BYTES_MAX,
};

/* One queue that everybody serves, longest idle first. */
extern const char routing_default[];

struct routing_source {
    struct slice config;                  /* empty: routing_default */
    const Kefu__V1__Agent *const *agents; /* disabled ones are passed over */
    size_t agent_count;
    bool plain; /* without the agents' skills, languages and teams */
};

/* false: the report says what is wrong. Paths of agents are "agents.<id>.skills". */
MUST_USE bool routing_check(const struct routing_source *source, struct route_report *report);

/* For use. Somebody is always able to serve every queue here: an agent "0", who is never there, so
 * that a published configuration goes on working when its last capable agent leaves. */
MUST_USE bool routing_create(const struct routing_source *source, struct routing **out,
                             struct route_report *report);
void routing_destroy(struct routing **routing);
const struct route_config *routing_config(const struct routing *routing);
/* Another one of the same, to give away; NULL when there is none left. Only one thread may ask. */
struct route_config *routing_config_take(struct routing *routing);
/* Equal: the same configuration with the same agents. */
uint64_t routing_hash(const struct routing *routing);

struct routing_ask {
    struct slice queue; /* that one; empty: as the rules say */
    struct slice language, channel, intent, flow, site;
    Kefu__V1__RoutingFact *const *facts;
    size_t fact_count;
};

struct routing_place {
    bool closed;      /* out of hours, and not kept waiting */
    bool bot;         /* and the bot goes on meanwhile */
    int64_t opens_at; /* 0: unknown */
};

/* Fills in queue, rule, language, channel, needs, priority, alternatives (strings in the arena).
 * ERR_NOT_FOUND: no such queue. */
MUST_USE enum err_code routing_classify(const struct routing *routing,
                                        const struct routing_ask *ask, int64_t now_ms,
                                        struct arena *arena, Kefu__V1__Routing *out,
                                        struct routing_place *place, struct err *err);

#endif
