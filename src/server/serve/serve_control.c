/* SPDX-License-Identifier: Apache-2.0 */
/* DATA/kefu.sock: what `kefu backup` and `kefu admin` ask of a server that has the data folder
 * open. One line of JSON in, one out, then the connection ends. The socket file is the owner's
 * alone (0600), so there is nothing to log in to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "net.h"
#include "schema.h"
#include "serve_priv.h"
#include "store_backend.h"
#include "store_sqlite.h"

#include "kefu/v1/control.pb-c.h"

enum {
    CONTROL_LINE_MAX = 16 * 1024, /* a path, a name, a password */
    CONTROL_CONNECTIONS_MAX = 16, /* commands that people type */
};

struct control {
    struct worker_job job;
    struct node *node;
    struct net_stream *stream; /* NULL: the client has left */
    struct control *next;
    struct buf line;
    struct arena arena;
    Kefu__V1__ControlRequest *request;
    bool working;
    bool directory;         /* agents changed: every shard must know */
    uint64_t revoked_agent; /* 0: none */
    bool checked;           /* report is the answer's */
    struct store_check_report report;
    enum err_code rc;
    struct err err;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void control_free(struct control *control)
{
    struct control **at = &control->node->controls;

    while (*at != control)
        at = &(*at)->next;
    *at = control->next;
    control->node->control_count--;
    if (control->stream != NULL)
        net_close(&control->stream);
    buf_fini(&control->line);
    arena_fini(&control->arena);
    free(control);
}

static void report_fill(Kefu__V1__CheckReport *out, const struct store_check_report *report)
{
    kefu__v1__check_report__init(out);
    out->events = report->events;
    out->conversations = report->conversations;
    out->bad_checksums = report->bad_checksums;
    out->seq_gaps = report->seq_gaps;
    out->client_id_repeats = report->client_id_repeats;
    out->quarantined = report->quarantined;
}

static void control_answer(struct control *control)
{
    Kefu__V1__ControlReply reply = KEFU__V1__CONTROL_REPLY__INIT;
    Kefu__V1__Error error = KEFU__V1__ERROR__INIT;
    Kefu__V1__CheckReport check;

    reply.ok = control->rc == ERR_OK;
    if (control->checked) {
        report_fill(&check, &control->report);
        reply.check = &check;
    }
    if (!reply.ok) {
        error.code = (char *)err_code_name(control->rc);
        error.message = control->err.text;
        error.field = control->err.field;
        reply.error = &error;
    }
    buf_clear(&control->line);
    schema_json_encode(&reply.base, &control->line);
    buf_add_char(&control->line, '\n');
    if (control->stream != NULL && !net_write(control->stream, buf_slice(&control->line)))
        net_abort(&control->stream);
    control_free(control);
}

/* ---- commands, on a worker ------------------------------------------------------------------- */

static enum err_code run_backup(struct control *control)
{
    const char *file = control->request->file;

    if (file[0] != '/')
        return err_set_field(&control->err, ERR_INVALID, "file", "an absolute path is needed");
    return store_backup(control->node->server->store, file, control->request->with_key,
                        &control->err);
}

static enum err_code run_check(struct control *control)
{
    struct store *store = control->node->server->store;

    if (store->backend != &store_sqlite_backend)
        return err_set(&control->err, ERR_UNSUPPORTED, "this store has nothing to check");
    control->checked = true;
    return store_sqlite_check_running(store, &control->report, &control->err);
}

static enum err_code run_create(struct control *control)
{
    const Kefu__V1__ControlRequest *request = control->request;

    return api_admin_create(control->node->server->api, slice_of(request->email),
                            slice_of(request->name), slice_of(request->role),
                            slice_of(request->password), &control->err);
}

static enum err_code run_reset(struct control *control)
{
    return api_admin_reset(control->node->server->api, slice_of(control->request->email),
                           slice_of(control->request->password), &control->revoked_agent,
                           &control->err);
}

static const struct {
    const char *name;
    enum err_code (*run)(struct control *control);
    bool directory;
} commands[] = {
    { "backup", run_backup, false },
    { "check", run_check, false },
    { "admin-create", run_create, true },
    { "admin-reset", run_reset, true },
};

static void control_run(struct worker_job *job)
{
    struct control *control = CONTAINER_OF(job, struct control, job);

    control->rc = ERR_NOT_FOUND;
    for (size_t i = 0; i < LENGTH_OF(commands); i++) {
        if (strcmp(commands[i].name, control->request->command) == 0) {
            control->directory = commands[i].directory;
            control->rc = commands[i].run(control);
            return;
        }
    }
    err_set_field(&control->err, ERR_NOT_FOUND, "command", "no such command");
}

static void control_done(struct worker_job *job, struct shard *shard)
{
    struct control *control = CONTAINER_OF(job, struct control, job);

    if (control->rc == ERR_OK && control->directory)
        node_reload(node_of(shard));
    if (control->rc == ERR_OK && control->revoked_agent != 0)
        node_revoke(node_of(shard),
                    &(struct gateway_revocation){ .agent = control->revoked_agent });
    control_answer(control);
}

/* ---- the connection -------------------------------------------------------------------------- */

static void control_start(struct control *control, struct slice line)
{
    struct worker_job *job = &control->job;
    ProtobufCMessage *msg = NULL;

    control->rc = schema_json_decode(&kefu__v1__control_request__descriptor, line, &control->arena,
                                     &msg, &control->err);
    control->request = (Kefu__V1__ControlRequest *)msg;
    if (control->rc != ERR_OK) {
        control_answer(control);
        return;
    }
    control->working = true;
    control->job.run = control_run;
    control->job.done = control_done;
    if (!worker_submit(control->node->server->workers, &job)) {
        control->rc = err_set(&control->err, ERR_BUSY, "too much to do; try again");
        control_answer(control);
    }
}

static void on_bytes(void *owner, char *bytes, size_t len)
{
    struct control *control = owner;
    const char *end;

    if (control->working)
        return; /* one command a connection */
    buf_add(&control->line, bytes, len);
    if (!buf_ok(&control->line)) {
        control->line.full = false;
        control->rc = err_set(&control->err, ERR_TOO_BIG, "line over %d bytes", CONTROL_LINE_MAX);
        control_answer(control);
        return;
    }
    end = memchr(control->line.ptr, '\n', control->line.len);
    if (end != NULL)
        control_start(control, slice_make(control->line.ptr, (size_t)(end - control->line.ptr)));
}

static void on_end(void *owner, enum net_end end)
{
    struct control *control = owner;

    if (end == NET_END_ERROR)
        net_abort(&control->stream);
    if (control->working)
        return; /* a client that only shut its write side still reads */
    control_free(control);
}

static const struct net_ops control_ops = { .on_bytes = on_bytes, .on_end = on_end };

static void on_accept(void *ctx, int fd)
{
    struct node *node = ctx;
    struct control *control = mem_zalloc(sizeof(*control));
    struct err err = { 0 };

    control->node = node;
    control->next = node->controls;
    node->controls = control;
    node->control_count++;
    buf_init(&control->line, CONTROL_LINE_MAX);
    arena_init(&control->arena, CONTROL_LINE_MAX * 8);
    if (net_adopt(node->loop, fd, &control_ops, control, &control->stream, &err) != ERR_OK) {
        control_free(control);
    } else if (node->control_count > CONTROL_CONNECTIONS_MAX) {
        control->rc = err_set(&control->err, ERR_BUSY, "too many commands at once");
        control_answer(control);
    }
}

enum err_code node_control_open(struct node *node, struct err *err)
{
    char path[CONFIG_TEXT_MAX + 16];
    struct net_listen_options options = { .unix_path = path };

    if (strcmp(config_text(node->server->config, CONFIG_STORE), "memory") == 0)
        return ERR_OK; /* no folder to command */
    snprintf(path, sizeof(path), "%s/kefu.sock", config_text(node->server->config, CONFIG_DATA));
    return net_listen(node->loop, &options, on_accept, node, &node->control, err);
}

void node_control_close(struct node *node)
{
    net_listener_close(&node->control);
}

void node_control_fini(struct node *node)
{
    while (node->controls != NULL)
        control_free(node->controls);
}
