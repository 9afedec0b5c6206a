/* SPDX-License-Identifier: Apache-2.0 */
/* A treap: a search tree by (key, number) that is also a heap by a hash of the number, which keeps
 * it shallow (Seidel and Aragon, "Randomized search trees", 1996). Links are slots, so it needs no
 * memory of its own, and anybody may leave from anywhere. The head is kept: it is asked for most.
 */
#include "route_priv.h"

static uint64_t rank_of(const struct route_conv *conv)
{
    uint64_t x = conv->number + UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ x >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
    return x ^ x >> 33;
}

/* Where the tree refers to conv: its parent's link or the root. */
static uint32_t *link_to(struct route_router *router, struct route_level *level, uint32_t conv)
{
    uint32_t up = router->convs[conv].up;

    if (up == ROUTE_NONE)
        return &level->root;
    return router->convs[up].left == conv ? &router->convs[up].left : &router->convs[up].right;
}

/* Lifts conv above its parent. */
static void rotate_up(struct route_router *router, struct route_level *level, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    uint32_t parent = c->up;
    struct route_conv *p = &router->convs[parent];
    uint32_t inner;

    *link_to(router, level, parent) = conv;
    c->up = p->up;
    p->up = conv;
    if (p->left == conv) {
        inner = p->left = c->right;
        c->right = parent;
    } else {
        inner = p->right = c->left;
        c->left = parent;
    }
    if (inner != ROUTE_NONE)
        router->convs[inner].up = parent;
}

void route_tree_insert(struct route_router *router, struct route_level *level, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    uint32_t *link = &level->root;

    c->up = c->left = c->right = ROUTE_NONE;
    while (*link != ROUTE_NONE) {
        c->up = *link;
        link = route_conv_before(c, &router->convs[*link]) ? &router->convs[*link].left
                                                           : &router->convs[*link].right;
    }
    *link = conv;
    while (c->up != ROUTE_NONE && rank_of(&router->convs[c->up]) < rank_of(c))
        rotate_up(router, level, conv);
    if (level->first == ROUTE_NONE || route_conv_before(c, &router->convs[level->first]))
        level->first = conv;
    level->waiting++;
}

void route_tree_remove(struct route_router *router, struct route_level *level, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];

    if (level->first == conv)
        level->first = route_tree_next(router, conv);
    while (c->left != ROUTE_NONE && c->right != ROUTE_NONE) {
        bool left = rank_of(&router->convs[c->left]) > rank_of(&router->convs[c->right]);

        rotate_up(router, level, left ? c->left : c->right);
    }
    {
        uint32_t child = c->left != ROUTE_NONE ? c->left : c->right;

        *link_to(router, level, conv) = child;
        if (child != ROUTE_NONE)
            router->convs[child].up = c->up;
    }
    level->waiting--;
}

uint32_t route_tree_next(const struct route_router *router, uint32_t conv)
{
    const struct route_conv *c = &router->convs[conv];

    if (c->right != ROUTE_NONE) {
        conv = c->right;
        while (router->convs[conv].left != ROUTE_NONE)
            conv = router->convs[conv].left;
        return conv;
    }
    while (c->up != ROUTE_NONE && router->convs[c->up].right == conv) {
        conv = c->up;
        c = &router->convs[conv];
    }
    return c->up;
}
