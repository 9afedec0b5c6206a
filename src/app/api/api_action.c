/* SPDX-License-Identifier: Apache-2.0 */
/* What flows need beside themselves: stories that test them, the calls that their actions are,
 * secrets of these calls, and values that guards read. Plain resources; a secret goes in and never
 * comes out. */
#include "api_priv.h"

#include <stdio.h>

#include "action.h"
#include "auth_seal.h"
#include "flow_host.h"
#include "limit.h"

#include "kefu/v1/flow.pb-c.h"

enum {
    SOURCE_BYTES_MAX = 200 * 1024, /* of a record of 256 KiB, with room for its names */
    VALUE_BYTES_MAX = 512,
};

/* Names that flows can write: letters, digits, dots, underscores, hyphens. */
static enum err_code name_check(const char *name, struct err *err)
{
    enum err_code rc = api_text_check("name", name, 1, ACTION_NAME_BYTES_MAX, err);

    if (rc == ERR_OK && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._-") != strlen(name))
        rc = err_set_field(err, ERR_INVALID, "name", "letters, digits, dots, _ and - only");
    return rc;
}

static struct slice name_lookup(struct api_call *call, const char *name)
{
    char *copy = arena_strdup(call->arena, slice_of(name));

    return copy != NULL ? slice_of(copy) : SLICE_EMPTY;
}

/* ---- stories --------------------------------------------------------------------------------- */

static enum err_code story_check(struct api_call *call, ProtobufCMessage *msg,
                                 const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Story *story = (Kefu__V1__Story *)msg;
    char flow[FLOW_HOST_NAME_MAX + 1];
    enum err_code rc = api_text_check("name", story->name, 1, LIMIT_NAME_BYTES_MAX, err);

    (void)old;
    if (rc == ERR_OK)
        rc = api_text_check("source", story->source, 1, SOURCE_BYTES_MAX, err);
    if (rc != ERR_OK)
        return rc;
    flow_host_story_flow(slice_of(story->source), flow);
    if (flow[0] == '\0')
        return err_set_field(err, ERR_INVALID, "source", "has no `flow:` line in its first story");
    story->flow = arena_strdup(call->arena, slice_of(flow));
    return story->flow != NULL ? ERR_OK : err_set(err, ERR_TOO_BIG, "request too large");
}

static const char *const story_read_only[] = { "flow", NULL };

static const struct api_resource stories = {
    .name = "stories",
    .kind = STORE_STORY,
    .desc = &kefu__v1__story__descriptor,
    .list = &kefu__v1__story_list__descriptor,
    .read_only = story_read_only,
    .check = story_check,
};

/* ---- actions --------------------------------------------------------------------------------- */

static enum err_code declaration_check(struct api_call *call, ProtobufCMessage *msg,
                                       const ProtobufCMessage *old, struct err *err)
{
    const Kefu__V1__Action *action = (const Kefu__V1__Action *)msg;
    enum err_code rc = name_check(action->name, err);

    (void)call;
    (void)old;
    return rc == ERR_OK ? action_check(action, err) : rc;
}

static struct slice declaration_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    return name_lookup(call, ((const Kefu__V1__Action *)msg)->name);
}

static const struct api_resource actions = {
    .name = "actions",
    .kind = STORE_ACTION,
    .desc = &kefu__v1__action__descriptor,
    .list = &kefu__v1__action_list__descriptor,
    .effects = API_EFFECT_DIRECTORY,
    .check = declaration_check,
    .lookup = declaration_lookup,
};

/* ---- secrets --------------------------------------------------------------------------------- */

static enum err_code secret_seal(struct api_call *call, Kefu__V1__Secret *secret, struct err *err)
{
    size_t len = strlen(secret->value);
    enum err_code rc = api_text_check("value", secret->value, 1, AUTH_SEAL_VALUE_MAX, err);

    if (rc != ERR_OK)
        return rc;
    secret->sealed.data = arena_alloc(call->arena, len + AUTH_SEAL_OVERHEAD);
    /* Of a short one the last 4 would be too much of it. */
    secret->hint = arena_strdup(call->arena, len >= 12 ? slice_make(secret->value + len - 4, 4)
                                                       : SLICE_LITERAL("****"));
    if (secret->sealed.data == NULL || secret->hint == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    secret->sealed.len =
        auth_seal(&call->api->master, call->who.workspace_id, slice_of(secret->name),
                  slice_make(secret->value, len), secret->sealed.data);
    secret->value = (char *)"";
    return ERR_OK;
}

static enum err_code secret_check(struct api_call *call, ProtobufCMessage *msg,
                                  const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Secret *secret = (Kefu__V1__Secret *)msg;
    enum err_code rc = name_check(secret->name, err);

    if (rc != ERR_OK)
        return rc;
    if (old != NULL && strcmp(((const Kefu__V1__Secret *)old)->name, secret->name) != 0)
        return err_set_field(err, ERR_INVALID, "name", "is sealed with the value; make a new one");
    if (old != NULL && secret->value[0] == '\0')
        return ERR_OK;
    return secret_seal(call, secret, err);
}

static struct slice secret_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    return name_lookup(call, ((const Kefu__V1__Secret *)msg)->name);
}

static void secret_present(struct api_call *call, ProtobufCMessage *msg)
{
    Kefu__V1__Secret *secret = (Kefu__V1__Secret *)msg;

    (void)call;
    secret->value = (char *)"";
    secret->sealed = (ProtobufCBinaryData){ 0, NULL };
}

static const char *const secret_read_only[] = { "hint", "sealed", NULL };

static const struct api_resource secrets = {
    .name = "secrets",
    .kind = STORE_SECRET,
    .desc = &kefu__v1__secret__descriptor,
    .list = &kefu__v1__secret_list__descriptor,
    .effects = API_EFFECT_DIRECTORY,
    .read_only = secret_read_only,
    .check = secret_check,
    .lookup = secret_lookup,
    .present = secret_present,
};

/* ---- values ---------------------------------------------------------------------------------- */

static enum err_code value_check(struct api_call *call, ProtobufCMessage *msg,
                                 const ProtobufCMessage *old, struct err *err)
{
    const Kefu__V1__FlowValue *value = (const Kefu__V1__FlowValue *)msg;
    enum err_code rc = name_check(value->name, err);

    (void)call;
    (void)old;
    return rc == ERR_OK ? api_text_check("value", value->value, 0, VALUE_BYTES_MAX, err) : rc;
}

static struct slice value_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    return name_lookup(call, ((const Kefu__V1__FlowValue *)msg)->name);
}

static const struct api_resource values = {
    .name = "flow-values",
    .kind = STORE_FLOW_VALUE,
    .desc = &kefu__v1__flow_value__descriptor,
    .list = &kefu__v1__flow_value_list__descriptor,
    .effects = API_EFFECT_DIRECTORY,
    .check = value_check,
    .lookup = value_lookup,
};

#define ROUTES(path, message, read, write, resource)                                              \
    {                                                                                             \
        "GET",       "/" path,        NULL, &kefu__v1__##message##_list__descriptor,              \
        read,        api_record_list, 0,    resource,                                             \
        "List " path                                                                              \
    },                                                                                            \
        { "POST",                                                                                 \
          "/" path,                                                                               \
          &kefu__v1__##message##__descriptor,                                                     \
          &kefu__v1__##message##__descriptor,                                                     \
          write,                                                                                  \
          api_record_create,                                                                      \
          0,                                                                                      \
          resource,                                                                               \
          "Make " path },                                                                         \
        { "GET",       "/" path "/{id}", NULL, &kefu__v1__##message##__descriptor,                \
          read,        api_record_get,   0,    resource,                                          \
          "Read " path },                                                                         \
        { "PATCH",                                                                                \
          "/" path "/{id}",                                                                       \
          &kefu__v1__##message##__descriptor,                                                     \
          &kefu__v1__##message##__descriptor,                                                     \
          write,                                                                                  \
          api_record_patch,                                                                       \
          0,                                                                                      \
          resource,                                                                               \
          "Change " path },                                                                       \
    {                                                                                             \
        "DELETE", "/" path "/{id}", NULL, &kefu__v1__empty__descriptor, write, api_record_delete, \
            0, resource, "Delete " path                                                           \
    }

static const struct api_route routes[] = {
    ROUTES("stories", story, PERM_FLOW_READ, PERM_FLOW_WRITE, &stories),
    ROUTES("actions", action, PERM_ACTION_READ, PERM_ACTION_WRITE, &actions),
    ROUTES("secrets", secret, PERM_ACTION_READ, PERM_ACTION_WRITE, &secrets),
    ROUTES("flow-values", flow_value, PERM_FLOW_READ, PERM_FLOW_WRITE, &values),
};

const struct api_routes api_routes_action = { routes, LENGTH_OF(routes) };
