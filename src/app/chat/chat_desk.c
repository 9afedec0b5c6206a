/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the desk and comes from it, and deadlines. A report is where the conversation
 * stands, not what happened, so one that found no room is simply made again later. Deadlines are
 * durable in the header; the heap holds one entry per conversation, which may be early: whoever
 * takes it looks at the header. */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"

enum { DUES_PER_TICK = 4096, OPEN_PER_TICK = 4096 }; /* bound a tick */

void desk_tell(struct chat *chat, struct conv *conv, uint64_t reservation, bool refused)
{
    const struct conv_head *head = &conv->head;
    struct chat_desk_report report = {
        .workspace = conv->workspace,
        .site = conv->site,
        .conv = conv->id,
        .visitor = conv->visitor_id,
        .head_seq = head->head_seq,
        .state = head->life.state,
        .agent = head->life.agent,
        .queued_at = head->life.queued_at,
        .reservation = reservation,
        .refused = refused,
    };

    if (chat->options.ops.desk_report(chat->options.ops.ctx, &report))
        conv->desk_owed = false;
    else
        conv->desk_owed = chat->desk_owed = true;
}

/* A reservation's answer may be lost here; the desk sees from the state how it went. */
void desk_tell_owed(struct chat *chat)
{
    if (!chat->desk_owed)
        return;
    chat->desk_owed = false;
    for (struct conv *conv = chat->newest; conv != NULL; conv = conv->older) {
        if (conv->desk_owed)
            desk_tell(chat, conv, 0, false);
    }
}

void chat_desk_assign(struct chat *chat, struct conv_id conv, struct agent_id agent,
                      uint64_t reservation)
{
    struct chat_action action = {
        .kind = CHAT_DESK_ASSIGN,
        .conv = conv,
        .actor = { .kind = ACTOR_SYSTEM },
        .agent = agent,
        .reservation = reservation,
    };

    chat_submit(chat, &action);
}

void chat_desk_requeue(struct chat *chat, struct conv_id conv, struct agent_id agent)
{
    struct chat_action action = {
        .kind = CHAT_DESK_REQUEUE,
        .conv = conv,
        .actor = { .kind = ACTOR_SYSTEM },
        .agent = agent,
    };

    chat_submit(chat, &action);
}

void chat_desk_position(struct chat *chat, struct conv_id id, uint32_t position,
                        uint32_t estimated_wait_ms, bool agents_online)
{
    struct conv *conv = conv_find(chat, id);
    Kefu__V1__QueuePush queue = KEFU__V1__QUEUE_PUSH__INIT;

    if (conv == NULL || !conv->loaded || conv->head.life.state != CONV_QUEUED)
        return;
    queue.conversation_id = id.v;
    queue.position = position;
    queue.estimated_wait_ms = estimated_wait_ms;
    queue.agents_online = agents_online;
    push_queue(chat, conv, &queue);
}

/* ---- start-up -------------------------------------------------------------------------------- */

void chat_start(struct chat *chat)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_OPEN);

    ENSURE(chat_ask(chat, &query, NULL)); /* at start the workers have room */
}

bool chat_started(const struct chat *chat)
{
    return chat->started;
}

void desk_open_done(struct chat *chat, struct chat_query **query)
{
    chat->open = *query;
    chat->open_next = 0;
    *query = NULL;
    desk_open_tell(chat);
}

static bool open_tell(struct chat *chat, const Kefu__V1__Header *header)
{
    struct chat_desk_report report = {
        .workspace = { header->workspace_id },
        .site = { header->site_id },
        .conv = { header->id },
        .visitor = { header->visitor_id },
        .head_seq = header->head_seq,
        .state = (uint32_t)header->state,
        .agent = { header->agent_id },
        .queued_at = header->queued_at,
    };
    struct conv *live = conv_find(chat, report.conv);

    if (id_shard(header->id, chat->options.shards) != chat->options.shard)
        return true;
    if (live != NULL && live->loaded) {
        desk_tell(chat, live, 0, false);
        return true;
    }
    if (report.state != CONV_QUEUED && report.state != CONV_AGENT)
        return true;
    return chat->options.ops.desk_report(chat->options.ops.ctx, &report);
}

void desk_open_tell(struct chat *chat)
{
    unsigned budget = OPEN_PER_TICK;

    if (chat->open == NULL)
        return;
    while (chat->open_next < chat->open->header_count && budget-- > 0) {
        if (!open_tell(chat, chat->open->headers[chat->open_next]))
            return;
        chat->open_next++;
    }
    if (chat->open_next < chat->open->header_count)
        return;
    chat_query_destroy(&chat->open);
    chat->started = true;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static void due_swap(struct due *a, struct due *b)
{
    struct due old = *a;

    *a = *b;
    *b = old;
}

void due_add(struct chat *chat, struct conv_id conv, int64_t at)
{
    uint32_t i;

    if (chat->due_count >= DUE_MAX)
        return; /* the next load from the store finds it again */
    if (chat->due_count == chat->due_cap) {
        chat->due_cap = chat->due_cap > 0 ? chat->due_cap * 2 : 64;
        chat->dues = mem_realloc(chat->dues, chat->due_cap * sizeof(chat->dues[0]));
    }
    i = chat->due_count++;
    chat->dues[i] = (struct due){ at, conv.v };
    while (i > 0 && chat->dues[(i - 1) / 2].at > chat->dues[i].at) {
        due_swap(&chat->dues[(i - 1) / 2], &chat->dues[i]);
        i = (i - 1) / 2;
    }
}

static struct due due_take(struct chat *chat)
{
    struct due first = chat->dues[0];
    uint32_t i = 0;

    chat->dues[0] = chat->dues[--chat->due_count];
    for (;;) {
        uint32_t least = i;

        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < chat->due_count; child++) {
            if (chat->dues[child].at < chat->dues[least].at)
                least = child;
        }
        if (least == i)
            return first;
        due_swap(&chat->dues[i], &chat->dues[least]);
        i = least;
    }
}

static void due_pass(struct chat *chat, struct due due)
{
    struct conv *conv = conv_find(chat, (struct conv_id){ due.conv });
    struct chat_action action = {
        .kind = CHAT_IDLE,
        .conv = { due.conv },
        .actor = { .kind = ACTOR_SYSTEM },
    };

    if (conv != NULL && conv->loaded) {
        if (conv->due_entry != due.at)
            return; /* an older entry of the same conversation */
        conv->due_entry = 0;
        if (conv->head.due_at > chat_now(chat)) {
            conv->due_entry = conv->head.due_at;
            due_add(chat, conv->id, conv->due_entry);
            return;
        }
        if (conv->head.due_at == 0)
            return;
    }
    chat_submit(chat, &action);
}

static void due_load(struct chat *chat)
{
    struct chat_query *query;

    if (chat->due_blocked || chat_now(chat) < chat->due_load_at)
        return;
    query = chat_query_make(CHAT_QUERY_DUE);
    query->due_before = chat_now(chat) + DUE_AHEAD_MS;
    chat->due_load_at = chat_now(chat) + DUE_LOAD_MS;
    chat->due_blocked = chat_ask(chat, &query, NULL);
}

void due_loaded(struct chat *chat, struct chat_query *query)
{
    chat->due_blocked = false;
    for (unsigned i = 0; i < query->header_count; i++) {
        struct conv_id id = { query->headers[i]->id };

        if (id_shard(id.v, chat->options.shards) == chat->options.shard &&
            conv_find(chat, id) == NULL)
            due_add(chat, id, query->headers[i]->due_at);
    }
}

void due_run(struct chat *chat)
{
    unsigned budget = DUES_PER_TICK;

    due_load(chat);
    while (chat->due_count > 0 && chat->dues[0].at <= chat_now(chat) && budget-- > 0)
        due_pass(chat, due_take(chat));
}
