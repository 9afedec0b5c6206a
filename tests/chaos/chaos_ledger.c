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

enum { LEDGER_VIOLATIONS_PRINTED = 20 };

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
    fflush(ledger->file);
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
    fflush(ledger->file);
}

size_t ledger_text(uint32_t sender, uint32_t counter, char *out, size_t out_size)
{
    return (size_t)snprintf(out, out_size, "账本 ledger %u/%u 退货要几天?", sender, counter);
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
    message = bsearch(&key, ledger->messages, ledger->count, sizeof(key), by_client_id);
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

void ledger_check_sql(struct ledger *ledger, const char *data_dir)
{
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    uint64_t conv = 0;
    uint32_t last_seq = 0;

    snprintf(path, sizeof(path), "%s/main.db", data_dir);
    qsort(ledger->messages, ledger->count, sizeof(*ledger->messages), by_client_id);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db,
                           "SELECT conversation_id, seq, client_id, text FROM event"
                           " ORDER BY conversation_id, seq",
                           -1, &rows, NULL) != SQLITE_OK)
        bench_fail("%s: %s", path, sqlite3_errmsg(db));
    while (sqlite3_step(rows) == SQLITE_ROW) {
        uint64_t row_conv = (uint64_t)sqlite3_column_int64(rows, 0);
        uint32_t seq = (uint32_t)sqlite3_column_int64(rows, 1);
        char client_id[33];

        if (row_conv != conv)
            last_seq = 0;
        if (seq != last_seq + 1)
            ledger_violation(ledger, "L3 conversation %" PRIu64 ": seq %u follows %u", row_conv,
                             seq, last_seq);
        conv = row_conv;
        last_seq = seq;
        if (sqlite3_column_bytes(rows, 2) != 16)
            continue;
        hex_of(sqlite3_column_blob(rows, 2), client_id);
        check_stored(
            ledger, client_id, conv, seq,
            slice_make(sqlite3_column_text(rows, 3), (size_t)sqlite3_column_bytes(rows, 3)));
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    check_messages(ledger);
}
