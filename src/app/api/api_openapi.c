/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI 3.0 out of the route table and the schema's descriptors, so it can't say anything else
 * than what the server does. */
#include "api_priv.h"

#include <stdio.h>

enum { MESSAGES_MAX = 128 }; /* types of the API; a full table shows in the test */

struct message_set {
    const ProtobufCMessageDescriptor *items[MESSAGES_MAX];
    size_t n;
};

static void set_add(struct message_set *set, const ProtobufCMessageDescriptor *desc)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i] == desc)
            return;
    ENSURE(set->n < MESSAGES_MAX);
    set->items[set->n++] = desc;
}

static void camel_add(struct buf *out, const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '_' && name[1] >= 'a' && name[1] <= 'z')
            buf_add_char(out, (char)(*++name - 32));
        else
            buf_add_char(out, *name);
    }
}

static void type_add(struct buf *out, const ProtobufCFieldDescriptor *field,
                     struct message_set *set)
{
    const ProtobufCMessageDescriptor *desc = field->descriptor;
    const ProtobufCEnumDescriptor *values = field->descriptor;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_add_text(out, "{\"type\":\"string\",\"pattern\":\"^-?[0-9]+$\"}");
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FLOAT:
        buf_add_text(out, "{\"type\":\"number\"}");
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buf_add_text(out, "{\"type\":\"boolean\"}");
        return;
    case PROTOBUF_C_TYPE_STRING:
        buf_add_text(out, "{\"type\":\"string\"}");
        return;
    case PROTOBUF_C_TYPE_BYTES:
        buf_add_text(out, "{\"type\":\"string\",\"format\":\"byte\"}");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        buf_add_text(out, "{\"type\":\"string\",\"enum\":[");
        for (unsigned i = 0; i < values->n_values; i++)
            buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", values->values[i].name);
        buf_add_text(out, "]}");
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (strcmp(desc->name, "google.protobuf.Timestamp") == 0) {
            buf_add_text(out, "{\"type\":\"string\",\"format\":\"date-time\"}");
            return;
        }
        set_add(set, desc);
        buf_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", desc->short_name);
        return;
    default:
        buf_add_text(out, "{\"type\":\"integer\"}");
        return;
    }
}

/* protobuf-c shows a map as repeated {key, value} messages whose name ends in Entry. */
static bool is_map(const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *desc = field->descriptor;
    size_t len;

    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    len = strlen(desc->name);
    return desc->n_fields == 2 && len > 5 && strcmp(desc->name + len - 5, "Entry") == 0 &&
           strcmp(desc->fields[0].name, "key") == 0;
}

static void schema_add(struct buf *out, const ProtobufCMessageDescriptor *desc,
                       struct message_set *set)
{
    buf_printf(out, "\"%s\":{\"type\":\"object\",\"properties\":{", desc->short_name);
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_char(out, '"');
        camel_add(out, field->name);
        buf_add_text(out, "\":");
        if (is_map(field)) {
            buf_add_text(out, "{\"type\":\"object\",\"additionalProperties\":"
                              "{\"type\":\"string\"}}");
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            buf_add_text(out, "{\"type\":\"array\",\"items\":");
            type_add(out, field, set);
            buf_add_char(out, '}');
        } else {
            type_add(out, field, set);
        }
    }
    buf_add_text(out, "}}");
}

static void method_add(struct buf *out, const struct api_route *route, struct message_set *set)
{
    char method[8] = { 0 };

    for (size_t i = 0; route->method[i] != '\0' && i < sizeof(method) - 1; i++)
        method[i] = (char)(route->method[i] | 0x20);
    buf_printf(out, "\"%s\":{\"summary\":\"%s\",\"x-permission\":\"%s\",", method, route->summary,
               permission_name(route->permission));
    if (route->permission == PERM_PUBLIC)
        buf_add_text(out, "\"security\":[],");
    if (strstr(route->path, "{id}") != NULL)
        buf_add_text(out, "\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
                          "\"schema\":{\"type\":\"string\"}}],");
    if (route->request != NULL) {
        set_add(set, route->request);
        buf_printf(out,
                   "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":"
                   "{\"$ref\":\"#/components/schemas/%s\"}}}},",
                   route->request->short_name);
    }
    set_add(set, route->reply);
    buf_printf(out,
               "\"responses\":{\"200\":{\"description\":\"done\",\"content\":"
               "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}},"
               "\"default\":{\"description\":\"error\",\"content\":{\"application/json\":"
               "{\"schema\":{\"$ref\":\"#/components/schemas/ErrorReply\"}}}}}}",
               route->reply->short_name);
}

/* Routes of one path stand together in the tables or not; each path must come once. */
static bool path_seen(const struct api_routes *const *table, size_t at)
{
    const char *path = (*table)->items[at].path;

    for (const struct api_routes *const *t = api_route_tables; t <= table; t++)
        for (size_t i = 0; i < (*t)->count && !(t == table && i == at); i++)
            if (strcmp((*t)->items[i].path, path) == 0)
                return true;
    return false;
}

static void path_add(struct buf *out, const char *path, struct message_set *set)
{
    bool first = true;

    buf_printf(out, "\"/api/v1%s\":{", path);
    for (const struct api_routes *const *t = api_route_tables; *t != NULL; t++) {
        for (size_t i = 0; i < (*t)->count; i++) {
            if (strcmp((*t)->items[i].path, path) != 0)
                continue;
            if (!first)
                buf_add_char(out, ',');
            first = false;
            method_add(out, &(*t)->items[i], set);
        }
    }
    buf_add_char(out, '}');
}

void api_openapi(struct buf *out)
{
    struct message_set set = { .n = 0 };
    bool first = true;

    set_add(&set, &kefu__v1__error_reply__descriptor);
    buf_add_text(out, "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Kefu\",\"version\":\"v1\"},"
                      "\"security\":[{\"token\":[]},{\"session\":[]}],\"paths\":{");
    for (const struct api_routes *const *t = api_route_tables; *t != NULL; t++) {
        for (size_t i = 0; i < (*t)->count; i++) {
            if (path_seen(t, i))
                continue;
            buf_add_text(out, first ? "\n" : ",\n");
            first = false;
            path_add(out, (*t)->items[i].path, &set);
        }
    }
    buf_add_text(out, "\n},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\","
                      "\"scheme\":\"bearer\"},\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\","
                      "\"name\":\"kefu_http\"}},\"schemas\":{");
    for (size_t i = 0; i < set.n; i++) { /* grows while it is walked */
        buf_add_text(out, i > 0 ? ",\n" : "\n");
        schema_add(out, set.items[i], &set);
    }
    buf_add_text(out, "\n}}}\n");
}
