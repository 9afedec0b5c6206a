/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of flow files as tables: what keys there are and what stands behind each. The checker,
 * the canonical form and the published JSON Schema (docs/flow.schema.json) are made from them. */
#ifndef KEFU_FLOW_SCHEMA_H
#define KEFU_FLOW_SCHEMA_H

#include "buf.h"
#include "flow_doc.h"

enum flow_key_type {
    FLOW_KEY_TEXT,
    FLOW_KEY_NAME, /* letters, digits, _ - and . between them */
    FLOW_KEY_INT,
    FLOW_KEY_NUMBER,
    FLOW_KEY_BOOL,
    FLOW_KEY_DURATION,
    FLOW_KEY_EXPR,
    FLOW_KEY_NAMES,              /* list of names */
    FLOW_KEY_TEXTS,              /* list of texts */
    FLOW_KEY_SHAPE,              /* a map of shape `ref` */
    FLOW_KEY_MAP,                /* a map of names to `ref` */
    FLOW_KEY_LIST,               /* a list of `ref` */
    FLOW_KEY_TEXT_MAP,           /* names to texts */
    FLOW_KEY_NAME_MAP,           /* names to names */
    FLOW_KEY_INT_MAP,            /* names to whole numbers */
    FLOW_KEY_NAMES_OR_TEXTS_MAP, /* a list of names, or names to lists of texts */
    FLOW_KEY_NAMES_OR_NAME_MAP,  /* a list of names, or names to expressions */
    FLOW_KEY_NAME_OR_NAMES,      /* a name, or a list of names */
    FLOW_KEY_NAME_OR_MAP,        /* a name, or names to names */
    FLOW_KEY_NAME_OR_SHAPE,      /* a name, or a map of shape `ref` */
    FLOW_KEY_ROWS,               /* outcomes to a state, a `row`, or a list of `row` */
    FLOW_KEY_TEXTS_OR_MAP,       /* a list of texts, or locales to lists of texts */
    FLOW_KEY_VERSION_MAP,        /* old versions to maps of names */
};

struct flow_key {
    const char *name;
    enum flow_key_type type;
    const char *ref; /* name of a shape */
    bool required;
    const char *words; /* the only values of a name, separated by blanks; NULL: any */
    const char *help;
};
struct flow_shape {
    const char *name;
    const struct flow_key *keys;
    size_t count;
    const char *help;
};

const struct flow_shape *flow_shape_find(const char *name);
const struct flow_shape *flow_shape_at(size_t index); /* NULL past the end */
/* What stands here for a word of other formats (on, yes, no: common parsers read these as booleans,
 * so they are no keys); NULL: it is none. */
const char *flow_keyword_for(struct slice key);
/* Reports every key that is unknown (with the nearest known one), missing, or of a wrong type. */
void flow_schema_check(const struct flow_node *root, struct flow_report *report);
/* JSON Schema, draft 2020-12. */
void flow_schema_write(struct buf *out);

bool flow_name_valid(struct slice name);

#endif
