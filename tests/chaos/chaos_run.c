/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos_disk.h"
#include "chaos_readers.h"

enum {
    RUN_CONNECTIONS = 50,
    RUN_START_MS = 10000,
    RUN_FINISH_SECONDS = 30,
    RUN_QUEUE_SECONDS = 20, /* the agent closes what it is given; then nobody waits */
};

void server_kill(struct bench_server *server)
{
    int status;

    kill(server->process.pid, SIGKILL);
    waitpid(server->process.pid, &status, 0);
    close(server->process.out_fd);
    server->process.pid = 0;
}

/* Stopped, or in the kernel and stopped when it comes back. */
static bool thread_halted(const char *pid, const char *tid)
{
    char path[80];
    char line[512];
    FILE *file;
    const char *end = NULL;

    snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/stat", pid, tid);
    file = fopen(path, "re");
    if (file == NULL)
        return true; /* it has ended */
    if (fgets(line, sizeof(line), file) != NULL)
        end = strrchr(line, ')'); /* proc(5): the state follows the name */
    fclose(file);
    return end == NULL || strchr("TD", end[2]) != NULL;
}

static bool all_halted(pid_t process)
{
    char pid[24];
    char path[48];
    const struct dirent *entry;
    bool halted = true;
    DIR *tasks;

    snprintf(pid, sizeof(pid), "%d", (int)process);
    snprintf(path, sizeof(path), "/proc/%s/task", pid);
    tasks = opendir(path);
    if (tasks == NULL)
        bench_fail("%s: errno %d", path, errno);
    while ((entry = readdir(tasks)) != NULL)
        halted = halted && (entry->d_name[0] == '.' || thread_halted(pid, entry->d_name));
    closedir(tasks);
    return halted;
}

void server_freeze(const struct bench_server *server)
{
    kill(server->process.pid, SIGSTOP);
    while (!all_halted(server->process.pid))
        sched_yield();
}

static void launch_logged(struct bench_server *server, const char *path)
{
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int kept = dup(STDERR_FILENO);

    dup2(log, STDERR_FILENO);
    bench_server_launch(server);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(log);
}

bool server_start_tried(struct bench_server *server, const char *log, int *status)
{
    int64_t end = bench_now_us() + RUN_START_MS * 1000LL;
    struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

    launch_logged(server, log);
    while (bench_http_get(server->process.port, "/readyz", NULL, 0) != 200) {
        if (waitpid(server->process.pid, status, WNOHANG) == server->process.pid) {
            close(server->process.out_fd);
            server->process.pid = 0;
            return false;
        }
        if (bench_now_us() > end) {
            *status = -1;
            server_kill(server);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

void server_kill_starting(struct bench_server *server, int64_t us)
{
    struct timespec pause = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

    bench_server_launch(server);
    nanosleep(&pause, NULL);
    server_kill(server);
}

struct chaos_run *run_begin(const struct bench_args *args, const char *dir)
{
    static struct chaos_run run;
    char ledger_dir[128];
    unsigned connections = (unsigned)bench_arg_long(args, "connections", RUN_CONNECTIONS, 1, 15000);

    srandom((unsigned)bench_arg_long(args, "seed", getpid(), 1, INT32_MAX));
    if (dir != NULL)
        snprintf(run.server.dir, sizeof(run.server.dir), "%s/data", dir);
    bench_server_start(&run.server);
    bench_temp_dir(ledger_dir, sizeof(ledger_dir));
    snprintf(run.path, sizeof(run.path), "%s/ledger", ledger_dir);
    ledger_open(&run.ledger, run.path);
    chaos_load_init(&run.load, connections, &run.ledger, run.server.process.port,
                    run.server.site_key);
    chaos_agent_init(&run.agent, run.server.process.port, run.server.dir);
    return &run;
}

void run_work(struct chaos_run *run, int64_t us)
{
    int64_t end = bench_now_us() + us;

    while (bench_now_us() < end) {
        chaos_load_turn(&run->load);
        chaos_agent_turn(&run->agent);
    }
}

void run_restart(struct chaos_run *run)
{
    int64_t from = bench_now_us();

    bench_server_start(&run->server);
    if (bench_now_us() - from > run->slowest_start_us)
        run->slowest_start_us = bench_now_us() - from;
}

int64_t run_moment_us(void)
{
    return 100000 + random() % 500000;
}

/* ---- backups ---- */

static void backup_check(struct chaos_run *run, const char *program, const char *file)
{
    char dir[160];
    const char *const restore[] = { program, "restore", file, "--data", dir, NULL };
    const char *const check[] = { program, "check", "--data", dir, NULL };

    snprintf(dir, sizeof(dir), "%s-restored", file);
    if (!chaos_command(restore) || !chaos_command(check))
        ledger_violation(&run->ledger, "a backup that was called good cannot be restored");
    bench_remove_tree(dir);
    run->backups++;
}

void run_kill_in_backup(struct chaos_run *run)
{
    struct bench_process backup = { 0 };
    char dir[128];
    char file[144];
    char program[256];
    char *argv[] = { "kefu", "backup", file, "--data", run->server.dir, NULL };
    int status;

    bench_temp_dir(dir, sizeof(dir));
    snprintf(file, sizeof(file), "%s/backup", dir);
    bench_process_start(&backup, argv);
    run_work(run, random() % 1500000);
    server_kill(&run->server);
    waitpid(backup.pid, &status, 0);
    close(backup.out_fd);
    if (status == 0 && bench_program_found("kefu", program, sizeof(program)))
        backup_check(run, program, file);
    bench_remove_tree(dir);
}

/* ---- the end ---- */

static void run_finish(struct chaos_run *run)
{
    int64_t end = bench_now_us() + RUN_FINISH_SECONDS * 1000000LL;

    run->load.sending = false;
    while (chaos_load_in_flight(&run->load) > 0 && bench_now_us() < end)
        run_work(run, 20000);
    if (chaos_load_in_flight(&run->load) > 0)
        ledger_violation(&run->ledger, "L1 some messages are still not acknowledged after %d s",
                         RUN_FINISH_SECONDS);
    end = bench_now_us() + RUN_QUEUE_SECONDS * 1000000LL;
    while (chaos_agent_waiting(&run->agent) != 0 && bench_now_us() < end)
        run_work(run, 100000);
    if (chaos_agent_waiting(&run->agent) != 0)
        ledger_violation(&run->ledger, "L10 conversations wait for an agent with room after %d s",
                         RUN_QUEUE_SECONDS);
}

int run_end(struct chaos_run *run, const char *what)
{
    run_finish(run);
    readers_compare(run);
    bench_server_stop(&run->server, true); /* SIGTERM settles what the journal holds */
    ledger_check_sql(&run->ledger, run->server.dir);
    printf("%s: %zu sent, %llu acknowledged, %llu busy answers, %u hand-offs closed, "
           "%zu conversations read three ways, %u backups restored, slowest start %.2f s, %llu "
           "violations\n",
           what, run->ledger.count, (unsigned long long)run->ledger.acked,
           (unsigned long long)run->load.busy, run->agent.closed, run->ledger.threads_count,
           run->backups, (double)run->slowest_start_us / 1e6,
           (unsigned long long)run->ledger.violations);
    chaos_load_fini(&run->load);
    chaos_agent_fini(&run->agent);
    if (run->ledger.violations == 0) {
        bench_remove_tree(run->server.dir);
        unlink(run->path);
    } else {
        printf("kept for inspection: %s and %s\n", run->server.dir, run->path);
    }
    return run->ledger.violations == 0 && run->ledger.acked > 0 ? 0 : 1;
}
