/* SPDX-License-Identifier: Apache-2.0 */
/* Which slot's value is in a message: words of enums, patterns, and the typed readers beside. */
#include "flow_read.h"

#include <string.h>

#include "regex.h"
#include "text.h"
#include "utf8.h"

static struct slice half_width(struct slice in, char *out, size_t cap)
{
    size_t len = 0;

    while (in.len > 0) {
        uint32_t c = text_next(&in);

        if (c >= 0xFF01 && c <= 0xFF5E)
            c -= 0xFEE0;
        else if (c == 0x3000)
            c = ' ';
        if (len + 4 > cap)
            break;
        len += text_encode(c, out + len);
    }
    return slice_make(out, len);
}

void flow_reading_init(struct flow_reading *reading, struct slice text)
{
    reading->text = slice_trim(utf8_cut(text, FLOW_READ_TEXT_MAX));
    reading->half = half_width(reading->text, reading->half_bytes, sizeof(reading->half_bytes));
    reading->norm = text_normalise(reading->text, reading->norm_bytes, sizeof(reading->norm_bytes));
    reading->key = text_key(reading->norm, reading->key_bytes, sizeof(reading->key_bytes));
}

/* ---- whole phrases ---- */
static const struct {
    enum flow_phrase phrase;
    const char *words; /* keys, separated by | */
} phrases[] = {
    { FLOW_PHRASE_YES,
      "|是|是的|对|对的|好|好的|行|可以|确认|没错|没问题|嗯|同意|要|需要|accept|yes|y|yep|yeah|"
      "ok|okay|sure|confirm|correct|right|agree|please do|thats right|" },
    { FLOW_PHRASE_NO,
      "|不|不是|不对|不要|不用|不行|否|没有|不同意|不需要|deny|no|n|nope|not really|no thanks|" },
    { FLOW_PHRASE_SKIP, "|跳过|略过|先不|不填|不提供|没有|无|skip|none|no|not now|pass|" },
    { FLOW_PHRASE_CANCEL,
      "|取消|算了|不弄了|不办了|退出|停止|cancel|stop|quit|exit|never mind|nevermind|forget it|" },
    { FLOW_PHRASE_ALL, "|全部|都要|所有|全都|all|everything|all of them|both|" },
};

static bool phrase_is(const char *words, struct slice key)
{
    const char *at = words;

    if (key.len == 0 || memchr(key.ptr, '|', key.len) != NULL)
        return false;
    while ((at = memmem(at, strlen(at), key.ptr, key.len)) != NULL) {
        if (at[-1] == '|' && at[key.len] == '|')
            return true;
        at++;
    }
    return false;
}

static bool phrase_in(enum flow_phrase phrase, struct slice key)
{
    for (size_t i = 0; i < LENGTH_OF(phrases); i++) {
        if (phrases[i].phrase == phrase)
            return phrase_is(phrases[i].words, key);
    }
    return false;
}

enum flow_phrase flow_read_phrase(const struct flow_reading *reading)
{
    for (size_t i = 0; i < LENGTH_OF(phrases); i++) {
        if (phrase_is(phrases[i].words, reading->key))
            return phrases[i].phrase;
    }
    return FLOW_PHRASE_NONE;
}

static bool has(struct slice text, const char *word)
{
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

bool flow_read_corrects(const struct flow_reading *reading)
{
    static const char *const cues[] = { "不对",     "错了",    "写错",       "改成",     "改为",
                                        "更正",     "应该是",  "换成",       "搞错",     "不是",
                                        "actually", "i meant", "correction", "instead",  "wrong",
                                        "no, ",     "sorry",   "change it",  "should be" };

    for (size_t i = 0; i < LENGTH_OF(cues); i++) {
        if (has(reading->norm, cues[i]))
            return true;
    }
    return false;
}

/* ---- enums ---- */
static bool is_latin(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool ends_with(struct slice text, const char *tail)
{
    size_t len = strlen(tail);

    return text.len >= len && memcmp(text.ptr + text.len - len, tail, len) == 0;
}

/* "not a refund", "不要退款" name a value in order to leave it. */
static bool negated(struct slice before)
{
    static const char *const tails[] = { "不",     "不要",        "不是",         "不想", "别",
                                         "无需",   "not ",        "don't ",       "no ",  "dont ",
                                         "not a ", "don't want ", "don't want a " };

    for (size_t i = 0; i < LENGTH_OF(tails); i++) {
        if (ends_with(before, tails[i]))
            return true;
    }
    return false;
}

static bool word_found(struct slice text, struct slice word)
{
    const char *at = text.ptr;

    if (word.len == 0)
        return false;
    while ((at = memmem(at, (size_t)(text.ptr + text.len - at), word.ptr, word.len)) != NULL) {
        size_t begin = (size_t)(at - text.ptr);
        size_t end = begin + word.len;
        bool inside =
            (begin > 0 && is_latin(word.ptr[0]) && is_latin(text.ptr[begin - 1])) ||
            (end < text.len && is_latin(word.ptr[word.len - 1]) && is_latin(text.ptr[end]));

        if (!inside && !negated(slice_make(text.ptr, begin)))
            return true;
        at++;
    }
    return false;
}

/* Length of the longest word of a value in the text; 0: none. */
static size_t value_found(const struct flow *flow, const struct flow_value_def *value,
                          struct slice text)
{
    const char *at = flow_str(flow, value->words);
    size_t best = 0;

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        if (len > best && word_found(text, slice_make(at, len)))
            best = len;
        at += len + (at[len] == '\n');
    }
    return best;
}

static const struct flow_value_def *values_of(const struct flow *flow,
                                              const struct flow_slot_def *slot)
{
    return FLOW_TABLE(flow, values, struct flow_value_def) + slot->value0;
}

static bool read_enum(const struct flow *flow, const struct flow_slot_def *slot,
                      const struct flow_reading *reading, bool asked, struct flow_value *out)
{
    const struct flow_value_def *values = values_of(flow, slot);
    size_t best = 0;
    unsigned found = 0;
    bool twice = false;
    unsigned long long number;

    if (asked && slice_to_u64(reading->half, &number) && number >= 1 &&
        number <= slot->value_count) {
        flow_value_text(out, slice_of(flow_str(flow, values[number - 1].name)));
        return true;
    }
    for (unsigned i = 0; i < slot->value_count; i++) {
        size_t len = value_found(flow, &values[i], reading->norm);

        if (len > 0 && len == best)
            twice = true;
        if (len > best) {
            best = len;
            found = i;
            twice = false;
        }
    }
    if (best == 0 || twice)
        return false;
    flow_value_text(out, slice_of(flow_str(flow, values[found].name)));
    return true;
}

/* ---- texts ---- */
static size_t count_chars(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

static bool in_bounds(const struct flow_slot_def *slot, int64_t value)
{
    return value >= slot->min && value <= slot->max;
}

static bool pattern_takes(const struct flow *flow, const struct flow_slot_def *slot,
                          struct slice text)
{
    return regex_test((const void *)((const char *)flow + slot->pattern), text);
}

static bool take_text(const struct flow *flow, const struct flow_slot_def *slot, struct slice text,
                      struct flow_value *out)
{
    if (text.len == 0 || !in_bounds(slot, (int64_t)count_chars(text)))
        return false;
    if (slot->pattern != 0 && !pattern_takes(flow, slot, text))
        return false;
    flow_value_text(out, text);
    return true;
}

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '@' || c == '.' || c == '+';
}

/* The next run of letters, digits and - _ @ . +; false: none left. */
static bool next_token(struct slice *rest, struct slice *token)
{
    while (rest->len > 0 && !is_token(rest->ptr[0]))
        *rest = slice_make(rest->ptr + 1, rest->len - 1);
    token->ptr = rest->ptr;
    token->len = 0;
    while (rest->len > 0 && is_token(rest->ptr[0])) {
        *rest = slice_make(rest->ptr + 1, rest->len - 1);
        token->len++;
    }
    while (token->len > 0 && token->ptr[token->len - 1] == '.')
        token->len--;
    return token->len > 0;
}

static struct slice upper(struct slice in, char *out, size_t cap)
{
    size_t len = in.len < cap ? in.len : cap;

    for (size_t i = 0; i < len; i++)
        out[i] = (char)(in.ptr[i] >= 'a' && in.ptr[i] <= 'z' ? in.ptr[i] - 32 : in.ptr[i]);
    return slice_make(out, len);
}

static size_t count_digits(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    return count;
}

/* Whole, then each token, as written and in capitals. */
static bool read_pattern(const struct flow *flow, const struct flow_slot_def *slot,
                         struct slice half, struct flow_value *out)
{
    struct slice token;
    char capitals[128];

    if (take_text(flow, slot, half, out))
        return true;
    if (half.len <= sizeof(capitals) &&
        take_text(flow, slot, upper(half, capitals, sizeof(capitals)), out))
        return true;
    /* A word of a sentence is a number or a code only with a digit in it. */
    while (next_token(&half, &token)) {
        if (token.len <= sizeof(capitals) && count_digits(token) > 0 &&
            (take_text(flow, slot, token, out) ||
             take_text(flow, slot, upper(token, capitals, sizeof(capitals)), out)))
            return true;
    }
    return false;
}

enum { ORDER_NO_MIN = 6, ORDER_NO_MAX = 32, ORDER_NO_DIGITS_MIN = 4 };

static bool read_order_no(const struct flow *flow, const struct flow_slot_def *slot,
                          struct slice half, struct flow_value *out)
{
    struct slice token;
    char capitals[ORDER_NO_MAX];

    if (slot->pattern != 0)
        return read_pattern(flow, slot, half, out);
    while (next_token(&half, &token)) {
        if (token.len < ORDER_NO_MIN || token.len > ORDER_NO_MAX ||
            count_digits(token) < ORDER_NO_DIGITS_MIN ||
            memchr(token.ptr, '@', token.len) != NULL || memchr(token.ptr, '.', token.len) != NULL)
            continue;
        flow_value_text(out, upper(token, capitals, sizeof(capitals)));
        return true;
    }
    return false;
}

static bool read_email(struct slice half, struct flow_value *out)
{
    struct slice token;

    while (next_token(&half, &token)) {
        const char *at = memchr(token.ptr, '@', token.len);
        const char *end = token.ptr + token.len;
        const char *dot;

        if (at == NULL || at == token.ptr || token.len > 254 ||
            memchr(at + 1, '@', (size_t)(end - at - 1)) != NULL)
            continue;
        dot = memchr(at + 1, '.', (size_t)(end - at - 1));
        if (dot == NULL || dot == at + 1 || end[-1] == '.')
            continue;
        flow_value_text(out, token);
        return true;
    }
    return false;
}

static bool read_url(struct slice half, struct flow_value *out)
{
    const char *at = memmem(half.ptr, half.len, "http", 4);
    size_t len = 0;

    if (at == NULL)
        return false;
    while (at + len < half.ptr + half.len && at[len] > ' ' && (unsigned char)at[len] < 0x80)
        len++;
    if (len < 11 || len > FLOW_VALUE_BYTES_MAX ||
        (memcmp(at, "http://", 7) != 0 && memcmp(at, "https://", 8) != 0))
        return false;
    flow_value_text(out, slice_make(at, len));
    return true;
}

/* People write an address in one message; five characters are the least that can be one. */
static bool read_address(const struct flow_slot_def *slot, struct slice half,
                         struct flow_value *out)
{
    if (count_chars(half) < 5 || !in_bounds(slot, (int64_t)count_chars(half)))
        return false;
    flow_value_text(out, half);
    return true;
}

static bool read_bool(const struct flow_reading *reading, struct flow_value *out)
{
    bool yes = phrase_in(FLOW_PHRASE_YES, reading->key);

    if (!yes && !phrase_in(FLOW_PHRASE_NO, reading->key))
        return false;
    flow_value_bool(out, yes);
    return true;
}

static int64_t days_from_now(int64_t ms, const struct flow_read_env *env)
{
    int64_t day = INT64_C(86400000);
    int64_t zone = env->utc_offset_minutes * INT64_C(60000);

    return (ms + zone) / day - (env->now_ms + zone) / day;
}

static bool take_number(const struct flow_slot_def *slot, int64_t number, struct flow_value *out)
{
    if ((slot->min != INT32_MIN && number < slot->min * EXPR_ONE) ||
        (slot->max != INT32_MAX && number > slot->max * EXPR_ONE))
        return false;
    flow_value_number(out, number);
    return true;
}

static bool read_typed(const struct flow_slot_def *slot, const struct flow_reading *reading,
                       const struct flow_read_env *env, struct flow_value *out)
{
    struct slice found;
    char bytes[32];
    int64_t number;

    switch ((enum flow_slot_type)slot->type) {
    case FLOW_SLOT_NUMBER:
    case FLOW_SLOT_AMOUNT:
        return flow_read_number(reading->half, slot->type == FLOW_SLOT_AMOUNT, env->asked,
                                &number) &&
               take_number(slot, number, out);
    case FLOW_SLOT_DATE:
        if (!flow_read_date(reading->half, env, &number) ||
            !in_bounds(slot, days_from_now(number, env)))
            return false;
        flow_value_time(out, number);
        return true;
    case FLOW_SLOT_PHONE:
        if (!flow_read_phone(reading->half, &found, bytes, sizeof(bytes)))
            return false;
        flow_value_text(out, found);
        return true;
    case FLOW_SLOT_ID_CARD:
        if (!flow_read_id_card(reading->half, bytes))
            return false;
        flow_value_text(out, slice_make(bytes, 18));
        return true;
    case FLOW_SLOT_EMAIL:
        return read_email(reading->half, out);
    case FLOW_SLOT_URL:
        return read_url(reading->half, out);
    case FLOW_SLOT_BOOL:
        return env->asked && read_bool(reading, out);
    case FLOW_SLOT_ADDRESS:
        return env->asked && read_address(slot, reading->half, out);
    default:
        return false;
    }
}

bool flow_read_slot(const struct flow *flow, const struct flow_slot_def *slot,
                    const struct flow_reading *reading, const struct flow_read_env *env,
                    struct flow_value *out)
{
    if (reading->text.len == 0)
        return false;
    switch ((enum flow_slot_type)slot->type) {
    case FLOW_SLOT_ENUM:
        return read_enum(flow, slot, reading, env->asked, out);
    case FLOW_SLOT_TEXT:
        if (slot->pattern != 0)
            return read_pattern(flow, slot, reading->half, out);
        return env->asked && take_text(flow, slot, reading->text, out);
    case FLOW_SLOT_ORDER_NO:
        return read_order_no(flow, slot, reading->half, out);
    default:
        return read_typed(slot, reading, env, out);
    }
}

bool flow_read_whole(const struct flow *flow, const struct flow_slot_def *slot, struct slice text,
                     const struct flow_read_env *env, struct flow_value *out)
{
    const struct flow_value_def *values = values_of(flow, slot);
    struct flow_read_env asked = *env;
    struct flow_reading reading;

    if (slot->type == FLOW_SLOT_ENUM) {
        for (unsigned i = 0; i < slot->value_count; i++) {
            if (slice_equal_text(text, flow_str(flow, values[i].name))) {
                flow_value_text(out, text);
                return true;
            }
        }
        return false;
    }
    asked.asked = true;
    flow_reading_init(&reading, text);
    return flow_read_slot(flow, slot, &reading, &asked, out);
}
