/* SPDX-License-Identifier: Apache-2.0 */
/* Random events to the router and to the model: every answer and every action must be the same. A
 * failure is shrunk to the shortest list of events that still shows it, and printed.
 *
 *     build/dev/test/route_model_test [EVENTS] [SEED]     200,000 without an argument */
#include "test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kefu/routing.h"

#include "check.h"
#include "route_model.h"
#include "slice.h"

enum {
    EVENTS_DEFAULT = 200 * 1000,
    RUN_EVENTS = 1000, /* with one router; then a new one */
    ACTIONS_MAX = 512, /* of one event: every conversation a few times */
    CONVS_MAX = 12,
    CONV_IDS = 20, /* more than fit, so that some are answered full */
    AGENTS = 6,
    BEGIN_MS = 1000000,
};

static const char *const configs[] = {
    /* rings, teams, levels, preferences, overflow, every pushing preset */
    "{\"skills\":[\"a\",\"b\",\"c\"],\"settings\":{\"slow_start\":\"5s\",\"quiet\":{\"after\":"
    "\"9s\"},"
    "\"reopen\":{\"wait\":\"4s\"},\"offline_grace\":\"6s\"},\"agents\":["
    "{\"id\":\"0\",\"capacity\":2,\"teams\":[\"x\"],\"skills\":{\"a\":5},\"languages\":[\"zh\"]},"
    "{\"id\":\"1\",\"capacity\":1,\"teams\":[\"x\"],\"skills\":{\"a\":3,\"b\":2},\"speed\":1.5},"
    "{\"id\":\"2\",\"capacity\":3,\"teams\":[\"y\"],\"skills\":{\"a\":1,\"b\":9,\"c\":4}},"
    "{\"id\":\"3\",\"capacity\":2,\"teams\":[\"x\",\"y\"],\"languages\":[\"en\"],\"csat\":\"90%\"},"
    "{\"id\":\"4\",\"capacity\":2,\"teams\":[\"y\"],\"skills\":{\"c\":7},\"channels\":[\"web\"]},"
    "{\"id\":\"5\",\"capacity\":4,\"skills\":{\"a\":2,\"b\":2,\"c\":2},\"channels\":[\"mail\"]}],"
    "\"queues\":{\"x\":{\"rings\":[{\"after\":\"0s\"},{\"after\":\"3s\",\"drop\":\"prefer\","
    "\"level\":-1},"
    "{\"after\":\"6s\",\"add_team\":\"y\"},{\"after\":\"9s\",\"offer\":\"ticket\"}]},"
    "\"y\":{\"pick\":\"balanced\",\"rings\":[{\"after\":\"0s\"},{\"after\":\"5s\",\"overflow\":"
    "\"all\"}],"
    "\"sla\":{\"first\":\"10s\"}},\"all\":{\"pick\":\"fair\"},\"turn\":{\"pick\":\"round_robin\"}}"
    "}",
    /* offers, wrap-up, misses, and no slow start */
    "{\"skills\":[\"a\"],\"settings\":{\"slow_start\":\"0s\",\"wrap_up\":\"2s\",\"quiet\":{"
    "\"after\":"
    "\"7s\",\"weight\":\"50%\",\"over\":2},\"offers\":{\"misses\":2,\"again\":\"5s\"},\"offline_"
    "grace\":"
    "\"3s\"},\"agents\":[{\"id\":\"0\",\"capacity\":1},{\"id\":\"1\",\"capacity\":2},{\"id\":\"2\"}"
    ","
    "{\"id\":\"3\",\"skills\":{\"a\":3}},{\"id\":\"4\",\"skills\":{\"a\":9}},{\"id\":\"5\"}],"
    "\"queues\":{\"q\":{\"offer\":\"2s\"},\"r\":{\"offer\":\"4s\",\"pick\":\"balanced\",\"skills\":"
    "{\"a\":1}},"
    "\"s\":{\"offer\":\"1s\",\"pick\":\"round_robin\"},\"push\":{\"pick\":\"fair\"},\"idle\":{"
    "\"pick\":\"longest_idle\"}}}",
    /* closed and full queues, manual claim, promised times, a low ceiling for the composite */
    "{\"skills\":[\"a\"],\"settings\":{\"slow_start\":\"3s\",\"fade\":{\"from\":\"10%\",\"to\":"
    "\"60%\"},"
    "\"priority\":{\"step\":\"3s\",\"vip\":\"20s\"},\"reopen\":{\"wait\":\"2s\"}},\"calendars\":{"
    "\"odd\":"
    "{\"week\":{\"thu\":[\"00:17-00:18\",\"00:19-00:20\",\"00:21-00:40\"]}}},\"agents\":["
    "{\"id\":\"0\",\"capacity\":1,\"skills\":{\"a\":2}},{\"id\":\"1\",\"capacity\":1},{\"id\":"
    "\"2\"},"
    "{\"id\":\"3\"},{\"id\":\"4\",\"capacity\":2},{\"id\":\"5\",\"skills\":{\"a\":9}}],\"queues\":{"
    "\"open\":{\"max_waiting\":2,\"overflow\":[\"day\",\"claim\"],\"sla\":{\"first\":\"4s\","
    "\"boost\":\"9s\"}},"
    "\"day\":{\"calendar\":\"odd\",\"max_waiting\":1,\"closed\":\"ticket\"},"
    "\"claim\":{\"pick\":\"manual\",\"rings\":[{\"after\":\"0s\"},{\"after\":\"5s\",\"overflow\":"
    "\"late\"}]},"
    "\"late\":{\"calendar\":\"odd\",\"closed\":\"wait\",\"skills\":{\"a\":2}},"
    "\"led\":{\"calendar\":\"odd\",\"closed\":{\"queue\":\"open\"}}}}",
};

/* ---- random events ---- */

struct step {
    struct route_event event;
    struct route_request request;
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15); /* SplitMix64 (Steele, Lea, Flood) */

    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(next_random(state) % n);
}

static uint32_t random_needs(uint64_t *state, const struct route_config *config,
                             struct route_need *needs)
{
    uint32_t skills = route_count(config, ROUTE_KIND_SKILL);
    uint32_t count = below(state, 3);

    for (uint32_t i = 0; i < count; i++)
        needs[i] =
            (struct route_need){ (uint16_t)below(state, skills), (uint16_t)(1 + below(state, 5)) };
    return count;
}

static uint32_t random_label(uint64_t *state, const struct route_config *config,
                             enum route_kind kind)
{
    uint32_t count = route_count(config, kind);

    return count > 0 && below(state, 3) == 0 ? below(state, count) : ROUTE_NONE;
}

static void random_request(uint64_t *state, const struct route_config *config, int64_t now,
                           struct route_request *request)
{
    static const uint32_t weights[] = { 100, 100, 100, 50, 25 };

    route_request_init(request);
    request->queue = below(state, route_count(config, ROUTE_KIND_QUEUE) * 8) / 8;
    request->arrived_ms = now - (below(state, 8) == 0 ? 1000 * below(state, 20) : 0);
    request->require_count = random_needs(state, config, request->require);
    request->prefer_count = random_needs(state, config, request->prefer);
    request->language = random_label(state, config, ROUTE_KIND_LANGUAGE);
    request->channel = random_label(state, config, ROUTE_KIND_CHANNEL);
    request->priority = below(state, 4) == 0 ? below(state, 10) : 0;
    request->vip = below(state, 10) == 0;
    request->weight = weights[below(state, LENGTH_OF(weights))];
    if (below(state, 4) == 0) {
        request->last_agent = below(state, AGENTS);
        request->last_ms = now - below(state, 1000);
    }
}

static enum route_event_type random_type(uint64_t *state)
{
    static const uint8_t shares[ROUTE_EVENT_TYPE_COUNT] = {
        [ROUTE_EVENT_TICK] = 10,    [ROUTE_EVENT_ARRIVE] = 30,  [ROUTE_EVENT_RESTORE] = 1,
        [ROUTE_EVENT_CLOSE] = 15,   [ROUTE_EVENT_ACCEPT] = 10,  [ROUTE_EVENT_DECLINE] = 4,
        [ROUTE_EVENT_CLAIM] = 4,    [ROUTE_EVENT_MESSAGE] = 5,  [ROUTE_EVENT_REPLY] = 5,
        [ROUTE_EVENT_TRANSFER] = 4, [ROUTE_EVENT_TAKE] = 2,     [ROUTE_EVENT_PRESENCE] = 12,
        [ROUTE_EVENT_SKILL] = 2,    [ROUTE_EVENT_CAPACITY] = 2,
    };
    uint32_t at = below(state, 106);
    unsigned type = 0;

    while (at >= shares[type])
        at -= shares[type++];
    return (enum route_event_type)type;
}

static void random_step(uint64_t *state, const struct route_config *config, int64_t *now,
                        struct step *step)
{
    static const enum route_presence presences[] = { ROUTE_ONLINE, ROUTE_ONLINE,  ROUTE_ONLINE,
                                                     ROUTE_ONLINE, ROUTE_OFFLINE, ROUTE_AWAY,
                                                     ROUTE_BUSY,   ROUTE_REMOVED };
    uint32_t jump = below(state, 20);

    /* Whole seconds, so that many things are due at the same time. */
    *now += jump < 12 ? 0 : jump < 19 ? 1000 * (jump - 11) : 60000 * below(state, 3);
    step->event = (struct route_event){
        .type = random_type(state),
        .now_ms = *now - (below(state, 200) == 0),
        .conv = 1 + below(state, CONV_IDS),
        .agent = below(state, AGENTS * 30) / 30,
        .queue = below(state, route_count(config, ROUTE_KIND_QUEUE) + (below(state, 50) == 0)),
        .skill = below(state, route_count(config, ROUTE_KIND_SKILL)),
        .level = below(state, 7),
        .capacity = 1 + below(state, 4),
        .presence = presences[below(state, LENGTH_OF(presences))],
        .answered = below(state, 2) == 0,
    };
    if (step->event.type == ROUTE_EVENT_TRANSFER && below(state, 2) == 0)
        step->event.agent = ROUTE_NONE;
    random_request(state, config, step->event.now_ms, &step->request);
}

/* Most answers to offers come from whom the offer was made to, though not all. */
static void aim(uint64_t *state, const struct route_router *router, struct route_event *event)
{
    struct route_conv_view view;

    if ((event->type != ROUTE_EVENT_ACCEPT && event->type != ROUTE_EVENT_DECLINE) ||
        below(state, 8) == 0)
        return;
    for (unsigned i = 0; i < CONV_IDS; i++) {
        uint64_t conv = 1 + (event->conv + i) % CONV_IDS;

        if (!route_conv_view(router, conv, &view) || view.state != ROUTE_CONV_OFFERED)
            continue;
        event->conv = conv;
        event->agent = view.agent;
        return;
    }
}

/* ---- both at once ---- */

static uint64_t seen[ROUTE_ACTION_TYPE_COUNT]; /* so that no kind of action goes untried */

struct heard {
    unsigned count;
    struct route_action items[ACTIONS_MAX];
};

static void hear(void *ctx, const struct route_action *action)
{
    struct heard *heard = ctx;

    ENSURE(heard->count < ACTIONS_MAX);
    /* The trace tells of this very decision. */
    if (action->trace != NULL)
        ENSURE(action->trace->top_count > 0 && action->trace->top[0].agent == action->agent);
    heard->items[heard->count++] = *action;
    seen[action->type]++;
}

static bool same_action(const struct route_action *a, const struct route_action *b)
{
    return a->type == b->type && a->now_ms == b->now_ms && a->conv == b->conv &&
           a->agent == b->agent &&
           (a->type == ROUTE_ACTION_AWAY || (a->queue == b->queue && a->ring == b->ring));
}

struct pair {
    struct route_router *router;
    struct route_model *model;
    struct heard router_heard, model_heard;
    char why[200];
};

static bool differs(struct pair *pair)
{
    const struct heard *a = &pair->router_heard;
    const struct heard *b = &pair->model_heard;

    for (unsigned i = 0; i < a->count && i < b->count; i++) {
        if (same_action(&a->items[i], &b->items[i]))
            continue;
        snprintf(pair->why, sizeof(pair->why),
                 "action %u: router %s conv %" PRIu64 " agent %d, model %s conv %" PRIu64
                 " agent %d",
                 i, route_action_name(a->items[i].type), a->items[i].conv, (int)a->items[i].agent,
                 route_action_name(b->items[i].type), b->items[i].conv, (int)b->items[i].agent);
        return true;
    }
    if (a->count == b->count)
        return false;
    snprintf(pair->why, sizeof(pair->why), "router has %u actions, model %u", a->count, b->count);
    return true;
}

static bool states_differ(struct pair *pair)
{
    struct route_agent_view view;

    for (uint64_t conv = 1; conv <= CONV_IDS; conv++) {
        if (route_position(pair->router, conv) == route_model_position(pair->model, conv))
            continue;
        snprintf(pair->why, sizeof(pair->why), "conv %" PRIu64 ": position %u, model %u", conv,
                 route_position(pair->router, conv), route_model_position(pair->model, conv));
        return true;
    }
    for (uint32_t agent = 0; agent < AGENTS; agent++) {
        if (!route_agent_view(pair->router, agent, &view) ||
            view.load == route_model_load(pair->model, agent))
            continue;
        snprintf(pair->why, sizeof(pair->why), "agent %u: load %u, model %u", agent, view.load,
                 route_model_load(pair->model, agent));
        return true;
    }
    return false;
}

/* A mistake on purpose, to see that it is found. */
static enum route_event_type router_is_deaf_to = ROUTE_EVENT_TYPE_COUNT;

static bool step_differs(struct pair *pair, const struct step *step)
{
    struct route_event event = step->event;
    enum route_answer router_answer = ROUTE_OK;
    enum route_answer model_answer;

    event.request = &step->request;
    pair->router_heard.count = pair->model_heard.count = 0;
    model_answer = route_model_event(pair->model, &event);
    if (event.type == router_is_deaf_to)
        event.type = ROUTE_EVENT_TICK;
    router_answer = route_event(pair->router, &event);
    if (router_answer != model_answer && event.type == step->event.type) {
        snprintf(pair->why, sizeof(pair->why), "router answers %s, model %s",
                 route_answer_name(router_answer), route_answer_name(model_answer));
        return true;
    }
    return differs(pair) || states_differ(pair);
}

/* Gives the number of steps until the two differ, or 0. seed: not 0, makes up the steps. */
static unsigned run(const struct route_config *config, struct step *steps, unsigned count,
                    uint64_t seed, char why[200])
{
    static struct pair pair;
    struct route_options options = {
        .config = config,
        .conversations_max = CONVS_MAX,
        .classes_max = 64,
        .now_ms = BEGIN_MS,
        .act = hear,
        .trace = true,
    };
    unsigned differ = 0;
    uint64_t state = seed;
    int64_t now = BEGIN_MS;

    options.ctx = &pair.router_heard;
    ENSURE(route_router_create(&options, &pair.router));
    options.ctx = &pair.model_heard;
    pair.model = route_model_create(&options);
    for (unsigned i = 0; i < count && differ == 0; i++) {
        if (seed != 0) {
            random_step(&state, config, &now, &steps[i]);
            aim(&state, pair.router, &steps[i].event);
        }
        if (step_differs(&pair, &steps[i]))
            differ = i + 1;
    }
    if (why != NULL)
        memcpy(why, pair.why, sizeof(pair.why));
    route_router_destroy(&pair.router);
    route_model_destroy(&pair.model);
    return differ;
}

/* Leaves out ever smaller pieces as long as the rest still differs (Zeller, "Delta debugging"). */
static unsigned shrink(const struct route_config *config, struct step *steps, unsigned count)
{
    struct step *fewer = malloc(count * sizeof(*fewer));

    ENSURE(fewer != NULL);
    for (unsigned piece = count / 2; piece > 0; piece = piece > 1 ? piece / 2 : 0) {
        for (unsigned at = 0; at + piece <= count;) {
            unsigned left;

            memcpy(fewer, steps, at * sizeof(*steps));
            memcpy(fewer + at, steps + at + piece, (count - at - piece) * sizeof(*steps));
            left = run(config, fewer, count - piece, 0, NULL);
            if (left == 0) {
                at += piece;
                continue;
            }
            memcpy(steps, fewer, left * sizeof(*steps));
            count = left;
        }
    }
    free(fewer);
    return count;
}

static const char *type_name(enum route_event_type type)
{
    static const char *const names[ROUTE_EVENT_TYPE_COUNT] = {
        "TICK",    "ARRIVE", "RESTORE",  "CLOSE", "ACCEPT",   "DECLINE", "CLAIM",
        "MESSAGE", "REPLY",  "TRANSFER", "TAKE",  "PRESENCE", "SKILL",   "CAPACITY",
    };

    return names[type];
}

static void print_step(const struct step *step)
{
    const struct route_event *e = &step->event;
    const struct route_request *r = &step->request;

    printf("  %+6.1f s %-8s conv %-2" PRIu64 " agent %d", (double)(e->now_ms - BEGIN_MS) / 1000,
           type_name(e->type), e->conv, (int)e->agent);
    if (e->type == ROUTE_EVENT_PRESENCE)
        printf(" presence %d", e->presence);
    if (e->type == ROUTE_EVENT_SKILL)
        printf(" skill %u level %u", e->skill, e->level);
    if (e->type == ROUTE_EVENT_CAPACITY)
        printf(" capacity %u", e->capacity);
    if (e->type == ROUTE_EVENT_TRANSFER)
        printf(" queue %u", e->queue);
    if (e->type == ROUTE_EVENT_ARRIVE || e->type == ROUTE_EVENT_RESTORE) {
        printf(" queue %u age %" PRId64
               " language %d channel %d priority %u vip %d weight %u last %d",
               r->queue, e->now_ms - r->arrived_ms, (int)r->language, (int)r->channel, r->priority,
               r->vip, r->weight, (int)r->last_agent);
        for (uint32_t i = 0; i < r->require_count; i++)
            printf(" require %u:%u", r->require[i].skill, r->require[i].level);
        for (uint32_t i = 0; i < r->prefer_count; i++)
            printf(" prefer %u:%u", r->prefer[i].skill, r->prefer[i].level);
    }
    printf("\n");
}

/* ---- tests ---- */

static uint64_t events_wanted = EVENTS_DEFAULT;
static uint64_t seed_first = 1;
static uint64_t seed_now;

static void say_seed(int signal)
{
    char text[64];
    int len =
        snprintf(text, sizeof(text), "a promise was broken with seed %" PRIu64 "\n", seed_now);

    (void)signal;
    (void)!write(STDOUT_FILENO, text, (size_t)len);
}

static struct route_config *config_load(const char *json)
{
    struct route_config *config;
    struct route_report report;

    if (!route_config_load(json, strlen(json), NULL, &config, &report))
        fail_msg("%s: %s", report.items[0].path, report.items[0].text);
    return config;
}

static void router_and_model_do_the_same(void **state)
{
    static struct step steps[RUN_EVENTS];
    struct route_config *loaded[LENGTH_OF(configs)];
    uint64_t runs = (events_wanted + RUN_EVENTS - 1) / RUN_EVENTS;

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(configs); i++)
        loaded[i] = config_load(configs[i]);
    for (uint64_t i = 0; i < runs; i++) {
        const struct route_config *config = loaded[i % LENGTH_OF(configs)];
        char why[200];
        unsigned count;

        seed_now = seed_first + i;
        count = run(config, steps, RUN_EVENTS, seed_now, why);
        if (count == 0)
            continue;
        count = shrink(config, steps, count);
        run(config, steps, count, 0, why);
        printf("seed %" PRIu64 ", configuration %u:\n", seed_now,
               (unsigned)(i % LENGTH_OF(configs)));
        for (unsigned k = 0; k < count; k++)
            print_step(&steps[k]);
        fail_msg("%s", why);
    }
    for (size_t i = 0; i < LENGTH_OF(configs); i++)
        route_config_destroy(&loaded[i]);
    printf("%" PRIu64 " events, the same actions:", runs * RUN_EVENTS);
    for (unsigned i = 0; i < ROUTE_ACTION_TYPE_COUNT; i++)
        printf(" %s %" PRIu64, route_action_name((enum route_action_type)i), seen[i]);
    printf("\n");
    for (unsigned i = 0; i < ROUTE_ACTION_TYPE_COUNT && runs >= 50; i++)
        assert_true(seen[i] > 0);
}

static void a_deaf_router_is_found_and_the_story_is_short(void **state)
{
    static struct step steps[RUN_EVENTS];
    struct route_config *config = config_load(configs[1]);
    unsigned count;

    (void)state;
    router_is_deaf_to = ROUTE_EVENT_DECLINE;
    count = run(config, steps, RUN_EVENTS, 7, NULL);
    assert_true(count > 0);
    count = shrink(config, steps, count);
    router_is_deaf_to = ROUTE_EVENT_TYPE_COUNT;
    assert_in_range(count, 3, 5); /* online, arrive, decline, and what the detour needs */
    assert_int_equal(steps[count - 1].event.type, ROUTE_EVENT_DECLINE);
    route_config_destroy(&config);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(router_and_model_do_the_same),
        cmocka_unit_test(a_deaf_router_is_found_and_the_story_is_short),
    };
    struct sigaction action = { .sa_handler = say_seed, .sa_flags = (int)SA_RESETHAND };
    unsigned long long value;

    if (argc > 1 && slice_to_u64(slice_of(argv[1]), &value))
        events_wanted = value;
    if (argc > 2 && slice_to_u64(slice_of(argv[2]), &value))
        seed_first = value;
    sigaction(SIGABRT, &action, NULL);
    return cmocka_run_group_tests_name("route_model", tests, NULL, NULL);
}
