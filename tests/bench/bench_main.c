/* SPDX-License-Identifier: Apache-2.0 */
/* kefu-bench COMMAND [options] [--json]: measures one claim with its baseline in the same run. */
#include "bench.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct bench_args *args);
    const char *help;
} commands[] = {
    { "echo", bench_echo_main, "a WebSocket message on our loop beside bare epoll" },
    { "turns", bench_turns_main,
      "--connections N --seconds S [--rate R | --load 0.7] [--data DIR]" },
    { "idle", bench_idle_main, "--sessions N" },
    { "queue", bench_queue_main, "shard -> store -> shard beside NATS and Redis" },
    { "chat", bench_chat_main, "a turn with a bot answer: no sockets, no store" },
    { "store", bench_store_main,
      "--batch N --seconds S [--prefill ROWS] [--conversations N] [--rate TURNS]" },
    { "bot", bench_bot_main, "[--demo share]: a message through the ladder" },
    { "codec", bench_codec_main, "one chat message: protobuf, JSON, JSON libraries" },
    { "http", bench_http_main, "a small JSON GET beside nginx" },
    { "fanout", bench_fanout_main, "one conversation, many watching sessions" },
    { "faq", bench_faq_main, "a bank of questions beside FTS5" },
    { "understand", bench_understand_main, "what a message goes through, step by step" },
    { "rules", bench_rules_main, "N literal patterns in messages beside Hyperscan" },
    { "nlu", bench_nlu_main, "learning intents beside fastText and LinearSVC" },
    { "vector", bench_vector_main, "the k nearest of N rows beside numpy" },
    { "flow", bench_flow_main, "[--long]: transitions, sessions, replays, random flows" },
    { "route", bench_route_main,
      "--agents N [--queues N] [--preset P]: decisions beside a plain scan" },
    { "assign", bench_assign_main,
      "[--seconds S] [--load 0.7]: from a freed agent until both sides know" },
};

static int usage(void)
{
    fputs("usage: kefu-bench COMMAND [options] [--json]\n", stderr);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stderr, "  %-8s %s\n", commands[i].name, commands[i].help);
    return 2;
}

int main(int argc, char **argv)
{
    struct bench_args args = { .argc = argc - 2, .argv = argv + 2 };

    if (argc < 2)
        return usage();
    args.json = bench_arg_flag(&args, "json");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(&args);
    }
    return usage();
}
