/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_EXAMPLES_PRIV_H
#define KEFU_EXAMPLES_PRIV_H

#include "examples_file.h"

/* Where examples go, and lines that are none. */
struct examples_sink {
    struct example_set *set;
    void (*each)(void *ctx, const struct err *fault); /* NULL: the first fault is the last */
    void *ctx;
};
/* What becomes of a line's fault: ERR_OK when it was told and the reader goes on. */
enum err_code examples_fault(const struct examples_sink *sink, enum err_code rc, struct err *err);
enum err_code examples_put(const struct examples_sink *sink, struct slice intent, struct slice text,
                           uint32_t line, struct err *err);

/* All take UTF-8 without byte order mark; err is not NULL. */
enum err_code examples_read_table(struct slice file, bool tsv, const struct examples_sink *sink,
                                  struct err *err);
enum err_code examples_read_jsonl(struct slice file, const struct examples_sink *sink,
                                  struct err *err);
enum err_code examples_read_rasa_json(struct slice file, const struct examples_sink *sink,
                                      struct err *err);
enum err_code examples_read_rasa_yaml(struct slice file, const struct examples_sink *sink,
                                      struct err *err);

/* The text without `[word](entity)` and `[word]{...}` marks; out has room for text.len bytes. */
struct slice examples_unmark(struct slice text, char *out);
/* Puts an example whose text may hold entity marks. */
enum err_code examples_put_marked(const struct examples_sink *sink, struct slice intent,
                                  struct slice text, uint32_t line, struct err *err);

/* Cuts one line off the front of *rest, without its line end; false: nothing is left. */
bool examples_line(struct slice *rest, struct slice *line);
/* Line number of a place in a file. */
uint32_t examples_line_of(struct slice file, size_t offset);

#endif
