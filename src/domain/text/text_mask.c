/* SPDX-License-Identifier: Apache-2.0 */
/* Masks: one look from left to right. What was seen is never looked at again: a run that turned
 * out to be no address is remembered as such, so a long hostile run costs one pass. */
#include "check.h"
#include "text.h"

enum {
    PHONE_DIGITS_MIN = 7,  /* a local number */
    PHONE_DIGITS_MAX = 15, /* E.164 */
    MOBILE_DIGITS = 11,    /* Chinese mobile numbers */
    ORDER_DIGITS_MIN = 4,  /* "b2b", "mp3" and "4g" are words */
    ORDER_BYTES_MIN = 6,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_address_char(char c)
{
    return is_digit(c) || is_letter(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%';
}

static bool is_url_char(char c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>';
}

struct cursor {
    struct slice text;
    size_t at;
    size_t no_address_until; /* no e-mail address begins before it */
};

static size_t run(const struct cursor *c, size_t from, bool (*of)(char))
{
    while (from < c->text.len && of(c->text.ptr[from]))
        from++;
    return from;
}

/* Without the punctuation of the sentence around it. */
static size_t trimmed(const struct cursor *c, size_t start, size_t end)
{
    while (end > start && strchr(".,;:!?)]}'", c->text.ptr[end - 1]) != NULL)
        end--;
    return end;
}

static size_t url_end(const struct cursor *c)
{
    static const char *const heads[] = { "http://", "https://", "www." };
    struct slice rest = slice_make(c->text.ptr + c->at, c->text.len - c->at);

    for (size_t i = 0; i < LENGTH_OF(heads); i++) {
        size_t head = strlen(heads[i]);

        if (slice_starts_with(rest, slice_of(heads[i]))) {
            size_t end = trimmed(c, c->at, run(c, c->at + head, is_url_char));

            return end > c->at + head ? end : 0;
        }
    }
    return 0;
}

/* local@label.label; 0: none begins here. */
static size_t email_end(struct cursor *c)
{
    size_t at;
    size_t end;

    if (c->at < c->no_address_until)
        return 0;
    at = run(c, c->at, is_address_char);
    c->no_address_until = at;
    if (at == c->at || at == c->text.len || c->text.ptr[at] != '@')
        return 0;
    end = trimmed(c, at + 1, run(c, at + 1, is_address_char));
    if (end == at + 1 || memchr(c->text.ptr + at + 1, '.', end - at - 1) == NULL)
        return 0;
    return end;
}

struct shape {
    size_t end;
    unsigned digits;
    unsigned letters;
    unsigned separators;
    bool plus;
    bool fraction; /* a point or comma between two digits */
};

static bool joins_number(char c)
{
    return c == '-' || c == ' ' || c == '(' || c == ')';
}

/* One or two joining characters with a digit behind them: " (4", "-1". */
static bool joins_at(const struct cursor *c, size_t at)
{
    const char *p = c->text.ptr;

    if (!joins_number(p[at]) || at + 1 >= c->text.len)
        return false;
    return is_digit(p[at + 1]) ||
           (joins_number(p[at + 1]) && at + 2 < c->text.len && is_digit(p[at + 2]));
}

/* Digits, with single separators between groups; letters end it unless they begin it. */
static struct shape shape_at(const struct cursor *c)
{
    const char *p = c->text.ptr;
    struct shape s = { .end = c->at, .plus = p[c->at] == '+' };
    size_t at = c->at + (s.plus ? 1 : 0);

    while (at < c->text.len) {
        bool more = at + 1 < c->text.len;

        if (s.separators > 0 && s.digits > PHONE_DIGITS_MAX && s.letters == 0)
            break; /* no phone number; "1 1 1 …" must not be read again from each of its digits */
        if (is_digit(p[at])) {
            s.digits++;
        } else if (is_letter(p[at]) && s.separators == 0 && !s.plus) {
            s.letters++;
        } else if (s.digits > 0 && joins_at(c, at) && (p[at] == '-' || s.letters == 0)) {
            at += is_digit(p[at + 1]) ? 0 : 1;
            s.separators++;
        } else if (more && is_digit(p[at + 1]) && s.letters == 0 && s.separators == 0 &&
                   (p[at] == '.' || p[at] == ',') && s.digits > 0) {
            s.fraction = true;
        } else {
            break;
        }
        s.end = ++at;
    }
    return s;
}

static bool looks_like_phone(const struct cursor *c, const struct shape *s)
{
    const char *p = c->text.ptr + c->at;

    if (s->letters > 0 || s->fraction || s->digits < PHONE_DIGITS_MIN ||
        s->digits > PHONE_DIGITS_MAX)
        return false;
    if (s->plus || p[0] == '0' || s->digits == PHONE_DIGITS_MIN || s->digits == 8)
        return true;
    if (s->digits == MOBILE_DIGITS)
        return p[0] == '1';
    return s->separators > 0 && s->digits <= 13;
}

/* The first group alone, when the groups together are no phone number. */
static size_t first_group_end(const struct cursor *c)
{
    size_t at = c->at;

    while (at < c->text.len &&
           (is_digit(c->text.ptr[at]) ||
            (at + 1 < c->text.len && is_digit(c->text.ptr[at + 1]) && at > c->at &&
             (c->text.ptr[at] == '.' || c->text.ptr[at] == ',' || c->text.ptr[at] == '-'))))
        at++;
    return at;
}

static size_t number_end(const struct cursor *c, enum text_mask_kind *kind)
{
    struct shape s = shape_at(c);

    if (looks_like_phone(c, &s)) {
        *kind = TEXT_MASK_PHONE;
        return s.end;
    }
    if (s.letters > 0) {
        *kind = TEXT_MASK_ORDER;
        return s.digits >= ORDER_DIGITS_MIN && s.end - c->at >= ORDER_BYTES_MIN ? s.end : 0;
    }
    if (!is_digit(c->text.ptr[c->at]))
        return 0;
    s.end = first_group_end(c);
    *kind = !s.fraction && s.end - c->at > PHONE_DIGITS_MIN ? TEXT_MASK_ORDER : TEXT_MASK_NUMBER;
    return s.end;
}

static size_t mask_end(struct cursor *c, enum text_mask_kind *kind)
{
    char first = c->text.ptr[c->at];
    size_t end;

    *kind = TEXT_MASK_URL;
    end = first == 'h' || first == 'w' ? url_end(c) : 0;
    if (end != 0)
        return end;
    *kind = TEXT_MASK_EMAIL;
    end = email_end(c);
    if (end != 0)
        return end;
    return is_digit(first) || is_letter(first) || first == '+' ? number_end(c, kind) : 0;
}

size_t text_masks(struct slice normalised, struct text_mask *out, size_t max)
{
    struct cursor c = { .text = normalised };
    size_t count = 0;

    while (c.at < normalised.len && count < max) {
        enum text_mask_kind kind;
        char first = normalised.ptr[c.at];
        size_t end = (unsigned char)first < 0x80 ? mask_end(&c, &kind) : 0;

        if (end != 0) {
            out[count++] = (struct text_mask){ .start = (uint32_t)c.at,
                                               .len = (uint32_t)(end - c.at),
                                               .kind = kind };
            c.at = end;
            continue;
        }
        c.at++;
        if (is_digit(first) || is_letter(first)) { /* no mask begins inside a word */
            while (c.at < normalised.len &&
                   (is_digit(normalised.ptr[c.at]) || is_letter(normalised.ptr[c.at])))
                c.at++;
        }
    }
    return count;
}

const char *text_mask_name(enum text_mask_kind kind)
{
    static const char *const names[TEXT_MASK_KINDS] = {
        [TEXT_MASK_NUMBER] = "number", [TEXT_MASK_URL] = "url",     [TEXT_MASK_EMAIL] = "email",
        [TEXT_MASK_PHONE] = "phone",   [TEXT_MASK_ORDER] = "order",
    };

    ENSURE((unsigned)kind < TEXT_MASK_KINDS);
    return names[kind];
}
