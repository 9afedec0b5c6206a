/* SPDX-License-Identifier: Apache-2.0 */
/* bot: CPU time of one message of 200 characters understood from end to end (normal form, entities,
 * rules, 150 intents, 1,000 FAQ entries, the ladder), each message timed by itself. The made-up
 * shop has every thing with every verb, so that hardly a word tells two entries apart: the search's
 * worst case. With --demo DIR (share) also what the ladder does with the demo shop's held-out
 * texts. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bot.h"
#include "buf.h"
#include "examples_file.h"
#include "faq_csv.h"
#include "intent_train.h"

enum {
    BOT_INTENTS = 150,
    BOT_FAQ = 1000,
    BOT_PHRASINGS = 20,
    BOT_MESSAGES = 512,
    BOT_MESSAGE_CHARS = 200,
    BOT_FILE_MAX = 64 * 1024 * 1024,
    BOT_DEMO_MAX = 1000,
};

static const char *const verbs[] = { "return", "track",  "cancel", "change", "pay for",
                                     "repair", "insure", "clean",  "store",  "measure" };
static const char *const things[] = { "tent",   "sleeping bag", "stove", "backpack", "order",
                                      "jacket", "invoice",      "lamp",  "voucher",  "membership",
                                      "bottle", "map",          "rope",  "helmet",   "kayak" };
static const char *const kinds[] = { "red",   "small",  "new",    "old",   "blue",
                                     "spare", "second", "broken", "wrong", "heavy" };
static const char *const openings[] = { "how do I",          "please tell me how to",
                                        "I want to",         "can you help me",
                                        "is it possible to", "what must I do to",
                                        "where can I",       "my friend would like to",
                                        "I tried to",        "we need to" };

struct bench_bot {
    struct example_set set;
    struct buf model_bytes;
    struct intent_model *model;
    struct bot_intent intents[BOT_INTENTS];
    char names[BOT_INTENTS][48];
    struct bot_faq faq[BOT_FAQ];
    char questions[BOT_FAQ][96];
    char messages[BOT_MESSAGES][BOT_MESSAGE_CHARS + 64];
    struct bot *bot;
    struct bot_scratch *scratch;
    struct arena arena;
};

static void must(enum err_code rc, const struct err *err)
{
    if (rc != ERR_OK)
        bench_fail("%s: %s", err->field, err->text);
}

static void model_make(struct bench_bot *b, const struct slice *negatives, size_t count)
{
    const struct intent_options options = { .seed = 1,
                                            .negatives = negatives,
                                            .negative_count = count };
    struct err err = { 0 };

    buf_init(&b->model_bytes, INTENT_MODEL_BYTES_MAX);
    must(intent_train(&b->set, &options, &b->model_bytes, &err), &err);
    must(intent_model_open(buf_slice(&b->model_bytes), &b->model, &err), &err);
}

static void shop_make(struct bench_bot *b)
{
    struct err err = { 0 };

    example_set_init(&b->set);
    for (unsigned i = 0; i < BOT_INTENTS; i++) {
        (void)snprintf(b->names[i], sizeof(b->names[i]), "%s the %s", verbs[i % 10],
                       things[i / 10]);
        b->intents[i] = (struct bot_intent){ .id = i + 1,
                                             .name = slice_of(b->names[i]),
                                             .answer_en = SLICE_LITERAL("Press the button.") };
        for (unsigned j = 0; j < BOT_PHRASINGS; j++) {
            char text[128];

            (void)snprintf(text, sizeof(text), "%s %s my %s %s", openings[j % 10], verbs[i % 10],
                           kinds[(i + j) % 10], things[i / 10]);
            must(example_set_add(&b->set, slice_of(b->names[i]), slice_of(text), 0, &err), &err);
        }
    }
    for (unsigned i = 0; i < BOT_FAQ; i++) {
        (void)snprintf(b->questions[i], sizeof(b->questions[i]), "How do I %s my %s %s?",
                       verbs[i % 10], kinds[i / 10 % 10], things[i / 100]);
        b->faq[i] = (struct bot_faq){ .id = 1000 + i,
                                      .locale = SLICE_LITERAL("en"),
                                      .question = slice_of(b->questions[i]),
                                      .answer = SLICE_LITERAL("Open your account.") };
    }
    model_make(b, NULL, 0);
}

/* Sentences about several things, with a number and an address now and then. */
static void messages_make(struct bench_bot *b)
{
    for (unsigned i = 0; i < BOT_MESSAGES; i++) {
        char *at = b->messages[i];
        size_t len = 0;

        for (unsigned j = 0; len < BOT_MESSAGE_CHARS; j++) {
            unsigned mix = i * 31 + j * 17;

            len += (size_t)snprintf(at + len, BOT_MESSAGE_CHARS + 64 - len, "%s %s this %s %s%s ",
                                    openings[mix % 10], verbs[mix / 3 % 10], kinds[mix / 7 % 10],
                                    things[mix / 5 % 15],
                                    j == 2 ? ", order KF20241001, mail a@b.example," : ",");
        }
        at[BOT_MESSAGE_CHARS] = '\0';
    }
}

static const struct bot_reply *ask(struct bench_bot *b, struct slice text)
{
    static struct bot_reply reply;
    const struct bot_question question = { .text = text };
    struct err err = { 0 };

    arena_reset(&b->arena);
    must(bot_answer(b->bot, b->scratch, &question, &clock_system, &b->arena, &reply, &err), &err);
    return &reply;
}

static void speed(struct bench_bot *b, double seconds, struct bench_report *report)
{
    static struct bench_hist hist;
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);
    double before;
    double cpu;

    for (unsigned i = 0; i < BOT_MESSAGES; i++)
        (void)ask(b, slice_of(b->messages[i]));
    before = bench_thread_cpu_us();
    for (unsigned i = 0; bench_now_us() < end; i = (i + 1) % BOT_MESSAGES) {
        double start = bench_thread_cpu_us();

        (void)ask(b, slice_of(b->messages[i]));
        bench_hist_add(&hist, (int64_t)(bench_thread_cpu_us() - start + 0.5));
    }
    cpu = bench_thread_cpu_us() - before;
    bench_report_number(report, "messages", (double)hist.count);
    bench_report_number(report, "cpuUsPerMessage", cpu / (double)hist.count);
    bench_report_number(report, "p50CpuUs", bench_hist_quantile_us(&hist, 0.50));
    bench_report_number(report, "p99CpuUs", bench_hist_quantile_us(&hist, 0.99));
}

static void fini(struct bench_bot *b)
{
    bot_destroy(&b->bot);
    bot_scratch_destroy(&b->scratch);
    intent_model_close(&b->model);
    buf_fini(&b->model_bytes);
    example_set_fini(&b->set);
    arena_fini(&b->arena);
}

/* ---- the demo shop --------------------------------------------------------------------------- */

struct demo {
    struct bench_bot bot;
    const char *dir;
    struct arena arena; /* of every text */
    struct slice negatives[4000];
    size_t negative_count;
    struct slice outside[BOT_DEMO_MAX];
    size_t outside_count;
    struct bot_faq faq[BOT_DEMO_MAX];
    size_t faq_count;
    struct bot_intent intents[BOT_INTENTS];
    size_t intent_count;
};

static struct slice file_read(struct demo *demo, const char *name)
{
    char path[512];
    FILE *file;
    char *bytes = malloc(BOT_FILE_MAX);
    struct slice out;

    (void)snprintf(path, sizeof(path), "%s/%s", demo->dir, name);
    file = fopen(path, "rb");
    if (file == NULL || bytes == NULL)
        bench_fail("cannot read %s", path);
    out = slice_make(bytes, fread(bytes, 1, BOT_FILE_MAX, file));
    (void)fclose(file);
    out = slice_make(arena_strdup(&demo->arena, out), out.len);
    free(bytes);
    return out;
}

static void negative_add(void *ctx, struct slice text)
{
    struct demo *demo = ctx;

    if (demo->negative_count < 4000)
        demo->negatives[demo->negative_count++] = text;
}

static void outside_add(void *ctx, struct slice text)
{
    struct demo *demo = ctx;

    if (demo->outside_count < BOT_DEMO_MAX)
        demo->outside[demo->outside_count++] = text;
}

static void faq_add(void *ctx, const struct faq_csv_row *row)
{
    struct demo *demo = ctx;
    struct slice *variants =
        arena_alloc(&demo->arena, (row->variant_count + 1) * sizeof(struct slice));
    struct bot_faq *faq = &demo->faq[demo->faq_count++];

    for (size_t i = 0; i < row->variant_count; i++)
        variants[i] =
            slice_make(arena_strdup(&demo->arena, row->variants[i]), row->variants[i].len);
    *faq = (struct bot_faq){
        .id = demo->faq_count,
        .locale = slice_make(arena_strdup(&demo->arena, row->locale), row->locale.len),
        .question = slice_make(arena_strdup(&demo->arena, row->question), row->question.len),
        .answer = slice_make(arena_strdup(&demo->arena, row->answer), row->answer.len),
        .variants = variants,
        .variant_count = row->variant_count,
    };
}

static void faq_fault(void *ctx, unsigned line, const char *text)
{
    (void)ctx;
    bench_fail("faq.csv line %u: %s", line, text);
}

/* Which text became of a held-out one. */
struct tally {
    unsigned right, wrong, offered, other, person;
};

static void tally_add(struct tally *tally, const struct bot_reply *reply, uint64_t intent)
{
    if (strcmp(reply->rung, "intent") == 0) {
        bool right = reply->steps[reply->step_count - 1].candidates[0].id == intent;

        tally->right += right;
        tally->wrong += !right;
    } else if (strcmp(reply->rung, "clarify") == 0) {
        const struct bot_step *step = &reply->steps[reply->step_count - 1];
        bool there = false;

        for (size_t i = 0; i < step->candidate_count; i++)
            there = there || step->candidates[i].id == intent;
        tally->offered += there;
        tally->person += !there;
    } else if (strcmp(reply->rung, "human") == 0) {
        tally->person++;
    } else {
        tally->other++;
    }
}

static void tally_report(struct bench_report *report, const char *name, const struct tally *t)
{
    char line[160];

    (void)snprintf(line, sizeof(line),
                   "%u by the right intent, %u by a wrong one, %u offered it, %u by FAQ, rule or "
                   "phrase, %u not answered",
                   t->right, t->wrong, t->offered, t->other, t->person);
    bench_report_text(report, name, line);
}

static void demo_ask(struct demo *demo, const char *name, const char *file,
                     struct bench_report *report)
{
    struct example_set set;
    struct tally tally = { 0 };
    struct err err = { 0 };

    example_set_init(&set);
    must(examples_read(file_read(demo, file), &set, &err), &err);
    for (size_t i = 0; i < set.count; i++) {
        uint64_t id = 0;

        for (size_t j = 0; j < demo->intent_count; j++) {
            if (slice_equal(demo->intents[j].name, set.names[set.items[i].intent]))
                id = demo->intents[j].id;
        }
        tally_add(&tally, ask(&demo->bot, set.items[i].text), id);
    }
    tally_report(report, name, &tally);
    example_set_fini(&set);
}

static void demo_load(struct demo *demo)
{
    static const struct faq_csv_ops ops = { .row = faq_add, .error = faq_fault };
    static const char *const train[] = { "nlu/demo/demo-train.zh.tsv",
                                         "nlu/demo/demo-train.en.tsv" };
    static const char *const negatives[] = { "nlu/negatives-zh.txt", "nlu/negatives-en.txt" };
    static const char *const outside[] = { "nlu/demo/demo-oos.zh.txt", "nlu/demo/demo-oos.en.txt" };
    struct err err = { 0 };
    struct arena row;

    arena_init(&demo->arena, BOT_FILE_MAX);
    arena_init(&row, BOT_FILE_MAX);
    example_set_init(&demo->bot.set);
    for (int i = 0; i < 2; i++) {
        must(examples_read(file_read(demo, train[i]), &demo->bot.set, &err), &err);
        must(examples_read_lines(file_read(demo, negatives[i]), negative_add, demo, &err), &err);
        must(examples_read_lines(file_read(demo, outside[i]), outside_add, demo, &err), &err);
    }
    must(faq_csv_read(file_read(demo, "demo/faq.csv"), &row, &ops, demo, &err), &err);
    arena_fini(&row);
    for (size_t i = 0; i < demo->bot.set.name_count && i < BOT_INTENTS; i++) {
        demo->intents[i] = (struct bot_intent){ .id = 5000 + i,
                                                .name = demo->bot.set.names[i],
                                                .answer_zh = SLICE_LITERAL("好"),
                                                .answer_en = SLICE_LITERAL("Yes.") };
        demo->intent_count++;
    }
    model_make(&demo->bot, demo->negatives, demo->negative_count);
}

static void demo_run(const char *dir, struct bench_report *report)
{
    struct demo *demo = calloc(1, sizeof(*demo));
    struct tally tally = { 0 };
    struct bot_source source;
    struct err err = { 0 };

    if (demo == NULL)
        bench_fail("no memory");
    demo->dir = dir;
    demo_load(demo);
    source = (struct bot_source){ .faq = demo->faq,
                                  .faq_count = demo->faq_count,
                                  .intents = demo->intents,
                                  .intent_count = demo->intent_count,
                                  .model = demo->bot.model };
    must(bot_create(&source, &demo->bot.bot, &err), &err);
    demo->bot.scratch = bot_scratch_create();
    arena_init(&demo->bot.arena, 64 * 1024);
    demo_ask(demo, "demoZh", "nlu/demo/demo-test.zh.tsv", report);
    demo_ask(demo, "demoEn", "nlu/demo/demo-test.en.tsv", report);
    for (size_t i = 0; i < demo->outside_count; i++)
        tally_add(&tally, ask(&demo->bot, demo->outside[i]), 0);
    tally_report(report, "demoOutOfScope", &tally);
    fini(&demo->bot);
    arena_fini(&demo->arena);
    free(demo);
}

int bench_bot_main(const struct bench_args *args)
{
    struct bench_bot *b = calloc(1, sizeof(*b));
    double seconds = bench_arg_double(args, "seconds", 3);
    const char *demo = bench_arg_text(args, "demo", NULL);
    struct bench_report report;
    struct bot_source source;
    struct err err = { 0 };

    if (b == NULL)
        bench_fail("no memory");
    shop_make(b);
    messages_make(b);
    source = (struct bot_source){ .faq = b->faq,
                                  .faq_count = BOT_FAQ,
                                  .intents = b->intents,
                                  .intent_count = BOT_INTENTS,
                                  .model = b->model };
    must(bot_create(&source, &b->bot, &err), &err);
    b->scratch = bot_scratch_create();
    arena_init(&b->arena, 64 * 1024);
    bench_report_begin(&report, args, "bot: a message of 200 characters through the ladder");
    bench_report_number(&report, "intents", BOT_INTENTS);
    bench_report_number(&report, "faqEntries", BOT_FAQ);
    speed(b, seconds, &report);
    if (demo != NULL)
        demo_run(demo, &report);
    bench_report_end(&report);
    fini(b);
    free(b);
    return 0;
}
