/* SPDX-License-Identifier: Apache-2.0 */
/* Source files of flows and stories as trees: a strict subset of YAML, or JSON, with line and
 * column of every part. Refused in YAML: anchors, aliases, tags, directives, repeated keys, tabs,
 * keys that are not plain text, and nesting past FLOW_DOC_DEPTH_MAX. A scalar has no type of its
 * own: the schema says what it must be, so `no` is the text "no" wherever a text belongs.
 *
 * A tree lives in its own arena; its texts are copies. Pure; one owner. */
#ifndef KEFU_FLOW_DOC_H
#define KEFU_FLOW_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "slice.h"

enum {
    FLOW_SOURCE_BYTES_MAX = 1024 * 1024, /* a hundred times the largest flow we know */
    FLOW_DOC_DEPTH_MAX = 16,             /* the schema nests 6 deep */
    FLOW_DOC_NODES_MAX = 60 * 1000,      /* 1,000 states of 30 nodes, and room */
    FLOW_FINDINGS_MAX = 100,             /* people mend the first ones first */
    FLOW_FINDING_TEXT_MAX = 200,
};

enum flow_node_kind { FLOW_NODE_SCALAR, FLOW_NODE_LIST, FLOW_NODE_MAP };

struct flow_node {
    enum flow_node_kind kind;
    bool quoted;           /* of a scalar: it can only be a text */
    uint32_t line, column; /* from 1; columns in characters */
    struct slice text;     /* of a scalar */
    struct slice key;      /* of a value in a map */
    uint32_t key_line, key_column;
    struct flow_node *first, *next; /* children in order; the next of the same parent */
    uint32_t count;                 /* children */
    uint32_t end_line;              /* where it ends */
};

/* ---- findings: what is wrong in a source ---- */
struct flow_finding {
    char code[4]; /* "E0" syntax and schema, "E1" to "E13", "W1" to "W8", "N" a note */
    uint32_t line, column;
    char text[FLOW_FINDING_TEXT_MAX];
};
struct flow_report {
    struct flow_finding findings[FLOW_FINDINGS_MAX];
    size_t count;
    size_t errors, warnings; /* all of them, also those past the table's end */
};
void flow_report_init(struct flow_report *report);
void flow_report_add(struct flow_report *report, const char *code, uint32_t line, uint32_t column,
                     const char *fmt, ...) PRINTF_LIKE(5, 6);
void flow_report_sort(struct flow_report *report); /* by line and column; stable */
bool flow_report_has(const struct flow_report *report, const char *code);

/* ---- trees ---- */
struct flow_doc {
    struct arena arena;
    struct flow_node *roots[1024]; /* documents of one file: stories stand in a row */
    size_t root_count;
    size_t node_count;
};

/* JSON when the first character is {, YAML otherwise. false: a fault was reported, the tree is
 * empty. docs_max: 1 for a flow, more for stories. */
MUST_USE bool flow_doc_read(struct slice source, size_t docs_max, struct flow_doc **out,
                            struct flow_report *report);
void flow_doc_destroy(struct flow_doc **doc);

/* The value of a key, or NULL. */
const struct flow_node *flow_node_get(const struct flow_node *map, const char *key);
const struct flow_node *flow_node_find(const struct flow_node *map, struct slice key);
/* Scalars by what they must be; false: they are something else. */
bool flow_node_int(const struct flow_node *node, int64_t *out);
bool flow_node_bool(const struct flow_node *node, bool *out);
/* 500ms, 2s, 30m, 48h, 7d; in ms. */
bool flow_node_duration(const struct flow_node *node, int64_t *out_ms);

/* Private to the two fronts. */
struct flow_node *flow_doc_node(struct flow_doc *doc, enum flow_node_kind kind);
void flow_node_append(struct flow_node *parent, struct flow_node *last, struct flow_node *child);
bool flow_yaml_read(struct slice source, size_t docs_max, struct flow_doc *doc,
                    struct flow_report *report);
bool flow_json_read(struct slice source, struct flow_doc *doc, struct flow_report *report);

#endif
