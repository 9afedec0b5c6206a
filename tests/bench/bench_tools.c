/* SPDX-License-Identifier: Apache-2.0 */
/* Options, reports, histograms and child processes of kefu-bench. */
#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("kefu-bench: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

const char *bench_arg_text(const struct bench_args *args, const char *name, const char *otherwise)
{
    for (int i = 0; i + 1 < args->argc; i++) {
        if (strncmp(args->argv[i], "--", 2) == 0 && strcmp(args->argv[i] + 2, name) == 0)
            return args->argv[i + 1];
    }
    return otherwise;
}

bool bench_arg_flag(const struct bench_args *args, const char *name)
{
    for (int i = 0; i < args->argc; i++) {
        if (strncmp(args->argv[i], "--", 2) == 0 && strcmp(args->argv[i] + 2, name) == 0)
            return true;
    }
    return false;
}

long bench_arg_long(const struct bench_args *args, const char *name, long otherwise, long min,
                    long max)
{
    const char *text = bench_arg_text(args, name, NULL);
    char *end;
    long value;

    if (text == NULL)
        return otherwise;
    errno = 0;
    value = strtol(text, &end, 10);
    if (*end != '\0' || end == text || errno != 0 || value < min || value > max)
        bench_fail("--%s %s: a number from %ld to %ld", name, text, min, max);
    return value;
}

double bench_arg_double(const struct bench_args *args, const char *name, double otherwise)
{
    const char *text = bench_arg_text(args, name, NULL);
    char *end;
    double value;

    if (text == NULL)
        return otherwise;
    value = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(value))
        bench_fail("--%s %s: a number", name, text);
    return value;
}

void bench_report_begin(struct bench_report *report, const struct bench_args *args,
                        const char *title)
{
    *report = (struct bench_report){ .json = args->json, .first = true };
    if (report->json)
        fputc('{', stdout);
    else
        printf("%s\n", title);
}

void bench_report_number(struct bench_report *report, const char *key, double value)
{
    if (report->json) {
        printf("%s\"%s\":%.6g", report->first ? "" : ",", key, value);
        report->first = false;
    } else {
        printf("  %-28s %14.6g\n", key, value);
    }
}

void bench_report_text(struct bench_report *report, const char *key, const char *value)
{
    if (report->json) {
        printf("%s\"%s\":\"%s\"", report->first ? "" : ",", key, value);
        report->first = false;
    } else {
        printf("  %-28s %s\n", key, value);
    }
}

void bench_report_end(struct bench_report *report)
{
    if (report->json)
        fputs("}\n", stdout);
    fflush(stdout);
}

static int64_t clock_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t bench_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

double bench_thread_cpu_us(void)
{
    return (double)clock_us(CLOCK_THREAD_CPUTIME_ID);
}

/* Below 64 us one bucket a microsecond, then 64 buckets per doubling. */
static size_t hist_index(int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    unsigned shift = 0;
    size_t index;

    while (value >> shift >= 2 * BENCH_HIST_SUB)
        shift++;
    index = shift * (size_t)BENCH_HIST_SUB + (size_t)(value >> shift);
    return index < BENCH_HIST_BUCKETS ? index : BENCH_HIST_BUCKETS - 1;
}

static double hist_value(size_t index)
{
    size_t shift = index < 2 * BENCH_HIST_SUB ? 0 : index / BENCH_HIST_SUB - 1;

    return ldexp((double)(index - shift * BENCH_HIST_SUB) + .5, (int)shift);
}

void bench_hist_add(struct bench_hist *hist, int64_t us)
{
    hist->buckets[hist_index(us)]++;
    hist->count++;
}

double bench_hist_quantile_us(const struct bench_hist *hist, double q)
{
    uint64_t want = (uint64_t)(q * (double)hist->count);
    uint64_t seen = 0;

    if (hist->count == 0)
        return 0;
    for (size_t i = 0; i < BENCH_HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen > want)
            return hist_value(i);
    }
    return hist_value(BENCH_HIST_BUCKETS - 1);
}

bool bench_program_found(const char *name, char *path, size_t path_size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *search = getenv("PATH");

    if (n > 0) {
        self[n] = '\0';
        snprintf(path, path_size, "%s/%s", dirname(self), name);
        if (access(path, X_OK) == 0)
            return true;
    }
    while (search != NULL && *search != '\0') {
        size_t len = strcspn(search, ":");

        snprintf(path, path_size, "%.*s/%s", (int)len, search, name);
        if (access(path, X_OK) == 0)
            return true;
        search += len + (search[len] == ':');
    }
    snprintf(path, path_size, "/usr/sbin/%s", name); /* daemons, when not root's PATH */
    return access(path, X_OK) == 0;
}

void bench_process_start(struct bench_process *process, char *const argv[])
{
    char path[PATH_MAX];
    int fds[2];

    if (!bench_program_found(argv[0], path, sizeof(path)))
        bench_fail("%s: not found beside kefu-bench or in PATH", argv[0]);
    if (pipe2(fds, O_CLOEXEC) != 0)
        bench_fail("pipe: errno %d", errno);
    process->pid = fork();
    if (process->pid < 0)
        bench_fail("fork: errno %d", errno);
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fds[1], STDOUT_FILENO);
        execv(path, argv);
        _exit(127);
    }
    close(fds[1]);
    process->out_fd = fds[0];
}

void bench_process_stop(struct bench_process *process)
{
    int status;

    if (process->pid > 0) {
        kill(process->pid, SIGTERM);
        waitpid(process->pid, &status, 0);
        process->pid = 0;
    }
    if (process->out_fd >= 0)
        close(process->out_fd);
    process->out_fd = -1;
    if (process->dir[0] != '\0')
        bench_remove_tree(process->dir);
    process->dir[0] = '\0';
}

pid_t bench_fork(void (*run)(void *ctx), void *ctx)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0)
        bench_fail("fork: errno %d", errno);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(ctx);
        _exit(0);
    }
    return pid;
}

double bench_process_cpu_us(pid_t pid)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long system = 0;
    const char *after;
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        bench_fail("process %d is gone", pid);
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                &user, &system) != 2)
        bench_fail("cannot read %s", path);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* The sum of these lines of smaps_rollup; `second` may be NULL. */
static double process_bytes(pid_t pid, const char *first, const char *second)
{
    char path[64];
    char line[256];
    double kib = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    file = fopen(path, "r");
    if (file == NULL)
        bench_fail("cannot read %s: errno %d", path, errno);
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        struct slice name = slice_make(line, colon != NULL ? (size_t)(colon - line) : 0);

        if (slice_equal_text(name, first) || (second != NULL && slice_equal_text(name, second)))
            kib += strtod(colon + 1, NULL);
    }
    fclose(file);
    return kib * 1024;
}

double bench_process_private_bytes(pid_t pid)
{
    return process_bytes(pid, "Private_Clean", "Private_Dirty");
}

double bench_process_anonymous_bytes(pid_t pid)
{
    return process_bytes(pid, "Anonymous", NULL);
}

double bench_kernel_socket_bytes(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");

    if (file == NULL)
        bench_fail("cannot read /proc/meminfo");
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned long value;

        if (sscanf(line, "Slab: %lu kB", &value) == 1)
            kib += (double)value;
    }
    fclose(file);
    return kib * 1024;
}

uint16_t bench_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        bench_fail("no free port: errno %d", errno);
    close(fd);
    return ntohs(address.sin_port);
}

void bench_temp_dir(char *path, size_t size)
{
    snprintf(path, size, "%s/kefu-bench-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(path) == NULL)
        bench_fail("mkdtemp %s: errno %d", path, errno);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

void bench_remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
