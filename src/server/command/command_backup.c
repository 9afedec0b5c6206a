/* SPDX-License-Identifier: Apache-2.0 */
/* kefu backup FILE: a copy of everything that was acknowledged, taken while people go on talking.
 * The running server makes it; with none, the folder is opened here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "command_control.h"
#include "store.h"
#include "store_sqlite.h"

enum { REPLY_ARENA_MAX = 64 * 1024 };

static void completed(void *ctx, unsigned shard, const struct store_completion *completions,
                      size_t n)
{
    (void)ctx, (void)shard, (void)completions, (void)n; /* nothing is appended */
}

static enum err_code backup_here(const char *data, const char *file, bool with_key, struct err *err)
{
    struct store_options options = {
        .backend = &store_sqlite_backend, .path = data, .shards = 1, .on_complete = completed
    };
    struct store *store = NULL;
    char main_path[4096];
    enum err_code rc;

    /* To open a store is to make one: a mistyped folder would become an empty backup. */
    snprintf(main_path, sizeof(main_path), "%s/main.db", data);
    if (access(main_path, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "there is no main.db in %s", data);
    rc = store_open(&options, &store, err);
    if (rc == ERR_OK)
        rc = store_backup(store, file, with_key, err);
    store_close(&store);
    return rc;
}

static enum err_code backup_there(const char *data, const char *file, bool with_key,
                                  struct err *err)
{
    Kefu__V1__ControlRequest request = KEFU__V1__CONTROL_REQUEST__INIT;
    struct arena arena;
    enum err_code rc;

    request.command = (char *)"backup";
    request.file = (char *)file;
    request.with_key = with_key;
    arena_init(&arena, REPLY_ARENA_MAX);
    rc = control_call(data, &request, &arena, NULL, err);
    arena_fini(&arena);
    return rc;
}

/* The server has another working folder: it is told the whole path. */
static enum err_code path_whole(const char *file, char **out, struct err *err)
{
    char *folder = file[0] != '/' ? realpath(".", NULL) : NULL;
    size_t len = strlen(file) + (folder != NULL ? strlen(folder) : 0) + 2;

    if (file[0] != '/' && folder == NULL)
        return err_set(err, ERR_IO, "the working folder has no path");
    *out = malloc(len);
    if (*out != NULL)
        snprintf(*out, len, "%s%s%s", folder != NULL ? folder : "", folder != NULL ? "/" : "",
                 file);
    free(folder);
    return *out != NULL ? ERR_OK : err_set(err, ERR_IO, "out of memory");
}

int command_backup(struct command_args *args)
{
    const char *data = command_option(args, "data");
    bool with_key = command_flag(args, "with-key");
    char *file = NULL;
    struct err err = { 0 };
    enum err_code rc;

    if (!command_complete(args, command_find("backup"), 1, 1))
        return COMMAND_USAGE;
    if (data == NULL)
        data = "data";
    rc = path_whole(args->items[0], &file, &err);
    if (rc == ERR_OK)
        rc = control_running(data) ? backup_there(data, file, with_key, &err)
                                   : backup_here(data, file, with_key, &err);
    if (rc == ERR_OK)
        printf("%s\n", file);
    free(file);
    return rc == ERR_OK ? 0 : command_fault(&err);
}
