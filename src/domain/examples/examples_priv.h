/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_EXAMPLES_PRIV_H
#define KEFU_EXAMPLES_PRIV_H

#include "examples_file.h"

/* All take UTF-8 without byte order mark. */
enum err_code examples_read_table(struct slice file, bool tsv, struct example_set *set,
                                  struct err *err);
enum err_code examples_read_jsonl(struct slice file, struct example_set *set, struct err *err);
enum err_code examples_read_rasa_json(struct slice file, struct example_set *set, struct err *err);
enum err_code examples_read_rasa_yaml(struct slice file, struct example_set *set, struct err *err);

/* The text without `[word](entity)` and `[word]{...}` marks; out has room for text.len bytes. */
struct slice examples_unmark(struct slice text, char *out);
/* Adds an example whose text may hold entity marks. */
enum err_code examples_add_marked(struct example_set *set, struct slice intent, struct slice text,
                                  uint32_t line, struct err *err);

/* Cuts one line off the front of *rest, without its line end; false: nothing is left. */
bool examples_line(struct slice *rest, struct slice *line);
/* Line number of a place in a file. */
uint32_t examples_line_of(struct slice file, size_t offset);

#endif
