/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern to tree, by recursive descent over code points. Follows the grammar of RE2's syntax page
 * with its Perl extras on; what RE2 refuses is refused, with the byte where it stands. */
#include "regex_priv.h"

#include <string.h>

#include "text.h"
#include "utf8.h"

struct parser {
    struct slice in; /* what is left */
    const char *begin;
    struct regex_tree *tree;
    unsigned depth;
    bool fold, lines, dot_all, ungreedy; /* the flags i, m, s, U as they stand */
    bool quoted;                         /* between \Q and \E */
    const char *fault_at;
    enum err_code rc;
    struct err *err;
};

static uint16_t parse_alternatives(struct parser *p);

/* The first fault stays; every caller goes on to the end of what it does and returns. */
static uint16_t fault(struct parser *p, enum err_code code, const char *what)
{
    if (p->rc == ERR_OK) {
        p->rc = err_set(p->err, code, "regular expression: %s", what);
        p->fault_at = p->in.ptr;
    }
    p->in.len = 0;
    return 0;
}

static uint16_t node_add(struct parser *p, struct regex_node node)
{
    struct regex_tree *tree = p->tree;

    if (tree->node_count == REGEX_NODES_MAX)
        return fault(p, ERR_TOO_BIG, "too many parts");
    tree->nodes[tree->node_count] = node;
    return (uint16_t)tree->node_count++;
}

static const struct regex_node *node_at(const struct parser *p, uint16_t at)
{
    return &p->tree->nodes[at];
}

static bool peek(const struct parser *p, char c)
{
    return p->in.len > 0 && p->in.ptr[0] == c;
}

static bool take(struct parser *p, const char *text)
{
    struct slice s = slice_of(text);

    if (!slice_starts_with(p->in, s))
        return false;
    p->in.ptr += s.len;
    p->in.len -= s.len;
    return true;
}

static uint16_t char_node(struct parser *p, uint32_t code)
{
    return node_add(p, (struct regex_node){ .type = REGEX_CHAR, .a = code, .fold = p->fold });
}

static uint16_t assert_node(struct parser *p, enum regex_assert kind)
{
    return node_add(p, (struct regex_node){ .type = REGEX_ASSERT, .a = kind, .nullable = true });
}

static uint16_t class_node(struct parser *p, unsigned first, bool negated)
{
    return node_add(p, (struct regex_node){ .type = REGEX_CLASS,
                                            .a = first,
                                            .b = p->tree->range_count - first,
                                            .negated = negated,
                                            .fold = p->fold });
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Digits of a base, at least min and at most max; false: too few. */
static bool take_digits(struct parser *p, int base, unsigned min, unsigned max, uint32_t *value)
{
    unsigned count = 0;

    while (count < max && p->in.len > 0 && digit_value(p->in.ptr[0]) < base) {
        *value = *value * (uint32_t)base + (uint32_t)digit_value(p->in.ptr[0]);
        p->in.ptr++;
        p->in.len--;
        count++;
    }
    return count >= min;
}

static uint32_t parse_hex(struct parser *p)
{
    uint32_t code = 0;

    if (take(p, "{")) {
        if (!take_digits(p, 16, 1, 6, &code) || !take(p, "}"))
            return fault(p, ERR_INVALID, "\\x{ needs up to six hex digits and }");
    } else if (!take_digits(p, 16, 2, 2, &code)) {
        return fault(p, ERR_INVALID, "\\x needs two hex digits");
    }
    if (code > REGEX_CODE_MAX || (code >= 0xD800 && code <= 0xDFFF))
        return fault(p, ERR_INVALID, "no such character");
    return code;
}

static uint32_t parse_octal(struct parser *p, char first)
{
    uint32_t code = (uint32_t)(first - '0');

    if (first != '0' && (p->in.len == 0 || digit_value(p->in.ptr[0]) > 7))
        return fault(p, ERR_UNSUPPORTED, "back-references have no linear-time form");
    take_digits(p, 8, 0, 2, &code);
    return code;
}

/* After the backslash: escapes that stand for one character. */
static uint32_t parse_escaped_char(struct parser *p)
{
    static const char names[] = "afnrtv";
    static const char codes[] = "\a\f\n\r\t\v";
    const char *name;
    char c;

    if (p->in.len == 0)
        return fault(p, ERR_INVALID, "nothing after \\");
    c = p->in.ptr[0];
    if ((unsigned char)c >= 0x80)
        return fault(p, ERR_INVALID, "this character needs no \\");
    p->in.ptr++;
    p->in.len--;
    if (c == 'x')
        return parse_hex(p);
    if (c >= '0' && c <= '7')
        return parse_octal(p, c);
    name = c != '\0' ? strchr(names, c) : NULL;
    if (name != NULL)
        return (uint32_t)(unsigned char)codes[name - names];
    if (c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        c == '\0')
        return fault(p, ERR_INVALID, "unknown escape");
    return (uint32_t)c;
}

/* \pL, \p{Han}, \P{^Lu}: after the p or P. */
static void parse_property(struct parser *p, bool negated)
{
    struct slice name = p->in;
    const char *end;

    if (take(p, "{")) {
        end = memchr(p->in.ptr, '}', p->in.len);
        if (end == NULL) {
            fault(p, ERR_INVALID, "\\p{ without }");
            return;
        }
        if (take(p, "^"))
            negated = !negated;
        name = slice_make(p->in.ptr, (size_t)(end - p->in.ptr));
        p->in.len -= name.len + 1;
        p->in.ptr = end + 1;
    } else if (p->in.len > 0) {
        name.len = 1;
        p->in.ptr++;
        p->in.len--;
    }
    if (!regex_class_unicode(p->tree, name, negated))
        fault(p, ERR_INVALID, "unknown character property");
}

/* \d, \pL and the like, at the backslash; false: it is something else. */
static bool parse_class_escape(struct parser *p)
{
    char c = p->in.len > 1 ? p->in.ptr[1] : '\0';

    if (!peek(p, '\\') || c == '\0' || strchr("dDsSwWpP", c) == NULL)
        return false;
    p->in.ptr += 2;
    p->in.len -= 2;
    if (c == 'p' || c == 'P')
        parse_property(p, c == 'P');
    else if (!regex_class_perl(p->tree, c, p->fold))
        fault(p, ERR_TOO_BIG, "too many character ranges");
    return true;
}

/* [:alpha:] inside a class; false: not one. */
static bool parse_posix(struct parser *p)
{
    struct slice name;
    const char *end;
    bool negated;

    if (!slice_starts_with(p->in, slice_of("[:")))
        return false;
    end = memmem(p->in.ptr + 2, p->in.len - 2, ":]", 2);
    if (end == NULL)
        return false;
    name = slice_make(p->in.ptr + 2, (size_t)(end - p->in.ptr) - 2);
    negated = name.len > 0 && name.ptr[0] == '^';
    if (negated)
        name = slice_make(name.ptr + 1, name.len - 1);
    if (name.len < 2 || !regex_class_posix(p->tree, name, negated, p->fold)) {
        fault(p, ERR_INVALID, "unknown character class");
        return true;
    }
    p->in.len -= (size_t)(end + 2 - p->in.ptr);
    p->in.ptr = end + 2;
    return true;
}

static uint32_t parse_class_char(struct parser *p)
{
    if (p->in.len == 0)
        return fault(p, ERR_INVALID, "[ without ]");
    if (take(p, "\\"))
        return parse_escaped_char(p);
    return text_next(&p->in);
}

static void parse_class_range(struct parser *p)
{
    uint32_t lo = parse_class_char(p);
    uint32_t hi = lo;

    if (p->in.len > 1 && p->in.ptr[0] == '-' && p->in.ptr[1] != ']') {
        take(p, "-");
        hi = parse_class_char(p);
    }
    if (hi < lo)
        fault(p, ERR_INVALID, "range out of order");
    else if (!regex_class_add(p->tree, lo, hi))
        fault(p, ERR_TOO_BIG, "too many character ranges");
}

/* After the [. */
static uint16_t parse_class(struct parser *p)
{
    unsigned first = p->tree->range_count;
    bool negated = take(p, "^");
    bool begin = true;

    while (p->rc == ERR_OK && (begin || !peek(p, ']'))) {
        if (p->in.len == 0)
            return fault(p, ERR_INVALID, "[ without ]");
        begin = false;
        if (!parse_posix(p) && !parse_class_escape(p))
            parse_class_range(p);
    }
    take(p, "]");
    return class_node(p, first, negated);
}

static uint16_t parse_escape(struct parser *p)
{
    unsigned first = p->tree->range_count;

    if (parse_class_escape(p))
        return class_node(p, first, false);
    if (take(p, "\\A"))
        return assert_node(p, REGEX_TEXT_BEGIN);
    if (take(p, "\\z"))
        return assert_node(p, REGEX_TEXT_END);
    if (take(p, "\\b"))
        return assert_node(p, REGEX_BORDER);
    if (take(p, "\\B"))
        return assert_node(p, REGEX_NO_BORDER);
    take(p, "\\");
    return char_node(p, parse_escaped_char(p));
}

/* The flags of (?i) or (?i-s:…), up to the : or ). */
static void parse_flags(struct parser *p)
{
    bool on = true;
    bool any = false;

    while (p->in.len > 0 && !peek(p, ')') && !peek(p, ':')) {
        if (take(p, "-") && on) {
            on = false;
            any = false;
            continue;
        }
        if (take(p, "i"))
            p->fold = on;
        else if (take(p, "m"))
            p->lines = on;
        else if (take(p, "s"))
            p->dot_all = on;
        else if (take(p, "U"))
            p->ungreedy = on;
        else
            fault(p, ERR_INVALID, "unknown group or flag after (?");
        any = true;
    }
    if (p->rc == ERR_OK && !on && !any)
        fault(p, ERR_INVALID, "no flag after -");
}

/* (?P<name>: the name is checked and forgotten. */
static void parse_group_name(struct parser *p)
{
    size_t len = 0;

    while (p->in.len > 0 && !peek(p, '>')) {
        char c = p->in.ptr[0];
        if (c != '_' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
            !(c >= 'a' && c <= 'z'))
            break;
        p->in.ptr++;
        p->in.len--;
        len++;
    }
    if (len == 0 || !take(p, ">"))
        fault(p, ERR_INVALID, "a group's name is letters, digits and _ up to >");
}

static uint16_t parse_capture(struct parser *p)
{
    struct regex_node group = { .type = REGEX_GROUP };

    if (p->tree->group_count == REGEX_GROUPS_MAX)
        return fault(p, ERR_TOO_BIG, "more than 9 groups: use (?:…) where nothing is kept");
    group.a = p->tree->group_count++;
    group.left = parse_alternatives(p);
    group.nullable = node_at(p, group.left)->nullable;
    return node_add(p, group);
}

static bool is_look_around(const struct parser *p)
{
    return slice_starts_with(p->in, slice_of("?=")) || slice_starts_with(p->in, slice_of("?!")) ||
           slice_starts_with(p->in, slice_of("?<=")) || slice_starts_with(p->in, slice_of("?<!"));
}

/* After the (; *bare: it was only (?flags), which hold to the end of the group around it. */
static uint16_t parse_group(struct parser *p, bool *bare)
{
    struct parser before = *p;
    uint16_t node;

    if (++p->depth > REGEX_DEPTH_MAX)
        return fault(p, ERR_TOO_BIG, "groups nested too deep");
    if (is_look_around(p))
        return fault(p, ERR_UNSUPPORTED, "look-around has no linear-time form");
    if (take(p, "?P<")) {
        parse_group_name(p);
        node = parse_capture(p);
    } else if (take(p, "?")) {
        parse_flags(p);
        *bare = take(p, ")");
        if (*bare) {
            p->depth--;
            return node_add(p, (struct regex_node){ .type = REGEX_EMPTY, .nullable = true });
        }
        if (!take(p, ":"))
            return fault(p, ERR_INVALID, "( without )");
        node = parse_alternatives(p);
    } else {
        node = parse_capture(p);
    }
    if (p->rc == ERR_OK && !take(p, ")"))
        fault(p, ERR_INVALID, "( without )");
    p->fold = before.fold;
    p->lines = before.lines;
    p->dot_all = before.dot_all;
    p->ungreedy = before.ungreedy;
    p->depth--;
    return node;
}

static uint16_t parse_atom(struct parser *p, bool *bare)
{
    if (p->quoted)
        return char_node(p, text_next(&p->in));
    if (peek(p, '*') || peek(p, '+') || peek(p, '?'))
        return fault(p, ERR_INVALID, "nothing to repeat");
    if (peek(p, '\\'))
        return parse_escape(p);
    if (take(p, "("))
        return parse_group(p, bare);
    if (take(p, "["))
        return parse_class(p);
    if (take(p, "."))
        return node_add(p, (struct regex_node){ .type = p->dot_all ? REGEX_ANY : REGEX_NOT_NL });
    if (take(p, "^"))
        return assert_node(p, p->lines ? REGEX_LINE_BEGIN : REGEX_TEXT_BEGIN);
    if (take(p, "$"))
        return assert_node(p, p->lines ? REGEX_LINE_END : REGEX_TEXT_END);
    return char_node(p, text_next(&p->in));
}

/* {n}, {n,} or {n,m}; anything else after { is plain characters, as in RE2. */
static bool parse_counts(struct parser *p, struct regex_node *repeat)
{
    struct parser back = *p;
    uint32_t min = 0;
    uint32_t max = 0;
    bool open;

    if (!take(p, "{") || !take_digits(p, 10, 1, 6, &min))
        goto plain;
    open = take(p, ",");
    if (!open)
        max = min;
    else if (peek(p, '}'))
        max = min; /* replaced by no limit below */
    else if (take_digits(p, 10, 1, 6, &max))
        open = false;
    else
        goto plain;
    if (!take(p, "}"))
        goto plain;
    if (min > REGEX_REPEAT_MAX || max > REGEX_REPEAT_MAX || max < min) {
        fault(p, ERR_TOO_BIG, "counts of a repetition go up, and to 1000");
        return true;
    }
    repeat->min = (int16_t)min;
    repeat->max = open ? REGEX_NO_LIMIT : (int16_t)max;
    return true;
plain:
    p->in = back.in;
    return false;
}

static bool parse_repeat_sign(struct parser *p, struct regex_node *repeat)
{
    *repeat = (struct regex_node){ .type = REGEX_REPEAT, .max = REGEX_NO_LIMIT };
    if (take(p, "*"))
        return true;
    if (take(p, "+")) {
        repeat->min = 1;
        return true;
    }
    if (take(p, "?")) {
        repeat->max = 1;
        return true;
    }
    return parse_counts(p, repeat);
}

static uint16_t parse_repeated(struct parser *p)
{
    struct regex_node repeat;
    bool bare = false;
    uint16_t node = parse_atom(p, &bare);
    bool repeated = false;

    if (p->quoted && take(p, "\\E"))
        p->quoted = false;
    while (p->rc == ERR_OK && p->in.len > 0 && !p->quoted) {
        struct slice before = p->in;

        if (!parse_repeat_sign(p, &repeat))
            break;
        if (bare || repeated) {
            p->in = before;
            return fault(p, ERR_INVALID, bare ? "nothing to repeat" : "repeated twice");
        }
        repeat.lazy = take(p, "?") != p->ungreedy;
        repeat.left = node;
        repeat.nullable = repeat.min == 0 || node_at(p, node)->nullable;
        node = node_add(p, repeat);
        repeated = true;
    }
    return node;
}

/* At | or ) or the end; \Q and \E are read over on the way. */
static bool sequence_ends(struct parser *p)
{
    while (take(p, p->quoted ? "\\E" : "\\Q"))
        p->quoted = !p->quoted;
    return p->in.len == 0 || (!p->quoted && (peek(p, '|') || peek(p, ')')));
}

static uint16_t parse_sequence(struct parser *p)
{
    struct regex_node cat = { .type = REGEX_CAT };

    if (sequence_ends(p))
        return node_add(p, (struct regex_node){ .type = REGEX_EMPTY, .nullable = true });
    cat.left = parse_repeated(p);
    while (!sequence_ends(p)) {
        cat.right = parse_repeated(p);
        cat.nullable = node_at(p, cat.left)->nullable && node_at(p, cat.right)->nullable;
        cat.left = node_add(p, cat);
    }
    return cat.left;
}

static uint16_t parse_alternatives(struct parser *p)
{
    struct regex_node alt = { .type = REGEX_ALT };

    alt.left = parse_sequence(p);
    while (take(p, "|")) {
        alt.right = parse_sequence(p);
        alt.nullable = node_at(p, alt.left)->nullable || node_at(p, alt.right)->nullable;
        alt.left = node_add(p, alt);
    }
    return alt.left;
}

enum err_code regex_parse(struct slice pattern, unsigned flags, struct regex_tree *tree,
                          size_t *offset, struct err *err)
{
    struct parser parser = { .in = pattern,
                             .begin = pattern.ptr,
                             .tree = tree,
                             .fold = (flags & REGEX_FOLD) != 0,
                             .err = err };

    tree->nodes[0] = (struct regex_node){ .type = REGEX_EMPTY, .nullable = true };
    tree->node_count = 1; /* what stands for a part that failed */
    tree->range_count = 0;
    tree->group_count = 1;
    *offset = 0;
    if (pattern.len > REGEX_PATTERN_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "regular expression: %zu bytes, limit %d", pattern.len,
                       REGEX_PATTERN_BYTES_MAX);
    if (!utf8_valid(pattern))
        return err_set(err, ERR_INVALID, "regular expression: not UTF-8");
    tree->root = parse_alternatives(&parser);
    if (parser.rc == ERR_OK && parser.in.len > 0)
        fault(&parser, ERR_INVALID, ") without (");
    if (parser.rc != ERR_OK)
        *offset = (size_t)(parser.fault_at - parser.begin);
    return parser.rc;
}
