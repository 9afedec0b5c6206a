/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_CHAOS_TORTURE_H
#define KEFU_CHAOS_TORTURE_H

#include "bench.h"

int chaos_torture(const struct bench_args *args);

#endif
