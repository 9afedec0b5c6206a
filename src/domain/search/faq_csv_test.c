/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "faq_csv.h"

struct seen {
    struct buf rows; /* what was read, one line each */
    struct buf errors;
};

static void on_row(void *ctx, const struct faq_csv_row *row)
{
    struct seen *seen = ctx;

    buf_printf(&seen->rows, "%u [%.*s] <%.*s> <%.*s> (%.*s)", row->line, SLICE_ARGS(row->locale),
               SLICE_ARGS(row->question), SLICE_ARGS(row->answer), SLICE_ARGS(row->category));
    for (size_t i = 0; i < row->variant_count; i++)
        buf_printf(&seen->rows, " v<%.*s>", SLICE_ARGS(row->variants[i]));
    buf_add_char(&seen->rows, '\n');
}

static void on_error(void *ctx, unsigned line, const char *text)
{
    struct seen *seen = ctx;

    buf_printf(&seen->errors, "%u: %s\n", line, text);
}

static const struct faq_csv_ops ops = { on_row, on_error };

static void seen_init(struct seen *seen)
{
    buf_init(&seen->rows, 1 << 16);
    buf_init(&seen->errors, 1 << 16);
}

static void seen_fini(struct seen *seen)
{
    buf_fini(&seen->rows);
    buf_fini(&seen->errors);
}

static enum err_code read_file(const char *file, struct seen *seen, struct err *err)
{
    struct arena arena;
    enum err_code rc;

    arena_init(&arena, 1 << 18);
    rc = faq_csv_read(slice_of(file), &arena, &ops, seen, err);
    arena_fini(&arena);
    return rc;
}

static void assert_rows(const struct seen *seen, const char *want)
{
    if (!slice_equal_text(buf_slice(&seen->rows), want))
        fail_msg("rows are:\n%.*s", SLICE_ARGS(buf_slice(&seen->rows)));
}

static void assert_errors(const struct seen *seen, const char *want)
{
    if (!slice_equal_text(buf_slice(&seen->errors), want))
        fail_msg("errors are:\n%.*s", SLICE_ARGS(buf_slice(&seen->errors)));
}

static void quotes_line_ends_bom_and_column_order_are_read(void **state)
{
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(read_file("\xEF\xBB\xBF"
                               "Answer,question,variants,locale,category\r\n"
                               "\"say \"\"hi\"\",\nthen go\",Q1, a | b ||c,zh-CN,cat\r\n"
                               "\n"
                               "A2,Q2,,,\n"
                               "A3,Q3,'=x|y,EN,'-z",
                               &seen, NULL),
                     ERR_OK);
    assert_rows(&seen, "2 [zh] <Q1> <say \"hi\",\nthen go> (cat) v<a> v<b> v<c>\n"
                       "5 [] <Q2> <A2> ()\n"
                       "6 [en] <Q3> <A3> (-z) v<=x> v<y>\n");
    assert_errors(&seen, "");
    seen_fini(&seen);
}

static void bad_rows_are_named_and_the_others_read(void **state)
{
    struct seen seen;

    (void)state;
    seen_init(&seen);
    assert_int_equal(read_file("question,answer,locale\n"
                               "Q,A,fr\n"
                               "Q,A\n"
                               ",A,en\n"
                               "Q, ,en\n"
                               "Q\"x,A,en\n"
                               "\"Q\"x,A,en\n"
                               "ok,A,en\n"
                               "\"Q,A,en\n",
                               &seen, NULL),
                     ERR_OK);
    assert_rows(&seen, "8 [en] <ok> <A> ()\n");
    assert_errors(&seen, "2: locale must be zh, en or empty\n"
                         "3: row has not as many fields as the header\n"
                         "4: question is empty\n"
                         "5: answer is empty\n"
                         "6: quote inside a field that does not begin with one\n"
                         "7: text after a closing quote\n"
                         "9: quote is not closed\n");
    seen_fini(&seen);
}

static void files_of_another_kind_are_refused(void **state)
{
    static char junk[4000] = "question,answer\n";
    struct seen seen;
    struct err err = { 0 };

    (void)state;
    seen_init(&seen);
    assert_int_equal(read_file("", &seen, &err), ERR_INVALID);
    assert_int_equal(read_file("question,reply\nQ,A\n", &seen, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "'reply'"));
    assert_int_equal(read_file("question,locale\nQ,en\n", &seen, &err), ERR_INVALID);
    assert_int_equal(read_file("question,question,answer\n", &seen, &err), ERR_INVALID);
    assert_int_equal(read_file("question,answer\n\xC4\xE3,A\n", &seen, &err), ERR_INVALID);
    assert_string_equal(err.text, "file is not UTF-8");
    for (size_t i = strlen(junk); i + 2 < sizeof(junk); i += 2)
        memcpy(junk + i, "x\n", 3);
    assert_int_equal(read_file(junk, &seen, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "errors"));
    seen_fini(&seen);
}

static void export_is_read_back_and_holds_no_formula(void **state)
{
    const struct faq_csv_row row = {
        .locale = SLICE_LITERAL("zh"),
        .question = SLICE_LITERAL("=HYPERLINK(\"x\")"),
        .answer = SLICE_LITERAL("-1, \"two\"\nthree"),
        .category = SLICE_LITERAL("@cat"),
        .variants = { SLICE_LITERAL("+a"), SLICE_LITERAL("b|c") },
        .variant_count = 2,
    };
    struct seen seen;
    struct buf out;

    (void)state;
    seen_init(&seen);
    buf_init(&out, 4096);
    faq_csv_write_header(&out);
    faq_csv_write_row(&out, &row);
    buf_add_char(&out, '\0');
    assert_true(buf_ok(&out));
    assert_non_null(strstr(out.ptr, "\"'=HYPERLINK(\"\"x\"\")\""));
    assert_non_null(strstr(out.ptr, "\"'-1"));
    assert_non_null(strstr(out.ptr, "\"'@cat\""));
    assert_int_equal(read_file(out.ptr, &seen, NULL), ERR_OK);
    assert_rows(&seen, "2 [zh] <=HYPERLINK(\"x\")> <-1, \"two\"\nthree> (@cat) v<+a> v<b｜c>\n");
    buf_fini(&out);
    seen_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_line_ends_bom_and_column_order_are_read),
        cmocka_unit_test(bad_rows_are_named_and_the_others_read),
        cmocka_unit_test(files_of_another_kind_are_refused),
        cmocka_unit_test(export_is_read_back_and_holds_no_formula),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
