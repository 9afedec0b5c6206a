/* SPDX-License-Identifier: Apache-2.0 */
/* kefu-chaos COMMAND: breaks a real server under load and checks the ledger afterwards. Bounded in
 * rounds and time; ends with status 1 on any violation. */
#include "chaos_disk.h"
#include "chaos_flip.h"
#include "chaos_overload.h"
#include "chaos_torture.h"
#include "chaos_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Dead in the middle of work, of a backup, right after it answered, or before it ever did. */
static void kill_somewhere(struct chaos_run *run)
{
    switch (random() % 5) {
    case 0:
        run_kill_in_backup(run);
        break;
    case 1:
        server_kill(&run->server);
        server_kill_starting(&run->server, random() % 60000);
        break;
    case 2:
        server_kill(&run->server);
        run_restart(run);
        run_work(run, random() % 20000);
        server_kill(&run->server);
        break;
    default:
        server_kill(&run->server);
        break;
    }
}

static int chaos_kill(const struct bench_args *args)
{
    long rounds = bench_arg_long(args, "rounds", 10, 1, 100000);
    struct chaos_run *run = run_begin(args, NULL);

    for (long round = 0; round < rounds; round++) {
        run_work(run, run_moment_us());
        kill_somewhere(run);
        run_restart(run);
    }
    return run_end(run, "kill");
}

static int chaos_power_cut(const struct bench_args *args)
{
    long rounds = bench_arg_long(args, "rounds", 3, 1, 100000);
    struct chaos_disk disk;
    struct chaos_run *run;
    int status;

    if (!chaos_disk_create_ext4(&disk, 1024))
        return CHAOS_SKIPPED;
    run = run_begin(args, disk.mount);
    for (long round = 0; round < rounds; round++) {
        run_work(run, run_moment_us());
        server_freeze(&run->server);
        chaos_disk_cut(&disk);
        server_kill(&run->server);
        chaos_disk_remount(&disk);
        run_restart(run);
    }
    status = run_end(run, "power-cut");
    chaos_disk_destroy(&disk);
    return status;
}

/* Full until something was refused, then free: writing must come back by itself. */
static int chaos_disk_full(const struct bench_args *args)
{
    struct chaos_disk disk;
    struct chaos_run *run;
    char filler[192];
    uint64_t busy;
    uint64_t acked;
    int64_t freed_us;
    int status;

    if (!chaos_disk_create_tmpfs(&disk, 256))
        return CHAOS_SKIPPED;
    run = run_begin(args, disk.mount);
    run_work(run, 500000);
    chaos_disk_fill(&disk, filler, sizeof(filler));
    busy = run->load.busy;
    for (int i = 0; i < 1200 && run->load.busy == busy; i++)
        run_work(run, 50000);
    if (run->load.busy == busy)
        ledger_violation(&run->ledger, "nothing was refused on a full disk in 60 s");
    if (bench_http_get(run->server.process.port, "/healthz", NULL, 0) != 200)
        ledger_violation(&run->ledger, "the process does not answer on a full disk");
    unlink(filler);
    freed_us = bench_now_us();
    acked = run->ledger.acked;
    while (run->ledger.acked == acked && bench_now_us() - freed_us < 20000000)
        run_work(run, 10000);
    printf("writing resumed %.2f s after space was free\n",
           (double)(bench_now_us() - freed_us) / 1e6);
    if (bench_now_us() - freed_us > 5000000)
        ledger_violation(&run->ledger, "writing resumed later than 5 s after space was free");
    status = run_end(run, "disk-full");
    chaos_disk_destroy(&disk);
    return status;
}

static int chaos_reconnect_storm(const struct bench_args *args)
{
    struct chaos_run *run = run_begin(args, NULL);
    uint64_t acked;
    int64_t from;

    run_work(run, 3000000);
    server_kill(&run->server);
    run_work(run, 50000); /* the clients notice */
    from = bench_now_us();
    run_restart(run);
    acked = run->ledger.acked;
    while (bench_ws_open_count(run->load.pool) < run->load.connections &&
           bench_now_us() - from < 60000000)
        run_work(run, 10000);
    printf("%u of %u clients back after %.2f s\n", bench_ws_open_count(run->load.pool),
           run->load.connections, (double)(bench_now_us() - from) / 1e6);
    if (bench_ws_open_count(run->load.pool) < run->load.connections)
        ledger_violation(&run->ledger, "not all clients are back after 60 s");
    run_work(run, 2000000);
    if (run->ledger.acked == acked)
        ledger_violation(&run->ledger, "nothing was acknowledged after the storm");
    return run_end(run, "reconnect-storm");
}

/* A tenth of the clients stop reading; the others must go on, memory must stay bounded. */
static int chaos_slow_reader(const struct bench_args *args)
{
    struct chaos_run *run = run_begin(args, NULL);
    double before;
    double after;
    uint64_t acked;

    run_work(run, 2000000);
    before = bench_process_private_bytes(run->server.process.pid);
    for (unsigned i = 0; i < run->load.connections / 10; i++)
        bench_ws_pause(run->load.visitors[i].ws);
    acked = run->ledger.acked;
    run_work(run, 10000000);
    after = bench_process_private_bytes(run->server.process.pid);
    printf("%llu acknowledged beside the slow ones, memory grew by %.1f MiB\n",
           (unsigned long long)(run->ledger.acked - acked), (after - before) / 1048576);
    if (run->ledger.acked == acked)
        ledger_violation(&run->ledger, "slow readers stopped the others");
    for (unsigned i = 0; i < run->load.connections / 10; i++)
        bench_ws_resume(run->load.visitors[i].ws);
    return run_end(run, "slow-reader");
}

static const struct {
    const char *name;
    int (*run)(const struct bench_args *args);
    const char *help;
} commands[] = {
    { "kill", chaos_kill, "--rounds N: kill -9 at random moments under load" },
    { "power-cut", chaos_power_cut, "--rounds N: cut ext4 off without its log, as root" },
    { "disk-full", chaos_disk_full, "fill the disk, free it again, as root" },
    { "reconnect-storm", chaos_reconnect_storm, "--connections N: all clients return at once" },
    { "bit-flip", chaos_bit_flip,
      "--rounds N [--file main.db]: flip bits of a killed server's files" },
    { "torture", chaos_torture, "[--fresh] [--step N]: the nth write, sync, open fails" },
    { "overload", chaos_overload, "--seconds S: twice the capacity, then 0.7 of it" },
    { "slow-reader", chaos_slow_reader, "a tenth of the clients stop reading" },
};

int main(int argc, char **argv)
{
    struct bench_args args = { .argc = argc - 2, .argv = argv + 2 };

    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(&args);
    }
    fputs("usage: kefu-chaos COMMAND [options]\n", stderr);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stderr, "  %-16s %s\n", commands[i].name, commands[i].help);
    return 2;
}
