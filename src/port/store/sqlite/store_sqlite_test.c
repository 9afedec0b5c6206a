/* SPDX-License-Identifier: Apache-2.0 */
/* The shared suite on the default adapter, and what only it promises: surviving. A crash is a
 * child process that ends without closing; what it had acknowledged is told through shared memory.
 */
#include "test.h"

#include "store_sqlite.h"

#include "journal.h"
#include "mem.h"
#include "sqlite_schema.h"
#include "store_suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, PATH_BYTES = 128 };

/* ---- folders ---- */

struct fixture {
    char path[64];
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

    snprintf(f->path, sizeof(f->path), "/tmp/kefu-store-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->suite = (struct store_suite){ .backend = &store_sqlite_backend, .path = f->path };
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

static void run_suite_test(void **state)
{
    const struct store_suite_test *test = *state;
    void *f;

    setup(&f);
    test->run(&((struct fixture *)f)->suite);
    teardown(&f);
}

/* ---- helpers ---- */

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
    assert_int_equal(read, STORE_READ_DONE);
    for (size_t i = 0; i < thread.n; i++)
        assert_int_equal(thread.events[i].seq, i + 1);
    return thread.n;
}

/* The newest event's seq; the newest thousand are looked at. */
static uint32_t thread_last(struct fixture *f, struct suite_store *s, uint64_t conv)
{
    struct store_thread_query query = { .conv = conv, .limit = STORE_THREAD_MAX, .newest = true };
    struct store_thread thread;
    enum store_read read;
    struct err err = { 0 };

    arena_reset(&f->arena);
    assert_int_equal(store_thread_read(s->store, &query, &f->arena, &thread, &read, &err), ERR_OK);
    for (size_t i = 1; i < thread.n; i++)
        assert_int_equal(thread.events[i].seq, thread.events[i - 1].seq + 1);
    return thread.n != 0 ? thread.events[thread.n - 1].seq : 0;
}

static void sql_run(const struct fixture *f, const char *sql)
{
    char path[PATH_BYTES];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/main.db", f->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t sql_number(const struct fixture *f, const char *sql)
{
    char path[PATH_BYTES];
    sqlite3_stmt *stmt;
    sqlite3 *db;
    int64_t value;

    snprintf(path, sizeof(path), "%s/main.db", f->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

/* Runs `run` in a child that ends like a crash. */
static void crash(struct fixture *f, void (*run)(struct fixture *f, struct suite_store *s))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct suite_store s;

        suite_options(&s, &f->suite);
        s.options.settle_paused = true;
        suite_start(&s);
        run(f, &s);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void ten_turns(struct fixture *f, struct suite_store *s)
{
    (void)f;
    for (uint32_t seq = 1; seq <= 5; seq++) {
        message(s, 1, seq, "first conversation");
        suite_wait(s); /* a batch each */
        message(s, 2, seq, "second conversation");
        suite_wait(s);
    }
}

static void ten_turns_settled(struct fixture *f, struct suite_store *s)
{
    ten_turns(f, s);
    suite_settle(s);
}

/* The first segment, for reading and writing. */
static int segment_open(const struct fixture *f)
{
    char path[PATH_BYTES];
    int fd;

    snprintf(path, sizeof(path), "%s/journal/000001.log", f->path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

/* Offset of the nth batch of the first segment, from 0. */
static off_t batch_offset(int fd, unsigned n)
{
    struct journal_batch_head head;
    off_t at = JOURNAL_BLOCK;

    for (;; n--) {
        assert_int_equal(pread(fd, &head, sizeof(head), at), sizeof(head));
        assert_int_equal(head.magic, JOURNAL_BATCH_MAGIC);
        if (n == 0)
            return at;
        at = (off_t)journal_round((size_t)at + sizeof(head) + head.length, JOURNAL_BLOCK);
    }
}

static unsigned segments_count(const struct fixture *f)
{
    char path[PATH_BYTES];
    struct dirent *entry;
    unsigned n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/journal", f->path);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        n += strstr(entry->d_name, ".log") != NULL;
    closedir(dir);
    return n;
}

/* ---- crashes ---- */

static void unsettled_turns_are_settled_at_start(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;

    crash(f, ten_turns);
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_int_equal(stats.settle_backlog, 0);
    assert_int_equal(stats.torn_bytes, 0);
    assert_int_equal(thread_count(f, &s, 1), 5);
    assert_int_equal(thread_count(f, &s, 2), 5);
    suite_close(&s);
    assert_int_equal(segments_count(f), 0);
}

static void rich_turns(struct fixture *f, struct suite_store *s)
{
    struct suite_turn t;
    uint8_t id[STORE_CLIENT_ID_BYTES];

    ten_turns(f, s);
    suite_turn_init(&t, 3, 1);
    suite_turn_message(&t, "hello", 9);
    suite_client_id(id, 9);
    t.header.start_client_id.data = id;
    t.header.start_client_id.len = sizeof(id);
    t.header.due_at = 5000;
    t.turn.visitor = &t.visitor;
    t.visitor.id = 1003;
    t.visitor.name = (char *)"Mei";
    t.turn.n_traces = 1;
    t.trace.conversation_id = 3;
    t.trace.seq = 1;
    t.turn.n_read_marks = 1;
    t.mark.conversation_id = 3;
    t.mark.seq = 1;
    suite_append(s, &t.turn);
    suite_wait(s);
}

static void lists_are_exact(struct fixture *f, struct suite_store *s)
{
    struct store_page page;
    struct slice bytes;
    uint8_t id[STORE_CLIENT_ID_BYTES];
    uint64_t conv;
    struct err err = { 0 };

    suite_client_id(id, 9);
    assert_int_equal(store_conv_open_list(s->store, 0, 10, &f->arena, &page, &err), ERR_OK);
    assert_int_equal(page.n, 3);
    assert_int_equal(store_conv_due_list(s->store, 9999, 0, 0, 10, &f->arena, &page, &err), ERR_OK);
    assert_int_equal(page.n, 1);
    assert_int_equal(store_conv_by_start(s->store, 1003, id, &conv, &err), ERR_OK);
    assert_int_equal(conv, 3);
    assert_int_equal(store_visitor_open_conv(s->store, 1002, 5, &conv, &err), ERR_OK);
    assert_int_equal(conv, 2);
    assert_int_equal(store_visitor_load(s->store, 1003, &f->arena, &bytes, &err), ERR_OK);
    assert_true(bytes.len > 0);
}

static void much_left_over_is_exact_before_it_is_settled(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;
    struct store_conv conv;
    struct slice trace;
    struct err err = { 0 };

    crash(f, rich_turns);
    suite_options(&s, &f->suite);
    s.options.settle_paused = true; /* as if there were a million */
    suite_start(&s);
    store_stats(s.store, &stats);
    assert_int_equal(stats.settle_backlog, 11);
    assert_int_equal(stats.turns_committed, 0);
    assert_int_equal(stats.events_settled, 0);
    lists_are_exact(f, &s);
    assert_int_equal(thread_count(f, &s, 1), 5);
    assert_int_equal(store_conv_load(s.store, 3, &f->arena, &conv, &err), ERR_OK);
    assert_true(conv.found && conv.client_ids_n == 1 && conv.marks_n == 1);
    assert_int_equal(store_trace_load(s.store, 3, 1, &f->arena, &trace, &err), ERR_OK);
    assert_non_null(trace.ptr);
    store_stats(s.store, &stats);
    assert_int_equal(stats.events_settled, 11); /* the neighbour went along */
    assert_int_equal(stats.settle_backlog, 11);
    message(&s, 1, 6, "life goes on");
    suite_settle(&s);
    store_stats(s.store, &stats);
    assert_int_equal(stats.settle_backlog, 0);
    assert_int_equal(stats.events_settled, 12);
    assert_int_equal(stats.quarantined, 0);
    assert_int_equal(thread_count(f, &s, 1), 6);
    assert_int_equal(thread_count(f, &s, 2), 5);
    suite_close(&s);
}

static void damage_in_what_is_left_over_is_quarantined_once(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;
    char byte = 'x';
    int fd;

    crash(f, ten_turns);
    fd = segment_open(f);
    assert_int_equal(pwrite(fd, &byte, 1, batch_offset(fd, 2) + 100),
                     1); /* conversation 1, seq 2 */
    close(fd);
    suite_options(&s, &f->suite);
    s.options.settle_paused = true;
    suite_start(&s);
    assert_int_equal(thread_count(f, &s, 1), 1);
    assert_int_equal(s.quarantined_conv, 1);
    suite_settle(&s);
    store_stats(s.store, &stats);
    assert_int_equal(stats.quarantined, 3);
    assert_int_equal(thread_count(f, &s, 2), 5);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select count(*) from quarantine where conversation_id = 1"), 3);
}

static void second_crash_leaves_the_same(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;

    crash(f, rich_turns);
    crash(f, lists_are_exact); /* which takes them in, settles none, and ends */
    suite_open(&s, &f->suite);
    lists_are_exact(f, &s);
    assert_int_equal(thread_count(f, &s, 1), 5);
    assert_int_equal(thread_count(f, &s, 3), 1);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select count(*) from quarantine"), 0);
}

struct shared {
    atomic_uint acked[8]; /* highest seq acknowledged, by conversation */
    atomic_uint total;
};

static struct shared *shared;

static void acked(void *ctx, unsigned shard, const struct store_completion *completions, size_t n)
{
    (void)ctx, (void)shard;
    for (size_t i = 0; i < n; i++) {
        ENSURE(completions[i].rc == ERR_OK);
        atomic_store(&shared->acked[completions[i].ticket >> 32], (unsigned)completions[i].ticket);
        atomic_fetch_add(&shared->total, 1);
    }
}

/* Appends until it is killed, going on where the last one was acknowledged or later. */
static _Noreturn void append_for_ever(struct fixture *f)
{
    struct suite_store s;
    uint32_t next[8];

    suite_options(&s, &f->suite);
    s.options.on_complete = acked;
    suite_start(&s);
    for (uint64_t conv = 1; conv < 8; conv++)
        next[conv] = thread_last(f, &s, conv) + 1;
    for (uint64_t conv = 1;; conv = conv % 7 + 1) {
        static uint8_t bytes[4096];
        struct suite_turn t;
        struct store_turn turn = { .workspace = 1, .conv = conv, .n_events = 1 };
        struct err err = { 0 };

        suite_turn_init(&t, conv, next[conv]);
        suite_turn_message(&t, "until the lights go out", next[conv]);
        turn.ticket = conv << 32 | next[conv];
        turn.first_seq = next[conv];
        turn.bytes = slice_make(bytes, kefu__v1__turn__pack(&t.turn, bytes));
        if (store_append(s.store, (unsigned)(conv % SUITE_SHARDS), &turn, 1, &err) == ERR_OK)
            next[conv]++;
    }
}

static void killed_store_keeps_what_it_acknowledged(void **state)
{
    struct fixture *f = *state;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned round = 1; round <= 5; round++) {
        struct suite_store s;
        unsigned until = atomic_load(&shared->total) + 400 * round;
        pid_t pid = fork();

        if (pid == 0)
            append_for_ever(f);
        while (atomic_load(&shared->total) < until)
            sched_yield();
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        suite_open(&s, &f->suite);
        for (uint64_t conv = 1; conv < 8; conv++)
            assert_true(thread_last(f, &s, conv) >= atomic_load(&shared->acked[conv]));
        suite_close(&s);
    }
    assert_int_equal(sql_number(f, "select count(*) from quarantine"), 0);
    assert_int_equal(sql_number(f, "select count(*) from (select max(seq) m, count(*) n from event"
                                   " group by conversation_id) where m <> n"),
                     0);
    munmap(shared, sizeof(*shared));
}

static void torn_tail_is_zeroed(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;
    off_t last;
    char byte = 'x';
    int fd;

    crash(f, ten_turns);
    fd = segment_open(f);
    last = batch_offset(fd, 9);
    assert_int_equal(pwrite(fd, &byte, 1, last + 100), 1); /* in the last batch's record */
    close(fd);
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_true(stats.torn_bytes > 0);
    assert_int_equal(stats.corrupt, 0);
    assert_int_equal(thread_count(f, &s, 1), 5);
    assert_int_equal(thread_count(f, &s, 2), 4); /* never acknowledged, as far as the disk knows */
    message(&s, 2, 5, "again");
    suite_settle(&s);
    assert_int_equal(thread_count(f, &s, 2), 5);
    suite_close(&s);
}

static void damage_before_the_end_is_quarantined(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;
    struct store_conv conv;
    struct err err = { 0 };
    char byte = 'x';
    int fd;

    crash(f, ten_turns);
    fd = segment_open(f);
    assert_int_equal(pwrite(fd, &byte, 1, batch_offset(fd, 2) + 100),
                     1); /* conversation 1, seq 2 */
    close(fd);
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_true(stats.corrupt > 0);
    assert_int_equal(stats.torn_bytes, 0);
    assert_int_equal(thread_count(f, &s, 1), 1);
    assert_int_equal(thread_count(f, &s, 2), 5); /* everything else goes on */
    assert_int_equal(store_conv_load(s.store, 1, &f->arena, &conv, &err), ERR_OK);
    assert_true(conv.quarantined);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select count(*) from quarantine where conversation_id = 1"), 3);
    assert_true(sql_number(f, "select count(*) from quarantine where conversation_id = 0") > 0);
}

static void replayed_turns_are_recognised(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;

    crash(f, ten_turns_settled);
    sql_run(f, "update progress set settled_upto = 0, settled_batch = 1");
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_int_equal(stats.quarantined, 0);
    assert_int_equal(stats.events_settled, 0);
    assert_int_equal(thread_count(f, &s, 1), 5);
    suite_close(&s);
}

static void replay_of_other_content_is_quarantined(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;

    crash(f, ten_turns_settled);
    sql_run(f, "update progress set settled_upto = 0, settled_batch = 1;"
               "update event set origin_crc = 1 where conversation_id = 2 and seq = 5");
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_int_equal(stats.quarantined, 1);
    assert_int_equal(thread_count(f, &s, 2), 5);
    suite_close(&s);
}

/* A recall changes a row after it was settled; its first checksum still tells the replay. */
static void recalled_then_replayed(struct fixture *f, struct suite_store *s)
{
    struct suite_turn t;
    Kefu__V1__Event *event;

    ten_turns(f, s);
    suite_turn_init(&t, 1, 6);
    event = suite_turn_message(&t, "", 0);
    event->kind = KEFU__V1__EVENT__KIND__recall;
    event->target_seq = 2;
    suite_append(s, &t.turn);
    suite_settle(s);
}

static void replay_after_a_recall_is_recognised(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_stats stats;

    crash(f, recalled_then_replayed);
    sql_run(f, "update progress set settled_upto = 0, settled_batch = 1");
    suite_open(&s, &f->suite);
    store_stats(s.store, &stats);
    assert_int_equal(stats.quarantined, 0);
    assert_int_equal(thread_count(f, &s, 1), 6);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select count(*) from event where text like 'first%'"), 4);
}

/* ---- segments ---- */

static void settled_segments_are_unlinked(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    static char text[8000];
    uint32_t seq = 1;

    memset(text, 'x', sizeof(text) - 1);
    suite_options(&s, &f->suite);
    s.options.settle_paused = true;
    suite_start(&s);
    for (; seq <= 500; seq++)
        message(&s, 1, seq, text);
    suite_wait(&s);
    assert_true(segments_count(f) >= 4); /* of a megabyte */
    suite_settle(&s);
    assert_true(segments_count(f) <= 2); /* the current one and the one made ahead */
    assert_int_equal(thread_count(f, &s, 1), 500);
    suite_close(&s);
}

static void read_says_again_when_a_segment_is_gone(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_overlay gone = { journal_position(77, 600), 1, 1 };
    struct store_thread_query query = { .conv = 9, .limit = 5, .overlay = &gone, .overlay_n = 1 };
    struct store_thread thread;
    enum store_read read;
    struct err err = { 0 };

    suite_open(&s, &f->suite);
    assert_int_equal(store_thread_read(s.store, &query, &f->arena, &thread, &read, &err), ERR_OK);
    assert_int_equal(read, STORE_READ_AGAIN);
    suite_close(&s);
}

/* ---- versions and ownership ---- */

static void one_process_owns_the_folder(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store *second = NULL;
    struct err err = { 0 };

    suite_open(&s, &f->suite);
    assert_int_equal(store_open(&s.options, &second, &err), ERR_CONFLICT);
    assert_null(second);
    suite_close(&s);
    suite_open(&s, &f->suite);
    suite_close(&s);
}

static void newer_schema_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct err err = { 0 };
    struct stat before;
    struct stat after;
    char path[PATH_BYTES];

    suite_open(&s, &f->suite);
    suite_close(&s);
    sql_run(f, "insert into migration values(9, 9, 0)");
    snprintf(path, sizeof(path), "%s/main.db", f->path);
    assert_int_equal(stat(path, &before), 0);
    suite_options(&s, &f->suite);
    assert_int_equal(store_open(&s.options, &s.store, &err), ERR_UNSUPPORTED);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
    sql_run(f, "update migration set min_reader = 1 where version = 9"); /* newer, but readable */
    suite_start(&s);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select max(version) from migration"), 9);
}

static void turn_from_the_future(struct fixture *f, struct suite_store *s)
{
    struct suite_turn t;

    ten_turns(f, s);
    suite_turn_init(&t, 3, 1);
    suite_turn_message(&t, "hello from 2036", 1);
    t.turn.format = 2;
    suite_append(s, &t.turn);
    suite_wait(s);
}

static void newer_journal_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct err err = { 0 };

    crash(f, turn_from_the_future);
    suite_options(&s, &f->suite);
    assert_int_equal(store_open(&s.options, &s.store, &err), ERR_UNSUPPORTED);
    assert_int_equal(sql_number(f, "select count(*) from event"), 0); /* nothing was settled */
}

static void empty_file_is_migrated(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    char path[PATH_BYTES];
    int fd;

    snprintf(path, sizeof(path), "%s/main.db", f->path);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    suite_open(&s, &f->suite);
    message(&s, 1, 1, "hello");
    suite_settle(&s);
    suite_close(&s);
    assert_int_equal(sql_number(f, "select max(version) from migration"), SCHEMA_VERSION);
}

static void other_files_are_not_a_store(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct err err = { 0 };
    char path[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/main.db", f->path);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", file);
    fclose(file);
    suite_options(&s, &f->suite);
    assert_int_equal(store_open(&s.options, &s.store, &err), ERR_CORRUPT);
}

/* ---- what is on the disk ---- */

/* As when a flipped bit of the index leads past the row. */
static void a_hidden_event_is_noticed_by_both_kinds_of_reader(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_thread_query query = { .conv = 1, .limit = 5 };
    struct store_thread thread;
    enum store_read read;
    struct err err = { 0 };

    for (uint32_t hidden = 1; hidden <= 3; hidden++) {
        char sql[80];

        suite_open(&s, &f->suite);
        for (uint32_t seq = 1; seq <= 3; seq++)
            message(&s, hidden, seq, "hello");
        suite_close(&s);
        snprintf(sql, sizeof(sql), "delete from event where conversation_id = %u and seq = %u",
                 hidden, hidden);
        sql_run(f, sql);
        suite_open(&s, &f->suite);
        query.conv = hidden;
        for (int i = 0; i < 4; i++) {
            enum err_code rc;

            arena_reset(&f->arena);
            query.newest = i % 2 != 0;
            query.public_only = i / 2 != 0;
            rc = store_thread_read(s.store, &query, &f->arena, &thread, &read, &err);
            /* Who sees only public events cannot tell whether one more would follow. */
            assert_int_equal(rc, query.public_only && hidden == 3 ? ERR_OK : ERR_CORRUPT);
        }
        suite_close(&s);
    }
}

static void bad_checksum_is_never_served(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct store_thread_query query = { .conv = 1, .limit = 5 };
    struct store_thread thread;
    struct store_stats stats;
    enum store_read read;
    struct err err = { 0 };

    suite_open(&s, &f->suite);
    message(&s, 1, 1, "pay 100 euros");
    suite_close(&s);
    sql_run(f, "update event set text = 'pay 900 euros'");
    suite_open(&s, &f->suite);
    assert_int_equal(store_thread_read(s.store, &query, &f->arena, &thread, &read, &err),
                     ERR_CORRUPT);
    store_stats(s.store, &stats);
    assert_int_equal(stats.corrupt, 1);
    suite_close(&s);
}

/* Whether any file below the folder holds these bytes. */
static const char *needle;
static bool needle_found;

static int file_search(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    int fd = open(path, O_RDONLY);
    char *bytes = MAP_FAILED;

    (void)ftw;
    if (flag == FTW_F && st->st_size > 0)
        bytes = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes != MAP_FAILED) {
        needle_found |= memmem(bytes, (size_t)st->st_size, needle, strlen(needle)) != NULL;
        munmap(bytes, (size_t)st->st_size);
    }
    close(fd);
    return 0;
}

static bool folder_holds(const struct fixture *f, const char *text)
{
    needle = text;
    needle_found = false;
    nftw(f->path, file_search, 16, FTW_PHYS);
    return needle_found;
}

static void erased_words_leave_the_files(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct suite_turn t;
    struct err err = { 0 };

    suite_open(&s, &f->suite);
    for (uint32_t seq = 1; seq <= 50; seq++)
        message(&s, 1, seq, seq == 25 ? "Geheimwort" : "nothing special");
    suite_turn_init(&t, 1, 51);
    suite_turn_message(&t, "Geheimwort, edited", 51)->kind = KEFU__V1__EVENT__KIND__edit;
    t.events[0].target_seq = 25;
    suite_append(&s, &t.turn);
    message(&s, 2, 1, "stays");
    suite_settle(&s);
    assert_true(folder_holds(f, "Geheimwort"));
    assert_int_equal(store_visitor_erase(s.store, 1001, &err), ERR_OK);
    suite_close(&s);
    assert_false(folder_holds(f, "Geheimwort"));
    assert_false(folder_holds(f, "geheimwort")); /* the search index's spelling */
    assert_false(folder_holds(f, "nothing special"));
    assert_true(folder_holds(f, "stays"));
}

/* ---- bounds ---- */

static void turn_is_refused_past_its_bounds(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct err err = { 0 };
    struct store_turn turn = { .ticket = 1, .conv = 2, .first_seq = 1, .n_events = 1 };
    char *bytes = mem_zalloc(STORE_TURN_BYTES_MAX + 1);

    suite_options(&s, &f->suite);
    s.options.segment_bytes = 0;
    suite_start(&s);
    turn.bytes = slice_make(bytes, STORE_TURN_BYTES_MAX + 1);
    assert_int_equal(store_append(s.store, 0, &turn, 1, &err), ERR_TOO_BIG);
    turn.bytes.len = STORE_TURN_BYTES_MAX;
    assert_int_equal(store_append(s.store, 0, &turn, 1, &err), ERR_OK);
    s.appended++;
    suite_wait(&s);
    assert_int_equal(s.failed, 0);
    turn.bytes.len = 1;
    turn.n_events = STORE_TURN_EVENTS_MAX + 1;
    assert_int_equal(store_append(s.store, 0, &turn, 1, &err), ERR_TOO_BIG);
    suite_close(&s);
    free(bytes);
}

static void shard_may_have_so_much_in_flight(void **state)
{
    struct fixture *f = *state;
    struct suite_store s;
    struct err err = { 0 };
    enum { N = 1024 + 1 };
    struct store_turn *turns = mem_zalloc(N * sizeof(*turns));

    suite_open(&s, &f->suite);
    for (unsigned i = 0; i < N; i++)
        turns[i] =
            (struct store_turn){ .ticket = i + 1, .conv = 2, .flags = STORE_TURN_MARKS_ONLY };
    assert_int_equal(store_append_room(s.store, 0), N - 1);
    assert_int_equal(store_append(s.store, 0, turns, N, &err), ERR_BUSY);
    assert_true(err.retry_after_ms > 0);
    assert_int_equal(store_append(s.store, 0, turns, N - 1, &err), ERR_OK);
    s.appended += N - 1;
    suite_wait(&s);
    suite_close(&s);
    free(turns);
}

/* ---- a full disk ---- */

static void filler_write(const char *path)
{
    static char block[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        continue;
    close(fd);
}

static bool append_try(struct suite_store *s, uint32_t seq, const char *text)
{
    struct suite_turn t;
    static uint8_t bytes[64 * 1024];
    struct store_turn turn = { .workspace = 1, .conv = 2, .first_seq = seq, .n_events = 1 };
    struct err err = { 0 };
    uint64_t failed = s->failed;

    suite_turn_init(&t, 2, seq);
    suite_turn_message(&t, text, seq);
    turn.ticket = s->appended + 1;
    turn.bytes = slice_make(bytes, kefu__v1__turn__pack(&t.turn, bytes));
    switch (store_append(s->store, 0, &turn, 1, &err)) {
    case ERR_OK:
        s->appended++;
        break;
    case ERR_NO_SPACE:
        return false;
    case ERR_UNAVAILABLE:
        store_shard_resume(s->store, 0);
        return false;
    default:
        fail_msg("%s", err.text);
    }
    suite_wait(s);
    return s->failed == failed;
}

/* Appends until the disk is full, then frees it and appends again. */
static void disk_full_run(struct fixture *f)
{
    struct suite_store s;
    char filler[PATH_BYTES];
    static char text[30000];
    time_t start;
    uint32_t seq = 1;

    memset(text, 'x', sizeof(text) - 1);
    snprintf(filler, sizeof(filler), "%s/filler", f->path);
    suite_open(&s, &f->suite);
    for (; seq <= 3; seq++)
        assert_true(append_try(&s, seq, "before"));
    suite_settle(&s);
    filler_write(filler);
    while (append_try(&s, seq, text)) /* into the room there already is */
        assert_true(++seq < 10000);
    assert_false(store_writable(s.store));
    assert_true(s.last_rc == ERR_OK || s.last_rc == ERR_NO_SPACE);
    assert_true(thread_last(f, &s, 2) >= 3); /* reads go on */
    assert_int_equal(unlink(filler), 0);
    for (start = time(NULL); !append_try(&s, seq, "after");)
        assert_true(time(NULL) - start <= 5);
    suite_settle(&s);
    assert_int_equal(thread_last(f, &s, 2), seq);
    assert_true(store_writable(s.store));
    suite_close(&s);
    suite_open(&s, &f->suite);
    assert_int_equal(thread_last(f, &s, 2), seq);
    suite_close(&s);
}

static void full_disk_refuses_and_resumes(void **state)
{
    struct fixture *f = *state;

    if (mount("tmpfs", f->path, "tmpfs", 0, "size=24m") != 0) {
        print_message("skipped: mounting a tmpfs here: %s\n", strerror(errno));
        skip();
    }
    disk_full_run(f);
    assert_int_equal(umount(f->path), 0);
}

#define TEST(fn)                       \
    {                                  \
#fn, fn, setup, teardown, NULL \
    }
static const struct CMUnitTest own_tests[] = {
    TEST(unsettled_turns_are_settled_at_start),
    TEST(much_left_over_is_exact_before_it_is_settled),
    TEST(damage_in_what_is_left_over_is_quarantined_once),
    TEST(second_crash_leaves_the_same),
    TEST(killed_store_keeps_what_it_acknowledged),
    TEST(torn_tail_is_zeroed),
    TEST(damage_before_the_end_is_quarantined),
    TEST(replayed_turns_are_recognised),
    TEST(replay_of_other_content_is_quarantined),
    TEST(replay_after_a_recall_is_recognised),
    TEST(settled_segments_are_unlinked),
    TEST(read_says_again_when_a_segment_is_gone),
    TEST(one_process_owns_the_folder),
    TEST(newer_schema_is_refused_unchanged),
    TEST(newer_journal_is_refused_unchanged),
    TEST(empty_file_is_migrated),
    TEST(other_files_are_not_a_store),
    TEST(a_hidden_event_is_noticed_by_both_kinds_of_reader),
    TEST(bad_checksum_is_never_served),
    TEST(erased_words_leave_the_files),
    TEST(turn_is_refused_past_its_bounds),
    TEST(shard_may_have_so_much_in_flight),
    TEST(full_disk_refuses_and_resumes),
};

int main(void)
{
    struct CMUnitTest tests[128];
    size_t n = 0;

    ENSURE(store_suite_tests_n + LENGTH_OF(own_tests) <= LENGTH_OF(tests));
    for (size_t i = 0; i < store_suite_tests_n; i++)
        tests[n++] = (struct CMUnitTest){ store_suite_tests[i].name, run_suite_test, NULL, NULL,
                                          (void *)(uintptr_t)&store_suite_tests[i] };
    for (size_t i = 0; i < LENGTH_OF(own_tests); i++)
        tests[n++] = own_tests[i];
    return _cmocka_run_group_tests("sqlite", tests, n, NULL, NULL);
}
