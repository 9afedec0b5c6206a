/* SPDX-License-Identifier: Apache-2.0 */
/* Random walks through flows that record themselves as stories. A walk answers whatever the flow
 * waits for: rightly, wrongly, not at all, with a question, a correction, a changed mind; names of
 * the host and answers of actions are made up when they are first asked for, from the constants
 * that the flows' guards compare them with. Same seed, same walk. */
#ifndef KEFU_STORY_WALK_H
#define KEFU_STORY_WALK_H

#include "flow_priv.h"
#include "story.h"
#include "story_session.h"

enum {
    WALK_NAMES_MAX = 64,
    WALK_STEPS_MAX = 60,
    WALK_MOCKS_MAX = 128,
    WALK_TEXT_MAX = 512,
};

enum walk_move {
    WALK_ANSWER,
    WALK_WRONG, /* until exhausted, one at a time */
    WALK_SKIP,
    WALK_TIMEOUT,
    WALK_QUESTION,
    WALK_INTENT,
    WALK_CORRECT,
    WALK_HUMAN,
    WALK_CANCEL,
    WALK_MESSAGE,
    WALK_FILE,
    WALK_WEBHOOK,
    WALK_AGENT,
    WALK_TURNS, /* questions until the turns are used up */
    WALK_MOVE_COUNT,
};

struct walk_name {
    char name[EXPR_NAME_BYTES_MAX + 1];
    char value[WALK_TEXT_MAX]; /* as the source of a story has it */
    struct expr_value parsed;
};
struct walk_mock {
    char action[EXPR_NAME_BYTES_MAX + 1];
    char outcome[EXPR_NAME_BYTES_MAX + 1];
    char json[STORY_ANSWER_MAX];
};

struct walk {
    const struct flow_set *set;
    const struct flow *flow; /* the one that is walked */
    struct story_session session;
    uint64_t seed;
    unsigned calm; /* one move in so many is something rare */
    bool tame;     /* only right answers and successful actions: for a way to an ask or an end */
    const uint8_t *seen; /* rows of `flow` that need no more walks, or NULL */
    uint8_t *rows;       /* rows of `flow` that this walk passed */
    struct walk_name names[WALK_NAMES_MAX];
    unsigned name_count;
    struct walk_mock mocks[WALK_MOCKS_MAX];
    unsigned mock_count;
    char start_json[STORY_ANSWER_MAX]; /* slots that a caller would have filled */
    struct buf steps;                  /* source text */
    unsigned step_count;
    char outcome[EXPR_NAME_BYTES_MAX + 16]; /* end name, or "handoff" */
    unsigned moves[WALK_MOVE_COUNT];
    bool failed; /* the engine refused a step */
};

struct walk *walk_create(const struct flow_set *set, const struct flow *flow, uint64_t seed);
void walk_destroy(struct walk **walk);
/* Begins the flow. */
void walk_start(struct walk *walk);
/* One move; false: the run is over. */
bool walk_step(struct walk *walk);
/* Until the stack is not deeper than depth, or WALK_STEPS_MAX; true: it came to that. */
bool walk_until(struct walk *walk, unsigned depth);
/* One particular move, when it is possible here. */
bool walk_move(struct walk *walk, enum walk_move move);
/* The whole as a story. */
void walk_write(const struct walk *walk, const char *title, struct buf *out);

/* ---- making values up (walk_value.c) ---- */
uint64_t walk_dice(struct walk *walk, uint64_t sides);
/* A good answer for a slot, as text; false: it is picked or uploaded otherwise. */
bool walk_slot_text(struct walk *walk, const struct flow *flow, const struct flow_slot_def *slot,
                    char *out, size_t size);
bool walk_host_value(struct walk *walk, struct slice name, char *out, size_t size,
                     struct expr_value *parsed);
/* The JSON that an action of a flow would answer. */
void walk_answer_json(struct walk *walk, const struct flow *flow,
                      const struct flow_action_def *action, struct buf *out);
void walk_slot_json(struct walk *walk, const struct flow *flow, unsigned slot, struct buf *out);
bool walk_chinese(const struct walk *walk);
/* Quoted where a plain scalar would be read as something else. */
void walk_add_scalar(struct buf *out, struct slice text);

#endif
