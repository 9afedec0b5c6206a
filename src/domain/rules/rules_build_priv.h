/* SPDX-License-Identifier: Apache-2.0 */
/* A set in the making: growing lists that rules_blob_make lays out as one block. */
#ifndef KEFU_RULES_BUILD_PRIV_H
#define KEFU_RULES_BUILD_PRIV_H

#include "buf.h"
#include "rules_priv.h"

/* A list of equal items that doubles as it grows. */
struct rules_list {
    void *items;
    size_t count;
    size_t cap;
    size_t item_bytes;
};
/* Room for one more item, zeroed; counted already. */
void *rules_list_add(struct rules_list *list);

/* Prefixes while they are collected: by their whole hash. */
struct rules_prefix {
    uint64_t hash;    /* 0: free */
    uint32_t literal; /* + 1; 0: none ends here */
    bool more;
};
struct rules_prefixes {
    struct rules_prefix *cells;
    size_t mask;
    size_t count;
};
struct rules_prefix *rules_prefix_put(struct rules_prefixes *prefixes, uint64_t hash);

struct rules_pair { /* a use of a literal */
    uint32_t literal;
    uint32_t use;
};

struct rules_build {
    struct rules_prefixes prefixes;
    struct rules_prefixes hidden_prefixes;
    struct rules_list singles;      /* uint64_t */
    struct rules_list pairs;        /* uint64_t */
    struct rules_list literals;     /* struct rules_literal */
    struct rules_list literal_uses; /* struct rules_pair */
    struct rules_list hidden;       /* struct rules_hidden */
    struct rules_list hidden_uses;  /* struct rules_pair */
    struct rules_list entries;      /* struct rules_entry */
    struct rules_list extras;       /* struct rules_extra */
    struct rules_list programs;     /* uint32_t */
    struct rules_list scopes;       /* struct rules_text */
    struct rules_list regexes;      /* struct rules_text */
    struct buf strings;
    unsigned slots; /* of the rule at hand */
    struct err *err;
};

void rules_build_init(struct rules_build *b, struct err *err);
void rules_build_fini(struct rules_build *b);
MUST_USE enum err_code rules_build_hidden(struct rules_build *b, struct slice literal,
                                          unsigned disguise, unsigned slot);
struct rules_text rules_build_text(struct rules_build *b, struct slice text);
/* The finished block, owned by the caller (free); *bytes long. */
MUST_USE enum err_code rules_blob_make(struct rules_build *b, void **out, size_t *bytes);

#endif
