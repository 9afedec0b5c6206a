/* SPDX-License-Identifier: Apache-2.0 */
/* chat: a visitor's message, the bot's answer, the encoded turn, the acknowledgement and the pushes
 * in JSON, without sockets and without a store: what the pipeline itself costs. Beside it, from the
 * same run, the bot alone and the same turns without encoding what goes out. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "chat_drive.h"

enum { CHAT_ENTRIES = 200, CHAT_VISITORS_MAX = 20000, CHAT_BATCH_MAX = 1024 };

static const char *const verbs[] = { "return", "track",  "cancel", "change", "pay for",
                                     "repair", "insure", "clean",  "store",  "measure" };
static const char *const things[] = { "tent",    "sleeping bag", "stove", "backpack", "order",
                                      "jacket",  "invoice",      "lamp",  "voucher",  "membership",
                                      "bottle",  "map",          "rope",  "helmet",   "kayak",
                                      "bicycle", "compass",      "boots", "gloves",   "tarp" };

struct bench_chat {
    struct drive *drive;
    struct bot_faq faq[CHAT_ENTRIES];
    char texts[CHAT_ENTRIES][2][96]; /* as it stands in the FAQ; in other words */
    struct visitor_id visitors[CHAT_VISITORS_MAX];
    struct conv_id convs[CHAT_VISITORS_MAX];
    unsigned visitor_count, batch;
    uint64_t asked;
};

static void faq_make(struct bench_chat *b)
{
    for (unsigned i = 0; i < CHAT_ENTRIES; i++) {
        const char *verb = verbs[i % 10];
        const char *thing = things[i / 10];

        (void)snprintf(b->texts[i][0], 96, "How do I %s my %s?", verb, thing);
        (void)snprintf(b->texts[i][1], 96, "please tell me how to %s the %s", verb, thing);
        b->faq[i] = (struct bot_faq){
            .id = i + 1,
            .locale = SLICE_LITERAL("en"),
            .question = slice_of(b->texts[i][0]),
            .answer = SLICE_LITERAL("Open your account, choose the item and press the button; we "
                                    "answer within a working day."),
        };
    }
}

static void conversations_begin(struct bench_chat *b)
{
    for (unsigned i = 0; i < b->visitor_count; i++) {
        const struct drive_reply *reply;

        b->visitors[i] = drive_visitor(b->drive, i + 1);
        b->convs[i] = drive_start(b->drive, b->visitors[i], i + 1, b->texts[0][0]);
        reply = drive_reply_to(b->drive, b->drive->cookie);
        if (reply == NULL || reply->kind != CHAT_REPLY_ACK)
            bench_fail("a conversation does not begin");
        drive_clear(b->drive);
    }
}

/* One batch: each visitor's message comes by itself, the store gets them together. */
static void batch_run(struct bench_chat *b)
{
    for (unsigned i = 0; i < b->batch; i++) {
        unsigned who = (unsigned)(b->asked % b->visitor_count);
        unsigned entry = (unsigned)(b->asked * 7 % CHAT_ENTRIES);
        struct chat_action send =
            drive_visitor_action(b->drive, CHAT_SEND, b->visitors[who], who + 1);

        drive_client_id(b->drive, &send);
        send.conv = b->convs[who];
        send.text = slice_of(b->texts[entry][b->asked & 1]);
        drive_submit(b->drive, &send);
        b->asked++;
    }
    drive_run(b->drive);
}

/* CPU microseconds per turn. */
static double turns_run(struct bench_chat *b, double seconds)
{
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);
    uint64_t acks = b->drive->acks;
    double before;
    double cpu;

    for (unsigned i = 0; i < 20; i++)
        batch_run(b);
    acks = b->drive->acks;
    before = bench_thread_cpu_us();
    while (bench_now_us() < end)
        batch_run(b);
    cpu = bench_thread_cpu_us() - before;
    return cpu / (double)(b->drive->acks - acks);
}

static double bot_run(struct bench_chat *b, double seconds)
{
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);
    double before = bench_thread_cpu_us();
    uint64_t count = 0;
    struct bot_reply reply;
    struct arena arena;

    arena_init(&arena, 64 * 1024);
    while (bench_now_us() < end) {
        for (unsigned i = 0; i < 256; i++, count++) {
            const struct bot_question question = {
                .text = slice_of(b->texts[count * 7 % CHAT_ENTRIES][count & 1]),
                .site_id = DRIVE_SITE,
                .locale = SLICE_LITERAL("en-GB"),
            };

            arena_reset(&arena);
            if (bot_answer(b->drive->bot, b->drive->scratch, &question, &b->drive->clock, &arena,
                           &reply, NULL) != ERR_OK)
                bench_fail("the bot does not answer");
        }
    }
    arena_fini(&arena);
    return (bench_thread_cpu_us() - before) / (double)count;
}

int bench_chat_main(const struct bench_args *args)
{
    struct bench_chat *b = calloc(1, sizeof(*b));
    double seconds = bench_arg_double(args, "seconds", 6);
    struct bot_source source;
    struct drive_options options = { .no_store = true, .encode = true, .bot = &source };
    struct bench_report report;
    double whole;
    double silent;
    double bot;
    uint64_t bytes;

    if (b == NULL)
        bench_fail("no memory");
    b->visitor_count = (unsigned)bench_arg_long(args, "visitors", 1000, 1, CHAT_VISITORS_MAX);
    b->batch = (unsigned)bench_arg_long(args, "batch", 64, 1, CHAT_BATCH_MAX);
    faq_make(b);
    source = (struct bot_source){ .faq = b->faq, .faq_count = CHAT_ENTRIES };
    b->drive = drive_create(&options);
    conversations_begin(b);
    b->drive->options.quiet = true;
    whole = turns_run(b, seconds / 3);
    bytes = b->drive->turn_bytes / b->drive->appended;
    b->drive->options.encode = false;
    silent = turns_run(b, seconds / 3);
    bot = bot_run(b, seconds / 3);
    bench_report_begin(&report, args, "chat: one visitor's turn with a bot's answer, no sockets");
    bench_report_number(&report, "visitors", b->visitor_count);
    bench_report_number(&report, "batch", b->batch);
    bench_report_number(&report, "turnsPerCpuSecond", 1e6 / whole);
    bench_report_number(&report, "usPerTurn", whole);
    bench_report_number(&report, "usBot", bot);
    bench_report_number(&report, "usDecideAndEncode", silent - bot);
    bench_report_number(&report, "usPushesAndAck", whole - silent);
    bench_report_number(&report, "bytesPerTurn", (double)bytes);
    bench_report_end(&report);
    drive_destroy(&b->drive);
    free(b);
    return 0;
}
