/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all texts of a training run once: numbers their features, counts them, drops the rare ones
 * and leaves weighted rows and a dictionary. */
#ifndef KEFU_INTENT_BUILDER_PRIV_H
#define KEFU_INTENT_BUILDER_PRIV_H

#include "err.h"
#include "intent_rows_priv.h"
#include "intent_svm_priv.h"

enum {
    /* Features of all texts together: 8 bytes each while training. */
    INTENT_NONZEROS_MAX = 64 * 1024 * 1024,
    INTENT_FEATURE_KINDS_MAX = 8 * 1024 * 1024,
};

struct intent_builder {
    struct intent_reader *reader;
    const struct intent_words *words; /* may have none */
    struct intent_rows rows;
    float *unknown; /* per row: its words that would be unknown if it were not among the others */
    size_t rows_cap, nonzeros_cap;
    /* Per feature. */
    uint32_t feature_count, feature_cap; /* with the dense ones, once finished */
    uint32_t example_features;           /* those met later are in no example */
    uint32_t dense_first;
    uint64_t *hashes;
    uint32_t *seen_in; /* rows that hold it */
    uint32_t *stamps;  /* the last row that held it, + 1, and where */
    uint32_t *places;
    uint8_t *groups;
    float *weights;
    /* hash -> id + 1 */
    uint32_t *table;
    uint32_t table_mask;
};

void intent_builder_init(struct intent_builder *builder, const struct intent_words *words);
void intent_builder_fini(struct intent_builder *builder);
/* One more row. Fault: too many features. */
MUST_USE enum err_code intent_builder_add(struct intent_builder *builder, struct slice text,
                                          struct err *err);
/* The rows so far are the examples; others follow. */
void intent_builder_examples_end(struct intent_builder *builder);
/* Drops features that fewer than rows_min rows hold, and the rarest beyond features_max; numbers
 * the others from the most common down and the dense ones behind them; weighs and scales all rows.
 */
void intent_builder_finish(struct intent_builder *builder, uint32_t rows_min, uint32_t features_max,
                           float idf_power, const float group_weights[INTENT_GROUPS]);
/* Keeps these features alone (ascending ids, the dense ones among them or none) and scales all rows
 * again, as prediction will see them. */
void intent_builder_prune(struct intent_builder *builder, const uint32_t *kept, uint32_t count,
                          const float group_weights[INTENT_GROUPS]);

#endif
