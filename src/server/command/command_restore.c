/* SPDX-License-Identifier: Apache-2.0 */
/* kefu restore FILE --data DIR: a data folder out of a backup; the folder must not exist yet, or be
 * empty. */
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "store_sqlite.h"

enum { KEY_PATH_MAX = 4096 };

static void key_say(const char *data)
{
    char path[KEY_PATH_MAX];

    snprintf(path, sizeof(path), "%s/secrets.key", data);
    if (access(path, F_OK) == 0)
        puts("The backup held secrets.key; sealed secrets can be read.");
    else
        puts("The backup was made without secrets.key: copy yours into the folder, or sealed "
             "secrets must be entered again.");
}

int command_restore(struct command_args *args)
{
    const char *data = command_option(args, "data");
    struct err err = { 0 };

    if (!command_complete(args, command_find("restore"), 1, 1))
        return COMMAND_USAGE;
    if (data == NULL) {
        fprintf(stderr, "usage: kefu restore %s\n", command_find("restore")->help);
        return COMMAND_USAGE;
    }
    if (store_sqlite_restore(args->items[0], data, &err) != ERR_OK)
        return command_fault(&err);
    printf("%s\n", data);
    key_say(data);
    return 0;
}
