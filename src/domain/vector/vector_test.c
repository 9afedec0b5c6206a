/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "vector.h"
#include "vector_draw_test_priv.h"
#include "vector_kernel.h"

static void dots_of_every_kernel_agree_with_doubles(void **state)
{
    enum { ROWS = 13 };
    static const size_t dims[] = { 16, 48, 64, 256, 1008 };

    (void)state;
    for (size_t d = 0; d < LENGTH_OF(dims); d++) {
        size_t dim = dims[d];
        float *rows = draw_table(ROWS * dim);
        float *queries = draw_table(VECTOR_MULTI * dim);
        float out[ROWS * VECTOR_MULTI];
        const struct vector_kernels *kernels;

        for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
            kernels->dots_multi(rows, ROWS, dim, queries, out);
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t q = 0; q < VECTOR_MULTI; q++) {
                    double sum = 0;

                    for (size_t i = 0; i < dim; i++)
                        sum += (double)rows[r * dim + i] * queries[q * dim + i];
                    assert_near(out[r * VECTOR_MULTI + q], (float)sum, 1e-4f);
                }
            }
            kernels->dots(rows, ROWS, dim, queries, out);
            for (size_t r = 0; r < ROWS; r++) {
                double sum = 0;

                for (size_t i = 0; i < dim; i++)
                    sum += (double)rows[r * dim + i] * queries[i];
                assert_near(out[r], (float)sum, 1e-4f);
            }
        }
        vector_table_free(rows);
        vector_table_free(queries);
    }
}

static void nibble_dots_of_every_kernel_are_those_of_the_portable_one(void **state)
{
    enum { ROWS = 11, DIM = 384 };
    static uint8_t rows[ROWS * DIM / 2];
    static int8_t query[DIM];
    const struct vector_kernels *kernels;
    int32_t expected[ROWS];

    (void)state;
    for (size_t i = 0; i < DIM; i++)
        query[i] = i < DIM / 2 ? 127 : (int8_t)lrintf(127 * draw());
    for (size_t i = 0; i < sizeof(rows); i++)
        rows[i] = i < DIM / 2 ? 0xFF : (uint8_t)hash_u64(4, i);
    vector_kernels_at(0)->dots_nibble(rows, ROWS, DIM, query, expected);
    for (unsigned at = 1; (kernels = vector_kernels_at(at)) != NULL; at++) {
        int32_t out[ROWS];

        kernels->dots_nibble(rows, ROWS, DIM, query, out);
        assert_memory_equal(out, expected, sizeof(out));
    }
}

static void distances_of_every_kernel_are_those_of_the_portable_one(void **state)
{
    enum { ROWS = 21, WORDS_MAX = 16 };
    static const size_t words[] = { 4, 8, 12, 16 };
    const struct vector_kernels *kernels;
    uint64_t rows[ROWS * WORDS_MAX];
    uint16_t expected[ROWS];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        rows[i] = i < 2 ? UINT64_MAX : hash_u64(3, i);
    for (size_t w = 0; w < LENGTH_OF(words); w++) {
        const uint64_t *query = rows + 5;

        vector_kernels_at(0)->distances(rows, ROWS, words[w], query, expected);
        for (unsigned at = 1; (kernels = vector_kernels_at(at)) != NULL; at++) {
            uint16_t out[ROWS];

            kernels->distances(rows, ROWS, words[w], query, out);
            assert_memory_equal(out, expected, sizeof(out));
        }
    }
}

static void select_of_every_kernel_finds_the_same_indices(void **state)
{
    enum { COUNT = 143 };
    uint16_t values[COUNT];
    const struct vector_kernels *kernels;

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (uint16_t)(hash_u64(9, i) % 50);
    for (uint16_t low = 0; low < 3; low++) {
        for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
            uint32_t out[COUNT + 32];
            size_t count = kernels->select(values, COUNT, low, 7, out);
            size_t seen = 0;

            for (uint32_t i = 0; i < COUNT; i++) {
                if (values[i] < low || values[i] > 7)
                    continue;
                assert_true(seen < count);
                assert_int_equal(out[seen++], i);
            }
            assert_int_equal(seen, count);
        }
    }
}

static void gathers_and_scatters_of_every_kernel_agree(void **state)
{
    enum { ROWS = 40, STRIDE = 304, USED = 9 };
    static const size_t lanes[] = { 16, 128, 160, 304 };
    uint32_t ids[USED];
    float values[USED];
    struct vector_sparse at_rows = { ids, values, USED };
    static int8_t bytes[ROWS * STRIDE];
    float *table = draw_table(ROWS * STRIDE);
    float *delta = draw_table(STRIDE);
    const struct vector_kernels *kernels;

    (void)state;
    for (uint32_t i = 0; i < USED; i++) {
        ids[i] = i * 4 + 1;
        values[i] = draw();
    }
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        bytes[i] = (int8_t)lrintf(127 * table[i]);
    for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
        for (size_t l = 0; l < LENGTH_OF(lanes); l++) {
            float out[STRIDE];
            float before[STRIDE];
            size_t n = lanes[l];

            kernels->gather(table, STRIDE, at_rows, n, out);
            for (size_t c = 0; c < n; c++) {
                double sum = 0;

                for (size_t i = 0; i < USED; i++)
                    sum += (double)values[i] * table[ids[i] * STRIDE + c];
                assert_near(out[c], (float)sum, 1e-5f);
            }
            kernels->gather_i8(bytes, STRIDE, at_rows, n, out);
            for (size_t c = 0; c < n; c++) {
                double sum = 0;

                for (size_t i = 0; i < USED; i++)
                    sum += (double)values[i] * bytes[ids[i] * STRIDE + c];
                assert_near(out[c], (float)sum, 1e-3f);
            }
            memcpy(before, table + ids[3] * STRIDE, sizeof(before));
            kernels->scatter(table, STRIDE, at_rows, n, delta);
            for (size_t c = 0; c < STRIDE; c++)
                assert_near(table[ids[3] * STRIDE + c],
                            before[c] + (c < n ? values[3] * delta[c] : 0), 1e-5f);
        }
    }
    vector_table_free(table);
    vector_table_free(delta);
}

/* Rows around a few hundred centres, as texts lie around topics. */
static struct vector_index *index_fill(unsigned dim, size_t rows)
{
    struct vector_index *index = vector_index_create(dim);
    float *centres = draw_table(64 * dim);
    float *row = mem_alloc(dim * sizeof(*row));

    for (size_t i = 0; i < rows; i++) {
        for (unsigned j = 0; j < dim; j++)
            row[j] = centres[(i % 64) * dim + j] + draw();
        assert_int_equal(vector_index_put(index, i * 3, row, NULL), ERR_OK);
    }
    free(row);
    vector_table_free(centres);
    return index;
}

static unsigned hits_shared(const struct vector_hit *a, const struct vector_hit *b, unsigned k)
{
    unsigned shared = 0;

    for (unsigned i = 0; i < k; i++) {
        for (unsigned j = 0; j < k; j++)
            shared += a[i].id == b[j].id;
    }
    return shared;
}

static void certified_answers_are_the_exact_ones_and_the_others_nearly(void **state)
{
    enum { K = 10, QUERIES = 40 };
    static const unsigned dims[] = { 20, 100, 256 };
    struct vector_scratch scratch;

    (void)state;
    vector_scratch_init(&scratch);
    for (size_t d = 0; d < LENGTH_OF(dims); d++) {
        struct vector_index *index = index_fill(dims[d], 3000);
        unsigned int8_shared = 0;
        unsigned bit_shared = 0;

        for (unsigned q = 0; q < QUERIES; q++) {
            float *query = draw_table(dims[d]);
            struct vector_hit exact[K];
            struct vector_hit hits[K];

            assert_int_equal(vector_index_query(index, &scratch, VECTOR_F32, query, K, exact), K);
            assert_int_equal(vector_index_query(index, &scratch, VECTOR_CERTIFIED, query, K, hits),
                             K);
            for (unsigned i = 0; i < K; i++) {
                assert_int_equal(hits[i].id, exact[i].id);
                assert_true(hits[i].score == exact[i].score);
            }
            assert_int_equal(vector_index_query(index, &scratch, VECTOR_INT8, query, K, hits), K);
            int8_shared += hits_shared(exact, hits, K);
            assert_int_equal(vector_index_query(index, &scratch, VECTOR_BIT, query, K, hits), K);
            bit_shared += hits_shared(exact, hits, K);
            vector_table_free(query);
        }
        assert_true(int8_shared >= QUERIES * K * 99 / 100);
        assert_true(bit_shared >= QUERIES * K * 97 / 100);
        vector_index_destroy(&index);
    }
    vector_scratch_fini(&scratch);
}

static void hits_come_best_first_and_equal_ones_by_id(void **state)
{
    struct vector_index *index = vector_index_create(2);
    struct vector_scratch scratch;
    struct vector_hit hits[4];
    const float right[2] = { 5, 0 };
    const float up[2] = { 0, 1 };

    (void)state;
    vector_scratch_init(&scratch);
    assert_int_equal(vector_index_put(index, 9, right, NULL), ERR_OK);
    assert_int_equal(vector_index_put(index, 4, up, NULL), ERR_OK);
    assert_int_equal(vector_index_put(index, 7, right, NULL), ERR_OK);
    for (unsigned mode = VECTOR_F32; mode <= VECTOR_BIT; mode++) {
        assert_int_equal(vector_index_query(index, &scratch, mode, right, 4, hits), 3);
        assert_int_equal(hits[0].id, 7);
        assert_int_equal(hits[1].id, 9);
        assert_int_equal(hits[2].id, 4);
        assert_near(hits[0].score, 1, 1e-6f);
        assert_near(hits[2].score, 0, 1e-6f);
    }
    vector_scratch_fini(&scratch);
    vector_index_destroy(&index);
}

static void rows_come_and_go_without_a_rebuild(void **state)
{
    enum { DIM = 8, IDS = 400, STEPS = 6000 };
    struct vector_index *index = vector_index_create(DIM);
    struct vector_scratch scratch;
    float rows[IDS][DIM];
    bool live[IDS] = { false };
    size_t count = 0;

    (void)state;
    vector_scratch_init(&scratch);
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t id = hash_u64(11, step) % IDS;

        if (hash_u64(12, step) % 3 == 0) {
            assert_int_equal(vector_index_remove(index, id), live[id]);
            count -= live[id];
            live[id] = false;
        } else {
            for (unsigned i = 0; i < DIM; i++)
                rows[id][i] = draw();
            assert_int_equal(vector_index_put(index, id, rows[id], NULL), ERR_OK);
            count += !live[id];
            live[id] = true;
        }
        assert_int_equal(vector_index_count(index), count);
    }
    for (uint64_t id = 0; id < IDS; id++) {
        struct vector_hit hit;

        assert_int_equal(vector_index_query(index, &scratch, VECTOR_CERTIFIED, rows[id], 1, &hit),
                         1);
        assert_int_equal(hit.id == id, live[id]);
    }
    vector_scratch_fini(&scratch);
    vector_index_destroy(&index);
}

static void blocks_fill_and_empty_at_their_borders(void **state)
{
    enum { DIM = VECTOR_DIM_MAX, ROWS = 1030 }; /* blocks of 512 rows at this dimension */
    struct vector_index *index = vector_index_create(DIM);
    struct vector_scratch scratch;
    struct vector_hit hit;
    float *row = draw_table(DIM);

    (void)state;
    vector_scratch_init(&scratch);
    for (uint64_t id = 0; id < ROWS; id++) {
        row[id] += 100;
        assert_int_equal(vector_index_put(index, id, row, NULL), ERR_OK);
        row[id] -= 100;
    }
    for (uint64_t id = 0; id < ROWS; id++) {
        row[id] += 100;
        assert_int_equal(vector_index_query(index, &scratch, VECTOR_BIT, row, 1, &hit), 1);
        assert_int_equal(hit.id, id);
        row[id] -= 100;
        assert_true(vector_index_remove(index, id));
        assert_false(vector_index_remove(index, id));
    }
    assert_int_equal(vector_index_query(index, &scratch, VECTOR_F32, row, 1, &hit), 0);
    vector_table_free(row);
    vector_scratch_fini(&scratch);
    vector_index_destroy(&index);
}

static void what_is_no_direction_is_refused_or_finds_nothing(void **state)
{
    struct vector_index *index = vector_index_create(3);
    const float bad[3] = { 1, NAN, 0 };
    const float zero[3] = { 0 };
    const float good[3] = { 1, 2, 3 };
    struct vector_scratch scratch;
    struct vector_hit hit;
    struct err err = { 0 };

    (void)state;
    vector_scratch_init(&scratch);
    assert_int_equal(vector_index_put(index, 1, bad, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "value 1"));
    assert_int_equal(vector_index_put(index, 1, zero, NULL), ERR_OK);
    assert_int_equal(vector_index_query(index, &scratch, VECTOR_BIT, good, 1, &hit), 1);
    assert_true(hit.score == 0);
    assert_int_equal(vector_index_query(index, &scratch, VECTOR_F32, zero, 1, &hit), 0);
    assert_int_equal(vector_index_query(index, &scratch, VECTOR_F32, bad, 1, &hit), 0);
    vector_scratch_fini(&scratch);
    vector_index_destroy(&index);
}

static void products_of_matrices_are_sums_of_products(void **state)
{
    enum { A = 70, B = 7 };
    static const size_t dims[] = { 3, 32, 50 };

    (void)state;
    for (size_t d = 0; d < LENGTH_OF(dims); d++) {
        size_t dim = dims[d];
        float *a = draw_table(A * dim);
        float *b = draw_table(B * dim);
        float out[A * B];

        vector_multiply_rows(a, A, b, B, dim, out);
        for (size_t i = 0; i < A; i++) {
            for (size_t j = 0; j < B; j++) {
                double sum = 0;

                for (size_t x = 0; x < dim; x++)
                    sum += (double)a[i * dim + x] * b[j * dim + x];
                assert_near(out[i * B + j], (float)sum, 1e-5f);
            }
        }
        vector_multiply(a, A, dim, b, out + A); /* the first column again, in one piece */
        for (size_t i = 0; i < A; i++) {
            double sum = 0;

            for (size_t x = 0; x < dim; x++)
                sum += (double)a[i * dim + x] * b[x];
            assert_near(out[A + i], (float)sum, 1e-5f);
        }
        vector_table_free(a);
        vector_table_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_of_every_kernel_agree_with_doubles),
        cmocka_unit_test(nibble_dots_of_every_kernel_are_those_of_the_portable_one),
        cmocka_unit_test(distances_of_every_kernel_are_those_of_the_portable_one),
        cmocka_unit_test(select_of_every_kernel_finds_the_same_indices),
        cmocka_unit_test(gathers_and_scatters_of_every_kernel_agree),
        cmocka_unit_test(certified_answers_are_the_exact_ones_and_the_others_nearly),
        cmocka_unit_test(hits_come_best_first_and_equal_ones_by_id),
        cmocka_unit_test(rows_come_and_go_without_a_rebuild),
        cmocka_unit_test(blocks_fill_and_empty_at_their_borders),
        cmocka_unit_test(what_is_no_direction_is_refused_or_finds_nothing),
        cmocka_unit_test(products_of_matrices_are_sums_of_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
