/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a model: after these checks no byte of the file can lead outside of it. */
#include "intent_model_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "examples.h"
#include "mem.h"

enum { CRC_FROM = offsetof(struct intent_header, crc) + sizeof(uint32_t) };

static enum err_code header_check(struct slice bytes, struct err *err)
{
    const struct intent_header *header = (const void *)bytes.ptr;

    if (bytes.len < sizeof(*header) || memcmp(header->magic, INTENT_MAGIC, 8) != 0)
        return err_set(err, ERR_INVALID, "not a model file");
    if (header->version != INTENT_MODEL_VERSION || header->text_form != TEXT_FORM_VERSION ||
        header->lists != intent_lists_crc())
        return err_set(err, ERR_UNSUPPORTED,
                       "model of version %u.%u, this program reads %d.%d: train again",
                       header->version, header->text_form, INTENT_MODEL_VERSION, TEXT_FORM_VERSION);
    if (header->bytes != bytes.len)
        return err_set(err, ERR_CORRUPT, "model has %zu bytes, its header says %llu", bytes.len,
                       (unsigned long long)header->bytes);
    if (crc32c(0, bytes.ptr + CRC_FROM, bytes.len - CRC_FROM) != header->crc)
        return err_set(err, ERR_CORRUPT, "model does not match its checksum");
    return ERR_OK;
}

void intent_model_seal(void *bytes, size_t len)
{
    struct intent_header *header = bytes;

    header->bytes = len;
    header->crc = crc32c(0, (const char *)bytes + CRC_FROM, len - CRC_FROM);
}

static bool slots_make_sense(uint32_t slots, uint32_t count)
{
    return slots >= 2 && (slots & (slots - 1)) == 0 && count < slots && slots <= UINT32_C(1) << 30;
}

static bool sizes_make_sense(const struct intent_header *header)
{
    bool spell = header->spell_words > 0
                     ? slots_make_sense(header->spell_slots, header->spell_words)
                     : header->spell_slots == 0;
    bool words = header->words > 0 ? slots_make_sense(header->word_slots, header->words)
                                   : header->word_slots == 0;

    bool nets =
        header->nets == 0 || (header->nets == INTENT_NETS && header->lanes <= INTENT_BLOCK_LANES);

    return nets && header->classes >= 1 && header->classes <= EXAMPLES_INTENTS_MAX &&
           header->lanes == vector_pad(header->classes + 1, VECTOR_F32_STEP) &&
           slots_make_sense(header->slots, header->features) && header->features >= 1 && words &&
           spell;
}

static uint64_t blocks(const struct intent_header *header)
{
    return (header->lanes + INTENT_BLOCK_LANES - 1) / INTENT_BLOCK_LANES;
}

static uint64_t units(const struct intent_header *header)
{
    return header->nets * UINT64_C(1) * INTENT_NET_UNITS;
}

/* The size that a section must have; names are checked apart. */
static uint64_t section_bytes(const struct intent_header *header, enum intent_section section)
{
    switch (section) {
    case INTENT_SECTION_SLOTS:
        return header->slots * (uint64_t)sizeof(struct intent_slot);
    case INTENT_SECTION_WEIGHTS:
        return header->features * (uint64_t)sizeof(float);
    case INTENT_SECTION_SCALES:
        return blocks(header) * header->features * sizeof(float);
    case INTENT_SECTION_GROUPS:
        return header->features;
    case INTENT_SECTION_ROWS:
        return header->features * (uint64_t)header->lanes;
    case INTENT_SECTION_BIAS:
        return header->lanes * sizeof(float);
    case INTENT_SECTION_WORD_SLOTS:
        return header->word_slots * (uint64_t)sizeof(struct intent_slot);
    case INTENT_SECTION_WORD_ROWS:
        return header->words * (uint64_t)INTENT_WORDS_STRIDE;
    case INTENT_SECTION_WORD_SCALES:
        return header->words * (uint64_t)sizeof(float);
    case INTENT_SECTION_WORD_CLUSTERS:
        return header->words * (uint64_t)INTENT_WORDS_LEVELS * sizeof(uint16_t);
    case INTENT_SECTION_SPELL_SLOTS:
        return header->spell_slots * (uint64_t)sizeof(struct intent_slot);
    case INTENT_SECTION_SPELL_OFFSETS:
        return header->spell_words > 0 ? (header->spell_words + UINT64_C(1)) * sizeof(uint32_t) : 0;
    case INTENT_SECTION_SPELL_TEXT:
        return header->sections[section].bytes; /* checked with the offsets */
    case INTENT_SECTION_NET_SCALES:
        return header->nets > 0 ? header->features * sizeof(float) : 0;
    case INTENT_SECTION_NET_ROWS:
        return header->features * units(header);
    case INTENT_SECTION_NET_IN_BIAS:
        return units(header) * sizeof(float);
    case INTENT_SECTION_NET_OUT:
        return units(header) * header->lanes * sizeof(float);
    case INTENT_SECTION_NET_OUT_BIAS:
        return header->nets * (uint64_t)header->lanes * sizeof(float);
    case INTENT_SECTION_EXACT:
        return header->exact * (uint64_t)sizeof(struct intent_exact);
    default:
        return header->sections[INTENT_SECTION_NAMES].bytes;
    }
}

static bool sections_fit(const struct intent_header *header)
{
    for (unsigned s = 0; s < INTENT_SECTIONS; s++) {
        uint64_t offset = header->sections[s].offset;
        uint64_t bytes = header->sections[s].bytes;

        if (offset % INTENT_SECTION_ALIGN != 0 || offset < sizeof(*header) ||
            offset > header->bytes || bytes > header->bytes - offset ||
            bytes != section_bytes(header, s))
            return false;
    }
    return true;
}

static const void *section(const struct intent_header *header, enum intent_section which)
{
    return (const char *)header + header->sections[which].offset;
}

static bool names_fit(const struct intent_model *model)
{
    uint64_t bytes = model->header->sections[INTENT_SECTION_NAMES].bytes;
    uint64_t table = (model->header->classes + UINT64_C(1)) * sizeof(uint32_t);

    if (bytes < table || model->name_offsets[0] != 0 ||
        model->name_offsets[model->header->classes] != bytes - table)
        return false;
    for (uint32_t i = 0; i < model->header->classes; i++) {
        if (model->name_offsets[i] > model->name_offsets[i + 1])
            return false;
    }
    return true;
}

/* No id beyond count, and a free slot, or a search would not end. */
static bool slots_fit(const struct intent_slot *slots, uint32_t slot_count, uint32_t count)
{
    uint32_t free_slots = 0;

    for (uint32_t i = 0; i < slot_count; i++) {
        if (slots[i].id > count)
            return false;
        free_slots += slots[i].id == 0;
    }
    return free_slots > 0;
}

static bool words_fit(const struct intent_model *model)
{
    const struct intent_words *words = &model->words;

    if (words->count == 0)
        return true;
    if (model->header->features < INTENT_WORDS_DIM)
        return false;
    for (uint32_t i = 0; i < words->count; i++) {
        if (!isfinite(words->scales[i]))
            return false;
    }
    return slots_fit(words->slots, words->mask + 1, words->count);
}

static bool spell_fits(const struct intent_model *model)
{
    const struct intent_spell *spell = &model->spell;

    if (spell->count == 0)
        return true;
    if (spell->offsets[0] != 0 ||
        spell->offsets[spell->count] != model->header->sections[INTENT_SECTION_SPELL_TEXT].bytes)
        return false;
    for (uint32_t i = 0; i < spell->count; i++) {
        if (spell->offsets[i] > spell->offsets[i + 1] ||
            spell->offsets[i + 1] - spell->offsets[i] > INTENT_SPELL_LEN_MAX)
            return false;
    }
    return slots_fit(spell->slots, spell->mask + 1, spell->count);
}

static bool features_fit(const struct intent_model *model)
{
    for (uint32_t i = 0; i < model->header->features; i++) {
        if ((model->dictionary.groups[i] & INTENT_GROUP_MASK) >= INTENT_GROUPS ||
            !isfinite(model->dictionary.weights[i]))
            return false;
    }
    for (uint64_t i = 0; i < blocks(model->header) * model->header->features; i++) {
        if (!isfinite(model->scales[i]))
            return false;
    }
    return slots_fit(model->dictionary.slots, model->header->slots, model->header->features);
}

static bool exact_fit(const struct intent_model *model)
{
    for (uint32_t i = 0; i < model->header->exact; i++) {
        if (model->exact[i].intent >= model->header->classes &&
            model->exact[i].intent != INTENT_EXACT_AMBIGUOUS)
            return false;
    }
    return true;
}

static bool are_finite(const float *numbers, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i]))
            return false;
    }
    return true;
}

static bool nets_fit(const struct intent_model *model)
{
    const struct intent_header *header = model->header;

    if (header->nets == 0)
        return true;
    return are_finite(model->net_scales, header->features) &&
           are_finite(model->nets[0].in_bias, units(header)) &&
           are_finite(model->nets[0].out, units(header) * header->lanes) &&
           are_finite(model->nets[0].out_bias, header->nets * (uint64_t)header->lanes);
}

static bool numbers_are_finite(const struct intent_model *model)
{
    const struct intent_calibration *c = &model->header->calibration;

    return are_finite(model->bias, model->header->lanes) &&
           are_finite(model->header->group_weights, INTENT_GROUPS) && isfinite(c->offset) &&
           isfinite(c->best) && isfinite(c->margin) && isfinite(c->scope) && isfinite(c->unknown) &&
           isfinite(c->sharpness) && isfinite(c->threshold);
}

static void model_point(struct intent_model *model, const struct intent_header *header)
{
    model->header = header;
    model->kernels = vector_kernels_best();
    model->name_offsets = section(header, INTENT_SECTION_NAMES);
    model->names = (const char *)(model->name_offsets + header->classes + 1);
    model->dictionary.slots = section(header, INTENT_SECTION_SLOTS);
    model->dictionary.mask = header->slots - 1;
    model->dictionary.weights = section(header, INTENT_SECTION_WEIGHTS);
    model->dictionary.groups = section(header, INTENT_SECTION_GROUPS);
    memcpy(model->dictionary.group_weights, header->group_weights, sizeof(header->group_weights));
    model->scales = section(header, INTENT_SECTION_SCALES);
    model->rows = section(header, INTENT_SECTION_ROWS);
    model->bias = section(header, INTENT_SECTION_BIAS);
    model->exact = section(header, INTENT_SECTION_EXACT);
    model->dictionary.dense_first =
        header->words > 0 ? header->features - INTENT_WORDS_DIM : header->features;
    model->words = (struct intent_words){
        .count = header->words,
        .mask = header->word_slots - 1,
        .slots = section(header, INTENT_SECTION_WORD_SLOTS),
        .rows = section(header, INTENT_SECTION_WORD_ROWS),
        .scales = section(header, INTENT_SECTION_WORD_SCALES),
        .clusters = section(header, INTENT_SECTION_WORD_CLUSTERS),
    };
    model->spell = (struct intent_spell){
        .count = header->spell_words,
        .mask = header->spell_slots - 1,
        .slots = section(header, INTENT_SECTION_SPELL_SLOTS),
        .offsets = section(header, INTENT_SECTION_SPELL_OFFSETS),
        .text = section(header, INTENT_SECTION_SPELL_TEXT),
    };
}

static void nets_point(struct intent_model *model)
{
    const struct intent_header *header = model->header;

    model->net_scales = section(header, INTENT_SECTION_NET_SCALES);
    model->net_rows = section(header, INTENT_SECTION_NET_ROWS);
    for (unsigned n = 0; n < header->nets; n++) {
        const float *in_bias = section(header, INTENT_SECTION_NET_IN_BIAS);
        const float *out = section(header, INTENT_SECTION_NET_OUT);
        const float *out_bias = section(header, INTENT_SECTION_NET_OUT_BIAS);

        model->nets[n] = (struct intent_net_end){
            .columns = header->classes + 1,
            .lanes = header->lanes,
            .in_bias = in_bias + (size_t)n * INTENT_NET_UNITS,
            .out = out + (size_t)n * INTENT_NET_UNITS * header->lanes,
            .out_bias = out_bias + (size_t)n * header->lanes,
        };
    }
}

enum err_code intent_model_open(struct slice bytes, struct intent_model **out, struct err *err)
{
    const struct intent_header *header = (const void *)bytes.ptr;
    struct intent_model *model;
    enum err_code rc = header_check(bytes, err);

    if (rc != ERR_OK)
        return rc;
    if (!sizes_make_sense(header) || !sections_fit(header))
        return err_set(err, ERR_CORRUPT, "model has sizes that do not fit");
    model = mem_zalloc(sizeof(*model));
    model_point(model, header);
    nets_point(model);
    if (!names_fit(model) || !words_fit(model) || !spell_fits(model) || !features_fit(model) ||
        !exact_fit(model) || !nets_fit(model) || !numbers_are_finite(model)) {
        intent_model_close(&model);
        return err_set(err, ERR_CORRUPT, "model has contents that do not fit");
    }
    *out = model;
    return ERR_OK;
}

void intent_model_close(struct intent_model **model)
{
    free(*model);
    *model = NULL;
}

uint32_t intent_model_count(const struct intent_model *model)
{
    return model->header->classes;
}

struct slice intent_model_name(const struct intent_model *model, uint32_t intent)
{
    uint32_t from = model->name_offsets[intent];

    return slice_make(model->names + from, model->name_offsets[intent + 1] - from);
}

int intent_model_find(const struct intent_model *model, struct slice name)
{
    for (uint32_t i = 0; i < model->header->classes; i++) {
        if (slice_equal(intent_model_name(model, i), name))
            return (int)i;
    }
    return -1;
}

float intent_model_threshold(const struct intent_model *model)
{
    return model->header->calibration.threshold;
}
