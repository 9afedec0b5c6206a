/* SPDX-License-Identifier: Apache-2.0 */
/* Two agents, one queue, three visitors: who gets whom.
 *
 *     cc example.c $(pkg-config --cflags --libs librouting) -o example && ./example
 */
#include <kefu/routing.h>

#include <stdio.h>
#include <string.h>

static const char configuration[] =
    "{\"skills\": [\"returns\"],"
    " \"agents\": [{\"id\": \"lin\", \"capacity\": 1, \"skills\": {\"returns\": 5}},"
    "              {\"id\": \"mia\", \"capacity\": 1}],"
    " \"queues\": {\"after_sales\": {\"pick\": \"fair\", \"rings\": ["
    "     {\"after\": \"0s\"}, {\"after\": \"20s\", \"drop\": \"prefer\"}]}}}";

static void on_action(void *ctx, const struct route_action *action)
{
    const struct route_config *config = ctx;
    const char *agent = route_name(config, ROUTE_KIND_AGENT, action->agent);

    printf("%5.1f s  conversation %u: %s%s%s\n", (double)action->now_ms / 1000,
           (unsigned)action->conv, route_action_name(action->type), agent != NULL ? " " : "",
           agent != NULL ? agent : "");
}

static void tell(struct route_router *router, struct route_event event)
{
    enum route_answer answer = route_event(router, &event);

    if (answer != ROUTE_OK)
        printf("not possible: %s\n", route_answer_name(answer));
}

static void arrive(struct route_router *router, uint64_t conv, int64_t now_ms)
{
    struct route_request request;

    route_request_init(&request);
    request.queue = 0;
    request.arrived_ms = now_ms;
    request.prefer[0] = (struct route_need){ .skill = 0, .level = 3 };
    request.prefer_count = 1;
    tell(router,
         (struct route_event){
             .type = ROUTE_EVENT_ARRIVE, .now_ms = now_ms, .conv = conv, .request = &request });
}

int main(void)
{
    struct route_config *config;
    struct route_router *router;
    struct route_report report;
    struct route_options options = { .conversations_max = 100, .act = on_action };

    if (!route_config_load(configuration, strlen(configuration), NULL, &config, &report)) {
        fprintf(stderr, "%s: %s\n", report.items[0].path, report.items[0].text);
        return 1;
    }
    options.config = config;
    options.ctx = config;
    if (!route_router_create(&options, &router))
        return 1;
    for (uint32_t agent = 0; agent < route_count(config, ROUTE_KIND_AGENT); agent++)
        tell(router, (struct route_event){
                         .type = ROUTE_EVENT_PRESENCE, .agent = agent, .presence = ROUTE_ONLINE });
    arrive(router, 1, 1000); /* lin, who knows returns */
    arrive(router, 2, 2000); /* waits: mia does not */
    arrive(router, 3, 15000);
    while (route_due_ms(router) <= 30000) /* after 20 s mia will do, too */
        tell(router,
             (struct route_event){ .type = ROUTE_EVENT_TICK, .now_ms = route_due_ms(router) });
    tell(router, (struct route_event){ .type = ROUTE_EVENT_CLOSE, .now_ms = 31000, .conv = 1 });
    route_router_destroy(&router);
    route_config_destroy(&config);
    return 0;
}
