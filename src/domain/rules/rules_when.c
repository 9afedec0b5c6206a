/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: text to a tree, tree to slots, masks and a postfix program. A group of alternative
 * words is one slot, so most conditions end as two masks and are checked with two operations. */
#include "rules_priv.h"

#include <stdlib.h>

#include "mem.h"

enum {
    NODES_MAX = 1024, /* RULES_WHEN_BYTES_MAX holds no more words that mean anything */
    DEPTH_MAX = 12,   /* brackets and ! in each other; two operands may wait in each */
    NONE = 0xFFFF,
};
_Static_assert(DEPTH_MAX * 2 + 2 <= RULES_STACK_MAX, "a program fits its stack");

enum node_type { WORD, NUMBER, REGEX, AND, OR, NOT, CHAIN };

struct node {
    uint8_t type;
    uint16_t left;
    uint16_t right; /* CHAIN: a part's next one hangs on `right` of its link */
    uint16_t gap;
    uint32_t regex;
    struct slice text;
};

struct parse {
    struct rules_build *b;
    struct slice whole;
    struct slice rest;
    unsigned depth;
    struct node nodes[NODES_MAX];
    size_t node_count;
    size_t *offset;
};

static enum err_code fault_at(struct parse *p, const char *at, enum err_code code, const char *text)
{
    *p->offset = (size_t)(at - p->whole.ptr);
    return err_set(rules_build_err(p->b), code, "%s", text);
}

static enum err_code node_add(struct parse *p, enum node_type type, uint16_t left, uint16_t right,
                              uint16_t *out)
{
    if (p->node_count == NODES_MAX)
        return fault_at(p, p->rest.ptr, ERR_TOO_BIG, "condition has too many parts");
    *out = (uint16_t)p->node_count;
    p->nodes[p->node_count++] =
        (struct node){ .type = (uint8_t)type, .left = left, .right = right };
    return ERR_OK;
}

static void skip(struct parse *p, size_t bytes)
{
    p->rest.ptr += bytes;
    p->rest.len -= bytes;
}

static char peek(struct parse *p)
{
    while (p->rest.len > 0 && (*p->rest.ptr == ' ' || *p->rest.ptr == '\t'))
        skip(p, 1);
    return p->rest.len > 0 ? *p->rest.ptr : '\0';
}

static bool is_gap(struct parse *p)
{
    return peek(p) == '.' && p->rest.len > 2 && p->rest.ptr[1] == '.' && p->rest.ptr[2] >= '0' &&
           p->rest.ptr[2] <= '9';
}

/* Up to the closing mark; \ takes the next byte as it is and stays in the text. */
static enum err_code delimited(struct parse *p, char mark, struct slice *out)
{
    const char *start = p->rest.ptr;
    size_t at = 1;

    while (at < p->rest.len && p->rest.ptr[at] != mark)
        at += p->rest.ptr[at] == '\\' && at + 1 < p->rest.len ? 2 : 1;
    if (at >= p->rest.len)
        return fault_at(p, start, ERR_INVALID,
                        mark == '"' ? "quote is not closed" : "regular expression is not closed");
    *out = slice_make(start + 1, at - 1);
    skip(p, at + 1);
    return ERR_OK;
}

static bool ends_word(char c)
{
    return strchr(" \t()&|!\"<", c) != NULL; /* '\0' too */
}

static enum err_code parse_word(struct parse *p, uint16_t *out)
{
    struct slice word = slice_make(p->rest.ptr, 0);
    enum err_code rc = ERR_OK;

    if (*p->rest.ptr == '"') {
        rc = delimited(p, '"', &word);
    } else {
        while (word.len < p->rest.len && !ends_word(p->rest.ptr[word.len]))
            word.len++;
        skip(p, word.len);
    }
    if (rc == ERR_OK && word.len == 0)
        return fault_at(p, word.ptr, ERR_INVALID, "a word is expected here");
    if (rc == ERR_OK)
        rc = node_add(p, WORD, NONE, NONE, out);
    if (rc == ERR_OK)
        p->nodes[*out].text = word;
    return rc;
}

static enum err_code parse_regex(struct parse *p, uint16_t *out)
{
    const char *start = p->rest.ptr;
    struct slice pattern;
    uint32_t regex;
    size_t inside = 0;
    enum err_code rc = delimited(p, '/', &pattern);

    if (rc == ERR_OK)
        rc = rules_build_regex(p->b, pattern, &regex, &inside);
    if (rc != ERR_OK) {
        *p->offset = (size_t)(start - p->whole.ptr) + 1 + inside;
        return rc;
    }
    rc = node_add(p, REGEX, NONE, NONE, out);
    if (rc == ERR_OK)
        p->nodes[*out].regex = regex;
    return rc;
}

static enum err_code parse_or(struct parse *p, uint16_t *out);

static enum err_code parse_brackets(struct parse *p, uint16_t *out)
{
    const char *start = p->rest.ptr;
    enum err_code rc;

    skip(p, 1);
    rc = parse_or(p, out);
    if (rc == ERR_OK && peek(p) != ')')
        return fault_at(p, start, ERR_INVALID, "bracket is not closed");
    if (rc == ERR_OK)
        skip(p, 1);
    return rc;
}

static enum err_code parse_unary(struct parse *p, uint16_t *out)
{
    static const struct slice number = SLICE_LITERAL("<number>");
    enum err_code rc;
    char c = peek(p);

    if (p->rest.len == 0)
        return fault_at(p, p->rest.ptr, ERR_INVALID, "condition ends too early");
    if (slice_starts_with(p->rest, number)) {
        skip(p, number.len);
        return node_add(p, NUMBER, NONE, NONE, out);
    }
    if (c == '/')
        return parse_regex(p, out);
    if (c != '(' && c != '!')
        return parse_word(p, out);
    if (p->depth == DEPTH_MAX)
        return fault_at(p, p->rest.ptr, ERR_TOO_BIG, "brackets are too deep");
    p->depth++;
    if (c == '(') {
        rc = parse_brackets(p, out);
    } else {
        uint16_t inner = NONE;

        skip(p, 1);
        rc = parse_unary(p, &inner);
        if (rc == ERR_OK)
            rc = node_add(p, NOT, inner, NONE, out);
    }
    p->depth--;
    return rc;
}

static bool all_words(const struct parse *p, uint16_t at)
{
    const struct node *n = &p->nodes[at];

    return n->type == WORD || (n->type == OR && all_words(p, n->left) && all_words(p, n->right));
}

static bool fits_chain(const struct parse *p, uint16_t at)
{
    return all_words(p, at) || p->nodes[at].type == NUMBER || p->nodes[at].type == REGEX;
}

static enum err_code parse_gap(struct parse *p, uint16_t *gap)
{
    const char *start = p->rest.ptr;
    unsigned value = 0;

    skip(p, 2);
    while (p->rest.len > 0 && *p->rest.ptr >= '0' && *p->rest.ptr <= '9' &&
           value <= RULES_GAP_MAX) {
        value = value * 10 + (unsigned)(*p->rest.ptr - '0');
        skip(p, 1);
    }
    if (value > RULES_GAP_MAX)
        return fault_at(p, start, ERR_TOO_BIG, "distance is more than 200 characters");
    *gap = (uint16_t)value;
    return ERR_OK;
}

/* A chain is a CHAIN node whose `left` is a part and `right` the CHAIN of the parts behind it. */
static enum err_code parse_chain(struct parse *p, uint16_t *out)
{
    const char *start = p->rest.ptr;
    enum err_code rc = parse_unary(p, out);
    uint16_t last = NONE;

    for (unsigned parts = 1; rc == ERR_OK && is_gap(p); parts++) {
        const char *here;
        uint16_t gap = 0;
        uint16_t part = NONE;
        uint16_t link = NONE;

        if (parts == RULES_CHAIN_MAX)
            return fault_at(p, p->rest.ptr, ERR_TOO_BIG, "more than 8 parts in a row");
        if (last == NONE) {
            if (!fits_chain(p, *out))
                return fault_at(p, start, ERR_INVALID,
                                "only words, numbers and expressions have a distance");
            rc = node_add(p, CHAIN, *out, NONE, &last);
            *out = last;
        }
        if (rc == ERR_OK)
            rc = parse_gap(p, &gap);
        (void)peek(p);
        here = p->rest.ptr;
        if (rc == ERR_OK)
            rc = parse_unary(p, &part);
        if (rc == ERR_OK && !fits_chain(p, part))
            return fault_at(p, here, ERR_INVALID,
                            "only words, numbers and expressions have a distance");
        if (rc == ERR_OK)
            rc = node_add(p, CHAIN, part, NONE, &link);
        if (rc == ERR_OK) {
            p->nodes[link].gap = gap;
            p->nodes[last].right = link;
            last = link;
        }
    }
    return rc;
}

static enum err_code parse_and(struct parse *p, uint16_t *out)
{
    enum err_code rc = parse_chain(p, out);

    while (rc == ERR_OK && peek(p) == '&') {
        uint16_t right = NONE;

        skip(p, 1);
        rc = parse_chain(p, &right);
        if (rc == ERR_OK)
            rc = node_add(p, AND, *out, right, out);
    }
    return rc;
}

static enum err_code parse_or(struct parse *p, uint16_t *out)
{
    enum err_code rc = parse_and(p, out);

    while (rc == ERR_OK && peek(p) == '|') {
        uint16_t right = NONE;

        skip(p, 1);
        rc = parse_and(p, &right);
        if (rc == ERR_OK)
            rc = node_add(p, OR, *out, right, out);
    }
    return rc;
}

/* ---- tree to program ---- */
struct sum {
    uint32_t need; /* slots without which it cannot hold */
    uint32_t none; /* of a plain one: slots that must not be seen */
    bool worded;   /* cannot hold without any word */
    bool plain;    /* `need` and `none` say all of it */
};

static enum err_code emit_word(struct parse *p, struct rules_condition *out, uint32_t word)
{
    if (out->count == RULES_PROGRAM_MAX)
        return fault_at(p, p->whole.ptr, ERR_TOO_BIG, "condition is too long");
    out->words[out->count++] = word;
    return ERR_OK;
}

/* \" and \\ in quotes. */
static enum err_code literal_add(struct parse *p, struct slice text, unsigned slot)
{
    char plain[RULES_LITERAL_BYTES_MAX * 2 + 1];
    size_t len = 0;
    enum err_code rc;

    for (size_t i = 0; i < text.len && len < sizeof(plain); i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len)
            i++;
        plain[len++] = text.ptr[i];
    }
    rc = rules_build_literal(p->b, slice_make(plain, len), slot);
    if (rc != ERR_OK)
        *p->offset = (size_t)(text.ptr - p->whole.ptr);
    return rc;
}

static enum err_code words_add(struct parse *p, uint16_t at, unsigned slot)
{
    const struct node *n = &p->nodes[at];
    enum err_code rc;

    if (n->type == WORD)
        return literal_add(p, n->text, slot);
    rc = words_add(p, n->left, slot);
    return rc == ERR_OK ? words_add(p, n->right, slot) : rc;
}

/* The word of a slot, number or regex. */
static enum err_code operand(struct parse *p, uint16_t at, uint32_t *word, struct sum *sum)
{
    const struct node *n = &p->nodes[at];
    unsigned slot;
    enum err_code rc;

    *sum = (struct sum){ 0 };
    if (n->type == NUMBER || n->type == REGEX) {
        *word = n->type == NUMBER ? (uint32_t)RULES_OP_NUMBER << 24
                                  : (uint32_t)RULES_OP_REGEX << 24 | n->regex;
        return ERR_OK;
    }
    rc = rules_build_slot(p->b, &slot);
    if (rc == ERR_OK)
        rc = words_add(p, at, slot);
    if (rc != ERR_OK)
        return rc;
    *word = (uint32_t)RULES_OP_SLOT << 24 | slot;
    *sum = (struct sum){ .need = 1u << slot, .worded = true, .plain = true };
    return ERR_OK;
}

static enum err_code emit_chain(struct parse *p, uint16_t at, struct rules_condition *out,
                                struct sum *sum)
{
    size_t head = out->count;
    uint32_t parts = 0;
    enum err_code rc = emit_word(p, out, 0);

    *sum = (struct sum){ 0 };
    for (; at != NONE && rc == ERR_OK; at = p->nodes[at].right, parts++) {
        struct sum part;
        uint32_t word = 0;

        rc = operand(p, p->nodes[at].left, &word, &part);
        if (rc == ERR_OK)
            rc = emit_word(p, out, (uint32_t)p->nodes[at].gap << 16);
        if (rc == ERR_OK)
            rc = emit_word(p, out, word);
        sum->need |= part.need;
        sum->worded = sum->worded || part.worded;
    }
    if (rc == ERR_OK)
        out->words[head] = (uint32_t)RULES_OP_CHAIN << 24 | parts;
    return rc;
}

static enum err_code emit(struct parse *p, uint16_t at, struct rules_condition *out,
                          struct sum *sum);

static enum err_code emit_both(struct parse *p, uint16_t at, struct rules_condition *out,
                               struct sum *sum)
{
    const struct node *n = &p->nodes[at];
    bool and = n->type == AND;
    struct sum l;
    struct sum r;
    enum err_code rc = emit(p, n->left, out, &l);

    if (rc == ERR_OK)
        rc = emit(p, n->right, out, &r);
    if (rc != ERR_OK)
        return rc;
    *sum = (struct sum){ .need = and? l.need | r.need : l.need & r.need,
                         .none = l.none | r.none,
                         .worded = and? l.worded || r.worded : l.worded && r.worded,
                         .plain = and&&l.plain && r.plain };
    return emit_word(p, out, (uint32_t)(and? RULES_OP_AND : RULES_OP_OR) << 24);
}

static enum err_code emit(struct parse *p, uint16_t at, struct rules_condition *out,
                          struct sum *sum)
{
    const struct node *n = &p->nodes[at];
    struct sum inner;
    uint32_t word = 0;
    enum err_code rc;

    if (n->type == CHAIN)
        return emit_chain(p, at, out, sum);
    if (fits_chain(p, at)) {
        rc = operand(p, at, &word, sum);
        return rc == ERR_OK ? emit_word(p, out, word) : rc;
    }
    if (n->type != NOT)
        return emit_both(p, at, out, sum);
    rc = emit(p, n->left, out, &inner);
    if (rc != ERR_OK)
        return rc;
    *sum = (struct sum){ .none = inner.need,
                         .plain = inner.plain && inner.none == 0 &&
                                  __builtin_popcount(inner.need) == 1 };
    return emit_word(p, out, (uint32_t)RULES_OP_NOT << 24);
}

static enum err_code compile(struct parse *p, struct rules_condition *out)
{
    struct sum sum = { 0 };
    uint16_t root = NONE;
    enum err_code rc;

    rc = parse_or(p, &root);
    if (rc != ERR_OK)
        return rc;
    if (peek(p) != '\0' || p->rest.len > 0)
        return fault_at(p, p->rest.ptr, ERR_INVALID, "& or | is expected here");
    rc = emit(p, root, out, &sum);
    if (rc != ERR_OK)
        return rc;
    if (!sum.worded)
        return fault_at(p, p->whole.ptr, ERR_INVALID, "could hold without any word");
    out->all_mask = sum.need;
    out->none_mask = sum.plain ? sum.none : 0;
    out->masks = sum.plain;
    return ERR_OK;
}

enum err_code rules_when(struct rules_build *b, struct slice when, struct rules_condition *out,
                         size_t *offset)
{
    struct parse *p;
    enum err_code rc;

    *offset = 0;
    out->count = 0;
    if (when.len > RULES_WHEN_BYTES_MAX)
        return err_set(rules_build_err(b), ERR_TOO_BIG, "condition is longer than %d bytes",
                       RULES_WHEN_BYTES_MAX);
    p = mem_alloc(sizeof(*p));
    p->b = b;
    p->whole = p->rest = when;
    p->depth = 0;
    p->node_count = 0;
    p->offset = offset;
    rc = compile(p, out);
    free(p);
    return rc;
}
