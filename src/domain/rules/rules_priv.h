/* SPDX-License-Identifier: Apache-2.0 */
/* The block of bytes that a compiled set is, and what its makers and readers share. Numbers are
 * little-endian as the machines that run this are; a block of the other kind is refused by its
 * magic. */
#ifndef KEFU_RULES_PRIV_H
#define KEFU_RULES_PRIV_H

#include "regex.h"
#include "rules.h"
#include "text.h"

enum {
    RULES_BLOB_MAGIC = 0x4C55524B, /* "KRUL" */
    RULES_BLOB_VERSION = 2,
    RULES_TOKENS_MAX = RULES_TEXT_BYTES_MAX,
};

enum rules_section {
    RULES_CELLS,        /* struct rules_cell, a power of two: prefixes of literals */
    RULES_SINGLES,      /* filter: literals of one token */
    RULES_PAIRS,        /* filter: the first two tokens of longer ones */
    RULES_LITERALS,     /* struct rules_literal */
    RULES_USES,         /* uint32_t: see rules_use() */
    RULES_ENTRIES,      /* struct rules_entry, one a rule */
    RULES_EXTRAS,       /* struct rules_extra */
    RULES_PROGRAMS,     /* uint32_t: conditions */
    RULES_SCOPES,       /* struct rules_text */
    RULES_REGEXES,      /* struct rules_text */
    RULES_HIDDEN_CELLS, /* struct rules_cell: prefixes of disguised words, by sound */
    RULES_HIDDEN,       /* struct rules_hidden */
    RULES_STRINGS,      /* bytes */
    RULES_SECTIONS,
};

struct rules_header {
    uint32_t magic;
    uint16_t version;
    uint16_t form; /* TEXT_FORM_VERSION */
    uint64_t bytes;
    uint32_t crc; /* CRC-32C of everything behind the header */
    uint32_t pad;
    struct {
        uint32_t at; /* from the start of the block, aligned to 8 */
        uint32_t count;
    } sections[RULES_SECTIONS];
};

/* One place of an open-addressed table. value: 0 free; low 31 bits: literal + 1 that ends here, or
 * 0; high bit: longer literals go on from here. */
struct rules_cell {
    uint32_t tag;
    uint32_t value;
};
#define RULES_MORE 0x80000000u

/* A use of a literal by a rule: RULES_PLACED | rule << 5 | slot. */
#define RULES_PLACED 0x80000000u /* the rule wants to know where */
static inline uint32_t rules_use(uint32_t rule, unsigned slot)
{
    return rule << 5 | slot;
}
static inline uint32_t rules_use_rule(uint32_t use)
{
    return (use & ~RULES_PLACED) >> 5;
}
static inline unsigned rules_use_slot(uint32_t use)
{
    return use & 31;
}

struct rules_literal {
    uint64_t hash; /* of all of it: what a hit is checked against */
    uint32_t use;
    uint32_t use_count;
};

struct rules_entry {
    uint64_t id;
    uint32_t name;
    uint16_t name_len;
    uint8_t locale;
    uint8_t action;
    int32_t priority;
    uint32_t all_mask; /* slots that must be seen */
    uint32_t none_mask;
    uint32_t extra; /* + 1; 0: none */
};

struct rules_extra {
    uint32_t program; /* 0 words: the masks say all */
    uint32_t program_len;
    uint32_t scope;
    uint32_t scope_count;
    struct rules_times times;
    uint32_t pad;
};

struct rules_text {
    uint32_t at; /* in RULES_STRINGS */
    uint32_t len;
};

/* A disguised word with one choice of readings. */
struct rules_hidden {
    uint64_t hash;
    uint32_t use;
    uint32_t use_count;
    struct rules_text text; /* its characters, no signs between them */
    uint32_t readings;      /* two bits a character: which reading; the first lowest */
    uint32_t disguise;
    uint32_t same; /* + 1: another word with this path, an earlier one; 0: none */
    uint32_t pad;
};

/* A condition in postfix. op << 24 | argument. */
enum rules_op {
    RULES_OP_SLOT,   /* argument: bit */
    RULES_OP_NUMBER, /* there is a number */
    RULES_OP_REGEX,  /* argument: regex */
    RULES_OP_AND,    /* of the two before */
    RULES_OP_OR,
    RULES_OP_NOT,
    RULES_OP_CHAIN, /* argument: parts; then for each: gap << 16 (to the part before) and a word of
                       op SLOT, NUMBER or REGEX */
};
enum {
    RULES_STACK_MAX = 32, /* operands waiting: one bit each */
    RULES_CHAIN_MAX = 8,
    RULES_PROGRAM_MAX = 512,
    RULES_HIDDEN_CHARS_MAX = 16, /* of a disguised word: two bits each fit `readings` */
};

struct rules_view {
    const struct rules_header *header;
    const struct rules_cell *cells;
    unsigned cell_bits;
    const uint64_t *singles;
    const uint64_t *pairs;
    unsigned filter_bits;
    bool has_singles;
    const struct rules_literal *literals;
    const uint32_t *uses;
    const struct rules_entry *entries;
    uint32_t entry_count;
    const struct rules_extra *extras;
    const uint32_t *programs;
    const struct rules_text *scopes;
    const struct rules_text *regex_texts;
    const struct rules_cell *hidden_cells;
    unsigned hidden_bits;
    const struct rules_hidden *hidden;
    uint32_t hidden_count;
    const char *strings;
    struct regex **regexes; /* compiled when the set is opened: programs are never read from disk */
    uint32_t regex_count;
};

struct rules_set {
    struct rules_view view;
    void *owned; /* the block, when the set made it; NULL: borrowed */
    const struct rules_set *base;
    uint64_t *gone; /* bits over base's rules: replaced or removed */
};

/* ---- tokens: words, and single CJK characters and signs ---- */
struct rules_token {
    uint64_t hash;  /* of its characters */
    uint32_t start; /* bytes */
    uint32_t end;
    bool spaced; /* a blank stands before it */
};
/* At most max; returns how many. */
size_t rules_tokens(struct slice text, struct rules_token *out, size_t max);

static const uint64_t rules_seed = 0x2D358DCCAA6C78A5u;

/* The hash of a sequence and one thing more. */
static inline uint64_t rules_step(uint64_t hash, uint64_t next)
{
    hash = (hash << 23 | hash >> 41) ^ next;
    hash *= 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

/* A token behind another one: "gift card" is not "giftcard". */
static inline uint64_t rules_token_next(const struct rules_token *token)
{
    return token->spaced ? ~token->hash : token->hash;
}

static inline uint32_t rules_tag(uint64_t hash)
{
    return (uint32_t)hash;
}

static inline uint64_t rules_cell_at(uint64_t hash, unsigned bits)
{
    return (hash * 0xD6E8FEB86659FD93u) >> (64 - bits);
}

/* The value at that hash, 0: none. */
static inline uint32_t rules_cell_find(const struct rules_cell *cells, unsigned bits, uint64_t hash)
{
    uint64_t mask = (1ull << bits) - 1;

    for (uint64_t at = rules_cell_at(hash, bits);; at = (at + 1) & mask) {
        if (cells[at].value == 0 || cells[at].tag == rules_tag(hash))
            return cells[at].value;
    }
}

/* A filter of hashes: two bits of one 64-bit word each, so that a look costs one load and one in
 * twenty-five strangers passes when the filter is an eighth full. */
static inline uint64_t rules_filter_mask(uint64_t hash)
{
    return 1ull << (hash & 63) | 1ull << (hash >> 6 & 63);
}

static inline uint64_t rules_filter_word(uint64_t hash, unsigned size_bits)
{
    return rules_cell_at(hash, size_bits) / 64;
}

static inline bool rules_filter_has(const uint64_t *words, unsigned size_bits, uint64_t hash)
{
    uint64_t mask = rules_filter_mask(hash);

    return (words[rules_filter_word(hash, size_bits)] & mask) == mask;
}

/* ---- disguise ---- */
/* Characters of a text without the signs between them. */
struct rules_unit {
    uint32_t cp;
    uint32_t start;
    uint32_t end;
    uint32_t skipped;  /* signs before it */
    const char *sound; /* NULL: itself */
    bool begins;       /* not inside a Latin word or a number */
    bool ends;
};
size_t rules_units(struct slice text, struct rules_unit *out, size_t max);
/* Letters that a character is looked for by: its reading, or itself. */
static inline uint64_t rules_sound_step(uint64_t hash, const char *sound, uint32_t cp)
{
    if (sound == NULL)
        return rules_step(hash, cp);
    for (; *sound != '\0'; sound++)
        hash = rules_step(hash, (unsigned char)*sound);
    return hash;
}
/* Whether the word stands at units[from], which the hash says; *to is behind its last unit. */
bool rules_hidden_holds(const struct rules_view *view, const struct rules_hidden *hidden,
                        const struct rules_unit *units, size_t count, size_t from, size_t *to);

/* ---- conditions ---- */
struct rules_build;
/* Adds a literal of slot `slot` to the rule being built. */
MUST_USE enum err_code rules_build_literal(struct rules_build *b, struct slice literal,
                                           unsigned slot);
MUST_USE enum err_code rules_build_regex(struct rules_build *b, struct slice pattern,
                                         uint32_t *which, size_t *offset);
/* A new slot, or a fault. */
MUST_USE enum err_code rules_build_slot(struct rules_build *b, unsigned *slot);
struct err *rules_build_err(struct rules_build *b);

struct rules_condition {
    uint32_t words[RULES_PROGRAM_MAX];
    size_t count;
    uint32_t all_mask;  /* slots that must be seen for it to hold */
    uint32_t none_mask; /* with `masks`: and these must not */
    bool masks;         /* the masks say all of it */
};
/* Parses `when`; *offset says where it is wrong. */
MUST_USE enum err_code rules_when(struct rules_build *b, struct slice when,
                                  struct rules_condition *out, size_t *offset);

#endif
