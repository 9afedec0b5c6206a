/* SPDX-License-Identifier: Apache-2.0 */
/* Bits that turn over while nobody looks. A killed server's folder (tables, their log, a journal
 * not yet settled) is copied, a few bits of the copy are flipped, and a server is started on it.
 * Every conversation that the sound folder gives is read again. Each event must be the same, or the
 * loss must be known: the server refused to start and said why, answered the read with an error, or
 * counted the damage. What is given as good must be good.
 *
 * One loss cannot be told: SQLite takes a damaged frame of its log for the torn end of it, and what
 * was committed behind it is undone. Turns come back from the journal then, or are missed by their
 * batch's number; an administrative change since the last checkpoint, such as a log-in, is gone. So
 * a reader that is not known any more logs in again. */
#include "chaos_flip.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos_disk.h"
#include "chaos_run.h"
#include "chaos_thread.h"
#include "mem.h"

enum {
    FLIP_ROUNDS = 20,
    FLIP_BITS_MAX = 8,
    FLIP_NEAR_BYTES = 64, /* half of the rounds damage one place, half many */
};

enum flip_verdict { FLIP_HARMLESS, FLIP_REFUSED, FLIP_DETECTED, FLIP_SILENT, FLIP_VERDICTS };

struct flip {
    struct bench_server server;
    struct chaos_login login;
    struct ledger ledger;
    char pristine[128];
    char log[128];
    char (*convs)[24];
    struct thread *threads; /* as the sound folder gives them */
    unsigned count;
    const char *only; /* NULL: any file */
    unsigned undone;  /* log-ins */
    unsigned verdicts[FLIP_VERDICTS];
};

/* ---- damage ---- */

/* Bytes of the file that were ever written: a journal segment is zero behind them. */
static off_t used_bytes(int fd, off_t size)
{
    char block[4096];

    while (size > 0) {
        off_t from = size > (off_t)sizeof(block) ? size - (off_t)sizeof(block) : 0;
        ssize_t n = pread(fd, block, (size_t)(size - from), from);

        while (n > 0 && block[n - 1] == 0)
            n--;
        if (n > 0)
            return from + n;
        size = from;
    }
    return 0;
}

/* A file of the folder by chance, or the one that was asked for. */
static void victim_choose(const char *dir, const char *only, char *path, size_t path_size)
{
    static const char *const names[] = { "main.db", "main.db-wal", "journal/000001.log",
                                         "journal/000002.log" };
    struct stat st;

    do {
        snprintf(path, path_size, "%s/%s", dir,
                 only != NULL ? only : names[random() % (long)LENGTH_OF(names)]);
    } while (stat(path, &st) != 0 || st.st_size == 0);
}

static void bits_flip(const char *path, char *what, size_t what_size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    long bits = 1 + random() % FLIP_BITS_MAX;
    bool near = random() % 2 == 0;
    off_t used;
    off_t first;

    if (fd < 0 || fstat(fd, &st) != 0)
        bench_fail("cannot open %s", path);
    used = used_bytes(fd, st.st_size);
    first = used > 0 ? random() % used : 0;
    for (long i = 0; i < bits && used > 0; i++) {
        off_t at = near ? first + random() % FLIP_NEAR_BYTES : random() % used;
        unsigned char byte;

        if (pread(fd, &byte, 1, at) != 1)
            continue;
        byte = (unsigned char)(byte ^ 1u << random() % 8);
        if (pwrite(fd, &byte, 1, at) != 1)
            bench_fail("cannot write %s", path);
    }
    close(fd);
    snprintf(what, what_size, "%ld bits %s of %s at %lld", bits, near ? "near" : "spread over",
             strrchr(path, '/') + 1, (long long)first);
}

/* ---- a server on the damaged folder ---- */

/* The log's last line, and whether any line told of damage. */
static bool log_tells(const struct flip *flip, char *last, size_t last_size)
{
    static const char *const words[] = { "corrupt", "damaged", "quarantined", "malformed" };
    FILE *file = fopen(flip->log, "r");
    char line[2048];
    bool told = false;

    last[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        for (size_t i = 0; i < LENGTH_OF(words); i++)
            told |= strstr(line, words[i]) != NULL && strstr(line, "damaged=0") == NULL;
        snprintf(last, last_size, "%.*s", (int)strcspn(line, "\n"), line);
    }
    if (file != NULL)
        fclose(file);
    return told;
}

static bool damage_counted(const struct flip *flip)
{
    uint16_t port = flip->server.process.port;

    return bench_metric(port, "store_quarantined_total") > 0 ||
           bench_metric(port, "store_corrupt_total") > 0;
}

/* What differs from the sound folder: nothing (0), only what was answered with an error (1), or
 * something that was given as if it were whole (2). */
static int threads_differ(struct flip *flip, char *why, size_t why_size)
{
    int worst = 0;

    for (unsigned i = 0; i < flip->count && worst < 2; i++) {
        struct thread thread = { 0 };
        int status =
            thread_read_rest(&thread, &flip->login, flip->server.process.port, flip->convs[i]);
        uint32_t seq = thread_compare(&thread, &flip->threads[i], false);

        if (status >= 500 || status == 409) {
            worst = worst > 1 ? worst : 1;
        } else if (status != 200 || seq != 0) {
            worst = 2;
            snprintf(why, why_size, "conversation %s: status %d, %zu of %zu events, differs at %u",
                     flip->convs[i], status, thread.count, flip->threads[i].count, seq);
        }
        thread_fini(&thread);
    }
    return worst;
}

/* An event that is there must be the one that was stored, whatever the log tells. */
static bool events_false(struct flip *flip)
{
    bool wrong = false;

    for (unsigned i = 0; i < flip->count && !wrong; i++) {
        const struct thread *sound = &flip->threads[i];
        struct thread thread = { 0 };
        size_t at = 0;

        (void)thread_read_rest(&thread, &flip->login, flip->server.process.port, flip->convs[i]);
        for (size_t j = 0; j < thread.count && !wrong; j++) {
            while (at < sound->count && sound->events[at].seq < thread.events[j].seq)
                at++;
            wrong = at == sound->count || sound->events[at].seq != thread.events[j].seq ||
                    sound->events[at].hash != thread.events[j].hash;
        }
        thread_fini(&thread);
    }
    return wrong;
}

static enum flip_verdict flip_judge(struct flip *flip, char *why, size_t why_size)
{
    char last[512];
    int status = 0;
    int differs;
    bool told;
    enum flip_verdict verdict;
    struct chaos_login login = flip->login;

    if (!server_start_tried(&flip->server, flip->log, &status)) {
        (void)log_tells(flip, why, why_size);
        return WIFEXITED(status) && WEXITSTATUS(status) == 1 && why[0] != '\0' ? FLIP_REFUSED
                                                                               : FLIP_SILENT;
    }
    differs = threads_differ(flip, why, why_size);
    if (differs == 2 && strstr(why, "status 401") != NULL &&
        chaos_login(&flip->login, flip->server.process.port, flip->server.dir)) {
        flip->undone++;
        differs = threads_differ(flip, why, why_size);
    }
    told = damage_counted(flip) || log_tells(flip, last, sizeof(last));
    if (differs == 2 && (!told || events_false(flip)))
        verdict = FLIP_SILENT;
    else
        verdict = differs > 0 || told ? FLIP_DETECTED : FLIP_HARMLESS;
    flip->login = login;
    bench_process_stop(&flip->server.process);
    return verdict;
}

/* ---- the command ---- */

static void flip_prepare(struct flip *flip, const struct bench_args *args)
{
    struct chaos_run *run = run_begin(args, NULL);
    char work[128];

    run_work(run, 1500000); /* this goes into the tables */
    bench_server_stop(&run->server, true);
    bench_server_start(&run->server);
    run_work(run, 1500000); /* and of this much is in the journal only */
    server_kill(&run->server);
    snprintf(flip->pristine, sizeof(flip->pristine), "%s", run->server.dir);
    snprintf(work, sizeof(work), "%.100s-flipped", flip->pristine);
    snprintf(flip->log, sizeof(flip->log), "%.100s-log", flip->pristine);
    snprintf(flip->server.dir, sizeof(flip->server.dir), "%s", work);
    snprintf(flip->server.site_key, sizeof(flip->server.site_key), "demo");
    flip->login = run->agent.login;
    flip->count = run->load.connections;
    flip->convs = mem_zalloc(flip->count * sizeof(*flip->convs));
    flip->threads = mem_zalloc(flip->count * sizeof(*flip->threads));
    for (unsigned i = 0; i < flip->count; i++)
        snprintf(flip->convs[i], sizeof(flip->convs[i]), "%s", run->load.visitors[i].conv);
    chaos_folder_copy(flip->pristine, work);
    bench_server_start(&flip->server);
    for (unsigned i = 0; i < flip->count; i++) {
        if (thread_read_rest(&flip->threads[i], &flip->login, flip->server.process.port,
                             flip->convs[i]) != 200)
            bench_fail("the sound folder does not give conversation %s", flip->convs[i]);
    }
    bench_process_stop(&flip->server.process);
    chaos_load_fini(&run->load);
    chaos_agent_fini(&run->agent);
    ledger_close(&run->ledger);
    unlink(run->path);
}

static void flip_round(struct flip *flip)
{
    static const char *const words[] = { "harmless", "refused", "detected", "NOT NOTICED" };
    char path[256];
    char what[256];
    char why[512] = "";
    enum flip_verdict verdict;

    chaos_folder_copy(flip->pristine, flip->server.dir);
    victim_choose(flip->server.dir, flip->only, path, sizeof(path));
    bits_flip(path, what, sizeof(what));
    verdict = flip_judge(flip, why, sizeof(why));
    flip->verdicts[verdict]++;
    if (verdict == FLIP_SILENT || verdict == FLIP_REFUSED)
        printf("  %s: %s: %s\n", what, words[verdict], why);
    if (verdict == FLIP_SILENT)
        ledger_violation(&flip->ledger, "served as good or ended badly: %s", what);
}

int chaos_bit_flip(const struct bench_args *args)
{
    static struct flip flip;
    long rounds = bench_arg_long(args, "rounds", FLIP_ROUNDS, 1, 10000);

    flip.only = bench_arg_text(args, "file", NULL);
    flip_prepare(&flip, args);
    for (long i = 0; i < rounds; i++)
        flip_round(&flip);
    printf("bit-flip: %ld rounds: %u detected, %u refused at start, %u harmless "
           "(%u with a log-in undone), %llu violations\n",
           rounds, flip.verdicts[FLIP_DETECTED], flip.verdicts[FLIP_REFUSED],
           flip.verdicts[FLIP_HARMLESS], flip.undone, (unsigned long long)flip.ledger.violations);
    for (unsigned i = 0; i < flip.count; i++)
        thread_fini(&flip.threads[i]);
    free(flip.threads);
    free(flip.convs);
    bench_remove_tree(flip.pristine);
    bench_remove_tree(flip.server.dir);
    unlink(flip.log);
    return flip.ledger.violations == 0 ? 0 : 1;
}
