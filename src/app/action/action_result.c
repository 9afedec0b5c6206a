/* SPDX-License-Identifier: Apache-2.0 */
#include "action.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static bool error_find(const Kefu__V1__Action *action, struct slice code, struct slice *name)
{
    for (size_t i = 0; i < action->n_errors; i++) {
        if (slice_equal_text(code, action->errors[i]->key)) {
            *name = slice_of(action->errors[i]->value);
            return true;
        }
    }
    return false;
}

/* The code that an answer carries: a plain text or number at error_path. */
static bool code_find(const Kefu__V1__Action *action, struct slice body, struct slice *code)
{
    struct slice path =
        action->error_path[0] != '\0' ? slice_of(action->error_path) : SLICE_LITERAL("error.code");

    if (!action_json_at(body, path, code))
        return false;
    if (code->ptr[0] == '"')
        *code = slice_make(code->ptr + 1, code->len - 2);
    return true;
}

static bool json_valid(struct slice body)
{
    struct json_reader reader;

    json_reader_init(&reader, body);
    return json_skip_value(&reader) && json_next(&reader) == JSON_END;
}

void action_result_map(const Kefu__V1__Action *action, int status, struct slice body,
                       struct action_result *out)
{
    bool json = body.len > 0 && json_valid(body);
    struct slice code;
    char number[8];

    *out = (struct action_result){ .name = SLICE_LITERAL("failed") };
    /* What the answer itself says is more exact than its status. */
    if (json && code_find(action, body, &code) && error_find(action, code, &out->name))
        return;
    snprintf(number, sizeof(number), "%d", status);
    if (error_find(action, slice_of(number), &out->name))
        return;
    if (status < 200 || status > 299) {
        out->note = "status";
    } else if (body.len > 0 && !json) {
        out->note = "answer is not JSON";
    } else if (action->result[0] == '\0') {
        out->name = SLICE_LITERAL("ok");
        out->json = body;
    } else if (json && action_json_at(body, slice_of(action->result), &out->json)) {
        out->name = SLICE_LITERAL("ok");
    } else {
        out->json = SLICE_EMPTY;
        out->note = "answer lacks the declared part";
    }
}
