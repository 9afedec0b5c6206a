/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "kefu: bug: ENSURE(%s) failed at %s:%d\n", condition, file, line);
    abort();
}
