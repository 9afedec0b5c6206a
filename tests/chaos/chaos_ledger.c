/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_server.h"
#include "mem.h"

enum {
    LEDGER_VIOLATIONS_PRINTED = 20,
    LEDGER_PERSON_EVERY = 40, /* messages of a sender */
    AUTHOR_VISITOR = 1,       /* of event.proto */
    STATE_NEW = 1,
    STATE_BOT = 2,
    STATE_AGENT = 4,
};

void ledger_violation(struct ledger *ledger, const char *fmt, ...)
{
    va_list args;

    if (ledger->violations++ >= LEDGER_VIOLATIONS_PRINTED)
        return;
    va_start(args, fmt);
    fputs("VIOLATION ", stdout);
    vprintf(fmt, args);
    fputc('\n', stdout);
    va_end(args);
}

void ledger_open(struct ledger *ledger, const char *path)
{
    *ledger = (struct ledger){ .file = fopen(path, "w") };
    if (ledger->file == NULL)
        bench_fail("cannot write %s: errno %d", path, errno);
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->file != NULL)
        fclose(ledger->file);
    free(ledger->messages);
    free(ledger->threads);
    *ledger = (struct ledger){ 0 };
}

size_t ledger_sent(struct ledger *ledger, uint32_t sender, uint32_t counter, uint64_t conv)
{
    struct ledger_message *message;

    if (ledger->count == ledger->cap) {
        ledger->cap = ledger->cap > 0 ? ledger->cap * 2 : 4096;
        ledger->messages = mem_realloc(ledger->messages, ledger->cap * sizeof(*message));
    }
    message = &ledger->messages[ledger->count];
    *message = (struct ledger_message){ .sender = sender, .counter = counter, .conv = conv };
    bench_client_id(message->client_id);
    fprintf(ledger->file, "sent %u %u %s\n", sender, counter, message->client_id);
    return ledger->count++;
}

void ledger_acked(struct ledger *ledger, size_t index, uint64_t conv, uint32_t seq)
{
    struct ledger_message *message = &ledger->messages[index];

    if (message->seq != 0 && (message->seq != seq || message->conv != conv))
        ledger_violation(ledger, "L2 %s acknowledged as seq %u and again as %u", message->client_id,
                         message->seq, seq);
    if (message->seq == 0)
        ledger->acked++;
    message->seq = seq;
    message->conv = conv;
    fprintf(ledger->file, "acked %s %" PRIu64 " %u\n", message->client_id, conv, seq);
}

size_t ledger_text(uint32_t sender, uint32_t counter, char *out, size_t out_size)
{
    return (size_t)snprintf(out, out_size,
                            counter % LEDGER_PERSON_EVERY == 7 ? "转人工 %u/%u"
                                                               : "账本 ledger %u/%u 退货要几天?",
                            sender, counter);
}

static int by_client_id(const void *a, const void *b)
{
    return strcmp(((const struct ledger_message *)a)->client_id,
                  ((const struct ledger_message *)b)->client_id);
}

static void hex_of(const unsigned char *bytes, char out[33])
{
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void check_stored(struct ledger *ledger, const char *client_id, uint64_t conv, uint32_t seq,
                         struct slice text)
{
    struct ledger_message key;
    struct ledger_message *message;
    char expected[128];

    memcpy(key.client_id, client_id, sizeof(key.client_id));
    message = ledger->count == 0
                  ? NULL
                  : bsearch(&key, ledger->messages, ledger->count, sizeof(key), by_client_id);
    if (message == NULL) {
        ledger_violation(ledger, "L5 stored but never sent: %s in %" PRIu64, client_id, conv);
        return;
    }
    if (message->found)
        ledger_violation(ledger, "L2 %s is stored twice", client_id);
    message->found = true;
    if (message->seq != 0 && (message->seq != seq || message->conv != conv))
        ledger_violation(ledger, "L1 %s acknowledged as %u, stored as %u", client_id, message->seq,
                         seq);
    message->seq = message->seq != 0 ? message->seq : seq;
    ledger_text(message->sender, message->counter, expected, sizeof(expected));
    if (!slice_equal_text(text, expected))
        ledger_violation(ledger, "L6 %s has other bytes", client_id);
}

static int by_sender(const void *a, const void *b)
{
    const struct ledger_message *x = a;
    const struct ledger_message *y = b;

    if (x->sender != y->sender)
        return x->sender < y->sender ? -1 : 1;
    return x->counter < y->counter ? -1 : x->counter > y->counter;
}

static void check_messages(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (ledger->messages[i].seq != 0 && !ledger->messages[i].found)
            ledger_violation(ledger, "L1 acknowledged but not stored: %s",
                             ledger->messages[i].client_id);
    }
    if (ledger->count > 0)
        qsort(ledger->messages, ledger->count, sizeof(*ledger->messages), by_sender);
    for (size_t i = 1; i < ledger->count; i++) {
        const struct ledger_message *a = &ledger->messages[i - 1];
        const struct ledger_message *b = &ledger->messages[i];

        if (a->sender == b->sender && a->conv == b->conv && a->found && b->found &&
            a->seq >= b->seq)
            ledger_violation(ledger, "L4 sender %u: message %u is seq %u, message %u is seq %u",
                             a->sender, a->counter, a->seq, b->counter, b->seq);
    }
}

/* ---- threads and states ---- */

void ledger_thread(struct ledger *ledger, uint64_t conv, const struct thread *thread)
{
    if ((ledger->threads_count & (ledger->threads_count - 1)) == 0)
        ledger->threads = mem_realloc(ledger->threads,
                                      (ledger->threads_count * 2 + 1) * sizeof(*ledger->threads));
    ledger->threads[ledger->threads_count++] =
        (struct ledger_thread){ conv, thread_hash(thread), thread->count };
}

static void check_thread(struct ledger *ledger, uint64_t conv, const struct thread *thread)
{
    for (size_t i = 0; i < ledger->threads_count; i++) {
        const struct ledger_thread *seen = &ledger->threads[i];

        if (seen->conv == conv &&
            (seen->count != thread->count || seen->hash != thread_hash(thread)))
            ledger_violation(ledger, "L7 conversation %" PRIu64 ": read %zu events, stored %zu",
                             conv, seen->count, thread->count);
    }
}

/* A visitor's message to the bot has its answer in the same turn: a conversation with the bot whose
 * last word is the visitor's waits for ever. */
static void check_state(struct ledger *ledger, sqlite3 *db, uint64_t conv,
                        const struct thread *thread)
{
    sqlite3_stmt *row = NULL;
    int state;

    if (sqlite3_prepare_v2(db,
                           "SELECT state, head_seq, agent_id <> 0 AND NOT EXISTS"
                           " (SELECT 1 FROM agent WHERE agent.id = agent_id)"
                           " FROM conversation WHERE id = ?",
                           -1, &row, NULL) != SQLITE_OK)
        bench_fail("%s", sqlite3_errmsg(db));
    sqlite3_bind_int64(row, 1, (int64_t)conv);
    if (sqlite3_step(row) != SQLITE_ROW) {
        ledger_violation(ledger, "L10 events of %" PRIu64 " without a conversation", conv);
        sqlite3_finalize(row);
        return;
    }
    state = sqlite3_column_int(row, 0);
    if (state == STATE_NEW || (state == STATE_AGENT && sqlite3_column_int(row, 2) != 0))
        ledger_violation(ledger, "L10 conversation %" PRIu64 " is stuck in state %d", conv, state);
    if (state == STATE_BOT && thread->events[thread->count - 1].visitor)
        ledger_violation(ledger, "L10 conversation %" PRIu64 ": the bot owes an answer", conv);
    if ((uint32_t)sqlite3_column_int64(row, 1) != thread->events[thread->count - 1].seq)
        ledger_violation(ledger, "L3 conversation %" PRIu64 ": its header names another end", conv);
    sqlite3_finalize(row);
}

/* ---- the table of events ---- */

static const char rows_sql[] = "SELECT conversation_id, seq, client_id, text, author_kind, kind,"
                               " internal FROM event ORDER BY conversation_id, seq";

static void check_row(struct ledger *ledger, sqlite3_stmt *rows, struct thread *thread)
{
    uint64_t conv = (uint64_t)sqlite3_column_int64(rows, 0);
    uint32_t seq = (uint32_t)sqlite3_column_int64(rows, 1);
    uint32_t last = thread->count > 0 ? thread->events[thread->count - 1].seq : 0;
    struct slice text =
        slice_make(sqlite3_column_text(rows, 3), (size_t)sqlite3_column_bytes(rows, 3));
    unsigned author = (unsigned)sqlite3_column_int(rows, 4);
    char client_id[33];

    if (seq != last + 1)
        ledger_violation(ledger, "L3 conversation %" PRIu64 ": seq %u follows %u", conv, seq, last);
    thread_add(thread, seq, sqlite3_column_int(rows, 6) != 0, author,
               (unsigned)sqlite3_column_int(rows, 5), text);
    if (author != AUTHOR_VISITOR || sqlite3_column_bytes(rows, 2) != 16)
        return;
    hex_of(sqlite3_column_blob(rows, 2), client_id);
    check_stored(ledger, client_id, conv, seq, text);
}

static void check_conversation(struct ledger *ledger, sqlite3 *db, uint64_t conv,
                               struct thread *thread)
{
    if (thread->count > 0) {
        check_thread(ledger, conv, thread);
        check_state(ledger, db, conv, thread);
    }
    thread->count = 0;
}

void ledger_check_sql(struct ledger *ledger, const char *data_dir)
{
    struct thread thread = { 0 };
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    uint64_t conv = 0;

    fflush(ledger->file);
    snprintf(path, sizeof(path), "%s/main.db", data_dir);
    if (ledger->count > 0)
        qsort(ledger->messages, ledger->count, sizeof(*ledger->messages), by_client_id);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, rows_sql, -1, &rows, NULL) != SQLITE_OK)
        bench_fail("%s: %s", path, sqlite3_errmsg(db));
    while (sqlite3_step(rows) == SQLITE_ROW) {
        if ((uint64_t)sqlite3_column_int64(rows, 0) != conv)
            check_conversation(ledger, db, conv, &thread);
        conv = (uint64_t)sqlite3_column_int64(rows, 0);
        check_row(ledger, rows, &thread);
    }
    check_conversation(ledger, db, conv, &thread);
    thread_fini(&thread);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    check_messages(ledger);
}
