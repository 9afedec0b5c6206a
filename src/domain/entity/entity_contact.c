/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and numbers that someone has given out: e-mail, URL, phone, ID card, parcel, order. */
#include "entity_priv.h"

#include "check.h"

enum {
    LOCAL_MAX = 64, /* RFC 5321, 4.5.3.1 */
    EMAIL_MAX = 254,
    LABEL_MAX = 63,
    ID_CARD_DIGITS = 18,
    PHONE_DIGITS_MIN = 8, /* of an international number without its plus */
    PHONE_DIGITS_MAX = 15,
    EXTENSION_MAX = 6,
    ORDER_BYTES_MIN = 6,
    ORDER_DIGITS_MIN = 4,
    ORDER_FIGURES_MIN = 9, /* figures alone: fewer are an amount or a phone number */
    ORDER_BYTES_MAX = 40,
    CHINA = 86,
    NORTH_AMERICA = 1,
};

static bool is_local_char(char c)
{
    return entity_is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%';
}

static bool is_domain_char(char c)
{
    return entity_is_alnum(c) || c == '.' || c == '-';
}

/* Labels of letters, digits and inner hyphens; the last one of two letters and more. */
static bool domain_valid(struct slice domain)
{
    size_t label = 0;
    size_t labels = 0;
    size_t letters = 0;

    for (size_t i = 0; i <= domain.len; i++) {
        char c = i < domain.len ? domain.ptr[i] : '.';

        if (c != '.') {
            if (c == '-' && (label == 0 || i + 1 == domain.len || domain.ptr[i + 1] == '.'))
                return false;
            label++;
            letters += entity_is_letter(c) ? 1 : 0;
            continue;
        }
        if (label == 0 || label > LABEL_MAX)
            return false;
        labels++;
        if (i == domain.len)
            return labels > 1 && label >= 2 && letters == label;
        label = letters = 0;
    }
    return false;
}

size_t entity_email_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    const char *p = s->norm.ptr;
    size_t local = at;
    size_t end;

    if (at < s->no_address_until || (!entity_is_alnum(p[at]) && p[at] != '_'))
        return 0;
    while (local < s->norm.len && is_local_char(p[local]))
        local++;
    s->no_address_until = local;
    if (local == s->norm.len || p[local] != '@' || local - at > LOCAL_MAX || p[local - 1] == '.')
        return 0;
    end = local + 1;
    while (end < s->norm.len && end - at <= EMAIL_MAX && is_domain_char(p[end]))
        end++;
    while (end > local + 1 && (p[end - 1] == '.' || p[end - 1] == '-'))
        end--;
    if (end - at > EMAIL_MAX || !domain_valid(slice_make(p + local + 1, end - local - 1)))
        return 0;
    m->value_at = text_original(s->text, s->norm, s->from, at, end - at);
    if (end - at <= sizeof(m->value)) { /* longer ones keep the case they were written in */
        m->value_at = SLICE_EMPTY;
        memcpy(m->value, p + at, end - at);
        m->value_len = end - at;
    }
    return end;
}

static bool is_url_char(char c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>';
}

size_t entity_url_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    static const char *const heads[] = { "http://", "https://", "www." };
    size_t end = 0;

    for (size_t i = 0; i < LENGTH_OF(heads) && end == 0; i++)
        end = entity_has(s->norm, at, heads[i]) ? at + strlen(heads[i]) : 0;
    if (end == 0 || end == s->norm.len || !entity_is_alnum(s->norm.ptr[end]))
        return 0;
    while (end < s->norm.len && is_url_char(s->norm.ptr[end]))
        end++;
    while (strchr(".,;:!?)]}'", s->norm.ptr[end - 1]) != NULL)
        end--;
    m->value_at = text_original(s->text, s->norm, s->from, at, end - at);
    return end;
}

/* Digits, and single blanks or hyphens between them, until max digits. */
static size_t digits_at(struct slice norm, size_t at, char *digits, size_t max, size_t *count)
{
    size_t end = at;

    *count = 0;
    while (at < norm.len) {
        if (entity_is_digit(norm.ptr[at])) {
            if (*count == max)
                return 0;
            digits[(*count)++] = norm.ptr[at++];
            end = at;
        } else if (strchr(" -().", norm.ptr[at]) != NULL && norm.ptr[at] != '\0' && at - end < 2) {
            at++;
        } else {
            break;
        }
    }
    return end;
}

static bool is_region(const char *digits)
{
    static const char regions[] = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 "
                                  "50 51 52 53 54 61 62 63 64 65 71 81 82 83 91";
    for (size_t i = 0; i + 1 < sizeof(regions); i += 3) {
        if (memcmp(regions + i, digits, 2) == 0)
            return true;
    }
    return false;
}

static int number_of(const char *digits, size_t count)
{
    int value = 0;

    while (count-- > 0)
        value = value * 10 + (*digits++ - '0');
    return value;
}

/* GB 11643-1999, ISO 7064 MOD 11-2. */
static bool id_card_valid(const char *p)
{
    static const int weights[] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
    struct entity_day born = { number_of(p + 6, 4), number_of(p + 10, 2), number_of(p + 12, 2) };
    int sum = 0;

    for (size_t i = 0; i < LENGTH_OF(weights); i++)
        sum += (p[i] - '0') * weights[i];
    return is_region(p) && born.year >= 1900 && entity_day_valid(born) &&
           "10x98765432"[sum % 11] == p[17];
}

size_t entity_id_card_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    const char *p = s->norm.ptr + at;

    if (s->norm.len - at < ID_CARD_DIGITS || !entity_ends(s->norm, at + ID_CARD_DIGITS))
        return 0;
    for (size_t i = 0; i + 1 < ID_CARD_DIGITS; i++) {
        if (!entity_is_digit(p[i]))
            return 0;
    }
    if (!id_card_valid(p))
        return 0;
    memcpy(m->value, p, ID_CARD_DIGITS);
    if (m->value[17] == 'x')
        m->value[17] = 'X';
    m->value_len = ID_CARD_DIGITS;
    return at + ID_CARD_DIGITS;
}

static size_t copy_upper(const struct entity_scan *s, size_t at, size_t end, struct entity_match *m)
{
    ENSURE(end - at <= sizeof(m->value));
    for (size_t i = at; i < end; i++) {
        char c = s->norm.ptr[i];

        m->value[i - at] = entity_is_letter(c) ? (char)(c - 'a' + 'A') : c;
    }
    m->value_len = end - at;
    return end;
}

/* UPU S10: two letters, eight digits, a check digit, two letters. */
static bool s10_valid(const char *p)
{
    static const int weights[] = { 8, 6, 4, 2, 3, 5, 9, 7 };
    int sum = 0;

    for (int i = 0; i < 13; i++) {
        if (i < 2 || i > 10 ? !entity_is_letter(p[i]) : !entity_is_digit(p[i]))
            return false;
    }
    for (size_t i = 0; i < LENGTH_OF(weights); i++)
        sum += (p[2 + i] - '0') * weights[i];
    sum = 11 - sum % 11;
    return p[10] - '0' == (sum == 10 ? 0 : sum == 11 ? 5 : sum);
}

/* UPS: 1Z and 16 characters, the last one a check digit over the 15 before it. */
static bool ups_valid(const char *p)
{
    int sum = 0;

    for (int i = 2; i < 17; i++) {
        int value = entity_is_digit(p[i]) ? p[i] - '0' : (p[i] - 'a' + 2) % 10;

        sum += i % 2 == 0 ? value : value * 2;
    }
    return entity_is_digit(p[17]) && (10 - sum % 10) % 10 == p[17] - '0';
}

static bool carrier_shape(struct slice run)
{
    static const struct {
        const char *prefix;
        size_t digits_min, digits_max;
    } carriers[] = {
        { "sf", 12, 15 }, { "yt", 13, 15 }, { "jt", 13, 15 }, { "jdv", 12, 13 }, { "jd", 11, 15 }
    };

    for (size_t i = 0; i < LENGTH_OF(carriers); i++) {
        size_t prefix = strlen(carriers[i].prefix);
        size_t at = prefix;

        if (!slice_starts_with(run, slice_of(carriers[i].prefix)))
            continue;
        while (at < run.len && entity_is_digit(run.ptr[at]))
            at++;
        if (at == run.len && at - prefix >= carriers[i].digits_min &&
            at - prefix <= carriers[i].digits_max)
            return true;
    }
    return false;
}

size_t entity_tracking_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    const char *p = s->norm.ptr + at;
    size_t end = at;
    size_t len;

    if (!entity_is_alnum(p[0]))
        return 0;
    while (end < s->norm.len && end - at <= 20 && entity_is_alnum(s->norm.ptr[end]))
        end++;
    len = end - at;
    if ((len == 13 && s10_valid(p)) || (len == 18 && p[0] == '1' && p[1] == 'z' && ups_valid(p)) ||
        carrier_shape(slice_make(p, len)))
        return copy_upper(s, at, end, m);
    return 0;
}

/* A number of that country without its code, digits only: 0 for no. China: mobiles, area code and
 * number (its 0 dropped), 400 and 800 numbers. North America: ten digits, neither part with 0 or 1
 * in front. */
static bool is_national(unsigned code, const char *digits, size_t count, bool grouped)
{
    if (code == NORTH_AMERICA)
        return count == 10 && digits[0] >= '2' && digits[3] >= '2' && grouped;
    if (code != CHINA)
        return false;
    if (count == 11 && digits[0] == '1' && digits[1] >= '3')
        return true;
    if (count == 10 && (memcmp(digits, "400", 3) == 0 || memcmp(digits, "800", 3) == 0))
        return true;
    if (digits[0] != '0' || digits[1] == '0')
        return false;
    if (digits[1] <= '2')
        return count == 11; /* 010, 02x and eight digits */
    return count == 11 || count == 12;
}

static void phone_value(struct entity_match *m, unsigned code, const char *digits, size_t count)
{
    size_t skip = code == CHINA && digits[0] == '0' ? 1 : 0;

    m->value[m->value_len++] = '+';
    if (code != 0) {
        if (code >= 10)
            m->value[m->value_len++] = (char)('0' + code / 10);
        m->value[m->value_len++] = (char)('0' + code % 10);
    }
    memcpy(m->value + m->value_len, digits + skip, count - skip);
    m->value_len += count - skip;
}

/* "-801", " ext. 801", "转801" */
static size_t extension_at(struct slice norm, size_t end, struct entity_match *m)
{
    static const struct entity_word marks[] = {
        { "-", 0 }, { " ext. ", 0 }, { " ext ", 0 }, { " x", 0 }, { "转", 0 }, { " 转 ", 0 },
    };
    size_t from = 0;
    size_t at;

    for (size_t i = 0; i < LENGTH_OF(marks) && from == 0 && end < norm.len; i++)
        from = entity_has(norm, end, marks[i].text) ? end + strlen(marks[i].text) : 0;
    if (from == 0)
        return end;
    for (at = from; at < norm.len && at - from <= EXTENSION_MAX && entity_is_digit(norm.ptr[at]);)
        at++;
    if (at == from || at - from > EXTENSION_MAX || !entity_ends(norm, at))
        return end;
    memcpy(m->value + m->value_len, ";ext=", 5);
    memcpy(m->value + m->value_len + 5, norm.ptr + from, at - from);
    m->value_len += 5 + at - from;
    return at;
}

/* Tries 15 digits with separators, and gives up a group at the end each time: "13812345678 12" is
 * a number and something else. */
static size_t national_at(const struct entity_scan *s, size_t at, unsigned code,
                          struct entity_match *m)
{
    char digits[PHONE_DIGITS_MAX];
    size_t count = 0;
    size_t place = at;
    size_t best = 0;
    size_t best_count = 0;

    while (place < s->norm.len && count < PHONE_DIGITS_MAX) {
        char c = s->norm.ptr[place];

        if (entity_is_digit(c)) {
            digits[count++] = c;
            place++;
            if (place < s->norm.len && entity_is_digit(s->norm.ptr[place]))
                continue;
            if (count >= 7 && entity_ends(s->norm, place) &&
                is_national(code, digits, count, place - at > count)) {
                best = place;
                best_count = count;
            }
        } else if (c != '\0' && strchr(" -().", c) != NULL && count > 0 &&
                   !(place > at + 1 && strchr(" -().", s->norm.ptr[place - 1]) != NULL &&
                     strchr(" -().", s->norm.ptr[place - 2]) != NULL)) {
            place++;
        } else if (c == '(' && place == at) {
            place++;
        } else {
            break;
        }
    }
    if (best == 0)
        return 0;
    phone_value(m, code, digits, best_count);
    return extension_at(s->norm, best, m);
}

/* +CC… or 00CC… with 8 to 15 digits in all. */
static size_t international_at(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    char digits[PHONE_DIGITS_MAX];
    size_t skip = s->norm.ptr[at] == '+' ? 1 : 2;
    size_t count;
    size_t end;

    if (s->norm.len - at <= skip || !entity_is_digit(s->norm.ptr[at + skip]) ||
        s->norm.ptr[at + skip] == '0')
        return 0;
    end = digits_at(s->norm, at + skip, digits, PHONE_DIGITS_MAX, &count);
    if (end == 0 || count < PHONE_DIGITS_MIN || !entity_ends(s->norm, end))
        return 0;
    if (digits[0] == '8' && digits[1] == '6' && !is_national(CHINA, digits + 2, count - 2, true) &&
        digits[2] == '1')
        return 0;
    phone_value(m, 0, digits, count);
    return extension_at(s->norm, end, m);
}

size_t entity_phone_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    unsigned code = s->options->calling_code == 0 ? CHINA : s->options->calling_code;
    char first = s->norm.ptr[at];
    size_t end = 0;

    if (first == '+' || entity_has(s->norm, at, "00"))
        end = international_at(s, at, m);
    if (end == 0 && (entity_is_digit(first) || first == '(')) {
        m->value_len = 0;
        end = national_at(s, at, code, m);
    }
    return end;
}

static bool shape_char(char shape, char c)
{
    switch (shape) {
    case '#':
        return entity_is_digit(c);
    case '@':
        return entity_is_letter(c);
    case '*':
        return entity_is_alnum(c);
    default:
        return c == (shape >= 'A' && shape <= 'Z' ? (char)(shape - 'A' + 'a') : shape);
    }
}

static size_t shape_at(struct slice norm, size_t at, struct slice shape)
{
    if (shape.len == 0 || shape.len > ENTITY_SHAPE_BYTES_MAX || norm.len - at < shape.len)
        return 0;
    for (size_t i = 0; i < shape.len; i++) {
        if (!shape_char(shape.ptr[i], norm.ptr[at + i]))
            return 0;
    }
    return entity_ends(norm, at + shape.len) ? at + shape.len : 0;
}

/* Letters and digits, and single hyphens between them. */
static size_t guessed_order(struct slice norm, size_t at)
{
    unsigned digits = 0;
    unsigned letters = 0;
    size_t end = at;

    if (!entity_is_alnum(norm.ptr[at]))
        return 0;
    for (; end < norm.len && end - at <= ORDER_BYTES_MAX; end++) {
        char c = norm.ptr[end];

        if (!entity_is_alnum(c) &&
            !(c == '-' && end + 1 < norm.len && entity_is_alnum(norm.ptr[end + 1])))
            break;
        digits += entity_is_digit(c) ? 1 : 0;
        letters += entity_is_letter(c) ? 1 : 0;
    }
    if (end - at > ORDER_BYTES_MAX || end - at < ORDER_BYTES_MIN || digits < ORDER_DIGITS_MIN)
        return 0;
    return letters > 0 || digits >= ORDER_FIGURES_MIN ? end : 0;
}

size_t entity_order_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    size_t end = 0;

    for (size_t i = 0; i < s->options->order_shape_count; i++) {
        size_t here = shape_at(s->norm, at, s->options->order_shapes[i]);

        end = here > end ? here : end;
    }
    if (s->options->order_shape_count == 0)
        end = guessed_order(s->norm, at);
    return end != 0 ? copy_upper(s, at, end, m) : 0;
}
