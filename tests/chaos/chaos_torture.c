/* SPDX-License-Identifier: Apache-2.0 */
/* The disk fails once: the first write of a short life, then the second, and so on until a whole
 * life passes without a failure; the same for syncs, for changes of size and for opening. A life is
 * a start, some turns, an administrative change, and SIGTERM. What may follow: the server goes on
 * (it refused something, or tried again), or it ends with status 1 and says why. It never ends by a
 * signal, never with a sanitizer's report, and after the next start the ledger holds. */
#include "chaos_torture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos_disk.h"
#include "chaos_run.h"

enum {
    TORTURE_CONNECTIONS = 3,
    TORTURE_ACKED = 15,          /* turns of one life */
    TORTURE_LIFE_MS = 4000,      /* for them */
    TORTURE_STOP_MS = 20000,     /* SIGTERM settles for up to 10 s */
    TORTURE_FAULTS_MAX = 100000, /* of one class: a life without failure comes long before */
};

struct torture {
    struct bench_server server;
    char template[128]; /* a folder that has been used and closed */
    char mark[160];
    char log[160];
    struct ledger ledger;
    uint64_t violations;
    unsigned lives, ended, went_on;
};

static const struct {
    const char *class, *kind;
} faults[] = {
    { "write", "EIO" },   { "write", "ENOSPC" }, { "write", "short" }, { "sync", "EIO" },
    { "size", "ENOSPC" }, { "size", "EIO" },     { "open", "EIO" },
};

static void fault_set(struct torture *torture, const char *class, const char *kind, long nth)
{
    char number[24];

    snprintf(number, sizeof(number), "%ld", nth);
    setenv("KEFU_FAULT_CLASS", class, 1);
    setenv("KEFU_FAULT_KIND", kind, 1);
    setenv("KEFU_FAULT_NTH", number, 1);
    setenv("KEFU_FAULT_DIR", torture->server.dir, 1);
    setenv("KEFU_FAULT_MARK", torture->mark, 1);
    setenv("LD_PRELOAD", getenv("KEFU_FAULT_SHIM"), 1);
}

static void fault_clear(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("KEFU_FAULT_NTH");
}

/* Waits for the end that SIGTERM or a fault brings. False: it hangs. */
static bool ended(struct bench_server *server, int *status)
{
    int64_t end = bench_now_us() + TORTURE_STOP_MS * 1000LL;
    struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };

    while (waitpid(server->process.pid, status, WNOHANG) != server->process.pid) {
        if (bench_now_us() > end) {
            server_kill(server);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    close(server->process.out_fd);
    server->process.pid = 0;
    return true;
}

static void administer(struct torture *torture)
{
    struct chaos_login login;
    struct http_reply reply;

    if (!chaos_login(&login, torture->server.process.port, torture->server.dir))
        return; /* a refused change is an answer too */
    chaos_http_call(torture->server.process.port, "POST", "/api/v1/canned-replies", login.fields,
                    "{\"shortcut\":\"x\",\"text\":\"y\",\"locale\":\"en\"}", &reply);
    chaos_http_free(&reply);
}

static void live(struct torture *torture, struct chaos_load *load)
{
    int64_t end = bench_now_us() + TORTURE_LIFE_MS * 1000LL;
    int status;
    bool alive = true;

    load->sending = true;
    while (torture->ledger.acked < TORTURE_ACKED && bench_now_us() < end && alive) {
        chaos_load_run(load, 5000);
        alive = kill(torture->server.process.pid, 0) == 0 &&
                waitpid(torture->server.process.pid, &status, WNOHANG | WNOWAIT) == 0;
    }
    if (alive)
        administer(torture);
}

static void last_line(const char *path, char *out, size_t out_size)
{
    FILE *file = fopen(path, "r");
    char line[2048];

    out[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        snprintf(out, out_size, "%.*s", (int)strcspn(line, "\n"), line);
    if (file != NULL)
        fclose(file);
}

/* How the life with the fault ended. */
static void end_judge(struct torture *torture, int status, const char *what)
{
    char last[512];

    last_line(torture->log, last, sizeof(last));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        torture->went_on++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && last[0] != '\0') {
        torture->ended++;
        printf("  %s: %s\n", what, last);
    } else {
        ledger_violation(&torture->ledger, "%s: status %#x: %s", what, (unsigned)status, last);
    }
}

/* The next life, without a fault: everything comes through, the tables are checked. */
static void afterlife(struct torture *torture, struct chaos_load *load, const char *what)
{
    int64_t end = bench_now_us() + TORTURE_STOP_MS * 1000LL;
    int status = 0;

    if (!server_start_tried(&torture->server, torture->log, &status)) {
        char last[512];

        last_line(torture->log, last, sizeof(last));
        ledger_violation(&torture->ledger, "%s: does not start again: %s", what, last);
        return;
    }
    load->sending = false;
    while (chaos_load_in_flight(load) > 0 && bench_now_us() < end)
        chaos_load_run(load, 5000);
    if (chaos_load_in_flight(load) > 0)
        ledger_violation(&torture->ledger, "%s: messages are not taken after it", what);
    bench_server_stop(&torture->server, true);
    ledger_check_sql(&torture->ledger, torture->server.dir);
}

/* One life with the nth fault. False: it never happened. */
static bool life(struct torture *torture, size_t fault, long nth)
{
    struct chaos_load load;
    char what[64];
    bool happened;
    int status = 0;

    snprintf(what, sizeof(what), "%s %ld %s", faults[fault].class, nth, faults[fault].kind);
    if (torture->template[0] != '\0')
        chaos_folder_copy(torture->template, torture->server.dir);
    else
        bench_remove_tree(torture->server.dir);
    unlink(torture->mark);
    ledger_open(&torture->ledger, "/dev/null");
    fault_set(torture, faults[fault].class, faults[fault].kind, nth);
    chaos_load_init(&load, TORTURE_CONNECTIONS, &torture->ledger, torture->server.process.port,
                    "demo");
    if (server_start_tried(&torture->server, torture->log, &status)) {
        live(torture, &load);
        kill(torture->server.process.pid, SIGTERM);
        if (!ended(&torture->server, &status))
            ledger_violation(&torture->ledger, "%s: does not end", what);
    }
    fault_clear();
    happened = access(torture->mark, F_OK) == 0;
    end_judge(torture, status, what);
    if (happened)
        afterlife(torture, &load, what);
    chaos_load_fini(&load);
    torture->violations += torture->ledger.violations;
    ledger_close(&torture->ledger);
    torture->lives++;
    return happened;
}

static void torture_prepare(struct torture *torture, bool fresh)
{
    bench_server_start(&torture->server);
    bench_server_stop(&torture->server, true);
    snprintf(torture->template, sizeof(torture->template), "%s", torture->server.dir);
    snprintf(torture->mark, sizeof(torture->mark), "%s-mark", torture->template);
    snprintf(torture->log, sizeof(torture->log), "%s-log", torture->template);
    snprintf(torture->server.dir, sizeof(torture->server.dir), "%.100s-life", torture->template);
    if (fresh) {
        bench_remove_tree(torture->template);
        torture->template[0] = '\0';
    }
}

int chaos_torture(const struct bench_args *args)
{
    static struct torture torture;
    long step = bench_arg_long(args, "step", 1, 1, 1000);
    bool fresh = bench_arg_flag(args, "fresh");

    if (getenv("KEFU_FAULT_SHIM") == NULL)
        setenv("KEFU_FAULT_SHIM", KEFU_FAULT_SHIM, 1);
    setenv("ASAN_OPTIONS", "exitcode=99:verify_asan_link_order=0", 1);
    setenv("UBSAN_OPTIONS", "exitcode=99", 1);
    torture_prepare(&torture, fresh);
    for (size_t i = 0; i < LENGTH_OF(faults); i++) {
        long nth = 1;

        while (nth < TORTURE_FAULTS_MAX && life(&torture, i, nth))
            nth += step;
        printf("%s %s: up to call %ld\n", faults[i].class, faults[i].kind, nth);
    }
    printf("torture: %u lives, %u went on, %u ended with status 1, %llu violations\n",
           torture.lives, torture.went_on, torture.ended, (unsigned long long)torture.violations);
    bench_remove_tree(torture.template);
    bench_remove_tree(torture.server.dir);
    unlink(torture.mark);
    unlink(torture.log);
    return torture.violations == 0 ? 0 : 1;
}
