/* SPDX-License-Identifier: Apache-2.0 */
/* vector: the k nearest of N rows by cosine, one query at a time, in each of the index's modes,
 * beside a plain scan (the product with every row in full, by the same kernels) and numpy's `X @ q`
 * with argpartition, over the same rows and queries. All times are CPU time
 * of one thread: the median over the queries, the best of the rounds. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "hash.h"
#include "mem.h"
#include "vector.h"
#include "vector_kernel.h"
#include "vector_npy.h"

enum {
    QUERIES = 200,
    ROUNDS = 3,
    CENTRES = 500,         /* topics of the drawn rows */
    SCAN = VECTOR_BIT + 1, /* beside the index's modes */
    MODES,
};

/* Prints the median in microseconds. The products read the matrix once per query, as ours do. */
static const char numpy_program[] =
    "import sys, time, numpy as np\n"
    "X = np.load(sys.argv[1]).astype(np.float32); Q = np.load(sys.argv[2]).astype(np.float32)\n"
    "k = int(sys.argv[3]); X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-30)\n"
    "best = 1e30\n"
    "for r in range(3):\n"
    "    t = []\n"
    "    for q in Q:\n"
    "        a = time.process_time_ns(); s = X @ q; i = np.argpartition(-s, k - 1)[:k]\n"
    "        i = i[np.argsort(-s[i])]; t.append(time.process_time_ns() - a)\n"
    "    best = min(best, float(np.median(t)) / 1e3)\n"
    "print(best)\n";

struct matrix {
    size_t rows, dim;
    float *values;
};

static struct matrix matrix_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct matrix matrix;
    struct vector_npy npy;
    struct stat st;
    struct err err;
    void *map;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0)
        bench_fail("cannot read %s", path);
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        bench_fail("cannot map %s", path);
    if (vector_npy_read(slice_make(map, (size_t)st.st_size), &npy, &err) != ERR_OK)
        bench_fail("%s: %s", path, err.text);
    matrix = (struct matrix){ npy.rows, npy.dim, mem_alloc(npy.rows * npy.dim * sizeof(float)) };
    for (size_t i = 0; i < npy.rows; i++)
        vector_npy_row(&npy, i, matrix.values + i * npy.dim);
    munmap(map, (size_t)st.st_size);
    close(fd);
    return matrix;
}

/* A sum of four uniform numbers: normal enough. */
static float draw(uint64_t *state)
{
    float sum = 0;

    for (int i = 0; i < 4; i++)
        sum += (float)(hash_u64(1, ++*state) >> 40) / (float)(1 << 24) - .5f;
    return sum;
}

/* Rows around topics, queries around rows. */
static struct matrix matrix_draw(size_t rows, size_t dim, const struct matrix *around, float spread)
{
    uint64_t state = rows;
    struct matrix matrix = { rows, dim, mem_alloc(rows * dim * sizeof(float)) };

    for (size_t i = 0; i < rows; i++) {
        size_t from = hash_u64(2, i) % (around != NULL ? around->rows : rows);

        for (size_t j = 0; j < dim; j++)
            matrix.values[i * dim + j] =
                (around != NULL ? around->values[from * dim + j] : 0) + spread * draw(&state);
    }
    return matrix;
}

static void file_write(const char *path, const char *type, size_t rows, size_t dim,
                       const void *values, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    struct buf header;

    if (file == NULL)
        bench_fail("cannot write %s", path);
    buf_init(&header, 4096);
    vector_npy_write_header(&header, type, rows, dim);
    if (fwrite(header.ptr, 1, header.len, file) != header.len ||
        fwrite(values, 1, bytes, file) != bytes || fclose(file) != 0)
        bench_fail("cannot write %s", path);
    buf_fini(&header);
}

/* 0: numpy is not here. */
static double numpy_us(const struct matrix *rows, const struct matrix *queries, unsigned k)
{
    static char debian[] = "/usr/bin/python3"; /* the one that python3-numpy is for */
    static char other[] = "python3";
    static char unset1[] = "OPENBLAS_CORETYPE";
    static char unset2[] = "OPENBLAS_L2_SIZE";
    static char one_thread[] = "OPENBLAS_NUM_THREADS=1";
    static char flag_u[] = "-u";
    static char flag_c[] = "-c";
    static char env[] = "env";
    struct bench_process process = { .out_fd = -1 };
    char code[sizeof(numpy_program)];
    char matrix_path[96];
    char queries_path[96];
    char count[16];
    char text[64] = "";
    ssize_t n;

    bench_temp_dir(process.dir, sizeof(process.dir));
    snprintf(matrix_path, sizeof(matrix_path), "%s/x.npy", process.dir);
    snprintf(queries_path, sizeof(queries_path), "%s/q.npy", process.dir);
    snprintf(count, sizeof(count), "%u", k);
    memcpy(code, numpy_program, sizeof(code));
    file_write(matrix_path, "<f4", rows->rows, rows->dim, rows->values,
               rows->rows * rows->dim * sizeof(float));
    file_write(queries_path, "<f4", queries->rows, queries->dim, queries->values,
               queries->rows * queries->dim * sizeof(float));
    bench_process_start(&process, (char *[]){ env, flag_u, unset1, flag_u, unset2, one_thread,
                                              access(debian, X_OK) == 0 ? debian : other, flag_c,
                                              code, matrix_path, queries_path, count, NULL });
    n = read(process.out_fd, text, sizeof(text) - 1);
    bench_process_stop(&process);
    return n > 0 ? strtod(text, NULL) : 0;
}

static int double_order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

struct run {
    const struct vector_index *index;
    const struct matrix *queries;
    unsigned k;
    struct vector_scratch scratch;
    const struct matrix *units; /* the rows with length 1, for the plain scan */
    float *scores;              /* and what it computes */
    struct vector_hit *hits;    /* queries x k */
    double picked;              /* rows read in full per query */
};

/* To length 1 as an index does it; rows of zeros stay. */
static void row_unit(const float *row, size_t dim, float *out)
{
    double sum = 0;

    for (size_t i = 0; i < dim; i++)
        sum += (double)row[i] * row[i];
    for (size_t i = 0; i < dim; i++)
        out[i] = (float)(row[i] * (sum > 0 ? 1 / sqrt(sum) : 0));
}

/* In a table as the index has them, large pages and all. */
static struct matrix matrix_units(const struct matrix *rows)
{
    size_t dim = vector_pad(rows->dim, VECTOR_F32_STEP);
    struct matrix units = { rows->rows, dim, vector_table_alloc(rows->rows * dim * sizeof(float)) };

    if (units.values == NULL)
        bench_fail("no memory for the rows");
    for (size_t i = 0; i < rows->rows; i++)
        row_unit(rows->values + i * rows->dim, rows->dim, units.values + i * dim);
    return units;
}

/* Rows come with rising ids, so of equal scores the first one stays in front. */
static void scan(struct run *run, const float *query, struct vector_hit *hits)
{
    const struct matrix *units = run->units;
    float unit[VECTOR_DIM_MAX];
    size_t count = 0;

    memset(unit, 0, sizeof(unit));
    row_unit(query, run->queries->dim, unit);
    vector_kernels_best()->dots(units->values, units->rows, units->dim, unit, run->scores);
    for (size_t row = 0; row < units->rows; row++) {
        size_t at = count;

        if (count == run->k && run->scores[row] <= hits[count - 1].score)
            continue;
        if (count == run->k)
            at--;
        else
            count++;
        for (; at > 0 && hits[at - 1].score < run->scores[row]; at--)
            hits[at] = hits[at - 1];
        hits[at] = (struct vector_hit){ row, run->scores[row] };
    }
}

static void run_query(struct run *run, unsigned mode, size_t query)
{
    const float *values = run->queries->values + query * run->queries->dim;
    struct vector_hit *hits = run->hits + query * run->k;

    if (mode == SCAN)
        scan(run, values, hits);
    else
        (void)vector_index_query(run->index, &run->scratch, mode, values, run->k, hits);
}

static double round_us(struct run *run, unsigned mode)
{
    double times[QUERIES];
    size_t n = run->queries->rows < QUERIES ? run->queries->rows : QUERIES;

    run->picked = 0;
    for (size_t q = 0; q < run->queries->rows; q++) {
        double from = bench_thread_cpu_us();

        run_query(run, mode, q);
        if (q < n)
            times[q] = bench_thread_cpu_us() - from;
        run->picked += run->scratch.picked_last / (double)run->queries->rows;
    }
    qsort(times, n, sizeof(times[0]), double_order);
    return times[n / 2];
}

static double recall(const struct vector_hit *exact, const struct vector_hit *found, size_t queries,
                     unsigned k)
{
    size_t shared = 0;

    for (size_t q = 0; q < queries; q++) {
        for (unsigned i = 0; i < k; i++) {
            for (unsigned j = 0; j < k; j++)
                shared += exact[q * k + i].id == found[q * k + j].id;
        }
    }
    return (double)shared / (double)(queries * k);
}

static void ids_write(const char *path, const struct vector_hit *hits, size_t queries, unsigned k)
{
    int64_t *ids = mem_alloc(queries * k * sizeof(*ids));

    for (size_t i = 0; i < queries * k; i++)
        ids[i] = (int64_t)hits[i].id;
    file_write(path, "<i8", queries, k, ids, queries * k * sizeof(*ids));
    free(ids);
}

static void report(const struct bench_args *args, const struct matrix *rows,
                   const struct matrix *queries, unsigned k, const double us[MODES],
                   const double recalls[MODES], const double picked[MODES], double put_us)
{
    double numpy = numpy_us(rows, queries, k);
    struct bench_report report;

    bench_report_begin(&report, args, "vector: the k nearest by cosine, one query at a time");
    bench_report_text(&report, "kernels", vector_kernels_best()->name);
    bench_report_number(&report, "rows", (double)rows->rows);
    bench_report_number(&report, "dim", (double)rows->dim);
    bench_report_number(&report, "k", k);
    bench_report_number(&report, "insertUs", put_us);
    bench_report_number(&report, "f32ScanUs", us[SCAN]);
    bench_report_number(&report, "f32Us", us[VECTOR_F32]);
    bench_report_number(&report, "certifiedUs", us[VECTOR_CERTIFIED]);
    bench_report_number(&report, "int8Us", us[VECTOR_INT8]);
    bench_report_number(&report, "bitUs", us[VECTOR_BIT]);
    bench_report_number(&report, "f32Recall", recalls[VECTOR_F32]);
    bench_report_number(&report, "certifiedRecall", recalls[VECTOR_CERTIFIED]);
    bench_report_number(&report, "int8Recall", recalls[VECTOR_INT8]);
    bench_report_number(&report, "bitRecall", recalls[VECTOR_BIT]);
    bench_report_number(&report, "f32RowsInFull", picked[VECTOR_F32]);
    bench_report_number(&report, "certifiedRowsInFull", picked[VECTOR_CERTIFIED]);
    bench_report_number(&report, "bitRowsInFull", picked[VECTOR_BIT]);
    bench_report_number(&report, "f32SpeedupOverScan", us[SCAN] / us[VECTOR_F32]);
    if (numpy > 0) {
        bench_report_number(&report, "numpyUs", numpy);
        bench_report_number(&report, "f32SpeedupOverNumpy", numpy / us[VECTOR_F32]);
        bench_report_number(&report, "certifiedSpeedupOverNumpy", numpy / us[VECTOR_CERTIFIED]);
        bench_report_number(&report, "int8SpeedupOverNumpy", numpy / us[VECTOR_INT8]);
        bench_report_number(&report, "bitSpeedupOverNumpy", numpy / us[VECTOR_BIT]);
    } else {
        bench_report_text(&report, "numpy", "not installed (python3-numpy)");
    }
    bench_report_end(&report);
}

int bench_vector_main(const struct bench_args *args)
{
    size_t row_count = (size_t)bench_arg_long(args, "rows", 100000, 1, VECTOR_ROWS_MAX);
    size_t dim = (size_t)bench_arg_long(args, "dim", 256, 1, VECTOR_DIM_MAX);
    unsigned k = (unsigned)bench_arg_long(args, "k", 10, 1, VECTOR_K_MAX);
    const char *matrix_path = bench_arg_text(args, "matrix", NULL);
    const char *queries_path = bench_arg_text(args, "queries", NULL);
    const char *out_path = bench_arg_text(args, "out", NULL);
    struct matrix centres = matrix_draw(CENTRES, dim, NULL, 1);
    struct matrix rows =
        matrix_path != NULL ? matrix_read(matrix_path) : matrix_draw(row_count, dim, &centres, .6f);
    struct matrix queries = queries_path != NULL ? matrix_read(queries_path)
                                                 : matrix_draw(QUERIES, rows.dim, &rows, .3f);
    struct vector_index *index = vector_index_create((unsigned)rows.dim);
    struct matrix units = matrix_units(&rows);
    struct run run = { .index = index, .queries = &queries, .k = k, .units = &units };
    double us[MODES];
    struct vector_hit *hits[MODES];
    double recalls[MODES];
    double picked[MODES];
    double put_us = bench_thread_cpu_us();

    if (rows.rows < k || queries.dim != rows.dim)
        bench_fail("needs at least k rows, and queries of the rows' dimension");
    for (size_t i = 0; i < rows.rows; i++) {
        struct err err;

        if (vector_index_put(index, i, rows.values + i * rows.dim, &err) != ERR_OK)
            bench_fail("row %zu: %s", i, err.text);
    }
    put_us = (bench_thread_cpu_us() - put_us) / (double)rows.rows;
    vector_scratch_init(&run.scratch);
    run.scores = mem_alloc(rows.rows * sizeof(*run.scores));
    for (unsigned mode = 0; mode < MODES; mode++) {
        hits[mode] = mem_zalloc(queries.rows * k * sizeof(**hits));
        us[mode] = INFINITY;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned mode = 0; mode < MODES; mode++) {
            run.hits = hits[mode];
            us[mode] = fmin(us[mode], round_us(&run, mode));
            picked[mode] = run.picked;
        }
    }
    for (unsigned mode = 0; mode < MODES; mode++)
        recalls[mode] = recall(hits[SCAN], hits[mode], queries.rows, k);
    if (out_path != NULL)
        ids_write(out_path, hits[VECTOR_CERTIFIED], queries.rows, k);
    report(args, &rows, &queries, k, us, recalls, picked, put_us);
    for (unsigned mode = 0; mode < MODES; mode++)
        free(hits[mode]);
    vector_scratch_fini(&run.scratch);
    vector_table_free(units.values);
    free(run.scores);
    vector_index_destroy(&index);
    free(centres.values);
    free(rows.values);
    free(queries.values);
    return 0;
}
