/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a stored state: refused, or decoded to a state that encodes again and that any event may
 * step, whatever it claims to be. */
#include <stdint.h>

#include "check.h"
#include "flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char source[] =
    "flow: f\nversion: 1\nlocales: [en]\n"
    "slots: {a: {type: enum, values: [x, y], fill: [nlu, user]}, l: {type: list, of: \"o.i\"}, "
    "o: {type: json}, n: {type: number}, d: {type: date}, p: {type: phone, keep: session}}\n"
    "actions: {act: {in: [a], out: o}}\n"
    "states:\n"
    "  q: {ask: a, when: {filled: r, exhausted: h, timeout: e}}\n"
    "  r: {do: act, when: {ok: s, failed: w}}\n"
    "  s: {ask: l, when: {filled: c, exhausted: h, timeout: e}}\n"
    "  c: {choose: [{if: \"o.k > 3 && 'a' in l\", to: h}, {else: e}]}\n"
    "  w: {wait: 1h, when: {message: q, timeout: e}}\n"
    "  h: {handoff: desk, when: {returned: q}}\n"
    "  e: {end: done}\n";

static void get(void *ctx, struct slice name, struct expr_value *out)
{
    (void)ctx;
    (void)name;
    (void)out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct flow_set *set;
    static struct flow_report report;
    static struct flow_out out;
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    struct flow_env env = { .get = get };
    struct flow_state state;
    struct err err = { 0 };

    if (set == NULL) {
        struct flow *flow = NULL;

        flow_report_init(&report);
        flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
        ENSURE(flow != NULL);
        set = flow_set_create();
        ENSURE(flow_set_add(set, &flow, &err) == ERR_OK);
    }
    env.set = set;
    if (flow_state_decode(slice_make(data, size), &state, &err) != ERR_OK) {
        ENSURE(err.code != ERR_OK && state.depth == 0);
        return 0;
    }
    /* Eight bytes of hash are more than a fuzzer guesses: every frame is of the one flow. */
    for (unsigned i = 0; i < state.depth; i++) {
        state.frames[i].flow = flow_name_hash(slice_of("f"));
        state.frames[i].version = 1;
    }
    for (int kind = FLOW_EVENT_MESSAGE; kind <= FLOW_EVENT_CANCEL; kind++) {
        struct flow_state copy = state;
        struct flow_event event = { .kind = (enum flow_event_kind)kind,
                                    .ladder = FLOW_LADDER_SILENT,
                                    .text = SLICE_LITERAL("x"),
                                    .name = SLICE_LITERAL("ok"),
                                    .json = SLICE_LITERAL("{\"i\":[\"a\"],\"k\":5}"),
                                    .seq = state.seq };

        (void)flow_state_pending(&copy, &env, &out);
        if (flow_step(&copy, &event, INT64_MAX / 2, &env, &out, &err) != ERR_OK)
            continue;
        ENSURE(flow_state_encode(&copy, bytes) <= FLOW_STATE_BYTES_MAX);
        ENSURE(flow_state_decode(slice_make(bytes, flow_state_encode(&copy, bytes)), &copy, &err) ==
               ERR_OK);
    }
    return 0;
}
