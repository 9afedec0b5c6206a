/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a shop's answer and as a flow's input: what is mapped lies inside the answer, what
 * is filled into a body is JSON. */
#include <stddef.h>
#include <stdint.h>

#include "action.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const Kefu__V1__Action *action, struct slice input)
{
    struct action_call call;
    struct json_reader reader;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    if (action_call_build(action, input, SLICE_EMPTY, NULL, &arena, &call, NULL) == ERR_OK) {
        json_reader_init(&reader, call.body);
        ENSURE(json_skip_value(&reader) && json_next(&reader) == JSON_END);
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Kefu__V1__Action action = KEFU__V1__ACTION__INIT;
    struct slice bytes = slice_make(data, size);
    struct action_result result;

    action.url = (char *)"https://a.test/{a}?b={b.c}";
    action.body = (char *)"{\"a\":\"{a}\",\"b\":\"x{b.c}y\"}";
    action.result = (char *)"a.b";
    action_result_map(&action, 200, bytes, &result);
    ENSURE(result.json.len == 0 || (result.json.ptr >= bytes.ptr &&
                                    result.json.ptr + result.json.len <= bytes.ptr + bytes.len));
    check_body(&action, bytes);
    return 0;
}
