/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth_attachment.h"
#include "auth_seal.h"
#include "auth_origin.h"
#include "auth_password.h"
#include "auth_ticket.h"
#include "auth_visitor.h"

static void password_verifies_only_against_its_own_hash(void **state)
{
    char hash[AUTH_PASSWORD_HASH_MAX];
    struct err err = { 0 };

    (void)state;
    assert_int_equal(auth_password_check(slice_of("short"), &err), ERR_INVALID);
    assert_string_equal(err.field, "password");
    assert_int_equal(auth_password_check(slice_of("PASSWORD1234"), &err), ERR_INVALID);
    assert_int_equal(auth_password_check(slice_of("correct horse battery"), &err), ERR_OK);
    assert_int_equal(auth_password_hash(slice_of("correct horse battery"), hash, &err), ERR_OK);
    assert_non_null(strstr(hash, "$argon2id$v=19$m=65536,t=3,"));
    assert_true(auth_password_verify(hash, slice_of("correct horse battery")));
    assert_false(auth_password_verify(hash, slice_of("correct horse batterz")));
    assert_false(auth_password_verify(NULL, slice_of("correct horse battery")));
    assert_false(auth_password_verify(NULL, SLICE_EMPTY));
}

static void fifth_wrong_password_locks_for_a_growing_time(void **state)
{
    struct auth_lock lock = { 0 };

    (void)state;
    for (int i = 0; i < AUTH_FAILURES_MAX - 1; i++)
        auth_lock_fail(&lock, 1000);
    assert_false(auth_lock_holds(&lock, 1000));
    auth_lock_fail(&lock, 1000);
    assert_true(auth_lock_holds(&lock, 1000 + AUTH_LOCK_MS - 1));
    assert_false(auth_lock_holds(&lock, 1000 + AUTH_LOCK_MS));
    auth_lock_fail(&lock, 1000);
    assert_true(auth_lock_holds(&lock, 1000 + 2 * AUTH_LOCK_MS - 1));
    for (int i = 0; i < 100; i++)
        auth_lock_fail(&lock, 1000);
    assert_false(auth_lock_holds(&lock, 1000 + 24 * 60 * 60 * 1000));
}

static void visitor_token_survives_only_unchanged(void **state)
{
    struct auth_key key = { { 1, 2, 3 } };
    struct auth_key other = { { 9 } };
    struct auth_visitor in = { 0x1122334455667788u, 42, 1700000000, 0 };
    struct auth_visitor out;
    char text[AUTH_VISITOR_TEXT_MAX];
    size_t len;

    (void)state;
    auth_visitor_sign(&key, &in, text);
    len = strlen(text);
    assert_int_equal(auth_visitor_verify(&key, slice_of(text), &out, NULL), ERR_OK);
    assert_true(out.visitor_id == in.visitor_id && out.site_id == 42 && out.issued_s == 1700000000);
    assert_int_equal(auth_visitor_verify(&other, slice_of(text), &out, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(auth_visitor_verify(&key, slice_make(text, len - 1), &out, NULL),
                     ERR_UNAUTHENTICATED);
    assert_int_equal(auth_visitor_verify(&key, SLICE_EMPTY, &out, NULL), ERR_UNAUTHENTICATED);
    for (size_t i = 0; i + 1 < len; i++) {
        char changed[AUTH_VISITOR_TEXT_MAX];
        memcpy(changed, text, sizeof(text));
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(auth_visitor_verify(&key, slice_of(changed), &out, NULL),
                         ERR_UNAUTHENTICATED);
    }
}

static void identity_needs_the_sites_fresh_signature(void **state)
{
    /* openssl: printf u1.1000 | openssl dgst -sha256 -hmac secret */
    const char *hash = "33fef310952c359259dead39bd03ee68c42b6d64669dcd323866fb4e348520ad";
    struct slice secret = SLICE_LITERAL("secret");
    struct slice user = SLICE_LITERAL("u1");

    (void)state;
    assert_int_equal(auth_identity_verify(secret, user, 1000, slice_of(hash), 1000, NULL), ERR_OK);
    assert_int_equal(auth_identity_verify(secret, user, 1000, slice_of(hash), 1000 + 86401, NULL),
                     ERR_FORBIDDEN);
    assert_int_equal(auth_identity_verify(secret, user, 1000, slice_of(hash), 600, NULL),
                     ERR_FORBIDDEN);
    assert_int_equal(
        auth_identity_verify(secret, SLICE_LITERAL("u2"), 1000, slice_of(hash), 1000, NULL),
        ERR_FORBIDDEN);
    assert_int_equal(auth_identity_verify(secret, user, 1000, SLICE_EMPTY, 1000, NULL),
                     ERR_FORBIDDEN);
}

static void ticket_works_once_and_for_half_a_minute(void **state)
{
    struct auth_ticket_table table;
    struct auth_principal who = { .agent_id = 7 };
    struct auth_principal out;
    char text[AUTH_SECRET_TEXT_MAX];
    unsigned shard;

    (void)state;
    auth_ticket_table_init(&table, 3);
    assert_false(auth_ticket_redeem(&table, slice_of("t3.x"), 0, &out));
    auth_ticket_issue(&table, &who, 0, text);
    assert_true(auth_ticket_shard(slice_of(text), &shard));
    assert_int_equal(shard, 3);
    assert_false(auth_ticket_shard(slice_of("t99999999.x"), &shard));
    assert_true(auth_ticket_redeem(&table, slice_of(text), 1, &out));
    assert_int_equal(out.agent_id, 7);
    assert_false(auth_ticket_redeem(&table, slice_of(text), 2, &out));
    auth_ticket_issue(&table, &who, 0, text);
    assert_false(auth_ticket_redeem(&table, slice_of(text), (int64_t)AUTH_TICKET_MS * 1000, &out));
    auth_ticket_table_fini(&table);
}

static void key_file_is_private_and_stays_the_same(void **state)
{
    char folder[] = "/tmp/kefu-auth-XXXXXX";
    char path[64];
    struct auth_key first;
    struct auth_key second;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/secrets.key", folder);
    assert_int_equal(auth_key_load(path, &first, NULL), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(auth_key_load(path, &second, NULL), ERR_OK);
    assert_memory_equal(&first, &second, sizeof(first));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(auth_key_load(path, &second, NULL), ERR_INVALID);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(auth_key_load(path, &second, NULL), ERR_CORRUPT);
    unlink(path);
    rmdir(folder);
}

static void a_sealed_secret_opens_for_its_name_and_workspace_only(void **state)
{
    struct auth_key master;
    uint8_t sealed[64 + AUTH_SEAL_OVERHEAD];
    char out[sizeof(sealed)];
    struct slice name = SLICE_LITERAL("shop");
    size_t len;
    size_t opened;

    (void)state;
    auth_key_random(&master);
    len = auth_seal(&master, 1, name, SLICE_LITERAL("sk-1234"), sealed);
    assert_int_equal(len, 7 + AUTH_SEAL_OVERHEAD);
    assert_int_equal(auth_unseal(&master, 1, name, slice_make(sealed, len), out, &opened, NULL),
                     ERR_OK);
    assert_true(slice_equal_text(slice_make(out, opened), "sk-1234"));
    assert_int_equal(auth_unseal(&master, 2, name, slice_make(sealed, len), out, &opened, NULL),
                     ERR_CORRUPT);
    assert_int_equal(auth_unseal(&master, 1, SLICE_LITERAL("other"), slice_make(sealed, len), out,
                                 &opened, NULL),
                     ERR_CORRUPT);
    sealed[len - 1] ^= 1;
    assert_int_equal(auth_unseal(&master, 1, name, slice_make(sealed, len), out, &opened, NULL),
                     ERR_CORRUPT);
    assert_int_equal(auth_unseal(&master, 1, name, slice_make(sealed, 39), out, &opened, NULL),
                     ERR_CORRUPT);
}

static void our_own_pages_are_known_by_host_and_port(void **state)
{
    struct slice own = SLICE_LITERAL("chat.example");
    struct slice url = SLICE_LITERAL("https://Chat.example/");

    (void)state;
    assert_true(auth_origin_is(SLICE_LITERAL("https://chat.example"), own));
    assert_true(auth_origin_is(SLICE_LITERAL("http://chat.example:80"), own));
    assert_true(auth_origin_is(SLICE_LITERAL("https://chat.example"), url));
    assert_true(
        auth_origin_is(SLICE_LITERAL("https://chat.example"), SLICE_LITERAL("chat.example:443")));
    assert_true(auth_origin_is(SLICE_LITERAL("http://[::1]:8080"), SLICE_LITERAL("[::1]:8080")));
    assert_false(auth_origin_is(SLICE_LITERAL("http://[::1]:8080"), SLICE_LITERAL("[::1]:8081")));
    assert_false(auth_origin_is(SLICE_LITERAL("https://chat.example:8443"), own));
    assert_false(auth_origin_is(SLICE_LITERAL("https://chat.example.evil.example"), own));
    assert_false(auth_origin_is(SLICE_LITERAL("https://evil.example"), own));
    assert_false(auth_origin_is(SLICE_LITERAL("null"), own));
    assert_false(auth_origin_is(SLICE_LITERAL("null"), SLICE_LITERAL("null")));
    assert_false(auth_origin_is(SLICE_LITERAL("https://"), SLICE_EMPTY));
    assert_false(auth_origin_is(SLICE_EMPTY, SLICE_EMPTY));
}

static void a_site_lists_pages_as_a_browser_reads_the_list(void **state)
{
    char *list[] = { (char *)"shop.example", (char *)"*.shop.example", (char *)"dev.example:8080" };
    static const struct {
        const char *origin;
        bool tls, listed;
    } cases[] = {
        { "https://shop.example", true, true },
        { "http://shop.example", false, true },
        { "https://shop.example", false, true },
        { "http://shop.example", true, false },
        { "https://SHOP.example", true, true },
        { "https://www.shop.example", true, true },
        { "https://a.b.shop.example", true, true },
        { "https://eshop.example", true, false },
        { "https://shop.example:8443", true, false },
        { "http://dev.example:8080", false, true },
        { "http://dev.example", false, false },
        { "https://evil.example", true, false },
        { "null", false, false },
        { "file://", false, false },
        { "", false, false },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(auth_origin_listed(slice_of(cases[i].origin), cases[i].tls, list, 3),
                         cases[i].listed);
    assert_true(auth_origin_listed(SLICE_LITERAL("http://any.example:1"), true, NULL, 0));
    assert_false(auth_origin_listed(SLICE_LITERAL("null"), true, NULL, 0));
}

static void a_reference_of_an_upload_is_its_visitors_and_unchanged(void **state)
{
    struct auth_key key = { { 1, 2, 3 } };
    struct auth_key other = { { 9 } };
    struct auth_attachment in = { .visitor_id = 7, .id = UINT64_MAX };
    struct auth_attachment out;
    char text[AUTH_ATTACHMENT_TEXT_MAX];

    (void)state;
    memset(in.name, 'n', ATTACHMENT_NAME_BYTES_MAX);
    auth_attachment_sign(&key, &in, text);
    assert_int_equal(auth_attachment_verify(&key, slice_of(text), 7, &out, NULL), ERR_OK);
    assert_int_equal(out.id, in.id);
    assert_string_equal(out.name, in.name);
    assert_int_equal(auth_attachment_verify(&key, slice_of(text), 8, &out, NULL), ERR_FORBIDDEN);
    assert_int_equal(auth_attachment_verify(&other, slice_of(text), 7, &out, NULL), ERR_FORBIDDEN);
    for (size_t len = 0; len < strlen(text); len++)
        assert_int_equal(auth_attachment_verify(&key, slice_make(text, len), 7, &out, NULL),
                         ERR_FORBIDDEN);
    text[20] = text[20] == 'A' ? 'B' : 'A';
    assert_int_equal(auth_attachment_verify(&key, slice_of(text), 7, &out, NULL), ERR_FORBIDDEN);
    memset(text, 'A', sizeof(text) - 1); /* more bytes than any has */
    assert_int_equal(
        auth_attachment_verify(&key, slice_make(text, sizeof(text) - 1), 7, &out, NULL),
        ERR_FORBIDDEN);
    assert_int_equal(auth_attachment_verify(&key, SLICE_LITERAL("cup.jpg"), 7, &out, NULL),
                     ERR_FORBIDDEN);
}

static int group_setup(void **state)
{
    (void)state;
    return auth_secret_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_verifies_only_against_its_own_hash),
        cmocka_unit_test(fifth_wrong_password_locks_for_a_growing_time),
        cmocka_unit_test(visitor_token_survives_only_unchanged),
        cmocka_unit_test(identity_needs_the_sites_fresh_signature),
        cmocka_unit_test(ticket_works_once_and_for_half_a_minute),
        cmocka_unit_test(key_file_is_private_and_stays_the_same),
        cmocka_unit_test(our_own_pages_are_known_by_host_and_port),
        cmocka_unit_test(a_site_lists_pages_as_a_browser_reads_the_list),
        cmocka_unit_test(a_reference_of_an_upload_is_its_visitors_and_unchanged),
        cmocka_unit_test(a_sealed_secret_opens_for_its_name_and_workspace_only),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
