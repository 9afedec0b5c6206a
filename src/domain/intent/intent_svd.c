/* SPDX-License-Identifier: Apache-2.0 */
/* Randomised subspace iteration: multiply random vectors by the matrix and its transpose a few
 * times, make them orthogonal in between, and decompose the small matrix that is left. */
#include "intent_svd_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "mem.h"
#include "vector_kernel.h"

enum {
    EXTRA = 12, /* vectors beyond those asked for: the last ones come out better */
    WIDTH_MAX = 128,
    ROUNDS = 2,
    SWEEPS_MAX = 30,
};

struct small {
    size_t width;
    double at[WIDTH_MAX][WIDTH_MAX];
};

static void multiply(const struct intent_sparse *matrix, const float *x, size_t width, float *out)
{
    const struct vector_kernels *kernels = vector_kernels_best();

    for (uint32_t i = 0; i < matrix->size; i++) {
        struct vector_sparse row = { matrix->ids + matrix->starts[i],
                                     matrix->values + matrix->starts[i],
                                     matrix->starts[i + 1] - matrix->starts[i] };

        kernels->gather(x, width, row, width, out + i * width);
    }
}

/* small = transpose(x) x, in double precision. */
static void gram(const float *x, size_t rows, size_t width, struct small *small)
{
    memset(small, 0, sizeof(*small));
    small->width = width;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * width;

        for (size_t i = 0; i < width; i++) {
            double value = row[i];

            for (size_t j = 0; j <= i; j++)
                small->at[i][j] += value * row[j];
        }
    }
}

/* Cholesky factor in place (lower triangle); a column that depends on those before is left out. */
static void cholesky(struct small *small)
{
    for (size_t j = 0; j < small->width; j++) {
        double pivot = small->at[j][j];
        double scale = pivot;

        for (size_t k = 0; k < j; k++)
            pivot -= small->at[j][k] * small->at[j][k];
        small->at[j][j] = pivot > 1e-9 * scale && pivot > 0 ? sqrt(pivot) : 0;
        for (size_t i = j + 1; i < small->width; i++) {
            double sum = small->at[i][j];

            for (size_t k = 0; k < j; k++)
                sum -= small->at[i][k] * small->at[j][k];
            small->at[i][j] = small->at[j][j] > 0 ? sum / small->at[j][j] : 0;
        }
    }
}

/* Columns of x to orthonormal ones, by Cholesky of their products; twice, because once is not
 * exact enough (Yamamoto et al., "Roundoff error analysis of the CholeskyQR2 algorithm", 2015). */
static void orthonormal(float *x, size_t rows, size_t width)
{
    struct small *small = mem_alloc(sizeof(*small));

    for (unsigned pass = 0; pass < 2; pass++) {
        gram(x, rows, width, small);
        cholesky(small);
        for (size_t r = 0; r < rows; r++) {
            float *row = x + r * width;

            for (size_t j = 0; j < width; j++) {
                double sum = row[j];

                for (size_t k = 0; k < j; k++)
                    sum -= small->at[j][k] * row[k];
                row[j] = (float)(small->at[j][j] > 0 ? sum / small->at[j][j] : 0);
            }
        }
    }
    free(small);
}

/* Rotates rows and columns p and q so that at[p][q] becomes 0. */
static void rotate(struct small *a, struct small *vectors, size_t p, size_t q)
{
    double theta = (a->at[q][q] - a->at[p][p]) / (2 * a->at[p][q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1);
    double s = t * c;

    for (size_t i = 0; i < a->width; i++) {
        double x = a->at[i][p];
        double y = a->at[i][q];

        a->at[i][p] = c * x - s * y;
        a->at[i][q] = s * x + c * y;
    }
    for (size_t i = 0; i < a->width; i++) {
        double x = a->at[p][i];
        double y = a->at[q][i];

        a->at[p][i] = c * x - s * y;
        a->at[q][i] = s * x + c * y;
        x = vectors->at[p][i];
        y = vectors->at[q][i];
        vectors->at[p][i] = c * x - s * y;
        vectors->at[q][i] = s * x + c * y;
    }
}

/* Jacobi's method: a becomes diagonal, row i of vectors its eigenvector. */
static void eigen(struct small *a, struct small *vectors)
{
    memset(vectors, 0, sizeof(*vectors));
    vectors->width = a->width;
    for (size_t i = 0; i < a->width; i++) {
        vectors->at[i][i] = 1;
        for (size_t j = 0; j < i; j++)
            a->at[j][i] = a->at[i][j];
    }
    for (unsigned sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        double off = 0;
        double trace = 0;

        for (size_t p = 0; p < a->width; p++) {
            trace += a->at[p][p] * a->at[p][p];
            for (size_t q = p + 1; q < a->width; q++)
                off += a->at[p][q] * a->at[p][q];
        }
        if (off <= 1e-14 * trace)
            return;
        for (size_t p = 0; p < a->width; p++) {
            for (size_t q = p + 1; q < a->width; q++) {
                if (a->at[p][q] != 0)
                    rotate(a, vectors, p, q);
            }
        }
    }
}

static void order_by_value(const struct small *values, size_t *order)
{
    for (size_t i = 0; i < values->width; i++) {
        size_t at = i;

        for (; at > 0 && values->at[order[at - 1]][order[at - 1]] < values->at[i][i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* With q orthonormal and t = transpose(m) q, the left singular vectors of m are q times those of
 * transpose(t) t, whose values are squared. */
static void vectors_write(const float *q, const float *t, size_t rows, size_t width, unsigned dim,
                          float *out)
{
    struct small *values = mem_alloc(sizeof(*values));
    struct small *vectors = mem_alloc(sizeof(*vectors));
    size_t order[WIDTH_MAX];

    gram(t, rows, width, values);
    eigen(values, vectors);
    order_by_value(values, order);
    for (size_t r = 0; r < rows; r++) {
        for (unsigned d = 0; d < dim; d++) {
            const double *vector = vectors->at[order[d]];
            double square = fmax(0, values->at[order[d]][order[d]]);
            double sum = 0;

            for (size_t k = 0; k < width; k++)
                sum += (double)q[r * width + k] * vector[k];
            out[r * dim + d] = (float)(sum * sqrt(sqrt(square)));
        }
    }
    free(values);
    free(vectors);
}

bool intent_svd(const struct intent_sparse *by_rows, const struct intent_sparse *by_columns,
                unsigned dim, uint64_t seed, bool (*progress)(void *ctx), void *ctx, float *out)
{
    size_t width = vector_pad(dim + EXTRA, VECTOR_F32_STEP);
    size_t rows = by_rows->size;
    float *x = vector_table_alloc(rows * width * sizeof(float));
    float *y = vector_table_alloc(rows * width * sizeof(float));
    bool going = true;

    ENSURE(x != NULL && y != NULL && width <= WIDTH_MAX);
    for (size_t i = 0; i < rows * width; i++)
        x[i] = (float)((double)(hash_u64(seed, i) >> 11) / (double)(UINT64_C(1) << 52) - 1);
    for (unsigned round = 0; round <= ROUNDS && going; round++) {
        if (round > 0)
            multiply(by_columns, y, width, x);
        multiply(by_rows, x, width, y);
        orthonormal(y, rows, width);
        going = progress == NULL || progress(ctx);
    }
    if (going) {
        multiply(by_columns, y, width, x);
        vectors_write(y, x, rows, width, dim, out);
    }
    vector_table_free(x);
    vector_table_free(y);
    return going;
}
