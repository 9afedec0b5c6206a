/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: figures (1,200.50, -3, 2.5万, 3k), Chinese (一百二十, 两万三, 三点五, 〇 to 亿) and
 * English words (one hundred and twenty, twenty-five). All exact: a mantissa and a power of ten. */
#include "entity_priv.h"

#include "check.h"

enum {
    FIGURES_MAX = 18,  /* digits that an int64 holds */
    NUMERALS_MAX = 32, /* characters of a Chinese number */
    WORDS_MAX = 16,    /* of an English number */
    CHINESE_FACTOR_MAX =
        1000 * 1000 * 1000, /* before 万 or 亿: ten thousand millions of them fit */
    FRACTION_MAX = 6,       /* figures behind 点 */
};

bool entity_decimal_shift(struct entity_decimal *d, unsigned power)
{
    struct entity_decimal shifted = *d;

    for (; power > 0; power--) {
        if (shifted.scale > 0)
            shifted.scale--;
        else if (__builtin_mul_overflow(shifted.mantissa, 10, &shifted.mantissa))
            return false;
    }
    *d = shifted;
    return true;
}

static const struct entity_word powers[] = {
    { "百", 2 }, { "千", 3 }, { "万", 4 }, { "百万", 6 }, { "千万", 7 }, { "亿", 8 }, { "k", 3 },
};

/* Digits with commas between groups of three and one point. */
static size_t figures_at(struct slice norm, size_t at, struct entity_decimal *out)
{
    const char *p = norm.ptr;
    unsigned digits = 0;
    bool point = false;

    *out = (struct entity_decimal){ 0, 0 };
    for (; at < norm.len; at++) {
        bool more = at + 1 < norm.len && entity_is_digit(p[at + 1]);

        if (entity_is_digit(p[at])) {
            if (++digits > FIGURES_MAX)
                return 0;
            out->mantissa = out->mantissa * 10 + (p[at] - '0');
            out->scale += point ? 1 : 0;
        } else if (p[at] == '.' && more && !point) {
            point = true;
        } else if (p[at] == ',' && more && !point && digits > 0 && at + 3 < norm.len &&
                   entity_is_digit(p[at + 2]) && entity_is_digit(p[at + 3]) &&
                   (at + 4 >= norm.len || !entity_is_digit(p[at + 4]))) {
            continue;
        } else {
            break;
        }
    }
    return digits > 0 ? at : 0;
}

static size_t figures_with_power(struct slice norm, size_t at, struct entity_decimal *out)
{
    bool minus = norm.ptr[at] == '-' && (at == 0 || norm.ptr[at - 1] == ' ');
    size_t end =
        norm.len - at > (minus ? 1u : 0u) && entity_is_digit(norm.ptr[at + (minus ? 1 : 0)])
            ? figures_at(norm, at + (minus ? 1 : 0), out)
            : 0;
    size_t after;
    int power;

    if (end == 0)
        return 0;
    after = end < norm.len ? entity_word_at(norm, end, powers, LENGTH_OF(powers), &power) : 0;
    if (after != 0 && entity_decimal_shift(out, (unsigned)power))
        end = after;
    if (minus)
        out->mantissa = -out->mantissa;
    return end;
}

struct numeral {
    int digit; /* -1: not one */
    int power; /* of ten; 0: not one */
};

static const struct numeral no_numeral = { -1, 0 };

/* The everyday characters and the ones of cheques. */
static struct numeral numeral_of(uint32_t cp)
{
    switch (cp) {
    case U'〇':
    case U'零':
        return (struct numeral){ 0, 0 };
    case U'一':
    case U'壹':
        return (struct numeral){ 1, 0 };
    case U'二':
    case U'两':
    case U'贰':
        return (struct numeral){ 2, 0 };
    case U'三':
    case U'叁':
        return (struct numeral){ 3, 0 };
    case U'四':
    case U'肆':
        return (struct numeral){ 4, 0 };
    case U'五':
    case U'伍':
        return (struct numeral){ 5, 0 };
    case U'六':
    case U'陆':
        return (struct numeral){ 6, 0 };
    case U'七':
    case U'柒':
        return (struct numeral){ 7, 0 };
    case U'八':
    case U'捌':
        return (struct numeral){ 8, 0 };
    case U'九':
    case U'玖':
        return (struct numeral){ 9, 0 };
    case U'十':
    case U'拾':
        return (struct numeral){ -1, 1 };
    case U'百':
    case U'佰':
        return (struct numeral){ -1, 2 };
    case U'千':
    case U'仟':
        return (struct numeral){ -1, 3 };
    case U'万':
        return (struct numeral){ -1, 4 };
    case U'亿':
        return (struct numeral){ -1, 8 };
    default:
        return no_numeral;
    }
}

bool entity_is_numeral(uint32_t cp)
{
    struct numeral n = numeral_of(cp);

    return n.digit >= 0 || n.power > 0;
}

static int64_t power_of_ten(int power)
{
    int64_t value = 1;

    while (power-- > 0)
        value *= 10;
    return value;
}

/* A Chinese number on its way: total of finished 万 and 亿 parts, the part below them, the digit
 * that waits for its unit. */
struct chinese {
    int64_t total;
    int64_t part;
    int64_t digit;    /* -1: none waits */
    int last_power;   /* of the last unit: 两万三 is 23,000 */
    bool zero;        /* a zero stands before the digit: 一万零三 is 10,003 */
    bool units;       /* has any: 一三八 without is a run of figures */
    unsigned figures; /* digits so far */
    int64_t run;      /* the digits read as figures */
};

static bool chinese_unit(struct chinese *c, int power)
{
    int64_t digit = c->digit >= 0 ? c->digit : (power == 1 && c->part == 0 ? 1 : -1);

    c->units = true;
    c->last_power = power;
    c->zero = false;
    c->digit = -1;
    if (power < 4) {
        if (digit < 0)
            return false;
        c->part += digit * power_of_ten(power);
        return true;
    }
    c->part += digit > 0 ? digit : 0;
    if (c->total + c->part > CHINESE_FACTOR_MAX)
        return false;
    if (power == 8)
        c->total = (c->total + c->part) * 100000000;
    else
        c->total += c->part * 10000;
    c->part = 0;
    return c->total > 0;
}

static int64_t chinese_value(const struct chinese *c)
{
    int64_t digit = c->digit > 0 ? c->digit : 0;

    if (!c->units)
        return c->run;
    if (digit > 0 && !c->zero && c->last_power > 1)
        digit *= power_of_ten(c->last_power - 1); /* 三千五 */
    return c->total + c->part + digit;
}

/* Characters behind a lone 一 or 两 that make it a word: 一下, 一样, 一点. */
static bool makes_a_word(struct slice norm, size_t at, struct slice rest)
{
    static const char *const tails[] = { "下", "些", "样", "起", "直", "定", "般", "点", "共",
                                         "切", "边", "会", "旦", "律", "再", "时", "致" };

    if (!entity_has(norm, at, "一") && !entity_has(norm, at, "两"))
        return false;
    for (size_t i = 0; i < LENGTH_OF(tails); i++) {
        if (slice_starts_with(rest, slice_of(tails[i])))
            return true;
    }
    return false;
}

/* 点 and the figures behind it. */
static struct slice chinese_fraction(struct slice rest, struct entity_decimal *out)
{
    struct slice after = rest;
    unsigned digits = 0;

    if (!slice_starts_with(rest, SLICE_LITERAL("点")))
        return rest;
    (void)text_next(&after);
    while (after.len > 0 && digits < FRACTION_MAX) {
        struct slice ahead = after;
        struct numeral n = numeral_of(text_next(&ahead));

        if (n.digit < 0 || out->mantissa > INT64_MAX / 10 - 1)
            break;
        out->mantissa = out->mantissa * 10 + n.digit;
        out->scale++;
        digits++;
        after = ahead;
    }
    return digits > 0 ? after : rest;
}

static size_t chinese_at(struct slice norm, size_t at, struct entity_decimal *out)
{
    struct slice rest = slice_make(norm.ptr + at, norm.len - at);
    struct chinese c = { .digit = -1 };
    unsigned count = 0;

    for (; rest.len > 0 && count < NUMERALS_MAX; count++) {
        struct slice ahead = rest;
        struct numeral n = numeral_of(text_next(&ahead));

        if (n.digit < 0 && n.power == 0)
            break;
        if (n.power > 0) {
            if ((count == 0 && n.power != 1) || !chinese_unit(&c, n.power))
                return 0;
        } else {
            if (c.units && c.digit > 0)
                break; /* 二十一二 */
            c.zero = c.zero || n.digit == 0;
            c.digit = n.digit;
            if (++c.figures > FIGURES_MAX)
                return 0;
            c.run = c.run * 10 + n.digit;
        }
        rest = ahead;
    }
    if (count == 0)
        return 0;
    *out = (struct entity_decimal){ chinese_value(&c), 0 };
    rest = chinese_fraction(rest, out);
    if (count == 1 && out->scale == 0 && makes_a_word(norm, at, rest))
        return 0;
    return (size_t)(rest.ptr - norm.ptr);
}

enum { ENGLISH_SCALE = 1000, ENGLISH_AND = -1 };

static const struct entity_word english[] = {
    { "zero", 0 },          { "one", 1 },
    { "two", 2 },           { "three", 3 },
    { "four", 4 },          { "five", 5 },
    { "six", 6 },           { "seven", 7 },
    { "eight", 8 },         { "nine", 9 },
    { "ten", 10 },          { "eleven", 11 },
    { "twelve", 12 },       { "thirteen", 13 },
    { "fourteen", 14 },     { "fifteen", 15 },
    { "sixteen", 16 },      { "seventeen", 17 },
    { "eighteen", 18 },     { "nineteen", 19 },
    { "twenty", 20 },       { "thirty", 30 },
    { "forty", 40 },        { "fifty", 50 },
    { "sixty", 60 },        { "seventy", 70 },
    { "eighty", 80 },       { "ninety", 90 },
    { "hundred", 100 },     { "thousand", 1000 },
    { "million", 1000000 }, { "and", ENGLISH_AND },
    { "a hundred", -100 },  { "a thousand", -1000 },
};

/* True while the words make one number: tens after hundreds, a unit after tens. */
static bool english_take(int64_t *total, int64_t *part, int word)
{
    if (word == 100) {
        if (*part == 0 || *part >= 100)
            return false;
        *part *= 100;
        return true;
    }
    if (word >= ENGLISH_SCALE) {
        if (*part == 0 || (*total != 0 && *total % ((int64_t)word * 1000) != 0))
            return false;
        *total += *part * word;
        *part = 0;
        return true;
    }
    if (*part != 0 && !(word < 10 && *part % 100 >= 20 && *part % 10 == 0) && *part % 100 != 0)
        return false;
    *part += word;
    return true;
}

static size_t english_at(struct slice norm, size_t at, struct entity_decimal *out)
{
    int64_t total = 0;
    int64_t part = 0;
    size_t end = 0;

    if (!entity_is_letter(norm.ptr[at]))
        return 0;
    for (unsigned words = 0; words < WORDS_MAX && at < norm.len; words++) {
        int word;
        size_t after = entity_word_at(norm, at, english, LENGTH_OF(english), &word);

        if (after == 0 || (word == ENGLISH_AND && end == 0))
            break;
        if (word < ENGLISH_AND && end == 0) {
            total = word == -1000 ? 1000 : 0;
            part = word == -100 ? 100 : 0;
        } else if (word < ENGLISH_AND || (word >= 0 && !english_take(&total, &part, word))) {
            break;
        }
        if (word != ENGLISH_AND)
            end = after;
        at = after < norm.len && (norm.ptr[after] == ' ' || norm.ptr[after] == '-') ? after + 1
                                                                                    : norm.len;
    }
    *out = (struct entity_decimal){ total + part, 0 };
    return end;
}

size_t entity_decimal_at(struct slice norm, size_t at, struct entity_decimal *out)
{
    unsigned char first = (unsigned char)norm.ptr[at];

    if (first >= 0xE3)
        return chinese_at(norm, at, out);
    if (entity_is_digit((char)first) || first == '-')
        return figures_with_power(norm, at, out);
    return english_at(norm, at, out);
}

size_t entity_whole_at(struct slice norm, size_t at, int64_t low, int64_t high, int64_t *out)
{
    struct entity_decimal d = { 0, 0 };
    size_t end;

    if (at >= norm.len)
        return 0;
    /* In a date 5.1 is two numbers, so figures are read here without point and power. */
    if (entity_is_digit(norm.ptr[at])) {
        for (end = at; end < norm.len && end - at < 5 && entity_is_digit(norm.ptr[end]); end++)
            d.mantissa = d.mantissa * 10 + (norm.ptr[end] - '0');
        if (end < norm.len && entity_is_digit(norm.ptr[end]))
            return 0;
    } else {
        end = entity_decimal_at(norm, at, &d);
    }
    if (end == 0 || d.scale != 0 || d.mantissa < low || d.mantissa > high)
        return 0;
    *out = d.mantissa;
    return end;
}

size_t entity_number_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    size_t end = entity_decimal_at(s->norm, at, &m->number);

    return end != 0 && entity_ends(s->norm, end) ? end : 0;
}

size_t entity_percent_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    static const char over_hundred[] = "百分之";
    size_t end;

    if (entity_has(s->norm, at, over_hundred)) {
        at += sizeof(over_hundred) - 1;
        return at < s->norm.len ? entity_decimal_at(s->norm, at, &m->number) : 0;
    }
    end = entity_decimal_at(s->norm, at, &m->number);
    if (end == 0)
        return 0;
    end = entity_skip_blank(s->norm, end);
    if (end < s->norm.len && s->norm.ptr[end] == '%')
        return end + 1;
    return end < s->norm.len && entity_has(s->norm, end, "percent") && entity_ends(s->norm, end + 7)
               ? end + 7
               : 0;
}
