/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr_priv.h"

/* ---- a host: names by table, a few lists, two functions ---- */
static const struct slice reasons[] = { { "damaged", 7 }, { "wrong_item", 10 } };

static const struct {
    const char *name;
    enum expr_type type;
    struct expr_value value;
} names[] = {
    { "intent", EXPR_TEXT, { .type = EXPR_TEXT, .text = { "order.return.late", 17 } } },
    { "lang", EXPR_TEXT, { .type = EXPR_TEXT, .text = { "zh", 2 } } },
    { "contact.tier", EXPR_TEXT, { .type = EXPR_TEXT, .text = { "vip", 3 } } },
    { "user.vip", EXPR_BOOL, { .type = EXPR_BOOL, .boolean = true } },
    { "user.risk", EXPR_NUMBER, { .type = EXPR_NUMBER, .number = 10 * EXPR_ONE } },
    { "order.status", EXPR_UNKNOWN, { .type = EXPR_TEXT, .text = { "delivered", 9 } } },
    { "order.at", EXPR_UNKNOWN, { .type = EXPR_TEXT, .text = { "2026-03-01", 10 } } },
    { "missing", EXPR_UNKNOWN, { .type = EXPR_UNKNOWN } },
    { "lines", EXPR_LIST, { .type = EXPR_LIST, .count = 3 } },
    { "reason", EXPR_TEXT, { .type = EXPR_TEXT, .text = { "damaged", 7 } } },
    { "huge", EXPR_NUMBER, { .type = EXPR_NUMBER, .number = INT64_MAX } },
    { "cup", EXPR_TEXT, { .type = EXPR_TEXT, .text = { "\xE6\x9D\xAF\xC3\x89", 5 } } },
};

static bool host_symbol(void *ctx, struct slice name, struct expr_symbol *out)
{
    (void)ctx;
    for (uint16_t i = 0; i < LENGTH_OF(names); i++) {
        if (!slice_equal_text(name, names[i].name))
            continue;
        *out = (struct expr_symbol){ .id = i, .type = names[i].type };
        if (slice_equal_text(name, "reason")) {
            out->values = reasons;
            out->value_count = LENGTH_OF(reasons);
        }
        return true;
    }
    return false;
}

static bool host_name_at(void *ctx, unsigned index, struct slice *out)
{
    (void)ctx;
    if (index >= LENGTH_OF(names))
        return false;
    *out = slice_of(names[index].name);
    return true;
}

static bool host_function(void *ctx, struct slice name, struct expr_function *out)
{
    (void)ctx;
    if (!slice_equal_text(name, "open"))
        return false;
    *out =
        (struct expr_function){ .id = 7, .type = EXPR_BOOL, .arg_count = 1, .args = { EXPR_TEXT } };
    return true;
}

static void host_get(void *ctx, uint16_t id, struct expr_value *out)
{
    (void)ctx;
    *out = names[id].value;
}

static void host_call(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                      struct expr_value *out)
{
    (void)ctx;
    assert_int_equal(id, 7);
    assert_int_equal(count, 1);
    *out =
        (struct expr_value){ .type = EXPR_BOOL, .boolean = slice_equal_text(args[0].text, "day") };
}

static void host_item(void *ctx, const struct expr_value *list, unsigned index,
                      struct expr_value *out)
{
    (void)ctx;
    (void)list;
    *out = (struct expr_value){ .type = EXPR_NUMBER, .number = (index + 1) * EXPR_ONE };
}

static const struct expr_scope scope = { .symbol = host_symbol,
                                         .function = host_function,
                                         .name_at = host_name_at };
static const struct expr_env env = { .get = host_get,
                                     .call = host_call,
                                     .item = host_item,
                                     .now_ms = INT64_C(1772416800000), /* 2026-03-02T10:00+08:00 */
                                     .utc_offset_minutes = 480 };

static struct expr *compiled(const char *source)
{
    struct expr *expr = NULL;
    struct err err = { 0 };
    struct expr_place place = { 0, 0 };

    if (expr_compile(slice_of(source), EXPR_UNKNOWN, &scope, &expr, &place, &err) != ERR_OK)
        fail_msg("%s: %u:%u: %s", source, place.line, place.column, err.text);
    return expr;
}

static bool holds(const char *source)
{
    struct expr *expr = compiled(source);
    bool result = expr_holds(expr, &env, NULL);

    free(expr);
    return result;
}

static enum expr_note note_of(const char *source)
{
    struct expr *expr = compiled(source);
    struct expr_scratch scratch;
    struct expr_value value;
    enum expr_note note = expr_eval(expr, &env, &scratch, &value);

    assert_true((note == EXPR_NOTE_NONE) == (value.type != EXPR_UNKNOWN));
    free(expr);
    return note;
}

static void guards_of_flows_and_routes_hold(void **state)
{
    static const char *const yes[] = {
        "intent ~ 'order.return*' && lang == 'zh'",
        "intent in ['press', 'order.return.late']",
        "contact.tier == 'vip' && lang == \"zh\"",
        "!open('night') && open('day')",
        "order.status != 'lost'",
        "days_since(order.at) == 1 && days_since(now()) == 0",
        "now() > order.at && time('2026-03-02T10:00+08:00') == now()",
        "(user.vip ? 8 : 4) == 8",
        "user.risk >= 10 && user.risk < 10.0001",
        "0.1 + 0.2 == 0.3",
        "2 + 3 * 4 == 14 && (2 + 3) * 4 == 20 && 7 - 2 - 1 == 4",
        "-user.risk == -10 && 1 / 8 == 0.125",
        "len(lines) == 3 && sum(lines) == 6 && 2 in lines && !(4 in lines)",
        "len(cup) == 2 && lower(cup) == '杯é' && lower('AÉ') == 'aé'",
        "match(intent, '^order\\.[a-z.]+$')",
        "'it\\'s' == \"it's\"",
        "true || missing && false",
        "reason == 'damaged' || reason == 'wrong_item'",
        "!known(missing) && known(reason)",
        "missing || true",
    };
    static const char *const no[] = {
        "missing == 'x'",    "missing != 'x'",  "!missing",          "missing && true",
        "user.risk / 0 > 1", "huge + huge > 0", "order.status > 5",  "false",
        "any(lines)",        "'' ~ 'a*'",       "intent ~ 'return'",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(yes); i++) {
        if (!holds(yes[i]))
            fail_msg("should hold: %s", yes[i]);
    }
    for (size_t i = 0; i < LENGTH_OF(no); i++) {
        if (holds(no[i]))
            fail_msg("should not hold: %s", no[i]);
    }
}

static void an_unknown_result_says_why(void **state)
{
    (void)state;
    assert_int_equal(note_of("missing == 1"), EXPR_NOTE_NULL);
    assert_int_equal(note_of("1 / user.risk"), EXPR_NOTE_NONE);
    assert_int_equal(note_of("1 / (user.risk - 10) > 0"), EXPR_NOTE_DIVISION);
    assert_int_equal(note_of("huge * user.risk > 0"), EXPR_NOTE_OVERFLOW);
    assert_int_equal(note_of("-huge - huge > 0"), EXPR_NOTE_OVERFLOW);
    assert_int_equal(note_of("order.status > 3"), EXPR_NOTE_TYPE);
    assert_int_equal(note_of("missing || true"), EXPR_NOTE_NONE);
}

static void faults_name_their_place(void **state)
{
    static const struct {
        const char *source, *text;
        unsigned line, column;
    } cases[] = {
        { "lang = 'zh'", "= is not an operator: compare with ==", 1, 6 },
        { "lang == 'zh' &&\n  intnt ~ 'a'", "no name intnt (did you mean intent?)", 2, 3 },
        { "lang == 5", "a text and a number are never comparable", 1, 1 },
        { "reason == 'damagd'", "'damagd' is never its value (did you mean 'damaged'?)", 1, 1 },
        { "reason in ['damaged', 'x_y_z_long']", "'x_y_z_long' is never its value", 1, 1 },
        { "lang < 'zh'", "< orders numbers and times only", 1, 1 },
        { "user.vip && user.risk", "&& needs a boolean, this is a number", 1, 13 },
        { "1 < 2 < 3", "one comparison at a time: join two with &&", 1, 7 },
        { "'杯' == 'x", "a text without its closing quote", 1, 8 },
        { "90000000000000 * 90000000000000 > 0", "the result is too large for a number", 1, 1 },
        { "999999999999999 > 0",
          "a number has at most 14 digits before the point and four behind it", 1, 1 },
        { "1 / 0 > 1", "division by zero", 1, 1 },
        { "open(3)", "this argument needs a text, this is a number", 1, 6 },
        { "open()", "open takes 1 arguments, not 0", 1, 1 },
        { "closed('x')", "no function closed", 1, 1 },
        { "user.vip and true", "expected an operator or the end here", 1, 10 },
        { "not user.vip", "no name not: write !", 1, 1 },
        { "match(lang, 'a(?=b)')", "regular expression: look-around has no linear-time form", 1,
          13 },
        { "user.vip ? 1 : 'a'", "one side of : is a number, the other a text", 1, 16 },
        { "user.vip &&", "something is missing at the end", 1, 12 },
        { "", "something is missing at the end", 1, 1 },
        { "lang in [1, lang]", "a list holds numbers, texts, true or false", 1, 13 },
        { "sum(3) > 1", "sum needs a list, this is a number", 1, 5 },
        { "lang # 3", "unexpected character", 1, 6 },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct expr *expr = NULL;
        struct err err = { 0 };
        struct expr_place place = { 0, 0 };

        assert_int_not_equal(
            expr_compile(slice_of(cases[i].source), EXPR_UNKNOWN, &scope, &expr, &place, &err),
            ERR_OK);
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(place.line, cases[i].line);
        assert_int_equal(place.column, cases[i].column);
    }
}

static enum err_code compile_repeated(const char *first, const char *piece, unsigned count,
                                      const char *last)
{
    char source[4096];
    size_t len = (size_t)snprintf(source, sizeof(source), "%s", first);
    struct expr *expr = NULL;
    enum err_code rc;

    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(source + len, sizeof(source) - len, "%s", piece);
    len += (size_t)snprintf(source + len, sizeof(source) - len, "%s", last);
    rc = expr_compile(slice_make(source, len), EXPR_UNKNOWN, &scope, &expr, NULL, NULL);
    free(expr);
    return rc;
}

static void a_source_at_each_limit_works_and_beyond_is_refused(void **state)
{
    (void)state;
    /* GET, then CONST and ADD a time: 1 + 2 x 31 and one more pair */
    assert_int_equal(compile_repeated("user.risk", "+user.risk", 31, ""), ERR_OK);
    assert_int_equal(compile_repeated("user.risk", "+user.risk", 32, ""), ERR_TOO_BIG);
    assert_int_equal(compile_repeated("", "!", EXPR_DEPTH_MAX - 1, "user.vip"), ERR_OK);
    assert_int_equal(compile_repeated("", "!", EXPR_DEPTH_MAX, "user.vip"), ERR_TOO_BIG);
    assert_int_equal(compile_repeated("1 in [0", ",1", EXPR_CONSTS_MAX - 3, "]"), ERR_OK);
    assert_int_equal(compile_repeated("1 in [0", ",1", EXPR_CONSTS_MAX - 2, "]"), ERR_TOO_BIG);
    assert_int_equal(compile_repeated("1", " ", EXPR_SOURCE_BYTES_MAX - 1, ""), ERR_OK);
    assert_int_equal(compile_repeated("1", " ", EXPR_SOURCE_BYTES_MAX, ""), ERR_TOO_BIG);
}

static void numbers_and_times_read_and_print(void **state)
{
    char out[EXPR_NUMBER_CHARS_MAX];
    int64_t value;

    (void)state;
    assert_true(expr_number_parse(slice_of("12.50"), &value));
    assert_int_equal(value, 125000);
    assert_int_equal(expr_number_format(value, out), 4);
    assert_memory_equal(out, "12.5", 4);
    assert_int_equal(expr_number_format(-1, out), 7);
    assert_memory_equal(out, "-0.0001", 7);
    assert_int_equal(expr_number_format(0, out), 1);
    assert_int_equal(expr_number_format(INT64_MIN, out), 21);
    assert_false(expr_number_parse(slice_of("1.00001"), &value));
    assert_false(expr_number_parse(slice_of(""), &value));
    assert_false(expr_number_parse(slice_of("1."), &value));
    assert_true(expr_time_parse(slice_of("2026-03-02T10:00+08:00"), 0, &value));
    assert_int_equal(value, INT64_C(1772416800000));
    assert_true(expr_time_parse(slice_of("2026-03-02 02:00:00.25Z"), 480, &value));
    assert_int_equal(value, INT64_C(1772416800000));
    assert_true(expr_time_parse(slice_of("2024-02-29"), 0, &value));
    assert_false(expr_time_parse(slice_of("2026-02-29"), 0, &value));
    assert_false(expr_time_parse(slice_of("2026-13-01"), 0, &value));
    assert_false(expr_time_parse(slice_of("2026-03-02T25:00"), 0, &value));
}

static void uses_are_found_with_their_constants(void **state)
{
    struct expr *expr = compiled("reason in ['damaged','wrong_item'] && user.risk > 5 && "
                                 "user.vip && user.risk + 1 > 2 && open('x')");
    struct expr_use uses[8];
    unsigned calls;

    (void)state;
    assert_int_equal(expr_uses(expr, uses, 8, &calls), 5);
    assert_int_equal(calls, 1);
    assert_int_equal(uses[0].kind, EXPR_USE_COMPARE);
    assert_true(slice_equal_text(uses[1].value.text, "wrong_item"));
    assert_int_equal(uses[2].value.number, 5 * EXPR_ONE);
    assert_int_equal(uses[3].kind, EXPR_USE_BARE);
    assert_int_equal(uses[4].kind, EXPR_USE_OTHER);
    assert_true(expr_needs_all(expr));
    free(expr);
    expr = compiled("known(missing) && missing == 1");
    assert_int_equal(expr_uses(expr, uses, 8, &calls), 2);
    assert_int_equal(uses[0].kind, EXPR_USE_KNOWN);
    assert_true(expr_needs_all(expr));
    free(expr);
    expr = compiled("!known(missing)");
    assert_false(expr_needs_all(expr));
    free(expr);
}

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(expr_distance(slice_of("timeuot"), slice_of("timeout"), 3), 1);
    assert_int_equal(expr_distance(slice_of("start"), slice_of("stat"), 3), 1);
    assert_int_equal(expr_distance(slice_of("abc"), slice_of("xyz"), 2), 3);
    assert_int_equal(expr_distance(slice_of(""), slice_of(""), 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guards_of_flows_and_routes_hold),
        cmocka_unit_test(an_unknown_result_says_why),
        cmocka_unit_test(faults_name_their_place),
        cmocka_unit_test(a_source_at_each_limit_works_and_beyond_is_refused),
        cmocka_unit_test(numbers_and_times_read_and_print),
        cmocka_unit_test(uses_are_found_with_their_constants),
        cmocka_unit_test(distance_counts_edits_and_swaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
