/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions and compiler attributes. ENSURE is for bugs only (never for input or limits): it
 * prints the condition and place to stderr and aborts, in release builds too. Any thread. */
#ifndef KEFU_CHECK_H
#define KEFU_CHECK_H

#include <stddef.h>

#define MUST_USE                        __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args)          __attribute__((format(printf, fmt, args)))
#define LENGTH_OF(array)                (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define ENSURE(condition)                                 \
    do {                                                  \
        if (__builtin_expect(!(condition), 0))            \
            check_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#endif
