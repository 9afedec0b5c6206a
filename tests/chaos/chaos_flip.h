/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_CHAOS_FLIP_H
#define KEFU_CHAOS_FLIP_H

#include "bench.h"

int chaos_bit_flip(const struct bench_args *args);

#endif
