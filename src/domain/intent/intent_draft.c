/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the model file, section after section, into one buffer of the right size. */
#include "intent_draft_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    /* What features may take in the file of a model of some hundred intents, so that a thousand
     * open models stay below 4 GB. The rest of the features carry a fifth of a point, if that. */
    FILE_FEATURES_BYTES = 3350 * 1000,
    /* In best quality, with the log's words; the file is to stay below 10 MB. */
    FILE_BEST_BYTES = 8700 * 1000,
    SPELL_TOKENS_MAX = 16 * 1024 * 1024, /* words of examples beyond it are not counted */
    FEATURE_BYTES = 25, /* beside its row: weight, scale, group, its share of the slots */
    BYTE_MAX = 127,
    FEATURES_MIN = 16000, /* for thousands of intents a row is long, and still they need these */
};

struct writer {
    const struct intent_draft *draft;
    struct intent_speller speller;
    struct intent_header header;
    uint32_t *kept; /* features, in the order of the file */
    char *bytes;
};

struct ranked {
    float worth;
    uint32_t feature;
};

static int ranked_order(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;

    if (x->worth != y->worth)
        return x->worth < y->worth ? 1 : -1;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static size_t units(const struct intent_draft *draft)
{
    return (size_t)draft->net_count * INTENT_NET_UNITS;
}

/* Of one feature. */
static size_t net_bytes(const struct intent_draft *draft)
{
    return draft->net_count > 0 ? units(draft) + sizeof(float) : 0;
}

static uint64_t words_bytes(const struct intent_lexicon *lexicon)
{
    return lexicon->slot_count * sizeof(struct intent_slot) +
           lexicon->words.count *
               (INTENT_WORDS_STRIDE + sizeof(float) + INTENT_WORDS_LEVELS * sizeof(uint16_t));
}

static size_t features_bytes(const struct intent_draft *draft)
{
    uint64_t words = words_bytes(draft->lexicon);

    if (!draft->large)
        return FILE_FEATURES_BYTES;
    return words < FILE_BEST_BYTES - FILE_FEATURES_BYTES ? FILE_BEST_BYTES - words
                                                         : FILE_FEATURES_BYTES;
}

/* Words and the dense features stay in any case, then those of the most worth. Common features keep
 * their place in front: their rows then lie together. */
uint32_t *intent_draft_keep(const struct intent_draft *draft, uint32_t *out_count)
{
    uint32_t *kept;
    struct ranked *ranked = mem_alloc(draft->features * sizeof(*ranked));
    size_t count = features_bytes(draft) / (draft->lanes + FEATURE_BYTES + net_bytes(draft));

    if (count < FEATURES_MIN)
        count = FEATURES_MIN;
    if (count > draft->features)
        count = draft->features;
    for (uint32_t f = 0; f < draft->features; f++)
        ranked[f] = f >= draft->dense_first || (draft->groups[f] & INTENT_GROUP_TOKEN) != 0
                        ? (struct ranked){ INFINITY, f }
                        : (struct ranked){ draft->worth[f], f };
    qsort(ranked, draft->features, sizeof(*ranked), ranked_order);
    kept = mem_alloc((count + 1) * sizeof(*kept));
    for (size_t i = 0; i < count; i++)
        kept[i] = ranked[i].feature;
    qsort(kept, count, sizeof(*kept), number_order);
    *out_count = (uint32_t)count;
    free(ranked);
    return kept;
}

static void *section(struct writer *writer, enum intent_section which)
{
    return writer->bytes + writer->header.sections[which].offset;
}

static void names_write(struct writer *writer)
{
    const struct example_set *set = writer->draft->set;
    uint32_t *offsets = section(writer, INTENT_SECTION_NAMES);
    char *text = (char *)(offsets + set->name_count + 1);

    offsets[0] = 0;
    for (size_t i = 0; i < set->name_count; i++) {
        memcpy(text + offsets[i], set->names[i].ptr, set->names[i].len);
        offsets[i + 1] = offsets[i] + (uint32_t)set->names[i].len;
    }
}

static void slots_write(struct writer *writer)
{
    struct intent_slot *slots = section(writer, INTENT_SECTION_SLOTS);
    uint32_t mask = writer->header.slots - 1;

    for (uint32_t i = 0; i < writer->header.features; i++) {
        if (writer->kept[i] < writer->draft->dense_first)
            intent_slots_put(slots, mask, writer->draft->hashes[writer->kept[i]], i);
    }
}

static void features_write(struct writer *writer)
{
    const struct intent_draft *draft = writer->draft;
    float *weights = section(writer, INTENT_SECTION_WEIGHTS);
    uint8_t *groups = section(writer, INTENT_SECTION_GROUPS);
    float *scales = section(writer, INTENT_SECTION_SCALES);
    int8_t *rows = section(writer, INTENT_SECTION_ROWS);
    size_t features = writer->header.features;

    for (size_t i = 0; i < features; i++) {
        weights[i] = draft->weights[writer->kept[i]];
        groups[i] = draft->groups[writer->kept[i]];
    }
    for (size_t first = 0; first < draft->lanes; first += INTENT_BLOCK_LANES) {
        size_t rest = draft->lanes - first;
        size_t lanes = rest < INTENT_BLOCK_LANES ? rest : INTENT_BLOCK_LANES;
        const float *from = draft->scales + first / INTENT_BLOCK_LANES * draft->features;

        for (size_t i = 0; i < features; i++) {
            *scales++ = from[writer->kept[i]];
            memcpy(rows, draft->rows + first * draft->features + writer->kept[i] * lanes, lanes);
            rows += lanes;
        }
    }
    memcpy(section(writer, INTENT_SECTION_BIAS), draft->bias, draft->lanes * sizeof(float));
}

/* A feature's row in all nets, rounded to bytes of one scale. */
static float net_row_round(const struct intent_draft *draft, uint32_t feature, int8_t *out)
{
    size_t start = (size_t)feature * INTENT_NET_UNITS;
    float largest = 0;

    for (size_t u = 0; u < units(draft); u++)
        largest = fmaxf(largest,
                        fabsf(draft->nets[u / INTENT_NET_UNITS].in[start + u % INTENT_NET_UNITS]));
    for (size_t u = 0; u < units(draft) && largest > 0; u++)
        out[u] = (int8_t)lrintf(draft->nets[u / INTENT_NET_UNITS].in[start + u % INTENT_NET_UNITS] /
                                largest * BYTE_MAX);
    return largest / BYTE_MAX;
}

static void nets_write(struct writer *writer)
{
    const struct intent_draft *draft = writer->draft;
    float *scales = section(writer, INTENT_SECTION_NET_SCALES);
    int8_t *rows = section(writer, INTENT_SECTION_NET_ROWS);
    float *in_bias = section(writer, INTENT_SECTION_NET_IN_BIAS);
    float *out = section(writer, INTENT_SECTION_NET_OUT);
    float *out_bias = section(writer, INTENT_SECTION_NET_OUT_BIAS);

    for (unsigned n = 0; n < draft->net_count; n++) {
        const struct intent_net *net = &draft->nets[n];
        size_t numbers = INTENT_NET_UNITS * net->lanes;

        memcpy(in_bias + (size_t)n * INTENT_NET_UNITS, net->in_bias,
               INTENT_NET_UNITS * sizeof(float));
        memcpy(out + n * numbers, net->out, numbers * sizeof(float));
        memcpy(out_bias + n * net->lanes, net->out_bias, net->lanes * sizeof(float));
    }
    for (size_t i = 0; i < writer->header.features && draft->net_count > 0; i++)
        scales[i] = net_row_round(draft, writer->kept[i], rows + i * units(draft));
}

struct keyed {
    uint64_t key;
    uint32_t intent;
};

static int keyed_order(const void *a, const void *b)
{
    const struct keyed *x = a;
    const struct keyed *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

struct counted {
    uint64_t hash;
    struct slice word; /* in the examples' own text, lower case */
    uint32_t count;
};

static int counted_by_hash(const void *a, const void *b)
{
    const struct counted *x = a;
    const struct counted *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int counted_by_count(const void *a, const void *b)
{
    const struct counted *x = a;
    const struct counted *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : counted_by_hash(a, b);
}

/* Words that stand in two examples, from the most common down. `words` is sorted here. */
static void speller_fill(struct intent_speller *speller, struct counted *words, size_t n)
{
    size_t kept = 0;
    size_t keys = 0;

    qsort(words, n, sizeof(*words), counted_by_hash);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && words[kept - 1].hash == words[i].hash)
            words[kept - 1].count++;
        else
            words[kept++] = words[i];
    }
    qsort(words, kept, sizeof(*words), counted_by_count);
    for (size_t i = 0; i < kept && words[i].count > 1; i++)
        keys += words[i].word.len + 1;
    intent_speller_init(speller,
                        (uint32_t)(keys < INTENT_SPELL_KEYS_MAX ? keys : INTENT_SPELL_KEYS_MAX));
    for (size_t i = 0; i < kept && words[i].count > 1; i++)
        intent_speller_add(speller, words[i].word);
}

/* The words of all examples that can be corrected to; texts in other than plain lower case are left
 * out, which costs no word that matters. */
static void speller_make(struct intent_speller *speller, const struct example_set *set,
                         struct intent_reader *reader)
{
    struct counted *words = mem_alloc(sizeof(*words));
    size_t cap = 1;
    size_t n = 0;

    for (size_t i = 0; i < set->count && n < SPELL_TOKENS_MAX; i++) {
        intent_read(reader, NULL, set->items[i].text);
        for (size_t t = 0; t < reader->token_count; t++) {
            const struct text_gram *token = &reader->tokens[t];
            struct slice word = slice_make(reader->normalised.ptr + token->start, token->len);
            struct slice at = set->items[i].text;
            const char *found;

            if (token->kind != TEXT_GRAM_WORD || !intent_spell_fits(word))
                continue;
            found = memmem(at.ptr, at.len, word.ptr, word.len);
            if (found == NULL)
                continue;
            if (n == cap) {
                cap = cap * 2 + 1024;
                words = mem_realloc(words, cap * sizeof(*words));
            }
            words[n++] = (struct counted){ token->hash, slice_make(found, word.len), 1 };
        }
    }
    speller_fill(speller, words, n);
    free(words);
}

/* Both keys of each example; equal keys become one entry. */
static struct keyed *exact_collect(const struct example_set *set, struct intent_reader *reader,
                                   uint32_t *count)
{
    struct keyed *keyed = mem_alloc((2 * set->count + 1) * sizeof(*keyed));
    size_t n = 0;
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++) {
        struct intent_keys keys;

        intent_read(reader, NULL, set->items[i].text);
        keys = intent_keys_make(reader);
        if (keys.strict != 0)
            keyed[n++] = (struct keyed){ keys.strict, set->items[i].intent };
        if (keys.loose != 0)
            keyed[n++] = (struct keyed){ keys.loose, set->items[i].intent };
    }
    qsort(keyed, n, sizeof(*keyed), keyed_order);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || keyed[kept - 1].key != keyed[i].key)
            keyed[kept++] = keyed[i];
        else if (keyed[kept - 1].intent != keyed[i].intent)
            keyed[kept - 1].intent = INTENT_EXACT_AMBIGUOUS;
    }
    *count = (uint32_t)kept;
    return keyed;
}

static void exact_write(struct writer *writer, const struct keyed *keyed)
{
    struct intent_exact *exact = section(writer, INTENT_SECTION_EXACT);

    for (uint32_t i = 0; i < writer->header.exact; i++)
        exact[i] = (struct intent_exact){ (uint32_t)keyed[i].key, (uint32_t)(keyed[i].key >> 32),
                                          keyed[i].intent };
}

static void words_write(struct writer *writer)
{
    const struct intent_lexicon *lexicon = writer->draft->lexicon;

    if (writer->header.words == 0)
        return;
    memcpy(section(writer, INTENT_SECTION_WORD_SLOTS), lexicon->slots,
           lexicon->slot_count * sizeof(*lexicon->slots));
    memcpy(section(writer, INTENT_SECTION_WORD_ROWS), lexicon->rows,
           (size_t)lexicon->words.count * INTENT_WORDS_STRIDE);
    memcpy(section(writer, INTENT_SECTION_WORD_SCALES), lexicon->scales,
           lexicon->words.count * sizeof(*lexicon->scales));
    memcpy(section(writer, INTENT_SECTION_WORD_CLUSTERS), lexicon->clusters,
           (size_t)lexicon->words.count * INTENT_WORDS_LEVELS * sizeof(*lexicon->clusters));
}

static void spell_write(struct writer *writer)
{
    const struct intent_speller *speller = &writer->speller;

    if (writer->header.spell_words == 0)
        return;
    memcpy(section(writer, INTENT_SECTION_SPELL_SLOTS), speller->slots,
           writer->header.sections[INTENT_SECTION_SPELL_SLOTS].bytes);
    memcpy(section(writer, INTENT_SECTION_SPELL_OFFSETS), speller->offsets,
           writer->header.sections[INTENT_SECTION_SPELL_OFFSETS].bytes);
    memcpy(section(writer, INTENT_SECTION_SPELL_TEXT), speller->text,
           writer->header.sections[INTENT_SECTION_SPELL_TEXT].bytes);
}

static uint64_t names_bytes(const struct example_set *set)
{
    uint64_t bytes = (set->name_count + 1) * sizeof(uint32_t);

    for (size_t i = 0; i < set->name_count; i++)
        bytes += set->names[i].len;
    return bytes;
}

/* Sizes and places of all sections; gives the file's length. */
static uint64_t sections_place(struct writer *writer)
{
    struct intent_header *header = &writer->header;
    uint64_t blocks = (header->lanes + INTENT_BLOCK_LANES - 1) / INTENT_BLOCK_LANES;
    const uint64_t bytes[INTENT_SECTIONS] = {
        [INTENT_SECTION_NAMES] = names_bytes(writer->draft->set),
        [INTENT_SECTION_SLOTS] = header->slots * sizeof(struct intent_slot),
        [INTENT_SECTION_WEIGHTS] = header->features * sizeof(float),
        [INTENT_SECTION_GROUPS] = header->features,
        [INTENT_SECTION_SCALES] = blocks * header->features * sizeof(float),
        [INTENT_SECTION_ROWS] = (uint64_t)header->features * header->lanes,
        [INTENT_SECTION_BIAS] = header->lanes * sizeof(float),
        [INTENT_SECTION_EXACT] = header->exact * sizeof(struct intent_exact),
        [INTENT_SECTION_SPELL_SLOTS] = header->spell_slots * sizeof(struct intent_slot),
        [INTENT_SECTION_SPELL_OFFSETS] =
            header->spell_words > 0 ? (header->spell_words + UINT64_C(1)) * sizeof(uint32_t) : 0,
        [INTENT_SECTION_SPELL_TEXT] = writer->speller.offsets[header->spell_words],
        [INTENT_SECTION_NET_SCALES] = header->nets > 0 ? header->features * sizeof(float) : 0,
        [INTENT_SECTION_NET_ROWS] = header->features * units(writer->draft),
        [INTENT_SECTION_NET_IN_BIAS] = units(writer->draft) * sizeof(float),
        [INTENT_SECTION_NET_OUT] = units(writer->draft) * header->lanes * sizeof(float),
        [INTENT_SECTION_NET_OUT_BIAS] = header->nets * header->lanes * sizeof(float),
        [INTENT_SECTION_WORD_SLOTS] = header->word_slots * sizeof(struct intent_slot),
        [INTENT_SECTION_WORD_ROWS] = (uint64_t)header->words * INTENT_WORDS_STRIDE,
        [INTENT_SECTION_WORD_SCALES] = header->words * sizeof(float),
        [INTENT_SECTION_WORD_CLUSTERS] =
            (uint64_t)header->words * INTENT_WORDS_LEVELS * sizeof(uint16_t),
    };
    uint64_t at = vector_pad(sizeof(*header), INTENT_SECTION_ALIGN);

    for (unsigned s = 0; s < INTENT_SECTIONS; s++) {
        header->sections[s].offset = at;
        header->sections[s].bytes = bytes[s];
        at += vector_pad(bytes[s], INTENT_SECTION_ALIGN);
    }
    return at;
}

enum err_code intent_draft_write(const struct intent_draft *draft, struct intent_reader *reader,
                                 struct buf *out, struct err *err)
{
    struct writer writer = { .draft = draft };
    struct intent_header *header = &writer.header;
    struct keyed *keyed = exact_collect(draft->set, reader, &header->exact);
    enum err_code rc = ERR_OK;
    uint64_t len;

    memcpy(header->magic, INTENT_MAGIC, sizeof(header->magic));
    header->version = INTENT_MODEL_VERSION;
    header->lists = intent_lists_crc();
    header->text_form = TEXT_FORM_VERSION;
    header->classes = draft->classes;
    header->lanes = draft->lanes;
    header->nets = draft->net_count;
    header->words = draft->lexicon->words.count;
    header->word_slots = draft->lexicon->slot_count;
    speller_make(&writer.speller, draft->set, reader);
    header->spell_words = writer.speller.spell.count;
    header->spell_slots = header->spell_words > 0 ? writer.speller.slot_count : 0;
    header->calibration = *draft->calibration;
    memcpy(header->group_weights, draft->group_weights, sizeof(header->group_weights));
    writer.kept = intent_draft_keep(draft, &header->features);
    header->slots = intent_slots_for(header->features);
    len = sections_place(&writer);
    writer.bytes = buf_reserve(out, len);
    if (writer.bytes == NULL) {
        rc = err_set(err, ERR_TOO_BIG, "model of %llu bytes, limit %d", (unsigned long long)len,
                     INTENT_MODEL_BYTES_MAX);
        goto out;
    }
    memset(writer.bytes, 0, len);
    memcpy(writer.bytes, header, sizeof(*header));
    names_write(&writer);
    slots_write(&writer);
    features_write(&writer);
    nets_write(&writer);
    exact_write(&writer, keyed);
    spell_write(&writer);
    words_write(&writer);
    intent_model_seal(writer.bytes, len);
    buf_commit(out, len);
out:
    intent_speller_fini(&writer.speller);
    free(writer.kept);
    free(keyed);
    return rc;
}
