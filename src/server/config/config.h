/* SPDX-License-Identifier: Apache-2.0 */
/* Every setting of the server in one table: command line > environment (KEFU_*) > kefu.yaml >
 * default. Read once at start-up on the main thread; never changes afterwards. A setting that
 * weakens durability has `unsafe` in its name. */
#ifndef KEFU_CONFIG_H
#define KEFU_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "check.h"
#include "err.h"

enum {
    CONFIG_TEXT_MAX = 512,         /* one value; a path or a short list */
    CONFIG_FILE_BYTES_MAX = 65536, /* a settings file is a page, not a database */
};

enum config_source {
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_COMMAND_LINE,
};

enum config_key {
    CONFIG_DATA,
    CONFIG_LISTEN,
    CONFIG_PORT,
    CONFIG_SHARDS,
    CONFIG_WORKERS,
    CONFIG_STORE,
    CONFIG_DEMO,
    CONFIG_PUBLIC_URL,
    CONFIG_TLS_CERT,
    CONFIG_TLS_KEY,
    CONFIG_REQUIRE_TLS,
    CONFIG_TRUSTED_PROXIES,
    CONFIG_ACTION_NETWORKS,
    CONFIG_ACTION_PORTS,
    CONFIG_ACTION_HOSTS,
    CONFIG_ACTION_CA,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
    CONFIG_LIMIT_VISITOR_RATE,
    CONFIG_LIMIT_IP_RATE,
    CONFIG_LIMIT_NEW_CONVERSATIONS,
    CONFIG_LIMIT_UPLOADS,
    CONFIG_KEY_COUNT,
};

struct config_value {
    char text[CONFIG_TEXT_MAX];
    uint64_t number; /* of numbers and booleans */
    enum config_source source;
};

struct config {
    struct config_value value[CONFIG_KEY_COUNT];
    bool json;                  /* --json: machine-readable output */
    char file[CONFIG_TEXT_MAX]; /* the settings file that was read; empty: none */
};

struct config_args {
    int count; /* after the subcommand */
    char **items;
    const char *const *environment; /* "KEFU_PORT=1", NULL-terminated */
    bool refused; /* out: the fault is in these arguments, not in file or environment */
};

void config_init(struct config *config); /* the defaults */
/* Applies file, environment and command line. What isn't an option (--name value, --name=value)
 * is moved to the front of args->items, args->count becomes their number. */
MUST_USE enum err_code config_load(struct config *config, struct config_args *args,
                                   struct err *err);
MUST_USE enum err_code config_file_parse(struct config *config, const char *bytes, size_t len,
                                         struct err *err);

const char *config_text(const struct config *config, enum config_key key);
uint64_t config_number(const struct config *config, enum config_key key);
static inline bool config_flag(const struct config *config, enum config_key key)
{
    return config_number(config, key) != 0;
}
const char *config_name(enum config_key key);
const char *config_source_name(enum config_source source);

/* Name, value and source of every setting, one a line or one JSON object. */
void config_print(const struct config *config, FILE *out);
/* The reference page docs/config.md: every setting with its default and meaning. */
void config_print_reference(FILE *out);
/* The options and what they do. */
void config_print_help(FILE *out);

#endif
