/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_rows_priv.h"

#include <math.h>

enum { NONE = UINT16_MAX };

/* Counts each feature of the dictionary once per occurrence. */
static void collect(const struct intent_dictionary *dictionary, const struct intent_reader *reader,
                    struct intent_row *row)
{
    size_t unknown = 0;

    row->count = 0;
    for (size_t i = 0; i < reader->count; i++) {
        int64_t id =
            intent_slots_find(dictionary->slots, dictionary->mask, reader->features[i].hash);
        uint32_t slot;

        row->at[i] = NONE;
        if ((reader->features[i].group & INTENT_GROUP_TOKEN) != 0)
            unknown += id < 0 || (dictionary->groups[id] & INTENT_GROUP_TOKEN) == 0;
        if (id < 0)
            continue;
        slot = (uint32_t)((uint64_t)id * 0x9E3779B1u) % INTENT_SEEN_SLOTS;
        while (row->seen[slot] != 0 && row->ids[row->seen[slot] - 1] != (uint32_t)id)
            slot = (slot + 1) % INTENT_SEEN_SLOTS;
        if (row->seen[slot] == 0) {
            row->ids[row->count] = (uint32_t)id;
            row->values[row->count] = 0;
            row->seen[slot] = (uint16_t)++row->count;
        }
        row->at[i] = (uint16_t)(row->seen[slot] - 1);
        row->values[row->at[i]]++;
    }
    row->unknown = (float)unknown;
}

static void forget(struct intent_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        uint32_t slot = (uint32_t)((uint64_t)row->ids[i] * 0x9E3779B1u) % INTENT_SEEN_SLOTS;

        while (row->seen[slot] != 0) {
            row->seen[slot] = 0;
            slot = (slot + 1) % INTENT_SEEN_SLOTS;
        }
    }
}

void intent_row_make(const struct intent_dictionary *dictionary, const struct intent_reader *reader,
                     struct intent_row *row)
{
    float sums[INTENT_GROUPS] = { 0 };
    float scales[INTENT_GROUPS] = { 0 };
    float total = 0;

    collect(dictionary, reader, row);
    forget(row);
    for (size_t i = 0; i < row->count; i++) {
        float count = row->values[i];

        row->values[i] = (count > 1 ? 1 + logf(count) : 1) * dictionary->weights[row->ids[i]];
        sums[dictionary->groups[row->ids[i]] & INTENT_GROUP_MASK] +=
            row->values[i] * row->values[i];
    }
    for (unsigned g = 0; g < INTENT_GROUPS; g++) {
        if (sums[g] > 0) {
            scales[g] = dictionary->group_weights[g] / sqrtf(sums[g]);
            total += dictionary->group_weights[g] * dictionary->group_weights[g];
        }
    }
    if (reader->has_vector) {
        scales[INTENT_GROUP_DENSE] = dictionary->group_weights[INTENT_GROUP_DENSE];
        total += scales[INTENT_GROUP_DENSE] * scales[INTENT_GROUP_DENSE];
        for (uint32_t d = 0; d < INTENT_WORDS_DIM; d++) {
            row->ids[row->count] = dictionary->dense_first + d;
            row->values[row->count++] = reader->vector[d];
        }
    }
    for (size_t i = 0; i < row->count; i++)
        row->values[i] *=
            scales[dictionary->groups[row->ids[i]] & INTENT_GROUP_MASK] / sqrtf(total);
}
