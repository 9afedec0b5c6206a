/* SPDX-License-Identifier: Apache-2.0 */
/* Covering stories: walks that pass rows nobody passed before are kept, and at the end those that
 * the others make superfluous are dropped again. Walking costs microseconds, so many are tried. */
#include "story_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    RUNS_MAX = 6000,
    FRUITLESS_MAX = 2500, /* walks in a row that passed nothing new: the rest cannot be reached */
    KEPT_MAX = 400,
};

struct kept {
    char *text;
    uint8_t *rows;
};

struct search {
    const struct flow *flow;
    uint8_t *seen;
    struct kept kept[KEPT_MAX];
    unsigned count;
};

static bool adds_something(const struct search *search, const uint8_t *rows)
{
    for (unsigned i = 0; i < search->flow->rows.count; i++) {
        if (rows[i] != 0 && search->seen[i] == 0)
            return true;
    }
    return false;
}

static size_t count_seen(const struct search *search)
{
    size_t count = 0;

    for (unsigned i = 0; i < search->flow->rows.count; i++)
        count += search->seen[i] != 0;
    return count;
}

static void keep(struct search *search, const struct walk *walk)
{
    struct kept *kept = &search->kept[search->count];
    char title[200];
    struct buf out;

    buf_init(&out, 4 * 1024 * 1024);
    snprintf(title, sizeof(title), "%s %u, %s", flow_str(search->flow, search->flow->name),
             search->count + 1, walk->outcome);
    walk_write(walk, title, &out);
    kept->text = mem_strndup(out.ptr, out.len);
    kept->rows = mem_alloc(search->flow->rows.count + 1);
    memcpy(kept->rows, walk->rows, search->flow->rows.count);
    for (unsigned i = 0; i < search->flow->rows.count; i++)
        search->seen[i] |= walk->rows[i];
    search->count++;
    buf_fini(&out);
}

/* Rows of a kept story that no other kept story passes. */
static bool superfluous(const struct search *search, unsigned at)
{
    for (unsigned r = 0; r < search->flow->rows.count; r++) {
        bool other = false;

        if (search->kept[at].rows[r] == 0)
            continue;
        for (unsigned k = 0; k < search->count && !other; k++)
            other = k != at && search->kept[k].text != NULL && search->kept[k].rows[r] != 0;
        if (!other)
            return false;
    }
    return true;
}

static void drop_superfluous(struct search *search)
{
    for (unsigned i = 0; i < search->count; i++) {
        if (!superfluous(search, i))
            continue;
        free(search->kept[i].text);
        search->kept[i].text = NULL;
    }
}

static void write_kept(struct search *search, struct buf *out, struct story_paths *result)
{
    for (unsigned i = 0; i < search->count; i++) {
        if (search->kept[i].text != NULL) {
            if (result->stories++ > 0)
                buf_add_text(out, "---\n");
            buf_add_text(out, search->kept[i].text);
        }
        free(search->kept[i].text);
        free(search->kept[i].rows);
    }
}

void story_paths_generate(const struct flow_set *set, const struct flow *flow, const char *channel,
                          const char *locale, uint64_t seed, struct buf *out,
                          struct story_paths *result)
{
    struct search *search = mem_zalloc(sizeof(*search));
    unsigned fruitless = 0;

    memset(result, 0, sizeof(*result));
    result->total = flow->rows.count;
    search->flow = flow;
    search->seen = mem_zalloc(flow->rows.count + 1);
    while (result->runs < RUNS_MAX && fruitless < FRUITLESS_MAX && search->count < KEPT_MAX &&
           result->covered < result->total) {
        struct walk *walk = walk_create(set, flow, seed * 1000003 + ++result->runs);

        walk->seen = search->seen;
        if (channel != NULL)
            snprintf(walk->session.channel, sizeof(walk->session.channel), "%s", channel);
        if (locale != NULL)
            snprintf(walk->session.locale, sizeof(walk->session.locale), "%s", locale);
        walk_start(walk);
        fruitless++;
        if (walk_until(walk, 0) && adds_something(search, walk->rows)) {
            keep(search, walk);
            fruitless = 0;
        }
        walk_destroy(&walk);
        result->covered = count_seen(search);
    }
    drop_superfluous(search);
    write_kept(search, out, result);
    free(search->seen);
    free(search);
}
