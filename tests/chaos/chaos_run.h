/* SPDX-License-Identifier: Apache-2.0 */
/* What every command begins and ends with: a server, visitors that load it, an agent that works,
 * the ledger and its check. Also the moments at which a server can die. */
#ifndef KEFU_CHAOS_RUN_H
#define KEFU_CHAOS_RUN_H

#include "chaos_agent.h"
#include "chaos_load.h"

struct chaos_run {
    struct bench_server server;
    struct ledger ledger;
    struct chaos_load load;
    struct chaos_agent agent;
    char path[192]; /* of the ledger */
    int64_t slowest_start_us;
    unsigned backups; /* that were restored and checked */
};

/* dir: an existing folder for the data, NULL: a temporary one. Options: --connections, --seed. */
struct chaos_run *run_begin(const struct bench_args *args, const char *dir);
/* Visitors and the agent for some time. */
void run_work(struct chaos_run *run, int64_t us);
void run_restart(struct chaos_run *run); /* after server_kill */
/* Everything that is in flight is finished, the readers are compared, the server ends, the tables
 * are checked. Gives the exit status. */
int run_end(struct chaos_run *run, const char *what);

void server_kill(struct bench_server *server);
/* Nothing of it runs any more but what is in the kernel, such as a sync: as when the power goes.
 * A server that went on after the file system was cut off could acknowledge what a sync wrongly
 * called done; Linux 6.18's ext4 does so when blocks of a new file could not be marked as written.
 */
void server_freeze(const struct bench_server *server);
/* Starts it with its log in a file. False: it ended while starting (*status says how), or was not
 * ready in time and is killed (-1). */
bool server_start_tried(struct bench_server *server, const char *log, int *status);
/* Starts it and kills it within us, ready or not. */
void server_kill_starting(struct bench_server *server, int64_t us);
/* Kills it in the middle of a backup, or soon after. A backup that was called good is restored and
 * checked. */
void run_kill_in_backup(struct chaos_run *run);
/* The load's usual stretch between two faults. */
int64_t run_moment_us(void);

#endif
