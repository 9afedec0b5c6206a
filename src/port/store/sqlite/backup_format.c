/* SPDX-License-Identifier: Apache-2.0 */
#include "backup_format.h"

#include "json.h"

#include <stdio.h>

/* ---- tar ---- */

enum {
    TAR_MODE = 100,
    TAR_SIZE = 124,
    TAR_MTIME = 136,
    TAR_CHECKSUM = 148,
    TAR_TYPE = 156,
    TAR_MAGIC = 257,
    TAR_NUMBER = 12, /* bytes of the size and time fields */
    TAR_BASE256 = 0x80,
};

static uint32_t tar_sum(const uint8_t block[TAR_BLOCK])
{
    uint32_t sum = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= TAR_CHECKSUM && i < TAR_CHECKSUM + 8 ? ' ' : block[i];
    return sum;
}

/* Octal digits and a NUL, or big-endian with the first bit set. */
static void number_write(uint8_t *at, uint64_t value)
{
    char digits[TAR_NUMBER + 1];

    if (value >> 33 == 0) {
        snprintf(digits, sizeof(digits), "%011llo", (unsigned long long)value);
        memcpy(at, digits, TAR_NUMBER);
        return;
    }
    for (size_t i = TAR_NUMBER; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
    at[0] |= TAR_BASE256;
}

static bool number_parse(const uint8_t *at, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;

    if (at[0] == TAR_BASE256) {
        for (i = 1; i < len; i++) {
            if (value >> 56 != 0)
                return false;
            value = value << 8 | at[i];
        }
        *out = value;
        return true;
    }
    for (; i < len && at[i] >= '0' && at[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(at[i] - '0');
    *out = value;
    return i > 0 && (i == len || at[i] == '\0' || at[i] == ' ');
}

void tar_entry_write(const struct tar_entry *entry, int64_t mtime, uint8_t block[TAR_BLOCK])
{
    char sum[8];

    memset(block, 0, TAR_BLOCK);
    memcpy(block, entry->name, strlen(entry->name));
    memcpy(block + TAR_MODE, "0000600\0000000000\0000000000", 24);
    number_write(block + TAR_SIZE, entry->size);
    number_write(block + TAR_MTIME, mtime > 0 ? (uint64_t)mtime : 0);
    block[TAR_TYPE] = '0';
    memcpy(block + TAR_MAGIC, "ustar\00000", 8);
    snprintf(sum, sizeof(sum), "%06o", tar_sum(block));
    memcpy(block + TAR_CHECKSUM, sum, 7);
    block[TAR_CHECKSUM + 7] = ' ';
}

static bool block_zero(const uint8_t block[TAR_BLOCK])
{
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (block[i] != 0)
            return false;
    }
    return true;
}

enum err_code tar_entry_parse(const uint8_t block[TAR_BLOCK], struct tar_entry *out, bool *end,
                              struct err *err)
{
    uint64_t sum;

    *out = (struct tar_entry){ 0 };
    *end = block_zero(block);
    if (*end)
        return ERR_OK;
    if (memcmp(block + TAR_MAGIC, "ustar", 5) != 0 ||
        !number_parse(block + TAR_CHECKSUM, 8, &sum) || sum != tar_sum(block))
        return err_set(err, ERR_CORRUPT, "this is not a backup: no tar header where one belongs");
    if ((block[TAR_TYPE] != '0' && block[TAR_TYPE] != '\0') || block[0] == '\0' ||
        !number_parse(block + TAR_SIZE, TAR_NUMBER, &out->size) || out->size > INT64_MAX)
        return err_set(err, ERR_CORRUPT, "the backup holds something else than plain files");
    memcpy(out->name, block, TAR_NAME_MAX);
    return ERR_OK;
}

/* ---- the manifest ---- */

static void hash_write(struct json_writer *json, const uint8_t hash[BACKUP_HASH_BYTES])
{
    char hex[2 * BACKUP_HASH_BYTES + 1];

    for (size_t i = 0; i < BACKUP_HASH_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    json_key(json, "sha256");
    json_text(json, slice_of(hex));
}

static void member_write(struct json_writer *json, const struct backup_member *member)
{
    json_object_begin(json);
    json_key(json, "name");
    json_text(json, slice_of(member->name));
    json_key(json, "size");
    json_u64(json, member->size);
    hash_write(json, member->hash);
    json_object_end(json);
}

void manifest_write(const struct backup_manifest *manifest, struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "format");
    json_u64(&json, manifest->format);
    json_key(&json, "schema");
    json_u64(&json, manifest->schema);
    json_key(&json, "segment");
    json_u64(&json, manifest->segment);
    json_key(&json, "settledUpto");
    json_id(&json, manifest->settled_upto);
    json_key(&json, "createdAt");
    json_i64(&json, manifest->created_at);
    json_key(&json, "members");
    json_array_begin(&json);
    for (size_t i = 0; i < manifest->members_n; i++)
        member_write(&json, &manifest->members[i]);
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

/* The key just read, without escapes; ours have none. */
static bool key_is(const struct json_reader *json, const char *name)
{
    return !json->escaped && slice_equal_text(json->raw, name);
}

static bool number_read(struct json_reader *json, uint64_t max, uint64_t *out)
{
    enum json_token token = json_next(json);

    if (token == JSON_TEXT && !json->escaped) {
        unsigned long long value;

        if (!slice_to_u64(json->raw, &value))
            return false;
        *out = value;
        return *out <= max;
    }
    return token == JSON_NUMBER && json_number_u64(json->raw, out) && *out <= max;
}

static bool name_read(struct json_reader *json, char out[TAR_NAME_MAX + 1])
{
    if (json_next(json) != JSON_TEXT || json->escaped || json->raw.len > TAR_NAME_MAX)
        return false;
    memcpy(out, json->raw.ptr, json->raw.len);
    out[json->raw.len] = '\0';
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_read(struct json_reader *json, uint8_t out[BACKUP_HASH_BYTES])
{
    if (json_next(json) != JSON_TEXT || json->raw.len != 2 * BACKUP_HASH_BYTES)
        return false;
    for (size_t i = 0; i < BACKUP_HASH_BYTES; i++) {
        int high = hex_digit(json->raw.ptr[2 * i]);
        int low = hex_digit(json->raw.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool member_read(struct json_reader *json, struct backup_member *out)
{
    enum json_token token;

    while ((token = json_next(json)) == JSON_KEY) {
        bool ok;

        if (key_is(json, "name"))
            ok = name_read(json, out->name);
        else if (key_is(json, "size"))
            ok = number_read(json, INT64_MAX, &out->size);
        else if (key_is(json, "sha256"))
            ok = hash_read(json, out->hash);
        else
            ok = json_skip_value(json);
        if (!ok)
            return false;
    }
    return token == JSON_OBJECT_END && out->name[0] != '\0';
}

static bool members_read(struct json_reader *json, struct backup_manifest *out)
{
    enum json_token token;

    if (json_next(json) != JSON_ARRAY_BEGIN)
        return false;
    while ((token = json_next(json)) == JSON_OBJECT_BEGIN) {
        if (out->members_n == BACKUP_MEMBERS_MAX ||
            !member_read(json, &out->members[out->members_n++]))
            return false;
    }
    return token == JSON_ARRAY_END;
}

static bool field_read(struct json_reader *json, struct backup_manifest *out)
{
    uint64_t value = 0;
    bool ok;

    if (key_is(json, "members"))
        return members_read(json, out);
    if (key_is(json, "settledUpto"))
        return number_read(json, UINT64_MAX, &out->settled_upto);
    if (key_is(json, "createdAt")) {
        ok = number_read(json, INT64_MAX, &value);
        out->created_at = (int64_t)value;
    } else if (key_is(json, "format")) {
        ok = number_read(json, UINT32_MAX, &value);
        out->format = (uint32_t)value;
    } else if (key_is(json, "schema")) {
        ok = number_read(json, UINT32_MAX, &value);
        out->schema = (uint32_t)value;
    } else if (key_is(json, "segment")) {
        ok = number_read(json, UINT32_MAX, &value);
        out->segment = (uint32_t)value;
    } else {
        ok = json_skip_value(json); /* a newer writer's, of the same format */
    }
    return ok;
}

enum err_code manifest_parse(struct slice json, struct backup_manifest *out, struct err *err)
{
    struct json_reader reader;
    enum json_token token;
    bool ok;

    *out = (struct backup_manifest){ 0 };
    json_reader_init(&reader, json);
    ok = json_next(&reader) == JSON_OBJECT_BEGIN;
    while (ok && (token = json_next(&reader)) == JSON_KEY)
        ok = field_read(&reader, out);
    if (!ok || token != JSON_OBJECT_END || json_next(&reader) != JSON_END || out->format == 0)
        return err_set(err, ERR_CORRUPT, "the backup's manifest.json does not read");
    if (out->format > BACKUP_FORMAT)
        return err_set(err, ERR_UNSUPPORTED,
                       "the backup has format %u, this program reads up to %d", out->format,
                       BACKUP_FORMAT);
    return ERR_OK;
}
