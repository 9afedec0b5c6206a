/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this processor runs, and tables that they can read. */
#include "vector_kernel_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

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

/* In front of a table, so that it can be freed by its address alone. */
struct table_head {
    char *area;
    size_t mapped; /* bytes; 0: of the heap */
};
_Static_assert(sizeof(struct table_head) <= VECTOR_ALIGN, "a table begins on its boundary");

/* A scan of 100 MB touches 25,000 small pages; with large ones it runs at the speed of memory. What
 * is large is mapped apart: a heap would keep the wish for large pages where the table was, and
 * give 2 MB to the next small thing there. */
static char *area_map(size_t bytes)
{
    char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED)
        return NULL;
    (void)madvise(area, bytes, MADV_HUGEPAGE); /* a hint: without it, only slower */
    return area;
}

void *vector_table_alloc(size_t bytes)
{
    bool large = bytes >= LARGE_PAGE;
    size_t align = large ? LARGE_PAGE : VECTOR_ALIGN;
    struct table_head head;
    size_t whole;
    char *table;

    if (bytes > SIZE_MAX / 2)
        return NULL;
    whole = vector_pad(bytes, VECTOR_ALIGN) + align;
    head.mapped = large ? whole : 0;
    head.area = large ? area_map(whole) : aligned_alloc(VECTOR_ALIGN, whole);
    if (head.area == NULL)
        return NULL;
    if (!large)
        memset(head.area, 0, whole);
    /* The next boundary behind the begin; a mapping begins on a page at least. */
    table = head.area + align - ((uintptr_t)head.area & (align - 1));
    memcpy(table - VECTOR_ALIGN, &head, sizeof(head));
    return table;
}

void vector_table_free(void *table)
{
    struct table_head head;

    if (table == NULL)
        return;
    memcpy(&head, (char *)table - VECTOR_ALIGN, sizeof(head));
    if (head.mapped > 0)
        ENSURE(munmap(head.area, head.mapped) == 0);
    else
        free(head.area);
}
