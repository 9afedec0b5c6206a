/* SPDX-License-Identifier: Apache-2.0 */
/* What the server would run with, and what it is. */
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "config.h"

int command_config(struct command_args *args)
{
    struct config config;
    struct config_args rest = { .count = args->count,
                                .items = args->items,
                                .environment = (const char *const *)environ };
    struct err err = { 0 };

    config_init(&config);
    if (config_load(&config, &rest, &err) != ERR_OK) {
        (void)command_fault(&err);
        return rest.refused ? COMMAND_USAGE : COMMAND_FAULT;
    }
    if (rest.count > 0) {
        fprintf(stderr, "kefu config: unexpected '%s'\n", rest.items[0]);
        return COMMAND_USAGE;
    }
    config_print(&config, stdout);
    return 0;
}

int command_version(struct command_args *args)
{
    bool json = command_flag(args, "json");

    if (!command_complete(args, command_find("version"), 0, 0))
        return COMMAND_USAGE;
    printf(json ? "{\"version\":\"%s\"}\n" : "kefu %s\n", KEFU_VERSION);
    return 0;
}
