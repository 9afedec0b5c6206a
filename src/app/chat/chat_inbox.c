/* SPDX-License-Identifier: Apache-2.0 */
/* Changed rows to those who have the inbox of a workspace open. A row per turn would drown them: a
 * bot alone answers tens of thousands of times a second, and a browser that shows every row of that
 * does nothing else. So rows are gathered in windows of CHAT_ROWS_MS:
 *
 * - What a person should act on (somebody waits, is offered, is whose) goes at once, up to
 *   INBOX_AT_ONCE_MAX rows of a window: an offer rings for seconds, not for windows.
 * - Everything else is noted by its conversation and sent at the end of the window, as it is then,
 *   once, however often it changed.
 * - What a window has no room for is left out, the bot's conversations first, and the readers are
 *   told by a resync without a conversation that their list has a gap: they list again. They are
 *   told when what was left out has settled, because lists are read from the tables, and at most
 *   every INBOX_RELIST_MS.
 *
 * The same rows go to all readers, so a row is encoded once a window, not once a turn. A reader
 * that cannot take even these has the gap alone; its gateway knows (gateway_push). */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"

/* The readers of one workspace's inbox. */
struct inbox {
    struct workspace_id workspace;
    struct topic topic;
    struct inbox *next_due;
    int64_t relist_at;        /* not before */
    uint64_t relist_position; /* 0: none to be told; else when all before it has settled */
    uint32_t row_count;
    uint32_t at_once; /* rows sent in the present window */
    bool due;         /* in chat->inbox_due: a window is open */
    bool gap;         /* rows were left out, after relist_position */
    struct conv_id rows[INBOX_WINDOW_ROWS_MAX];
};

/* ---- life ------------------------------------------------------------------------------------ */

static struct inbox *inbox_find(struct chat *chat, struct workspace_id workspace)
{
    return chat->inboxes.count > 0 ? map_u64_get(&chat->inboxes, workspace.v) : NULL;
}

static struct inbox *inbox_obtain(struct chat *chat, struct workspace_id workspace)
{
    struct inbox *inbox = inbox_find(chat, workspace);

    if (inbox != NULL)
        return inbox;
    inbox = mem_zalloc(sizeof(*inbox));
    inbox->workspace = workspace;
    if (map_u64_put(&chat->inboxes, workspace.v, inbox))
        return inbox;
    free(inbox);
    return NULL;
}

static void inbox_free(struct inbox *inbox)
{
    topic_fini(&inbox->topic);
    free(inbox);
}

static void rows_forget(struct chat *chat, struct inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->row_count; i++) {
        struct conv *conv = conv_find(chat, inbox->rows[i]);

        if (conv != NULL)
            conv->row_due = false;
    }
    inbox->row_count = 0;
}

static void inbox_release(struct chat *chat, struct inbox *inbox)
{
    struct inbox **at = &chat->inbox_due;

    if (inbox == NULL || inbox->topic.count > 0)
        return;
    rows_forget(chat, inbox);
    while (*at != NULL && *at != inbox)
        at = &(*at)->next_due;
    if (*at != NULL)
        *at = inbox->next_due;
    ENSURE(map_u64_take(&chat->inboxes, inbox->workspace.v) == inbox);
    inbox_free(inbox);
}

void inboxes_free(struct chat *chat)
{
    struct inbox *inbox;
    size_t cursor = 0;

    while ((inbox = map_u64_next(&chat->inboxes, &cursor, NULL)) != NULL)
        inbox_free(inbox);
    map_u64_fini(&chat->inboxes);
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct row_frame {
    Kefu__V1__ServerFrame frame;
    Kefu__V1__ConversationPush body;
    Kefu__V1__Conversation row;
};

static void row_frame_make(struct chat *chat, const struct conv *conv, struct row_frame *out)
{
    arena_reset(&chat->scratch);
    kefu__v1__server_frame__init(&out->frame);
    kefu__v1__conversation_push__init(&out->body);
    conv_row(conv, &chat->scratch, &out->row);
    out->body.conversation = &out->row;
    out->frame.body_case = KEFU__V1__SERVER_FRAME__BODY_CONVERSATION;
    out->frame.conversation = &out->body;
}

static void row_send(struct chat *chat, struct inbox *inbox, const struct conv *conv)
{
    struct row_frame row;

    row_frame_make(chat, conv, &row);
    if (!push_to_topic(chat, &inbox->topic, conv->id, CHAT_PUSH_CONVERSATION, conv->seen_seq,
                       &row.frame))
        inbox->gap = true;
}

static void window_open(struct chat *chat, struct inbox *inbox)
{
    if (inbox->due)
        return;
    inbox->due = true;
    inbox->next_due = chat->inbox_due;
    chat->inbox_due = inbox;
    if (chat->options.ops.want_rows != NULL)
        chat->options.ops.want_rows(chat->options.ops.ctx);
}

static void row_note(struct inbox *inbox, struct conv *conv, bool person)
{
    uint32_t room = person ? INBOX_WINDOW_ROWS_MAX : INBOX_WINDOW_BOTS_MAX;

    if (conv->row_due)
        return;
    if (inbox->row_count >= room) {
        inbox->gap = true;
        return;
    }
    conv->row_due = true;
    inbox->rows[inbox->row_count++] = conv->id;
}

void push_row(struct chat *chat, struct conv *conv, bool person)
{
    struct inbox *inbox = inbox_find(chat, conv->workspace);

    if (inbox == NULL)
        return;
    window_open(chat, inbox);
    if (!person || inbox->at_once >= INBOX_AT_ONCE_MAX) {
        row_note(inbox, conv, person);
        return;
    }
    inbox->at_once++;
    row_send(chat, inbox, conv);
}

/* Of a conversation that is no longer live nothing is known here, so its row is left out. */
static void rows_send(struct chat *chat, struct inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->row_count; i++) {
        struct conv *conv = conv_find(chat, inbox->rows[i]);

        if (conv == NULL || !conv->loaded || !conv->row_due) {
            inbox->gap = true;
            continue;
        }
        conv->row_due = false;
        row_send(chat, inbox, conv);
    }
    inbox->row_count = 0;
}

static void relist_send(struct chat *chat, struct inbox *inbox)
{
    const struct chat_store_ops *store = &chat->options.store;
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Resync resync = KEFU__V1__RESYNC__INIT;

    if (inbox->gap && inbox->relist_position == 0) {
        inbox->relist_position = chat->position + 1;
        inbox->gap = false;
    }
    if (inbox->relist_position == 0 || chat_now(chat) < inbox->relist_at ||
        store->settled_upto(store->ctx) < inbox->relist_position)
        return;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_RESYNC;
    frame.resync = &resync;
    inbox->relist_at = chat_now(chat) + INBOX_RELIST_MS;
    inbox->relist_position = 0;
    if (push_to_topic(chat, &inbox->topic, (struct conv_id){ 0 }, CHAT_PUSH_RELIST, 0, &frame))
        chat->stats.relists++;
    else
        inbox->gap = true;
}

void chat_rows(struct chat *chat)
{
    struct inbox *inbox = chat->inbox_due;

    chat_clock(chat);
    chat->inbox_due = NULL;
    while (inbox != NULL) {
        struct inbox *next = inbox->next_due;
        bool busy = inbox->row_count > 0 || inbox->at_once > 0;

        rows_send(chat, inbox);
        relist_send(chat, inbox);
        inbox->at_once = 0;
        inbox->due = false;
        if (busy || inbox->gap || inbox->relist_position != 0)
            window_open(chat, inbox);
        inbox = next;
    }
}

/* ---- readers --------------------------------------------------------------------------------- */

static bool push_row_to(struct chat *chat, const struct conv *conv, struct chat_session session)
{
    struct chat_receiver receiver = { .session = session };
    struct row_frame row;
    struct chat_push push = {
        CHAT_PUSH_CONVERSATION, conv->id, conv->seen_seq, &row.frame, { { 0 } }, chat
    };

    row_frame_make(chat, conv, &row);
    chat->options.ops.deliver(chat->options.ops.ctx, session.shard, &receiver, 1, &push);
    return !receiver.refused;
}

/* Whoever opens the inbox reads the list from the tables, and hears of changes from now on. What is
 * committed and not yet settled is in neither: a conversation that was given to an agent as it came
 * online would be missing. Unsettled ones were touched a moment ago, so the walk is short. False:
 * not all were sent. */
static bool push_unsettled_rows(struct chat *chat, struct chat_session session,
                                struct workspace_id workspace)
{
    unsigned walked = 0;
    unsigned sent = 0;
    struct conv *conv = chat->newest;

    for (; conv != NULL && walked < INBOX_WALK_MAX && sent < INBOX_ROWS_MAX; conv = conv->older) {
        walked++;
        if (conv->workspace.v != workspace.v || !conv->loaded || conv->seen_seq == 0)
            continue;
        conv_settle(chat, conv);
        if (conv->overlay_count == 0)
            continue;
        if (!push_row_to(chat, conv, session))
            return false;
        sent++;
    }
    return conv == NULL || walked < INBOX_WALK_MAX;
}

void subscribe_inbox(struct chat *chat, const struct chat_action *action)
{
    struct inbox *inbox = NULL;
    struct err err = { 0 };

    if (action->off) {
        chat_unsubscribe_inbox(chat, action->from, action->workspace);
    } else {
        inbox = inbox_obtain(chat, action->workspace);
        if (inbox == NULL) {
            chat_refuse_busy(chat, action, "too many workspaces");
            return;
        }
        if (sub_add(chat, &inbox->topic, action->from, &err) != ERR_OK) {
            chat_refuse(chat, action, &err);
            return;
        }
    }
    chat_reply_ack(chat, action->from, action->cookie, (struct conv_id){ 0 }, 0, chat_now(chat));
    if (inbox == NULL || push_unsettled_rows(chat, action->from, action->workspace))
        return;
    inbox->gap = true;
    window_open(chat, inbox);
}

void chat_unsubscribe_inbox(struct chat *chat, struct chat_session session,
                            struct workspace_id workspace)
{
    struct inbox *inbox = inbox_find(chat, workspace);

    sub_remove(chat, inbox != NULL ? &inbox->topic : NULL, session);
    inbox_release(chat, inbox);
}
