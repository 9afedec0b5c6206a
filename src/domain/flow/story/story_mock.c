/* SPDX-License-Identifier: Apache-2.0 */
#include "story_mock.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

const struct flow_node *story_node_path(const struct flow_node *map, struct slice path)
{
    const struct flow_node *found = flow_node_find(map, path);

    for (size_t len = path.len; found == NULL && len > 0; len--) {
        const struct flow_node *head;

        if (path.ptr[len - 1] != '.')
            continue;
        head = flow_node_find(map, slice_make(path.ptr, len - 1));
        if (head != NULL)
            found = story_node_path(head, slice_make(path.ptr + len, path.len - len));
    }
    return found;
}

static void value_of(const struct flow_node *node, int utc_offset_minutes, struct expr_value *out)
{
    int64_t number;
    bool truth;

    if (node->kind != FLOW_NODE_SCALAR)
        return;
    if (flow_node_bool(node, &truth)) {
        *out = (struct expr_value){ .type = EXPR_BOOL, .boolean = truth };
    } else if (!node->quoted && expr_number_parse(node->text, &number)) {
        *out = (struct expr_value){ .type = EXPR_NUMBER, .number = number };
    } else if (!node->quoted && expr_time_parse(node->text, utc_offset_minutes, &number)) {
        *out = (struct expr_value){ .type = EXPR_TIME, .time_ms = number };
    } else {
        *out = (struct expr_value){ .type = EXPR_TEXT, .text = node->text };
    }
}

static void mock_get(void *ctx, struct slice name, struct expr_value *out)
{
    const struct story_mock *mock = ctx;
    const struct flow_node *node = story_node_path(mock->given, name);
    struct slice exit = slice_of("session.exit.");

    if (node == NULL && slice_starts_with(name, exit))
        node = flow_node_get(
            flow_node_find(mock->actions, slice_make(name.ptr + exit.len, name.len - exit.len)),
            "exit");
    if (node != NULL)
        value_of(node, mock->utc_offset_minutes, out);
}

static void scalar_json(const struct flow_node *node, struct buf *out)
{
    int64_t number;
    bool truth;

    if (!node->quoted && (flow_node_bool(node, &truth) || expr_number_parse(node->text, &number)))
        buf_add_slice(out, node->text);
    else
        json_add_text(out, node->text);
}

void story_node_json(const struct flow_node *node, struct buf *out)
{
    bool map = node->kind == FLOW_NODE_MAP;

    if (node->kind == FLOW_NODE_SCALAR) {
        scalar_json(node, out);
        return;
    }
    buf_add_char(out, map ? '{' : '[');
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        if (child != node->first)
            buf_add_char(out, ',');
        if (map) {
            json_add_text(out, child->key);
            buf_add_char(out, ':');
        }
        story_node_json(child, out); /* the reader bounds the depth */
    }
    buf_add_char(out, map ? '}' : ']');
}

/* The answer that is due: of a list, one after the other and then the last again. */
static const struct flow_node *answer_due(struct story_mock *mock, struct slice action)
{
    const struct flow_node *node = mock->actions != NULL ? mock->actions->first : NULL;
    unsigned index = 0;
    unsigned call;

    while (node != NULL && !slice_equal(node->key, action)) {
        node = node->next;
        index++;
    }
    if (node == NULL || node->kind != FLOW_NODE_LIST || index >= LENGTH_OF(mock->calls))
        return node;
    call = mock->calls[index]++;
    node = node->first;
    while (node != NULL && call-- > 0 && node->next != NULL)
        node = node->next;
    return node;
}

static void answer_set(struct story_answer *out, struct slice outcome, const struct flow_node *json)
{
    struct buf buf;

    snprintf(out->outcome, sizeof(out->outcome), "%.*s", (int)outcome.len, outcome.ptr);
    buf_init(&buf, sizeof(out->json) - 1);
    if (json != NULL)
        story_node_json(json, &buf);
    memcpy(out->json, buf.ptr != NULL ? buf.ptr : "", buf.len);
    out->json[buf.len] = '\0';
    buf_fini(&buf);
}

static void mock_act(void *ctx, const struct flow_effect *effect, struct story_answer *out)
{
    struct story_mock *mock = ctx;
    const struct flow_node *answer;

    if (mock->fault_at != NULL && slice_equal_text(effect->name, mock->fault_at)) {
        mock->fault_done = true;
        answer_set(out, slice_of(mock->fault_outcome), NULL);
        return;
    }
    answer = answer_due(mock, effect->name);
    if (answer != NULL && answer->kind == FLOW_NODE_MAP && answer->first != NULL) {
        answer_set(out, answer->first->key, answer->first);
    } else if (answer != NULL && answer->kind == FLOW_NODE_SCALAR) {
        if (!slice_equal_text(answer->text, "silent")) /* no answer: the time-out decides */
            answer_set(out, answer->text, NULL);
    } else {
        snprintf(mock->missing_name, sizeof(mock->missing_name), "%.*s", (int)effect->name.len,
                 effect->name.ptr);
        mock->missing = mock->missing_name;
    }
}

bool story_text_is_question(struct slice text)
{
    char norm[1024];
    struct slice plain = text_normalise(text, norm, sizeof(norm));

    return (plain.len > 0 && memchr(plain.ptr, '?', plain.len) != NULL) ||
           memmem(plain.ptr, plain.len, "吗", 3) != NULL;
}

static const char *mock_ladder(void *ctx, struct slice text)
{
    struct story_mock *mock = ctx;

    if (mock->rung != NULL) {
        snprintf(mock->rung_name, sizeof(mock->rung_name), "%.*s", (int)mock->rung->text.len,
                 mock->rung->text.ptr);
        return strcmp(mock->rung_name, "none") == 0 ? NULL : mock->rung_name;
    }
    return story_text_is_question(text) ? "faq" : NULL;
}

struct story_host story_mock_host(struct story_mock *mock)
{
    return (struct story_host){ mock, mock_get, mock_act, mock_ladder };
}
