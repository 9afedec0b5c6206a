/* SPDX-License-Identifier: Apache-2.0 */
#include "serve_reload_due.h"

#include "check.h"

void reload_want(struct reload *reload)
{
    reload->wanted = true;
    reload->not_before = 0;
}

bool reload_due(const struct reload *reload, uint64_t now_ms)
{
    return reload->wanted && !reload->running && now_ms >= reload->not_before;
}

void reload_begin(struct reload *reload)
{
    ENSURE(!reload->running);
    reload->running = true;
    reload->wanted = false;
}

void reload_undo(struct reload *reload)
{
    ENSURE(reload->running);
    reload->running = false;
    reload->wanted = true;
}

void reload_end(struct reload *reload, bool ok, uint64_t now_ms)
{
    ENSURE(reload->running);
    reload->running = false;
    if (ok) {
        reload->retry_ms = 0;
        return;
    }
    reload->retry_ms = reload->retry_ms == 0 ? RELOAD_RETRY_MS : reload->retry_ms * 2;
    if (reload->retry_ms > RELOAD_RETRY_MS_MAX)
        reload->retry_ms = RELOAD_RETRY_MS_MAX;
    reload->wanted = true;
    reload->not_before = now_ms + reload->retry_ms;
}
