/* SPDX-License-Identifier: Apache-2.0 */
/* Logs as SQLite writes them, damaged byte by byte. */
#include "test.h"

#include "sqlite_wal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, FRAME_BYTES = PAGE_BYTES + 24, HEAD_BYTES = 32, COMMITS = 5 };

struct fixture {
    char dir[64];
    char db[96];
    char wal[100];
    sqlite3 *handle;
    off_t len;
};

static void statement(struct fixture *f, const char *sql)
{
    assert_int_equal(sqlite3_exec(f->handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* COMMITS transactions of one frame each behind those that make the table. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct stat st;

    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/kefu-wal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->db, sizeof(f->db), "%s/main.db", f->dir);
    snprintf(f->wal, sizeof(f->wal), "%s-wal", f->db);
    assert_int_equal(sqlite3_open(f->db, &f->handle), SQLITE_OK);
    statement(f, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
                 "create table t(id integer primary key, v); insert into t values(1, 0);"
                 "PRAGMA wal_checkpoint(TRUNCATE);");
    for (int i = 0; i < COMMITS; i++)
        statement(f, "update t set v = v + 1");
    assert_int_equal(stat(f->wal, &st), 0);
    assert_int_equal(st.st_size, HEAD_BYTES + COMMITS * FRAME_BYTES);
    f->len = st.st_size;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char shm[112];

    sqlite3_close(f->handle);
    snprintf(shm, sizeof(shm), "%s-shm", f->db);
    (void)unlink(shm);
    (void)unlink(f->wal);
    (void)unlink(f->db);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static enum err_code checked_with_flip(struct fixture *f, off_t at)
{
    int fd = open(f->wal, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    unsigned char flipped;
    enum err_code rc;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    flipped = byte ^ 4;
    assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
    rc = wal_check(f->db, NULL);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
    return rc;
}

static void a_sound_log_passes_and_none_too(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wal_check(f->db, NULL), ERR_OK);
    assert_int_equal(wal_check("/tmp/kefu-wal-nowhere/main.db", NULL), ERR_OK);
}

static void any_flipped_byte_before_the_last_commit_is_damage(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    for (off_t at = 0; at < HEAD_BYTES; at++)
        assert_int_equal(checked_with_flip(f, at), ERR_CORRUPT);
    for (off_t at = HEAD_BYTES; at < f->len - 2 * FRAME_BYTES; at += 61)
        assert_int_equal(checked_with_flip(f, at), ERR_CORRUPT);
    /* In the last but one, what says "commit" may be hit itself. */
    assert_int_equal(checked_with_flip(f, f->len - 2 * FRAME_BYTES + 100), ERR_CORRUPT);
    assert_int_equal(wal_check(f->db, &err), ERR_OK);
}

static void a_torn_end_is_no_damage(void **state)
{
    struct fixture *f = *state;

    for (off_t at = f->len - FRAME_BYTES; at < f->len; at += 61)
        assert_int_equal(checked_with_flip(f, at), ERR_OK);
    for (off_t len = f->len - 1; len > HEAD_BYTES; len -= 509) {
        assert_int_equal(truncate(f->wal, len), 0);
        assert_int_equal(wal_check(f->db, NULL), ERR_OK);
    }
}

static void frames_of_the_log_before_are_no_damage(void **state)
{
    struct fixture *f = *state;

    statement(f, "PRAGMA wal_checkpoint(RESTART); update t set v = v + 1;");
    assert_int_equal(wal_check(f->db, NULL), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_log_passes_and_none_too, setup, teardown),
        cmocka_unit_test_setup_teardown(any_flipped_byte_before_the_last_commit_is_damage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_of_the_log_before_are_no_damage, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
