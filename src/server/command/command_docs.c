/* SPDX-License-Identifier: Apache-2.0 */
/* kefu docs config|openapi: the reference pages that follow from tables in the program. They are
 * committed in docs/, so that a review shows what changes for users; a test holds them together. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "command.h"
#include "config.h"

static int print_openapi(void)
{
    struct buf out;
    int status = 0;

    buf_init(&out, API_REPLY_MAX);
    api_openapi(&out);
    if (!buf_ok(&out) || fwrite(out.ptr, 1, out.len, stdout) != out.len)
        status = COMMAND_FAULT;
    buf_fini(&out);
    return status;
}

int command_docs(struct command_args *args)
{
    if (!command_complete(args, command_find("docs"), 1, 1))
        return COMMAND_USAGE;
    if (strcmp(args->items[0], "config") == 0) {
        config_print_reference(stdout);
        return 0;
    }
    if (strcmp(args->items[0], "openapi") == 0)
        return print_openapi();
    fprintf(stderr, "usage: kefu docs %s\n", command_find("docs")->help);
    return COMMAND_USAGE;
}
