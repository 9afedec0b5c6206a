/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a running store, restored elsewhere; damaged ones; and what a check finds. */
#include "test.h"

#include "store_sqlite.h"

#include "backup_format.h"
#include "mem.h"
#include "store_suite.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, PATH_BYTES = 160 };

struct fixture {
    char path[64];
    char data[PATH_BYTES];
    char restored[PATH_BYTES];
    char file[PATH_BYTES];
    struct store_suite suite;
    struct arena arena;
};

static int entry_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));

    snprintf(f->path, sizeof(f->path), "/tmp/kefu-backup-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->data, sizeof(f->data), "%s/data", f->path);
    snprintf(f->restored, sizeof(f->restored), "%s/restored", f->path);
    snprintf(f->file, sizeof(f->file), "%s/kefu.tar", f->path);
    f->suite = (struct store_suite){ .backend = &store_sqlite_backend, .path = f->data };
    arena_init(&f->arena, ARENA_BYTES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    nftw(f->path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void message(struct suite_store *s, uint64_t conv, uint32_t seq, const char *text)
{
    struct suite_turn t;

    suite_turn_init(&t, conv, seq);
    suite_turn_message(&t, text, seq);
    suite_append(s, &t.turn);
}

static size_t thread_count(struct fixture *f, struct suite_store *s, uint64_t conv)
{
    struct store_thread_query query = { .conv = conv, .limit = STORE_THREAD_MAX };
    struct store_thread thread;
    enum store_read read;
    struct err err = { 0 };

    arena_reset(&f->arena);
    assert_int_equal(store_thread_read(s->store, &query, &f->arena, &thread, &read, &err), ERR_OK);
    for (size_t i = 0; i < thread.n; i++)
        assert_int_equal(thread.events[i].seq, i + 1);
    return thread.n;
}

/* 30 settled turns, and 7 that only the journal holds. */
static void store_fill(struct fixture *f, struct suite_store *s)
{
    suite_options(s, &f->suite);
    s->options.settle_paused = true;
    suite_start(s);
    for (uint32_t seq = 1; seq <= 30; seq++)
        message(s, 1, seq, "settled 退款");
    suite_settle(s);
    for (uint32_t seq = 31; seq <= 35; seq++)
        message(s, 1, seq, "in the journal");
    message(s, 2, 1, "in the journal");
    message(s, 2, 2, "in the journal");
    suite_wait(s);
}

static void backup_make(struct fixture *f, bool with_key)
{
    struct suite_store s;
    struct err err = { 0 };

    store_fill(f, &s);
    assert_int_equal(store_backup(s.store, f->file, with_key, &err), ERR_OK);
    suite_close(&s);
}

static bool exists(const char *folder, const char *name)
{
    char path[2 * PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void restored_store_has_everything(void **state)
{
    struct fixture *f = *state;
    struct store_suite suite = { .backend = &store_sqlite_backend, .path = f->restored };
    struct store_check_report report;
    struct suite_store s;
    struct err err = { 0 };

    backup_make(f, false);
    assert_false(exists(f->path, "kefu.tar.part"));
    assert_false(exists(f->path, "kefu.tar.part-main.db"));
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_OK);
    assert_int_equal(store_sqlite_check(f->restored, &report, &err), ERR_OK);
    assert_int_equal(report.events, 30);
    assert_int_equal(report.journal_turns, 7);
    assert_int_equal(report.bad_checksums + report.seq_gaps + report.sqlite_problems, 0);
    suite_open(&s, &suite);
    assert_int_equal(thread_count(f, &s, 1), 35);
    assert_int_equal(thread_count(f, &s, 2), 2);
    message(&s, 2, 3, "life goes on");
    suite_settle(&s);
    assert_int_equal(thread_count(f, &s, 2), 3);
    suite_close(&s);
}

static void backup_of_a_busy_store_is_a_moment_of_it(void **state)
{
    struct fixture *f = *state;
    struct store_suite suite = { .backend = &store_sqlite_backend, .path = f->restored };
    struct suite_store s;
    struct err err = { 0 };
    uint32_t seq = 1;
    size_t restored;

    suite_open(&s, &f->suite);
    for (; seq <= 400; seq++)
        message(&s, 1, seq, "before");
    suite_settle(&s);
    for (; seq <= 500; seq++)
        message(&s, 1, seq, "acknowledged before the backup");
    suite_wait(&s);
    assert_int_equal(store_backup(s.store, f->file, false, &err), ERR_OK);
    for (; seq <= 600; seq++)
        message(&s, 1, seq, "after");
    suite_close(&s);
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_OK);
    suite_open(&s, &suite);
    restored = thread_count(f, &s, 1);
    assert_int_equal(restored, 500);
    suite_close(&s);
}

static void key_is_inside_only_when_asked(void **state)
{
    struct fixture *f = *state;
    char path[2 * PATH_BYTES];
    struct suite_store s;
    struct err err = { 0 };
    FILE *key;

    store_fill(f, &s);
    snprintf(path, sizeof(path), "%s/secrets.key", f->data);
    key = fopen(path, "w");
    assert_non_null(key);
    fputs("0123456789abcdef", key);
    fclose(key);
    assert_int_equal(store_backup(s.store, f->file, false, &err), ERR_OK);
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_OK);
    assert_false(exists(f->restored, "secrets.key"));
    nftw(f->restored, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(store_backup(s.store, f->file, true, &err), ERR_OK); /* replaces the first */
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_OK);
    assert_true(exists(f->restored, "secrets.key"));
    suite_close(&s);
}

static void byte_flip(const char *file, off_t at)
{
    int fd = open(file, O_RDWR);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 1);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t file_size(const char *file)
{
    struct stat st;

    assert_int_equal(stat(file, &st), 0);
    return st.st_size;
}

static void damaged_backup_puts_nothing_in_place(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    off_t size;

    backup_make(f, false);
    size = file_size(f->file);
    for (int i = 0; i < 40; i++) { /* all over the file: headers, members, manifest */
        off_t at = i < 20 ? size / 20 * i + 7 : size - 1024 - 40 * (i - 20) - 1;

        if (at >= size - 1024)
            continue; /* the end blocks carry nothing */
        byte_flip(f->file, at);
        if (store_sqlite_restore(f->file, f->restored, &err) == ERR_OK) {
            /* a byte that no reader looks at: padding, a header's spare fields */
            nftw(f->restored, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
        } else {
            assert_false(exists(f->path, "restored"));
            assert_false(exists(f->path, "restored.restore"));
        }
        byte_flip(f->file, at);
    }
    byte_flip(f->file, TAR_BLOCK + 5000); /* in main.db */
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_CORRUPT);
    assert_false(exists(f->path, "restored"));
    byte_flip(f->file, TAR_BLOCK + 5000);
    assert_int_equal(truncate(f->file, size - 3000), 0);
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_CORRUPT);
    assert_false(exists(f->path, "restored"));
}

static void occupied_folders_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    backup_make(f, false);
    assert_int_equal(store_sqlite_restore(f->file, f->data, &err), ERR_CONFLICT);
    assert_int_equal(mkdir(f->restored, 0700), 0);
    assert_int_equal(store_sqlite_restore(f->file, f->restored, &err), ERR_OK); /* empty is fine */
    assert_int_equal(store_sqlite_restore("/nowhere/kefu.tar", f->restored, &err), ERR_CONFLICT);
    assert_int_equal(store_sqlite_restore(f->data, "/tmp/kefu-not-there", &err), ERR_IO);
}

/* ---- check ---- */

static void sql_run(const struct fixture *f, const char *sql)
{
    char path[2 * PATH_BYTES];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/main.db", f->data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void check_counts_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct store_check_report report;
    struct suite_store s;
    struct err err = { 0 };

    suite_open(&s, &f->suite);
    for (uint64_t conv = 1; conv <= 3; conv++) {
        for (uint32_t seq = 1; seq <= 10; seq++)
            message(&s, conv, seq, "hello");
    }
    suite_settle(&s);
    assert_int_equal(store_sqlite_check(f->data, &report, &err), ERR_CONFLICT); /* it runs */
    assert_int_equal(store_sqlite_check_running(s.store, &report, &err), ERR_OK);
    assert_int_equal(report.events, 30);
    assert_int_equal(report.conversations, 3);
    assert_int_equal(report.bad_checksums + report.seq_gaps, 0);
    suite_close(&s);
    sql_run(f, "update event set text = 'hullo' where conversation_id = 1 and seq = 4;"
               "delete from event where conversation_id = 2 and seq = 10;"
               "delete from event where conversation_id = 3 and seq = 5;"
               "update conversation set header = x'0801' where id = 3");
    assert_int_equal(store_sqlite_check(f->data, &report, &err), ERR_OK);
    assert_int_equal(report.events, 28);
    assert_int_equal(report.bad_checksums, 2);
    assert_int_equal(report.seq_gaps, 2);
    assert_int_equal(report.sqlite_problems, 0);
    assert_false(exists(f->data, "main.db-wal"));
    assert_false(exists(f->data, "main.db-shm"));
}

static void check_sees_broken_pages(void **state)
{
    struct fixture *f = *state;
    struct store_check_report report;
    struct suite_store s;
    char path[2 * PATH_BYTES];
    struct err err = { 0 };
    enum err_code rc;

    suite_open(&s, &f->suite);
    for (uint32_t seq = 1; seq <= 300; seq++)
        message(&s, 1, seq, "hello");
    suite_close(&s);
    snprintf(path, sizeof(path), "%s/main.db", f->data);
    for (off_t at = 8192; at < file_size(path); at += 8192)
        byte_flip(path, at + 3); /* each page's count of cells */
    rc = store_sqlite_check(f->data, &report, &err);
    assert_true(rc == ERR_CORRUPT || (rc == ERR_OK && report.sqlite_problems > 0));
    assert_int_equal(store_sqlite_check("/tmp/kefu-not-there", &report, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(restored_store_has_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(backup_of_a_busy_store_is_a_moment_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(key_is_inside_only_when_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_backup_puts_nothing_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(occupied_folders_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(check_counts_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(check_sees_broken_pages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
