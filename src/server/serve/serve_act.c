/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of flows on this shard's loop: a runner that calls the shop's systems, a timer for those
 * that wait before they are tried again, and the way back into chat. Nothing here is durable: what
 * is pending stands in the conversation, and the next start begins it again with the same key.
 *
 * A runner with its resolver and TLS takes 0.2 MB, and 0.9 where the system has its authorities in
 * one file only, so a shard makes it when its first action begins. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "auth_seal.h"
#include "http_client_guard.h"
#include "log.h"
#include "mem.h"
#include "net_tls.h"

struct node_act {
    struct loop_timer timer;
    struct node *node;
    struct node_act *next, **place;
    struct workspace_id workspace;
    struct conv_id conv;
    uint32_t seq;
    uint32_t timeout_ms;
    struct slice name, input, key; /* behind it */
    char bytes[];
};

struct node_acts {
    struct action_runner *runner; /* NULL: no action yet, or it could not be made */
    struct net_tls_context *tls;
    struct node_act *list;
    uint32_t count;
    const struct directory_workspace *workspace; /* of the call being built */
    char secret[AUTH_SEAL_VALUE_MAX + AUTH_SEAL_OVERHEAD];
};

static bool secret_get(void *ctx, struct slice name, struct slice *out)
{
    struct node *node = ctx;
    struct node_acts *acts = node->acts;
    const Kefu__V1__Secret *secret = directory_secret(acts->workspace, name);
    struct err err = { 0 };
    size_t len = 0;

    if (secret == NULL || secret->sealed.len > sizeof(acts->secret))
        return false;
    if (auth_unseal(&node->server->master, acts->workspace->id.v, name,
                    slice_make(secret->sealed.data, secret->sealed.len), acts->secret, &len,
                    &err) != ERR_OK) {
        LOG_ERROR("secret_not_opened", KV_ERR(&err));
        return false;
    }
    *out = slice_make(acts->secret, len);
    return true;
}

static struct slice acts_networks(const struct config *config)
{
    return slice_of(config_text(config, CONFIG_ACTION_NETWORKS));
}

static struct slice acts_hosts(const struct config *config)
{
    return slice_of(config_text(config, CONFIG_ACTION_HOSTS));
}

static struct slice acts_ports(const struct config *config)
{
    return slice_of(config_text(config, CONFIG_ACTION_PORTS));
}

/* NULL: the system's. */
static const char *acts_authorities(const struct config *config)
{
    const char *file = config_text(config, CONFIG_ACTION_CA);

    return file[0] != '\0' ? file : NULL;
}

enum err_code node_acts_check(const struct config *config, struct err *err)
{
    struct net_tls_context *tls = NULL;
    struct http_guard guard;
    enum err_code rc = serve_setting(
        http_guard_parse(acts_networks(config), SLICE_EMPTY, SLICE_EMPTY, &guard, err),
        "action_networks", err);

    if (rc == ERR_OK)
        rc = serve_setting(
            http_guard_parse(SLICE_EMPTY, acts_hosts(config), acts_ports(config), &guard, err),
            "action_ports", err);
    if (rc == ERR_OK && acts_authorities(config) != NULL)
        rc = serve_setting(net_tls_client_create(acts_authorities(config), &tls, err), "action_ca",
                           err);
    net_tls_context_destroy(&tls);
    return rc;
}

void node_acts_init(struct node *node)
{
    node->acts = mem_zalloc(sizeof(*node->acts));
}

static bool runner_ready(struct node *node)
{
    const struct config *config = node->server->config;
    struct node_acts *acts = node->acts;
    struct action_runner_options options = {
        .loop = node->loop,
        .private_networks = acts_networks(config),
        .hosts = acts_hosts(config),
        .ports = acts_ports(config),
        .secrets = { .get = secret_get, .ctx = node },
    };
    struct err err = { 0 };

    if (acts->runner != NULL)
        return true;
    if (acts->tls == NULL &&
        net_tls_client_create(acts_authorities(config), &acts->tls, &err) != ERR_OK)
        LOG_WARN("actions_without_tls", KV_ERR(&err));
    options.tls = acts->tls;
    if (action_runner_create(&options, &acts->runner, &err) != ERR_OK)
        LOG_ERROR("actions_not_possible", KV_ERR(&err));
    return acts->runner != NULL;
}

static void act_free(struct node_act *act)
{
    loop_timer_stop(act->node->loop, &act->timer);
    *act->place = act->next;
    if (act->next != NULL)
        act->next->place = act->place;
    act->node->acts->count--;
    free(act);
}

void node_acts_fini(struct node *node)
{
    struct node_acts *acts = node->acts;

    action_runner_destroy(&acts->runner);
    while (acts->list != NULL)
        act_free(acts->list);
    net_tls_context_destroy(&acts->tls);
    free(acts);
    node->acts = NULL;
}

static void act_answer(struct node_act *act, const struct chat_act_result *result)
{
    chat_act_done(act->node->chat, act->workspace, act->conv, act->seq, result);
    act_free(act);
}

static void act_failed(struct node_act *act, const char *note)
{
    act_answer(
        act, &(struct chat_act_result){ .name = SLICE_LITERAL("failed"), .note = slice_of(note) });
}

static void act_done(void *ctx, const struct action_result *result)
{
    struct node_act *act = ctx;

    if (result->note != NULL)
        LOG_INFO("action_note", KV_ID("conv", act->conv.v), KV_TEXT("note", result->note));
    act_answer(act, &(struct chat_act_result){ .name = result->name,
                                               .json = result->json,
                                               .note = result->note != NULL ? slice_of(result->note)
                                                                            : SLICE_EMPTY });
}

/* Looked up when it begins: a declaration may change while a retry waits. */
static void act_begin(struct loop_timer *timer)
{
    struct node_act *act = CONTAINER_OF(timer, struct node_act, timer);
    struct node *node = act->node;
    struct node_acts *acts = node->acts;
    const Kefu__V1__Action *action;
    struct err err = { 0 };

    acts->workspace = directory_workspace_by_id(node->directory, act->workspace);
    action = acts->workspace != NULL ? directory_action(acts->workspace, act->name) : NULL;
    if (action == NULL || action->disabled || !runner_ready(node)) {
        LOG_WARN("action_not_declared", KV_ID("conv", act->conv.v));
        act_failed(act, "not declared");
        return;
    }
    if (action_run(acts->runner, action, act->input, act->key, act->timeout_ms, act_done, act,
                   &err) == ERR_OK)
        return;
    LOG_WARN("action_not_begun", KV_ID("conv", act->conv.v), KV_ERR(&err));
    act_failed(act, err.code == ERR_FORBIDDEN ? "address not allowed" : "cannot be called");
}

static struct slice keep(char **at, struct slice text)
{
    struct slice kept = slice_make(*at, text.len);

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

/* Begins on a turn of the loop of its own: chat may not be called from within. */
bool node_act(void *ctx, const struct chat_act *from)
{
    struct node *node = ctx;
    struct node_acts *acts = node->acts;
    struct node_act *act;
    char *at;

    if (acts->count >= SERVE_ACTS_MAX)
        return false;
    act = mem_zalloc(sizeof(*act) + from->name.len + from->input.len + from->key.len);
    act->node = node;
    act->workspace = from->workspace;
    act->conv = from->conv;
    act->seq = from->seq;
    act->timeout_ms = from->timeout_ms;
    at = act->bytes;
    act->name = keep(&at, from->name);
    act->input = keep(&at, from->input);
    act->key = keep(&at, from->key);
    act->next = acts->list;
    act->place = &acts->list;
    if (act->next != NULL)
        act->next->place = &act->next;
    acts->list = act;
    acts->count++;
    loop_timer_init(&act->timer, act_begin);
    loop_timer_start(node->loop, &act->timer, from->delay_ms);
    return true;
}
