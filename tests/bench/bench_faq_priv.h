/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_BENCH_FAQ_PRIV_H
#define KEFU_BENCH_FAQ_PRIV_H

#include "bench.h"
#include "slice.h"

/* Adds what each signal and their blends find of a CSV file of entries (faq_csv.h), by locale. */
void bench_faq_blend(struct bench_report *report, struct slice file);

#endif
