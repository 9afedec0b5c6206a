/* SPDX-License-Identifier: Apache-2.0 */
/* Counts allocations of a test's stretch of code, through the hooks of AddressSanitizer: the
 * program must be built with it (the test run is), else nothing can be counted and
 * test_malloc_begin says so. Only the calling thread's count: another one may take its first breath
 * just then, where the machine is busy. */
#ifndef KEFU_TEST_MALLOC_H
#define KEFU_TEST_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Of the sanitizer's interface; absent in other builds. */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *))
    __attribute__((weak));
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
void __sanitizer_print_stack_trace(void) __attribute__((weak));

static unsigned test_malloc_count;
static size_t test_malloc_bytes;
static _Thread_local bool test_malloc_on; /* tidy: allow _Thread_local: whose allocations count */

static inline void test_malloc_hook(const volatile void *ptr, size_t bytes)
{
    (void)ptr;
    if (test_malloc_on && test_malloc_count == 0 && __sanitizer_print_stack_trace != NULL)
        __sanitizer_print_stack_trace(); /* who it was; a test that wants none shows it */
    test_malloc_count += test_malloc_on;
    test_malloc_bytes += test_malloc_on ? bytes : 0;
}

static inline void test_free_hook(const volatile void *ptr)
{
    (void)ptr;
}

/* False: cannot count here. */
static inline bool test_malloc_begin(void)
{
    static bool installed;

    if (__sanitizer_install_malloc_and_free_hooks == NULL)
        return false;
    if (!installed)
        installed = __sanitizer_install_malloc_and_free_hooks(test_malloc_hook, test_free_hook) > 0;
    test_malloc_count = 0;
    test_malloc_bytes = 0;
    test_malloc_on = true;
    return installed;
}

static inline unsigned test_malloc_end(void)
{
    test_malloc_on = false;
    return test_malloc_count;
}

/* Bytes that are allocated now; 0: cannot be told here. */
static inline size_t test_malloc_held(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : 0;
}

#endif
