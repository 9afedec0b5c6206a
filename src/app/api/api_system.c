/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, the audit and the description of this API. */
#include "api_priv.h"

#include <stdio.h>

static enum err_code setting_list(struct api_call *call, struct err *err)
{
    Kefu__V1__SettingList *list = api_message_new(call, call->route->reply, err);

    if (list == NULL)
        return err->code;
    list->items = arena_alloc(call->arena, (call->api->setting_count + 1) * sizeof(*list->items));
    for (size_t i = 0; i < call->api->setting_count; i++) {
        Kefu__V1__Setting *setting = api_message_new(call, &kefu__v1__setting__descriptor, err);
        if (setting == NULL)
            return err->code;
        setting->key = (char *)call->api->settings[i].key;
        setting->value = (char *)call->api->settings[i].value;
        setting->source = (char *)call->api->settings[i].source;
        list->items[i] = setting;
    }
    list->n_items = call->api->setting_count;
    call->answer = &list->base;
    return ERR_OK;
}

static const struct api_resource audit = {
    .name = "audit",
    .kind = STORE_AUDIT,
    .desc = &kefu__v1__audit_entry__descriptor,
    .list = &kefu__v1__audit_list__descriptor,
};

static enum err_code openapi(struct api_call *call, struct err *err)
{
    (void)err;
    api_openapi(&call->reply->body);
    return ERR_OK;
}

static const struct api_route routes[] = {
    { "GET", "/settings", NULL, &kefu__v1__setting_list__descriptor, PERM_SETTING_READ,
      setting_list, 0, NULL, "Every setting with its value and source" },
    { "GET", "/audit", NULL, &kefu__v1__audit_list__descriptor, PERM_AUDIT_READ, api_record_list, 0,
      &audit, "Who changed what, newest first" },
    { "GET", "/openapi.json", NULL, &kefu__v1__empty__descriptor, PERM_PUBLIC, openapi, 0, NULL,
      "This document" },
};

const struct api_routes api_routes_system = { routes, LENGTH_OF(routes) };
