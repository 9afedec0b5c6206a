/* SPDX-License-Identifier: Apache-2.0 */
#include "chat_drive.h"

#include <stdlib.h>

#include "limit.h"
#include "mem.h"
#include "schema.h"
#include "store_memory.h"

#define DRIVE_START_MS INT64_C(1760000000000) /* some day in October 2025 */

/* ---- the store --------------------------------------------------------------------------------
 */

/* On the store's thread, while ours waits in drive_flush. */
static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    struct drive *drive = ctx;

    (void)shard;
    ENSURE(drive->completion_count + n <= DRIVE_PENDING_MAX);
    memcpy(&drive->completions[drive->completion_count], completions, n * sizeof(*completions));
    drive->completion_count += (unsigned)n;
}

static unsigned store_room(void *ctx)
{
    struct drive *drive = ctx;
    size_t room = store_append_room(drive->store, 0);

    if (drive->room != 0)
        return drive->room;
    return room < DRIVE_PENDING_MAX / 2 ? (unsigned)room : DRIVE_PENDING_MAX / 2;
}

/* Completions that fail stand in the same order as the others, so those must have come first. */
static void append_failing(struct drive *drive, const struct store_turn *turns, size_t count)
{
    struct err err;

    /* Once a turn is missing nothing behind it can be stored. */
    drive->failing_stored = drive->complete_stored && (!drive->failing || drive->failing_stored);
    if (!drive->failing)
        drive->failing_rc = drive->complete_rc;
    drive->failing = true;
    if (drive->failing_stored) {
        ENSURE(store_append(drive->store, 0, turns, count, &err) == ERR_OK);
        ENSURE(store_settle_wait(drive->store, 10000, false, &err) == ERR_OK);
        for (unsigned i = drive->completion_count - (unsigned)count; i < drive->completion_count;
             i++)
            drive->completions[i].rc = drive->failing_rc;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        drive->completions[drive->completion_count++] =
            (struct store_completion){ turns[i].ticket, 0, drive->failing_rc };
    }
}

static enum err_code store_take(void *ctx, const struct store_turn *turns, size_t count,
                                struct err *err)
{
    struct drive *drive = ctx;
    enum err_code rc;

    if (drive->append_rc != ERR_OK) {
        err_set(err, drive->append_rc, "as the test wants it");
        err->retry_after_ms = 100;
        return drive->append_rc;
    }
    drive->appended += (unsigned)count;
    drive->appends++;
    if (drive->options.no_store) {
        for (size_t i = 0; i < count; i++) {
            drive->turn_bytes += turns[i].bytes.len;
            drive->completions[drive->completion_count++] =
                (struct store_completion){ turns[i].ticket, ++drive->settled_upto, ERR_OK };
        }
        return ERR_OK;
    }
    if (drive->complete_rc != ERR_OK || drive->failing) {
        append_failing(drive, turns, count);
        return ERR_OK;
    }
    rc = store_append(drive->store, 0, turns, count, err);
    if (rc == ERR_OK)
        rc = store_settle_wait(drive->store, 10000, false, err);
    return rc;
}

static bool store_query(void *ctx, struct chat_query **query)
{
    struct drive *drive = ctx;

    if (drive->query_full || drive->query_count == DRIVE_PENDING_MAX)
        return false;
    drive->queries[drive->query_count++] = *query;
    *query = NULL;
    return true;
}

static uint64_t settled(void *ctx)
{
    struct drive *drive = ctx;

    if (drive->options.no_store)
        return drive->settled_upto + 1;
    return drive->options.settle_held ? drive->settled_upto : store_settled_upto(drive->store);
}

static void resume(void *ctx)
{
    struct drive *drive = ctx;

    drive->failing = false;
    drive->resumes++;
    store_shard_resume(drive->store, 0);
}

/* ---- what chat says ---------------------------------------------------------------------------
 */

static void text_keep(char *out, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    len = len < size ? len : size - 1;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

static void event_keep(struct drive_event *out, const Kefu__V1__Event *event)
{
    *out = (struct drive_event){
        .seq = event->seq,
        .prev_seq = event->prev_seq,
        .kind = event->kind,
        .target_seq = event->target_seq,
        .rating = event->rating,
        .author_kind = event->author != NULL ? event->author->kind : 0,
        .author_id = event->author != NULL ? event->author->id : 0,
        .agent_id = event->agent_id,
        .internal = event->visibility == KEFU__V1__EVENT__VISIBILITY__internal,
        .quick_replies = (unsigned)event->n_quick_replies,
        .attributes = (unsigned)event->n_attributes,
        .options = event->ask != NULL ? (unsigned)event->ask->n_options : 0,
        .multiple = event->ask != NULL && event->ask->multiple,
    };
    text_keep(out->text, sizeof(out->text), event->text);
    text_keep(out->reason, sizeof(out->reason), event->reason);
    text_keep(out->rung, sizeof(out->rung), event->rung);
    text_keep(out->slot, sizeof(out->slot), event->ask != NULL ? event->ask->slot : "");
    text_keep(out->ui, sizeof(out->ui), event->ask != NULL ? event->ask->ui : "");
    text_keep(out->client_id, sizeof(out->client_id), event->client_id);
}

static void history_keep(struct drive *drive, const Kefu__V1__History *history)
{
    drive->event_count = 0;
    for (size_t i = 0; i < history->n_events && i < DRIVE_EVENTS_MAX; i++)
        event_keep(&drive->events[drive->event_count++], history->events[i]);
}

/* What the gateway makes of it. */
static void ack_encode(struct drive *drive, const struct chat_reply *reply)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Ack ack = KEFU__V1__ACK__INIT;
    Google__Protobuf__Timestamp at;

    schema_timestamp_set(&at, reply->created_at);
    ack.conversation_id = reply->conv.v;
    ack.seq = reply->seq;
    ack.created_at = &at;
    frame.id = (uint32_t)reply->cookie;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_ACK;
    frame.ack = &ack;
    buf_clear(&drive->out);
    if (reply->to.format == CHAT_FORMAT_JSON)
        schema_json_encode(&frame.base, &drive->out);
    else
        schema_proto_encode(&frame.base, &drive->out);
}

static void on_reply(void *ctx, const struct chat_reply *reply)
{
    struct drive *drive = ctx;
    struct drive_reply *kept;

    if (drive->options.encode && reply->kind == CHAT_REPLY_ACK)
        ack_encode(drive, reply);
    drive->acks += reply->kind == CHAT_REPLY_ACK;
    if (drive->options.quiet)
        return;
    kept = &drive->replies[drive->reply_count++ % DRIVE_LOG_MAX];
    *kept = (struct drive_reply){
        .kind = reply->kind,
        .session = reply->to.session,
        .cookie = reply->cookie,
        .conv = reply->conv,
        .seq = reply->seq,
        .created_at = reply->created_at,
    };
    if (reply->err != NULL)
        kept->err = *reply->err;
    if (reply->flow != NULL)
        kept->flow_version = reply->flow->version;
    if (reply->kind == CHAT_REPLY_HEADS) {
        kept->count = drive->head_count = reply->head_count;
        for (unsigned i = 0; i < reply->head_count; i++) {
            drive->heads[i] = (struct drive_head){ reply->heads[i]->id, reply->heads[i]->head_seq };
        }
        if (reply->head_count > 0) {
            kept->conv.v = reply->heads[0]->id;
            kept->seq = reply->heads[0]->head_seq;
            kept->head_state = reply->heads[0]->state;
        }
    }
    if (reply->kind == CHAT_REPLY_HISTORY) {
        kept->count = (unsigned)reply->history->n_events;
        kept->more = reply->history->more;
        kept->head_seq = reply->history->head_seq;
        history_keep(drive, reply->history);
    }
    if (reply->kind == CHAT_REPLY_CONVERSATION)
        kept->head_state = reply->conversation->state;
}

static void push_keep(struct drive *drive, uint64_t session, const struct chat_push *push)
{
    const Kefu__V1__ServerFrame *frame = push->frame;
    struct drive_push *kept = &drive->pushes[drive->push_count++ % DRIVE_LOG_MAX];

    *kept = (struct drive_push){
        .kind = push->kind,
        .session = session,
        .conv = push->conv,
        .head_seq = push->head_seq,
    };
    if (push->kind == CHAT_PUSH_EVENT)
        event_keep(&kept->event, frame->event);
    if (push->kind == CHAT_PUSH_QUEUE)
        kept->position = frame->queue->position;
    if (push->kind == CHAT_PUSH_READ)
        kept->read_seq = frame->read->seq;
    if (push->kind == CHAT_PUSH_CONVERSATION)
        kept->state = frame->conversation->conversation->state;
    if (push->kind == CHAT_PUSH_TYPING) {
        kept->active = frame->typing->active;
        text_keep(kept->draft, sizeof(kept->draft), frame->typing->draft);
    }
}

static bool refuses(const struct drive *drive, uint64_t session)
{
    for (unsigned i = 0; i < drive->refusing_count; i++) {
        if (drive->refusing[i] == session)
            return true;
    }
    return false;
}

static void on_deliver(void *ctx, uint16_t shard, struct chat_receiver *receivers, unsigned count,
                       struct chat_push *push)
{
    struct drive *drive = ctx;

    (void)shard;
    for (unsigned i = 0; i < count; i++) {
        struct slice bytes = SLICE_EMPTY;

        receivers[i].refused = refuses(drive, receivers[i].session.session);
        if (receivers[i].refused)
            continue;
        if (drive->options.encode)
            bytes = chat_push_bytes(push, (enum chat_format)receivers[i].session.format);
        drive->push_bytes += bytes.len;
        if (!drive->options.quiet)
            push_keep(drive, receivers[i].session.session, push);
    }
}

static bool on_desk_report(void *ctx, const struct chat_desk_report *report)
{
    struct drive *drive = ctx;

    if (drive->desk_full)
        return false;
    drive->reports[drive->report_count % DRIVE_LOG_MAX] = *report;
    if (report->routing.len > 0 && report->routing.len <= DRIVE_ROUTING_MAX) {
        char *copy = drive->routings[drive->report_count % DRIVE_LOG_MAX];

        memcpy(copy, report->routing.ptr, report->routing.len);
        drive->reports[drive->report_count % DRIVE_LOG_MAX].routing.ptr = copy;
    }
    drive->report_count++;
    return true;
}

/* ---- what chat asks ---------------------------------------------------------------------------
 */

static bool on_site(void *ctx, struct workspace_id workspace, struct site_id site,
                    struct chat_site *out)
{
    struct drive *drive = ctx;

    *out = drive->site;
    return workspace.v == DRIVE_WORKSPACE && site.v == DRIVE_SITE;
}

static bool on_agent_name(void *ctx, struct workspace_id workspace, struct agent_id agent,
                          struct slice *name)
{
    static const char *const names[] = { "", "Ann", "Bo", "Cy", "Di" };
    struct drive *drive = ctx;

    if (workspace.v != DRIVE_WORKSPACE || drive->no_agents || agent.v == 0 ||
        agent.v >= LENGTH_OF(names))
        return false;
    *name = slice_of(names[agent.v]);
    return true;
}

static bool on_answer(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                      struct arena *arena, struct bot_reply *out)
{
    struct drive *drive = ctx;

    (void)workspace;
    return !drive->bot_missing && bot_answer(drive->bot, drive->scratch, question, &drive->clock,
                                             arena, out, NULL) == ERR_OK;
}

static bool on_guard(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                     struct arena *arena, struct bot_guard *out)
{
    struct drive *drive = ctx;

    (void)workspace;
    return bot_guard(drive->bot, drive->scratch, question, &drive->clock, arena, out, NULL) ==
           ERR_OK;
}

static bool on_read(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                    struct arena *arena, struct bot_reading *out)
{
    struct drive *drive = ctx;

    (void)workspace;
    return bot_read(drive->bot, drive->scratch, question, &drive->clock, arena, out, NULL) ==
           ERR_OK;
}

static const struct flow_set *on_flows(void *ctx, struct workspace_id workspace)
{
    const struct drive *drive = ctx;

    (void)workspace;
    return drive->options.flows;
}

static void slice_keep(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static bool on_act(void *ctx, const struct chat_act *act)
{
    struct drive *drive = ctx;
    struct drive_act *kept = &drive->acts[drive->act_count++ % DRIVE_LOG_MAX];

    kept->conv = act->conv.v;
    kept->seq = act->seq;
    kept->delay_ms = act->delay_ms;
    slice_keep(kept->name, sizeof(kept->name), act->name);
    slice_keep(kept->input, sizeof(kept->input), act->input);
    slice_keep(kept->key, sizeof(kept->key), act->key);
    return !drive->act_refused;
}

static bool on_late(void *ctx)
{
    const struct drive *drive = ctx;

    return drive->options.late;
}

static void on_want_flush(void *ctx)
{
    struct drive *drive = ctx;

    drive->flush_wanted = true;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void bot_make(struct drive *drive)
{
    static const struct bot_faq faq[] = {
        { .id = 11,
          .locale = { "en", 2 },
          .question = { "How do I return an item?", 24 },
          .answer = { "Within 7 days.", 14 } },
        { .id = 12,
          .locale = { "en", 2 },
          .question = { "When will my refund arrive?", 27 },
          .answer = { "In three days.", 14 } },
        { .id = 13,
          .locale = { "zh-CN", 5 },
          .question = { "怎么申请退货？", 21 },
          .answer = { "七天内可以退货。", 24 } },
        { .id = 14,
          .locale = { "zh-CN", 5 },
          .question = { "退款多久到账？", 21 },
          .answer = { "三个工作日。", 18 } },
        { .id = 15,
          .locale = { "zh-CN", 5 },
          .question = { "可以开发票吗？", 21 },
          .answer = { "可以。", 9 } },
    };
    const struct bot_source shop = { .faq = faq, .faq_count = LENGTH_OF(faq) };
    struct bot_source source = drive->options.bot != NULL ? *drive->options.bot : shop;

    source.flows = drive->options.flows;

    drive->scratch = bot_scratch_create();
    ENSURE(bot_create(&source, &drive->bot, NULL) == ERR_OK);
}

static void chat_make(struct drive *drive)
{
    const struct chat_options options = {
        .shards = 1,
        .id_mark_ms = drive->id_mark_ms,
        .clock = &drive->clock,
        .ops = { .reply = on_reply,
                 .deliver = on_deliver,
                 .desk_report = on_desk_report,
                 .site = on_site,
                 .agent_name = on_agent_name,
                 .answer = on_answer,
                 .guard = on_guard,
                 .route = drive->options.route,
                 .read = on_read,
                 .flows = on_flows,
                 .act = on_act,
                 .late = on_late,
                 .want_flush = on_want_flush,
                 .ctx = drive },
        .store = { .room = store_room,
                   .append = store_take,
                   .query = store_query,
                   .settled_upto = settled,
                   .resume = resume,
                   .ctx = drive },
        .limits = drive->options.limits,
    };

    drive->chat = chat_create(&options);
}

struct drive *drive_create(const struct drive_options *options)
{
    struct drive *drive = mem_zalloc(sizeof(*drive));
    struct store_options store = {
        .backend = &store_memory_backend,
        .shards = 1,
        .on_complete = on_complete,
        .ctx = drive,
    };

    if (options != NULL)
        drive->options = *options;
    drive->time.wall_ms = DRIVE_START_MS;
    drive->clock = clock_virtual_clock(&drive->time);
    drive->site = (struct chat_site){ .workspace = { DRIVE_WORKSPACE },
                                      .draft_preview = true,
                                      .bot_enabled = true,
                                      .idle_close_ms = drive->options.idle_close_ms };
    ENSURE(store_open(&store, &drive->store, NULL) == ERR_OK);
    buf_init(&drive->out, LIMIT_FRAME_BYTES_MAX);
    bot_make(drive);
    chat_make(drive);
    return drive;
}

static void queries_drop(struct drive *drive)
{
    for (unsigned i = 0; i < drive->query_count; i++)
        chat_query_destroy(&drive->queries[i]);
    drive->query_count = 0;
    drive->completion_count = 0;
    drive->flush_wanted = false;
}

void drive_destroy(struct drive **drive)
{
    if (*drive == NULL)
        return;
    queries_drop(*drive);
    chat_destroy(&(*drive)->chat);
    store_close(&(*drive)->store);
    bot_destroy(&(*drive)->bot);
    bot_scratch_destroy(&(*drive)->scratch);
    buf_fini(&(*drive)->out);
    free(*drive);
    *drive = NULL;
}

void drive_restart(struct drive *drive)
{
    queries_drop(drive);
    drive->id_mark_ms = id_gen_used_ms(chat_id_gen(drive->chat));
    chat_destroy(&drive->chat);
    drive->failing = false;
    chat_make(drive);
}

void drive_clear(struct drive *drive)
{
    drive->reply_count = drive->push_count = drive->report_count = 0;
    drive->event_count = drive->act_count = 0;
}

/* ---- doing ------------------------------------------------------------------------------------
 */

struct chat_action drive_visitor_action(struct drive *drive, enum chat_action_kind kind,
                                        struct visitor_id visitor, uint64_t session)
{
    return (struct chat_action){
        .kind = kind,
        .workspace = { DRIVE_WORKSPACE },
        .site = { DRIVE_SITE },
        .visitor = visitor,
        .actor = { .kind = ACTOR_VISITOR,
                   .id = visitor.v,
                   .permissions = role_permissions(ROLE_VISITOR) },
        .from = { .session = session },
        .cookie = ++drive->cookie,
    };
}

struct chat_action drive_agent_action(struct drive *drive, enum chat_action_kind kind,
                                      uint64_t agent, enum role role, uint64_t session)
{
    struct slice name = SLICE_EMPTY;
    struct chat_action action = {
        .kind = kind,
        .workspace = { DRIVE_WORKSPACE },
        .actor = { .kind = ACTOR_AGENT, .id = agent, .permissions = role_permissions(role) },
        .from = { .session = session },
        .cookie = ++drive->cookie,
    };

    if (on_agent_name(drive, action.workspace, (struct agent_id){ agent }, &name))
        action.actor.name = name;
    return action;
}

void drive_client_id(struct drive *drive, struct chat_action *action)
{
    uint64_t count = ++drive->client_ids;

    action->has_client_id = true;
    for (unsigned i = 0; i < 8; i++)
        action->client_id[i] = (uint8_t)(count >> (56 - 8 * i));
    action->client_id[15] = (uint8_t)(count * 37);
}

void drive_submit(struct drive *drive, const struct chat_action *action)
{
    chat_submit(drive->chat, action);
}

void drive_flush(struct drive *drive)
{
    drive->flush_wanted = false;
    chat_flush(drive->chat);
}

void drive_complete(struct drive *drive)
{
    unsigned count = drive->completion_count;

    drive->completion_count = 0;
    if (count > 0)
        chat_completed(drive->chat, drive->completions, count);
}

void drive_answer(struct drive *drive)
{
    unsigned count = drive->query_count;
    struct chat_query *queries[64];

    while (count > 0) {
        unsigned now = count < 64 ? count : 64;

        memcpy(queries, drive->queries, now * sizeof(queries[0]));
        drive->query_count -= now;
        count -= now;
        memmove(drive->queries, drive->queries + now,
                drive->query_count * sizeof(drive->queries[0]));
        for (unsigned i = 0; i < now; i++) {
            chat_query_run(queries[i], drive->store);
            chat_query_done(drive->chat, &queries[i]);
        }
    }
}

void drive_run(struct drive *drive)
{
    while (drive->flush_wanted || drive->completion_count > 0 || drive->query_count > 0) {
        drive_flush(drive);
        drive_complete(drive);
        drive_answer(drive);
    }
}

void drive_advance(struct drive *drive, int64_t ms)
{
    for (; ms > 0; ms -= 1000) {
        clock_virtual_advance(&drive->time, ms < 1000 ? ms : 1000);
        chat_tick(drive->chat);
        drive_run(drive);
    }
}

struct visitor_id drive_visitor(struct drive *drive, uint64_t session)
{
    struct visitor_id visitor =
        chat_visitor_new(drive->chat, (struct workspace_id){ DRIVE_WORKSPACE });
    struct chat_action hello = drive_visitor_action(drive, CHAT_HELLO, visitor, session);

    hello.visitor_new = true;
    hello.locale = SLICE_LITERAL("en-GB");
    drive_submit(drive, &hello);
    drive_run(drive);
    return visitor;
}

const struct drive_reply *drive_reply_to(const struct drive *drive, uint64_t cookie)
{
    unsigned kept = drive->reply_count < DRIVE_LOG_MAX ? drive->reply_count : DRIVE_LOG_MAX;

    for (unsigned i = 0; i < kept; i++) {
        const struct drive_reply *reply =
            &drive->replies[(drive->reply_count - 1 - i) % DRIVE_LOG_MAX];

        if (reply->cookie == cookie)
            return reply;
    }
    return NULL;
}

const struct drive_reply *drive_do(struct drive *drive, const struct chat_action *action)
{
    drive_submit(drive, action);
    drive_run(drive);
    return drive_reply_to(drive, action->cookie);
}

struct conv_id drive_start(struct drive *drive, struct visitor_id visitor, uint64_t session,
                           const char *text)
{
    struct chat_action start = drive_visitor_action(drive, CHAT_START, visitor, session);
    const struct drive_reply *reply;

    drive_client_id(drive, &start);
    start.text = slice_of(text);
    reply = drive_do(drive, &start);
    ENSURE(drive->options.quiet || (reply != NULL && reply->kind == CHAT_REPLY_ACK));
    return reply != NULL ? reply->conv : (struct conv_id){ 0 };
}

const struct drive_reply *drive_send(struct drive *drive, struct visitor_id visitor,
                                     uint64_t session, struct conv_id conv, const char *text)
{
    struct chat_action send = drive_visitor_action(drive, CHAT_SEND, visitor, session);

    drive_client_id(drive, &send);
    send.conv = conv;
    send.text = slice_of(text);
    return drive_do(drive, &send);
}

void drive_act_done(struct drive *drive, const char *outcome, const char *json)
{
    const struct drive_act *act;

    ENSURE(drive->act_count > 0);
    act = &drive->acts[(drive->act_count - 1) % DRIVE_LOG_MAX];
    chat_act_done(drive->chat, (struct workspace_id){ DRIVE_WORKSPACE },
                  (struct conv_id){ act->conv }, act->seq,
                  &(struct chat_act_result){ .name = slice_of(outcome), .json = slice_of(json) });
    drive_run(drive);
}

void drive_history(struct drive *drive, struct conv_id conv)
{
    struct chat_action fetch = drive_agent_action(drive, CHAT_FETCH, 1, ROLE_SUPERVISOR, 999);

    fetch.conv = conv;
    fetch.from_seq = 1;
    fetch.limit = 200;
    drive->event_count = 0;
    (void)drive_do(drive, &fetch);
}

const struct chat_desk_report *drive_report(const struct drive *drive)
{
    return drive->report_count > 0 ? &drive->reports[(drive->report_count - 1) % DRIVE_LOG_MAX]
                                   : NULL;
}

const struct drive_push *drive_push_last(const struct drive *drive, enum chat_push_kind kind,
                                         uint64_t session)
{
    unsigned kept = drive->push_count < DRIVE_LOG_MAX ? drive->push_count : DRIVE_LOG_MAX;

    for (unsigned i = 0; i < kept; i++) {
        const struct drive_push *push = &drive->pushes[(drive->push_count - 1 - i) % DRIVE_LOG_MAX];

        if (push->kind == kind && push->session == session)
            return push;
    }
    return NULL;
}

unsigned drive_push_count(const struct drive *drive, enum chat_push_kind kind, uint64_t session)
{
    unsigned kept = drive->push_count < DRIVE_LOG_MAX ? drive->push_count : DRIVE_LOG_MAX;
    unsigned count = 0;

    for (unsigned i = 0; i < kept; i++)
        count += drive->pushes[i].kind == kind && drive->pushes[i].session == session;
    return count;
}

void drive_refuse(struct drive *drive, uint64_t session, bool on)
{
    for (unsigned i = 0; i < drive->refusing_count; i++) {
        if (drive->refusing[i] == session) {
            drive->refusing[i] = drive->refusing[--drive->refusing_count];
            break;
        }
    }
    if (on) {
        ENSURE(drive->refusing_count < DRIVE_SESSIONS_MAX);
        drive->refusing[drive->refusing_count++] = session;
    }
}
