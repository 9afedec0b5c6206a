/* SPDX-License-Identifier: Apache-2.0 */
#include "chat_trace.h"

#include <string.h>

#include "utf8.h"

enum { CANDIDATE_BYTES_MAX = 200 }; /* a question as a list shows it; entries hold the rest */

/* protobuf-c wants char *, and writes to none of them when it packs. */
static char *constant(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text != NULL ? text : "" };

    return u.out;
}

static struct slice candidate_short(struct slice text)
{
    if (text.len > CANDIDATE_BYTES_MAX)
        text.len = CANDIDATE_BYTES_MAX;
    while (text.len > 0 && !utf8_valid(text))
        text.len--;
    return text;
}

/* Room for `count` messages of a kind and the list of pointers that protobuf-c wants. */
static void *messages_alloc(struct arena *arena, size_t count, size_t size, void *list)
{
    char *items = arena_alloc(arena, (count + 1) * size);
    void **pointers = arena_alloc(arena, (count + 1) * sizeof(*pointers));

    if (items == NULL || pointers == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        pointers[i] = items + i * size;
    memcpy(list, &pointers, sizeof(pointers));
    return items;
}

static bool candidates_fill(struct arena *arena, Kefu__V1__TraceStep *item,
                            const struct bot_step *step)
{
    Kefu__V1__TraceCandidate *items;

    if (step->candidate_count == 0)
        return true;
    items = messages_alloc(arena, step->candidate_count, sizeof(*items), &item->candidates);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < step->candidate_count; i++) {
        kefu__v1__trace_candidate__init(&items[i]);
        items[i].text = arena_strdup(arena, candidate_short(step->candidates[i].text));
        items[i].id = step->candidates[i].id;
        items[i].score = step->candidates[i].score;
        items[i].words = step->candidates[i].words;
        items[i].intent = step->candidates[i].intent;
        if (items[i].text == NULL)
            return false;
    }
    item->n_candidates = step->candidate_count;
    item->candidate = items[0].text;
    item->score = items[0].score;
    return true;
}

static bool steps_fill(struct arena *arena, Kefu__V1__Trace *trace, const struct bot_reply *reply)
{
    Kefu__V1__TraceStep *items =
        messages_alloc(arena, reply->step_count, sizeof(*items), &trace->steps);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < reply->step_count; i++) {
        const struct bot_step *step = &reply->steps[i];

        kefu__v1__trace_step__init(&items[i]);
        items[i].rung = constant(step->rung);
        items[i].verdict = constant(bot_verdict_name(step->verdict));
        items[i].threshold = step->threshold;
        items[i].micros = step->micros;
        if (!candidates_fill(arena, &items[i], step))
            return false;
    }
    trace->n_steps = reply->step_count;
    return true;
}

static bool entities_fill(struct arena *arena, Kefu__V1__Trace *trace,
                          const struct bot_reply *reply)
{
    Kefu__V1__TraceEntity *items;

    if (reply->entity_count == 0)
        return true;
    items = messages_alloc(arena, reply->entity_count, sizeof(*items), &trace->entities);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < reply->entity_count; i++) {
        kefu__v1__trace_entity__init(&items[i]);
        items[i].kind = constant(reply->entities[i].kind);
        items[i].start = reply->entities[i].start;
        items[i].length = reply->entities[i].len;
    }
    trace->n_entities = reply->entity_count;
    return true;
}

Kefu__V1__Trace *chat_trace_make(struct arena *arena, const struct bot_reply *reply)
{
    Kefu__V1__Trace *trace = arena_alloc(arena, sizeof(*trace));

    if (trace == NULL)
        return NULL;
    kefu__v1__trace__init(trace);
    trace->rung = constant(reply->rung);
    trace->micros = reply->micros;
    trace->read_micros = reply->read_micros;
    trace->locale = constant(reply->locale);
    if (!steps_fill(arena, trace, reply) || !entities_fill(arena, trace, reply))
        return NULL;
    return trace;
}
