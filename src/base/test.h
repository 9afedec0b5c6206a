/* SPDX-License-Identifier: Apache-2.0 */
/* What every *_test.c includes: cmocka with the headers that it needs before it. */
#ifndef KEFU_TEST_H
#define KEFU_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
