/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled example sentences: what an intent classifier is trained and tested on, and what the
 * importers of this module make of the files that people bring. Pure; one owner. */
#ifndef KEFU_EXAMPLES_H
#define KEFU_EXAMPLES_H

#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "map_u64.h"
#include "slice.h"

enum {
    EXAMPLES_MAX = 1000000,              /* ten times the largest set that people report */
    EXAMPLES_INTENTS_MAX = 10000,        /* a class costs a column of the model */
    EXAMPLES_TEXT_BYTES_MAX = 16 * 1024, /* as a message (DESIGN section 13) */
    EXAMPLES_NAME_BYTES_MAX = 200,
    EXAMPLES_FILE_BYTES_MAX = 64 * 1024 * 1024,
    EXAMPLES_BYTES_MAX = 256 * 1024 * 1024, /* of all texts of a set */
};

struct example {
    uint32_t intent; /* index into names */
    uint32_t line;   /* where it stood, from 1; 0: unknown */
    struct slice text;
};

struct example_set {
    struct example *items;
    size_t count, cap;
    struct slice *names; /* of the intents, in the order of their first example */
    uint32_t *lines;     /* of that example */
    size_t name_count, name_cap;
    struct map_u64 by_name; /* hash of the name -> index + 1 */
    struct arena arena;     /* holds texts and names */
};

void example_set_init(struct example_set *set);
void example_set_fini(struct example_set *set);
/* Copies name and text, without blanks at their ends. Faults name the line: empty or too long name
 * or text, text that is not UTF-8, too many examples or intents. */
MUST_USE enum err_code example_set_add(struct example_set *set, struct slice name,
                                       struct slice text, uint32_t line, struct err *err);
/* -1: no such intent. */
int example_set_find(const struct example_set *set, struct slice name);

#endif
