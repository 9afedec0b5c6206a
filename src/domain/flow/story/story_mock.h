/* SPDX-License-Identifier: Apache-2.0 */
/* The world of a story, out of its source: `given`, `mock`, and the stand-in of the ladder. For
 * this folder and for `kefu flow run`. */
#ifndef KEFU_STORY_MOCK_H
#define KEFU_STORY_MOCK_H

#include "flow_doc.h"
#include "story_session.h"

struct story_mock {
    const struct flow_node *given;
    const struct flow_node *actions; /* `mock` */
    const struct flow_node *rung;    /* of the step at hand, or NULL */
    char rung_name[32];
    int utc_offset_minutes;
    const char *fault_at; /* action that fails instead, NULL: none */
    const char *fault_outcome;
    bool fault_done;
    const char *missing; /* an action without a mock was called */
    char missing_name[EXPR_NAME_BYTES_MAX + 1];
    unsigned calls[64]; /* of each action in order of the source: lists of answers */
};
struct story_host story_mock_host(struct story_mock *mock);
/* A value of the source as JSON. */
void story_node_json(const struct flow_node *node, struct buf *out);
/* Value at "policy.return_days": keys with dots and maps in maps are the same. */
const struct flow_node *story_node_path(const struct flow_node *map, struct slice path);
bool story_text_is_question(struct slice text);

#endif
