/* SPDX-License-Identifier: Apache-2.0 */
/* Example files as people have them, to and from an example_set:
 *
 *   TSV       intent<TAB>text, or the other way round (sniffed); no quoting
 *   CSV       RFC 4180, separated by `,` or `;`; columns by header (text, intent and their usual
 *             names in English and Chinese) or sniffed
 *   JSONL     {"text": ..., "intent": ...} a line
 *   Rasa      nlu.yml (versions 2 and 3) and JSON (rasa_nlu_data); entity marks are taken off
 *   Tiledesk  CSV of question;answer;..., the question's lines being the examples of one intent
 *
 * Text is UTF-8 with or without a byte order mark, UTF-16 with one, or else GB18030 (GBK). Every
 * fault names its line. Pure, any thread. */
#ifndef KEFU_EXAMPLES_FILE_H
#define KEFU_EXAMPLES_FILE_H

#include "buf.h"
#include "examples.h"

enum examples_format {
    EXAMPLES_TSV,
    EXAMPLES_CSV,
    EXAMPLES_JSONL,
    EXAMPLES_RASA_YAML,
    EXAMPLES_RASA_JSON,
    EXAMPLES_TILEDESK,
    EXAMPLES_FORMATS,
};
const char *examples_format_name(enum examples_format format); /* "rasa-yaml" */
/* false: no such name. */
bool examples_format_parse(const char *name, enum examples_format *out);

/* What the file looks like; anything is at least TSV. Takes UTF-8. */
enum examples_format examples_sniff(struct slice file);

/* Appends the file's examples to the set. On a fault the set holds what came before it. */
MUST_USE enum err_code examples_read(struct slice file, struct example_set *set, struct err *err);
MUST_USE enum err_code examples_read_as(struct slice file, enum examples_format format,
                                        struct example_set *set, struct err *err);
/* The same (NULL: the format is sniffed), but goes on behind a line that cannot be read: `each` is
 * told why, once a line. A fault is left for what ends the reading: a quote, list or document that
 * is not closed, an encoding that is none, an empty file. */
MUST_USE enum err_code examples_read_most(struct slice file, const enum examples_format *format,
                                          struct example_set *set,
                                          void (*each)(void *ctx, const struct err *fault),
                                          void *ctx, struct err *err);

/* A file that examples_read reads back to the same set. Line breaks inside a text become spaces in
 * formats of lines. */
void examples_write(const struct example_set *set, enum examples_format format, struct buf *out);

/* A list of texts (negatives, a log): one a line; of a line with a tab, what follows it. Calls
 * `each` for every line that is not blank; a text longer than EXAMPLES_TEXT_BYTES_MAX is a fault
 * that names the line. */
MUST_USE enum err_code examples_read_lines(struct slice file,
                                           void (*each)(void *ctx, struct slice text), void *ctx,
                                           struct err *err);

#endif
