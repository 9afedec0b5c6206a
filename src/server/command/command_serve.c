/* SPDX-License-Identifier: Apache-2.0 */
/* kefu serve */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "config.h"
#include "serve.h"

int command_serve(struct command_args *args)
{
    struct config config;
    struct config_args rest = { .count = args->count,
                                .items = args->items,
                                .environment = (const char *const *)environ };
    struct err err = { 0 };

    for (int i = 0; i < args->count; i++) {
        if (strcmp(args->items[i], "-h") == 0 || strcmp(args->items[i], "--help") == 0) {
            config_print_help(stdout);
            return 0;
        }
    }
    config_init(&config);
    if (config_load(&config, &rest, &err) != ERR_OK) {
        (void)command_fault(&err);
        return rest.refused ? COMMAND_USAGE : COMMAND_FAULT;
    }
    if (rest.count > 0) {
        fprintf(stderr, "kefu serve: unexpected '%s'\n", rest.items[0]);
        return COMMAND_USAGE;
    }
    return serve_run(&config, &err) == ERR_OK ? 0 : command_fault(&err);
}
