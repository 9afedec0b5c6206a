/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    { "serve", command_serve, "[--demo] [--data DIR] [--port N] [OPTIONS]: runs the server (-h)" },
    { "admin", command_admin,
      "create|reset --email E [--name N] [--role R] [--password-stdin] [--data DIR]: a way in" },
    { "backup", command_backup,
      "FILE [--data DIR] [--with-key]: a copy of everything, also while the server runs" },
    { "restore", command_restore, "FILE --data DIR: a data folder out of a backup" },
    { "check", command_check, "[--data DIR] [--json]: reads everything, counts what is wrong" },
    { "nlu", command_nlu,
      "train|eval|predict|vectors|convert|inbox ...: intents from examples (each says its "
      "options)" },
    { "docs", command_docs, "config|openapi: a reference page, as in docs/" },
    { "flow", command_flow,
      "check|test|fmt|run|graph|paths|combinations|schema PATH... [--json]: dialogue flows" },
    { "config", command_config, "[OPTIONS] [--json]: every setting, its value and its source" },
    { "faq", command_faq,
      "index --entries FILE.csv --out FILE | query --index FILE [--top K]: questions on stdin" },
    { "rules", command_rules,
      "compile --rules FILE --out FILE | scan --rules FILE [--json]: texts on standard input" },
    { "route", command_route,
      "check|explain|sim CONFIG ...: who gets which conversation (each part says its options)" },
    { "version", command_version, "[--json]" },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

const struct command *command_at(int at)
{
    return at < COMMAND_COUNT ? &commands[at] : NULL;
}

static void take(struct command_args *args, int at, int count)
{
    memmove(&args->items[at], &args->items[at + count],
            (size_t)(args->count - at - count) * sizeof(args->items[0]));
    args->count -= count;
}

static bool is_option(const char *item)
{
    return item[0] == '-' && item[1] == '-';
}

/* Where --name or --name=VALUE stands; -1: nowhere. *value is NULL for the first form. */
static int find(const struct command_args *args, const char *name, const char **value)
{
    size_t len = strlen(name);

    for (int i = 0; i < args->count; i++) {
        const char *item = args->items[i];
        if (!is_option(item) || strncmp(item + 2, name, len) != 0)
            continue;
        if (item[2 + len] == '\0' || item[2 + len] == '=') {
            *value = item[2 + len] == '=' ? item + 3 + len : NULL;
            return i;
        }
    }
    return -1;
}

bool command_flag(struct command_args *args, const char *name)
{
    const char *value;
    int at = find(args, name, &value);

    if (at < 0 || value != NULL)
        return false;
    take(args, at, 1);
    return true;
}

const char *command_option(struct command_args *args, const char *name)
{
    const char *value;
    int at = find(args, name, &value);

    if (at < 0)
        return NULL;
    if (value == NULL && (at + 1 >= args->count || is_option(args->items[at + 1]))) {
        fprintf(stderr, "kefu: --%s needs a value\n", name);
        args->count = -1;
        return NULL;
    }
    if (value != NULL) {
        take(args, at, 1);
        return value;
    }
    value = args->items[at + 1];
    take(args, at, 2);
    return value;
}

int command_list(struct command_args *args, const char *name, const char **out, int max)
{
    const char *value;
    int at;
    int n = 0;

    while ((at = find(args, name, &value)) >= 0) {
        int used = 1;
        if (value != NULL && n < max)
            out[n] = value;
        n += value != NULL;
        while (value == NULL && at + used < args->count && !is_option(args->items[at + used])) {
            if (n < max)
                out[n] = args->items[at + used];
            n++;
            used++;
        }
        take(args, at, used);
    }
    return n;
}

bool command_complete(const struct command_args *args, const struct command *command, int min,
                      int max)
{
    if (args->count < 0)
        return false;
    for (int i = 0; i < args->count; i++) {
        if (strcmp(args->items[i], "-h") == 0 || strcmp(args->items[i], "--help") == 0) {
            fprintf(stderr, "usage: kefu %s %s\n", command->name, command->help);
            return false;
        }
        if (is_option(args->items[i])) {
            fprintf(stderr, "kefu %s: unknown option %s\n", command->name, args->items[i]);
            return false;
        }
    }
    if (args->count >= min && args->count <= max)
        return true;
    fprintf(stderr, "usage: kefu %s %s\n", command->name, command->help);
    return false;
}

int command_fault(const struct err *err)
{
    fprintf(stderr, "kefu: %s%s%s\n", err->field, err->field[0] != '\0' ? ": " : "", err->text);
    return COMMAND_FAULT;
}
