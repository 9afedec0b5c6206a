/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_near.h"

#include <stdbool.h>
#include <stdlib.h>

#include "hash.h"
#include "intent_feature_priv.h"
#include "mem.h"

enum {
    FEATURES_MAX = 256, /* of one text; longer ones are compared by their beginning */
    BANDS = 8,
    BAND_ROWS = 3,   /* finds 97 of 100 pairs of similarity 0.7, compares 20 of 100 of 0.3 */
    NEIGHBOURS = 32, /* in one bucket a text is compared with so many: floods of one sentence */
};

struct sketch {
    uint32_t start, count; /* of its features */
};

struct bucket {
    uint64_t key;
    uint32_t text;
};

struct near {
    uint64_t *features; /* sorted within each text */
    size_t used, cap;
    struct sketch *sketches;
};

static int u64_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int bucket_order(const void *a, const void *b)
{
    const struct bucket *x = a;
    const struct bucket *y = b;

    if (x->key != y->key)
        return x->key > y->key ? 1 : -1;
    return (x->text > y->text) - (x->text < y->text);
}

static void sketch_make(struct near *near, struct intent_reader *reader, struct slice text,
                        struct sketch *sketch)
{
    uint64_t *at;
    size_t count;
    size_t kept = 0;

    intent_read(reader, NULL, text);
    count = reader->count < FEATURES_MAX ? reader->count : FEATURES_MAX;
    if (near->used + count > near->cap) {
        near->cap = 2 * near->cap + FEATURES_MAX;
        near->features = mem_realloc(near->features, near->cap * sizeof(*near->features));
    }
    at = near->features + near->used;
    for (size_t i = 0; i < count; i++)
        at[i] = reader->features[reader->count - 1 - i].hash; /* words come last: they matter */
    qsort(at, count, sizeof(*at), u64_order);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || at[kept - 1] != at[i])
            at[kept++] = at[i];
    }
    *sketch = (struct sketch){ (uint32_t)near->used, (uint32_t)kept };
    near->used += kept;
}

static uint64_t band_key(const struct near *near, struct sketch sketch, unsigned band)
{
    uint64_t key = band;

    for (unsigned row = 0; row < BAND_ROWS; row++) {
        uint64_t seed = hash_u64(band * BAND_ROWS + row, 1);
        uint64_t least = UINT64_MAX;

        for (uint32_t i = 0; i < sketch.count; i++) {
            uint64_t hash = (near->features[sketch.start + i] ^ seed) * 0x9E3779B97F4A7C15u;

            least = hash < least ? hash : least;
        }
        key = intent_mix(key, least);
    }
    return key;
}

static float similarity(const struct near *near, struct sketch a, struct sketch b)
{
    const uint64_t *x = near->features + a.start;
    const uint64_t *y = near->features + b.start;
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t shared = 0;

    while (i < a.count && j < b.count) {
        bool low = x[i] <= y[j];
        bool high = x[i] >= y[j];

        shared += low && high;
        i += low;
        j += high;
    }
    return a.count + b.count > 0 ? (float)shared / (float)(a.count + b.count - shared) : 0;
}

static int pair_order(const void *a, const void *b)
{
    const struct intent_pair *x = a;
    const struct intent_pair *y = b;

    if (x->a != y->a)
        return x->a > y->a ? 1 : -1;
    return (x->b > y->b) - (x->b < y->b);
}

/* A pair may meet in several bands. */
static size_t pairs_unique(struct intent_pair *pairs, size_t count)
{
    size_t kept = 0;

    qsort(pairs, count, sizeof(*pairs), pair_order);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || pair_order(&pairs[kept - 1], &pairs[i]) != 0)
            pairs[kept++] = pairs[i];
    }
    return kept;
}

static size_t bucket_pairs(const struct near *near, const struct bucket *buckets, size_t count,
                           float similarity_min, struct intent_pair *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && j <= i + NEIGHBOURS && n < max; j++) {
            float value;

            if (buckets[j].key != buckets[i].key)
                break;
            value =
                similarity(near, near->sketches[buckets[i].text], near->sketches[buckets[j].text]);
            if (value >= similarity_min)
                out[n++] = (struct intent_pair){ buckets[i].text, buckets[j].text, value };
        }
    }
    return n;
}

size_t intent_near_pairs(const struct slice *texts, size_t count, float similarity_min,
                         struct intent_pair *out, size_t max)
{
    struct near near = { 0 };
    struct intent_reader *reader = intent_reader_create();
    struct bucket *buckets = mem_alloc((count + 1) * sizeof(*buckets));
    size_t found = 0;

    near.sketches = mem_alloc((count + 1) * sizeof(*near.sketches));
    for (size_t i = 0; i < count; i++)
        sketch_make(&near, reader, texts[i], &near.sketches[i]);
    for (unsigned band = 0; band < BANDS && found < max; band++) {
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
            if (near.sketches[i].count > 0)
                buckets[n++] =
                    (struct bucket){ band_key(&near, near.sketches[i], band), (uint32_t)i };
        }
        qsort(buckets, n, sizeof(*buckets), bucket_order);
        found += bucket_pairs(&near, buckets, n, similarity_min, out + found, max - found);
        found = pairs_unique(out, found);
    }
    free(near.features);
    free(near.sketches);
    free(buckets);
    intent_reader_destroy(&reader);
    return found;
}
