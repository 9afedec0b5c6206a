/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_inbox.h"

#include <stdlib.h>

#include "intent_near.h"
#include "mem.h"

enum { PAIRS_MAX = 200000 };

static const float SURE = 0.3f; /* doubt below this is not worth anybody's time */
static const float NEAR = 0.6f;

/* The root of a text's group, with paths halved on the way. */
static uint32_t root_of(uint32_t *parents, uint32_t at)
{
    while (parents[at] != at) {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    return at;
}

static void groups_find(const struct slice *texts, size_t count, uint32_t *parents)
{
    struct intent_pair *pairs = mem_alloc(PAIRS_MAX * sizeof(*pairs));
    size_t found = intent_near_pairs(texts, count, NEAR, pairs, PAIRS_MAX);

    for (size_t i = 0; i < found; i++) {
        uint32_t a = root_of(parents, pairs[i].a);
        uint32_t b = root_of(parents, pairs[i].b);

        if (a != b)
            parents[a > b ? a : b] = a < b ? a : b;
    }
    free(pairs);
}

static int worth_order(const void *a, const void *b)
{
    const struct intent_question *x = a;
    const struct intent_question *y = b;

    if (x->worth != y->worth)
        return x->worth < y->worth ? 1 : -1;
    return (x->text > y->text) - (x->text < y->text);
}

/* Everybody's count to the root; the root's text becomes the most common form. */
static void groups_sum(const uint32_t *counts, size_t count, uint32_t *parents,
                       struct intent_question *groups)
{
    uint32_t *most = mem_zalloc((count + 1) * sizeof(*most));

    for (size_t i = 0; i < count; i++) {
        uint32_t root = root_of(parents, (uint32_t)i);
        uint32_t asked = counts != NULL ? counts[i] : 1;

        groups[root].count += asked;
        groups[root].forms++;
        if (asked > most[root]) {
            most[root] = asked;
            groups[root].text = (uint32_t)i;
        }
    }
    free(most);
}

size_t intent_inbox(const struct intent_model *model, struct intent_scratch *scratch,
                    const struct slice *texts, const uint32_t *counts, size_t count,
                    struct intent_question *out, size_t max)
{
    uint32_t *parents = mem_alloc((count + 1) * sizeof(*parents));
    struct intent_question *groups = mem_zalloc((count + 1) * sizeof(*groups));
    size_t unsure = 0;
    size_t given;

    for (size_t i = 0; i < count; i++)
        parents[i] = (uint32_t)i;
    groups_find(texts, count, parents);
    groups_sum(counts, count, parents, groups);
    for (size_t i = 0; i < count; i++) {
        struct intent_question question = groups[i];
        const struct intent_hit *hits = question.guess.hits;

        if (question.forms == 0)
            continue;
        intent_predict(model, scratch, texts[question.text], 3, &question.guess);
        hits = question.guess.hits;
        question.doubt = 1;
        if (question.guess.count > 1)
            question.doubt = 1 - (hits[0].score - hits[1].score);
        question.worth = question.doubt * (float)question.count;
        if (!question.guess.exact && question.doubt >= SURE)
            groups[unsure++] = question;
    }
    qsort(groups, unsure, sizeof(*groups), worth_order);
    given = unsure < max ? unsure : max;
    for (size_t i = 0; i < given; i++)
        out[i] = groups[i];
    free(parents);
    free(groups);
    return given;
}
