/* SPDX-License-Identifier: Apache-2.0 */
/* Storage: blocks of rows in three precisions, a map from ids to slots. A block is about 8 MiB of
 * full rows, so growing never copies more than the first block; that one begins small and doubles,
 * because most indexes are. */
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "vector_priv.h"

enum {
    BLOCK_BYTES = 8 * 1024 * 1024, /* then half bytes fill large pages, too */
    BLOCK_ROWS_MIN = 64,
    BITS_MIN = 256, /* below that the signs tell too little apart */
    BYTE_MAX = 127,
    HALF_OFFSET = 128, /* makes bytes unsigned, so that both halves are */
    BLOCKS_FIRST = 4,
};

static unsigned bits_for(unsigned dim)
{
    unsigned bits = BITS_MIN;

    while (bits < dim)
        bits *= 2;
    return bits;
}

struct vector_index *vector_index_create(unsigned dim)
{
    struct vector_index *index = mem_zalloc(sizeof(*index));

    ENSURE(dim >= 1 && dim <= VECTOR_DIM_MAX);
    index->kernels = vector_kernels_best();
    index->dim = dim;
    index->dim_f32 = (unsigned)vector_pad(dim, VECTOR_TOP_STEP);
    index->dim_nibble = (unsigned)vector_pad(dim, VECTOR_NIBBLE_STEP);
    index->bits = bits_for(dim);
    index->words = index->bits / 64;
    index->block_rows = BLOCK_ROWS_MIN;
    while ((size_t)index->block_rows * 2 * index->dim_f32 * sizeof(float) <= BLOCK_BYTES)
        index->block_rows *= 2;
    map_u64_init(&index->slots, VECTOR_ROWS_MAX, 0);
    index->row = mem_alloc(index->dim_f32 * sizeof(float));
    index->rotated = mem_alloc(index->bits * sizeof(float));
    return index;
}

static void block_fini(struct vector_block *block)
{
    vector_table_free(block->ids);
    vector_table_free(block->top);
    vector_table_free(block->rest);
    vector_table_free(block->high);
    vector_table_free(block->low);
    vector_table_free(block->losses);
    vector_table_free(block->signs);
}

void vector_index_destroy(struct vector_index **index)
{
    if (*index == NULL)
        return;
    for (size_t i = 0; i < (*index)->block_count; i++)
        block_fini(&(*index)->blocks[i]);
    free((*index)->blocks);
    map_u64_fini(&(*index)->slots);
    free((*index)->row);
    free((*index)->rotated);
    free(*index);
    *index = NULL;
}

size_t vector_index_count(const struct vector_index *index)
{
    return index->count;
}

unsigned vector_index_dim(const struct vector_index *index)
{
    return index->dim;
}

/* The tables of a block, so that growing and moving rows treats them alike. */
enum { TABLES = 7 };
struct table {
    void **at;
    size_t row_bytes;
};

static void block_tables(const struct vector_index *index, struct vector_block *block,
                         struct table out[TABLES])
{
    out[0] = (struct table){ (void **)&block->ids, sizeof(*block->ids) };
    out[1] = (struct table){ (void **)&block->top, index->dim_f32 * sizeof(float) / 2 };
    out[2] = (struct table){ (void **)&block->rest, index->dim_f32 * sizeof(float) / 2 };
    out[3] = (struct table){ (void **)&block->high, index->dim_nibble / 2 };
    out[4] = (struct table){ (void **)&block->low, index->dim_nibble / 2 };
    out[5] = (struct table){ (void **)&block->losses, sizeof(*block->losses) };
    out[6] = (struct table){ (void **)&block->signs, index->words * sizeof(uint64_t) };
}

static bool block_grow(const struct vector_index *index, struct vector_block *block, uint32_t cap)
{
    struct vector_block grown = { .count = block->count, .cap = cap };
    struct table from[TABLES];
    struct table to[TABLES];

    block_tables(index, block, from);
    block_tables(index, &grown, to);
    for (unsigned t = 0; t < TABLES; t++) {
        *to[t].at = vector_table_alloc(cap * to[t].row_bytes);
        if (*to[t].at == NULL) {
            block_fini(&grown);
            return false;
        }
        if (block->count > 0)
            memcpy(*to[t].at, *from[t].at, block->count * from[t].row_bytes);
    }
    block_fini(block);
    *block = grown;
    return true;
}

/* Room for one more row at the end of the last block. */
static bool index_reserve(struct vector_index *index)
{
    struct vector_block *last;

    if (index->block_count > 0) {
        last = &index->blocks[index->block_count - 1];
        if (last->count < last->cap)
            return true;
        if (last->cap < index->block_rows)
            return block_grow(index, last, last->cap * 2);
    }
    if (index->block_count == index->block_cap) {
        index->block_cap = index->block_cap > 0 ? index->block_cap * 2 : BLOCKS_FIRST;
        index->blocks = mem_realloc(index->blocks, index->block_cap * sizeof(*index->blocks));
    }
    last = &index->blocks[index->block_count];
    *last = (struct vector_block){ 0 };
    if (!block_grow(index, last, index->block_count > 0 ? index->block_rows : BLOCK_ROWS_MIN))
        return false;
    index->block_count++;
    return true;
}

static struct vector_block *slot_block(const struct vector_index *index, size_t slot, uint32_t *row)
{
    *row = (uint32_t)(slot % index->block_rows);
    return &index->blocks[slot / index->block_rows];
}

bool vector_unit(const struct vector_index *index, const float *in, float *out)
{
    double sum = 0;
    double scale;

    for (unsigned i = 0; i < index->dim; i++)
        sum += (double)in[i] * in[i];
    memset(out + index->dim, 0, (index->dim_f32 - index->dim) * sizeof(float));
    if (!isfinite(sum) || sum == 0) {
        memset(out, 0, index->dim * sizeof(float));
        return false;
    }
    scale = 1 / sqrt(sum);
    for (unsigned i = 0; i < index->dim; i++)
        out[i] = (float)(in[i] * scale);
    return true;
}

void vector_to_bytes(const struct vector_index *index, const float *unit, int8_t *bytes,
                     struct vector_loss *loss)
{
    float largest = 0;
    double lost = 0;
    double lost_high = 0;

    for (unsigned i = 0; i < index->dim; i++)
        largest = fmaxf(largest, fabsf(unit[i]));
    loss->scale = largest > 0 ? largest / BYTE_MAX : 1;
    memset(bytes, 0, index->dim_nibble);
    for (unsigned i = 0; i < index->dim; i++) {
        double rest;

        bytes[i] = (int8_t)lrintf(unit[i] / loss->scale);
        rest = unit[i] - (double)loss->scale * bytes[i];
        lost += rest * rest;
        rest += (double)loss->scale * (((bytes[i] + HALF_OFFSET) & 15) - 8);
        lost_high += rest * rest;
    }
    loss->byte = (float)sqrt(lost);
    loss->high = (float)sqrt(lost_high);
}

/* As dots_nibble reads them: of each 128 values, the second 64 lie in the upper half bytes. */
static void halves_write(const struct vector_index *index, const int8_t *bytes, uint8_t *high,
                         uint8_t *low)
{
    for (unsigned i = 0; i < index->dim_nibble; i++) {
        unsigned value = (unsigned)(bytes[i] + HALF_OFFSET);
        unsigned at = i / VECTOR_NIBBLE_STEP * (VECTOR_NIBBLE_STEP / 2) + i % 64;
        unsigned shift = i % VECTOR_NIBBLE_STEP < 64 ? 0 : 4;

        high[at] = (uint8_t)((shift > 0 ? high[at] : 0) | value >> 4 << shift);
        low[at] = (uint8_t)((shift > 0 ? low[at] : 0) | (value & 15) << shift);
    }
}

/* The fast Walsh-Hadamard transform, in place; n is a power of two. */
static void hadamard(float *v, size_t n)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j++) {
                float a = v[j];
                float b = v[j + half];

                v[j] = a + b;
                v[j + half] = a - b;
            }
        }
    }
}

/* Real embeddings have a few strong dimensions, whose signs say little. Two rounds of "flip signs
 * at random, transform" spread every vector over all dimensions (Ailon and Chazelle, "The fast
 * Johnson-Lindenstrauss transform", 2009); then the share of differing signs is near angle / pi
 * whatever the data. The flips come from a fixed hash, so all rows and queries agree. */
void vector_to_signs(const struct vector_index *index, const float *unit, float *work,
                     uint64_t *signs)
{
    memcpy(work, unit, index->dim * sizeof(float));
    memset(work + index->dim, 0, (index->bits - index->dim) * sizeof(float));
    for (uint64_t round = 0; round < 2; round++) {
        for (unsigned i = 0; i < index->bits; i++) {
            uint64_t flip = (i + 1 + (round << 32)) * 0x9E3779B97F4A7C15u;

            flip = (flip ^ flip >> 31) * 0xD6E8FEB86659FD93u;
            if (flip >> 63 != 0)
                work[i] = -work[i];
        }
        hadamard(work, index->bits);
    }
    memset(signs, 0, index->words * sizeof(*signs));
    for (unsigned i = 0; i < index->bits; i++)
        signs[i / 64] |= (uint64_t)(work[i] > 0) << i % 64;
}

static void row_write(struct vector_index *index, size_t slot, uint64_t id)
{
    uint32_t row;
    struct vector_block *block = slot_block(index, slot, &row);
    int8_t bytes[VECTOR_DIM_MAX];

    block->ids[row] = id;
    vector_top_split(index->row, index->dim_f32, block->top + (size_t)row * index->dim_f32 / 2,
                     block->rest + (size_t)row * index->dim_f32 / 2);
    vector_to_bytes(index, index->row, bytes, &block->losses[row]);
    halves_write(index, bytes, block->high + (size_t)row * index->dim_nibble / 2,
                 block->low + (size_t)row * index->dim_nibble / 2);
    vector_to_signs(index, index->row, index->rotated, block->signs + (size_t)row * index->words);
}

enum err_code vector_index_put(struct vector_index *index, uint64_t id, const float *row,
                               struct err *err)
{
    void *found = map_u64_get(&index->slots, id);
    uint32_t at;

    for (unsigned i = 0; i < index->dim; i++) {
        if (!isfinite(row[i]))
            return err_set(err, ERR_INVALID, "value %u is not a finite number", i);
    }
    /* Too long to square as doubles is impossible; a row of zeros stays one. */
    (void)vector_unit(index, row, index->row);
    if (found != NULL) {
        row_write(index, (uintptr_t)found - 1, id);
        return ERR_OK;
    }
    if (index->count == VECTOR_ROWS_MAX)
        return err_set(err, ERR_TOO_BIG, "index is full: %d rows", VECTOR_ROWS_MAX);
    if (!index_reserve(index))
        return err_set(err, ERR_TOO_BIG, "no memory for row %zu", index->count);
    if (!map_u64_put(&index->slots, id, (void *)(uintptr_t)(index->count + 1)))
        return err_set(err, ERR_TOO_BIG, "index is full");
    slot_block(index, index->count, &at)->count++;
    row_write(index, index->count, id);
    index->count++;
    return ERR_OK;
}

static void row_move(struct vector_index *index, size_t from, size_t to)
{
    struct table source[TABLES];
    struct table target[TABLES];
    uint32_t from_row;
    uint32_t to_row;

    block_tables(index, slot_block(index, from, &from_row), source);
    block_tables(index, slot_block(index, to, &to_row), target);
    for (unsigned t = 0; t < TABLES; t++)
        memcpy((char *)*target[t].at + to_row * target[t].row_bytes,
               (char *)*source[t].at + from_row * source[t].row_bytes, source[t].row_bytes);
}

bool vector_index_remove(struct vector_index *index, uint64_t id)
{
    void *found = map_u64_take(&index->slots, id);
    size_t slot = (uintptr_t)found - 1;
    size_t last;
    struct vector_block *block;
    uint32_t row;

    if (found == NULL)
        return false;
    last = --index->count;
    block = slot_block(index, last, &row);
    if (slot != last) {
        bool kept;

        row_move(index, last, slot);
        kept = map_u64_put(&index->slots, block->ids[row], found);
        ENSURE(kept); /* it was there under its old slot */
    }
    block->count--;
    if (block->count == 0 && index->block_count > 1) {
        block_fini(block);
        index->block_count--;
    }
    return true;
}
