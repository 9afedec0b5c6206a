/* SPDX-License-Identifier: Apache-2.0 */
/* From a text to intents: read it, look for an example, sum the rows of its features, calibrate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "examples.h"
#include "intent_model_priv.h"
#include "mem.h"

enum { UNITS = INTENT_NETS * INTENT_NET_UNITS };

struct intent_scratch *intent_scratch_create(void)
{
    struct intent_scratch *scratch = mem_zalloc(sizeof(*scratch));

    scratch->reader = intent_reader_create();
    scratch->lanes = vector_pad(EXAMPLES_INTENTS_MAX + 1, VECTOR_F32_STEP);
    scratch->scores = vector_table_alloc(scratch->lanes * sizeof(float));
    scratch->scores_before = vector_table_alloc(scratch->lanes * sizeof(float));
    scratch->units = vector_table_alloc(UNITS * sizeof(float));
    scratch->net_scores = vector_table_alloc(INTENT_BLOCK_LANES * sizeof(float));
    ENSURE(scratch->scores != NULL && scratch->scores_before != NULL && scratch->units != NULL &&
           scratch->net_scores != NULL);
    return scratch;
}

void intent_scratch_destroy(struct intent_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    intent_reader_destroy(&(*scratch)->reader);
    vector_table_free((*scratch)->scores);
    vector_table_free((*scratch)->scores_before);
    vector_table_free((*scratch)->units);
    vector_table_free((*scratch)->net_scores);
    free(*scratch);
    *scratch = NULL;
}

float intent_calibrate(const struct intent_calibration *calibration,
                       struct intent_evidence evidence)
{
    float logit = calibration->offset + calibration->best * evidence.best +
                  calibration->margin * evidence.margin + calibration->scope * evidence.scope +
                  calibration->unknown * log1pf(evidence.unknown);

    return 1 / (1 + expf(-logit));
}

/* Adds what the second learner says. */
static void nets_add(const struct intent_model *model, struct intent_scratch *scratch)
{
    const struct intent_row *row = &scratch->row;
    struct vector_sparse at = { row->ids, scratch->values, row->count };

    for (size_t i = 0; i < row->count; i++)
        scratch->values[i] = row->values[i] * model->net_scales[row->ids[i]];
    model->kernels->gather_i8(model->net_rows, UNITS, at, UNITS, scratch->units);
    for (unsigned n = 0; n < INTENT_NETS; n++) {
        intent_net_finish(&model->nets[n], scratch->units + (size_t)n * INTENT_NET_UNITS,
                          scratch->net_scores);
        for (size_t c = 0; c < model->header->lanes; c++)
            scratch->scores[c] += INTENT_NET_SHARE / INTENT_NETS * scratch->net_scores[c];
    }
}

void intent_scores(const struct intent_model *model, struct intent_scratch *scratch)
{
    const struct intent_row *row = &scratch->row;
    struct vector_sparse at = { row->ids, scratch->values, row->count };
    const int8_t *table = model->rows;
    const float *scales = model->scales;
    size_t features = model->header->features;
    size_t all = model->header->lanes;

    ENSURE(all <= scratch->lanes);
    for (size_t first = 0; first < all; first += INTENT_BLOCK_LANES) {
        size_t lanes = all - first < INTENT_BLOCK_LANES ? all - first : INTENT_BLOCK_LANES;

        for (size_t i = 0; i < row->count; i++)
            scratch->values[i] = row->values[i] * scales[row->ids[i]];
        model->kernels->gather_i8(table, lanes, at, lanes, scratch->scores + first);
        table += features * lanes;
        scales += features;
    }
    for (size_t c = 0; c < all; c++)
        scratch->scores[c] += model->bias[c];
    if (model->header->nets > 0)
        nets_add(model, scratch);
}

/* The example with this key; INTENT_EXACT_AMBIGUOUS: none, or of several intents. */
static uint32_t exact_find(const struct intent_model *model, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = model->header->exact;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct intent_exact *entry = &model->exact[middle];
        uint64_t hash = (uint64_t)entry->hash_high << 32 | entry->hash_low;

        if (hash == key)
            return entry->intent;
        if (hash < key)
            low = middle + 1;
        else
            high = middle;
    }
    return INTENT_EXACT_AMBIGUOUS;
}

static uint32_t example_find(const struct intent_model *model, const struct intent_reader *reader)
{
    struct intent_keys keys = intent_keys_make(reader);
    uint32_t found = keys.strict != 0 ? exact_find(model, keys.strict) : INTENT_EXACT_AMBIGUOUS;

    if (found == INTENT_EXACT_AMBIGUOUS && keys.loose != 0)
        found = exact_find(model, keys.loose);
    return found;
}

static bool is_known(const struct intent_model *model, const struct text_gram *token)
{
    return intent_slots_find(model->dictionary.slots, model->dictionary.mask,
                             intent_token_feature(token->hash)) >= 0 ||
           (model->words.count > 0 &&
            intent_slots_find(model->words.slots, model->words.mask, token->hash) >= 0);
}

/* Reads the text again if it has unknown words that are known ones mistyped; false: it has none. */
static bool read_corrected(const struct intent_model *model, struct intent_scratch *scratch)
{
    struct intent_reader *reader = scratch->reader;
    size_t copied = 0; /* of the normalised text */
    size_t len = 0;
    size_t corrected = 0;

    for (size_t i = 0; i < reader->token_count && model->spell.count > 0; i++) {
        const struct text_gram *token = &reader->tokens[i];
        struct slice word = slice_make(reader->normalised.ptr + token->start, token->len);
        struct slice meant;

        if (token->kind != TEXT_GRAM_WORD || !intent_spell_fits(word) || is_known(model, token))
            continue;
        meant = intent_spell_find(&model->spell, word);
        if (meant.len == 0 ||
            reader->normalised.len + meant.len + corrected + 1 > sizeof(scratch->corrected))
            continue;
        memcpy(scratch->corrected + len, reader->normalised.ptr + copied, token->start - copied);
        len += token->start - copied;
        memcpy(scratch->corrected + len, meant.ptr, meant.len);
        len += meant.len;
        copied = token->start + token->len;
        corrected++;
    }
    if (corrected == 0)
        return false;
    memcpy(scratch->corrected + len, reader->normalised.ptr + copied,
           reader->normalised.len - copied);
    len += reader->normalised.len - copied;
    intent_read(reader, &model->words, slice_make(scratch->corrected, len));
    return true;
}

/* The scores of a text; of one with typing errors the mean of both readings, because an unknown
 * word may also be a word. */
static void scores_make(const struct intent_model *model, struct intent_scratch *scratch)
{
    struct intent_row *row = &scratch->row;
    float *as_written = scratch->scores;
    float unknown;

    intent_row_make(&model->dictionary, scratch->reader, row);
    intent_scores(model, scratch);
    unknown = row->unknown;
    if (!read_corrected(model, scratch))
        return;
    scratch->scores = scratch->scores_before;
    scratch->scores_before = as_written;
    intent_row_make(&model->dictionary, scratch->reader, row);
    intent_scores(model, scratch);
    for (uint32_t c = 0; c < model->header->lanes; c++)
        scratch->scores[c] = (scratch->scores[c] + as_written[c]) / 2;
    row->unknown = (row->unknown + unknown) / 2;
}

/* The best columns, best first. */
static unsigned best_columns(const float *scores, uint32_t classes, unsigned top,
                             struct intent_hit *hits)
{
    unsigned count = 0;

    for (uint32_t c = 0; c < classes; c++) {
        unsigned at = count;

        if (count == top && scores[c] <= hits[top - 1].score)
            continue;
        if (count < top)
            count++;
        else
            at = top - 1;
        for (; at > 0 && hits[at - 1].score < scores[c]; at--)
            hits[at] = hits[at - 1];
        hits[at] = (struct intent_hit){ c, scores[c] };
    }
    return count;
}

/* Raw scores of the hits to calibrated ones; there are at least two unless the model has one. */
static void calibrate_hits(const struct intent_model *model, const struct intent_scratch *scratch,
                           struct intent_hit *hits, unsigned count)
{
    const struct intent_calibration *calibration = &model->header->calibration;
    float best = hits[0].score;
    float score =
        intent_calibrate(calibration, (struct intent_evidence){
                                          .best = best,
                                          .margin = count > 1 ? best - hits[1].score : 1,
                                          .scope = scratch->scores[model->header->classes],
                                          .unknown = scratch->row.unknown,
                                      });

    for (unsigned i = 0; i < count; i++)
        hits[i].score = score * expf(calibration->sharpness * (hits[i].score - best));
}

static void put_first(struct intent_result *result, uint32_t intent, unsigned top)
{
    unsigned at = 0;

    while (at < result->count && result->hits[at].intent != intent)
        at++;
    if (at == result->count) {
        if (result->count < top)
            result->count++;
        else
            at--;
    }
    memmove(&result->hits[1], &result->hits[0], at * sizeof(result->hits[0]));
    result->hits[0] = (struct intent_hit){ intent, 1 };
    result->exact = true;
    result->in_scope = true;
}

void intent_predict(const struct intent_model *model, struct intent_scratch *scratch,
                    struct slice text, unsigned top, struct intent_result *out)
{
    struct intent_hit hits[INTENT_TOP_MAX + 1] = { 0 }; /* the margin needs a second one */
    uint32_t example;
    unsigned count;

    ENSURE(top >= 1 && top <= INTENT_TOP_MAX);
    *out = (struct intent_result){ 0 };
    intent_read(scratch->reader, &model->words, text);
    example = example_find(model, scratch->reader);
    scores_make(model, scratch);
    if (scratch->row.count > 0) {
        count = best_columns(scratch->scores, model->header->classes, top + 1, hits);
        calibrate_hits(model, scratch, hits, count);
        out->count = count < top ? count : top;
        memcpy(out->hits, hits, out->count * sizeof(hits[0]));
        out->in_scope = out->hits[0].score >= model->header->calibration.threshold;
    }
    if (example != INTENT_EXACT_AMBIGUOUS)
        put_first(out, example, top);
}

/* A gram counts for every word that it touches, by how much of it lies there. */
static void spread(const struct intent_reader *reader, const struct intent_feature *feature,
                   float weight, struct intent_cause *causes, size_t count)
{
    uint32_t end = feature->start + feature->len;

    for (size_t i = 0; i < count; i++) {
        uint32_t from = reader->tokens[i].start;
        uint32_t to = from + reader->tokens[i].len;
        uint32_t low = from > feature->start ? from : feature->start;
        uint32_t high = to < end ? to : end;

        if (low < high)
            causes[i].weight += weight * (float)(high - low) / (float)feature->len;
    }
}

/* The same by way of the active units: what the nets say is linear in the features as long as the
 * same units are active. */
static float net_weight_of(const struct intent_model *model, const float *units, uint32_t id,
                           uint32_t intent)
{
    const int8_t *row = model->net_rows + (size_t)id * UNITS;
    float sum = 0;

    if (model->header->nets == 0)
        return 0;
    for (unsigned u = 0; u < UNITS; u++) {
        if (units[u] > 0)
            sum += row[u] * model->nets[0].out[u * model->header->lanes + intent];
    }
    return INTENT_NET_SHARE / INTENT_NETS * model->net_scales[id] * sum;
}

/* What feature `id` says about an intent when it counts once. */
static float weight_of(const struct intent_model *model, const float *units, uint32_t id,
                       uint32_t intent)
{
    size_t block = intent / INTENT_BLOCK_LANES;
    size_t first = block * INTENT_BLOCK_LANES;
    size_t rest = model->header->lanes - first;
    size_t lanes = rest < INTENT_BLOCK_LANES ? rest : INTENT_BLOCK_LANES;
    const int8_t *table = model->rows + model->header->features * first;

    return model->scales[block * model->header->features + id] *
               table[id * lanes + intent - first] +
           net_weight_of(model, units, id, intent);
}

size_t intent_explain(const struct intent_model *model, struct intent_scratch *scratch,
                      uint32_t intent, struct intent_cause *out, size_t max)
{
    const struct intent_reader *reader = scratch->reader;
    const struct intent_row *row = &scratch->row;
    float occurrences[INTENT_FEATURES_MAX];
    size_t count = reader->token_count < max ? reader->token_count : max;

    ENSURE(intent < model->header->classes);
    for (size_t i = 0; i < count; i++)
        out[i] = (struct intent_cause){
            slice_make(reader->normalised.ptr + reader->tokens[i].start, reader->tokens[i].len), 0
        };
    memset(occurrences, 0, row->count * sizeof(occurrences[0]));
    for (size_t i = 0; i < reader->count; i++) {
        if (row->at[i] != UINT16_MAX)
            occurrences[row->at[i]]++;
    }
    for (size_t i = 0; i < reader->count; i++) {
        uint16_t at = row->at[i];

        if (at == UINT16_MAX || reader->features[i].len == 0)
            continue;
        spread(reader, &reader->features[i],
               row->values[at] / occurrences[at] *
                   weight_of(model, scratch->units, row->ids[at], intent),
               out, count);
    }
    return count;
}
