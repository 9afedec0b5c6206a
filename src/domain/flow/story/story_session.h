/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation with flows, without a model, a clock or a shop: what stories, generated paths and
 * `kefu flow run` drive. Time is virtual; actions are answered by a mock at once; a message that a
 * flow does not take is answered by a stand-in of the ladder when it is a question. Every event
 * goes through an encode and a decode of the state, as it does in the server. */
#ifndef KEFU_STORY_SESSION_H
#define KEFU_STORY_SESSION_H

#include "flow.h"

enum {
    STORY_ACTS_MAX = 64,     /* requests that one event may set off */
    STORY_ASKED_MAX = 64,    /* slots asked for so far, by hash */
    STORY_LOG_MAX = 4096,    /* keys said and actions called in one step, as text */
    STORY_ANSWER_MAX = 2048, /* JSON of a mock */
};

struct story_answer {
    char outcome[EXPR_NAME_BYTES_MAX +
                 1]; /* ok, failed, timeout, a declared error, or "" for none */
    char json[STORY_ANSWER_MAX];
};

struct story_host {
    void *ctx;
    void (*get)(void *ctx, struct slice name, struct expr_value *out);
    void (*act)(void *ctx, const struct flow_effect *effect, struct story_answer *out);
    /* Would the ladder answer this? The rung, or NULL. */
    const char *(*ladder)(void *ctx, struct slice text);
};

struct story_session {
    const struct flow_set *set;
    struct story_host host;
    struct flow_state state;
    struct flow_out out;
    int64_t now_ms;
    int utc_offset_minutes;
    char locale[36];
    char channel[16];
    uint64_t run;
    uint32_t asked[STORY_ASKED_MAX];
    unsigned asked_count;
    unsigned state_bytes_max; /* largest encoded state so far */
    /* ---- of the last step ---- */
    char said[STORY_LOG_MAX];      /* "|key|key|" */
    char words[4 * STORY_LOG_MAX]; /* what was said, one text a line */
    char called[STORY_LOG_MAX];    /* "|action|" */
    char rung[32];
    char end[EXPR_NAME_BYTES_MAX + 1];
    bool csat;
    bool handed_off;
    char queue[EXPR_NAME_BYTES_MAX + 1];
    char handoff_json[STORY_LOG_MAX];
    const char *note; /* the last one */
    unsigned acts;
    bool fault; /* a step failed: a flow is missing, or the state did not survive its encoding */
};

void story_session_init(struct story_session *session, const struct flow_set *set,
                        const struct story_host *host);
/* One event and all that follows from it at the same moment. */
void story_session_event(struct story_session *session, const struct flow_event *event);
void story_session_message(struct story_session *session, struct slice text);
/* json: slots to begin with, or "". */
void story_session_start(struct story_session *session, struct slice flow, struct slice text,
                         struct slice json);
void story_session_pick(struct story_session *session, const struct slice *items, size_t count);
/* Time passes; deadlines fire in order. */
void story_session_wait(struct story_session *session, int64_t ms);
bool story_session_said(const struct story_session *session, struct slice key);
bool story_session_called(const struct story_session *session, struct slice action);
bool story_session_asked(const struct story_session *session, struct slice slot);

#endif
