/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes an event: whatever they say, the router answers and keeps its promises, which it
 * checks itself in this build. */
#include <stdint.h>
#include <string.h>

#include "kefu/routing.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT_BYTES = 8, CONVS_MAX = 8 };

static const char configuration[] =
    "{\"skills\":[\"a\",\"b\"],\"settings\":{\"slow_start\":\"2s\",\"wrap_up\":\"1s\",\"quiet\":{"
    "\"after\":\"5s\"},\"offline_grace\":\"3s\",\"reopen\":{\"wait\":\"2s\"}},\"calendars\":{\"c\":"
    "{\"week\":{\"thu\":[\"00:01-00:02\",\"00:03-00:04\"]}}},\"agents\":["
    "{\"id\":\"0\",\"capacity\":1,\"teams\":[\"q\"],\"skills\":{\"a\":5}},"
    "{\"id\":\"1\",\"capacity\":2,\"teams\":[\"r\"],\"skills\":{\"a\":2,\"b\":9}},"
    "{\"id\":\"2\",\"capacity\":3,\"teams\":[\"q\",\"r\"]}],\"queues\":{"
    "\"q\":{\"rings\":[{\"after\":\"0s\"},{\"after\":\"2s\",\"drop\":\"prefer\",\"level\":-1},"
    "{\"after\":\"4s\",\"add_team\":\"r\"},{\"after\":\"6s\",\"overflow\":\"r\"}],\"sla\":{"
    "\"first\":\"3s\"}},"
    "\"r\":{\"offer\":\"2s\",\"pick\":\"fair\",\"max_waiting\":2,\"overflow\":[\"s\"]},"
    "\"s\":{\"calendar\":\"c\",\"pick\":\"round_robin\"},\"m\":{\"pick\":\"manual\"}}}";

static void count(void *ctx, const struct route_action *action)
{
    ENSURE(action->type < ROUTE_ACTION_TYPE_COUNT);
    ++*(uint64_t *)ctx;
}

static struct route_event event_of(const uint8_t *bytes, int64_t now_ms,
                                   struct route_request *request)
{
    route_request_init(request);
    request->arrived_ms = now_ms - bytes[7] % 2;
    request->queue = bytes[3] % 8;
    request->priority = bytes[4] % 16;
    request->vip = bytes[4] >= 128;
    request->weight = bytes[5];
    request->require_count = bytes[6] % 3;
    request->require[0] = (struct route_need){ bytes[6] >> 6, bytes[5] % 12 };
    request->prefer_count = bytes[6] >> 3 & 1;
    request->prefer[0] = (struct route_need){ 1, 3 };
    request->last_agent = bytes[7] % 8 < 4 ? bytes[7] % 8 : ROUTE_NONE;
    return (struct route_event){
        .type = (enum route_event_type)(bytes[0] % (ROUTE_EVENT_TYPE_COUNT + 1)),
        .now_ms = now_ms,
        .conv = bytes[1] % 16,
        .agent = bytes[2] >= 128 ? ROUTE_NONE : bytes[2] % 4,
        .queue = bytes[3] % 8,
        .skill = bytes[3] % 3,
        .level = bytes[4] % 12,
        .capacity = bytes[4] % 5,
        .presence = (enum route_presence)(bytes[5] % 6),
        .answered = bytes[5] % 2 != 0,
        .request = bytes[7] == 255 ? NULL : request,
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct route_config *config;
    struct route_report report;
    struct route_router *router;
    struct route_request request;
    struct route_stats stats;
    uint64_t actions = 0;
    int64_t now_ms = 60000;
    struct route_options options = {
        .conversations_max = CONVS_MAX, .classes_max = 8, .act = count, .ctx = &actions
    };

    if (config == NULL)
        ENSURE(route_config_load(configuration, sizeof(configuration) - 1, NULL, &config, &report));
    options.config = config;
    ENSURE(route_router_create(&options, &router));
    for (; size >= EVENT_BYTES; size -= EVENT_BYTES, data += EVENT_BYTES) {
        struct route_event event;

        now_ms += (int64_t)(data[0] >> 5) * 500;
        event = event_of(data, now_ms - (data[1] >= 250), &request);
        ENSURE(route_event(router, &event) < ROUTE_ANSWER_COUNT);
    }
    route_stats(router, &stats);
    ENSURE(stats.idle_while_waiting == 0 && stats.convs <= CONVS_MAX);
    route_router_destroy(&router);
    return 0;
}
