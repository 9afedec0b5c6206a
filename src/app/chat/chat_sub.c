/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens, and one push handed to many. A topic is a visitor (its sessions see every
 * conversation of it, public events only), a conversation (agents, everything), or a workspace's
 * inbox (chat_inbox.c). A push is encoded at most once per format, when a receiver asks. An event
 * that a receiver could not take is owed: before anything else of that topic it gets a resync with
 * the head that it may see, which makes the client fetch the gap. */
#include "chat_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

struct topic *topic_obtain(struct map_u64 *map, uint64_t key)
{
    struct topic *topic = map_u64_get(map, key);

    if (topic != NULL)
        return topic;
    topic = mem_zalloc(sizeof(*topic));
    if (!map_u64_put(map, key, topic)) {
        free(topic);
        return NULL;
    }
    return topic;
}

void topic_release(struct map_u64 *map, uint64_t key, struct topic *topic)
{
    if (topic == NULL || topic->count > 0)
        return;
    ENSURE(map_u64_take(map, key) == topic);
    topic_fini(topic);
    free(topic);
}

static struct sub *topic_subs(struct topic *topic)
{
    return topic->count > 1 ? topic->many : &topic->one;
}

void topic_fini(struct topic *topic)
{
    if (topic->count > 1)
        free(topic->many);
    topic->count = 0;
}

static struct sub *sub_find(struct topic *topic, struct chat_session session)
{
    struct sub *subs = topic_subs(topic);

    for (uint32_t i = 0; i < topic->count; i++) {
        if (subs[i].session == session.session && subs[i].shard == session.shard)
            return &subs[i];
    }
    return NULL;
}

/* For one more. */
static void topic_grow(struct topic *topic)
{
    struct sub *many = topic->count > 1 ? topic->many : NULL;
    uint32_t count = topic->count;

    if (count == 0 || (count & (count - 1)) != 0)
        return;
    many = mem_realloc(many, 2 * (size_t)count * sizeof(*many));
    if (count == 1)
        many[0] = topic->one;
    topic->many = many;
}

enum err_code sub_add(struct chat *chat, struct topic *topic, struct chat_session session,
                      struct err *err)
{
    if (sub_find(topic, session) != NULL)
        return ERR_OK;
    if (topic->count >= LIMIT_SUBSCRIBERS_MAX)
        return err_set(err, ERR_BUSY, "more than %d subscribers", LIMIT_SUBSCRIBERS_MAX);
    topic_grow(topic);
    topic->count++;
    topic_subs(topic)[topic->count - 1] =
        (struct sub){ session.session, session.shard, session.format, false };
    chat->subscribers++;
    return ERR_OK;
}

void sub_remove(struct chat *chat, struct topic *topic, struct chat_session session)
{
    struct sub *sub = topic != NULL ? sub_find(topic, session) : NULL;

    if (sub == NULL)
        return;
    *sub = topic_subs(topic)[topic->count - 1];
    if (topic->count == 2) {
        struct sub *many = topic->many;

        topic->one = many[0];
        free(many);
    }
    topic->count--;
    chat->subscribers--;
}

/* ---- one push -------------------------------------------------------------------------------- */

struct slice chat_push_bytes(struct chat_push *push, enum chat_format format)
{
    struct buf *buf = format == CHAT_FORMAT_JSON ? &push->chat->push_json : &push->chat->push_proto;

    if (push->encoded[format].ptr != NULL)
        return push->encoded[format];
    buf_clear(buf);
    if (format == CHAT_FORMAT_JSON)
        schema_json_encode(&push->frame->base, buf);
    else
        schema_proto_encode(&push->frame->base, buf);
    if (!buf_ok(buf)) {
        LOG_ERROR("chat_push_too_big", KV_ID("conv", push->conv.v));
        return SLICE_EMPTY;
    }
    push->encoded[format] = buf_slice(buf);
    return push->encoded[format];
}

static void receivers_reserve(struct chat *chat, uint32_t count)
{
    if (count <= chat->receiver_cap)
        return;
    chat->receivers = mem_realloc(chat->receivers, count * sizeof(chat->receivers[0]));
    chat->receiver_cap = count;
}

static void mark_refused(struct topic *topic, const struct chat_receiver *receivers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sub *sub = receivers[i].refused ? sub_find(topic, receivers[i].session) : NULL;

        if (sub != NULL) {
            sub->owed = true;
            topic->owed = true;
        }
    }
}

static bool any_refused(const struct chat_receiver *receivers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (receivers[i].refused)
            return true;
    }
    return false;
}

/* Everybody of the topic who is owed nothing, shard by shard; except: the sender of something
 * lossy that it need not see. must: a refusal is owed. False: somebody refused it. */
static bool deliver(struct chat *chat, struct topic *topic, struct chat_push *push, bool must,
                    const struct chat_session *except)
{
    const struct sub *subs = topic_subs(topic);
    bool taken = true;
    uint32_t done = 0;
    uint32_t shard = 0;

    receivers_reserve(chat, topic->count);
    while (done < topic->count && shard < chat->options.shards) {
        uint32_t count = 0;

        for (uint32_t i = 0; i < topic->count; i++) {
            const struct sub *sub = &subs[i];

            if (sub->shard != shard)
                continue;
            done++;
            if (sub->owed ||
                (except != NULL && except->session == sub->session && except->shard == sub->shard))
                continue;
            chat->receivers[count++] = (struct chat_receiver){ .session = sub_session(sub) };
        }
        if (count > 0) {
            chat->options.ops.deliver(chat->options.ops.ctx, (uint16_t)shard, chat->receivers,
                                      count, push);
            taken = taken && !any_refused(chat->receivers, count);
            if (must)
                mark_refused(topic, chat->receivers, count);
        }
        shard++;
    }
    return taken;
}

static bool deliver_resync(struct chat *chat, struct chat_session session, struct conv_id conv,
                           uint32_t head)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Resync resync = KEFU__V1__RESYNC__INIT;
    struct chat_push push = { CHAT_PUSH_RESYNC, conv, head, &frame, { { 0 } }, chat };
    struct chat_receiver receiver = { .session = session };

    resync.conversation_id = conv.v;
    resync.head_seq = head;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_RESYNC;
    frame.resync = &resync;
    chat->options.ops.deliver(chat->options.ops.ctx, session.shard, &receiver, 1, &push);
    chat->stats.resyncs += receiver.refused ? 0 : 1;
    return !receiver.refused;
}

/* Sends what is owed to each sub of the topic; keeps owing what is refused again. A visitor's
 * topic carries all its live conversations, and which one the refused event was of is not
 * remembered: a resync too many costs one comparison at the client. */
static void deliver_owed(struct chat *chat, struct topic *topic, struct conv *conv, bool visitor)
{
    if (!topic->owed)
        return;
    topic->owed = false;
    for (uint32_t i = 0; i < topic->count; i++) {
        struct sub *sub = &topic_subs(topic)[i];
        struct conv *each = visitor ? conv->visitor->convs : conv;
        bool taken = true;

        if (!sub->owed)
            continue;
        for (; each != NULL; each = visitor ? each->visitor_next : NULL) {
            taken = deliver_resync(chat, sub_session(sub), each->id,
                                   visitor ? each->seen_public_seq : each->seen_seq) &&
                    taken;
        }
        sub->owed = !taken;
        topic->owed = topic->owed || !taken;
    }
}

/* ---- the pushes ------------------------------------------------------------------------------ */

static struct topic *conv_watchers(struct chat *chat, const struct conv *conv)
{
    return chat->topics.count > 0 ? map_u64_get(&chat->topics, conv->id.v) : NULL;
}

static void push_frame(struct chat *chat, struct topic *topic, struct conv *conv,
                       enum chat_push_kind kind, uint32_t head, Kefu__V1__ServerFrame *frame,
                       const struct chat_session *except)
{
    struct chat_push push = { kind, conv->id, head, frame, { { 0 } }, chat };

    if (topic != NULL && topic->count > 0)
        (void)deliver(chat, topic, &push, kind == CHAT_PUSH_EVENT, except);
}

bool push_to_topic(struct chat *chat, struct topic *topic, struct conv_id conv,
                   enum chat_push_kind kind, uint32_t head, Kefu__V1__ServerFrame *frame)
{
    struct chat_push push = { kind, conv, head, frame, { { 0 } }, chat };

    return deliver(chat, topic, &push, false, NULL);
}

/* A reader that is owed a resync is told after the event, with a head that includes it. */
static void push_event_to(struct chat *chat, struct topic *topic, struct conv *conv,
                          Kefu__V1__Event *event, bool visitor)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_EVENT;
    frame.event = event;
    push_frame(chat, topic, conv, CHAT_PUSH_EVENT, event->seq, &frame, NULL);
    deliver_owed(chat, topic, conv, visitor);
    chat->owed = chat->owed || topic->owed;
}

void push_event(struct chat *chat, struct conv *conv, const Kefu__V1__StoredEvent *stored)
{
    struct topic *watchers = conv_watchers(chat, conv);
    Kefu__V1__Event event = *stored->event;
    char client_id[33];

    if (stored->client_id.len == 16) {
        client_id_format(stored->client_id.data, client_id);
        event.client_id = client_id;
    }
    if (event.visibility == KEFU__V1__EVENT__VISIBILITY__public && conv->visitor->subs.count > 0)
        push_event_to(chat, &conv->visitor->subs, conv, &event, true);
    if (watchers == NULL)
        return;
    event.prev_seq = event.seq - 1;
    push_event_to(chat, watchers, conv, &event, false);
}

void push_typing(struct chat *chat, struct conv *conv, const struct chat_action *action, bool draft)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__TypingPush typing = KEFU__V1__TYPING_PUSH__INIT;
    Kefu__V1__Author author = KEFU__V1__AUTHOR__INIT;
    struct arena *arena = &chat->scratch;

    arena_reset(arena);
    author.kind = (Kefu__V1__Author__Kind)action->actor.kind;
    author.id = action->actor.id;
    author.name = arena_strdup(arena, action->actor.name);
    typing.conversation_id = conv->id.v;
    typing.author = &author;
    typing.active = action->active;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_TYPING;
    frame.typing = &typing;
    if (author.name == NULL)
        return;
    /* The draft is for agents' eyes; the visitor's other tabs see only that it types. */
    push_frame(chat, &conv->visitor->subs, conv, CHAT_PUSH_TYPING, 0, &frame, &action->from);
    if (draft)
        typing.draft = arena_strdup(arena, action->text);
    if (typing.draft != NULL)
        push_frame(chat, conv_watchers(chat, conv), conv, CHAT_PUSH_TYPING, 0, &frame,
                   &action->from);
}

void push_read(struct chat *chat, struct conv *conv, enum actor_kind reader, uint32_t seq)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__ReadPush read = KEFU__V1__READ_PUSH__INIT;

    read.conversation_id = conv->id.v;
    read.reader = (Kefu__V1__Author__Kind)reader;
    read.seq = seq;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_READ;
    frame.read = &read;
    push_frame(chat, &conv->visitor->subs, conv, CHAT_PUSH_READ, 0, &frame, NULL);
    push_frame(chat, conv_watchers(chat, conv), conv, CHAT_PUSH_READ, 0, &frame, NULL);
}

void push_queue(struct chat *chat, struct conv *conv, const Kefu__V1__QueuePush *queue)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__QueuePush copy = *queue;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_QUEUE;
    frame.queue = &copy;
    push_frame(chat, &conv->visitor->subs, conv, CHAT_PUSH_QUEUE, 0, &frame, NULL);
}

bool conv_owes(struct chat *chat, const struct conv *conv)
{
    const struct topic *watchers = conv_watchers(chat, conv);

    return chat->owed && conv->loaded &&
           (conv->visitor->subs.owed || (watchers != NULL && watchers->owed));
}

bool conv_heard(struct chat *chat, const struct conv *conv)
{
    return conv_watchers(chat, conv) != NULL ||
           (conv->visitor != NULL && conv->visitor->subs.count > 0);
}

static void owe_all(struct chat *chat, struct topic *topic)
{
    for (uint32_t i = 0; i < topic->count; i++)
        topic_subs(topic)[i].owed = true;
    topic->owed = topic->count > 0;
    chat->owed = chat->owed || topic->owed;
}

void push_resync(struct chat *chat, struct conv *conv)
{
    struct topic *watchers = conv_watchers(chat, conv);

    conv->resync = false;
    owe_all(chat, &conv->visitor->subs);
    deliver_owed(chat, &conv->visitor->subs, conv, true);
    if (watchers == NULL)
        return;
    owe_all(chat, watchers);
    deliver_owed(chat, watchers, conv, false);
}

/* Called at each tick: without a later event nobody else would tell. What is owed keeps its
 * conversation live (conv_owes), so walking the live ones finds all. */
void push_owed(struct chat *chat)
{
    bool owed = false;

    if (!chat->owed)
        return;
    for (struct conv *conv = chat->newest; conv != NULL; conv = conv->older) {
        struct topic *watchers = conv_watchers(chat, conv);

        if (!conv->loaded)
            continue;
        deliver_owed(chat, &conv->visitor->subs, conv, true);
        if (watchers != NULL)
            deliver_owed(chat, watchers, conv, false);
        owed = owed || conv_owes(chat, conv);
    }
    chat->owed = owed;
}
