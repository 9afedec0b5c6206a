/* SPDX-License-Identifier: Apache-2.0 */
/* When shard 0 loads a directory: one load at a time, one more for everything that changed
 * meanwhile, and another try after one that failed, since the change behind it would be lost
 * otherwise. Times are ms of the loop. */
#ifndef KEFU_SERVE_RELOAD_DUE_H
#define KEFU_SERVE_RELOAD_DUE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RELOAD_RETRY_MS = 1000, /* after the first failure; doubled each time */
    RELOAD_RETRY_MS_MAX =
        60 * 1000, /* a full disk or a damaged record lasts, and reading is work */
};

struct reload {
    bool wanted;
    bool running;
    uint64_t retry_ms; /* of the next failure; 0: the last load was good */
    uint64_t not_before;
};

void reload_want(struct reload *reload); /* something changed: does not wait for a retry's time */
bool reload_due(const struct reload *reload, uint64_t now_ms);
void reload_begin(struct reload *reload);
/* It did not run at all: the next look tries again. */
void reload_undo(struct reload *reload);
void reload_end(struct reload *reload, bool ok, uint64_t now_ms);

#endif
