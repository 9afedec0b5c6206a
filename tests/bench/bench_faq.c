/* SPDX-License-Identifier: Apache-2.0 */
/* faq: a bank of questions, asked with other questions of the same kind: leave one out, so the
 * right answer is any other question with the same label. Bank and labels come from a file of
 * `label<TAB>text` lines, or are drawn: topics of a few words each, in English and Chinese by
 * turns. Beside it, in the same run, SQLite's FTS5 with its own bm25(), by words with Porter stems
 * for Latin script and by trigrams for CJK. All times are CPU time of one thread. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_faq_priv.h"
#include "faq_csv.h"
#include "hash.h"
#include "mem.h"
#include "search.h"
#include "text.h"

enum {
    ENTRIES_MAX = 200 * 1000,
    QUERIES_MAX = 2000,
    TEXT_BYTES = 1024,
    TOP = 11, /* ten and the question itself */
    TOPIC_WORDS = 8,
    PER_TOPIC = 10,
    LAYER_ENTRIES = 10, /* put over the index at once */
    FTS_QUERY_BYTES = 16 * 1024,
};

struct bank {
    char **labels;
    char **texts; /* in normal form */
    size_t count;
    bool chinese; /* most of it */
};

static uint64_t draw_state = 7;

static uint64_t draw(uint64_t below)
{
    draw_state += 0x9E3779B97F4A7C15u;
    return hash_u64(11, draw_state) % below;
}

static void bank_add(struct bank *bank, const char *label, struct slice text)
{
    char out[TEXT_BYTES * 3];
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, out, NULL, sizeof(out));

    if (bank->count == ENTRIES_MAX || norm.len == 0)
        return;
    bank->labels[bank->count] = mem_strndup(label, strlen(label));
    bank->texts[bank->count++] = mem_strndup(norm.ptr, norm.len);
}

static void bank_read(struct bank *bank, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;

    if (file == NULL)
        bench_fail("cannot read %s", path);
    while (getline(&line, &cap, file) >= 0) {
        char *tab = strchr(line, '\t');

        line[strcspn(line, "\r\n")] = '\0';
        if (tab == NULL || strlen(tab + 1) > TEXT_BYTES)
            continue;
        *tab = '\0';
        bank_add(bank, line, slice_of(tab + 1));
    }
    free(line);
    fclose(file);
}

/* A word of a topic's own, or one of three hundred that all topics use. */
static size_t draw_word(char *out, bool chinese, uint64_t topic)
{
    uint64_t word = draw(3) == 0 ? draw(300) : topic * TOPIC_WORDS + draw(TOPIC_WORDS) + 1000;
    uint64_t h = hash_u64(chinese ? 5 : 6, word);
    size_t len = 0;

    if (chinese) {
        for (int i = 0; i < 2; i++, h >>= 16)
            len += text_encode(0x4E00 + (uint32_t)(h % 3000), out + len);
        return len;
    }
    for (size_t letters = 4 + h % 5; letters > 0; letters--, h = hash_u64(9, h))
        out[len++] = letters % 2 == 0 ? "bdfgklmnprst"[h % 12] : "aeiou"[h % 5];
    out[len++] = ' ';
    return len;
}

static void bank_draw(struct bank *bank, size_t count, bool chinese)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t topic = i / PER_TOPIC;
        char label[24];
        char text[TEXT_BYTES];
        size_t len = 0;

        for (int word = 0; word < 7; word++)
            len += draw_word(text + len, chinese, topic);
        snprintf(label, sizeof(label), "%llu", (unsigned long long)topic);
        bank_add(bank, label, slice_make(text, len));
    }
}

/* ---- what is measured ---- */
struct figures {
    double index_seconds;
    double query_us[QUERIES_MAX];
    size_t queries;
    size_t first, in_five;
    double reciprocal;
};

static void rank_found(struct figures *f, size_t rank)
{
    f->first += rank == 1 ? 1 : 0;
    f->in_five += rank >= 1 && rank <= 5 ? 1 : 0;
    f->reciprocal += rank > 0 ? 1.0 / (double)rank : 0;
}

static bool same_text(const struct bank *bank, size_t a, size_t b)
{
    return a == b || strcmp(bank->texts[a], bank->texts[b]) == 0;
}

/* The place of the first right answer among the entries; 0: none in ten. */
static size_t rank_of(const struct bank *bank, size_t query, const uint32_t *entries, size_t count)
{
    size_t rank = 0;

    for (size_t i = 0; i < count && rank < 10; i++) {
        if (same_text(bank, entries[i], query))
            continue;
        rank++;
        if (strcmp(bank->labels[entries[i]], bank->labels[query]) == 0)
            return rank;
    }
    return 0;
}

static size_t query_step(const struct bank *bank)
{
    return bank->count <= QUERIES_MAX ? 1 : (bank->count + QUERIES_MAX - 1) / QUERIES_MAX;
}

static struct search_index *ours(const struct bank *bank, struct text_stemmer *stemmer,
                                 struct figures *f)
{
    struct search_builder *builder = search_builder_create();
    struct search_scratch *scratch = search_scratch_create();
    struct search_index *index;
    struct err err = { 0 };
    double from = bench_thread_cpu_us();

    for (size_t i = 0; i < bank->count; i++) {
        if (search_builder_add(builder, stemmer, (uint32_t)i, SEARCH_QUESTION,
                               slice_of(bank->texts[i]), &err) != ERR_OK)
            bench_fail("%s", err.text);
    }
    index = search_builder_make(builder);
    f->index_seconds = (bench_thread_cpu_us() - from) / 1e6;
    for (size_t i = 0; i < bank->count; i += query_step(bank)) {
        struct search_hit hits[TOP];
        uint32_t entries[TOP];
        size_t count;

        from = bench_thread_cpu_us();
        count = search_query(index, scratch, stemmer, slice_of(bank->texts[i]), hits, TOP);
        f->query_us[f->queries++] = bench_thread_cpu_us() - from;
        for (size_t h = 0; h < count; h++)
            entries[h] = hits[h].entry;
        rank_found(f, rank_of(bank, i, entries, count));
    }
    search_builder_destroy(&builder);
    search_scratch_destroy(&scratch);
    return index;
}

/* Microseconds to put ten entries over the index and take ten away. */
static double layer_us(const struct bank *bank, struct text_stemmer *stemmer,
                       const struct search_index *index)
{
    struct search_builder *builder = search_builder_create();
    struct search_index *layer;
    uint32_t removed[LAYER_ENTRIES];
    double from = bench_thread_cpu_us();

    for (uint32_t i = 0; i < LAYER_ENTRIES; i++) {
        uint32_t entry = i * 7 % (uint32_t)bank->count;

        removed[i] = (i * 5 + 3) % (uint32_t)bank->count;
        if (search_builder_add(builder, stemmer, entry, SEARCH_QUESTION,
                               slice_of(bank->texts[entry]), NULL) != ERR_OK)
            bench_fail("cannot add an entry");
    }
    layer = search_builder_overlay(builder, index, removed, LAYER_ENTRIES);
    from = bench_thread_cpu_us() - from;
    search_index_destroy(&layer);
    search_builder_destroy(&builder);
    return from;
}

/* ---- FTS5 ---- */
static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_fail("fts5: %s", sqlite3_errmsg(db));
}

/* "a" OR "b": its words, or every three characters in a row. */
static void fts_query(const char *text, bool trigrams, char *out)
{
    struct slice rest = slice_of(text);
    size_t len = 0;

    while (rest.len > 0 && len < FTS_QUERY_BYTES - 64) {
        struct slice piece = rest;
        struct slice next;

        if (trigrams) {
            next = rest;
            (void)text_next(&next);
            piece = next;
            for (int i = 0; i < 2 && piece.len > 0; i++)
                (void)text_next(&piece);
            piece = slice_make(rest.ptr, (size_t)(piece.ptr - rest.ptr));
        } else {
            const char *blank = memchr(rest.ptr, ' ', rest.len);

            piece.len = blank != NULL ? (size_t)(blank - rest.ptr) : rest.len;
            next = slice_make(rest.ptr + piece.len, rest.len - piece.len);
            if (next.len > 0)
                next = slice_make(next.ptr + 1, next.len - 1);
        }
        if (piece.len > 0 && piece.len < 48 && memchr(piece.ptr, '"', piece.len) == NULL)
            len += (size_t)snprintf(out + len, FTS_QUERY_BYTES - len, "%s\"%.*s\"",
                                    len > 0 ? " OR " : "", SLICE_ARGS(piece));
        rest = next;
    }
    out[len] = '\0';
}

static void fts_fill(sqlite3 *db, const struct bank *bank, struct figures *f)
{
    sqlite3_stmt *insert = NULL;
    double from = bench_thread_cpu_us();

    sql(db, bank->chinese ? "CREATE VIRTUAL TABLE q USING fts5(t, tokenize='trigram')"
                          : "CREATE VIRTUAL TABLE q USING fts5(t, tokenize='porter unicode61')");
    sql(db, "BEGIN");
    if (sqlite3_prepare_v2(db, "INSERT INTO q(rowid, t) VALUES(?, ?)", -1, &insert, NULL) !=
        SQLITE_OK)
        bench_fail("fts5: %s", sqlite3_errmsg(db));
    for (size_t i = 0; i < bank->count; i++) {
        sqlite3_bind_int64(insert, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_text(insert, 2, bank->texts[i], -1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            bench_fail("fts5: %s", sqlite3_errmsg(db));
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sql(db, "COMMIT");
    f->index_seconds = (bench_thread_cpu_us() - from) / 1e6;
}

static void fts(const struct bank *bank, struct figures *f)
{
    static char query[FTS_QUERY_BYTES];
    sqlite3_stmt *select = NULL;
    sqlite3 *db = NULL;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        bench_fail("fts5: cannot open");
    fts_fill(db, bank, f);
    if (sqlite3_prepare_v2(db, "SELECT rowid FROM q WHERE q MATCH ? ORDER BY rank LIMIT 11", -1,
                           &select, NULL) != SQLITE_OK)
        bench_fail("fts5: %s", sqlite3_errmsg(db));
    for (size_t i = 0; i < bank->count; i += query_step(bank)) {
        uint32_t entries[TOP];
        size_t count = 0;
        double from = bench_thread_cpu_us();

        fts_query(bank->texts[i], bank->chinese, query);
        sqlite3_bind_text(select, 1, query, -1, SQLITE_STATIC);
        while (query[0] != '\0' && count < TOP && sqlite3_step(select) == SQLITE_ROW)
            entries[count++] = (uint32_t)sqlite3_column_int64(select, 0) - 1;
        sqlite3_reset(select);
        f->query_us[f->queries++] = bench_thread_cpu_us() - from;
        rank_found(f, rank_of(bank, i, entries, count));
    }
    sqlite3_finalize(select);
    sqlite3_close(db);
}

/* ---- report ---- */
static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void report_one(struct bench_report *report, const char *prefix, struct figures *f)
{
    const struct {
        const char *key;
        double value;
    } rows[] = {
        { "ndexSeconds", f->index_seconds },
        { "ueryUs", 0 },
        { "ueryP99Us", 0 },
        { "ecallAt1", (double)f->first / (double)f->queries },
        { "ecallAt5", (double)f->in_five / (double)f->queries },
        { "rr", f->reciprocal / (double)f->queries },
    };
    static const char initials[] = "iqqrrm";
    char key[64];

    qsort(f->query_us, f->queries, sizeof(f->query_us[0]), double_compare);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double value = rows[i].value;
        int initial = prefix[0] != '\0' ? initials[i] - 'a' + 'A' : initials[i];

        if (i == 1)
            value = f->query_us[f->queries / 2];
        if (i == 2)
            value = f->query_us[f->queries * 99 / 100];
        snprintf(key, sizeof(key), "%s%c%s", prefix, initial, rows[i].key);
        bench_report_number(report, key, value);
    }
}

static bool mostly_chinese(const struct bank *bank)
{
    size_t chinese = 0;

    for (size_t i = 0; i < bank->count; i++)
        chinese += text_script_count(slice_of(bank->texts[i])).cjk_chars > 2 ? 1 : 0;
    return chinese * 2 > bank->count;
}

static int blend_main(const struct bench_args *args, const char *path)
{
    char *bytes = mem_alloc(FAQ_CSV_BYTES_MAX);
    FILE *file = fopen(path, "r");
    struct bench_report report;
    size_t len;

    if (file == NULL)
        bench_fail("cannot read %s", path);
    len = fread(bytes, 1, FAQ_CSV_BYTES_MAX, file);
    fclose(file);
    bench_report_begin(&report, args, "faq: entries found by a variant that was held out");
    bench_faq_blend(&report, slice_make(bytes, len));
    bench_report_end(&report);
    free(bytes);
    return 0;
}

int bench_faq_main(const struct bench_args *args)
{
    const char *csv = bench_arg_text(args, "csv", "");
    const char *path = bench_arg_text(args, "file", "");
    size_t count = (size_t)bench_arg_long(args, "entries", 16889, PER_TOPIC, ENTRIES_MAX);
    struct bank bank = { 0 };
    struct text_stemmer *stemmer;
    struct figures *f;
    struct search_index *index;
    struct bench_report report;

    if (csv[0] != '\0')
        return blend_main(args, csv);
    bank.labels = mem_alloc(ENTRIES_MAX * sizeof(char *));
    bank.texts = mem_alloc(ENTRIES_MAX * sizeof(char *));
    stemmer = text_stemmer_create();
    f = mem_zalloc(2 * sizeof(*f));
    if (path[0] != '\0')
        bank_read(&bank, path);
    else
        bank_draw(&bank, count, bench_arg_flag(args, "chinese"));
    if (bank.count == 0)
        bench_fail("no questions");
    bank.chinese = mostly_chinese(&bank);
    index = ours(&bank, stemmer, &f[0]);
    fts(&bank, &f[1]);
    bench_report_begin(&report, args, "faq: a question finds others of its kind");
    bench_report_number(&report, "entries", (double)bank.count);
    bench_report_number(&report, "bytes", (double)search_index_bytes(index));
    report_one(&report, "", &f[0]);
    bench_report_number(&report, "tenChangesUs", layer_us(&bank, stemmer, index));
    report_one(&report, "fts5", &f[1]);
    bench_report_end(&report);
    search_index_destroy(&index);
    text_stemmer_destroy(&stemmer);
    for (size_t i = 0; i < bank.count; i++) {
        free(bank.labels[i]);
        free(bank.texts[i]);
    }
    free(bank.labels);
    free(bank.texts);
    free(f);
    return 0;
}
