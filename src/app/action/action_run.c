/* SPDX-License-Identifier: Apache-2.0 */
#include "action.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "schema.h"

enum { RUN_ARENA_BYTES_MAX = 512 * 1024 };

struct action_runner {
    struct action_runner_options options;
    char *networks, *hosts, *ports;
    struct http_guard guard;
    struct http_client *client;
    struct run *runs;
};

struct run {
    struct action_runner *runner;
    struct run *next, **place;
    struct arena arena;
    const Kefu__V1__Action *action;
    void (*done)(void *ctx, const struct action_result *result);
    void *ctx;
};

enum err_code action_runner_create(const struct action_runner_options *options,
                                   struct action_runner **out, struct err *err)
{
    struct action_runner *runner = mem_zalloc(sizeof(*runner));
    struct http_client_options client = { .guard = &runner->guard,
                                          .tls = options->tls,
                                          .calls_max = ACTION_CALLS_MAX };
    enum err_code rc;

    runner->options = *options;
    runner->networks = mem_strndup(options->private_networks.ptr, options->private_networks.len);
    runner->hosts = mem_strndup(options->hosts.ptr, options->hosts.len);
    runner->ports = mem_strndup(options->ports.ptr, options->ports.len);
    rc = http_guard_parse(slice_of(runner->networks), slice_of(runner->hosts),
                          slice_of(runner->ports), &runner->guard, err);
    if (rc == ERR_OK)
        rc = http_client_create(options->loop, &client, &runner->client, err);
    if (rc != ERR_OK) {
        action_runner_destroy(&runner);
        return rc;
    }
    *out = runner;
    return ERR_OK;
}

static void run_free(struct run *run)
{
    *run->place = run->next;
    if (run->next != NULL)
        run->next->place = run->place;
    arena_fini(&run->arena);
    free(run);
}

void action_runner_destroy(struct action_runner **runner)
{
    if (*runner == NULL)
        return;
    http_client_destroy(&(*runner)->client);
    while ((*runner)->runs != NULL)
        run_free((*runner)->runs);
    free((*runner)->networks);
    free((*runner)->hosts);
    free((*runner)->ports);
    free(*runner);
    *runner = NULL;
}

static void run_done(void *ctx, const struct http_response *response, const struct err *err)
{
    struct run *run = ctx;
    struct action_result result = { .name = SLICE_LITERAL("failed"), .note = "no answer" };

    if (response != NULL) {
        action_result_map(run->action, response->status, response->body, &result);
    } else if (err->code == ERR_TIMEOUT) {
        result = (struct action_result){ .name = SLICE_LITERAL("timeout"), .note = "timeout" };
    } else if (err->code == ERR_FORBIDDEN) {
        result.note = "address not allowed";
    } else if (err->code == ERR_TOO_BIG) {
        result.note = "answer too big";
    }
    run->done(run->ctx, &result);
    run_free(run);
}

/* The declaration may be replaced while the call is out. */
static const Kefu__V1__Action *action_keep(const Kefu__V1__Action *action, struct arena *arena,
                                           struct err *err)
{
    ProtobufCMessage *copy = NULL;
    struct buf bytes;
    enum err_code rc;

    buf_init(&bytes, RUN_ARENA_BYTES_MAX);
    schema_proto_encode(&action->base, &bytes);
    rc = buf_ok(&bytes)
             ? schema_proto_decode(action->base.descriptor, buf_slice(&bytes), arena, &copy, err)
             : err_set(err, ERR_TOO_BIG, "action too big");
    buf_fini(&bytes);
    return rc == ERR_OK ? (const Kefu__V1__Action *)copy : NULL;
}

static struct run *run_create(struct action_runner *runner)
{
    struct run *run = mem_zalloc(sizeof(*run));

    run->runner = runner;
    run->next = runner->runs;
    run->place = &runner->runs;
    if (run->next != NULL)
        run->next->place = &run->next;
    runner->runs = run;
    arena_init(&run->arena, RUN_ARENA_BYTES_MAX);
    return run;
}

enum err_code action_run(struct action_runner *runner, const Kefu__V1__Action *action,
                         struct slice input, struct slice idempotency_key, uint32_t timeout_ms,
                         void (*done)(void *ctx, const struct action_result *result), void *ctx,
                         struct err *err)
{
    struct run *run = run_create(runner);
    struct action_call call;
    struct http_call_options options;
    struct http_call ref;
    uint32_t total = action->timeout_ms != 0 ? action->timeout_ms : timeout_ms;
    enum err_code rc;

    run->done = done;
    run->ctx = ctx;
    run->action = action_keep(action, &run->arena, err);
    rc = run->action != NULL ? action_call_build(run->action, input, idempotency_key,
                                                 &runner->options.secrets, &run->arena, &call, err)
                             : ERR_TOO_BIG;
    if (rc == ERR_OK) {
        options = (struct http_call_options){ .method = call.method,
                                              .url = call.url,
                                              .fields = call.fields,
                                              .field_count = call.field_count,
                                              .body = call.body,
                                              .head_ms_max = total,
                                              .total_ms_max = total,
                                              .body_max = ACTION_ANSWER_BYTES_MAX,
                                              .done = run_done,
                                              .ctx = run };
        rc = http_client_start(runner->client, &options, &ref, err);
    }
    if (rc != ERR_OK)
        run_free(run);
    return rc;
}
