/* SPDX-License-Identifier: Apache-2.0 */
/* kefu admin create|reset: the way in when nobody can log in any more. Asks the running server, or
 * opens the folder itself when none runs. The password is made here unless one comes on standard
 * input; never as an argument, where every user of the machine could read it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_secret.h"
#include "command.h"
#include "command_control.h"
#include "serve.h"

enum { PASSWORD_LINE_MAX = 512, REPLY_ARENA_MAX = 256 * 1024 };

static enum err_code password_take(bool from_input, char *out, size_t room, struct err *err)
{
    if (!from_input) {
        auth_password_make(out);
        return ERR_OK;
    }
    if (fgets(out, (int)room, stdin) == NULL || strchr(out, '\n') == NULL)
        return err_set(err, ERR_INVALID, "one line with the password on standard input");
    out[strcspn(out, "\r\n")] = '\0';
    return ERR_OK;
}

static enum err_code admin_run(const char *data, const Kefu__V1__ControlRequest *request,
                               struct err *err)
{
    struct arena arena;
    enum err_code rc;

    if (!control_running(data))
        return serve_admin(data, request, err);
    arena_init(&arena, REPLY_ARENA_MAX);
    rc = control_call(data, request, &arena, NULL, err);
    arena_fini(&arena);
    return rc;
}

static int usage(void)
{
    fprintf(stderr, "usage: kefu admin %s\n", command_find("admin")->help);
    return COMMAND_USAGE;
}

int command_admin(struct command_args *args)
{
    Kefu__V1__ControlRequest request = KEFU__V1__CONTROL_REQUEST__INIT;
    const char *data = command_option(args, "data");
    const char *email = command_option(args, "email");
    const char *name = command_option(args, "name");
    const char *role = command_option(args, "role");
    bool from_input = command_flag(args, "password-stdin");
    char password[PASSWORD_LINE_MAX];
    struct err err = { 0 };

    if (!command_complete(args, command_find("admin"), 1, 1))
        return COMMAND_USAGE;
    if (email == NULL)
        return usage();
    if (strcmp(args->items[0], "create") == 0)
        request.command = (char *)"admin-create";
    else if (strcmp(args->items[0], "reset") == 0)
        request.command = (char *)"admin-reset";
    else
        return usage();
    if (auth_secret_init(&err) != ERR_OK ||
        password_take(from_input, password, sizeof(password), &err) != ERR_OK)
        return command_fault(&err);
    request.email = (char *)email;
    request.name = (char *)(name != NULL ? name : email);
    request.role = (char *)(role != NULL ? role : "admin");
    request.password = password;
    if (admin_run(data != NULL ? data : "data", &request, &err) != ERR_OK)
        return command_fault(&err);
    if (from_input)
        printf("%s\n", email);
    else
        printf("%s %s\n", email, password);
    return 0;
}
