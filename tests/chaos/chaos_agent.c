/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_server.h"

enum {
    AGENT_RETRY_US = 100000,
    AGENT_SWEEP_US = 1000000,
    AGENT_CONNECTS_MAX = 100000,
};

static void say(struct chaos_agent *agent, const char *action)
{
    char frame[512];
    int n = snprintf(frame, sizeof(frame), "{\"id\":%u,%s}", ++agent->frame_id, action);

    bench_ws_send(agent->ws, slice_make(frame, (size_t)n));
}

static void conversation_close(struct chaos_agent *agent, const char *conv)
{
    char action[256];
    char client_id[33];

    bench_client_id(client_id);
    snprintf(action, sizeof(action), "\"close\":{\"conversationId\":\"%s\",\"clientId\":\"%s\"}",
             conv, client_id);
    say(agent, action);
}

/* Pushes are lost when the connection is; the list is not. */
static void sweep(struct chaos_agent *agent)
{
    struct http_reply reply;
    char path[128];
    struct slice rest;

    snprintf(path, sizeof(path), "/api/v1/conversations?state=agent&agentId=%s&limit=200",
             agent->login.agent);
    chaos_http_call(agent->port, "GET", path, agent->login.fields, NULL, &reply);
    rest = reply.status == 200 ? reply.body : SLICE_EMPTY;
    while (rest.len > 0) {
        const char *at = memmem(rest.ptr, rest.len, "{\"id\":\"", 7);
        char conv[24];

        if (at == NULL)
            break;
        rest = slice_make(at + 7, rest.len - (size_t)(at + 7 - rest.ptr));
        snprintf(conv, sizeof(conv), "%.*s", (int)strcspn(rest.ptr, "\""), rest.ptr);
        conversation_close(agent, conv);
    }
    chaos_http_free(&reply);
    agent->sweep_us = bench_now_us() + AGENT_SWEEP_US;
}

/* ---- the socket ---- */

static void on_open(struct bench_ws *ws)
{
    struct chaos_agent *agent = ws->user;
    struct http_reply reply;
    char ticket[256] = "";
    char action[512];

    chaos_http_call(agent->port, "POST", "/api/v1/ws-tickets", agent->login.fields, "{}", &reply);
    bench_frame_text(reply.body, "ticket", ticket, sizeof(ticket));
    chaos_http_free(&reply);
    snprintf(action, sizeof(action), "\"hello\":{\"ticket\":\"%s\"}", ticket);
    agent->frame_id = 0;
    say(agent, action);
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    struct chaos_agent *agent = ws->user;
    struct slice row = SLICE_LITERAL("{\"conversation\":{\"conversation\":{\"id\":\"");
    char mine[48];
    char conv[24];
    uint32_t id;

    if (bench_frame_kind(message, &id) == FRAME_WELCOME) {
        say(agent, "\"setPresence\":{\"status\":\"online\"}");
        say(agent, "\"subscribe\":{\"inbox\":true}");
        sweep(agent);
        return;
    }
    if (bench_frame_kind(message, &id) == FRAME_ACK && id > 3)
        agent->closed++;
    snprintf(mine, sizeof(mine), "\"agentId\":\"%s\"", agent->login.agent);
    if (slice_starts_with(message, row) && bench_frame_has(message, "\"state\":\"agent\"") &&
        bench_frame_has(message, mine) && bench_frame_text(message, "id", conv, sizeof(conv)))
        conversation_close(agent, conv);
}

static void on_closed(struct bench_ws *ws, int code)
{
    struct chaos_agent *agent = ws->user;

    (void)code;
    agent->ws = NULL;
    agent->retry_us = bench_now_us() + AGENT_RETRY_US;
}

static const struct bench_ws_ops agent_ops = { on_open, on_message, on_closed };

void chaos_agent_init(struct chaos_agent *agent, uint16_t port, const char *data_dir)
{
    *agent = (struct chaos_agent){ .port = port, .sweep_us = INT64_MAX };
    if (!chaos_login(&agent->login, port, data_dir))
        bench_fail("the demo's log-in is refused");
    agent->pool = bench_ws_pool_create(&agent_ops, AGENT_CONNECTS_MAX);
}

void chaos_agent_fini(struct chaos_agent *agent)
{
    bench_ws_pool_destroy(&agent->pool);
}

void chaos_agent_turn(struct chaos_agent *agent)
{
    int64_t now = bench_now_us();

    if (agent->ws == NULL && agent->retry_us <= now) {
        agent->ws = bench_ws_connect(agent->pool, agent->port, "/ws", "kefu.v1.json", NULL);
        agent->ws->user = agent;
    }
    bench_ws_poll(agent->pool, 0);
    if (agent->ws != NULL && agent->sweep_us <= now)
        sweep(agent);
}

int chaos_agent_waiting(const struct chaos_agent *agent)
{
    struct http_reply reply;
    int count = -1;

    chaos_http_call(agent->port, "GET", "/api/v1/conversations?state=queued,agent&limit=1",
                    agent->login.fields, NULL, &reply);
    if (reply.status == 200)
        count = bench_frame_has(reply.body, "\"state\"");
    chaos_http_free(&reply);
    return count;
}
