/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the reader: a generator, a log, or (split at a NUL) a snapshot and a
 * conversation. What is read well is not run here: a generator may ask for millions of visitors. */
#include <stdint.h>
#include <string.h>

#include "route_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char configuration[] =
    "{\"skills\":[\"s\"],\"agents\":[{\"id\":\"a\",\"languages\":[\"zh\"]},{\"id\":\"b\","
    "\"skills\":{\"s\":3}}],"
    "\"queues\":{\"q\":{}},\"routes\":[{\"id\":\"r\",\"else\":true,\"queue\":\"q\"}]}";

static void explain(const struct route_config *config, struct slice text)
{
    const char *nul = text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    struct slice snapshot = slice_make(text.ptr, nul != NULL ? (size_t)(nul - text.ptr) : text.len);
    struct slice conversation = SLICE_LITERAL("{}");
    struct err err = { 0 };
    struct buf out;

    if (nul != NULL)
        conversation = slice_make(nul + 1, text.len - snapshot.len - 1);
    buf_init(&out, 1 << 20);
    if (route_sim_explain(config, snapshot, conversation, 0, &out, &err) == ERR_OK)
        ENSURE(buf_ok(&out) && out.len > 2);
    else
        ENSURE(err.text[0] != '\0');
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct route_config *config;
    struct route_sim_scenario *scenario = NULL;
    struct route_report report;
    struct err err = { 0 };
    struct slice text;
    enum err_code rc;

    if (config == NULL)
        ENSURE(route_config_load(configuration, sizeof(configuration) - 1, NULL, &config, &report));
    if (size == 0)
        return 0;
    text = slice_make(data + 1, size - 1);
    if (data[0] % 3 == 2) {
        explain(config, text);
        return 0;
    }
    rc = data[0] % 3 == 0 ? route_sim_scenario_load(config, text, &scenario, &err)
                          : route_sim_log_load(config, text, &scenario, &err);
    ENSURE((rc == ERR_OK) == (scenario != NULL));
    ENSURE(rc == ERR_OK || err.text[0] != '\0');
    route_sim_scenario_destroy(&scenario);
    return 0;
}
