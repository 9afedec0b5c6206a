/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "intent_svd_priv.h"
#include "intent_train.h"
#include "intent_vectors.h"

enum { TEXTS = 4000 };

/* Days and colours stand in the same places, each kind in its own. */
static struct slice text_make(uint64_t seed, char *text, size_t room)
{
    static const char *const days[] = { "monday", "tuesday", "friday", "sunday" };
    static const char *const colours[] = { "red", "blue", "green", "yellow" };
    static const char *const fillers[] = { "so", "then", "again", "maybe" };
    uint64_t h = hash_u64(5, seed);

    if (h % 2 == 0)
        snprintf(text, room, "the shop %s opens on %s at nine", fillers[h / 2 % 4],
                 days[h / 8 % 4]);
    else
        snprintf(text, room, "a shirt %s painted in %s with stripes", fillers[h / 2 % 4],
                 colours[h / 8 % 4]);
    return slice_of(text);
}

static char lines[TEXTS][64];
static struct slice texts[TEXTS];

static int texts_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = text_make(i, lines[i], sizeof(lines[i]));
    return 0;
}

static const float *row_of(const struct intent_vectors *vectors, const char *word)
{
    for (uint32_t i = 0; i < vectors->count; i++) {
        if (slice_equal_text(vectors->words[i], word))
            return vectors->rows + (size_t)i * INTENT_VECTORS_DIM;
    }
    fail_msg("'%s' has no vector", word);
    return NULL;
}

static float cosine(const struct intent_vectors *vectors, const char *a, const char *b)
{
    const float *x = row_of(vectors, a);
    const float *y = row_of(vectors, b);
    float sum = 0;

    for (unsigned d = 0; d < INTENT_VECTORS_DIM; d++)
        sum += x[d] * y[d];
    return sum;
}

static void words_of_the_same_places_lie_near(void **state)
{
    struct intent_vectors *vectors;

    (void)state;
    assert_int_equal(intent_vectors_learn(texts, TEXTS, 1, NULL, NULL, &vectors, NULL), ERR_OK);
    assert_true(cosine(vectors, "monday", "friday") > .9f);
    assert_true(cosine(vectors, "red", "yellow") > .9f);
    assert_true(cosine(vectors, "monday", "red") < .5f);
    assert_true(fabsf(cosine(vectors, "blue", "blue") - 1) < 1e-4f);
    intent_vectors_destroy(&vectors);
}

static void a_word_of_the_log_stands_in_for_one_of_the_examples(void **state)
{
    struct example_set set;
    struct intent_options options = { .seed = 1, .unlabelled = texts, .unlabelled_count = TEXTS };
    struct intent_scratch *scratch = intent_scratch_create();
    struct intent_model *model = NULL;
    struct intent_result result;
    struct buf out;

    (void)state;
    example_set_init(&set);
    buf_init(&out, INTENT_MODEL_BYTES_MAX);
    for (unsigned i = 0; i < 4; i++) {
        static const char *const lead[] = { "please", "can it be", "i want", "is there" };
        char text[64];

        snprintf(text, sizeof(text), "%s monday", lead[i]);
        assert_int_equal(example_set_add(&set, SLICE_LITERAL("when"), slice_of(text), i + 1, NULL),
                         ERR_OK);
        snprintf(text, sizeof(text), "%s red", lead[i]);
        assert_int_equal(example_set_add(&set, SLICE_LITERAL("look"), slice_of(text), i + 1, NULL),
                         ERR_OK);
    }
    assert_int_equal(intent_train(&set, &options, &out, NULL), ERR_OK);
    assert_int_equal(intent_model_open(buf_slice(&out), &model, NULL), ERR_OK);
    intent_predict(model, scratch, SLICE_LITERAL("please sunday"), 1, &result);
    assert_true(slice_equal_text(intent_model_name(model, result.hits[0].intent), "when"));
    intent_predict(model, scratch, SLICE_LITERAL("please green"), 1, &result);
    assert_true(slice_equal_text(intent_model_name(model, result.hits[0].intent), "look"));
    intent_model_close(&model);
    intent_scratch_destroy(&scratch);
    example_set_fini(&set);
    buf_fini(&out);
}

static bool stop(void *ctx, double share)
{
    (void)ctx;
    (void)share;
    return false;
}

static void learning_is_refused_without_words_and_can_be_cancelled(void **state)
{
    static const struct slice alone[] = { { "one", 3 }, { "two", 3 }, { "", 0 } };
    struct intent_vectors *vectors = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(intent_vectors_learn(alone, 3, 1, NULL, NULL, &vectors, &err), ERR_INVALID);
    assert_null(vectors);
    assert_int_equal(intent_vectors_learn(texts, TEXTS, 1, stop, NULL, &vectors, &err),
                     ERR_TIMEOUT);
    assert_null(vectors);
}

/* A matrix of rank two, 2 a a' + b b' with a and b orthonormal: its vectors are a and b. */
static void the_decomposition_finds_what_a_matrix_is_made_of(void **state)
{
    enum { SIZE = 40, DIM = 4 };
    uint32_t ids[SIZE * SIZE];
    float values[SIZE * SIZE];
    size_t starts[SIZE + 1];
    struct intent_sparse matrix = { SIZE, starts, ids, values };
    float out[SIZE * DIM];

    (void)state;
    for (uint32_t i = 0; i < SIZE; i++) {
        starts[i] = (size_t)i * SIZE;
        for (uint32_t j = 0; j < SIZE; j++) {
            float b = (i % 2 == 0 ? 1.f : -1.f) * (j % 2 == 0 ? 1.f : -1.f);

            ids[i * SIZE + j] = j;
            values[i * SIZE + j] = (2 + b) / SIZE;
        }
    }
    starts[SIZE] = SIZE * SIZE;
    assert_true(intent_svd(&matrix, &matrix, DIM, 1, NULL, NULL, out));
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_true(fabsf(fabsf(out[i * DIM]) - sqrtf(2.f / SIZE)) < 1e-3f);
        assert_true(fabsf(fabsf(out[i * DIM + 1]) - sqrtf(1.f / SIZE)) < 1e-3f);
        assert_true(fabsf(out[i * DIM + 2]) < 1e-2f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_the_same_places_lie_near),
        cmocka_unit_test(a_word_of_the_log_stands_in_for_one_of_the_examples),
        cmocka_unit_test(learning_is_refused_without_words_and_can_be_cancelled),
        cmocka_unit_test(the_decomposition_finds_what_a_matrix_is_made_of),
    };

    return cmocka_run_group_tests(tests, texts_open, NULL);
}
