/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogue flows: compiled, checked, and stepped without any I/O, clock or randomness.
 *
 *     source --flow_compile--> struct flow --flow_set_add--> struct flow_set
 *     flow_step(state, event, now, env, out): state', effects in out
 *
 * How the bot drives it. A conversation's flow record (Header.flow) is an encoded state; empty
 * bytes are the state of "no flow runs". For a stimulus: flow_state_decode, flow_step, and while
 * out.verdict is
 *   FLOW_DONE      the effects go into the turn in order; flow_state_encode gives Header.flow and
 *                  flow_state_due Header.due_at, in the same transaction;
 *   FLOW_LADDER    nothing was done: the message is no answer to what the flow asked. Run the
 * ladder and step again with event.ladder set to FLOW_LADDER_ANSWERS (its answer goes where the
 * effect FLOW_ANSWER stands, and the ask is repeated) or FLOW_LADDER_SILENT; FLOW_IDLE      no flow
 * runs and the event starts none: the ladder's. A message that asks for a person never gets here:
 * the ladder's first rung takes it, and the hand-off is told to the flow with FLOW_EVENT_HUMAN,
 * whose effect carries the slots. The ladder's rung `flow` finds what to start with flow_set_match
 * and steps with FLOW_EVENT_START; when a flow runs already that interrupts it, and it goes on
 * afterwards. After the commit an effect FLOW_ACT is carried out; its answer comes back as
 * FLOW_EVENT_RESULT with the same seq, in a new turn. After a restart flow_state_pending gives the
 * effect again, with the same idempotency key. When flow_state_due has passed: FLOW_EVENT_TIMER.
 *
 * A compiled flow and a set are immutable and may be read by any number of threads; a set keeps
 * versions side by side, and flow_state_uses says which ones a state still needs. A state and an
 * out have one owner. A step allocates nothing and is bounded by FLOW_STEPS_MAX.
 * The same state, event, time and answers of env give the same state and effects, byte for byte. */
#ifndef KEFU_FLOW_H
#define KEFU_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "expr.h"
#include "flow_doc.h"
#include "slice.h"

enum {
    FLOW_DEPTH_MAX = 8,   /* flows on the stack: DESIGN section 13 */
    FLOW_STEPS_MAX = 256, /* states passed in one step; the checker forbids silent cycles */
    FLOW_STATES_MAX = 1000,
    FLOW_ROWS_MAX = 8000,
    FLOW_SLOTS_MAX = 64,
    FLOW_ACTIONS_MAX = 64,
    FLOW_TEXTS_MAX = 4000,
    FLOW_LOCALES_MAX = 8,
    FLOW_VALUES_MAX = 64,        /* of one enum */
    FLOW_STATE_BYTES_MAX = 1024, /* encoded: it is written with every turn */
    FLOW_AREA_BYTES_MAX = 720,   /* of it, for slots and visit counters */
    FLOW_VALUE_BYTES_MAX = 500,  /* one slot: a long text is cut, a long answer is a failure */
    FLOW_VISITS_DEFAULT = 5,     /* an ask seen five times is not understood */
    FLOW_TURNS_DEFAULT = 60,     /* nobody answers more questions */
    FLOW_RETRIES_DEFAULT = 2,
    FLOW_EFFECTS_MAX = 28,          /* a turn has 32 events (DESIGN section 13) */
    FLOW_OPTIONS_MAX = 24,          /* of all asks of one step */
    FLOW_OUT_BYTES_MAX = 16 * 1024, /* texts of one step: a message's limit */
    FLOW_NOTES_MAX = 8,
    FLOW_ITEMS_MAX = 20, /* picked at once */
};
#define FLOW_IDLE_DEFAULT_MS       (INT64_C(48) * 3600 * 1000)
#define FLOW_ACTION_TIMEOUT_MS     INT64_C(5000)
#define FLOW_ACTION_TIMEOUT_MAX_MS INT64_C(120000)

/* ---- compiling ---- */
struct flow;

/* What the workspace has, for checks; NULL lists are not checked. */
struct flow_host {
    const struct slice
        *names; /* user.vip, policy.return_days, …: NULL: any under the known roots */
    const enum expr_type *name_types;
    size_t name_count;
    const struct slice *queues;
    size_t queue_count;
    const struct slice *skills;
    size_t skill_count;
};

/* What a checked flow is like; for tools. */
struct flow_facts {
    unsigned states, rows, global_rows, terminals, unreachable, unhandled;
    uint64_t paths; /* loop-free, entry to terminal; UINT64_MAX: too many to count */
};

/* Compiles one document. Findings go to report; *out is NULL when one of them is an error. others
 * are compiled flows that it may call, for E5, E6, E8 (NULL: calls are noted, not checked). */
struct flow_others {
    const struct flow *const *flows;
    size_t count;
    bool complete; /* a call of what is not among them is E1 instead of a note */
};
void flow_compile(struct slice source, const struct flow_host *host,
                  const struct flow_others *others, struct flow **out, struct flow_facts *facts,
                  struct flow_report *report);
void flow_destroy(struct flow **flow);
size_t flow_bytes(const struct flow *flow);
struct slice flow_name(const struct flow *flow);
unsigned flow_version(const struct flow *flow);
struct slice flow_title(const struct flow *flow);

/* The canonical form; comments stay. ERR_INVALID: not a document (report says where). */
MUST_USE bool flow_format(struct slice source, struct buf *out, struct flow_report *report);

/* The states and rows as text for Graphviz. */
void flow_graph_write(const struct flow *flow, struct buf *out);
/* The JSON Schema of flow files, for editors. */
void flow_schema_text(struct buf *out);
/* The same as tables for people. */
void flow_schema_markdown(struct buf *out);

/* ---- sets ---- */
struct flow_set;
struct flow_set *flow_set_create(void);
void flow_set_destroy(struct flow_set **set); /* with the flows that it took */
/* Takes the flow. ERR_CONFLICT: that name and version is there. */
MUST_USE enum err_code flow_set_add(struct flow_set *set, struct flow **flow, struct err *err);
/* Borrows it: the flow must outlive the set. */
MUST_USE enum err_code flow_set_share(struct flow_set *set, const struct flow *flow,
                                      struct err *err);
/* version 0: the newest. */
const struct flow *flow_set_find(const struct flow_set *set, struct slice name, unsigned version);
size_t flow_set_count(const struct flow_set *set);
const struct flow *flow_set_at(const struct flow_set *set, size_t index);
/* Whether it has a start of its own; else it is only called. */
bool flow_begins(const struct flow *flow);
/* The newest version that this intent (score in 1/EXPR_ONE) or exactly this phrase begins; NULL. */
const struct flow *flow_set_match(const struct flow_set *set, struct slice intent, int64_t score,
                                  struct slice text);

/* ---- states ---- */
enum flow_wait {
    FLOW_WAIT_NOTHING, /* no flow runs */
    FLOW_WAIT_ASK,
    FLOW_WAIT_TIMER,  /* a `wait` state */
    FLOW_WAIT_ACTION, /* an answer of FLOW_ACT */
    FLOW_WAIT_AGENT,  /* handed off, with rows for the way back */
};

struct flow_frame {
    uint64_t flow; /* hash of its name */
    uint32_t version;
    uint16_t state;
    uint8_t kind;   /* private */
    uint8_t tries;  /* wrong answers to the pending ask */
    uint16_t turns; /* messages of the visitor so far */
    uint8_t rerun;  /* after a correction: 1 + the slot; what is still good is passed over */
    uint8_t pad;
};

struct flow_state {
    uint64_t run;     /* given at the start, part of idempotency keys */
    int64_t deadline; /* ms since 1970; 0: none */
    uint32_t seq;     /* of the last request */
    uint16_t area_used;
    uint8_t depth;
    uint8_t wait; /* enum flow_wait */
    uint8_t attempt;
    uint8_t pad[3];
    struct flow_frame frames[FLOW_DEPTH_MAX];
    uint8_t area[FLOW_AREA_BYTES_MAX]; /* records: see flow_area.h */
};

void flow_state_init(struct flow_state *state);
/* Gives the length. */
size_t flow_state_encode(const struct flow_state *state, uint8_t out[FLOW_STATE_BYTES_MAX]);
/* Empty bytes: no flow runs. ERR_CORRUPT, ERR_UNSUPPORTED (a newer format). */
MUST_USE enum err_code flow_state_decode(struct slice bytes, struct flow_state *out,
                                         struct err *err);
static inline int64_t flow_state_due(const struct flow_state *state)
{
    return state->deadline;
}
/* The run ends here, without effects; what the session keeps stays. */
void flow_state_stop(struct flow_state *state);
/* The flow (hash of name) and version of a frame; false past the top. */
bool flow_state_uses(const struct flow_state *state, unsigned depth, uint64_t *flow,
                     unsigned *version);
uint64_t flow_name_hash(struct slice name);

/* ---- events ---- */
enum flow_event_kind {
    FLOW_EVENT_START,   /* name: flow; text: the message that began it, or empty; json: an object
                         * of slots to begin with, or empty */
    FLOW_EVENT_MESSAGE, /* text */
    FLOW_EVENT_PICK,    /* items: values of buttons, pickers, dates */
    FLOW_EVENT_FILES,   /* items: ids or names of uploaded files */
    FLOW_EVENT_TIMER,
    FLOW_EVENT_RESULT,  /* seq; name: ok, failed, timeout or a declared error; json: its answer */
    FLOW_EVENT_WEBHOOK, /* name, json */
    FLOW_EVENT_AGENT,   /* name: closed, returned or unavailable */
    FLOW_EVENT_HUMAN,   /* the visitor asked for a person */
    FLOW_EVENT_CANCEL,  /* by an agent or the API */
};
enum flow_ladder { FLOW_LADDER_NOT_TRIED, FLOW_LADDER_ANSWERS, FLOW_LADDER_SILENT };

struct flow_entity {
    struct slice kind; /* order_no, phone, date, … */
    struct slice value;
};
struct flow_event {
    enum flow_event_kind kind;
    enum flow_ladder ladder;
    struct slice text;
    struct slice name;
    struct slice json;
    uint32_t seq;
    uint64_t run;        /* of FLOW_EVENT_START: an id that no other run has */
    struct slice intent; /* best one, or empty */
    int64_t score;       /* of it, in 1/EXPR_ONE */
    const struct flow_entity *entities;
    size_t entity_count;
    const struct slice *items;
    size_t item_count;
};

/* ---- what the host answers while a step runs ---- */
struct flow_env {
    const struct flow_set *set;
    void *ctx;
    /* user.vip, policy.return_days, contact.tier, …: leave *out for what has no value. */
    void (*get)(void *ctx, struct slice name, struct expr_value *out);
    /* Functions that the host declares; may be NULL. amount(json, items) is built in. */
    void (*call)(void *ctx, struct slice name, const struct expr_value *args, unsigned count,
                 struct expr_value *out);
    struct slice conversation; /* id, for idempotency keys */
    struct slice locale;       /* of the visitor */
    struct slice channel;      /* web, wechat, …; empty: web */
    int utc_offset_minutes;
};

/* ---- effects ---- */
enum flow_effect_kind {
    FLOW_SAY,      /* text */
    FLOW_ASK,      /* text, slot, ui, options, value: the old one, preselected */
    FLOW_ACT,      /* name: action, json: its input, key, seq, timeout_ms, attempt */
    FLOW_ANSWER,   /* the ladder's answer belongs here */
    FLOW_HANDOFF,  /* name: queue (may be empty), json: {"skills","carry","flow","state"}, number:
                    * priority, -1: none; value: reason */
    FLOW_REMEMBER, /* slot, value: a contact's attribute to keep */
    FLOW_END,      /* name: outcome; csat: ask for a rating */
};
struct flow_option {
    struct slice value, label;
};
struct flow_effect {
    enum flow_effect_kind kind;
    bool csat;
    bool multiple, optional; /* of FLOW_ASK: several options may be picked; it may be skipped */
    uint8_t attempt;
    uint8_t option_first, option_count; /* in flow_out.options */
    uint16_t state;
    uint32_t seq;
    int64_t number; /* of FLOW_HANDOFF the priority, of a FLOW_ASK for several how many */
    int64_t timeout_ms;
    struct slice key;  /* of the text; or the idempotency key */
    struct slice text; /* rendered: locale, slots, channel */
    struct slice name, slot, ui, json, value;
};
struct flow_note { /* for the trace: what was unknown, too big, stale */
    const char *what;
    struct slice where; /* a state's, slot's or action's name */
};
enum flow_verdict { FLOW_DONE, FLOW_LADDER, FLOW_IDLE };

struct flow_out {
    enum flow_verdict verdict;
    struct flow_effect effects[FLOW_EFFECTS_MAX];
    size_t effect_count;
    struct flow_option options[FLOW_OPTIONS_MAX];
    size_t option_count;
    struct flow_note notes[FLOW_NOTES_MAX];
    size_t note_count;
    unsigned rows; /* passed in this step */
    size_t bytes_used;
    char bytes[FLOW_OUT_BYTES_MAX]; /* what the slices above point into, or into flow and event */
    /* For stories: called with every row that is passed; NULL otherwise. */
    void (*on_row)(void *ctx, const struct flow *flow, unsigned row);
    void *on_row_ctx;
};

/* Steps. Fault: ERR_NOT_FOUND, a flow of the state is not in the set (the state is as it was). */
MUST_USE enum err_code flow_step(struct flow_state *state, const struct flow_event *event,
                                 int64_t now_ms, const struct flow_env *env, struct flow_out *out,
                                 struct err *err);
/* The pending request again, for a start-up: false when none is pending. */
bool flow_state_pending(const struct flow_state *state, const struct flow_env *env,
                        struct flow_out *out);

/* ---- looking into a state, for consoles, stories and summaries ---- */
/* Name of the top frame's state; empty when no flow runs. */
struct slice flow_state_at(const struct flow_state *state, const struct flow_set *set);
struct slice flow_state_flow(const struct flow_state *state, const struct flow_set *set);
/* A slot as text, of the top flow, of one that waits below it, or of the session: lists joined by
 * commas. false: not filled. */
bool flow_state_slot(const struct flow_state *state, struct slice name, int utc_offset_minutes,
                     struct buf *out);
/* {"slot":value,…} of all that is filled in the top frame and the session. */
void flow_state_slots(const struct flow_state *state, const struct flow_set *set,
                      int utc_offset_minutes, struct buf *out);

#endif
