/* SPDX-License-Identifier: Apache-2.0 */
/* FAQ entries as a CSV file (RFC 4180; UTF-8 with or without BOM; CR LF or LF), as spreadsheets
 * read and write it. Header: locale,question,variants,answer,category in any order; question and
 * answer are needed, other columns are refused by name. Variants are separated by `|`.
 *
 * Export defuses formulas (a field that begins with = + - @ tab or CR gets an apostrophe in front)
 * and import takes that apostrophe off again. A `|` inside a variant is exported as full width ｜.
 * Pure; any thread. */
#ifndef KEFU_FAQ_CSV_H
#define KEFU_FAQ_CSV_H

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "slice.h"

enum {
    FAQ_CSV_BYTES_MAX = 16 * 1024 * 1024, /* about 50,000 entries */
    FAQ_CSV_VARIANTS_MAX = 64,
    FAQ_CSV_QUESTION_BYTES_MAX = 1024,
    FAQ_CSV_ANSWER_BYTES_MAX = 16 * 1024,
    FAQ_CSV_CATEGORY_BYTES_MAX = 200,
    FAQ_CSV_ERRORS_MAX = 100, /* then reading stops: the file is something else */
};

struct faq_csv_row {
    unsigned line;       /* where the row begins, from 1 */
    struct slice locale; /* "zh", "en" or empty: both */
    struct slice question;
    struct slice answer;
    struct slice category;
    struct slice variants[FAQ_CSV_VARIANTS_MAX];
    size_t variant_count;
};

/* Slices are good during the call. */
struct faq_csv_ops {
    void (*row)(void *ctx, const struct faq_csv_row *row);
    void (*error)(void *ctx, unsigned line, const char *text);
};

/* Reads every row that can be read; a bad one goes to ops->error and reading goes on behind it.
 * Fault: no usable header, file too big, not UTF-8, arena full (it needs one row's size). */
MUST_USE enum err_code faq_csv_read(struct slice file, struct arena *arena,
                                    const struct faq_csv_ops *ops, void *ctx, struct err *err);

void faq_csv_write_header(struct buf *out); /* with BOM: Excel needs it to see UTF-8 */
void faq_csv_write_row(struct buf *out, const struct faq_csv_row *row);

#endif
