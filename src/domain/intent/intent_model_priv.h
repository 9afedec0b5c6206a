/* SPDX-License-Identifier: Apache-2.0 */
/* The model file: a header, then sections on 64-byte boundaries, little endian. Whoever changes
 * what a byte means raises INTENT_MODEL_VERSION. */
#ifndef KEFU_INTENT_MODEL_PRIV_H
#define KEFU_INTENT_MODEL_PRIV_H

#include "intent.h"
#include "intent_net_priv.h"
#include "intent_rows_priv.h"
#include "intent_spell_priv.h"
#include "intent_svm_priv.h"
#include "vector_kernel.h"

#define INTENT_MAGIC "kefuNLU\n"

enum intent_section {
    INTENT_SECTION_NAMES,      /* classes + 1 offsets (u32) into the text behind them */
    INTENT_SECTION_SLOTS,      /* struct intent_slot */
    INTENT_SECTION_WEIGHTS,    /* float per feature */
    INTENT_SECTION_GROUPS,     /* byte per feature */
    INTENT_SECTION_SCALES,     /* per block of columns, float per feature: a row is scale * bytes */
    INTENT_SECTION_ROWS,       /* per block of columns, features x its lanes signed bytes */
    INTENT_SECTION_BIAS,       /* float per lane */
    INTENT_SECTION_EXACT,      /* struct intent_exact, by ascending hash */
    INTENT_SECTION_WORD_SLOTS, /* struct intent_slot; this and the next are empty without words */
    INTENT_SECTION_WORD_ROWS,  /* words x INTENT_WORDS_STRIDE signed bytes */
    INTENT_SECTION_WORD_SCALES,   /* float per word */
    INTENT_SECTION_WORD_CLUSTERS, /* words x INTENT_WORDS_LEVELS numbers (u16) */
    INTENT_SECTION_SPELL_SLOTS,   /* struct intent_slot; this and the next may be empty */
    INTENT_SECTION_SPELL_OFFSETS, /* u32 into the text, one more than words */
    INTENT_SECTION_SPELL_TEXT,
    /* The second learner: empty without. Units are those of all nets, one net after the other. */
    INTENT_SECTION_NET_SCALES,   /* float per feature */
    INTENT_SECTION_NET_ROWS,     /* features x units signed bytes */
    INTENT_SECTION_NET_IN_BIAS,  /* float per unit */
    INTENT_SECTION_NET_OUT,      /* units x lanes floats */
    INTENT_SECTION_NET_OUT_BIAS, /* nets x lanes floats */
    INTENT_SECTIONS,
};

/* Shared by examples of different intents: no answer. */
enum { INTENT_EXACT_AMBIGUOUS = UINT32_MAX };

struct intent_exact {
    uint32_t hash_low, hash_high; /* of the text's key */
    uint32_t intent;
};

/* score = 1 / (1 + exp(-(offset + best * z1 + margin * (z1 - z2) + scope * z0 +
 * unknown * log(1 + u)))), where z1 and z2 are the two best columns, z0 is the out-of-scope column
 * and u counts the text's words that are in no example. A count, not a share: one strange word says
 * as much in a long sentence as in a short one. */
struct intent_calibration {
    float offset, best, margin, scope, unknown;
    float sharpness; /* the next scores: score * exp(-sharpness * (z1 - z)) */
    float threshold;
};

struct intent_header {
    char magic[8];
    uint32_t version;
    uint32_t lists;     /* intent_lists_crc */
    uint32_t text_form; /* TEXT_FORM_VERSION: other hashes are another language */
    uint64_t bytes;     /* of the whole file */
    uint32_t crc;       /* CRC-32C of everything behind this field */
    uint32_t classes;
    uint32_t lanes; /* classes + 1, padded; column `classes` is "out of scope" */
    uint32_t features;
    uint32_t slots; /* a power of two, more than features */
    uint32_t exact;
    uint32_t words;
    uint32_t word_slots;
    uint32_t spell_words;
    uint32_t spell_slots;
    uint32_t nets; /* 0 or INTENT_NETS */
    float group_weights[INTENT_GROUPS];
    struct intent_calibration calibration;
    struct {
        uint64_t offset, bytes;
    } sections[INTENT_SECTIONS];
};

enum {
    INTENT_SECTION_ALIGN = 64,
    INTENT_BLOCK_LANES = INTENT_SVM_LANES_MAX, /* but for the last block */
};

struct intent_model {
    const struct intent_header *header;
    const struct vector_kernels *kernels;
    struct intent_dictionary dictionary;
    const uint32_t *name_offsets;
    const char *names;
    const float *scales;
    const int8_t *rows;
    const float *bias;
    const struct intent_exact *exact;
    struct intent_words words;
    struct intent_spell spell;
    const float *net_scales;
    const int8_t *net_rows;
    struct intent_net_end nets[INTENT_NETS];
};

struct intent_scratch {
    struct intent_reader *reader;
    struct intent_row row;
    char corrected[TEXT_NORM_BYTES_MAX]; /* the text without its typing errors */
    size_t lanes;                        /* capacity of scores */
    float *scores;                       /* of all columns */
    float *scores_before;                /* of the text as written, when it has typing errors */
    float values[INTENT_ROW_MAX];        /* of the row, scaled for one table */
    float *units;                        /* of all nets: how active each is for the row */
    float *net_scores;                   /* of one net */
};

/* The scores of all columns for the row in the scratch. */
void intent_scores(const struct intent_model *model, struct intent_scratch *scratch);

/* Two hashes under which an example is found again: of its letters and digits as they stand, and
 * of its words without order and politeness (0: too little is left). */
struct intent_keys {
    uint64_t strict, loose;
};
struct intent_keys intent_keys_make(const struct intent_reader *reader);

/* What a score is made of. */
struct intent_evidence {
    float best, margin, scope;
    float unknown; /* words; a half when one of two readings knows it */
};
float intent_calibrate(const struct intent_calibration *calibration,
                       struct intent_evidence evidence);

/* Fills crc and bytes of a finished file. */
void intent_model_seal(void *bytes, size_t len);

#endif
