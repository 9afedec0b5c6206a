/* SPDX-License-Identifier: Apache-2.0 */
/* What a store without a journal would be: rows into one table with both unique indexes, synced
 * before they are acknowledged. */
#include "bench_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "mem.h"

struct baseline {
    sqlite3 *db;
    sqlite3_stmt *insert;
    uint64_t random, client;
    uint64_t *ids; /* of the conversations that rows come from, as in the store's own load */
    uint32_t *seqs;
    unsigned convs;
    uint64_t next_id;
};

static void sql(struct baseline *b, const char *text)
{
    if (sqlite3_exec(b->db, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_fail("baseline: %s", sqlite3_errmsg(b->db));
}

static void row_insert(struct baseline *b)
{
    static const char body[120];
    uint64_t id[2] = { __builtin_bswap64(++b->client), b->random };
    unsigned c;

    b->random = b->random * UINT64_C(6364136223846793005) + 1;
    c = (unsigned)((b->random >> 33) % b->convs);
    if (b->seqs[c] == 0)
        b->ids[c] = b->next_id += 4099;
    sqlite3_bind_int64(b->insert, 1, (int64_t)b->ids[c]);
    sqlite3_bind_int64(b->insert, 2, ++b->seqs[c]);
    if (b->seqs[c] >= STORE_LOAD_EVENTS * (STORE_LOAD_TURNS_MIN + STORE_LOAD_TURNS_MAX) / 2)
        b->seqs[c] = 0; /* it ends, and another begins */
    sqlite3_bind_blob(b->insert, 3, id, sizeof(id), SQLITE_STATIC);
    sqlite3_bind_blob(b->insert, 4, body, sizeof(body), SQLITE_STATIC);
    if (sqlite3_step(b->insert) != SQLITE_DONE)
        bench_fail("baseline: %s", sqlite3_errmsg(b->db));
    sqlite3_reset(b->insert);
}

static void rows_insert(struct baseline *b, long n)
{
    sql(b, "begin immediate");
    for (long i = 0; i < n; i++)
        row_insert(b);
    sql(b, "commit");
}

static void baseline_open(struct baseline *b, const char *path)
{
    if (sqlite3_open(path, &b->db) != SQLITE_OK)
        bench_fail("baseline: %s", sqlite3_errmsg(b->db));
    sql(b, "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536;"
           "create table event(id integer primary key, conversation_id int, seq int,"
           " client_id blob, body blob);"
           "create unique index event_seq on event(conversation_id, seq);"
           "create unique index event_client_id on event(client_id)");
    if (sqlite3_prepare_v2(b->db,
                           "insert into event(conversation_id, seq, client_id, body)"
                           " values(?, ?, ?, ?)",
                           -1, &b->insert, NULL) != SQLITE_OK)
        bench_fail("baseline: %s", sqlite3_errmsg(b->db));
}

double store_baseline(const char *folder, long batch, double seconds, long rows, unsigned convs)
{
    struct baseline b = { .random = 1, .convs = convs, .next_id = UINT64_C(1) << 53 };
    char path[256];
    int64_t start;
    int64_t now;
    long n = 0;

    b.ids = mem_zalloc(convs * sizeof(*b.ids));
    b.seqs = mem_zalloc(convs * sizeof(*b.seqs));
    snprintf(path, sizeof(path), "%s/baseline.db", folder);
    baseline_open(&b, path);
    for (long done = 0; done < rows; done += 100000)
        rows_insert(&b, rows - done < 100000 ? rows - done : 100000);
    start = now = bench_now_us();
    for (; now < start + (int64_t)(seconds * 1e6); now = bench_now_us(), n += batch)
        rows_insert(&b, batch);
    sqlite3_finalize(b.insert);
    sqlite3_close(b.db);
    unlink(path);
    free(b.ids);
    free(b.seqs);
    return (double)n * 1e6 / (double)(now - start);
}
