/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "rules_priv.h"
#include "crc32c.h"

#define W(text) SLICE_LITERAL(text)

static const struct slice returns[] = { W("退货"), W("send back") };
static const struct slice fees[] = { W("运费") };
static const struct slice hidden[] = { W("微信") };
static const struct rules_rule rules[] = {
    { .id = 1, .name = W("returns"), .any = returns, .any_count = 2 },
    { .id = 2, .name = W("fees"), .any = fees, .any_count = 1, .priority = 5 },
    { .id = 3, .when = W("退货 & /\\d+/ | 换 ..2 货"), .scopes = fees, .scope_count = 1 },
    { .id = 4, .any = hidden, .any_count = 1, .disguise = RULES_SYMBOLS | RULES_PINYIN },
};

static struct rules_set *compiled(void)
{
    struct rules_set *set = NULL;

    assert_int_equal(rules_compile(rules, 4, &set, NULL), ERR_OK);
    return set;
}

static size_t scan(const struct rules_set *set, const char *text, struct rules_hit *hits)
{
    static const struct rules_context context = { .scope = W("运费") };
    struct rules_scratch *scratch = rules_scratch_create();
    size_t count = rules_scan(set, scratch, slice_of(text), &context, hits, 4);

    rules_scratch_destroy(&scratch);
    return count;
}

static void a_copied_block_does_what_the_set_did(void **state)
{
    struct rules_set *set = compiled();
    struct slice blob = rules_set_blob(set);
    char *copy = malloc(blob.len);
    struct rules_set *again = NULL;
    struct rules_hit hits[4];

    (void)state;
    memcpy(copy, blob.ptr, blob.len);
    rules_set_destroy(&set);
    assert_int_equal(rules_set_open(slice_make(copy, blob.len), &again, NULL), ERR_OK);
    assert_int_equal(scan(again, "退货 3 运费", hits), 3);
    assert_int_equal(hits[0].id, 2);
    assert_int_equal(scan(again, "wei 信", hits), 1);
    assert_true(slice_equal_text(rules_set_name(again, 0), "returns"));
    rules_set_destroy(&again);
    free(copy);
}

static void damaged_and_foreign_blocks_are_refused(void **state)
{
    struct rules_set *set = compiled();
    struct slice blob = rules_set_blob(set);
    char *copy = malloc(blob.len);
    struct rules_header *header = (void *)copy;
    struct rules_set *again = NULL;
    struct err err = { 0 };

    (void)state;
    memcpy(copy, blob.ptr, blob.len);
    copy[blob.len / 2] ^= 1;
    assert_int_equal(rules_set_open(slice_make(copy, blob.len), &again, &err), ERR_CORRUPT);
    assert_string_equal(err.text, "rules: checksum does not match");
    copy[blob.len / 2] ^= 1;
    assert_int_equal(rules_set_open(slice_make(copy, blob.len - 1), &again, &err), ERR_CORRUPT);
    assert_int_equal(rules_set_open(slice_make(copy, 3), &again, &err), ERR_INVALID);
    header->version++;
    assert_int_equal(rules_set_open(slice_make(copy, blob.len), &again, &err), ERR_UNSUPPORTED);
    header->version--;
    header->magic++;
    assert_int_equal(rules_set_open(slice_make(copy, blob.len), &again, &err), ERR_INVALID);
    assert_null(again);
    free(copy);
    rules_set_destroy(&set);
}

/* Whatever one word of the block says, it is refused or safe to scan with. */
static void wrong_blocks_with_a_right_checksum_are_safe(void **state)
{
    static const uint32_t values[] = { 0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x06000003, 0x20000000 };
    struct rules_set *set = compiled();
    struct slice blob = rules_set_blob(set);
    char *copy = malloc(blob.len);
    struct rules_header *header = (void *)copy;
    struct rules_hit hits[4];

    (void)state;
    for (size_t at = 16; at + 4 <= blob.len; at += 4) {
        uint32_t value = values[at / 4 % (sizeof(values) / sizeof(values[0]))];
        struct rules_set *again = NULL;

        memcpy(copy, blob.ptr, blob.len);
        memcpy(copy + at, &value, sizeof(value));
        header->crc = crc32c(0, copy + sizeof(*header), blob.len - sizeof(*header));
        if (rules_set_open(slice_make(copy, blob.len), &again, NULL) != ERR_OK)
            continue;
        if (at % 16 == 0) /* every fourth: a scratch is large */
            (void)scan(again, "退货 send back 3 运费 换货 w e i xin", hits);
        rules_set_destroy(&again);
    }
    free(copy);
    rules_set_destroy(&set);
}

static void an_overlay_replaces_adds_and_removes(void **state)
{
    static const struct slice fees_too[] = { W("邮费") };
    static const struct rules_rule changed[] = {
        { .id = 2, .name = W("fees"), .any = fees_too, .any_count = 1 },
        { .id = 9, .name = W("new"), .any = fees, .any_count = 1, .priority = 7 },
    };
    static const uint64_t removed[] = { 4 };
    struct rules_set *base = compiled();
    struct rules_set *set = NULL;
    struct rules_hit hits[4];

    (void)state;
    assert_int_equal(rules_overlay(base, changed, 2, removed, 1, &set, NULL), ERR_OK);
    assert_int_equal(rules_set_count(set), 6);
    assert_int_equal(scan(set, "运费", hits), 1);
    assert_int_equal(hits[0].id, 9);
    assert_int_equal(hits[0].rule, 5);
    assert_true(slice_equal_text(rules_set_name(set, 5), "new"));
    assert_true(slice_equal_text(rules_set_name(set, 0), "returns"));
    assert_int_equal(scan(set, "邮费 退货", hits), 2);
    assert_int_equal(hits[0].id, 1);
    assert_int_equal(hits[1].id, 2);
    assert_int_equal(scan(set, "微信", hits), 0);
    assert_int_equal(scan(base, "微信", hits), 1);
    rules_set_destroy(&set);
    rules_set_destroy(&base);
}

static void an_empty_set_finds_nothing(void **state)
{
    struct rules_set *set = NULL;
    struct rules_hit hits[4];

    (void)state;
    assert_int_equal(rules_compile(NULL, 0, &set, NULL), ERR_OK);
    assert_int_equal(scan(set, "退货", hits), 0);
    assert_int_equal(scan(set, "", hits), 0);
    assert_true(rules_set_bytes(set) < 4096); /* a thousand workspaces may have none */
    rules_set_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copied_block_does_what_the_set_did),
        cmocka_unit_test(damaged_and_foreign_blocks_are_refused),
        cmocka_unit_test(wrong_blocks_with_a_right_checksum_are_safe),
        cmocka_unit_test(an_overlay_replaces_adds_and_removes),
        cmocka_unit_test(an_empty_set_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
