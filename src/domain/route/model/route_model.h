/* SPDX-License-Identifier: Apache-2.0 */
/* The router once more, slow and obvious: plain arrays, every question answered by looking at
 * everything. It reads the loaded configuration of librouting and shares nothing else with it; for
 * the same events both must do the same. Only for tests. */
#ifndef KEFU_ROUTE_MODEL_H
#define KEFU_ROUTE_MODEL_H

#include "kefu/routing.h"

struct route_model;

struct route_model *route_model_create(const struct route_options *options);
void route_model_destroy(struct route_model **model);
enum route_answer route_model_event(struct route_model *model, const struct route_event *event);
uint32_t route_model_position(const struct route_model *model, uint64_t conv);
uint32_t route_model_load(const struct route_model *model, uint32_t agent);

#endif
