/* SPDX-License-Identifier: Apache-2.0 */
/* The machine, after Pike: one pass over the text with an ordered list of threads, at most one per
 * instruction, so the work is text x instructions at most. The order of the list is the priority of
 * leftmost-first matching: a thread that matches ends all that stand behind it.
 *
 * R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009. libtre was tried and
 * left, see docs/decisions. */
#include "regex_priv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text.h"

enum {
    SLOTS_MAX = 2 * REGEX_GROUPS_MAX,
    NO_CHAR = 0xFFFFFFFF, /* before the first and after the last */
    STACK_MAX = 2 * REGEX_INSTS_MAX + SLOTS_MAX,
};

/* Threads in order of priority; a sparse set, so clearing costs nothing. */
struct thread_list {
    unsigned count;
    uint16_t dense[REGEX_INSTS_MAX];
    uint16_t sparse[REGEX_INSTS_MAX];
};

struct regex_scratch {
    int32_t slots[2][REGEX_INSTS_MAX][SLOTS_MAX];
};

struct pending {
    int32_t value; /* to restore in now[slot], when slot >= 0 */
    int16_t slot;  /* -1: go to pc */
    uint16_t pc;
};

/* Not zeroed as a whole: sparse sets need no clearing, and 24 kB a call would cost more than the
 * match. */
struct machine {
    const struct regex *regex;
    struct slice text;
    struct regex_scratch *scratch; /* NULL: only whether, not where */
    unsigned slot_count;
    struct thread_list lists[2];
    int32_t now[SLOTS_MAX]; /* of the thread being added */
    int32_t best[SLOTS_MAX];
    bool matched;
    struct pending stack[STACK_MAX];
};

static void machine_init(struct machine *m, const struct regex *regex, struct slice text)
{
    m->regex = regex;
    m->text = text;
    m->scratch = NULL;
    m->slot_count = 0;
    m->lists[0].count = m->lists[1].count = 0;
    m->matched = false;
}

/* Where the machine stands: between two characters. */
struct place {
    size_t at;
    uint32_t before, after;
};

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool assertion_holds(unsigned kind, const struct place *place)
{
    switch ((enum regex_assert)kind) {
    case REGEX_TEXT_BEGIN:
        return place->before == NO_CHAR;
    case REGEX_TEXT_END:
        return place->after == NO_CHAR;
    case REGEX_LINE_BEGIN:
        return place->before == NO_CHAR || place->before == '\n';
    case REGEX_LINE_END:
        return place->after == NO_CHAR || place->after == '\n';
    case REGEX_BORDER:
        return is_word(place->before) != is_word(place->after);
    case REGEX_NO_BORDER:
        return is_word(place->before) == is_word(place->after);
    }
    return false;
}

/* True when the instruction was not in the list yet. */
static bool list_add(struct thread_list *list, uint16_t pc)
{
    unsigned at = list->sparse[pc];

    if (at < list->count && list->dense[at] == pc)
        return false;
    list->sparse[pc] = (uint16_t)list->count;
    list->dense[list->count++] = pc;
    return true;
}

/* Adds a thread and all that it reaches without a character, best first. A stack of its own: the
 * depth of the program is not the depth of the C stack. */
static void thread_add(struct machine *m, unsigned which, uint16_t pc, const struct place *place)
{
    struct thread_list *list = &m->lists[which];
    struct pending *stack = m->stack;
    unsigned depth = 0;

    stack[depth++] = (struct pending){ 0, -1, pc };
    while (depth > 0) {
        struct pending top = stack[--depth];
        const struct regex_inst *inst;

        if (top.slot >= 0) {
            m->now[top.slot] = top.value;
            continue;
        }
        if (!list_add(list, top.pc))
            continue;
        inst = &m->regex->insts[top.pc];
        switch (inst->op) {
        case REGEX_OP_JUMP:
            stack[depth++] = (struct pending){ 0, -1, inst->x };
            break;
        case REGEX_OP_SPLIT:
            stack[depth++] = (struct pending){ 0, -1, (uint16_t)inst->y };
            stack[depth++] = (struct pending){ 0, -1, inst->x };
            break;
        case REGEX_OP_SAVE:
            if (inst->x < m->slot_count) {
                stack[depth++] = (struct pending){ m->now[inst->x], (int16_t)inst->x, 0 };
                m->now[inst->x] = (int32_t)place->at;
            }
            stack[depth++] = (struct pending){ 0, -1, (uint16_t)(top.pc + 1) };
            break;
        case REGEX_OP_ASSERT:
            if (assertion_holds(inst->x, place))
                stack[depth++] = (struct pending){ 0, -1, (uint16_t)(top.pc + 1) };
            break;
        default:
            if (m->slot_count > 0)
                memcpy(m->scratch->slots[which][top.pc], m->now, m->slot_count * sizeof(m->now[0]));
            break;
        }
        ENSURE(depth < STACK_MAX - 2);
    }
}

static bool inst_takes(const struct regex *regex, const struct regex_inst *inst, uint32_t c)
{
    switch (inst->op) {
    case REGEX_OP_CHAR:
        return c == inst->y;
    case REGEX_OP_FOLDED:
        return regex_fold(c) == inst->y;
    case REGEX_OP_ANY:
        return true;
    case REGEX_OP_NOT_NL:
        return c != '\n';
    default:
        return regex_class_has(regex_ranges(regex) + inst->y, inst->x, c,
                               (inst->flags & REGEX_INST_FOLD) != 0) !=
               ((inst->flags & REGEX_INST_NEGATED) != 0);
    }
}

static bool inst_is_leaf(const struct regex_inst *inst)
{
    return inst->op <= REGEX_OP_CLASS || inst->op == REGEX_OP_MATCH;
}

/* All threads of list `from` over the character at place; next is the place behind it. */
static void threads_step(struct machine *m, unsigned from, const struct place *place,
                         const struct place *next)
{
    struct thread_list *list = &m->lists[from];

    m->lists[1 - from].count = 0;
    for (unsigned i = 0; i < list->count; i++) {
        uint16_t pc = list->dense[i];
        const struct regex_inst *inst = &m->regex->insts[pc];

        if (!inst_is_leaf(inst))
            continue;
        if (m->slot_count > 0)
            memcpy(m->now, m->scratch->slots[from][pc], m->slot_count * sizeof(m->now[0]));
        if (inst->op == REGEX_OP_MATCH) {
            if (m->regex->whole && place->after != NO_CHAR)
                continue;
            m->matched = true;
            memcpy(m->best, m->now, m->slot_count * sizeof(m->now[0]));
            return;
        }
        if (place->after != NO_CHAR && inst_takes(m->regex, inst, place->after))
            thread_add(m, 1 - from, (uint16_t)(pc + 1), next);
    }
}

static uint32_t char_at(struct slice text, size_t at, size_t *end)
{
    struct slice rest = slice_make(text.ptr + at, text.len - at);
    uint32_t c;

    *end = at;
    if (rest.len == 0)
        return NO_CHAR;
    if ((unsigned char)rest.ptr[0] < 0x80) {
        *end = at + 1;
        return (unsigned char)rest.ptr[0];
    }
    c = text_next(&rest);
    *end = (size_t)(rest.ptr - text.ptr);
    return c;
}

/* With no thread alive, a search goes on where a match can begin. */
static size_t skip_to_first(const struct regex *regex, struct slice text, size_t at)
{
    const char *found;

    if (regex->first < 0 || regex->anchored || at >= text.len)
        return at;
    found = memchr(text.ptr + at, regex->first, text.len - at);
    return found != NULL ? (size_t)(found - text.ptr) : text.len;
}

static bool machine_run(struct machine *m, size_t from)
{
    const struct regex *regex = m->regex;
    struct place place = { .at = from, .before = NO_CHAR };
    struct place next;
    unsigned list = 0;
    size_t end;

    ENSURE(m->text.len <= REGEX_TEXT_BYTES_MAX && from <= m->text.len);
    for (size_t at = from; at > 0; at--) { /* the character before, for assertions */
        if (at == 1 || ((unsigned char)m->text.ptr[at - 1] & 0xC0) != 0x80) {
            place.before = char_at(m->text, at - 1, &end);
            break;
        }
    }
    for (;;) {
        bool may_begin = !m->matched && !(regex->anchored && place.before != NO_CHAR);

        if (m->lists[list].count == 0) {
            size_t at = may_begin ? skip_to_first(regex, m->text, place.at) : place.at;
            if (!may_begin)
                break;
            if (at > place.at) {
                /* The byte before an ASCII byte is enough: only its kind is asked for. */
                place.before = (unsigned char)m->text.ptr[at - 1];
                place.at = at;
            }
        }
        place.after = char_at(m->text, place.at, &end);
        next.at = end;
        next.before = place.after;
        if (may_begin) {
            for (unsigned i = 0; i < m->slot_count; i++)
                m->now[i] = -1;
            thread_add(m, list, 0, &place);
        }
        if (place.after != NO_CHAR)
            next.after = char_at(m->text, end, &end);
        threads_step(m, list, &place, &next);
        if (place.after == NO_CHAR || (m->matched && m->slot_count == 0))
            break;
        list = 1 - list;
        place = next;
    }
    return m->matched;
}

bool regex_test(const struct regex *regex, struct slice text)
{
    struct machine m __attribute__((uninitialized));

    machine_init(&m, regex, text);
    return machine_run(&m, 0);
}

struct regex_scratch *regex_scratch_create(void)
{
    return mem_alloc(sizeof(struct regex_scratch));
}

void regex_scratch_destroy(struct regex_scratch **scratch)
{
    free(*scratch);
    *scratch = NULL;
}

bool regex_find(const struct regex *regex, struct regex_scratch *scratch, struct slice text,
                size_t from, struct regex_span *spans, unsigned span_count)
{
    struct machine m __attribute__((uninitialized));

    ENSURE(span_count >= 1 && span_count <= REGEX_GROUPS_MAX);
    machine_init(&m, regex, text);
    m.scratch = scratch;
    m.slot_count = 2 * span_count;
    if (!machine_run(&m, from))
        return false;
    for (unsigned i = 0; i < span_count; i++) {
        bool took_part = i < regex->group_count && m.best[2 * i] >= 0 && m.best[2 * i + 1] >= 0;
        spans[i] = took_part ? (struct regex_span){ m.best[2 * i], m.best[2 * i + 1] }
                             : (struct regex_span){ -1, -1 };
    }
    return true;
}

size_t regex_bytes(const struct regex *regex)
{
    return regex->bytes;
}

unsigned regex_groups(const struct regex *regex)
{
    return regex->group_count;
}

/* ---- samples ---- */
static uint64_t dice(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 11;
}

/* A character that the instruction takes. */
static uint32_t sample_char(const struct regex *regex, const struct regex_inst *inst,
                            uint64_t *seed)
{
    uint32_t c = inst->y;

    if (inst->op == REGEX_OP_CHAR || inst->op == REGEX_OP_FOLDED)
        return c;
    for (unsigned tries = 0; tries < 200; tries++) {
        c = inst->op == REGEX_OP_CLASS && inst->x > 0 && tries % 2 == 0
                ? regex_ranges(regex)[inst->y + dice(seed) % inst->x].lo
                : (uint32_t)('0' + dice(seed) % 75);
        if (c >= ' ' && c <= REGEX_CODE_MAX && inst_takes(regex, inst, c))
            return c;
    }
    return 'x';
}

static size_t sample_once(const struct regex *regex, uint64_t *seed, char *out, size_t cap)
{
    size_t len = 0;
    unsigned pc = 0;

    for (unsigned steps = 0; steps < 4 * REGEX_INSTS_MAX && len + 4 <= cap; steps++) {
        const struct regex_inst *inst = &regex->insts[pc];

        if (inst->op == REGEX_OP_MATCH)
            return len;
        if (inst->op == REGEX_OP_SPLIT)
            pc = dice(seed) % 2 == 0 ? inst->x : inst->y;
        else if (inst->op == REGEX_OP_JUMP)
            pc = inst->x;
        else
            pc++;
        if (inst->op <= REGEX_OP_CLASS)
            len += text_encode(sample_char(regex, inst, seed), out + len);
    }
    return 0;
}

size_t regex_sample(const struct regex *regex, uint64_t seed, char *out, size_t cap)
{
    seed |= 1;
    for (unsigned tries = 0; tries < 50; tries++) {
        size_t len = sample_once(regex, &seed, out, cap);

        if (len > 0 && regex_test(regex, slice_make(out, len)))
            return len;
    }
    return 0;
}
