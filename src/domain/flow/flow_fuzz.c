/* SPDX-License-Identifier: Apache-2.0 */
/* A source of a flow: read, checked, compiled, formatted; what compiles is walked with a few
 * events. The canonical form compiles as its source did, and formatting it again changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void get(void *ctx, struct slice name, struct expr_value *out)
{
    (void)ctx;
    if (name.len % 2 == 0)
        *out = (struct expr_value){ .type = EXPR_NUMBER, .number = (int64_t)name.len * EXPR_ONE };
}

static void walk(struct flow **flow)
{
    static struct flow_out out;
    static const char *const texts[] = { "1", "好的", "no, AB1234567890", "tomorrow 13800138000",
                                         "取消" };
    struct flow_set *set = flow_set_create();
    struct slice name = flow_name(*flow);
    struct flow_env env = { .set = set, .get = get, .utc_offset_minutes = 480 };
    struct flow_state state;
    struct err err;
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    int64_t now = INT64_C(1772416800000);

    ENSURE(flow_set_add(set, flow, &err) == ERR_OK);
    flow_state_init(&state);
    for (unsigned i = 0; i < 24; i++) {
        struct flow_event event = { .kind = i == 0       ? FLOW_EVENT_START
                                            : i % 5 == 4 ? FLOW_EVENT_TIMER
                                                         : FLOW_EVENT_MESSAGE,
                                    .ladder =
                                        i % 7 == 3 ? FLOW_LADDER_ANSWERS : FLOW_LADDER_SILENT };

        event.name = i == 0 ? name : slice_of(i % 3 == 0 ? "failed" : "ok");
        event.text = i == 0 ? slice_of("") : slice_of(texts[i % LENGTH_OF(texts)]);
        if (state.wait == FLOW_WAIT_ACTION) {
            event.kind = FLOW_EVENT_RESULT;
            event.seq = state.seq;
            event.json = slice_of("{\"id\":\"x\",\"n\":3}");
        }
        if (flow_step(&state, &event, now, &env, &out, &err) != ERR_OK)
            break;
        ENSURE(flow_state_encode(&state, bytes) <= FLOW_STATE_BYTES_MAX);
        ENSURE(flow_state_decode(slice_make(bytes, flow_state_encode(&state, bytes)), &state,
                                 &err) == ERR_OK);
        now += i % 5 == 3 ? INT64_C(400000000) : 1000;
    }
    flow_set_destroy(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct flow_report report;
    struct slice source = slice_make(data, size);
    struct flow *flow = NULL;
    struct flow *again = NULL;
    struct buf once;
    struct buf twice;

    if (size > 8192)
        return 0;
    flow_report_init(&report);
    flow_compile(source, NULL, NULL, &flow, NULL, &report);
    ENSURE((flow != NULL) == (report.errors == 0));
    buf_init(&once, 1024 * 1024);
    buf_init(&twice, 1024 * 1024);
    flow_report_init(&report);
    if (flow_format(source, &once, &report)) {
        flow_report_init(&report);
        flow_compile(buf_slice(&once), NULL, NULL, &again, NULL, &report);
        ENSURE((again != NULL) == (flow != NULL));
        flow_report_init(&report);
        ENSURE(flow_format(buf_slice(&once), &twice, &report));
        ENSURE(slice_equal(buf_slice(&once), buf_slice(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
    flow_destroy(&again);
    if (flow != NULL)
        walk(&flow);
    return 0;
}
