/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that is online whenever the server is, and closes every conversation it is given: the
 * desk assigns, capacity frees, the queue moves. */
#ifndef KEFU_CHAOS_AGENT_H
#define KEFU_CHAOS_AGENT_H

#include "bench_ws.h"
#include "chaos_http.h"

struct chaos_agent {
    struct chaos_login login;
    struct bench_ws_pool *pool;
    struct bench_ws *ws; /* NULL: not connected */
    uint16_t port;
    uint32_t frame_id;
    int64_t retry_us;
    int64_t sweep_us; /* when to look for conversations whose push was missed */
    unsigned closed;
};

void chaos_agent_init(struct chaos_agent *agent, uint16_t port, const char *data_dir);
void chaos_agent_fini(struct chaos_agent *agent);
/* Connects when it is not, works what came; does not wait. */
void chaos_agent_turn(struct chaos_agent *agent);
/* Conversations that wait for a person or are with one, by the server's list; -1: no answer. */
int chaos_agent_waiting(const struct chaos_agent *agent);

#endif
