/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation wants a person: which queue, what skills, how urgent; and is that queue open? */
#include "routing_priv.h"

#include <stdlib.h>

static struct route_fact text_fact(const char *name, struct slice value)
{
    return (struct route_fact){
        .name = name, .type = ROUTE_FACT_TEXT, .text = value.ptr, .text_len = value.len
    };
}

/* As the configuration declares it; a number that is none is not known. */
static bool fact_of(const struct routing *routing, const Kefu__V1__RoutingFact *in,
                    struct route_fact *out)
{
    struct slice name = slice_of(in->name);
    bool vip = slice_equal_text(name, "contact.vip");
    char *end = NULL;

    *out = text_fact(in->name, slice_of(in->value));
    if (vip || routing_declares_bool(routing, name)) {
        out->type = ROUTE_FACT_BOOL;
        out->number = strcmp(in->value, "true") == 0 || strcmp(in->value, "1") == 0;
    } else if (routing_declares_number(routing, name)) {
        out->type = ROUTE_FACT_NUMBER;
        out->number = strtod(in->value, &end);
        return end != in->value && *end == '\0';
    }
    return true;
}

static uint32_t facts_fill(const struct routing *routing, const struct routing_ask *ask,
                           struct route_fact out[ROUTE_FACTS_MAX])
{
    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        { "lang", ask->language }, { "channel", ask->channel }, { "intent", ask->intent },
        { "flow", ask->flow },     { "site", ask->site },
    };
    uint32_t count = 0;

    for (size_t i = 0; i < LENGTH_OF(known); i++) {
        if (known[i].value.len > 0)
            out[count++] = text_fact(known[i].name, known[i].value);
    }
    for (size_t i = 0; i < ask->fact_count && count < ROUTE_FACTS_MAX; i++)
        count += fact_of(routing, ask->facts[i], &out[count]);
    return count;
}

/* ---- writing down ---------------------------------------------------------------------------- */

static char *name_copy(const struct routing *routing, enum route_kind kind, uint32_t index,
                       struct arena *arena)
{
    const char *name = route_name(routing_config(routing), kind, index);

    return arena_strdup(arena, slice_of(name != NULL ? name : ""));
}

static bool needs_write(const struct routing *routing, const struct route_need *needs,
                        uint32_t count, struct arena *arena, Kefu__V1__RoutingNeed ***out,
                        size_t *out_count)
{
    Kefu__V1__RoutingNeed *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    Kefu__V1__RoutingNeed **list =
        arena_alloc(arena, (count + 1) * sizeof(Kefu__V1__RoutingNeed *));

    if (items == NULL || list == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        kefu__v1__routing_need__init(&items[i]);
        items[i].skill = name_copy(routing, ROUTE_KIND_SKILL, needs[i].skill, arena);
        items[i].level = needs[i].level;
        if (items[i].skill == NULL)
            return false;
        list[i] = &items[i];
    }
    *out = list;
    *out_count = count;
    return true;
}

static enum err_code request_write(const struct routing *routing,
                                   const struct route_request *request, struct arena *arena,
                                   Kefu__V1__Routing *out, struct err *err)
{
    bool ok = needs_write(routing, request->require, request->require_count, arena, &out->require,
                          &out->n_require) &&
              needs_write(routing, request->prefer, request->prefer_count, arena, &out->prefer,
                          &out->n_prefer);

    out->queue = name_copy(routing, ROUTE_KIND_QUEUE, request->queue, arena);
    out->rule = name_copy(routing, ROUTE_KIND_RULE, request->rule, arena);
    out->language = name_copy(routing, ROUTE_KIND_LANGUAGE, request->language, arena);
    out->channel = name_copy(routing, ROUTE_KIND_CHANNEL, request->channel, arena);
    if (!ok || out->queue == NULL || out->rule == NULL || out->language == NULL ||
        out->channel == NULL)
        return err_set(err, ERR_TOO_BIG, "no room for the routing");
    out->priority = request->priority;
    out->vip = request->vip;
    out->alternatives = request->alternatives;
    out->sticky_wait_ms = request->sticky_wait_ms;
    return ERR_OK;
}

static void place_fill(const struct routing *routing, const struct route_request *request,
                       int64_t now_ms, struct routing_place *out)
{
    struct route_queue_info queue;
    int64_t change = ROUTE_NEVER;

    *out = (struct routing_place){ 0 };
    ENSURE(route_queue_info(routing_config(routing), request->queue, &queue));
    if (route_calendar_open(routing_config(routing), queue.calendar, now_ms, &change) ||
        routing_goes_on(routing, slice_of(queue.id)))
        return;
    out->closed = true;
    out->bot = (request->alternatives & ROUTE_ALTERNATIVE_BOT) != 0 ||
               routing_bot_when_closed(routing, slice_of(queue.id));
    out->opens_at = change != ROUTE_NEVER ? change : 0;
}

enum err_code routing_classify(const struct routing *routing, const struct routing_ask *ask,
                               int64_t now_ms, struct arena *arena, Kefu__V1__Routing *out,
                               struct routing_place *place, struct err *err)
{
    const struct route_config *config = routing_config(routing);
    struct route_fact facts[ROUTE_FACTS_MAX];
    struct route_request request;
    enum err_code rc;

    route_request_init(&request);
    if (route_classify(config, facts, facts_fill(routing, ask, facts), now_ms, &request) !=
        ROUTE_OK)
        request.queue = 0; /* without rules: the first queue */
    if (ask->queue.len > 0) {
        uint32_t language = request.language;
        uint32_t queue = route_find(config, ROUTE_KIND_QUEUE, ask->queue.ptr, ask->queue.len);

        if (queue == ROUTE_NONE)
            return err_set_field(err, ERR_NOT_FOUND, "queue", "no such queue");
        route_request_init(&request); /* a person chose: no rule's wishes go along */
        request.language = language;
        request.queue = queue;
    }
    rc = request_write(routing, &request, arena, out, err);
    place_fill(routing, &request, now_ms, place);
    return rc;
}
