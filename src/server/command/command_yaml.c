/* SPDX-License-Identifier: Apache-2.0 */
#include "command_yaml.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "command_file.h"
#include "json.h"

enum { DEPTH_MAX = JSON_DEPTH_MAX };

struct conversion {
    yaml_parser_t parser;
    struct json_writer json;
    struct err *err;
    unsigned depth;
    bool in_map[DEPTH_MAX + 1];
    bool key_next[DEPTH_MAX + 1]; /* of a map: a key, or the value of one */
};

static enum err_code fail(struct conversion *c, yaml_mark_t at, const char *what)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "line %zu, column %zu", at.line + 1, at.column + 1);
    return err_set_field(c->err, ERR_INVALID, field, "%s", what);
}

static bool is_json_number(struct slice text)
{
    struct json_reader reader;

    json_reader_init(&reader, text);
    return json_next(&reader) == JSON_NUMBER && json_next(&reader) == JSON_END &&
           reader.raw.len == text.len;
}

static void write_scalar(struct conversion *c, const yaml_event_t *event)
{
    struct slice text =
        slice_make((const char *)event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (plain && (slice_equal_text(text, "true") || slice_equal_text(text, "false") ||
                  slice_equal_text(text, "null") || is_json_number(text)))
        json_raw(&c->json, text);
    else if (plain && (text.len == 0 || slice_equal_text(text, "~")))
        json_null(&c->json);
    else
        json_text(&c->json, text);
}

/* A value is complete: in a map a key comes next. */
static void value_done(struct conversion *c)
{
    c->key_next[c->depth] = c->in_map[c->depth];
}

static enum err_code scalar(struct conversion *c, const yaml_event_t *event)
{
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
        return fail(c, event->start_mark, "anchors and tags are not taken");
    if (c->key_next[c->depth]) {
        /* libyaml ends its texts with a NUL; a NUL inside would cut the key short. */
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return fail(c, event->start_mark, "a key with a NUL");
        json_key(&c->json, (const char *)event->data.scalar.value);
        c->key_next[c->depth] = false;
        return ERR_OK;
    }
    write_scalar(c, event);
    value_done(c);
    return ERR_OK;
}

static enum err_code begin(struct conversion *c, const yaml_event_t *event, bool map)
{
    const yaml_char_t *anchor =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;

    if (anchor != NULL || tag != NULL)
        return fail(c, event->start_mark, "anchors and tags are not taken");
    if (c->key_next[c->depth])
        return fail(c, event->start_mark, "a key must be a text");
    if (c->depth == DEPTH_MAX)
        return fail(c, event->start_mark, "nested too deeply");
    c->depth++;
    c->in_map[c->depth] = c->key_next[c->depth] = map;
    if (map)
        json_object_begin(&c->json);
    else
        json_array_begin(&c->json);
    return ERR_OK;
}

static void end(struct conversion *c)
{
    if (c->in_map[c->depth])
        json_object_end(&c->json);
    else
        json_array_end(&c->json);
    c->depth--;
    value_done(c);
}

static enum err_code convert_event(struct conversion *c, const yaml_event_t *event,
                                   unsigned *documents)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? fail(c, event->start_mark, "more than one document") : ERR_OK;
    case YAML_SCALAR_EVENT:
        return scalar(c, event);
    case YAML_MAPPING_START_EVENT:
        return begin(c, event, true);
    case YAML_SEQUENCE_START_EVENT:
        return begin(c, event, false);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        end(c);
        return ERR_OK;
    case YAML_ALIAS_EVENT:
        return fail(c, event->start_mark, "aliases are not taken");
    default:
        return ERR_OK;
    }
}

static enum err_code convert(struct conversion *c)
{
    enum err_code rc = ERR_OK;
    unsigned documents = 0;
    bool more = true;

    while (more && rc == ERR_OK) {
        yaml_event_t event;

        if (!yaml_parser_parse(&c->parser, &event))
            return fail(c, c->parser.problem_mark,
                        c->parser.problem != NULL ? c->parser.problem : "not YAML");
        rc = convert_event(c, &event, &documents);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (rc == ERR_OK && documents == 0)
        return err_set(c->err, ERR_INVALID, "an empty file");
    return rc;
}

enum err_code command_yaml_to_json(struct slice yaml, struct buf *json, struct err *err)
{
    struct conversion c = { .err = err };
    struct slice text = slice_trim(yaml);
    enum err_code rc;

    if (yaml.ptr == NULL)
        yaml = SLICE_LITERAL(""); /* an empty file; the parser insists on an address */
    if (text.len > 0 && (text.ptr[0] == '{' || text.ptr[0] == '[')) {
        buf_add_slice(json, text);
    } else {
        if (!yaml_parser_initialize(&c.parser))
            return err_set(err, ERR_TOO_BIG, "no memory for a YAML parser");
        yaml_parser_set_input_string(&c.parser, (const unsigned char *)yaml.ptr, yaml.len);
        json_writer_init(&c.json, json);
        rc = convert(&c);
        yaml_parser_delete(&c.parser);
        if (rc != ERR_OK)
            return rc;
    }
    return buf_ok(json) ? ERR_OK : err_set(err, ERR_TOO_BIG, "more than %zu bytes", json->len_max);
}

enum err_code command_yaml_file(const char *path, size_t bytes_max, struct buf *json,
                                struct err *err)
{
    struct slice file;
    enum err_code rc = command_file_open(path, bytes_max, &file, err);
    char field[ERR_FIELD_MAX];

    if (rc != ERR_OK)
        return rc;
    rc = command_yaml_to_json(file, json, err);
    command_file_close(&file);
    if (rc == ERR_OK)
        return rc;
    snprintf(field, sizeof(field), "%.40s%s%.30s", path, err->field[0] != '\0' ? ", " : "",
             err->field);
    snprintf(err->field, sizeof(err->field), "%s", field);
    return rc;
}
