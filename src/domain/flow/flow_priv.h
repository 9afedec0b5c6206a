/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled form of a flow: one block without pointers. Offsets are from the block's start;
 * names and texts are NUL-terminated in its pool, each once. */
#ifndef KEFU_FLOW_PRIV_H
#define KEFU_FLOW_PRIV_H

#include "flow.h"

enum {
    FLOW_NO = 0xFFFF, /* no state, guard, text, slot */
    FLOW_GLOBAL = 0xFFFE,
    /* Targets of rows that are not states. */
    FLOW_TO_SAME = 0xFFF0,
    FLOW_TO_REFILL = 0xFFF1,
};

enum flow_frame_kind {
    FLOW_FRAME_ROOT,
    FLOW_FRAME_CALL,      /* began by a `call` of the frame below */
    FLOW_FRAME_INTERRUPT, /* the frame below waits, and repeats its ask afterwards */
    FLOW_FRAME_KIND_COUNT,
};

enum flow_kind {
    FLOW_KIND_ASK,
    FLOW_KIND_SAY,
    FLOW_KIND_DO,
    FLOW_KIND_CHOOSE,
    FLOW_KIND_CALL,
    FLOW_KIND_WAIT,
    FLOW_KIND_HANDOFF,
    FLOW_KIND_END,
    FLOW_KIND_NONE,
};

enum flow_happening { /* events of rows; from FLOW_ON_NAMED on: the flow's own names */
                      FLOW_ON_NEXT, /* of say and choose */
                      FLOW_ON_FILLED,
                      FLOW_ON_INVALID,
                      FLOW_ON_EXHAUSTED,
                      FLOW_ON_SKIPPED,
                      FLOW_ON_TIMEOUT,
                      FLOW_ON_ACCEPT,
                      FLOW_ON_DENY,
                      FLOW_ON_MESSAGE,
                      FLOW_ON_OK,
                      FLOW_ON_FAILED,
                      FLOW_ON_QUESTION,
                      FLOW_ON_CORRECTION,
                      FLOW_ON_FILE,
                      FLOW_ON_STUCK,
                      FLOW_ON_UNAVAILABLE,
                      FLOW_ON_RETURNED,
                      FLOW_ON_CLOSED,
                      FLOW_ON_COUNT,
                      FLOW_ON_NAMED = 64,
};
const char *flow_happening_name(enum flow_happening happening);

struct flow_row {
    uint16_t state; /* FLOW_GLOBAL: every one */
    uint16_t event;
    uint16_t guard; /* index of an expression, or FLOW_NO */
    uint16_t act0;  /* first act */
    uint8_t nact;
    uint8_t op; /* reserved */
    uint16_t target;
    uint32_t line; /* of the source: for coverage */
};

enum flow_act_kind { FLOW_ACT_SAY, FLOW_ACT_SET, FLOW_ACT_ANSWER };
struct flow_act {
    uint16_t kind;
    uint16_t a; /* text, or slot */
    uint16_t b; /* expression */
    uint16_t pad;
};

struct flow_state_def {
    uint32_t name;
    uint8_t kind;
    uint8_t csat;
    uint8_t retries;
    uint8_t pad;
    uint16_t first_row, row_count;
    uint16_t a;               /* slot, action, handoff, or FLOW_NO */
    uint16_t text;            /* said on entering, or FLOW_NO */
    uint16_t progress;        /* said before the prompt, or FLOW_NO */
    uint16_t map0, map_count; /* of a call: struct flow_map */
    uint16_t pad2;
    uint32_t b;         /* name: callee, outcome, ui */
    uint32_t timeout_s; /* of an ask or wait, seconds; 0: none of its own */
};

struct flow_map {  /* parameters of calls and actions */
    uint32_t name; /* the other side's */
    uint16_t slot; /* ours, or FLOW_NO with an expression */
    uint16_t expr;
    uint8_t out; /* 0: we give, 1: we take */
    uint8_t pad[3];
};

enum flow_slot_type {
    FLOW_SLOT_TEXT,
    FLOW_SLOT_NUMBER,
    FLOW_SLOT_AMOUNT,
    FLOW_SLOT_BOOL,
    FLOW_SLOT_ENUM,
    FLOW_SLOT_DATE,
    FLOW_SLOT_PHONE,
    FLOW_SLOT_ID_CARD,
    FLOW_SLOT_ORDER_NO,
    FLOW_SLOT_EMAIL,
    FLOW_SLOT_ADDRESS,
    FLOW_SLOT_URL,
    FLOW_SLOT_FILE,
    FLOW_SLOT_FILES,
    FLOW_SLOT_LIST,
    FLOW_SLOT_JSON,
    FLOW_SLOT_TYPE_COUNT,
};
enum flow_keep { FLOW_KEEP_TURN, FLOW_KEEP_FLOW, FLOW_KEEP_SESSION, FLOW_KEEP_CONTACT };
enum { FLOW_FILL_USER = 1, FLOW_FILL_NLU = 2, FLOW_FILL_ACTION = 4, FLOW_FILL_ENTITY = 8 };

struct flow_slot_def {
    uint32_t name;
    uint32_t hash;
    uint8_t type, keep, fill;
    uint8_t optional : 1, pii : 1, used_by_ask : 1;
    uint16_t value0, value_count; /* struct flow_value_def */
    uint32_t pattern;             /* offset of a struct regex in the block, or 0 */
    uint32_t of;                  /* path of the items' list, or 0 */
    uint32_t entity;              /* name, or 0 */
    uint32_t accept;              /* kinds of files, or 0 */
    int32_t min, max;             /* INT32_MIN, INT32_MAX: none */
    uint16_t writer;              /* the first ask that fills it, or FLOW_NO */
    uint16_t prompt;              /* text, or FLOW_NO */
    uint16_t invalid;             /* text for a wrong answer, or FLOW_NO */
    uint16_t pad;
};
struct flow_value_def {
    uint32_t name;
    uint32_t words; /* separated by newlines, lower case; 0: none */
    uint16_t label; /* text, or FLOW_NO */
    uint16_t pad;
};

struct flow_action_def {
    uint32_t name;
    uint16_t map0, map_count; /* inputs and outputs; an output without a name takes the whole */
    uint16_t key0, key_count; /* slots of the idempotency key, in `keys` */
    uint32_t timeout_ms;
    uint8_t retry;
    uint8_t by_call; /* idempotency: call */
    uint8_t side_effect;
    uint8_t builtin;
};

struct flow_handoff_def {
    uint32_t queue;
    uint32_t skills;              /* JSON object, or 0 */
    uint16_t priority;            /* expression, or FLOW_NO */
    uint16_t carry0, carry_count; /* in `keys` */
    uint16_t pad;
};

struct flow_symbol { /* names of expressions */
    uint32_t name;   /* the whole, for the host; for a slot: the path behind its name, or 0 */
    uint16_t slot;   /* or FLOW_NO */
    uint16_t pad;
};

struct flow_text_def {
    uint32_t key;
    uint32_t variant0; /* struct flow_variant, locales in the flow's order */
    uint32_t variant_count;
};
struct flow_variant {
    uint16_t locale;
    uint16_t pad;
    uint32_t channel; /* name, or 0 */
    uint32_t text;
};

struct flow_migration {
    uint32_t version;
    uint32_t from; /* state's name */
    uint16_t to;
    uint16_t pad;
};

struct flow_table {
    uint32_t at;
    uint32_t count;
};

struct flow {
    uint32_t bytes;
    uint32_t name, title;
    uint32_t version;
    uint64_t hash;
    uint64_t digest; /* of what callers depend on: exits */
    int64_t min_confidence;
    int64_t idle_ms;
    uint16_t turns, visits;
    uint16_t entry;
    uint16_t row_count; /* rows of states; the global rows follow */
    uint16_t global_count;
    uint16_t locale_count;
    uint32_t locales[FLOW_LOCALES_MAX];
    struct flow_table states, rows, acts, slots, values, actions, maps, keys, handoffs, symbols,
        texts, variants, exprs, events, migrations, intents, phrases, ins, outs, exits, calls;
};

#define FLOW_TABLE(flow, table, type) \
    ((const type *)(const void *)((const char *)(flow) + (flow)->table.at))

static inline const char *flow_str(const struct flow *flow, uint32_t offset)
{
    return (const char *)flow + offset;
}
static inline struct slice flow_slice(const struct flow *flow, uint32_t offset)
{
    return offset == 0 ? slice_of("") : slice_of(flow_str(flow, offset));
}
static inline const struct flow_state_def *flow_state_def(const struct flow *flow, unsigned at)
{
    ENSURE(at < flow->states.count);
    return FLOW_TABLE(flow, states, struct flow_state_def) + at;
}
static inline const struct flow_row *flow_rows(const struct flow *flow)
{
    return FLOW_TABLE(flow, rows, struct flow_row);
}
static inline const struct flow_slot_def *flow_slot_def(const struct flow *flow, unsigned at)
{
    ENSURE(at < flow->slots.count);
    return FLOW_TABLE(flow, slots, struct flow_slot_def) + at;
}
static inline const struct expr *flow_expr(const struct flow *flow, unsigned at)
{
    ENSURE(at < flow->exprs.count);
    return (const struct expr *)(const void *)((const char *)flow +
                                               FLOW_TABLE(flow, exprs, uint32_t)[at]);
}
/* The name of a row's event. */
struct slice flow_event_name(const struct flow *flow, unsigned event);
unsigned flow_slot_find(const struct flow *flow, struct slice name); /* FLOW_NO: none */
unsigned flow_state_find(const struct flow *flow, struct slice name);
unsigned flow_text_find(const struct flow *flow, struct slice key);
bool flow_has_exit(const struct flow *flow, struct slice name);
uint32_t flow_hash32(struct slice name);

#endif
