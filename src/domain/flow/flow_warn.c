/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings. W1 and W2 try guards out on sample values: for guards that only compare names with
 * constants the samples (each constant, a value on either side of it, every value of an enum, and
 * "unknown" for names that may have no value) stand for all values there are, so the answer is
 * exact; other guards are left alone. */
#include "flow_warn.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text.h"

enum {
    USES_MAX = 64,
    BUTTONS_MAX = 7,      /* W3: people read no more */
    ASKS_IN_A_ROW = 3,    /* W4 */
    SIMILAR_PERCENT = 90, /* W7 */
};

/* ---- samples ---- */
static void sample_add(struct flow_samples *samples, struct flow_sample *name,
                       struct expr_value value)
{
    for (unsigned i = 0; i < name->count; i++) {
        const struct expr_value *old = &name->values[i];
        if (old->type != value.type)
            continue;
        if (value.type == EXPR_TEXT   ? slice_equal(old->text, value.text)
            : value.type == EXPR_BOOL ? old->boolean == value.boolean
                                      : old->number == value.number)
            return;
    }
    if (name->count == FLOW_SAMPLES_MAX)
        samples->complete = false;
    else
        name->values[name->count++] = value;
}

static struct expr_value text_value(struct slice text)
{
    return (struct expr_value){ .type = EXPR_TEXT, .text = text };
}

static struct flow_sample *sample_of(struct flow_build *b, struct flow_samples *samples,
                                     uint16_t symbol)
{
    const struct flow_symbol *def = FLOW_VEC_AT(b->symbols, struct flow_symbol, symbol);
    const struct flow_slot_def *slot = def->slot != FLOW_NO ? build_slot(b, def->slot) : NULL;
    struct flow_sample *name;

    for (unsigned i = 0; i < samples->count; i++) {
        if (samples->names[i].symbol == symbol)
            return &samples->names[i];
    }
    if (samples->count == FLOW_SAMPLE_NAMES_MAX) {
        samples->complete = false;
        return NULL;
    }
    name = &samples->names[samples->count++];
    name->symbol = symbol;
    name->count = 0;
    for (unsigned i = 0; slot != NULL && i < slot->value_count; i++)
        sample_add(samples, name,
                   text_value(slice_of(build_str(
                       b, FLOW_VEC_AT(b->values, struct flow_value_def, slot->value0 + i)->name))));
    if (slot != NULL && slot->type == FLOW_SLOT_BOOL) {
        sample_add(samples, name, (struct expr_value){ .type = EXPR_BOOL, .boolean = true });
        sample_add(samples, name, (struct expr_value){ .type = EXPR_BOOL });
    }
    /* A slot is filled where it is read (E6); a field or a host's name may have no value. */
    if (slot == NULL || slot->type == FLOW_SLOT_JSON)
        sample_add(samples, name, (struct expr_value){ .type = EXPR_UNKNOWN });
    return name;
}

static void samples_of_use(struct flow_build *b, struct flow_samples *samples,
                           const struct expr_use *use)
{
    struct flow_sample *name = sample_of(b, samples, use->id);
    struct expr_value value = use->value;
    const struct flow_symbol *def = FLOW_VEC_AT(b->symbols, struct flow_symbol, use->id);
    bool closed = def->slot != FLOW_NO && build_slot(b, def->slot)->type == FLOW_SLOT_ENUM;

    if (name == NULL)
        return;
    if (use->kind == EXPR_USE_BARE || (use->kind == EXPR_USE_COMPARE && value.type == EXPR_BOOL)) {
        sample_add(samples, name, (struct expr_value){ .type = EXPR_BOOL, .boolean = true });
        sample_add(samples, name, (struct expr_value){ .type = EXPR_BOOL });
    } else if (use->kind == EXPR_USE_COMPARE && value.type == EXPR_TEXT && !closed) {
        sample_add(samples, name, value);
        sample_add(samples, name, text_value(slice_of("\x01other")));
        if (memchr(value.text.ptr, '*', value.text.len) != NULL)
            samples->complete = false; /* a pattern has more than one way to match */
    } else if (use->kind == EXPR_USE_COMPARE &&
               (value.type == EXPR_NUMBER || value.type == EXPR_TIME)) {
        for (int step = -1; step <= 1; step++) {
            struct expr_value near = value;
            near.number += step;
            sample_add(samples, name, near);
        }
    } else if (use->kind == EXPR_USE_OTHER || use->kind == EXPR_USE_KNOWN) {
        samples->complete = false;
    }
}

static void samples_collect(struct flow_build *b, struct flow_samples *samples, uint16_t guard)
{
    struct expr_use uses[USES_MAX];
    unsigned calls;
    size_t count = expr_uses(FLOW_VEC_AT(b->exprs, struct flow_build_expr, guard)->expr, uses,
                             USES_MAX, &calls);

    if (calls > 0 || count > USES_MAX) {
        samples->complete = false;
        return;
    }
    for (size_t i = 0; i < count; i++)
        samples_of_use(b, samples, &uses[i]);
}

struct trial {
    const struct flow_samples *samples;
    unsigned at[FLOW_SAMPLE_NAMES_MAX];
};

static void trial_get(void *ctx, uint16_t id, struct expr_value *out)
{
    const struct trial *trial = ctx;

    for (unsigned i = 0; i < trial->samples->count; i++) {
        if (trial->samples->names[i].symbol == id)
            *out = trial->samples->names[i].values[trial->at[i]];
    }
}

static void trial_call(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                       struct expr_value *out)
{
    (void)ctx;
    (void)id;
    (void)args;
    (void)count;
    (void)out;
}

static void trial_item(void *ctx, const struct expr_value *list, unsigned index,
                       struct expr_value *out)
{
    (void)ctx;
    (void)list;
    (void)index;
    (void)out;
}

/* The next combination; false after the last. */
static bool trial_next(struct trial *trial)
{
    for (unsigned i = 0; i < trial->samples->count; i++) {
        if (++trial->at[i] < trial->samples->names[i].count)
            return true;
        trial->at[i] = 0;
    }
    return false;
}

static uint64_t combinations(const struct flow_samples *samples)
{
    uint64_t product = 1;

    for (unsigned i = 0; i < samples->count && product <= FLOW_SAMPLE_RUNS_MAX; i++)
        product *= samples->names[i].count;
    return product;
}

/* ---- W1 and W2 over rows that are tried in order ---- */
enum { GROUP_MAX = 64 };
struct verdicts {
    bool ever[GROUP_MAX];       /* true for some values */
    bool ever_not[GROUP_MAX];   /* not true for some */
    bool ever_first[GROUP_MAX]; /* true while all before it are not */
};

static void try_rows(struct flow_build *b, const struct flow_samples *samples,
                     const uint16_t *guards, unsigned count, struct verdicts *v)
{
    struct trial trial = { .samples = samples };
    const struct expr_env env = {
        .ctx = &trial, .get = trial_get, .call = trial_call, .item = trial_item
    };

    do {
        bool taken = false;

        for (unsigned i = 0; i < count; i++) {
            bool holds = guards[i] == FLOW_NO ||
                         expr_holds(FLOW_VEC_AT(b->exprs, struct flow_build_expr, guards[i])->expr,
                                    &env, NULL);
            v->ever[i] |= holds;
            v->ever_not[i] |= !holds;
            v->ever_first[i] |= holds && !taken;
            taken |= holds;
        }
    } while (trial_next(&trial));
}

static void warn_row(struct flow_build *b, const char *code, unsigned row, const char *what)
{
    const struct flow_node *node = build_row_node(b, row);

    flow_report_add(b->report, code, node->line, node->column, "%s", what);
}

static void warn_group(struct flow_build *b, unsigned first, unsigned count)
{
    struct flow_samples *samples = mem_zalloc(sizeof(*samples));
    uint16_t guards[GROUP_MAX];
    struct verdicts v;

    memset(&v, 0, sizeof(v));
    for (unsigned i = 0; i < count; i++) {
        samples->count = 0;
        samples->complete = true;
        guards[i] = build_row(b, first + i)->guard;
        if (guards[i] == FLOW_NO)
            continue;
        samples_collect(b, samples, guards[i]);
        memset(&v, 0, sizeof(v));
        if (!samples->complete || combinations(samples) > FLOW_SAMPLE_RUNS_MAX)
            continue;
        try_rows(b, samples, &guards[i], 1, &v);
        if (!v.ever[0])
            warn_row(b, "W1", first + i, "this guard never holds");
        else if (!v.ever_not[0])
            warn_row(b, "W1", first + i, "this guard always holds");
    }
    samples->count = 0;
    samples->complete = true;
    memset(&v, 0, sizeof(v));
    for (unsigned i = 0; i < count; i++) {
        if (guards[i] != FLOW_NO)
            samples_collect(b, samples, guards[i]);
    }
    if (samples->complete && combinations(samples) <= FLOW_SAMPLE_RUNS_MAX)
        try_rows(b, samples, guards, count, &v);
    for (unsigned i = 1; i < count && v.ever[0] + v.ever_not[0] > 0; i++) {
        if (v.ever[i] && !v.ever_first[i])
            warn_row(b, "W2", first + i, "never taken: the rows before it always are");
    }
    free(samples);
}

/* Rows of one state and one event stand together and are tried in order. */
static void warn_guards(struct flow_build *b)
{
    for (unsigned s = 0; s < b->states.count; s++) {
        const struct flow_state_def *state = build_state(b, s);
        unsigned i = 0;

        while (i < state->row_count) {
            unsigned first = state->first_row + i;
            unsigned count = 1;

            while (i + count < state->row_count && count < GROUP_MAX &&
                   build_row(b, first + count)->event == build_row(b, first)->event)
                count++;
            warn_group(b, first, count);
            for (unsigned r = 0; r + 1 < count; r++) {
                if (build_row(b, first + r)->guard == FLOW_NO && state->kind != FLOW_KIND_CHOOSE)
                    warn_row(b, "W2", first + r + 1,
                             "never taken: a row without a guard stands before it");
            }
            i += count;
        }
    }
}

/* ---- W3, W8 ---- */
static const struct {
    const char *channel;
    bool files, cards;
} channels[] = {
    { "web", true, true },    { "wechat", true, true }, { "whatsapp", true, false },
    { "email", true, false }, { "sms", false, false },  { "api", true, true },
};

static bool ui_is(struct slice ui, const char *name)
{
    struct slice s = slice_of(name);

    return slice_starts_with(ui, s) && (ui.len == s.len || ui.ptr[s.len] == '(');
}

static void warn_ui(struct flow_build *b, const struct flow_node *node,
                    const struct flow_state_def *state)
{
    const struct flow_node *list = flow_node_get(b->root, "channels");
    const struct flow_slot_def *slot = build_slot(b, state->a);
    struct slice ui = state->b != 0 ? slice_of(build_str(b, state->b)) : slice_of("");
    bool files =
        slot->type == FLOW_SLOT_FILE || slot->type == FLOW_SLOT_FILES || ui_is(ui, "upload");

    if (slot->value_count > BUTTONS_MAX)
        flow_report_add(b->report, "W3", node->key_line, node->key_column,
                        "%u buttons, people read %d", slot->value_count, BUTTONS_MAX);
    for (const struct flow_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        for (size_t i = 0; i < LENGTH_OF(channels); i++) {
            if (!slice_equal_text(n->text, channels[i].channel))
                continue;
            if ((files && !channels[i].files) || (ui_is(ui, "card") && !channels[i].cards))
                flow_report_add(b->report, "W8", node->key_line, node->key_column,
                                "channel %s cannot show this (%.*s)", channels[i].channel,
                                files ? 6 : (int)ui.len, files ? "upload" : ui.ptr);
        }
    }
}

/* ---- W4 ---- */
static bool goes_on(const struct flow_row *row)
{
    /* Not deny: that is the way back. */
    return row->event == FLOW_ON_FILLED || row->event == FLOW_ON_ACCEPT ||
           row->event == FLOW_ON_SKIPPED || row->event == FLOW_ON_NEXT || row->event == FLOW_ON_OK;
}

static bool says_something(struct flow_build *b, const struct flow_row *row)
{
    for (unsigned i = 0; i < row->nact; i++) {
        if (FLOW_VEC_AT(b->acts, struct flow_act, row->act0 + i)->kind == FLOW_ACT_SAY)
            return true;
    }
    return false;
}

/* The fourth ask in a row from here, or FLOW_NO. */
static unsigned fourth_ask(struct flow_build *b, unsigned at, unsigned asks, unsigned depth)
{
    const struct flow_state_def *state = build_state(b, at);

    if (depth > 12 || state->progress != FLOW_NO ||
        (state->kind != FLOW_KIND_ASK && state->text != FLOW_NO))
        return FLOW_NO;
    if (state->kind == FLOW_KIND_ASK && ++asks > ASKS_IN_A_ROW)
        return at;
    for (unsigned i = 0; i < state->row_count; i++) {
        const struct flow_row *row = build_row(b, state->first_row + i);
        unsigned found;

        if (!goes_on(row) || says_something(b, row) || row->target >= b->states.count)
            continue;
        found = fourth_ask(b, row->target, asks, depth + 1);
        if (found != FLOW_NO)
            return found;
    }
    return FLOW_NO;
}

static void warn_progress(struct flow_build *b)
{
    bool *warned = mem_zalloc(b->states.count);

    for (unsigned i = 0; i < b->states.count; i++) {
        unsigned at = build_state(b, i)->kind == FLOW_KIND_ASK ? fourth_ask(b, i, 0, 0) : FLOW_NO;

        if (at == FLOW_NO || warned[at])
            continue;
        warned[at] = true;
        flow_report_add(b->report, "W4", build_state_node(b, at)->key_line,
                        build_state_node(b, at)->key_column,
                        "more than %d asks in a row: say how far we are (progress)", ASKS_IN_A_ROW);
    }
    free(warned);
}

/* ---- W6 ---- */
/* Values of an enum that rows of a choose name one by one: the ones forgotten. */
static void warn_values(struct flow_build *b, const struct flow_state_def *state)
{
    uint64_t named[FLOW_SLOTS_MAX] = { 0 };
    unsigned rows[FLOW_SLOTS_MAX] = { 0 };

    for (unsigned r = 0; r < state->row_count; r++) {
        const struct flow_row *row = build_row(b, state->first_row + r);
        struct expr_use uses[USES_MAX];
        uint64_t touched = 0;
        unsigned calls;
        size_t count;

        if (row->guard == FLOW_NO)
            continue;
        count = expr_uses(FLOW_VEC_AT(b->exprs, struct flow_build_expr, row->guard)->expr, uses,
                          USES_MAX, &calls);
        for (size_t i = 0; i < count && i < USES_MAX; i++) {
            unsigned at = FLOW_VEC_AT(b->symbols, struct flow_symbol, uses[i].id)->slot;
            const struct flow_slot_def *slot = at != FLOW_NO ? build_slot(b, at) : NULL;

            if (slot == NULL || slot->type != FLOW_SLOT_ENUM || uses[i].value.type != EXPR_TEXT)
                continue;
            touched |= UINT64_C(1) << at;
            for (unsigned v = 0; v < slot->value_count; v++) {
                if (slice_equal_text(
                        uses[i].value.text,
                        build_str(
                            b,
                            FLOW_VEC_AT(b->values, struct flow_value_def, slot->value0 + v)->name)))
                    named[at] |= UINT64_C(1) << v;
            }
        }
        for (unsigned i = 0; i < b->slots.count; i++)
            rows[i] += (touched >> i & 1U) != 0;
    }
    for (unsigned i = 0; i < b->slots.count; i++) {
        const struct flow_slot_def *slot = build_slot(b, i);
        unsigned missing = 0;
        const char *first = "";

        for (unsigned v = 0; rows[i] >= 2 && v < slot->value_count; v++) {
            if ((named[i] >> v & 1U) != 0)
                continue;
            if (missing++ == 0)
                first = build_str(
                    b, FLOW_VEC_AT(b->values, struct flow_value_def, slot->value0 + v)->name);
        }
        /* One value left to else is the ordinary way to write it. */
        if (missing > 1)
            flow_report_add(b->report, "W6", build_row_node(b, state->first_row)->line,
                            build_row_node(b, state->first_row)->column,
                            "%s of slot %s and %u more are left to else", first,
                            build_str(b, slot->name), missing - 1);
    }
}

/* ---- W7 ---- */
static unsigned bigrams(struct slice text, uint32_t *out, unsigned max)
{
    unsigned count = 0;
    uint32_t last = 0;

    while (text.len > 0 && count < max) {
        uint32_t c = text_next(&text);
        if (last != 0)
            out[count++] = last * 31 + c;
        last = c;
    }
    return count;
}

/* Dice's coefficient of the character pairs, in percent. */
static unsigned similarity(struct slice a, struct slice b)
{
    uint32_t left[256];
    uint32_t right[256];
    unsigned left_count = bigrams(a, left, LENGTH_OF(left));
    unsigned right_count = bigrams(b, right, LENGTH_OF(right));
    unsigned common = 0;

    if (slice_equal(a, b))
        return 100;
    for (unsigned i = 0; i < left_count; i++) {
        for (unsigned j = 0; j < right_count; j++) {
            if (left[i] == right[j] && right[j] != 0) {
                common++;
                right[j] = 0;
                break;
            }
        }
    }
    return left_count + right_count == 0 ? 0 : 200 * common / (left_count + right_count);
}

static void warn_triggers(struct flow_build *b, const struct flow *other)
{
    const struct flow_node *start = flow_node_get(b->root, "start");
    const uint32_t *phrases = FLOW_TABLE(other, phrases, uint32_t);
    const uint32_t *intents = FLOW_TABLE(other, intents, uint32_t);

    for (unsigned i = 0; i < b->phrases.count; i++) {
        struct slice own = slice_of(build_str(b, *FLOW_VEC_AT(b->phrases, uint32_t, i)));

        for (unsigned j = 0; j < other->phrases.count; j++) {
            if (similarity(own, slice_of(flow_str(other, phrases[j]))) <= SIMILAR_PERCENT)
                continue;
            flow_report_add(b->report, "W7", start->line, start->column, "\"%s\" begins %s too",
                            flow_str(other, phrases[j]), flow_str(other, other->name));
        }
    }
    for (unsigned i = 0; i < b->intents.count; i++) {
        for (unsigned j = 0; j < other->intents.count; j++) {
            if (strcmp(build_str(b, *FLOW_VEC_AT(b->intents, uint32_t, i)),
                       flow_str(other, intents[j])) == 0)
                flow_report_add(b->report, "W7", start->line, start->column,
                                "intent %s begins %s too", flow_str(other, intents[j]),
                                flow_str(other, other->name));
        }
    }
}

void flow_warn(struct flow_build *b)
{
    bool csat = false;

    warn_guards(b);
    warn_progress(b);
    for (unsigned i = 0; i < b->states.count; i++) {
        const struct flow_state_def *state = build_state(b, i);

        if (state->kind == FLOW_KIND_ASK)
            warn_ui(b, build_state_node(b, i), state);
        if (state->kind == FLOW_KIND_CHOOSE)
            warn_values(b, state);
        csat |= state->csat != 0;
    }
    if (!csat && flow_node_get(b->root, "start") != NULL)
        flow_report_add(b->report, "W5", b->root->line, b->root->column,
                        "no end asks for a rating (csat: true)");
    for (size_t i = 0; b->others != NULL && i < b->others->count; i++) {
        if (!slice_equal(flow_name(b->others->flows[i]), slice_of(build_str(b, b->head.name))))
            warn_triggers(b, b->others->flows[i]);
    }
}
