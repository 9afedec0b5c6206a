/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler a request belongs to. The tables are walked in order: sixty short comparisons cost
 * less than one system call, and every route of the server stands where `grep` finds it. */
#include "api_priv.h"

#include <stdio.h>

const struct api_routes *const api_route_tables[] = {
    &api_routes_session,
    &api_routes_site,
    &api_routes_agent,
    &api_routes_content,
    &api_routes_token,
    &api_routes_conversation,
    &api_routes_system,
    &api_routes_faq,
    &api_routes_routing,
    &api_routes_simulation,
    &api_routes_example,
    &api_routes_intent,
    &api_routes_model,
    &api_routes_flow,
    &api_routes_action,
    &api_routes_attachment,
    NULL,
};

static bool id_take(struct slice *path, uint64_t *id)
{
    size_t len = 0;
    unsigned long long number;

    while (len < path->len && path->ptr[len] != '/')
        len++;
    if (!slice_to_u64(slice_make(path->ptr, len), &number) || number == 0)
        return false;
    *id = number;
    *path = slice_make(path->ptr + len, path->len - len);
    return true;
}

static bool path_matches(const char *pattern, struct slice path, uint64_t *id)
{
    while (*pattern != '\0') {
        if (strncmp(pattern, "{id}", 4) == 0) {
            if (!id_take(&path, id))
                return false;
            pattern += 4;
            continue;
        }
        if (path.len == 0 || path.ptr[0] != *pattern)
            return false;
        pattern++;
        path = slice_make(path.ptr + 1, path.len - 1);
    }
    return path.len == 0;
}

const struct api_route *api_route_find(struct slice method, struct slice path, uint64_t *id,
                                       bool *path_known)
{
    struct slice prefix = SLICE_LITERAL("/api/v1");

    *path_known = false;
    if (!slice_starts_with(path, prefix))
        return NULL;
    path = slice_make(path.ptr + prefix.len, path.len - prefix.len);
    if (slice_equal_text(method, "HEAD"))
        method = SLICE_LITERAL("GET");
    for (const struct api_routes *const *table = api_route_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct api_route *route = &(*table)->items[i];
            if (!path_matches(route->path, path, id))
                continue;
            *path_known = true;
            if (slice_equal_text(method, route->method))
                return route;
        }
    }
    return NULL;
}

enum err_code api_route_check(struct err *err)
{
    for (const struct api_routes *const *table = api_route_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct api_route *route = &(*table)->items[i];
            if (route->permission == PERM_NONE || route->handler == NULL || route->reply == NULL)
                return err_set(err, ERR_INVALID, "route %s %s: permission, handler or type missing",
                               route->method, route->path);
        }
    }
    return ERR_OK;
}

bool api_hashes_password(struct slice method, struct slice path)
{
    bool known;
    uint64_t id = 0;
    const struct api_route *route = api_route_find(method, path, &id, &known);

    return route != NULL && (route->flags & API_HASHES) != 0;
}
