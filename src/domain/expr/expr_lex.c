/* SPDX-License-Identifier: Apache-2.0 */
/* Source to tokens, and the two formats that tokens and hosts share: numbers and times. */
#include "expr_priv.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip_blanks(struct slice *in)
{
    while (in->len > 0 && memchr(" \t\r\n", in->ptr[0], 4) != NULL)
        *in = slice_make(in->ptr + 1, in->len - 1);
}

static size_t name_length(struct slice in)
{
    size_t len = 0;

    while (len < in.len && is_name(in.ptr[len])) {
        while (len < in.len && is_name(in.ptr[len]))
            len++;
        /* A dot belongs to the name only with a letter behind it. */
        if (len + 1 < in.len && in.ptr[len] == '.' && is_name(in.ptr[len + 1]) &&
            !is_digit(in.ptr[len + 1]))
            len++;
    }
    return len;
}

static size_t number_length(struct slice in)
{
    size_t len = 0;

    while (len < in.len && is_digit(in.ptr[len]))
        len++;
    if (len + 1 < in.len && in.ptr[len] == '.' && is_digit(in.ptr[len + 1])) {
        len++;
        while (len < in.len && is_digit(in.ptr[len]))
            len++;
    }
    return len;
}

static void read_text(struct expr_token *token, struct slice *in)
{
    char quote = in->ptr[0];
    size_t len = 1;

    while (len < in->len && in->ptr[len] != quote) {
        if (in->ptr[len] == '\\' && len + 1 < in->len)
            len++;
        len++;
    }
    if (len >= in->len) {
        token->kind = EXPR_TOKEN_BAD;
        token->problem = "a text without its closing quote";
        return;
    }
    token->kind = EXPR_TOKEN_TEXT;
    token->raw = slice_make(in->ptr + 1, len - 1);
    *in = slice_make(in->ptr + len + 1, in->len - len - 1);
}

static const char *sign_problem(struct slice in)
{
    switch (in.ptr[0]) {
    case '=':
        return "= is not an operator: compare with ==";
    case '&':
        return "& is not an operator: write &&";
    case '|':
        return "| is not an operator: write ||";
    default:
        return "unexpected character";
    }
}

static void read_sign(struct expr_token *token, struct slice *in)
{
    static const char doubles[][3] = { "||", "&&", "==", "!=", "<=", ">=" };
    size_t len = 0;

    for (size_t i = 0; i < LENGTH_OF(doubles) && len == 0; i++) {
        if (slice_starts_with(*in, slice_make(doubles[i], 2)))
            len = 2;
    }
    if (len == 0 && memchr("!<>~+-*/?:(),[]", in->ptr[0], 15) != NULL)
        len = 1;
    if (len == 0) {
        token->kind = EXPR_TOKEN_BAD;
        token->problem = sign_problem(*in);
        return;
    }
    token->kind = EXPR_TOKEN_SIGN;
    memcpy(token->sign, in->ptr, len);
    token->sign[len] = '\0';
    *in = slice_make(in->ptr + len, in->len - len);
}

struct expr_token expr_token_next(struct slice *in)
{
    struct expr_token token = { .kind = EXPR_TOKEN_END };
    size_t len;

    skip_blanks(in);
    token.at = in->ptr;
    if (in->len == 0)
        return token;
    if (in->ptr[0] == '\'' || in->ptr[0] == '"') {
        read_text(&token, in);
        return token;
    }
    len = is_digit(in->ptr[0]) ? number_length(*in) : name_length(*in);
    if (len == 0) {
        read_sign(&token, in);
        return token;
    }
    token.kind = is_digit(in->ptr[0]) ? EXPR_TOKEN_NUMBER : EXPR_TOKEN_NAME;
    token.raw = slice_make(in->ptr, len);
    *in = slice_make(in->ptr + len, in->len - len);
    if (token.kind == EXPR_TOKEN_NUMBER && !expr_number_parse(token.raw, &token.number)) {
        token.kind = EXPR_TOKEN_BAD;
        token.problem = "a number has at most 14 digits before the point and four behind it";
    } else if (token.kind == EXPR_TOKEN_NUMBER && in->len > 0 && is_name(in->ptr[0])) {
        token.kind = EXPR_TOKEN_BAD;
        token.problem = "a number with letters behind it";
    }
    return token;
}

size_t expr_text_unescape(struct slice raw, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        /* Before anything else a backslash stays: '\d' reaches the regular expression whole. */
        if (raw.ptr[i] == '\\' && i + 1 < raw.len && memchr("\\'\"", raw.ptr[i + 1], 3) != NULL)
            i++;
        out[len++] = raw.ptr[i];
    }
    return len;
}

bool expr_number_parse(struct slice text, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = negative;
    unsigned whole = 0;
    unsigned fraction = 0;
    int64_t value = 0;

    for (; i < text.len && is_digit(text.ptr[i]); i++) {
        value = value * 10 + (text.ptr[i] - '0');
        if (++whole > 14)
            return false;
    }
    if (i < text.len && text.ptr[i] == '.' && whole > 0) {
        for (i++; i < text.len && is_digit(text.ptr[i]); i++) {
            /* Zeros beyond the fourth digit change nothing. */
            if (fraction < 4)
                value = value * 10 + (text.ptr[i] - '0');
            else if (text.ptr[i] != '0')
                return false;
            fraction++;
        }
        if (fraction == 0)
            return false;
    }
    if (whole == 0 || i != text.len)
        return false;
    for (; fraction < 4; fraction++)
        value *= 10;
    *out = negative ? -value : value;
    return true;
}

size_t expr_number_format(int64_t number, char out[EXPR_NUMBER_CHARS_MAX])
{
    char digits[EXPR_NUMBER_CHARS_MAX];
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t count = 0;
    size_t len = 0;
    size_t zeros = 0;

    while (rest > 0 || count < 5) { /* "10000" is 1: five digits at least */
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    }
    while (zeros < 4 && digits[zeros] == '0')
        zeros++;
    if (number < 0)
        out[len++] = '-';
    for (size_t i = count; i > 4; i--)
        out[len++] = digits[i - 1];
    if (zeros < 4)
        out[len++] = '.';
    for (size_t i = 4; i > zeros; i--)
        out[len++] = digits[i - 1];
    return len;
}

/* ---- times ---- */
/* Digits of a fixed width, then the sign that must follow (0: none). */
static bool take_field(struct slice *in, unsigned width, char after, int *out)
{
    *out = 0;
    if (in->len < width)
        return false;
    for (unsigned i = 0; i < width; i++) {
        if (!is_digit(in->ptr[i]))
            return false;
        *out = *out * 10 + (in->ptr[i] - '0');
    }
    *in = slice_make(in->ptr + width, in->len - width);
    if (after == '\0')
        return true;
    if (in->len == 0 || in->ptr[0] != after)
        return false;
    *in = slice_make(in->ptr + 1, in->len - 1);
    return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible
 * low-level date algorithms", days_from_civil). */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* "Z", "+08:00", or nothing. */
static bool take_zone(struct slice *in, int *offset_minutes)
{
    int sign;
    int hours;
    int minutes;

    if (in->len == 0)
        return true;
    sign = in->ptr[0] == '-' ? -1 : 1;
    if (in->ptr[0] == 'Z' || in->ptr[0] == 'z') {
        *in = slice_make(in->ptr + 1, in->len - 1);
        *offset_minutes = 0;
        return true;
    }
    if (in->ptr[0] != '+' && in->ptr[0] != '-')
        return false;
    *in = slice_make(in->ptr + 1, in->len - 1);
    if (!take_field(in, 2, ':', &hours) || !take_field(in, 2, '\0', &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool take_clock(struct slice *in, int64_t *ms)
{
    int hours;
    int minutes;
    int seconds = 0;

    *in = slice_make(in->ptr + 1, in->len - 1); /* the T or blank */
    if (!take_field(in, 2, ':', &hours) || !take_field(in, 2, '\0', &minutes))
        return false;
    if (in->len > 0 && in->ptr[0] == ':') {
        *in = slice_make(in->ptr + 1, in->len - 1);
        if (!take_field(in, 2, '\0', &seconds))
            return false;
        if (in->len > 0 && in->ptr[0] == '.') { /* fractions of a second are read over */
            do {
                *in = slice_make(in->ptr + 1, in->len - 1);
            } while (in->len > 0 && is_digit(in->ptr[0]));
        }
    }
    if (hours > 23 || minutes > 59 || seconds > 60)
        return false;
    *ms = ((hours * 60 + minutes) * 60 + seconds) * INT64_C(1000);
    return true;
}

bool expr_time_parse(struct slice text, int utc_offset_minutes, int64_t *out)
{
    int year;
    int month;
    int day;
    int64_t ms = 0;

    if (!take_field(&text, 4, '-', &year) || !take_field(&text, 2, '-', &month) ||
        !take_field(&text, 2, '\0', &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    if (text.len > 0) {
        if (text.ptr[0] != 'T' && text.ptr[0] != 't' && text.ptr[0] != ' ')
            return false;
        if (!take_clock(&text, &ms) || !take_zone(&text, &utc_offset_minutes) || text.len > 0)
            return false;
    }
    *out = days_from_civil(year, month, day) * INT64_C(86400000) + ms -
           utc_offset_minutes * INT64_C(60000);
    return true;
}
