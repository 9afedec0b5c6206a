/* SPDX-License-Identifier: Apache-2.0 */
#include "serve_metric.h"

#include "metric.h"
#include "serve_priv.h"

enum {
    TURNS,
    TURNS_FAILED,
    REPEATS,
    CONFLICTS,
    SHED,
    RATE_LIMITED,
    LOADS,
    RESYNCS,
    SLOW_TURNS,
    LIVE,
    IN_FLIGHT,
    WAITING,
    SUBSCRIBERS,
    SESSIONS,
    HTTP_CONNECTIONS,
    DESK_WAITING,
    ROUTING_WAIT_MS,
    ROUTING_IDLE,
    ROUTING_DECISIONS,
    ROUTING_OFFERS,
    ROUTING_MISSED,
    METRICS,
};

static const struct metric_desc table[METRICS] = {
    [TURNS] = { METRIC_COUNTER, "chat_turns_total", "Turns committed.", NULL },
    [TURNS_FAILED] = { METRIC_COUNTER, "chat_turns_failed_total", "Turns the store refused.",
                       NULL },
    [REPEATS] = { METRIC_COUNTER, "chat_repeats_total",
                  "Actions answered from an earlier acknowledgement.", NULL },
    [CONFLICTS] = { METRIC_COUNTER, "chat_conflicts_total", "Same client id, other content.",
                    NULL },
    [SHED] = { METRIC_COUNTER, "chat_shed_total", "Actions answered busy.", NULL },
    [RATE_LIMITED] = { METRIC_COUNTER, "chat_rate_limited_total", "Visitors slowed down.", NULL },
    [LOADS] = { METRIC_COUNTER, "chat_loads_total", "Conversations loaded from the store.", NULL },
    [RESYNCS] = { METRIC_COUNTER, "chat_resyncs_total", "Readers that had to fetch.", NULL },
    [SLOW_TURNS] = { METRIC_COUNTER, "loop_slow_turns_total", "Loop turns over 20 ms.", NULL },
    [LIVE] = { METRIC_GAUGE, "chat_live_conversations", "Conversations in memory.", NULL },
    [IN_FLIGHT] = { METRIC_GAUGE, "chat_turns_in_flight", "Turns not yet durable.", NULL },
    [WAITING] = { METRIC_GAUGE, "chat_actions_waiting", "Actions that wait for a load.", NULL },
    [SUBSCRIBERS] = { METRIC_GAUGE, "chat_subscribers", "Readers of conversations.", NULL },
    [SESSIONS] = { METRIC_GAUGE, "gateway_sessions", "Open sessions.", NULL },
    [HTTP_CONNECTIONS] = { METRIC_GAUGE, "http_connections", "Open HTTP connections.", NULL },
    [DESK_WAITING] = { METRIC_GAUGE, "desk_waiting", "Conversations that wait for a person.",
                       NULL },
    [ROUTING_WAIT_MS] = { METRIC_HISTOGRAM, "routing_wait_ms",
                          "From asking for a person to having one.", NULL },
    [ROUTING_IDLE] = { METRIC_COUNTER, "routing_idle_while_waiting_total",
                       "Seconds in which somebody waited though an able agent had room: 0.", NULL },
    [ROUTING_DECISIONS] = { METRIC_COUNTER, "routing_decisions_total", "Offers and assignments.",
                            NULL },
    [ROUTING_OFFERS] = { METRIC_COUNTER, "routing_offers_total", "Conversations offered.", NULL },
    [ROUTING_MISSED] = { METRIC_COUNTER, "routing_agents_set_away_total",
                         "Agents set away after unanswered offers.", NULL },
};

static struct metric_group *group; /* lives as long as the process */

void serve_metric_init(struct server *server)
{
    group = metric_group_create(table, METRICS, server->shards);
}

void serve_metric_fini(struct server *server)
{
    (void)server;
    metric_group_destroy(&group);
}

static void count(struct node *node, unsigned id, uint64_t now, uint64_t before)
{
    if (now != before)
        metric_add(group, node->index, id, (int64_t)(now - before));
}

static void desk_count(struct node *node, struct node_desk *desk)
{
    uint32_t waits[DESK_WAITS_KEPT];
    unsigned waited = desk_waits_take(desk->desk, waits);
    struct desk_stats now;

    desk_stats_get(desk->desk, &now);
    for (unsigned i = 0; i < waited; i++)
        metric_observe(group, node->index, ROUTING_WAIT_MS, waits[i]);
    count(node, ROUTING_IDLE, now.idle_while_waiting, desk->last.idle_while_waiting);
    count(node, ROUTING_DECISIONS, now.decisions, desk->last.decisions);
    count(node, ROUTING_OFFERS, now.offers, desk->last.offers);
    count(node, ROUTING_MISSED, now.missed, desk->last.missed);
    desk->last = now;
}

void serve_metric_tick(struct node *node)
{
    struct chat_stats now;
    const struct chat_stats *last = &node->last;
    unsigned row = node->index;
    unsigned waiting = 0;

    chat_stats_get(node->chat, &now);
    count(node, TURNS, now.turns, last->turns);
    count(node, TURNS_FAILED, now.turns_failed, last->turns_failed);
    count(node, REPEATS, now.repeats, last->repeats);
    count(node, CONFLICTS, now.conflicts, last->conflicts);
    count(node, SHED, now.shed, last->shed);
    count(node, RATE_LIMITED, now.rate_limited, last->rate_limited);
    count(node, LOADS, now.loads, last->loads);
    count(node, RESYNCS, now.resyncs, last->resyncs);
    count(node, SLOW_TURNS, node->slow_turns, 0);
    node->slow_turns = 0;
    node->last = now;
    metric_set(group, row, LIVE, now.live);
    metric_set(group, row, IN_FLIGHT, now.in_flight);
    metric_set(group, row, WAITING, now.waiting);
    metric_set(group, row, SUBSCRIBERS, now.subscribers);
    metric_set(group, row, SESSIONS, gateway_session_count(node->gateway));
    metric_set(group, row, HTTP_CONNECTIONS, http_server_connections(node->http));
    for (uint32_t i = 0; i < node->desk_count; i++) {
        waiting += desk_waiting_count(node->desks[i]->desk);
        desk_count(node, node->desks[i]);
    }
    metric_set(group, row, DESK_WAITING, waiting);
}

static void line(struct buf *out, const char *name, const char *kind, double value)
{
    buf_printf(out, "# TYPE %s %s\n%s %.17g\n", name, kind, name, value);
}

void serve_metric_render(const struct server *server, struct buf *out)
{
    struct store_stats stats;

    metric_render(group, out);
    store_stats(server->store, &stats);
    line(out, "store_turns_committed_total", "counter", (double)stats.turns_committed);
    line(out, "store_events_committed_total", "counter", (double)stats.events_committed);
    line(out, "store_batches_total", "counter", (double)stats.batches);
    line(out, "store_bytes_committed_total", "counter", (double)stats.bytes_committed);
    line(out, "store_turns_settled_total", "counter", (double)stats.turns_settled);
    line(out, "store_settle_backlog", "gauge", (double)stats.settle_backlog);
    line(out, "store_search_backlog", "gauge", (double)stats.search_backlog);
    line(out, "store_quarantined_total", "counter", (double)stats.quarantined);
    line(out, "store_corrupt_total", "counter", (double)stats.corrupt);
    line(out, "store_mean_batch", "gauge", stats.mean_batch);
    line(out, "store_commit_p50_ms", "gauge", stats.commit_p50_ms);
    line(out, "store_commit_p99_ms", "gauge", stats.commit_p99_ms);
    line(out, "store_writable", "gauge", stats.writable ? 1 : 0);
}
