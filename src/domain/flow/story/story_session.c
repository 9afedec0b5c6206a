/* SPDX-License-Identifier: Apache-2.0 */
#include "story_session.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { NOW_DEFAULT_OFFSET = 480 };
#define NOW_DEFAULT_MS INT64_C(1772416800000) /* 2026-03-02T10:00+08:00, a Monday */

void story_session_init(struct story_session *session, const struct flow_set *set,
                        const struct story_host *host)
{
    memset(session, 0, sizeof(*session));
    session->set = set;
    session->host = *host;
    session->now_ms = NOW_DEFAULT_MS;
    session->utc_offset_minutes = NOW_DEFAULT_OFFSET;
    memcpy(session->channel, "web", 4);
    session->run = 1;
    flow_state_init(&session->state);
}

/* ---- what the last step did ---- */
static void log_clear(struct story_session *session)
{
    session->said[0] = session->called[0] = session->words[0] = '\0';
    session->rung[0] = session->end[0] = session->queue[0] = session->handoff_json[0] = '\0';
    session->csat = session->handed_off = false;
    session->note = NULL;
    session->acts = 0;
}

/* "|one|two|"; what does not fit is left out. */
static void log_add(char *log, size_t size, struct slice item)
{
    size_t len = strlen(log);

    if (item.len == 0)
        return;
    if (len + item.len + 3 > size)
        return;
    if (len == 0)
        log[len++] = '|';
    memcpy(log + len, item.ptr, item.len);
    log[len + item.len] = '|';
    log[len + item.len + 1] = '\0';
}

static bool log_has(const char *log, struct slice item)
{
    const char *at = log;

    if (item.len == 0)
        return false;
    while ((at = memmem(at, strlen(at), item.ptr, item.len)) != NULL) {
        if (at > log && at[-1] == '|' && at[item.len] == '|')
            return true;
        at++;
    }
    return false;
}

static void words_add(struct story_session *session, struct slice text)
{
    size_t len = strlen(session->words);

    if (text.len == 0 || len + text.len + 2 > sizeof(session->words))
        return;
    memcpy(session->words + len, text.ptr, text.len);
    memcpy(session->words + len + text.len, "\n", 2);
}

static void copy_text(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void asked_add(struct story_session *session, struct slice slot)
{
    if (session->asked_count < STORY_ASKED_MAX)
        session->asked[session->asked_count++] = (uint32_t)flow_name_hash(slot);
}

bool story_session_said(const struct story_session *session, struct slice key)
{
    return log_has(session->said, key);
}

bool story_session_called(const struct story_session *session, struct slice action)
{
    return log_has(session->called, action);
}

bool story_session_asked(const struct story_session *session, struct slice slot)
{
    for (unsigned i = 0; i < session->asked_count; i++) {
        if (session->asked[i] == (uint32_t)flow_name_hash(slot))
            return true;
    }
    return false;
}

static void effect_seen(struct story_session *session, const struct flow_effect *effect,
                        const struct flow_effect **act)
{
    switch (effect->kind) {
    case FLOW_ASK:
        asked_add(session, effect->slot);
        log_add(session->said, sizeof(session->said), effect->key);
        words_add(session, effect->text);
        break;
    case FLOW_SAY:
        log_add(session->said, sizeof(session->said), effect->key);
        words_add(session, effect->text);
        break;
    case FLOW_ACT:
        log_add(session->called, sizeof(session->called), effect->name);
        *act = effect;
        break;
    case FLOW_HANDOFF:
        session->handed_off = true;
        copy_text(session->queue, sizeof(session->queue), effect->name);
        copy_text(session->handoff_json, sizeof(session->handoff_json), effect->json);
        break;
    case FLOW_END:
        copy_text(session->end, sizeof(session->end), effect->name);
        session->csat = effect->csat;
        break;
    case FLOW_ANSWER:
    case FLOW_REMEMBER:
        break;
    }
}

/* The state as the server keeps it between two events. */
static void through_storage(struct story_session *session)
{
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    uint8_t again[FLOW_STATE_BYTES_MAX];
    size_t len = flow_state_encode(&session->state, bytes);
    struct flow_state loaded;
    struct err err;

    if (len > session->state_bytes_max)
        session->state_bytes_max = (unsigned)len;
    if (flow_state_decode(slice_make(bytes, len), &loaded, &err) != ERR_OK ||
        flow_state_encode(&loaded, again) != len || memcmp(bytes, again, len) != 0)
        session->fault = true;
    else
        session->state = loaded;
}

static const char *ladder_of(struct story_session *session, const struct flow_event *event)
{
    if (session->host.ladder == NULL)
        return NULL;
    return session->host.ladder(session->host.ctx, event->text);
}

static void call_none(void *ctx, struct slice name, const struct expr_value *args, unsigned count,
                      struct expr_value *out)
{
    (void)ctx;
    (void)args;
    (void)count;
    /* Queues are open in stories. */
    if (slice_equal_text(name, "open"))
        *out = (struct expr_value){ .type = EXPR_BOOL, .boolean = true };
}

static bool step_once(struct story_session *session, const struct flow_event *event)
{
    const struct flow_env env = { .set = session->set,
                                  .ctx = session->host.ctx,
                                  .get = session->host.get,
                                  .call = call_none,
                                  .conversation = SLICE_LITERAL("c1"),
                                  .locale = slice_of(session->locale),
                                  .channel = slice_of(session->channel),
                                  .utc_offset_minutes = session->utc_offset_minutes };
    struct flow_event again = *event;
    struct err err;
    const char *rung;

    if (flow_step(&session->state, event, session->now_ms, &env, &session->out, &err) != ERR_OK)
        return false;
    if (session->out.verdict != FLOW_LADDER) {
        if (session->out.verdict == FLOW_IDLE && event->kind == FLOW_EVENT_MESSAGE) {
            rung = ladder_of(session, event);
            copy_text(session->rung, sizeof(session->rung), slice_of(rung != NULL ? rung : "none"));
        }
        return true;
    }
    rung = ladder_of(session, event);
    again.ladder = rung != NULL ? FLOW_LADDER_ANSWERS : FLOW_LADDER_SILENT;
    copy_text(session->rung, sizeof(session->rung), slice_of(rung != NULL ? rung : "none"));
    return flow_step(&session->state, &again, session->now_ms, &env, &session->out, &err) == ERR_OK;
}

static void event_run(struct story_session *session, const struct flow_event *first)
{
    struct flow_event event = *first;
    static const struct slice none = { "", 0 };
    struct story_answer answer;

    for (unsigned acts = 0; acts < STORY_ACTS_MAX; acts++) {
        const struct flow_effect *act = NULL;
        uint32_t seq;

        if (!step_once(session, &event)) {
            session->fault = true;
            return;
        }
        for (size_t i = 0; i < session->out.effect_count; i++)
            effect_seen(session, &session->out.effects[i], &act);
        if (session->out.note_count > 0)
            session->note = session->out.notes[session->out.note_count - 1].what;
        if (act != NULL && session->state.wait == FLOW_WAIT_ACTION) {
            answer.outcome[0] = answer.json[0] = '\0';
            session->host.act(session->host.ctx, act, &answer);
        }
        seq = act != NULL ? act->seq : 0;
        through_storage(session);
        if (act == NULL || session->state.wait != FLOW_WAIT_ACTION || answer.outcome[0] == '\0')
            return;
        session->acts++;
        event = (struct flow_event){ .kind = FLOW_EVENT_RESULT,
                                     .seq = seq,
                                     .name = slice_of(answer.outcome),
                                     .json = slice_of(answer.json),
                                     .text = none };
    }
    session->fault = true; /* more requests than any flow makes */
}

void story_session_event(struct story_session *session, const struct flow_event *event)
{
    log_clear(session);
    event_run(session, event);
}

/* The ladder's first rung, in short: the whole message asks for a person. */
static bool asks_for_human(struct slice text)
{
    static const char *const phrases[] = {
        "人工",  "转人工",          "人工客服",         "找人工",     "human",
        "agent", "talk to a human", "talk to a person", "real person"
    };
    char norm[256];
    char key_bytes[256];
    struct slice key =
        text_key(text_normalise(text, norm, sizeof(norm)), key_bytes, sizeof(key_bytes));

    for (size_t i = 0; i < LENGTH_OF(phrases); i++) {
        if (slice_equal_text(key, phrases[i]))
            return true;
    }
    return false;
}

void story_session_message(struct story_session *session, struct slice text)
{
    struct flow_event event = { .kind = FLOW_EVENT_MESSAGE, .text = text };

    if (asks_for_human(text))
        event.kind = FLOW_EVENT_HUMAN;
    story_session_event(session, &event);
}

void story_session_start(struct story_session *session, struct slice flow, struct slice text,
                         struct slice json)
{
    const struct flow_event event = {
        .kind = FLOW_EVENT_START, .name = flow, .text = text, .json = json, .run = session->run++
    };

    story_session_event(session, &event);
}

void story_session_pick(struct story_session *session, const struct slice *items, size_t count)
{
    const struct flow_event event = { .kind = FLOW_EVENT_PICK,
                                      .items = items,
                                      .item_count = count };

    story_session_event(session, &event);
}

void story_session_wait(struct story_session *session, int64_t ms)
{
    int64_t until = session->now_ms + ms;
    const struct flow_event timer = { .kind = FLOW_EVENT_TIMER };

    log_clear(session);
    for (unsigned fired = 0; fired < STORY_ACTS_MAX; fired++) {
        int64_t due = flow_state_due(&session->state);

        if (due == 0 || due > until)
            break;
        if (due > session->now_ms)
            session->now_ms = due;
        event_run(session, &timer);
    }
    session->now_ms = until;
}
