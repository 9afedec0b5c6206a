/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers at /metrics: each shard brings its own up to date at its tick, the store is asked
 * when somebody reads. */
#ifndef KEFU_SERVE_METRIC_H
#define KEFU_SERVE_METRIC_H

#include "buf.h"

struct node;
struct server;

void serve_metric_init(struct server *server); /* [start-up] */
void serve_metric_fini(struct server *server);
void serve_metric_tick(struct node *node);                              /* [shard] */
void serve_metric_render(const struct server *server, struct buf *out); /* [any] */

#endif
