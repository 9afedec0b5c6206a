/* SPDX-License-Identifier: Apache-2.0 */
/* kefu check: reads everything that is stored and counts what is wrong; status 1 when anything is.
 * A running server checks its own tables; with none, the journal and SQLite's pages are read too.
 */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "command_control.h"
#include "store_sqlite.h"

enum { REPLY_ARENA_MAX = 64 * 1024 };

static enum err_code check_there(const char *data, struct store_check_report *out, struct err *err)
{
    Kefu__V1__ControlRequest request = KEFU__V1__CONTROL_REQUEST__INIT;
    Kefu__V1__ControlReply *reply = NULL;
    struct arena arena;
    enum err_code rc;

    request.command = (char *)"check";
    arena_init(&arena, REPLY_ARENA_MAX);
    rc = control_call(data, &request, &arena, &reply, err);
    if (rc == ERR_OK && reply->check == NULL)
        rc = err_set(err, ERR_INVALID, "the server's answer holds no report");
    if (rc == ERR_OK)
        *out = (struct store_check_report){
            .events = reply->check->events,
            .conversations = reply->check->conversations,
            .bad_checksums = reply->check->bad_checksums,
            .seq_gaps = reply->check->seq_gaps,
            .client_id_repeats = reply->check->client_id_repeats,
            .quarantined = reply->check->quarantined,
        };
    arena_fini(&arena);
    return rc;
}

static bool report_clean(const struct store_check_report *report)
{
    return report->bad_checksums == 0 && report->seq_gaps == 0 && report->client_id_repeats == 0 &&
           report->quarantined == 0 && report->sqlite_problems == 0;
}

static void report_print(const struct store_check_report *report, bool running, bool json)
{
    const struct {
        const char *key;
        const char *text;
        uint64_t value;
    } rows[] = {
        { "events", "events", report->events },
        { "conversations", "conversations", report->conversations },
        { "journalTurns", "turns only in the journal", report->journal_turns },
        { "badChecksums", "bad checksums", report->bad_checksums },
        { "seqGaps", "gaps in a sequence", report->seq_gaps },
        { "clientIdRepeats", "client ids used twice", report->client_id_repeats },
        { "quarantined", "turns in quarantine", report->quarantined },
        { "sqliteProblems", "broken pages of main.db", report->sqlite_problems },
        { "tornBytes", "bytes of an unfinished write", report->torn_bytes },
    };

    if (json)
        printf("{\"ok\":%s,\"running\":%s", report_clean(report) ? "true" : "false",
               running ? "true" : "false");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf(json ? ",\"%s\":%" PRIu64 : "%s\t%" PRIu64 "\n", json ? rows[i].key : rows[i].text,
               rows[i].value);
    puts(json ? "}" : report_clean(report) ? "ok" : "PROBLEMS");
}

int command_check(struct command_args *args)
{
    const char *data = command_option(args, "data");
    bool json = command_flag(args, "json");
    struct store_check_report report;
    struct err err = { 0 };
    bool running;
    enum err_code rc;

    if (!command_complete(args, command_find("check"), 0, 0))
        return COMMAND_USAGE;
    if (data == NULL)
        data = "data";
    running = control_running(data);
    rc = running ? check_there(data, &report, &err) : store_sqlite_check(data, &report, &err);
    if (rc != ERR_OK)
        return command_fault(&err);
    report_print(&report, running, json);
    return report_clean(&report) ? 0 : COMMAND_FAULT;
}
