/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what was sent and what was acknowledged, kept outside the tested disk, and the check
 * of the store against it. Demands, by the names of the reliability paper:
 * L1 acknowledged is in the store; L2 no client id twice; L3 seq dense 1..n; L4 order of one sender
 * kept; L5 stored (by a visitor) was sent; L6 bytes equal; L7 the readers' lists are the store's;
 * L10 no conversation is stuck between two states. */
#ifndef KEFU_CHAOS_LEDGER_H
#define KEFU_CHAOS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos_thread.h"

struct ledger_message {
    char client_id[33];
    uint32_t sender;  /* connection index */
    uint32_t counter; /* per sender, from 1 */
    uint32_t seq;     /* acknowledged seq, 0: not yet */
    uint64_t conv;    /* 0 until known */
    bool found;       /* by the check */
};

/* What a reader saw of a conversation. */
struct ledger_thread {
    uint64_t conv;
    uint64_t hash;
    size_t count;
};

struct ledger {
    struct ledger_message *messages;
    size_t count, cap;
    struct ledger_thread *threads;
    size_t threads_count;
    FILE *file;
    uint64_t violations;
    uint64_t acked;
};

void ledger_open(struct ledger *ledger, const char *path);
void ledger_close(struct ledger *ledger);
/* Records the message before it is sent; the index names it. */
size_t ledger_sent(struct ledger *ledger, uint32_t sender, uint32_t counter, uint64_t conv);
void ledger_acked(struct ledger *ledger, size_t index, uint64_t conv, uint32_t seq);
/* The text of a message follows from sender and counter; now and then it asks for a person. */
size_t ledger_text(uint32_t sender, uint32_t counter, char *out, size_t out_size);

/* For L7, once per conversation. */
void ledger_thread(struct ledger *ledger, uint64_t conv, const struct thread *thread);

/* Reads DATA/main.db (no server may run on it) and checks the ledger against it. */
void ledger_check_sql(struct ledger *ledger, const char *data_dir);
void ledger_violation(struct ledger *ledger, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
