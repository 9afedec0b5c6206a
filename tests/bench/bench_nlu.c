/* SPDX-License-Identifier: Apache-2.0 */
/* nlu: training an intent classifier and asking it, beside fastText (50 epochs, word pairs, as
 * DESIGN's comparison has it) and scikit-learn's LinearSVC (words 1-2 and characters 2-5, TF-IDF)
 * on the same examples and the same held-out part. Every eighth example is held out unless --test
 * names a file. All times are CPU time of one thread. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "examples_file.h"
#include "intent.h"
#include "intent_train.h"
#include "mem.h"

enum { HELD_OUT = 8, ROUNDS = 3, OPEN_MODELS = 1000, OPEN_SAMPLE = 20 };

/* Prints training seconds, microseconds a query and accuracy. */
static const char sklearn_program[] =
    "import sys, time, numpy as np\n"
    "from sklearn.feature_extraction.text import TfidfVectorizer\n"
    "from sklearn.pipeline import make_union\n"
    "from sklearn.svm import LinearSVC\n"
    "read = lambda p: zip(*[l.rstrip('\\n').split('\\t', 1) for l in open(p, encoding='utf-8')])\n"
    "y, x = map(list, read(sys.argv[1])); v, t = map(list, read(sys.argv[2]))\n"
    "a = time.process_time()\n"
    "f = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, "
    "token_pattern=r'\\S+'),\n"
    "               TfidfVectorizer(analyzer='char_wb', ngram_range=(2, 5), sublinear_tf=True))\n"
    "m = LinearSVC(C=1).fit(f.fit_transform(x), y)\n"
    "b = time.process_time(); p = m.predict(f.transform(t)); c = time.process_time()\n"
    "print(b - a, (c - b) / len(t) * 1e6, float(np.mean(p == np.array(v))))\n";

static void file_load(const char *path, struct example_set *set)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct err err = { 0 };
    struct stat st;
    char *bytes;

    if (fd < 0 || fstat(fd, &st) != 0)
        bench_fail("cannot read %s", path);
    bytes = mem_alloc((size_t)st.st_size + 1);
    if (read(fd, bytes, (size_t)st.st_size) != st.st_size)
        bench_fail("cannot read %s", path);
    close(fd);
    if (examples_read(slice_make(bytes, (size_t)st.st_size), set, &err) != ERR_OK)
        bench_fail("%s: %s", path, err.text);
    free(bytes);
}

static void example_copy(const struct example_set *from, size_t at, struct example_set *to)
{
    const struct example *example = &from->items[at];
    struct err err;

    if (example_set_add(to, from->names[example->intent], example->text, example->line, &err) !=
        ERR_OK)
        bench_fail("%s", err.text);
}

struct sets {
    struct example_set train, test;
};

static void sets_load(const char *train_path, const char *test_path, struct sets *sets)
{
    struct example_set all;

    example_set_init(&sets->train);
    example_set_init(&sets->test);
    example_set_init(&all);
    file_load(train_path, &all);
    if (test_path != NULL)
        file_load(test_path, &sets->test);
    for (size_t i = 0; i < all.count; i++)
        example_copy(&all, i, test_path == NULL && i % HELD_OUT == 0 ? &sets->test : &sets->train);
    example_set_fini(&all);
}

/* intent<TAB>text, or "__label__intent text" for fastText. */
static void set_write(const struct example_set *set, bool fasttext, const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        bench_fail("cannot write %s", path);
    for (size_t i = 0; i < set->count; i++) {
        struct slice name = set->names[set->items[i].intent];

        fprintf(file, fasttext ? "__label__" : "");
        for (size_t c = 0; c < name.len; c++)
            fputc(name.ptr[c] == ' ' ? '_' : name.ptr[c], file);
        fprintf(file, fasttext ? " %.*s\n" : "\t%.*s\n", SLICE_ARGS(set->items[i].text));
    }
    if (fclose(file) != 0)
        bench_fail("cannot write %s", path);
}

/* CPU seconds of children that have been waited for. */
static double children_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Runs a program to its end; its output as text. false: it is not here or failed. */
static bool program_run(char *const argv[], char *text, size_t room)
{
    struct bench_process process = { .out_fd = -1 };
    size_t len = 0;
    ssize_t n;
    int status = 0;
    char path[4096];

    if (!bench_program_found(argv[0], path, sizeof(path)) && access(argv[0], X_OK) != 0)
        return false;
    bench_process_start(&process, argv);
    while (len + 1 < room && (n = read(process.out_fd, text + len, room - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    waitpid(process.pid, &status, 0);
    process.pid = 0;
    bench_process_stop(&process);
    return status == 0;
}

static void bench_fasttext(const struct sets *sets, const char *dir, struct bench_report *report)
{
    static char program[] = "fasttext";
    char train[128];
    char test[128];
    char model[128];
    char model_bin[136];
    char text[4096];
    char *precision;
    double before = children_seconds();

    snprintf(train, sizeof(train), "%s/train.txt", dir);
    snprintf(test, sizeof(test), "%s/test.txt", dir);
    snprintf(model, sizeof(model), "%s/model", dir);
    snprintf(model_bin, sizeof(model_bin), "%s.bin", model);
    set_write(&sets->train, true, train);
    set_write(&sets->test, true, test);
    if (!program_run((char *[]){ program, (char *)"supervised", (char *)"-input", train,
                                 (char *)"-output", model, (char *)"-epoch", (char *)"50",
                                 (char *)"-lr", (char *)".5", (char *)"-wordNgrams", (char *)"2",
                                 (char *)"-thread", (char *)"1", (char *)"-verbose", (char *)"0",
                                 NULL },
                     text, sizeof(text))) {
        bench_report_text(report, "fasttext", "not installed (fasttext)");
        return;
    }
    bench_report_number(report, "fasttextTrainSeconds", children_seconds() - before);
    if (program_run((char *[]){ program, (char *)"test", model_bin, test, NULL }, text,
                    sizeof(text)) &&
        (precision = strstr(text, "P@1")) != NULL)
        bench_report_number(report, "fasttextAccuracy", strtod(precision + 3, NULL));
}

static void bench_sklearn(const struct sets *sets, const char *dir, struct bench_report *report)
{
    static char debian[] = "/usr/bin/python3"; /* the one that python3-sklearn is for */
    char code[sizeof(sklearn_program)];
    char train[128];
    char test[128];
    char text[4096];
    double seconds;
    double query_us;
    double accuracy;

    snprintf(train, sizeof(train), "%s/train.tsv", dir);
    snprintf(test, sizeof(test), "%s/test.tsv", dir);
    set_write(&sets->train, false, train);
    set_write(&sets->test, false, test);
    memcpy(code, sklearn_program, sizeof(code));
    if (!program_run((char *[]){ (char *)"env", (char *)"OPENBLAS_NUM_THREADS=1", debian,
                                 (char *)"-c", code, train, test, NULL },
                     text, sizeof(text)) ||
        sscanf(text, "%lf %lf %lf", &seconds, &query_us, &accuracy) != 3) {
        bench_report_text(report, "linearSvc", "not installed (python3-sklearn)");
        return;
    }
    bench_report_number(report, "linearSvcTrainSeconds", seconds);
    bench_report_number(report, "linearSvcQueryUs", query_us);
    bench_report_number(report, "linearSvcAccuracy", accuracy);
}

/* The least of some rounds: what it costs when nobody disturbs it. */
static double train_seconds(const struct example_set *set, enum intent_quality quality,
                            struct buf *bytes)
{
    struct intent_options options = { .quality = quality, .seed = 1 };
    double best = INFINITY;
    struct err err;

    for (int round = 0; round < ROUNDS; round++) {
        double from = bench_thread_cpu_us();

        buf_fini(bytes);
        buf_init(bytes, INTENT_MODEL_BYTES_MAX);
        if (intent_train(set, &options, bytes, &err) != ERR_OK)
            bench_fail("%s", err.text);
        best = fmin(best, (bench_thread_cpu_us() - from) / 1e6);
    }
    return best;
}

static double accuracy_of(const struct intent_model *model, struct intent_scratch *scratch,
                          const struct example_set *test, double *query_us)
{
    size_t right = 0;

    *query_us = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        double from = bench_thread_cpu_us();

        right = 0;
        for (size_t i = 0; i < test->count; i++) {
            struct intent_result result;

            intent_predict(model, scratch, test->items[i].text, 3, &result);
            right +=
                result.count > 0 && slice_equal(intent_model_name(model, result.hits[0].intent),
                                                test->names[test->items[i].intent]);
        }
        *query_us = fmin(*query_us, (bench_thread_cpu_us() - from) / (double)test->count);
    }
    return (double)right / (double)test->count;
}

/* Memory of a thousand open models: a sample of mapped copies, all their pages touched. */
static double open_models_bytes(const struct buf *bytes, const char *dir)
{
    double before = bench_process_private_bytes(getpid());
    char path[128];
    double used;

    for (int i = 0; i < OPEN_SAMPLE; i++) {
        struct intent_model *model;
        struct err err;
        FILE *file;
        void *map;
        int fd;

        snprintf(path, sizeof(path), "%s/model%d", dir, i);
        file = fopen(path, "wb");
        if (file == NULL || fwrite(bytes->ptr, 1, bytes->len, file) != bytes->len ||
            fclose(file) != 0)
            bench_fail("cannot write %s", path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        map = mmap(NULL, bytes->len, PROT_READ, MAP_PRIVATE, fd, 0);
        close(fd);
        if (map == MAP_FAILED ||
            intent_model_open(slice_make(map, bytes->len), &model, &err) != ERR_OK)
            bench_fail("cannot open %s", path);
    }
    used = bench_process_private_bytes(getpid()) - before;
    return used / OPEN_SAMPLE * OPEN_MODELS;
}

int bench_nlu_main(const struct bench_args *args)
{
    const char *train_path = bench_arg_text(args, "examples", "share/nlu/demo/demo-train.en.tsv");
    const char *test_path = bench_arg_text(args, "test", NULL);
    struct intent_scratch *scratch = intent_scratch_create();
    struct bench_report report;
    struct intent_model *model;
    struct rusage usage;
    struct sets sets;
    struct buf bytes;
    struct err err;
    double query_us;
    double seconds;
    double accuracy;
    char dir[64];

    sets_load(train_path, test_path, &sets);
    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    bench_temp_dir(dir, sizeof(dir));
    bench_report_begin(&report, args, "nlu: learning intents and answering with them");
    bench_report_text(&report, "examples", train_path);
    bench_report_number(&report, "trainExamples", (double)sets.train.count);
    bench_report_number(&report, "intents", (double)sets.train.name_count);
    bench_report_number(&report, "testExamples", (double)sets.test.count);
    seconds = train_seconds(&sets.train, INTENT_FAST, &bytes);
    getrusage(RUSAGE_SELF, &usage);
    if (intent_model_open(buf_slice(&bytes), &model, &err) != ERR_OK)
        bench_fail("%s", err.text);
    accuracy = accuracy_of(model, scratch, &sets.test, &query_us);
    bench_report_number(&report, "trainSeconds", seconds);
    bench_report_number(&report, "peakMegabytes", (double)usage.ru_maxrss / 1024);
    bench_report_number(&report, "queryUs", query_us);
    bench_report_number(&report, "accuracy", accuracy);
    bench_report_number(&report, "modelBytes", (double)bytes.len);
    bench_report_number(&report, "thousandOpenModelsBytes", open_models_bytes(&bytes, dir));
    intent_model_close(&model);
    seconds = train_seconds(&sets.train, INTENT_BEST, &bytes);
    if (intent_model_open(buf_slice(&bytes), &model, &err) != ERR_OK)
        bench_fail("%s", err.text);
    bench_report_number(&report, "bestTrainSeconds", seconds);
    bench_report_number(&report, "bestAccuracy",
                        accuracy_of(model, scratch, &sets.test, &query_us));
    bench_fasttext(&sets, dir, &report);
    bench_sklearn(&sets, dir, &report);
    bench_report_end(&report);
    intent_model_close(&model);
    intent_scratch_destroy(&scratch);
    buf_fini(&bytes);
    example_set_fini(&sets.train);
    example_set_fini(&sets.test);
    bench_remove_tree(dir);
    return 0;
}
