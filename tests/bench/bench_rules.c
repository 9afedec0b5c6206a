/* SPDX-License-Identifier: Apache-2.0 */
/* rules: N literal patterns, half of them Chinese and half of them English, compiled and looked for
 * in messages one by one. Dense messages are made of the patterns' own words, sparse ones of words
 * that no pattern has. Hyperscan and pyahocorasick do the same in the same run where they are
 * installed. They report substrings ("tent" in "attention"), we report whole words, so the numbers
 * of hits differ; those of texts made of whole patterns do not. All times are CPU time, the best of
 * the rounds. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef KEFU_HYPERSCAN
#include <hs/hs.h>
#endif

#include "bench.h"
#include "hash.h"
#include "mem.h"
#include "rules.h"
#include "text.h"

enum {
    PATTERNS_MAX = 200 * 1000,
    MESSAGES = 20 * 1000,
    MESSAGE_BYTES = 120,
    ROUNDS = 5,
    PATTERN_BYTES = 64,
    WORDS = 6000,      /* of the drawn English vocabulary */
    CHARACTERS = 3000, /* of the drawn Chinese one */
    KINDS = 4,
};

static const struct {
    const char *name;
    bool chinese;
    bool dense;
} kinds[KINDS] = {
    { "enSparse", false, false },
    { "zhSparse", true, false },
    { "enDense", false, true },
    { "zhDense", true, true },
};

static const char pyahocorasick_program[] =
    "import sys, time\n"
    "import ahocorasick\n"
    "P = open(sys.argv[1], encoding='utf-8').read().split('\\n')[:-1]\n"
    "t = time.process_time(); A = ahocorasick.Automaton()\n"
    "for i, p in enumerate(P): A.add_word(p, i)\n"
    "A.make_automaton(); build = time.process_time() - t\n"
    "out = [build]\n"
    "for f in sys.argv[2:]:\n"
    "    M = open(f, encoding='utf-8').read().split('\\n')[:-1]\n"
    "    n = sum(len(m.encode()) for m in M); best = 1e30\n"
    "    for r in range(3):\n"
    "        t = time.process_time(); h = 0\n"
    "        for m in M:\n"
    "            for _ in A.iter(m): h += 1\n"
    "        best = min(best, time.process_time() - t)\n"
    "    out.append(best * 1e9 / n)\n"
    "print(*out)\n";

struct lines {
    struct slice *items;
    size_t count;
    char *bytes;
    size_t len;
};

static uint64_t draw_state = 42;

static uint64_t draw(uint64_t below)
{
    draw_state += 0x9E3779B97F4A7C15u;
    return hash_u64(7, draw_state) % below;
}

static void lines_add(struct lines *lines, const char *text, size_t len)
{
    memcpy(lines->bytes + lines->len, text, len);
    lines->items[lines->count++] = slice_make(lines->bytes + lines->len, len);
    lines->len += len + 1;
    lines->bytes[lines->len - 1] = '\n';
}

static void lines_init(struct lines *lines, size_t count, size_t bytes)
{
    lines->items = mem_alloc(count * sizeof(*lines->items));
    lines->bytes = mem_alloc(bytes);
    lines->count = lines->len = 0;
}

/* Words of four to nine letters; `which` names a vocabulary. */
static size_t english_word(char *out, unsigned which, uint64_t word)
{
    static const char consonants[] = "bcdfghjklmnprstvwz";
    static const char vowels[] = "aeiou";
    uint64_t h = hash_u64(which + 1, word);
    size_t len = 4 + h % 6;

    for (size_t i = 0; i < len; i++, h = hash_u64(3, h))
        out[i] = i % 2 == 0 ? consonants[h % 18] : vowels[h % 5];
    return len;
}

/* Two to five characters, or two or three words. */
static size_t phrase(char *out, size_t cap, bool chinese, unsigned which)
{
    size_t parts = chinese ? 2 + draw(4) : 2 + draw(2);
    size_t len = 0;

    for (size_t i = 0; i < parts && len + 16 < cap; i++) {
        if (chinese) {
            len += text_encode(0x4E00 + (uint32_t)draw(CHARACTERS), out + len);
            continue;
        }
        if (i > 0)
            out[len++] = ' ';
        len += english_word(out + len, which, draw(WORDS));
    }
    return len;
}

/* In normal form, so that every engine looks for the same bytes. */
static void lines_add_normal(struct lines *lines, const char *text, size_t len)
{
    char out[MESSAGE_BYTES * 4];
    struct slice norm =
        text_normalise_with(slice_make(text, len), TEXT_SIMPLIFY, out, NULL, sizeof(out));

    if (norm.len > 0)
        lines_add(lines, norm.ptr, norm.len);
}

static void patterns_draw(struct lines *patterns, size_t count)
{
    lines_init(patterns, count, count * (PATTERN_BYTES + 1));
    while (patterns->count < count) {
        char text[PATTERN_BYTES];

        lines_add_normal(patterns, text, phrase(text, sizeof(text), patterns->count % 2 == 0, 0));
    }
}

static void patterns_read(struct lines *patterns, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (file == NULL)
        bench_fail("cannot read %s", path);
    lines_init(patterns, PATTERNS_MAX, (size_t)PATTERNS_MAX * (RULES_LITERAL_BYTES_MAX + 1));
    while (patterns->count < PATTERNS_MAX && (len = getline(&line, &cap, file)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0 && len <= RULES_LITERAL_BYTES_MAX)
            lines_add_normal(patterns, line, (size_t)len);
    }
    free(line);
    fclose(file);
}

/* Dense: patterns one after the other. Sparse: words of another vocabulary, and characters of the
 * same one, since real texts have no other. */
static void messages_draw(struct lines *messages, const struct lines *patterns, bool chinese,
                          bool dense)
{
    lines_init(messages, MESSAGES, (size_t)MESSAGES * (MESSAGE_BYTES * 2 + 1));
    while (messages->count < MESSAGES) {
        char text[MESSAGE_BYTES * 2];
        size_t len = 0;

        while (len < MESSAGE_BYTES - PATTERN_BYTES) {
            size_t at = draw(patterns->count);

            if (dense && patterns->items[at].len < PATTERN_BYTES) {
                if (((unsigned char)patterns->items[at].ptr[0] >= 0x80) != chinese && draw(64) != 0)
                    continue;
                memcpy(text + len, patterns->items[at].ptr, patterns->items[at].len);
                len += patterns->items[at].len;
            } else {
                len += phrase(text + len, PATTERN_BYTES, chinese, 1);
            }
            text[len++] = ' ';
        }
        lines_add_normal(messages, text, len);
    }
}

/* ---- ours ---- */
static struct rules_set *compile(const struct lines *patterns, double *seconds)
{
    struct rules_rule *rules = mem_zalloc(patterns->count * sizeof(*rules));
    struct rules_set *set = NULL;
    struct err err = { 0 };

    for (size_t i = 0; i < patterns->count; i++)
        rules[i] = (struct rules_rule){ .id = i, .any = &patterns->items[i], .any_count = 1 };
    *seconds = 1e9;
    for (int round = 0; round < 3; round++) {
        double from = bench_thread_cpu_us();

        rules_set_destroy(&set);
        if (rules_compile(rules, patterns->count, &set, &err) != ERR_OK)
            bench_fail("%s: %s", err.field, err.text);
        if ((bench_thread_cpu_us() - from) / 1e6 < *seconds)
            *seconds = (bench_thread_cpu_us() - from) / 1e6;
    }
    free(rules);
    return set;
}

/* One rule changed and one taken away, laid over the set; the best of the rounds. */
static struct rules_set *lay_over(const struct rules_set *base, const struct lines *patterns,
                                  double *ms)
{
    const struct rules_rule changed = { .id = 0, .any = &patterns->items[1], .any_count = 1 };
    const uint64_t removed = patterns->count - 1;
    struct rules_set *set = NULL;

    *ms = 1e9;
    for (int round = 0; round < ROUNDS * ROUNDS; round++) {
        double from = bench_thread_cpu_us();
        double now;

        rules_set_destroy(&set);
        if (rules_overlay(base, &changed, 1, &removed, 1, &set, NULL) != ERR_OK)
            bench_fail("a rule cannot be laid over the others");
        now = (bench_thread_cpu_us() - from) / 1e3;
        *ms = now < *ms ? now : *ms;
    }
    return set;
}

struct figures {
    double ns_per_byte;
    double ns_per_message;
    double rule_ns_per_message; /* with the rules evaluated */
    uint64_t hits;
};

static size_t message_bytes(const struct lines *messages)
{
    return messages->len - messages->count;
}

static void keep_best(struct figures *f, const struct lines *messages, double us, uint64_t hits)
{
    double ns = us * 1e3;

    if (f->ns_per_byte != 0 && ns / (double)message_bytes(messages) >= f->ns_per_byte)
        return;
    f->ns_per_byte = ns / (double)message_bytes(messages);
    f->ns_per_message = ns / (double)messages->count;
    f->hits = hits;
}

static void measure(const struct rules_set *set, struct rules_scratch *scratch,
                    const struct lines *messages, struct figures *f)
{
    static const struct rules_context context = { .locale = RULES_ANY_LOCALE };
    struct rules_hit hit;
    uint64_t hits = 0;
    double from = bench_thread_cpu_us();
    double us;

    for (size_t i = 0; i < messages->count; i++)
        hits += rules_match_count(set, scratch, messages->items[i]);
    keep_best(f, messages, bench_thread_cpu_us() - from, hits);
    from = bench_thread_cpu_us();
    for (size_t i = 0; i < messages->count; i++)
        hits += rules_scan(set, scratch, messages->items[i], &context, &hit, 1);
    us = (bench_thread_cpu_us() - from) * 1e3 / (double)messages->count;
    if (f->rule_ns_per_message == 0 || us < f->rule_ns_per_message)
        f->rule_ns_per_message = us;
}

/* ---- Hyperscan ---- */
#ifdef KEFU_HYPERSCAN
struct hyperscan {
    hs_database_t *db;
    hs_scratch_t *scratch;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *ctx)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    ++*(uint64_t *)ctx;
    return 0;
}

static void hyperscan_build(struct hyperscan *hs, const struct lines *patterns, double *seconds,
                            size_t *bytes)
{
    const char **texts = mem_alloc(patterns->count * sizeof(*texts));
    size_t *lens = mem_alloc(patterns->count * sizeof(*lens));
    unsigned *flags = mem_zalloc(patterns->count * sizeof(*flags));
    unsigned *ids = mem_zalloc(patterns->count * sizeof(*ids));
    hs_compile_error_t *error = NULL;
    double from = bench_thread_cpu_us();

    for (size_t i = 0; i < patterns->count; i++) {
        texts[i] = patterns->items[i].ptr;
        lens[i] = patterns->items[i].len;
        ids[i] = (unsigned)i;
    }
    if (hs_compile_lit_multi(texts, flags, ids, lens, (unsigned)patterns->count, HS_MODE_BLOCK,
                             NULL, &hs->db, &error) != HS_SUCCESS ||
        hs_alloc_scratch(hs->db, &hs->scratch) != HS_SUCCESS)
        bench_fail("hyperscan: %s", error != NULL ? error->message : "no scratch");
    *seconds = (bench_thread_cpu_us() - from) / 1e6;
    (void)hs_database_size(hs->db, bytes);
    free(texts);
    free(lens);
    free(flags);
    free(ids);
}

static void hyperscan_measure(const struct hyperscan *hs, const struct lines *messages,
                              struct figures *f)
{
    uint64_t hits = 0;
    double from = bench_thread_cpu_us();

    for (size_t i = 0; i < messages->count; i++)
        (void)hs_scan(hs->db, messages->items[i].ptr, (unsigned)messages->items[i].len, 0,
                      hs->scratch, on_match, &hits);
    keep_best(f, messages, bench_thread_cpu_us() - from, hits);
}
#endif

/* ---- pyahocorasick ---- */
static void lines_write(const char *dir, const char *name, const struct lines *lines, char *path,
                        size_t cap)
{
    FILE *file;

    snprintf(path, cap, "%s/%s", dir, name);
    file = fopen(path, "w");
    if (file == NULL || fwrite(lines->bytes, 1, lines->len, file) != lines->len ||
        fclose(file) != 0)
        bench_fail("cannot write %s", path);
}

/* Build seconds and ns per byte of each kind of messages; false: not installed. */
static bool pyahocorasick(const struct lines *patterns, const struct lines *messages,
                          double out[1 + KINDS])
{
    char dir[64];
    char paths[1 + KINDS][128];
    char *argv[] = { "python3", "-c",     (char *)(uintptr_t)pyahocorasick_program,
                     paths[0],  paths[1], paths[2],
                     paths[3],  paths[4], NULL };
    struct bench_process process = { 0 };
    FILE *file;
    int read = 0;

    bench_temp_dir(dir, sizeof(dir));
    lines_write(dir, "patterns", patterns, paths[0], sizeof(paths[0]));
    for (int kind = 0; kind < KINDS; kind++)
        lines_write(dir, kinds[kind].name, &messages[kind], paths[kind + 1],
                    sizeof(paths[kind + 1]));
    bench_process_start(&process, argv);
    file = fdopen(process.out_fd, "r");
    while (file != NULL && read < 1 + KINDS && fscanf(file, "%lf", &out[read]) == 1)
        read++;
    if (file != NULL)
        fclose(file);
    process.out_fd = -1;
    bench_process_stop(&process);
    bench_remove_tree(dir);
    return read == 1 + KINDS;
}

/* ---- report ---- */
static void report_engine(struct bench_report *report, const char *engine,
                          const struct figures *figures, const double *bytes)
{
    static const char *const groups[] = { "sparse", "dense" };
    char key[80];

    for (int dense = 0; dense < 2; dense++) {
        double ns = 0;
        double sum = 0;

        for (int kind = 0; kind < KINDS; kind++) {
            if (kinds[kind].dense != (dense == 1))
                continue;
            ns += figures[kind].ns_per_byte * bytes[kind];
            sum += bytes[kind];
        }
        snprintf(key, sizeof(key), "%s%sNsPerByte", engine, groups[dense]);
        key[engine[0] != '\0' ? strlen(engine) : 0] =
            engine[0] != '\0' ? (char)(groups[dense][0] - 'a' + 'A') : groups[dense][0];
        bench_report_number(report, key, ns / sum);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        snprintf(key, sizeof(key), "%s%sNsPerMessage", kinds[kind].name, engine);
        if (engine[0] != '\0')
            key[strlen(kinds[kind].name)] = (char)(engine[0] - 'a' + 'A');
        bench_report_number(report, key, figures[kind].ns_per_message);
    }
}

static void report_peers(struct bench_report *report, const struct lines *patterns,
                         const struct lines *messages, const double *bytes)
{
    double python[1 + KINDS];
    struct figures figures[KINDS] = { { 0 } };

#ifdef KEFU_HYPERSCAN
    struct hyperscan hs = { NULL, NULL };
    double seconds;
    size_t size;

    hyperscan_build(&hs, patterns, &seconds, &size);
    for (int round = 0; round < ROUNDS; round++) {
        for (int kind = 0; kind < KINDS; kind++)
            hyperscan_measure(&hs, &messages[kind], &figures[kind]);
    }
    bench_report_number(report, "hyperscanBuildSeconds", seconds);
    bench_report_number(report, "hyperscanBytes", (double)size);
    report_engine(report, "hyperscan", figures, bytes);
    for (int kind = 0; kind < KINDS; kind++) {
        char key[80];

        snprintf(key, sizeof(key), "%sHyperscanHits", kinds[kind].name);
        bench_report_number(report, key, (double)figures[kind].hits);
    }
    (void)hs_free_scratch(hs.scratch);
    (void)hs_free_database(hs.db);
#endif
    if (!pyahocorasick(patterns, messages, python))
        return;
    for (int kind = 0; kind < KINDS; kind++)
        figures[kind] = (struct figures){
            .ns_per_byte = python[1 + kind],
            .ns_per_message = python[1 + kind] * bytes[kind] / (double)messages[kind].count,
        };
    bench_report_number(report, "pyahocorasickBuildSeconds", python[0]);
    report_engine(report, "pyahocorasick", figures, bytes);
}

int bench_rules_main(const struct bench_args *args)
{
    const char *path = bench_arg_text(args, "file", "");
    size_t count = (size_t)bench_arg_long(args, "patterns", 100 * 1000, 1, PATTERNS_MAX);
    struct lines patterns;
    struct lines messages[KINDS];
    struct figures figures[KINDS] = { { 0 } };
    struct figures over_figures[KINDS] = { { 0 } };
    struct rules_scratch *scratch = rules_scratch_create();
    struct rules_set *set;
    struct rules_set *over;
    struct bench_report report;
    double bytes[KINDS];
    double seconds;
    double delta_ms;

    if (path[0] != '\0')
        patterns_read(&patterns, path);
    else
        patterns_draw(&patterns, count);
    for (int kind = 0; kind < KINDS; kind++) {
        messages_draw(&messages[kind], &patterns, kinds[kind].chinese, kinds[kind].dense);
        bytes[kind] = (double)message_bytes(&messages[kind]);
    }
    set = compile(&patterns, &seconds);
    over = lay_over(set, &patterns, &delta_ms);
    for (int round = 0; round < ROUNDS; round++) {
        for (int kind = 0; kind < KINDS; kind++) {
            measure(set, scratch, &messages[kind], &figures[kind]);
            measure(over, scratch, &messages[kind], &over_figures[kind]);
        }
    }
    bench_report_begin(&report, args, "rules: literal patterns in messages one by one");
    bench_report_number(&report, "patterns", (double)patterns.count);
    bench_report_number(&report, "buildSeconds", seconds);
    bench_report_number(&report, "deltaMs", delta_ms);
    bench_report_number(&report, "bytes", (double)rules_set_bytes(set));
    report_engine(&report, "", figures, bytes);
    for (int kind = 0; kind < KINDS; kind++) {
        char key[80];

        snprintf(key, sizeof(key), "%sRulesNsPerMessage", kinds[kind].name);
        bench_report_number(&report, key, figures[kind].rule_ns_per_message);
        snprintf(key, sizeof(key), "%sDeltaRulesNsPerMessage", kinds[kind].name);
        bench_report_number(&report, key, over_figures[kind].rule_ns_per_message);
        snprintf(key, sizeof(key), "%sHits", kinds[kind].name);
        bench_report_number(&report, key, (double)figures[kind].hits);
    }
    report_peers(&report, &patterns, messages, bytes);
    bench_report_end(&report);
    rules_set_destroy(&over);
    rules_set_destroy(&set);
    rules_scratch_destroy(&scratch);
    free(patterns.items);
    free(patterns.bytes);
    for (int kind = 0; kind < KINDS; kind++) {
        free(messages[kind].items);
        free(messages[kind].bytes);
    }
    return 0;
}
