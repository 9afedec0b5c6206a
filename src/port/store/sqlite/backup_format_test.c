/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "backup_format.h"

#include <stdio.h>

static void entry_survives_its_block(void **state)
{
    static const uint64_t sizes[] = {
        0, 1, 511, 512, UINT64_C(0x1FFFFFFFF), UINT64_C(0x200000000), INT64_MAX
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        struct tar_entry entry = { .name = "main.db", .size = sizes[i] };
        struct tar_entry back;
        uint8_t block[TAR_BLOCK];
        bool end;

        tar_entry_write(&entry, 1767225600, block);
        assert_int_equal(tar_entry_parse(block, &back, &end, NULL), ERR_OK);
        assert_false(end);
        assert_string_equal(back.name, "main.db");
        assert_true(back.size == sizes[i]);
        block[3] ^= 1;
        assert_int_equal(tar_entry_parse(block, &back, &end, NULL), ERR_CORRUPT);
    }
}

static void zero_block_ends_the_archive(void **state)
{
    uint8_t block[TAR_BLOCK] = { 0 };
    struct tar_entry entry;
    bool end = false;

    (void)state;
    assert_int_equal(tar_entry_parse(block, &entry, &end, NULL), ERR_OK);
    assert_true(end);
    assert_int_equal(tar_padding(0), 0);
    assert_int_equal(tar_padding(1), 511);
    assert_int_equal(tar_padding(512), 0);
}

static void links_and_folders_are_refused(void **state)
{
    struct tar_entry entry = { .name = "main.db", .size = 0 };
    uint8_t block[TAR_BLOCK];
    uint32_t sum = 0;
    bool end;

    (void)state;
    tar_entry_write(&entry, 0, block);
    block[156] = '2'; /* a symbolic link */
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    assert_int_equal(tar_entry_parse(block, &entry, &end, NULL), ERR_CORRUPT);
}

static struct backup_manifest manifest_of(size_t members)
{
    struct backup_manifest m = { .format = 1,
                                 .schema = 1,
                                 .segment = 7,
                                 .settled_upto = UINT64_C(0x600000200),
                                 .created_at = 1767225600123,
                                 .members_n = members };

    for (size_t i = 0; i < members; i++) {
        snprintf(m.members[i].name, sizeof(m.members[i].name), "member-%zu", i);
        m.members[i].size = UINT64_C(1) << (4 * i);
        memset(m.members[i].hash, (int)(i + 0xF0), BACKUP_HASH_BYTES);
    }
    return m;
}

static void manifest_reads_back(void **state)
{
    struct backup_manifest m = manifest_of(BACKUP_MEMBERS_MAX);
    struct backup_manifest back;
    struct buf json;

    (void)state;
    buf_init(&json, BACKUP_MANIFEST_MAX);
    manifest_write(&m, &json);
    assert_int_equal(manifest_parse(buf_slice(&json), &back, NULL), ERR_OK);
    assert_memory_equal(&m, &back, sizeof(m));
    for (size_t cut = 0; cut + 2 < json.len; cut++)
        assert_int_equal(manifest_parse(slice_make(json.ptr, cut), &back, NULL), ERR_CORRUPT);
    buf_fini(&json);
}

static void too_many_members_are_refused(void **state)
{
    struct backup_manifest m = manifest_of(BACKUP_MEMBERS_MAX);
    struct backup_manifest back;
    struct buf json;
    char *list;

    (void)state;
    buf_init(&json, BACKUP_MANIFEST_MAX);
    manifest_write(&m, &json);
    list = memmem(json.ptr, json.len, "[{", 2);
    assert_non_null(list);
    /* One more of the same: "[{}," in front of the first. */
    {
        struct buf more;
        size_t head = (size_t)(list - json.ptr) + 1;

        buf_init(&more, BACKUP_MANIFEST_MAX);
        buf_add(&more, json.ptr, head);
        buf_add_text(&more, "{\"name\":\"x\"},");
        buf_add(&more, json.ptr + head, json.len - head);
        assert_int_equal(manifest_parse(buf_slice(&more), &back, NULL), ERR_CORRUPT);
        buf_fini(&more);
    }
    buf_fini(&json);
}

static void newer_formats_are_refused_by_name(void **state)
{
    struct backup_manifest back;

    (void)state;
    assert_int_equal(manifest_parse(SLICE_LITERAL("{\"format\":2,\"members\":[]}"), &back, NULL),
                     ERR_UNSUPPORTED);
    assert_int_equal(
        manifest_parse(SLICE_LITERAL("{\"format\":1,\"later\":[{}],\"members\":[]}"), &back, NULL),
        ERR_OK);
    assert_int_equal(manifest_parse(SLICE_LITERAL("{\"members\":[]}"), &back, NULL), ERR_CORRUPT);
    assert_int_equal(manifest_parse(SLICE_LITERAL("[]"), &back, NULL), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_survives_its_block),
        cmocka_unit_test(zero_block_ends_the_archive),
        cmocka_unit_test(links_and_folders_are_refused),
        cmocka_unit_test(manifest_reads_back),
        cmocka_unit_test(too_many_members_are_refused),
        cmocka_unit_test(newer_formats_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
