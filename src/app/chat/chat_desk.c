/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the desk and comes from it, and deadlines. A report is where the conversation
 * stands, not what happened, so one that found no room is simply made again later. Deadlines are
 * durable in the header; the heap holds one entry per conversation, which may be early: whoever
 * takes it looks at the header. */
#include "chat_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

enum { DUES_PER_TICK = 4096, OPEN_PER_TICK = 4096 }; /* bound a tick */

static void report_send(struct chat *chat, struct conv *conv, const struct chat_desk_report *report)
{
    if (chat->options.ops.desk_report(chat->options.ops.ctx, report))
        conv->desk_owed = false;
    else
        conv->desk_owed = chat->desk_owed = true;
}

/* Only what is stored is reported: nothing of conv may be in flight. */
static struct chat_desk_report report_of(const struct conv *conv)
{
    const struct conv_head *head = &conv->head;

    return (struct chat_desk_report){
        .workspace = conv->workspace,
        .site = conv->site,
        .conv = conv->id,
        .visitor = conv->visitor_id,
        .head_seq = head->head_seq,
        .state = head->life.state,
        .agent = head->life.agent,
        .queued_at = head->life.queued_at,
        .answered = head->answered,
        .routing = slice_make(conv->routing, conv->routing_len),
    };
}

static struct chat_desk_report report_of_header(const Kefu__V1__Header *header)
{
    return (struct chat_desk_report){
        .workspace = { header->workspace_id },
        .site = { header->site_id },
        .conv = { header->id },
        .visitor = { header->visitor_id },
        .head_seq = header->head_seq,
        .state = (uint32_t)header->state,
        .agent = { header->agent_id },
        .queued_at = header->state == KEFU__V1__CONVERSATION_STATE__queued ? header->queued_at : 0,
        .answered = header->answered,
    };
}

/* Where the conversation stood after this turn; later ones may be in flight. */
void desk_tell_turn(struct chat *chat, const struct turn *turn)
{
    struct chat_desk_report report = report_of_header(&turn->header);

    report.reservation = turn->reservation;
    report.declined = turn->declined;
    report.wrote_visitor = turn->wrote_visitor;
    report.wrote_agent = turn->wrote_agent;
    report.routing = turn->routing;
    report_send(chat, turn->conv, &report);
}

static bool conv_reportable(const struct conv *conv)
{
    return conv->loaded && !conv->stale && conv->in_flight == 0;
}

void desk_tell(struct chat *chat, struct conv *conv)
{
    struct chat_desk_report report;

    if (!conv_reportable(conv)) {
        conv->desk_owed = chat->desk_owed = true;
        return;
    }
    report = report_of(conv);
    report_send(chat, conv, &report);
}

/* Lost when there is no room: then the reservation dies of age. */
void desk_refuse(struct chat *chat, const struct chat_action *action, const struct err *err)
{
    struct conv *conv = conv_find(chat, action->conv);
    struct chat_desk_report report = { .workspace = action->workspace, .conv = action->conv };

    if (conv != NULL && conv_reportable(conv))
        report = report_of(conv);
    else if (err->code == ERR_NOT_FOUND)
        report.state = CONV_CLOSED;
    report.reservation = action->reservation;
    report.refused = true;
    (void)chat->options.ops.desk_report(chat->options.ops.ctx, &report);
}

void desk_answer(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    if (action->kind == CHAT_DESK_REQUEUE)
        desk_tell(chat, conv);
}

void desk_tell_owed(struct chat *chat)
{
    if (!chat->desk_owed)
        return;
    chat->desk_owed = false;
    for (struct conv *conv = chat->newest; conv != NULL; conv = conv->older) {
        if (conv->desk_owed)
            desk_tell(chat, conv); /* a reservation's answer among them is seen from the state */
    }
}

void chat_desk_assign(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                      struct agent_id agent, uint64_t reservation)
{
    struct chat_action action = {
        .kind = CHAT_DESK_ASSIGN,
        .workspace = workspace,
        .conv = conv,
        .actor = { .kind = ACTOR_SYSTEM },
        .agent = agent,
        .reservation = reservation,
    };

    chat_submit(chat, &action);
}

void chat_desk_requeue(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                       struct agent_id agent)
{
    struct chat_action action = {
        .kind = CHAT_DESK_REQUEUE,
        .workspace = workspace,
        .conv = conv,
        .actor = { .kind = ACTOR_SYSTEM },
        .agent = agent,
    };

    chat_submit(chat, &action);
}

void chat_desk_offer(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                     struct agent_id agent, int64_t until_ms)
{
    struct chat_action action = {
        .kind = CHAT_DESK_OFFER,
        .workspace = workspace,
        .conv = conv,
        .actor = { .kind = ACTOR_SYSTEM },
        .agent = agent,
        .until_ms = until_ms,
    };

    chat_submit(chat, &action);
}

void chat_desk_place(struct chat *chat, struct conv_id id, const struct chat_place *place)
{
    static char *const names[] = { "bot", "ticket", "callback", "promise" }; /* bits, from 1 */
    struct conv *conv = conv_find(chat, id);
    Kefu__V1__QueuePush queue = KEFU__V1__QUEUE_PUSH__INIT;
    Google__Protobuf__Timestamp opens_at;
    char *alternatives[LENGTH_OF(names)];

    if (conv == NULL || !conv->loaded || conv->head.life.state != CONV_QUEUED)
        return;
    queue.conversation_id = id.v;
    queue.position = place->position;
    queue.estimated_wait_ms = place->estimated_wait_ms;
    queue.agents_online = place->agents_online;
    queue.closed = place->closed;
    queue.alternatives = alternatives;
    for (unsigned i = 0; i < LENGTH_OF(names); i++) {
        if ((place->alternatives >> i & 1) != 0)
            alternatives[queue.n_alternatives++] = names[i];
    }
    if (place->opens_at != 0) {
        schema_timestamp_set(&opens_at, place->opens_at);
        queue.opens_at = &opens_at;
    }
    push_queue(chat, conv, &queue);
}

/* ---- start-up -------------------------------------------------------------------------------- */

/* Page after page: a page is asked for, told, and then the next one. */
static void open_ask(struct chat *chat)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_OPEN);

    query->after_conv = chat->open_after;
    chat->open_out = chat_ask(chat, &query, NULL); /* no room: at the next tick */
}

void chat_start(struct chat *chat)
{
    chat->starting = true;
    open_ask(chat);
}

bool chat_started(const struct chat *chat)
{
    return chat->started;
}

void desk_open_done(struct chat *chat, struct chat_query **query)
{
    chat->open_out = false;
    if ((*query)->rc != ERR_OK) {
        LOG_WARN("chat_open_not_read", KV_TEXT("error", err_code_name((*query)->rc)));
        return; /* the next tick asks again */
    }
    chat->open = *query;
    chat->open_next = 0;
    *query = NULL;
    desk_open_tell(chat);
}

static struct slice routing_bytes(struct chat *chat, const Kefu__V1__Routing *routing)
{
    size_t len = protobuf_c_message_get_packed_size(&routing->base);
    uint8_t *bytes = arena_alloc(&chat->scratch, len + 1);

    if (bytes == NULL)
        return SLICE_EMPTY;
    return slice_make((const char *)bytes, protobuf_c_message_pack(&routing->base, bytes));
}

static bool open_tell(struct chat *chat, const Kefu__V1__Header *header)
{
    struct chat_desk_report report = report_of_header(header);
    struct conv *live = conv_find(chat, report.conv);

    if (id_shard(header->id, chat->options.shards) != chat->options.shard)
        return true;
    if ((report.state == CONV_BOT && flow_header_pending(header)) || header->remember.len > 0)
        chat_submit(chat, &(struct chat_action){ .kind = CHAT_FLOW_RESUME,
                                                 .conv = report.conv,
                                                 .actor = { .kind = ACTOR_SYSTEM } });
    if (live != NULL && live->loaded) {
        desk_tell(chat, live);
        return true;
    }
    if (report.state != CONV_QUEUED && report.state != CONV_AGENT)
        return true;
    arena_reset(&chat->scratch);
    if (header->routing != NULL)
        report.routing = routing_bytes(chat, header->routing);
    return chat->options.ops.desk_report(chat->options.ops.ctx, &report);
}

void desk_open_tell(struct chat *chat)
{
    unsigned budget = OPEN_PER_TICK;
    bool more;

    if (!chat->starting || chat->started || chat->open_out)
        return;
    if (chat->open == NULL) {
        open_ask(chat);
        return;
    }
    while (chat->open_next < chat->open->header_count && budget-- > 0) {
        if (!open_tell(chat, chat->open->headers[chat->open_next]))
            return;
        chat->open_after = chat->open->headers[chat->open_next++]->id;
    }
    if (chat->open_next < chat->open->header_count)
        return;
    more = chat->open->more;
    chat_query_destroy(&chat->open);
    if (more)
        open_ask(chat);
    else
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

/* A far deadline is found by the load before it comes; whoever takes an early entry looks again. */
void due_note(struct chat *chat, struct conv *conv)
{
    int64_t at = conv->head.due_at;

    if (at == 0 || at > chat_now(chat) + DUE_AHEAD_MS ||
        (conv->due_entry != 0 && conv->due_entry <= at))
        return;
    conv->due_entry = at;
    due_add(chat, conv->id, at);
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
        if (conv->head.due_at > chat_now(chat))
            due_note(chat, conv);
        if (conv->head.due_at == 0 || conv->head.due_at > chat_now(chat))
            return;
    }
    chat_submit(chat, &action); /* refused: the next load finds it again */
}

static void due_ask(struct chat *chat, int64_t after_due, uint64_t after_conv)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_DUE);

    query->due_before = chat->due_load_at - DUE_LOAD_MS + DUE_AHEAD_MS;
    query->after_due = after_due;
    query->after_conv = after_conv;
    chat->due_blocked = chat_ask(chat, &query, NULL);
}

void due_loaded(struct chat *chat, struct chat_query *query)
{
    chat->due_blocked = false;
    for (unsigned i = 0; i < query->header_count; i++) {
        const Kefu__V1__Header *header = query->headers[i];
        struct conv *live = conv_find(chat, (struct conv_id){ header->id });

        if (id_shard(header->id, chat->options.shards) != chat->options.shard)
            continue;
        if (live == NULL)
            due_add(chat, (struct conv_id){ header->id }, header->due_at);
        else if (live->loaded)
            due_note(chat, live);
    }
    if (query->more && query->header_count > 0) {
        const Kefu__V1__Header *last = query->headers[query->header_count - 1];

        due_ask(chat, last->due_at, last->id);
    }
}

void due_run(struct chat *chat)
{
    unsigned budget = DUES_PER_TICK;

    if (!chat->due_blocked && chat_now(chat) >= chat->due_load_at) {
        chat->due_load_at = chat_now(chat) + DUE_LOAD_MS;
        due_ask(chat, 0, 0);
    }
    while (chat->due_count > 0 && chat->dues[0].at <= chat_now(chat) && budget-- > 0)
        due_pass(chat, due_take(chat));
}
