/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `kefu`, one file each, and the table of them in command.c. A command gets its
 * own arguments, prints results to standard output and errors to standard error, and gives the exit
 * status: 0, 1 for a fault, 2 for wrong usage. */
#ifndef KEFU_COMMAND_H
#define KEFU_COMMAND_H

#include <stdbool.h>

#include "err.h"

enum { COMMAND_FAULT = 1, COMMAND_USAGE = 2 };

struct command_args {
    int count; /* what is left: takers remove what they take */
    char **items;
};

struct command {
    const char *name;
    int (*run)(struct command_args *args);
    const char *help; /* arguments and one line */
};
/* NULL: no such command. command_at gives the table in order, NULL past its end. */
const struct command *command_find(const char *name);
const struct command *command_at(int at);

/* Options may stand anywhere among a command's arguments: --name VALUE or --name=VALUE. */
bool command_flag(struct command_args *args, const char *name);
/* NULL: not given. A missing value prints what is wrong and sets args->count to -1, which
 * command_complete reports. The text lives as long as the arguments. */
const char *command_option(struct command_args *args, const char *name);
/* --name FILE...: every argument up to the next option, and again for a repeated option. Fills at
 * most max and gives how many there were. */
int command_list(struct command_args *args, const char *name, const char **out, int max);
/* After all takers: false (and a message) when an unknown option, a missing value, fewer than min
 * or more than max plain arguments are left. */
bool command_complete(const struct command_args *args, const struct command *command, int min,
                      int max);
/* "kefu: text" (with the field or line that the error names) to standard error; gives status 1. */
int command_fault(const struct err *err);

int command_serve(struct command_args *args);
int command_admin(struct command_args *args);
int command_nlu(struct command_args *args);
int command_backup(struct command_args *args);
int command_restore(struct command_args *args);
int command_check(struct command_args *args);
int command_docs(struct command_args *args);
int command_flow(struct command_args *args);
int command_config(struct command_args *args);
int command_faq(struct command_args *args);
int command_rules(struct command_args *args);
int command_route(struct command_args *args);
int command_version(struct command_args *args);

#endif
