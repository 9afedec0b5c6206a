/* SPDX-License-Identifier: Apache-2.0 */
/* Between the readers of generators and logs. */
#ifndef KEFU_ROUTE_SIM_SCENARIO_PRIV_H
#define KEFU_ROUTE_SIM_SCENARIO_PRIV_H

#include "arena.h"
#include "json.h"

#include "route_sim_priv.h"

/* With the initial values. */
struct route_sim_scenario *sim_scenario_create(void);
/* "20s", "15m", "1500ms" to milliseconds. */
bool sim_duration_parse(struct slice text, double *ms);
/* RFC 3339 with "Z" or an offset: "2026-03-02T09:00:00+08:00". */
bool sim_time_parse(struct slice text, int64_t *ms);

#endif
