/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "attachment.h"
#include "check.h"
#include "utf8.h"

static void only_known_first_bytes_are_taken(void **state)
{
    (void)state;
    assert_string_equal(attachment_type(SLICE_LITERAL("\xFF\xD8\xFF\xE0 rest")), "image/jpeg");
    assert_string_equal(attachment_type(SLICE_LITERAL("\x89PNG\r\n\x1A\n")), "image/png");
    assert_string_equal(attachment_type(SLICE_LITERAL("GIF87a")), "image/gif");
    assert_string_equal(attachment_type(SLICE_LITERAL("GIF89a!")), "image/gif");
    assert_string_equal(attachment_type(SLICE_LITERAL("RIFF....WEBPVP8 ")), "image/webp");
    assert_string_equal(attachment_type(SLICE_LITERAL("%PDF-1.7")), "application/pdf");
    assert_null(attachment_type(SLICE_LITERAL("RIFF....WAVEfmt ")));
    assert_null(attachment_type(SLICE_LITERAL("RIFF....WEB")));
    assert_null(attachment_type(SLICE_LITERAL("\x89PNG\r\n\x1A")));
    assert_null(attachment_type(SLICE_LITERAL("<svg xmlns='http://www.w3.org/2000/svg'>")));
    assert_null(attachment_type(SLICE_LITERAL("<html>")));
    assert_null(attachment_type(SLICE_LITERAL("MZ")));
    assert_null(attachment_type(SLICE_EMPTY));
}

static void a_name_has_no_folder_no_tricks_and_the_ending_of_its_bytes(void **state)
{
    static const struct {
        const char *given, *type, *name;
    } cases[] = {
        { "cup.jpg", "image/jpeg", "cup.jpg" },
        { "CUP.JPEG", "image/jpeg", "CUP.jpeg" },
        { "cup.jpg", "application/pdf", "cup.jpg.pdf" },
        { "page.html", "image/png", "page.html.png" },
        { "C:\\photos\\杯子.png", "image/png", "杯子.png" },
        { "../../etc/passwd", "image/png", "passwd.png" },
        { "a,b\"c\n.gif", "image/gif", "a_b_c_.gif" },
        { "\xE2\x80\xAEgpj.exe", "image/jpeg", "gpj.exe.jpg" },
        { "", "image/webp", "file.webp" },
        { ".png", "image/png", ".png.png" },
        { "photos/", "image/png", "file.png" },
        { "\xFF\xFE", "image/png", "file.png" },
    };
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        attachment_name(slice_of(cases[i].given), cases[i].type, name);
        assert_string_equal(name, cases[i].name);
    }
}

static void a_long_name_is_cut_between_characters(void **state)
{
    char given[600];
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(given); i += 3)
        memcpy(given + i, "图", 3);
    attachment_name(slice_make(given, sizeof(given)), "image/jpeg", name);
    assert_true(utf8_valid(slice_of(name)));
    assert_int_equal(strlen(name), 36 + 4); /* twelve characters and the ending: the bound */
    memset(given, 'a', sizeof(given));
    attachment_name(slice_make(given, ATTACHMENT_NAME_BYTES_MAX - 3), "image/jpeg", name);
    assert_int_equal(strlen(name), ATTACHMENT_NAME_BYTES_MAX); /* one more than fits is cut */
}

static void an_item_names_id_and_name(void **state)
{
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];
    char item[ATTACHMENT_ITEM_MAX];

    (void)state;
    memset(name, 'n', ATTACHMENT_NAME_BYTES_MAX);
    name[ATTACHMENT_NAME_BYTES_MAX] = '\0';
    attachment_item(UINT64_MAX, slice_of(name), item);
    assert_int_equal(strlen(item), ATTACHMENT_ITEM_MAX - 1);
    attachment_item(7, SLICE_LITERAL("cup.jpg"), item);
    assert_string_equal(item, "7/cup.jpg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_known_first_bytes_are_taken),
        cmocka_unit_test(a_name_has_no_folder_no_tricks_and_the_ending_of_its_bytes),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(an_item_names_id_and_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
