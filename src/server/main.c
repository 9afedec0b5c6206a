/* SPDX-License-Identifier: Apache-2.0 */
/* kefu COMMAND …: finds the subcommand and gives it the rest of the line. */
#include <stdio.h>
#include <string.h>

#include "command.h"

static int usage(FILE *out, int status)
{
    const struct command *command;

    fputs("usage: kefu COMMAND [ARGUMENTS]\n", out);
    for (int i = 0; (command = command_at(i)) != NULL; i++)
        fprintf(out, "  %-8s %s\n", command->name, command->help);
    return status;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct command_args args = { .count = argc - 2, .items = argv + 2 };

    if (argc < 2)
        return usage(stderr, COMMAND_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    command = command_find(argv[1]);
    if (command == NULL) {
        fprintf(stderr, "kefu: no command '%s'\n", argv[1]);
        return usage(stderr, COMMAND_USAGE);
    }
    return command->run(&args);
}
