/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns a visitor before, or beside, one conversation: beginning one, telling who it is,
 * telling what page it looks at.
 *
 * A start is exactly once: the conversation begun with its client id answers, open or closed; else
 * one of the visitor's last conversations that has the id (it was open when the message came); else
 * the visitor's open conversation takes the message; else a new one begins. Starts of one visitor
 * run one after the other, so two of them cannot both find nothing. */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"
#include "schema.h"
#include "utf8.h"

/* ---- which conversation ---------------------------------------------------------------------- */

static struct conv *live_with(struct chat *chat, const struct visitor *visitor,
                              const uint8_t client_id[16])
{
    struct conv *conv = visitor->convs;

    while (conv != NULL && (conv->stale || (memcmp(conv->start_client_id, client_id, 16) != 0 &&
                                            !action_known(chat, conv, client_id))))
        conv = conv->visitor_next;
    return conv;
}

/* The newest open conversation of the site; what is live knows better than what was read. */
static struct conv_id open_conv(const struct visitor *visitor, const struct lookup *lookup,
                                struct site_id site)
{
    struct conv_id found = lookup->open_conv;

    for (const struct conv *conv = visitor->convs; conv != NULL; conv = conv->visitor_next) {
        bool open = conv->head.life.state != CONV_CLOSED && conv->site.v == site.v;

        if (conv->id.v == found.v && !open)
            found.v = 0;
        if (open && conv->id.v > found.v)
            found = conv->id;
    }
    return found;
}

/* What became of a failed turn is not known until its conversation is loaded anew, which needs
 * everything of it settled: until then the action is refused. */
static bool visitor_certain(struct chat *chat, const struct visitor *visitor, const struct run *run)
{
    const struct conv *conv = visitor->convs;
    struct err err = { 0 };

    while (conv != NULL && !conv->stale)
        conv = conv->visitor_next;
    if (conv == NULL)
        return true;
    err_set(&err, ERR_UNAVAILABLE, "the store is catching up");
    err.retry_after_ms = RETRY_MS;
    chat_refuse(chat, run->action, &err);
    return false;
}

static void start_ask(struct chat *chat, struct visitor *visitor, struct run *run)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_START);

    query->workspace = visitor->workspace;
    query->site = run->action->site;
    query->visitor = visitor->id;
    memcpy(query->client_id, run->action->client_id, sizeof(query->client_id));
    chat_ask_for(chat, &query, &visitor->wait, run);
}

/* The stored record serves while the action runs: it tells locale, name and page. */
static void profile_borrow(struct visitor *visitor, const struct chat_query *query)
{
    if (query->visitor_msg == NULL)
        return;
    visitor->stored = true;
    if (visitor->profile == NULL) {
        visitor_profile_set(visitor, query->visitor_msg);
        visitor->profile_borrowed = true;
    }
}

static void profile_return(struct visitor *visitor)
{
    if (!visitor->profile_borrowed)
        return;
    visitor->profile_borrowed = false;
    free(visitor->profile);
    visitor->profile = NULL;
    visitor->profile_len = 0;
}

void start_known(struct chat *chat, struct chat_query *query)
{
    struct visitor *visitor = visitor_find(chat, query->visitor);
    struct err err = { 0 };

    ENSURE(visitor != NULL); /* blocked: not released */
    visitor->wait.blocked = false;
    if (query->rc != ERR_OK) {
        err_set(&err, ERR_UNAVAILABLE, "cannot be read now");
        err.retry_after_ms = RETRY_MS;
        chat_wait_fail(chat, &visitor->wait, &err);
    } else {
        profile_borrow(visitor, query);
        if (visitor->wait.head != NULL) {
            struct lookup *lookup = &visitor->wait.head->lookup;

            lookup->start_done = true;
            lookup->start_conv = query->conv;
            lookup->open_conv = query->open_conv;
        }
        chat_drain(chat, &visitor->wait);
    }
    if (!visitor->wait.blocked)
        profile_return(visitor);
    visitor_release(chat, visitor);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Goes on as this action, whose slices are those of the run's. */
static void go_on_as(struct chat *chat, struct run *run, struct chat_action action)
{
    struct run here = { &action, run->lookup, NULL, NULL };

    if (run->pending == NULL) {
        chat_run(chat, &here);
        return;
    }
    run->pending->action = action;
    chat_run(chat, run);
}

static void go_on_in(struct chat *chat, struct run *run, struct conv_id conv)
{
    struct chat_action action = *run->action;

    action.conv = conv;
    go_on_as(chat, run, action);
}

/* A live conversation of the visitor that may have the id, though the store did not know when it
 * was asked: then it is looked for there, in its turn. Ids that grow with time never need that. */
static struct conv *live_doubt(const struct visitor *visitor, const struct run *run)
{
    struct conv *found = NULL;

    for (struct conv *conv = visitor->convs; conv != NULL; conv = conv->visitor_next) {
        if (conv->id.v > run->lookup->probed.v && (found == NULL || conv->id.v < found->id.v) &&
            !action_excluded(conv, run->action->client_id))
            found = conv;
    }
    return found;
}

static void start_probe(struct chat *chat, struct run *run, const struct conv *conv)
{
    run->lookup->probed = conv->id;
    run->lookup->probing = true;
    go_on_in(chat, run, conv->id);
}

bool start_probed(struct chat *chat, struct run *run)
{
    if (!run->lookup->probing)
        return false;
    run->lookup->probing = false;
    run->lookup->client_done = false;
    go_on_in(chat, run, (struct conv_id){ 0 });
    return true;
}

static Kefu__V1__Visitor *profile_decode(struct chat *chat, const struct visitor *visitor)
{
    ProtobufCMessage *msg = NULL;

    arena_reset(&chat->scratch);
    if (visitor->profile == NULL ||
        schema_proto_decode(&kefu__v1__visitor__descriptor,
                            slice_make(visitor->profile, visitor->profile_len), &chat->scratch,
                            &msg, NULL) != ERR_OK)
        return NULL;
    return (Kefu__V1__Visitor *)(void *)msg;
}

static void conv_page_set(struct conv *conv, const struct chat_page *page)
{
    conv_string(&conv->page_url, page->url, LIMIT_URL_BYTES_MAX);
    conv_string(&conv->page_title, page->title, LIMIT_TITLE_BYTES_MAX);
    conv_string(&conv->page_referrer, page->referrer, LIMIT_URL_BYTES_MAX);
}

/* The action's own words first, then what is known of the visitor. */
static void conv_describe(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    const Kefu__V1__Visitor *known = profile_decode(chat, conv->visitor);
    struct slice locale = action->locale;
    struct chat_page page = action->page;

    if (known != NULL) {
        conv_string(&conv->visitor_name, slice_of(known->name), LIMIT_NAME_BYTES_MAX);
        if (locale.len == 0)
            locale = slice_of(known->locale);
        if (page.url.len == 0 && known->page != NULL) {
            page = (struct chat_page){ slice_of(known->page->url), slice_of(known->page->title),
                                       slice_of(known->page->referrer) };
        }
    }
    locale = utf8_cut(locale, LIMIT_LOCALE_BYTES_MAX);
    if (locale.len > 0)
        memcpy(conv->locale, locale.ptr, locale.len);
    conv->locale[locale.len] = '\0';
    conv_page_set(conv, &page);
}

static struct conv *conv_new(struct chat *chat, struct visitor *visitor,
                             const struct chat_action *action)
{
    uint64_t id = id_gen_next(&chat->ids, chat_now(chat), id_slot(visitor->id.v));
    struct conv *conv = conv_obtain(chat, (struct conv_id){ id });

    if (conv == NULL)
        return NULL;
    conv->workspace = action->workspace;
    conv->site = action->site;
    conv->visitor_id = visitor->id;
    conv->created_at = chat_now(chat);
    memcpy(conv->start_client_id, action->client_id, sizeof(conv->start_client_id));
    conv->window_all = true;
    conv->loaded = true;
    conv_attach(chat, conv, visitor);
    conv_describe(chat, conv, action);
    return conv;
}

static void start_new(struct chat *chat, struct visitor *visitor, struct run *run)
{
    struct chat_action action = *run->action;
    struct run here = { &action, run->lookup, NULL, NULL };
    struct chat_site site;
    struct conv *conv;
    struct err err = { 0 };

    if (!chat->options.ops.site(chat->options.ops.ctx, action.workspace, action.site, &site)) {
        err_set(&err, ERR_NOT_FOUND, "no such site");
        chat_refuse(chat, &action, &err);
        return;
    }
    if (chat_new_conv_take(chat, visitor, &err) != ERR_OK) {
        chat_refuse(chat, &action, &err);
        return;
    }
    conv = conv_new(chat, visitor, &action);
    if (conv == NULL) {
        chat_refuse_busy(chat, &action, "too many conversations");
        return;
    }
    action.conv = conv->id;
    chat_action_run(chat, conv, &here);
    if (conv->in_flight == 0) /* refused: it never was */
        conv_drop(chat, conv);
}

void start_run(struct chat *chat, struct visitor *visitor, struct run *run)
{
    const struct chat_action *action = run->action;
    const struct lookup *lookup = run->lookup;
    const struct conv *live = live_with(chat, visitor, action->client_id);
    struct conv *doubt;
    struct conv_id conv = { 0 };

    if (live == NULL && !visitor_certain(chat, visitor, run))
        return;
    if (live == NULL && !visitor->fresh && !lookup->start_done) {
        start_ask(chat, visitor, run);
        return;
    }
    doubt = live == NULL ? live_doubt(visitor, run) : NULL;
    if (doubt != NULL) {
        start_probe(chat, run, doubt);
        return;
    }
    if (live != NULL)
        conv = live->id;
    else if (lookup->start_conv.v != 0)
        conv = lookup->start_conv;
    else
        conv = open_conv(visitor, lookup, action->site);
    if (conv.v != 0)
        go_on_in(chat, run, conv);
    else
        start_new(chat, visitor, run);
}

bool start_instead(struct chat *chat, const struct conv *conv, struct run *run)
{
    struct chat_action action = *run->action;

    if (!action_from_visitor(&action) || !action.has_client_id || action.kind != CHAT_SEND ||
        conv->head.life.state != CONV_CLOSED ||
        conv_reopen_possible(&conv->head.life, chat_now(chat)))
        return false;
    *run->lookup = (struct lookup){ 0 }; /* was about the old one */
    action.kind = CHAT_START;
    action.site = conv->site;
    action.conv.v = 0;
    go_on_as(chat, run, action);
    return true;
}

/* ---- identify -------------------------------------------------------------------------------- */

static char *text_of(struct arena *arena, struct slice text, char *otherwise)
{
    char *copy = text.len > 0 ? arena_strdup(arena, text) : NULL;

    return copy != NULL ? copy : otherwise;
}

/* Adds or replaces by key; what does not fit any more is left out (the bound was checked for one
 * action, not for their union). */
static void attributes_merge(struct arena *arena, Kefu__V1__Visitor *msg,
                             const struct chat_action *action)
{
    typedef Kefu__V1__Visitor__AttributesEntry entry;
    entry **entries = arena_alloc(arena, LIMIT_ATTRIBUTES_MAX * sizeof(entry *));
    size_t count = 0;

    if (entries == NULL)
        return;
    for (; count < msg->n_attributes && count < LIMIT_ATTRIBUTES_MAX; count++)
        entries[count] = msg->attributes[count];
    for (unsigned i = 0; i < action->attribute_count; i++) {
        const struct chat_attribute *from = &action->attributes[i];
        size_t at = 0;

        while (at < count && !slice_equal_text(from->key, entries[at]->key))
            at++;
        if (at == LIMIT_ATTRIBUTES_MAX)
            continue;
        if (at == count) {
            entries[at] = arena_alloc(arena, sizeof(entry));
            if (entries[at] == NULL)
                break;
            kefu__v1__visitor__attributes_entry__init(entries[at]);
            entries[at]->key = text_of(arena, from->key, entries[at]->key);
            count++;
        }
        entries[at]->value = text_of(arena, from->value, entries[at]->value);
    }
    msg->attributes = entries;
    msg->n_attributes = count;
}

/* False: nothing new. */
static bool profile_merge(struct chat *chat, struct visitor *visitor,
                          const struct chat_action *action)
{
    const struct chat_visitor_info *info = &action->visitor_info;
    Kefu__V1__Visitor fresh = KEFU__V1__VISITOR__INIT;
    Kefu__V1__Visitor *msg = profile_decode(chat, visitor);
    struct arena *arena = &chat->scratch;
    struct slice before = slice_make(visitor->profile, visitor->profile_len);
    char *old = visitor->profile;
    bool changed;

    msg = msg != NULL ? msg : &fresh;
    msg->id = visitor->id.v;
    msg->site_id = visitor->site.v;
    msg->name = text_of(arena, info->name, msg->name);
    msg->email = text_of(arena, info->email, msg->email);
    msg->phone = text_of(arena, info->phone, msg->phone);
    msg->user_id = text_of(arena, info->user_id, msg->user_id);
    attributes_merge(arena, msg, action);
    visitor->profile = NULL; /* kept for the comparison */
    visitor_profile_set(visitor, msg);
    changed = !slice_equal(before, slice_make(visitor->profile, visitor->profile_len));
    free(old);
    if (changed) {
        visitor->profile_borrowed = false;
        visitor->profile_dirty = true;
    }
    return changed;
}

void identify_run(struct chat *chat, struct visitor *visitor, struct run *run)
{
    const struct chat_action *action = run->action;
    struct conv_id conv = action->about;
    bool due = conv.v != 0 && conv_find(chat, conv) != NULL &&
               flow_to_remember(conv_find(chat, conv)).len > 0;

    if (!visitor_certain(chat, visitor, run))
        return;
    if (!visitor->fresh && !run->lookup->start_done) {
        start_ask(chat, visitor, run);
        return;
    }
    if (conv.v == 0)
        conv = open_conv(visitor, run->lookup, action->site);
    /* Without an open conversation it is kept until the first event of the next one. What a flow
     * remembers, and the record knows already, is still to be taken from the conversation. */
    if ((!profile_merge(chat, visitor, action) && !due) || conv.v == 0)
        chat_reply_ack(chat, action->from, action->cookie, conv, 0, chat_now(chat));
    else
        go_on_in(chat, run, conv);
}

/* ---- page ------------------------------------------------------------------------------------ */

static void profile_page_set(struct chat *chat, struct visitor *visitor,
                             const struct chat_page *page)
{
    Kefu__V1__Visitor *msg = profile_decode(chat, visitor);
    Kefu__V1__PageView view = KEFU__V1__PAGE_VIEW__INIT;

    if (msg == NULL)
        return;
    view.url = text_of(&chat->scratch, utf8_cut(page->url, LIMIT_URL_BYTES_MAX), view.url);
    view.title = text_of(&chat->scratch, utf8_cut(page->title, LIMIT_TITLE_BYTES_MAX), view.title);
    view.referrer =
        text_of(&chat->scratch, utf8_cut(page->referrer, LIMIT_URL_BYTES_MAX), view.referrer);
    msg->page = &view;
    visitor_profile_set(visitor, msg);
}

/* Not a turn: the page goes into the header with the next one. */
void page_run(struct chat *chat, const struct chat_action *action)
{
    struct visitor *visitor = visitor_find(chat, action->visitor);

    if (visitor == NULL)
        return;
    if (!visitor->stored)
        profile_page_set(chat, visitor, &action->page);
    for (struct conv *conv = visitor->convs; conv != NULL; conv = conv->visitor_next) {
        if (conv->stale || conv->head.life.state == CONV_CLOSED)
            continue;
        conv_page_set(conv, &action->page);
        push_row(chat, conv, false);
    }
}
