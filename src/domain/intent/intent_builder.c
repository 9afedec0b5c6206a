/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_builder_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    TABLE_FIRST = 1 << 16,
    ROWS_FIRST = 1024,
    DROPPED = UINT32_MAX,
    DENSE_RAW = UINT32_MAX - 2 * INTENT_WORDS_DIM, /* ids of dense features before numbering */
};

void intent_builder_init(struct intent_builder *builder, const struct intent_words *words)
{
    *builder = (struct intent_builder){ .table_mask = TABLE_FIRST - 1 };
    builder->reader = intent_reader_create();
    builder->words = words;
    builder->table = mem_zalloc(TABLE_FIRST * sizeof(*builder->table));
}

void intent_builder_fini(struct intent_builder *builder)
{
    intent_reader_destroy(&builder->reader);
    free(builder->unknown);
    free(builder->rows.starts);
    free(builder->rows.ids);
    free(builder->rows.values);
    free(builder->hashes);
    free(builder->seen_in);
    free(builder->stamps);
    free(builder->places);
    free(builder->groups);
    free(builder->weights);
    free(builder->table);
}

static void features_reserve(struct intent_builder *builder)
{
    uint32_t cap = builder->feature_cap > 0 ? builder->feature_cap * 2 : TABLE_FIRST / 2;

    if (builder->feature_count < builder->feature_cap)
        return;
    builder->feature_cap = cap;
    builder->hashes = mem_realloc(builder->hashes, cap * sizeof(*builder->hashes));
    builder->seen_in = mem_realloc(builder->seen_in, cap * sizeof(*builder->seen_in));
    builder->stamps = mem_realloc(builder->stamps, cap * sizeof(*builder->stamps));
    builder->places = mem_realloc(builder->places, cap * sizeof(*builder->places));
    builder->groups = mem_realloc(builder->groups, cap);
}

static void table_grow(struct intent_builder *builder)
{
    uint32_t mask = builder->table_mask * 2 + 1;
    uint32_t *table = mem_zalloc(((size_t)mask + 1) * sizeof(*table));

    for (uint32_t id = 0; id < builder->feature_count; id++) {
        uint32_t at = (uint32_t)builder->hashes[id] & mask;

        while (table[at] != 0)
            at = (at + 1) & mask;
        table[at] = id + 1;
    }
    free(builder->table);
    builder->table = table;
    builder->table_mask = mask;
}

static uint32_t feature_id(struct intent_builder *builder, const struct intent_feature *feature)
{
    uint32_t at = (uint32_t)feature->hash & builder->table_mask;
    uint32_t id;

    while (builder->table[at] != 0) {
        id = builder->table[at] - 1;
        if (builder->hashes[id] == feature->hash)
            return id;
        at = (at + 1) & builder->table_mask;
    }
    features_reserve(builder);
    id = builder->feature_count++;
    builder->table[at] = id + 1;
    builder->hashes[id] = feature->hash;
    builder->seen_in[id] = 0;
    builder->stamps[id] = 0;
    builder->groups[id] = (uint8_t)feature->group;
    if (builder->feature_count > builder->table_mask / 2)
        table_grow(builder);
    return id;
}

static void rows_reserve(struct intent_builder *builder, size_t more)
{
    struct intent_rows *rows = &builder->rows;
    size_t used = rows->count > 0 ? rows->starts[rows->count] : 0;

    if (rows->count + 2 > builder->rows_cap) {
        builder->rows_cap = builder->rows_cap > 0 ? builder->rows_cap * 2 : ROWS_FIRST;
        rows->starts = mem_realloc(rows->starts, builder->rows_cap * sizeof(*rows->starts));
        rows->starts[rows->count] = used;
        builder->unknown = mem_realloc(builder->unknown, builder->rows_cap * sizeof(float));
    }
    if (used + more > builder->nonzeros_cap) {
        size_t cap = builder->nonzeros_cap + builder->nonzeros_cap / 2;

        builder->nonzeros_cap = cap > used + more ? cap : used + more + TABLE_FIRST;
        rows->ids = mem_realloc(rows->ids, builder->nonzeros_cap * sizeof(*rows->ids));
        rows->values = mem_realloc(rows->values, builder->nonzeros_cap * sizeof(*rows->values));
    }
}

enum err_code intent_builder_add(struct intent_builder *builder, struct slice text, struct err *err)
{
    struct intent_rows *rows = &builder->rows;
    uint32_t stamp = (uint32_t)rows->count + 1;
    size_t end;

    intent_read(builder->reader, builder->words, text);
    rows_reserve(builder, builder->reader->count + INTENT_WORDS_DIM);
    end = rows->starts[rows->count];
    if (end + builder->reader->count > INTENT_NONZEROS_MAX ||
        builder->feature_count > INTENT_FEATURE_KINDS_MAX)
        return err_set(err, ERR_TOO_BIG, "example %zu: the texts have too many features",
                       rows->count + 1);
    for (size_t i = 0; i < builder->reader->count; i++) {
        uint32_t id = feature_id(builder, &builder->reader->features[i]);

        if (builder->stamps[id] != stamp) {
            builder->stamps[id] = stamp;
            builder->places[id] = (uint32_t)(end - rows->starts[rows->count]);
            builder->seen_in[id]++;
            rows->ids[end] = id;
            rows->values[end++] = 0;
        }
        rows->values[rows->starts[rows->count] + builder->places[id]]++;
    }
    for (uint32_t d = 0; d < INTENT_WORDS_DIM && builder->reader->has_vector; d++) {
        rows->ids[end] = DENSE_RAW + d;
        rows->values[end++] = builder->reader->vector[d];
    }
    rows->starts[++rows->count] = end;
    return ERR_OK;
}

void intent_builder_examples_end(struct intent_builder *builder)
{
    builder->example_features = builder->feature_count;
}

/* order[i] is the feature with the i-th most rows; equal ones stay in the order they were met. */
static uint32_t *by_rows(const struct intent_builder *builder)
{
    size_t rows = builder->rows.count;
    uint32_t *starts = mem_zalloc((rows + 2) * sizeof(*starts));
    uint32_t *order = mem_alloc((builder->feature_count + 1) * sizeof(*order));

    for (uint32_t id = 0; id < builder->feature_count; id++)
        starts[rows - builder->seen_in[id] + 1]++;
    for (size_t i = 1; i <= rows + 1; i++)
        starts[i] += starts[i - 1];
    for (uint32_t id = 0; id < builder->feature_count; id++)
        order[starts[rows - builder->seen_in[id]]++] = id;
    free(starts);
    return order;
}

/* renumbered[old id] = new id, or DROPPED; the arrays per feature follow. */
static uint32_t *renumber(struct intent_builder *builder, uint32_t rows_min, uint32_t features_max)
{
    uint32_t *order = by_rows(builder);
    uint32_t *renumbered = mem_alloc((builder->feature_count + 1) * sizeof(*renumbered));
    size_t room = builder->feature_count + (size_t)INTENT_WORDS_DIM;
    uint64_t *hashes = mem_zalloc(room * sizeof(*hashes));
    uint32_t *seen_in = mem_zalloc(room * sizeof(*seen_in));
    uint8_t *groups = mem_alloc(room);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < builder->feature_count; i++) {
        uint32_t id = order[i];

        renumbered[id] = DROPPED;
        if (builder->seen_in[id] < rows_min || kept == features_max)
            continue;
        renumbered[id] = kept;
        hashes[kept] = builder->hashes[id];
        seen_in[kept] = builder->seen_in[id];
        groups[kept++] = id < builder->example_features
                             ? builder->groups[id]
                             : builder->groups[id] & (uint8_t)~INTENT_GROUP_TOKEN;
    }
    free(order);
    free(builder->hashes);
    free(builder->seen_in);
    free(builder->groups);
    builder->hashes = hashes;
    builder->seen_in = seen_in;
    builder->groups = groups;
    builder->dense_first = kept;
    for (uint32_t d = 0; d < INTENT_WORDS_DIM && builder->words->count > 0; d++) {
        seen_in[kept] = (uint32_t)builder->rows.count;
        groups[kept++] = INTENT_GROUP_DENSE;
    }
    builder->feature_count = kept;
    return renumbered;
}

static float row_unknown(const struct intent_builder *builder, const uint32_t *ids, size_t count,
                         uint32_t rows_min)
{
    size_t unknown = 0;

    for (size_t i = 0; i < count; i++) {
        /* Too few rows beside this one. */
        bool rare = ids[i] >= builder->example_features || builder->seen_in[ids[i]] <= rows_min;

        if (ids[i] < DENSE_RAW && (builder->groups[ids[i]] & INTENT_GROUP_TOKEN) != 0 && rare)
            unknown++;
    }
    return (float)unknown;
}

/* 1 + log of the count, times the weight. */
static void row_weigh(const struct intent_builder *builder, const uint32_t *ids, float *values,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (builder->groups[ids[i]] != INTENT_GROUP_DENSE)
            values[i] = (values[i] > 1 ? 1 + logf(values[i]) : 1) * builder->weights[ids[i]];
    }
}

/* Scales one row in place to length 1, each group to its share. */
static void row_scale(const struct intent_builder *builder, const uint32_t *ids, float *values,
                      size_t count, const float group_weights[INTENT_GROUPS])
{
    float sums[INTENT_GROUPS] = { 0 };
    float scales[INTENT_GROUPS] = { 0 };
    float total = 0;

    for (size_t i = 0; i < count; i++)
        sums[builder->groups[ids[i]] & INTENT_GROUP_MASK] += values[i] * values[i];
    for (unsigned g = 0; g < INTENT_GROUPS; g++) {
        if (sums[g] > 0) {
            scales[g] = group_weights[g] / sqrtf(sums[g]);
            total += group_weights[g] * group_weights[g];
        }
    }
    for (size_t i = 0; i < count; i++)
        values[i] *= scales[builder->groups[ids[i]] & INTENT_GROUP_MASK] / sqrtf(total);
}

void intent_builder_finish(struct intent_builder *builder, uint32_t rows_min, uint32_t features_max,
                           float idf_power, const float group_weights[INTENT_GROUPS])
{
    struct intent_rows *rows = &builder->rows;
    uint32_t *renumbered;
    size_t start = 0;
    size_t end = 0;

    for (size_t i = 0; i < rows->count; i++)
        builder->unknown[i] = row_unknown(builder, rows->ids + rows->starts[i],
                                          rows->starts[i + 1] - rows->starts[i], rows_min);
    renumbered = renumber(builder, rows_min, features_max);

    builder->weights = mem_alloc((builder->feature_count + 1) * sizeof(*builder->weights));
    for (uint32_t id = 0; id < builder->feature_count; id++)
        builder->weights[id] =
            powf(logf((1 + (float)rows->count) / (1 + (float)builder->seen_in[id])) + 1, idf_power);
    for (size_t i = 0; i < rows->count; i++) {
        size_t stop = rows->starts[i + 1];
        size_t first = end;

        for (size_t k = start; k < stop; k++) {
            uint32_t raw = rows->ids[k];
            uint32_t id =
                raw >= DENSE_RAW ? builder->dense_first + raw - DENSE_RAW : renumbered[raw];

            if (id == DROPPED)
                continue;
            rows->ids[end] = id;
            rows->values[end++] = rows->values[k];
        }
        row_weigh(builder, rows->ids + first, rows->values + first, end - first);
        row_scale(builder, rows->ids + first, rows->values + first, end - first, group_weights);
        rows->starts[i] = first;
        start = stop;
    }
    rows->starts[rows->count] = end;
    free(renumbered);
}

/* The arrays per feature, of those kept; gives the new number of each, or DROPPED. */
static uint32_t *features_prune(struct intent_builder *builder, const uint32_t *kept,
                                uint32_t count)
{
    uint32_t *renumbered = mem_alloc((builder->feature_count + 1) * sizeof(*renumbered));
    uint32_t dense_first = count;

    memset(renumbered, 0xFF, (builder->feature_count + 1) * sizeof(*renumbered));
    for (uint32_t i = 0; i < count; i++) {
        renumbered[kept[i]] = i;
        if (kept[i] >= builder->dense_first && i < dense_first)
            dense_first = i;
        builder->hashes[i] = builder->hashes[kept[i]];
        builder->seen_in[i] = builder->seen_in[kept[i]];
        builder->groups[i] = builder->groups[kept[i]];
        builder->weights[i] = builder->weights[kept[i]];
    }
    builder->dense_first = dense_first;
    builder->feature_count = count;
    return renumbered;
}

void intent_builder_prune(struct intent_builder *builder, const uint32_t *kept, uint32_t count,
                          const float group_weights[INTENT_GROUPS])
{
    struct intent_rows *rows = &builder->rows;
    uint32_t *renumbered = features_prune(builder, kept, count);
    size_t start = 0;
    size_t end = 0;

    for (size_t i = 0; i < rows->count; i++) {
        size_t stop = rows->starts[i + 1];
        size_t first = end;

        for (size_t k = start; k < stop; k++) {
            if (renumbered[rows->ids[k]] == DROPPED)
                continue;
            rows->ids[end] = renumbered[rows->ids[k]];
            rows->values[end++] = rows->values[k];
        }
        row_scale(builder, rows->ids + first, rows->values + first, end - first, group_weights);
        rows->starts[i] = first;
        start = stop;
    }
    rows->starts[rows->count] = end;
    free(renumbered);
}
