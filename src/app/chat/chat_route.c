/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversation that wants a person asks for: queue, skills, priority, who had it, to whom it
 * is offered. It is decided in the turn that queues it and stored in that turn's header, so that a
 * desk that starts anew finds it there. Live it is kept encoded: most conversations never have one,
 * and nothing of it is read between turns. */
#include "chat_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "mem.h"
#include "schema.h"

enum {
    ROUTING_BYTES_MAX = 8 * 1024, /* 16 needs and 32 facts are below */
    FACTS_MAX = 32,               /* of one conversation; more are passed over */
    FACT_BYTES_MAX = 128,         /* name or value; longer ones are passed over */
    SLOTS_MAX = 16,               /* of a flow: as many as it has room for, nearly always */
    ASK_FACTS_MAX = 64,           /* ROUTE_FACTS_MAX: a configuration has no more to ask */
};

static Kefu__V1__Routing *decode(const char *bytes, uint32_t len, struct arena *arena)
{
    ProtobufCMessage *msg = NULL;

    if (bytes == NULL || schema_proto_decode(&kefu__v1__routing__descriptor, slice_make(bytes, len),
                                             arena, &msg, NULL) != ERR_OK)
        return NULL;
    return (Kefu__V1__Routing *)(void *)msg;
}

Kefu__V1__Routing *routing_get(struct turn *turn)
{
    Kefu__V1__Routing *routing = decode(turn->conv->routing, turn->conv->routing_len, &turn->arena);

    if (routing != NULL)
        return routing;
    routing = arena_alloc(&turn->arena, sizeof(*routing));
    if (routing == NULL) {
        turn->full = true;
        routing = &turn->spare_routing;
    }
    kefu__v1__routing__init(routing);
    return routing;
}

static void keep(struct conv *conv, const Kefu__V1__Routing *routing)
{
    struct buf buf;

    buf_init(&buf, ROUTING_BYTES_MAX);
    schema_proto_encode(&routing->base, &buf);
    conv->routing = NULL;
    conv->routing_len = 0;
    if (buf_ok(&buf) && buf.len > 0) {
        conv->routing = mem_strndup(buf.ptr, buf.len);
        conv->routing_len = (uint32_t)buf.len;
    }
    buf_fini(&buf);
}

void routing_set(struct turn *turn, const Kefu__V1__Routing *routing)
{
    struct conv *conv = turn->conv;

    if (turn->routing_changed) {
        free(conv->routing);
    } else {
        turn->routing_before = conv->routing;
        turn->routing_before_len = conv->routing_len;
        turn->routing_changed = true;
    }
    keep(conv, routing);
}

void routing_undo(struct turn *turn)
{
    if (!turn->routing_changed)
        return;
    free(turn->conv->routing);
    turn->conv->routing = turn->routing_before;
    turn->conv->routing_len = turn->routing_before_len;
    turn->routing_before = NULL;
    turn->routing_changed = false;
}

void routing_release(struct turn *turn)
{
    free(turn->routing_before);
    turn->routing_before = NULL;
    turn->routing_changed = false;
}

void routing_committed(struct turn *turn)
{
    const struct conv *conv = turn->conv;
    char *copy;

    turn->routing = SLICE_EMPTY;
    if (conv->routing == NULL)
        return;
    copy = arena_strdup(&turn->arena, slice_make(conv->routing, conv->routing_len));
    turn->header.routing = copy != NULL ? decode(copy, conv->routing_len, &turn->arena) : NULL;
    if (turn->header.routing == NULL)
        turn->full = true;
    else
        turn->routing = slice_make(copy, conv->routing_len);
}

void routing_load(struct conv *conv, const Kefu__V1__Routing *routing)
{
    free(conv->routing);
    conv->routing = NULL;
    conv->routing_len = 0;
    if (routing != NULL)
        keep(conv, routing);
}

void routing_row(const struct conv *conv, struct arena *arena, Kefu__V1__Conversation *out)
{
    const Kefu__V1__Routing *routing = decode(conv->routing, conv->routing_len, arena);
    Google__Protobuf__Timestamp *until;

    if (routing == NULL)
        return;
    out->queue = routing->queue;
    out->priority = routing->priority;
    out->offered_to = routing->offered_to;
    if (routing->offered_to == 0)
        return;
    until = arena_alloc(arena, sizeof(*until));
    if (until != NULL)
        schema_timestamp_set(until, routing->offered_until);
    out->offered_until = until;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool ask_fact(struct turn *turn, struct chat_route_ask *ask, Kefu__V1__RoutingFact **list,
                     const char *prefix, struct slice name, struct slice value)
{
    Kefu__V1__RoutingFact *fact;
    char full[FACT_BYTES_MAX * 2];

    if (value.len == 0 || name.len > FACT_BYTES_MAX || ask->fact_count == ASK_FACTS_MAX)
        return false;
    fact = arena_alloc(&turn->arena, sizeof(*fact));
    if (fact == NULL)
        return false;
    snprintf(full, sizeof(full), "%s%.*s", prefix, SLICE_ARGS(name));
    kefu__v1__routing_fact__init(fact);
    fact->name = turn_text(turn, slice_of(full));
    fact->value = turn_text(turn, value);
    list[ask->fact_count++] = fact;
    return true;
}

/* What was noted in this conversation; intent and flow have their own places. The flow that was
 * begun counts, not the one inside of it that hands over. */
static void ask_noted(struct chat_route_ask *ask, Kefu__V1__RoutingFact **list,
                      const Kefu__V1__Routing *routing)
{
    for (size_t i = 0; i < routing->n_facts; i++) {
        Kefu__V1__RoutingFact *fact = routing->facts[i];
        bool intent = strcmp(fact->name, "intent") == 0;

        if (intent || strcmp(fact->name, "flow") == 0) {
            struct slice *known = intent ? &ask->intent : &ask->flow;

            *known = known->len > 0 ? *known : slice_of(fact->value);
        } else if (ask->fact_count < ASK_FACTS_MAX) {
            list[ask->fact_count++] = fact;
        }
    }
}

static bool noted(const struct chat_route_ask *ask, struct slice contact)
{
    for (size_t i = 0; i < ask->fact_count; i++) {
        struct slice name = slice_of(ask->facts[i]->name);

        if (slice_starts_with(name, SLICE_LITERAL("contact.")) &&
            slice_equal(slice_make(name.ptr + 8, name.len - 8), contact))
            return true;
    }
    return false;
}

/* What is known of the visitor from before this conversation, and where it is now. */
static void ask_known(struct turn *turn, struct chat_route_ask *ask, Kefu__V1__RoutingFact **list)
{
    const struct conv *conv = turn->conv;
    struct slice rest = visitor_facts(conv->visitor);
    struct slice key;
    struct slice value;

    if (conv->page_url != NULL)
        (void)ask_fact(turn, ask, list, "page.", SLICE_LITERAL("url"), slice_of(conv->page_url));
    if (conv->page_title != NULL)
        (void)ask_fact(turn, ask, list, "page.", SLICE_LITERAL("title"),
                       slice_of(conv->page_title));
    while (pair_next(&rest, &key, &value)) {
        if (!noted(ask, key))
            (void)ask_fact(turn, ask, list, "contact.", key, value);
    }
}

enum err_code routing_choose(struct chat *chat, struct turn *turn, struct slice queue,
                             const char *reason, const struct bot_reply *reply,
                             struct chat_route *out, struct err *err)
{
    struct conv *conv = turn->conv;
    Kefu__V1__Routing *routing = routing_get(turn);
    const Kefu__V1__Routing before = *routing;
    const char *locale = bot_locale(slice_of(conv->locale));
    Kefu__V1__RoutingFact *facts[ASK_FACTS_MAX];
    struct chat_route_ask ask = {
        .site = conv->site,
        .queue = queue,
        .language = strncmp(locale, "zh", 2) == 0 ? SLICE_LITERAL("zh") : SLICE_LITERAL("en"),
        .intent = reply != NULL ? reply->intent : SLICE_EMPTY,
        .reason = slice_of(reason),
        .facts = facts,
    };
    enum err_code rc;

    *out = (struct chat_route){ 0 };
    if (chat->options.ops.route == NULL)
        return ERR_OK;
    ask_noted(&ask, facts, &before);
    if (ask.flow.len == 0)
        ask.flow = turn->flow_name;
    ask_known(turn, &ask, facts);
    kefu__v1__routing__init(routing);
    routing->sticky_wait_ms = -1;
    rc = chat->options.ops.route(chat->options.ops.ctx, conv->workspace, &ask, &turn->arena,
                                 routing, out, err);
    if (rc != ERR_OK)
        return rc;
    routing->facts = before.facts;
    routing->n_facts = before.n_facts;
    routing->last_agent_id = before.last_agent_id;
    routing->last_at = before.last_at;
    routing_set(turn, routing);
    return ERR_OK;
}

void routing_clear_offer(struct chat *chat, struct turn *turn, struct agent_id had)
{
    Kefu__V1__Routing *routing;

    if (turn->conv->routing == NULL && had.v == 0)
        return;
    routing = routing_get(turn);
    if (routing->offered_to == 0 && had.v == 0)
        return;
    routing->offered_to = 0;
    routing->offered_until = 0;
    if (had.v != 0) {
        routing->last_agent_id = had.v;
        routing->last_at = chat_now(chat);
    }
    routing_set(turn, routing);
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* False: it is known already, or there is no room. */
static bool fact_add(struct turn *turn, Kefu__V1__Routing *routing, const char *prefix,
                     const struct chat_attribute *attribute)
{
    char name[FACT_BYTES_MAX * 2];
    Kefu__V1__RoutingFact *fact = NULL;

    if (attribute->key.len > FACT_BYTES_MAX || attribute->value.len > FACT_BYTES_MAX)
        return false;
    snprintf(name, sizeof(name), "%s%.*s", prefix, SLICE_ARGS(attribute->key));
    for (size_t i = 0; i < routing->n_facts; i++) {
        if (strcmp(routing->facts[i]->name, name) == 0)
            fact = routing->facts[i];
    }
    if (fact != NULL && slice_equal_text(attribute->value, fact->value))
        return false;
    if (fact == NULL) {
        fact = arena_alloc(&turn->arena, sizeof(*fact));
        if (routing->n_facts == FACTS_MAX || fact == NULL)
            return false;
        kefu__v1__routing_fact__init(fact);
        fact->name = turn_text(turn, slice_of(name));
        routing->facts[routing->n_facts++] = fact;
    }
    fact->value = turn_text(turn, attribute->value);
    return true;
}

void routing_note_facts(struct turn *turn, const char *prefix,
                        const struct chat_attribute *attributes, size_t count)
{
    Kefu__V1__Routing *routing = routing_get(turn);
    Kefu__V1__RoutingFact **list =
        arena_zalloc(&turn->arena, FACTS_MAX * sizeof(Kefu__V1__RoutingFact *));
    bool any = false;

    if (list == NULL) {
        turn->full = true;
        return;
    }
    for (size_t i = 0; i < routing->n_facts && i < FACTS_MAX; i++)
        list[i] = routing->facts[i];
    routing->facts = list;
    for (size_t i = 0; i < count; i++)
        any = fact_add(turn, routing, prefix, &attributes[i]) || any;
    if (any)
        routing_set(turn, routing);
}

static void fact_note(struct turn *turn, struct slice name, struct slice value)
{
    const struct chat_attribute one = { name, value };

    routing_note_facts(turn, "", &one, 1);
}

void routing_note_intent(struct turn *turn, const struct bot_reply *reply)
{
    if (reply->intent.len > 0)
        fact_note(turn, SLICE_LITERAL("intent"), reply->intent);
}

void routing_note_flow(struct turn *turn, struct slice flow)
{
    fact_note(turn, SLICE_LITERAL("flow"), flow);
}

/* Texts, numbers and truths; lists and unknowns are left out. */
static unsigned slots_read(struct turn *turn, struct slice json,
                           struct chat_attribute out[SLOTS_MAX])
{
    struct json_reader reader;
    unsigned count = 0;

    json_reader_init(&reader, json);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return 0;
    while (count < SLOTS_MAX && json_next(&reader) == JSON_KEY) {
        struct slice key = reader.raw;
        struct json_reader ahead = reader;
        enum json_token token = json_next(&ahead);
        struct slice value = token == JSON_TRUE    ? SLICE_LITERAL("true")
                             : token == JSON_FALSE ? SLICE_LITERAL("false")
                                                   : ahead.raw;
        char *text;

        if (!json_skip_value(&reader))
            break;
        if (token != JSON_TEXT && token != JSON_NUMBER && token != JSON_TRUE && token != JSON_FALSE)
            continue;
        text = arena_alloc(&turn->arena, value.len + 1);
        if (text == NULL)
            break;
        if (token == JSON_TEXT)
            value = slice_make(text, json_unescape(value, text));
        out[count++] = (struct chat_attribute){ key, value };
    }
    return count;
}

void routing_note_slots(struct turn *turn, struct slice json)
{
    struct chat_attribute pairs[SLOTS_MAX];

    routing_note_facts(turn, "slot.", pairs, slots_read(turn, json, pairs));
}

/* ---- offers ---------------------------------------------------------------------------------- */

enum err_code decide_desk_offer(struct chat *chat, struct turn *turn, struct run *run,
                                struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    Kefu__V1__Routing *routing;
    Kefu__V1__Event *event;
    struct slice name;

    if (conv->head.life.state != CONV_QUEUED)
        return ERR_OK; /* whose it is now, the desk has been told */
    if (!chat->options.ops.agent_name(chat->options.ops.ctx, conv->workspace, action->agent, &name))
        return err_set_field(err, ERR_NOT_FOUND, "agentId", "no such agent");
    event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__offered, true, ACTOR_SYSTEM, 0, SLICE_EMPTY);
    event->agent_id = action->agent.v;
    event->agent_name = turn_text(turn, name);
    routing = routing_get(turn);
    routing->offered_to = action->agent.v;
    routing->offered_until = action->until_ms;
    routing_set(turn, routing);
    return ERR_OK;
}
