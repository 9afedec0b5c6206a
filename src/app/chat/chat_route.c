/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversation that wants a person asks for: queue, skills, priority, who had it, to whom it
 * is offered. It is decided in the turn that queues it and stored in that turn's header, so that a
 * desk that starts anew finds it there. Live it is kept encoded: most conversations never have one,
 * and nothing of it is read between turns. */
#include "chat_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "mem.h"
#include "schema.h"

enum {
    ROUTING_BYTES_MAX = 8 * 1024, /* 16 needs and 32 facts are below */
    FACTS_MAX = 32,               /* of one conversation; more are passed over */
    FACT_BYTES_MAX = 128,         /* name or value; longer ones are passed over */
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

static struct slice intent_of(const struct bot_reply *reply)
{
    for (size_t i = 0; reply != NULL && i < reply->step_count; i++) {
        const struct bot_step *step = &reply->steps[i];

        if (step->verdict == BOT_ANSWER && strcmp(step->rung, "intent") == 0 &&
            step->candidate_count > 0)
            return step->candidates[0].text;
    }
    return SLICE_EMPTY;
}

enum err_code routing_choose(struct chat *chat, struct turn *turn, struct slice queue,
                             const char *reason, const struct bot_reply *reply,
                             struct chat_route *out, struct err *err)
{
    struct conv *conv = turn->conv;
    Kefu__V1__Routing *routing = routing_get(turn);
    const Kefu__V1__Routing before = *routing;
    const char *locale = bot_locale(slice_of(conv->locale));
    const struct chat_route_ask ask = {
        .queue = queue,
        .language = strncmp(locale, "zh", 2) == 0 ? SLICE_LITERAL("zh") : SLICE_LITERAL("en"),
        .intent = intent_of(reply),
        .flow = turn->flow_name,
        .reason = slice_of(reason),
        .facts = before.facts,
        .fact_count = before.n_facts,
    };
    enum err_code rc;

    *out = (struct chat_route){ 0 };
    if (chat->options.ops.route == NULL)
        return ERR_OK;
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

static bool fact_add(struct turn *turn, Kefu__V1__Routing *routing, const char *prefix,
                     const struct chat_attribute *attribute)
{
    char name[FACT_BYTES_MAX * 2];
    Kefu__V1__RoutingFact *fact;

    if (attribute->key.len > FACT_BYTES_MAX || attribute->value.len > FACT_BYTES_MAX)
        return false;
    snprintf(name, sizeof(name), "%s%.*s", prefix, SLICE_ARGS(attribute->key));
    for (size_t i = 0; i < routing->n_facts; i++) {
        if (strcmp(routing->facts[i]->name, name) == 0) {
            routing->facts[i]->value = turn_text(turn, attribute->value);
            return true;
        }
    }
    fact = arena_alloc(&turn->arena, sizeof(*fact));
    if (routing->n_facts == FACTS_MAX || fact == NULL)
        return false;
    kefu__v1__routing_fact__init(fact);
    fact->name = turn_text(turn, slice_of(name));
    fact->value = turn_text(turn, attribute->value);
    routing->facts[routing->n_facts++] = fact;
    return true;
}

void routing_note_facts(struct turn *turn, const char *prefix, const struct chat_action *action)
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
    for (unsigned i = 0; i < action->attribute_count; i++)
        any = fact_add(turn, routing, prefix, &action->attributes[i]) || any;
    if (any)
        routing_set(turn, routing);
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
