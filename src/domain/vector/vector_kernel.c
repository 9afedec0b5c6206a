/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this processor runs, and tables that they can read. */
#include "vector_kernel_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    LARGE_PAGE = 2 * 1024 * 1024,
    SETS_MAX = 3,
};

/* __builtin_cpu_supports also asks whether the system saves the wide registers. */
static unsigned sets_find(const struct vector_kernels *sets[SETS_MAX])
{
    unsigned n = 0;

    sets[n++] = &vector_portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets[n++] = &vector_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq"))
        sets[n++] = &vector_avx512;
#elif defined(__aarch64__)
    sets[n++] = &vector_neon;
#endif
    return n;
}

const struct vector_kernels *vector_kernels_at(unsigned at)
{
    const struct vector_kernels *sets[SETS_MAX];

    return at < sets_find(sets) ? sets[at] : NULL;
}

const struct vector_kernels *vector_kernels_best(void)
{
    const struct vector_kernels *sets[SETS_MAX];

    return sets[sets_find(sets) - 1];
}

/* A scan of 100 MB touches 25,000 small pages; with large ones it runs at the speed of memory. */
void *vector_table_alloc(size_t bytes)
{
    size_t align = bytes >= LARGE_PAGE ? LARGE_PAGE : VECTOR_ALIGN;
    void *table;

    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = vector_pad(bytes > 0 ? bytes : 1, align);
    table = aligned_alloc(align, bytes);
    if (table == NULL)
        return NULL;
    if (align == LARGE_PAGE)
        (void)madvise(table, bytes, MADV_HUGEPAGE); /* a hint: without it, only slower */
    memset(table, 0, bytes);
    return table;
}
