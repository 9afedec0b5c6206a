/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the regular expressions: the tree of the parser, the program of the
 * machine, and the classes that both hold. */
#ifndef KEFU_REGEX_PRIV_H
#define KEFU_REGEX_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "regex.h"

enum {
    REGEX_NODES_MAX = 2 * REGEX_PATTERN_BYTES_MAX + 8, /* a byte makes at most two nodes */
    REGEX_RANGES_MAX = 4 * REGEX_PATTERN_BYTES_MAX,    /* \W alone is five */
    REGEX_CODE_MAX = 0x10FFFF,
    REGEX_NO_LIMIT = -1, /* of a repetition */
    /* A range whose lo has this bit is a set of general categories, one bit each in hi. */
    REGEX_CATEGORIES = 1U << 31,
    REGEX_CATEGORIES_NOT = 1U << 30,
};

struct regex_range {
    uint32_t lo, hi;
};

/* At one place between two characters. */
enum regex_assert {
    REGEX_TEXT_BEGIN,
    REGEX_TEXT_END,
    REGEX_LINE_BEGIN,
    REGEX_LINE_END,
    REGEX_BORDER,
    REGEX_NO_BORDER,
};

enum regex_node_type {
    REGEX_EMPTY,
    REGEX_CHAR,   /* a: code point */
    REGEX_ANY,    /* every character */
    REGEX_NOT_NL, /* every character but newline */
    REGEX_CLASS,  /* a: first range, b: count */
    REGEX_CAT,    /* left, right */
    REGEX_ALT,    /* left, right */
    REGEX_REPEAT, /* left; min, max */
    REGEX_GROUP,  /* left; a: number */
    REGEX_ASSERT, /* a: enum regex_assert */
};

struct regex_node {
    uint8_t type;
    bool fold, negated, lazy;
    bool nullable; /* can match the empty text */
    uint16_t left, right;
    int16_t min, max;
    uint32_t a, b;
};

struct regex_tree {
    struct regex_node nodes[REGEX_NODES_MAX];
    struct regex_range ranges[REGEX_RANGES_MAX];
    unsigned node_count, range_count;
    unsigned group_count; /* with the whole match */
    uint16_t root;
};

/* Fills *tree. The parser and its contract: see regex_compile. */
MUST_USE enum err_code regex_parse(struct slice pattern, unsigned flags, struct regex_tree *tree,
                                   size_t *offset, struct err *err);

/* ---- classes ---- */
/* "d", "W"; "alpha", "word"; "L", "Lu", "Han", "Any": the ranges appended, false when unknown or
 * full. */
bool regex_class_perl(struct regex_tree *tree, char name, bool fold);
bool regex_class_posix(struct regex_tree *tree, struct slice name, bool negated, bool fold);
bool regex_class_unicode(struct regex_tree *tree, struct slice name, bool negated);
bool regex_class_add(struct regex_tree *tree, uint32_t lo, uint32_t hi);
bool regex_class_has(const struct regex_range *ranges, unsigned count, uint32_t code, bool fold);
/* One representative for all case forms of a character (Unicode's simple folding). */
uint32_t regex_fold(uint32_t code);

/* ---- the program ---- */
enum regex_op {
    REGEX_OP_CHAR,   /* y */
    REGEX_OP_FOLDED, /* regex_fold(c) == y */
    REGEX_OP_ANY,
    REGEX_OP_NOT_NL,
    REGEX_OP_CLASS, /* x ranges from y; flags */
    REGEX_OP_SPLIT, /* x first, then y */
    REGEX_OP_JUMP,  /* x */
    REGEX_OP_SAVE,  /* x */
    REGEX_OP_ASSERT,
    REGEX_OP_MATCH,
};
enum { REGEX_INST_FOLD = 1, REGEX_INST_NEGATED = 2 };

struct regex_inst {
    uint8_t op;
    uint8_t flags;
    uint16_t x;
    uint32_t y;
};

struct regex {
    uint32_t bytes;
    uint16_t inst_count;
    uint16_t range_count;
    uint8_t group_count;
    bool whole;
    bool anchored; /* begins with REGEX_TEXT_BEGIN on every path */
    uint8_t pad;
    int32_t first;             /* byte that every match begins with, or -1 */
    struct regex_inst insts[]; /* then struct regex_range[range_count] */
};

static inline const struct regex_range *regex_ranges(const struct regex *regex)
{
    return (const struct regex_range *)(const void *)&regex->insts[regex->inst_count];
}

#endif
