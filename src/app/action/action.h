/* SPDX-License-Identifier: Apache-2.0 */
/* What flows `do`: HTTP calls of the shop's own systems, declared by the workspace
 * (kefu.v1.Action). A flow's request {name, input, idempotency key} becomes a call by template, its
 * answer a result {ok, failed, timeout or an error that the flow declares; json} by mapping. What
 * is wrong with an answer (not JSON, path missing, too big) is `failed`, never half an answer.
 *
 * struct action_set is immutable and read by any thread. struct action_runner belongs to a shard's
 * loop; it never blocks and holds no more than ACTION_CALLS_MAX calls. Where a call may go is the
 * guard's to say (http_client.h): only the hosts of the declared URLs, no private addresses unless
 * the operator lists them. */
#ifndef KEFU_ACTION_H
#define KEFU_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "http_client.h"
#include "slice.h"

#include "kefu/v1/action.pb-c.h"

enum {
    ACTION_NAME_BYTES_MAX = 64,
    ACTION_URL_BYTES_MAX = 1024, /* of the template; the URL itself has HTTP_URL_MAX */
    ACTION_HEADERS_MAX = 16,
    ACTION_ERRORS_MAX = 32,
    ACTION_BODY_BYTES_MAX = 8 * 1024,
    ACTION_TIMEOUT_MS_MAX = 120 * 1000, /* a flow's own bound */
    ACTION_ANSWER_BYTES_MAX = 64 * 1024,
    ACTION_CALLS_MAX = 256, /* of one shard at a time */
    ACTIONS_MAX = 256,      /* of a workspace */
    ACTION_PATH_DEPTH_MAX = 8,
};

/* Whether a declaration can be used; err->field names what is wrong: "url", "headers[Auth]". */
MUST_USE enum err_code action_check(const Kefu__V1__Action *action, struct err *err);

/* ---- pure parts ---- */

/* The raw JSON at a path of keys joined by dots, in a JSON object; the empty path is the whole.
 * false: not there. */
bool action_json_at(struct slice json, struct slice path, struct slice *out);

/* Where {secret.NAME} comes from; false: no such secret. Borrowed until the next call. */
struct action_secrets {
    bool (*get)(void *ctx, struct slice name, struct slice *out);
    void *ctx;
};
/* The parts of a call. Texts in the arena. ERR_NOT_FOUND: a field or secret that is not there. */
struct action_call {
    enum http_method method;
    struct slice url;
    struct http_field fields[ACTION_HEADERS_MAX + 3];
    size_t field_count;
    struct slice body;
};
MUST_USE enum err_code action_call_build(const Kefu__V1__Action *action, struct slice input,
                                         struct slice idempotency_key,
                                         const struct action_secrets *secrets, struct arena *arena,
                                         struct action_call *out, struct err *err);

struct action_result {
    struct slice name; /* ok, failed, timeout, or a declared error */
    struct slice json; /* of ok: the mapped answer; else empty */
    const char *note;  /* why it failed, for the trace: a constant text; NULL: nothing to say */
};
/* status and body of an answer that came whole. Slices point into action and body. */
void action_result_map(const Kefu__V1__Action *action, int status, struct slice body,
                       struct action_result *out);

/* ---- running ---- */
struct action_runner;

struct action_runner_options {
    struct loop *loop;
    const struct net_tls_context *tls; /* NULL: no https */
    struct slice private_networks;     /* of the operator: may be called although not public */
    struct slice hosts;                /* the only ones that are called; empty: every one */
    struct slice ports;                /* beside 80 and 443 */
    struct action_secrets secrets;
};
MUST_USE enum err_code action_runner_create(const struct action_runner_options *options,
                                            struct action_runner **out, struct err *err);
void action_runner_destroy(struct action_runner **runner); /* what runs ends without a word */

/* done is called once, later, on the loop; result and what it points to are borrowed until return.
 * ERR_BUSY: too many calls; any other fault is a result `failed` that the caller makes. action and
 * input are copied. */
MUST_USE enum err_code action_run(struct action_runner *runner, const Kefu__V1__Action *action,
                                  struct slice input, struct slice idempotency_key,
                                  uint32_t timeout_ms,
                                  void (*done)(void *ctx, const struct action_result *result),
                                  void *ctx, struct err *err);

#endif
