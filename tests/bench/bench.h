/* SPDX-License-Identifier: Apache-2.0 */
/* kefu-bench: what its commands share. One process, one thread each; bounded in time and count. */
#ifndef KEFU_BENCH_H
#define KEFU_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "slice.h"

enum {
    BENCH_SECONDS_MAX = 600,
    BENCH_CONNECTIONS_MAX = 60000,
    BENCH_FILES_PER_PROCESS = 19000, /* these machines refuse more than 20,000 */
};

/* ---- options: --name value, or --flag ---- */
struct bench_args {
    int argc;
    char **argv;
    bool json;
};
long bench_arg_long(const struct bench_args *args, const char *name, long otherwise, long min,
                    long max);
double bench_arg_double(const struct bench_args *args, const char *name, double otherwise);
const char *bench_arg_text(const struct bench_args *args, const char *name, const char *otherwise);
bool bench_arg_flag(const struct bench_args *args, const char *name);

/* ---- report: a table for people, one JSON object with --json ---- */
struct bench_report {
    bool json;
    bool first;
};
void bench_report_begin(struct bench_report *report, const struct bench_args *args,
                        const char *title);
void bench_report_number(struct bench_report *report, const char *key, double value);
void bench_report_text(struct bench_report *report, const char *key, const char *value);
void bench_report_end(struct bench_report *report);

/* ---- time ---- */
int64_t bench_now_us(void);
double bench_thread_cpu_us(void);
_Noreturn void bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- latency histogram: log-linear, 1 us .. 64 s, 1.6 % wide buckets ---- */
enum { BENCH_HIST_SUB = 64, BENCH_HIST_BUCKETS = 26 * BENCH_HIST_SUB };
struct bench_hist {
    uint64_t count;
    uint64_t buckets[BENCH_HIST_BUCKETS];
};
void bench_hist_add(struct bench_hist *hist, int64_t us);
double bench_hist_quantile_us(const struct bench_hist *hist, double q);

/* ---- child processes and what they cost ---- */
struct bench_process {
    pid_t pid;
    int out_fd;   /* its standard output, or -1 */
    char dir[64]; /* temporary data folder, removed at the end; empty: none */
    uint16_t port;
};
/* argv[0] is searched beside this program, then in PATH. */
void bench_process_start(struct bench_process *process, char *const argv[]);
void bench_process_stop(struct bench_process *process);
double bench_process_cpu_us(pid_t pid);        /* user + system of all its threads */
double bench_process_private_bytes(pid_t pid); /* Private_Clean + Private_Dirty of smaps_rollup */
/* Of these, what the process itself holds: no page of a file. How many pages of programs, libraries
 * and models count as private changes with who else has them open and when they were written. */
double bench_process_anonymous_bytes(pid_t pid);
double bench_kernel_socket_bytes(void); /* of this machine: slab + tcp memory */
bool bench_program_found(const char *name, char *path, size_t path_size);
uint16_t bench_free_port(void);
void bench_temp_dir(char *path, size_t size);
void bench_remove_tree(const char *path);

/* ---- a fork that runs `run` and serves until killed; gives the pid ---- */
pid_t bench_fork(void (*run)(void *ctx), void *ctx);

/* ---- one WebSocket message on our loop, and on a bare epoll loop, in the same run ---- */
struct bench_echo {
    double messages_per_second;
    double cpu_us_per_message; /* of the server, user and system */
    double bare_cpu_us_per_message;
};
/* rate: messages per second, evenly spaced; 0: each connection always has one in flight. */
void bench_echo_measure(unsigned connections, double seconds, size_t bytes, double rate,
                        struct bench_echo *out);

/* ---- the commands ---- */
int bench_echo_main(const struct bench_args *args);
int bench_turns_main(const struct bench_args *args);
int bench_idle_main(const struct bench_args *args);
int bench_queue_main(const struct bench_args *args);
int bench_store_main(const struct bench_args *args);
int bench_chat_main(const struct bench_args *args);
int bench_bot_main(const struct bench_args *args);
int bench_codec_main(const struct bench_args *args);
int bench_http_main(const struct bench_args *args);
int bench_flow_main(const struct bench_args *args);
int bench_fanout_main(const struct bench_args *args);
int bench_faq_main(const struct bench_args *args);
int bench_understand_main(const struct bench_args *args);
int bench_rules_main(const struct bench_args *args);
int bench_vector_main(const struct bench_args *args);
int bench_nlu_main(const struct bench_args *args);
int bench_route_main(const struct bench_args *args);
int bench_assign_main(const struct bench_args *args);

#endif
