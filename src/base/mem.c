/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

void *mem_alloc(size_t bytes)
{
    void *ptr = malloc(bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

void *mem_zalloc(size_t bytes)
{
    void *ptr = calloc(1, bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

void *mem_realloc(void *old, size_t bytes)
{
    void *ptr = realloc(old, bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

char *mem_strndup(const char *ptr, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len > 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void *mem_try_alloc(size_t bytes, size_t bytes_max)
{
    return bytes <= bytes_max ? malloc(bytes > 0 ? bytes : 1) : NULL;
}
