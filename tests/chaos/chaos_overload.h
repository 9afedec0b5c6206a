/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_CHAOS_OVERLOAD_H
#define KEFU_CHAOS_OVERLOAD_H

#include "bench.h"

int chaos_overload(const struct bench_args *args);

#endif
