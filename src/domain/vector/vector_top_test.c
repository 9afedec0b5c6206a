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
#include "vector_priv.h"

/* Any 32 bits, so also what no row holds: signed zeros, numbers too small for all their bits,
 * infinities and what is not a number. */
static void every_kernel_joins_what_was_split_bit_for_bit(void **state)
{
    enum { DIM = 1024 };
    static const uint32_t special[] = { 0,           0x80000000u, 0x00007FFFu, 0x00008000u,
                                        0x80000001u, 0x3F800000u, 0x3F7FFFFFu, 0x7F7FFFFFu,
                                        0x7F800000u, 0xFFFFFFFFu };
    const struct vector_kernels *kernels;
    uint32_t bits[DIM];
    float full[DIM];
    uint32_t top[DIM / 2];
    uint32_t rest[DIM / 2];

    (void)state;
    for (size_t i = 0; i < DIM; i++)
        bits[i] = i < LENGTH_OF(special) ? special[i] : (uint32_t)hash_u64(5, i);
    memcpy(full, bits, sizeof(full));
    vector_top_split(full, DIM, top, rest);
    for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
        memset(full, 0, sizeof(full));
        kernels->join(top, rest, DIM, full);
        assert_memory_equal(full, bits, sizeof(full));
    }
}

static void top_dots_of_every_kernel_agree_with_doubles_of_the_rounded_numbers(void **state)
{
    enum { ROWS = 7, DIM_MAX = 1024 };
    static const size_t dims[] = { 32, 64, 96, 256, DIM_MAX };
    static uint32_t top[ROWS * DIM_MAX / 2];
    static uint32_t rest[ROWS * DIM_MAX / 2];
    static uint32_t nothing[ROWS * DIM_MAX / 2]; /* where a top is joined with half of its last bit,
                                                  * the rounded number is left */
    static float rounded[ROWS * DIM_MAX];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(nothing); i++)
        nothing[i] = VECTOR_TOP_HALF | (uint32_t)VECTOR_TOP_HALF << 16;
    for (size_t d = 0; d < LENGTH_OF(dims); d++) {
        size_t dim = dims[d];
        float *rows = draw_table(ROWS * dim);
        float *query = draw_table(dim);
        float out[ROWS];
        const struct vector_kernels *kernels;

        vector_top_split(rows, ROWS * dim, top, rest);
        vector_kernels_at(0)->join(top, nothing, ROWS * dim, rounded);
        for (size_t i = 0; i < ROWS * dim; i++)
            assert_near(rounded[i], rows[i], fabsf(rows[i]) * 0x1p-8f);
        for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
            kernels->dots_top(top, ROWS, dim, query, out);
            for (size_t r = 0; r < ROWS; r++) {
                double sum = 0;

                for (size_t i = 0; i < dim; i++)
                    sum += (double)rounded[r * dim + i] * query[i];
                assert_near(out[r], (float)sum, 1e-4f);
            }
        }
        vector_table_free(rows);
        vector_table_free(query);
    }
}

/* Rows that a scan by rounded numbers could get wrong, each kind in its own way. */
enum kind {
    KIND_ANY,
    KIND_GROUPS, /* a few directions with little around them */
    KIND_SCALES, /* rows of all lengths that floats have */
    KIND_UNEVEN, /* numbers of all sizes within one row, so most are too small for all their bits */
    KIND_EQUAL,  /* a handful of rows, over and over */
    KIND_LOWER,  /* rows that differ in their last bits alone */
    KIND_ZERO,   /* mostly zeros, among them zeros alone */
    KIND_MIDWAY, /* numbers halfway between two rounded ones, so all are off in one direction */
    KIND_COUNT,
};

/* 254 equal numbers of a unit row are 1.00394 / 16, just above the middle between 1 and 1.0078. */
enum { MIDWAY = 254, MIDWAY_DIM = 256 };

static float kind_value(enum kind kind, uint64_t row, unsigned i, const float *base)
{
    switch (kind) {
    case KIND_GROUPS:
        return base[(row % 8 * 31 + i) % VECTOR_DIM_MAX] + draw() / 64;
    case KIND_SCALES:
        return ldexpf(draw(), (int)(hash_u64(21, row) % 260) - 140);
    case KIND_UNEVEN:
        return ldexpf(draw(), -(int)(hash_u64(22, row * VECTOR_DIM_MAX + i) % 140));
    case KIND_EQUAL:
        return base[(row % 5 * 97 + i) % VECTOR_DIM_MAX];
    case KIND_LOWER:
        return base[i] * (1 + ldexpf(draw(), -(int)(12 + row % 12)));
    case KIND_ZERO:
        return hash_u64(23, row * VECTOR_DIM_MAX + i) % 128 == 0 && row % 3 != 0 ? draw() : 0;
    case KIND_MIDWAY:
        return i < MIDWAY ? copysignf(1, base[i]) : draw() / 5;
    case KIND_ANY:
    case KIND_COUNT:
        break;
    }
    return draw();
}

static int hit_order(const void *a, const void *b)
{
    const struct vector_hit *x = a;
    const struct vector_hit *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void kind_row(enum kind kind, uint64_t row, unsigned dim, const float *base, float *out)
{
    for (unsigned i = 0; i < dim; i++)
        out[i] = kind_value(kind, row, i, base);
}

/* The answer without any index: all rows in full, sorted. Row r has the id r * 7919 modulo rows, so
 * ids do not come in the order of the rows. */
enum { ID_STEP = 7919 };
struct plain {
    size_t rows;
    float *units; /* rows x index->dim_f32 */
    struct vector_hit *hits;
};

static void plain_query(const struct vector_index *index, struct plain *plain, const float *unit)
{
    for (size_t r = 0; r < plain->rows; r++) {
        plain->hits[r].id = r * ID_STEP % plain->rows;
        index->kernels->dots(plain->units + r * index->dim_f32, 1, index->dim_f32, unit,
                             &plain->hits[r].score);
    }
    qsort(plain->hits, plain->rows, sizeof(*plain->hits), hit_order);
}

static void assert_answers_of_plain(const struct vector_index *index, const struct plain *plain,
                                    struct vector_scratch *scratch, const float *query)
{
    enum { K_MAX = 200 };
    static const unsigned counts[] = { 1, 10, K_MAX };
    struct vector_hit hits[K_MAX];

    for (unsigned mode = VECTOR_F32; mode <= VECTOR_CERTIFIED; mode++) {
        for (unsigned c = 0; c < LENGTH_OF(counts); c++) {
            unsigned k = counts[c];

            assert_int_equal(vector_index_query(index, scratch, mode, query, k, hits), k);
            for (unsigned i = 0; i < k; i++) {
                assert_int_equal(hits[i].id, plain->hits[i].id);
                assert_true(hits[i].score == plain->hits[i].score);
            }
        }
    }
}

static void kind_check(enum kind kind, unsigned dim, size_t rows, struct vector_scratch *scratch)
{
    enum { QUERIES = 5 };
    struct vector_index *index = vector_index_create(dim);
    size_t width = index->dim_f32;
    struct plain plain = { rows, vector_table_alloc(rows * width * sizeof(float)),
                           mem_alloc(rows * sizeof(*plain.hits)) };
    float *base = draw_table(VECTOR_DIM_MAX);
    float *row = mem_alloc(dim * sizeof(*row));
    float *unit = vector_table_alloc(width * sizeof(*unit));
    const struct vector_kernels *kernels;

    for (size_t r = 0; r < rows; r++) {
        kind_row(kind, r, dim, base, row);
        (void)vector_unit(index, row, plain.units + r * width);
        assert_int_equal(vector_index_put(index, r * ID_STEP % rows, row, NULL), ERR_OK);
    }
    for (uint64_t q = 0; q < QUERIES; q++) {
        kind_row(kind, q * 3 + 1, dim, base, row);
        row[dim - 1] += .1f;
        assert_true(vector_unit(index, row, unit));
        for (unsigned at = 0; (kernels = vector_kernels_at(at)) != NULL; at++) {
            index->kernels = kernels;
            plain_query(index, &plain, unit);
            assert_answers_of_plain(index, &plain, scratch, row);
        }
    }
    vector_index_destroy(&index);
    vector_table_free(plain.units);
    vector_table_free(base);
    vector_table_free(unit);
    free(plain.hits);
    free(row);
}

static void answers_are_bit_for_bit_those_of_a_plain_scan(void **state)
{
    struct vector_scratch scratch;

    (void)state;
    vector_scratch_init(&scratch);
    for (enum kind kind = KIND_ANY; kind < KIND_COUNT; kind++) {
        kind_check(kind, 20, 300, &scratch);
        kind_check(kind, MIDWAY_DIM, 2000, &scratch);
    }
    kind_check(KIND_ANY, VECTOR_DIM_MAX, 600, &scratch); /* two blocks */
    vector_scratch_fini(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_joins_what_was_split_bit_for_bit),
        cmocka_unit_test(top_dots_of_every_kernel_agree_with_doubles_of_the_rounded_numbers),
        cmocka_unit_test(answers_are_bit_for_bit_those_of_a_plain_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
