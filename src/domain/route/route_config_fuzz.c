/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration: loaded or refused with at least one problem; what loads routes. */
#include <stdint.h>

#include "kefu/routing.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *ctx, const struct route_action *action)
{
    (void)ctx;
    ENSURE(action->type < ROUTE_ACTION_TYPE_COUNT);
}

/* Everybody comes, one conversation per queue arrives, an hour passes. */
static void use(const struct route_config *config)
{
    struct route_options options = {
        .config = config, .conversations_max = 64, .classes_max = 64, .act = ignore, .trace = true
    };
    struct route_router *router;
    struct route_request request;

    ENSURE(route_router_create(&options, &router));
    for (uint32_t i = 0; i < route_count(config, ROUTE_KIND_AGENT) && i < 64; i++)
        route_event(router, &(struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                                   .agent = i,
                                                   .presence = ROUTE_ONLINE });
    for (uint32_t i = 0; i < route_count(config, ROUTE_KIND_QUEUE); i++) {
        route_request_init(&request);
        request.queue = i;
        route_event(router, &(struct route_event){
                                .type = ROUTE_EVENT_ARRIVE, .conv = i, .request = &request });
    }
    route_event(router, &(struct route_event){ .type = ROUTE_EVENT_TICK, .now_ms = 3600000 });
    route_router_destroy(&router);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct route_config *config;
    struct route_report report;
    struct route_request request;
    struct route_fact lang = { .name = "lang", .text = "zh", .text_len = 2 };

    if (!route_config_load((const char *)data, size, NULL, &config, &report)) {
        ENSURE(report.errors > 0 && report.count > 0);
        return 0;
    }
    ENSURE(report.errors == 0);
    use(config);
    route_request_init(&request);
    if (route_classify(config, &lang, 1, 0, &request) == ROUTE_OK)
        ENSURE(request.queue < route_count(config, ROUTE_KIND_QUEUE));
    route_config_destroy(&config);
    return 0;
}
