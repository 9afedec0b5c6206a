/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines and Rasa's JSON: in both an example is an object with a text and an intent. */
#include <stdlib.h>

#include "examples_priv.h"
#include "json.h"
#include "mem.h"

struct object {
    struct slice text, intent;
    char *bytes; /* unescaped values live here */
    size_t len;
};

static bool key_is(struct slice key, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (slice_equal_text(key, *names))
            return true;
    }
    return false;
}

static const char *const text_keys[] = {
    "text", "utterance", "question", "query", "example", NULL
};
static const char *const intent_keys[] = { "intent", "label", "class", "category", NULL };

static bool value_take(struct json_reader *reader, struct object *object, struct slice *out)
{
    if (json_next(reader) != JSON_TEXT)
        return false;
    *out = slice_make(object->bytes + object->len,
                      json_unescape(reader->raw, object->bytes + object->len));
    object->len += out->len;
    return true;
}

/* Behind JSON_OBJECT_BEGIN; other keys are read over. NULL, or what is wrong. */
static const char *object_read(struct json_reader *reader, struct object *object)
{
    enum json_token token;

    object->text = object->intent = SLICE_EMPTY;
    object->len = 0;
    while ((token = json_next(reader)) == JSON_KEY) {
        struct slice key = reader->raw;
        bool fine;

        if (key_is(key, text_keys))
            fine = value_take(reader, object, &object->text);
        else if (key_is(key, intent_keys))
            fine = value_take(reader, object, &object->intent);
        else
            fine = json_skip_value(reader);
        if (!fine)
            return reader->problem != NULL ? reader->problem : "text and intent must be strings";
    }
    return token == JSON_OBJECT_END ? NULL : reader->problem;
}

enum err_code examples_read_jsonl(struct slice file, const struct examples_sink *sink,
                                  struct err *err)
{
    struct object object = { .bytes = mem_alloc(file.len + 1) };
    struct slice line;
    enum err_code rc = ERR_OK;

    for (uint32_t number = 1; rc == ERR_OK && examples_line(&file, &line); number++) {
        struct json_reader reader;
        const char *problem;

        if (slice_trim(line).len == 0)
            continue;
        json_reader_init(&reader, line);
        problem = json_next(&reader) == JSON_OBJECT_BEGIN ? object_read(&reader, &object)
                                                          : "not a JSON object";
        if (problem == NULL && json_next(&reader) != JSON_END)
            problem = "more than one value on the line";
        if (problem != NULL)
            rc = examples_fault(sink, err_set(err, ERR_INVALID, "line %u: %s", number, problem),
                                err);
        else
            rc = examples_put(sink, object.intent, object.text, number, err);
    }
    free(object.bytes);
    return rc;
}

/* To the array common_examples of rasa_nlu_data; false: it is not there. */
static bool common_examples_find(struct json_reader *reader)
{
    static const char *const path[] = { "rasa_nlu_data", "common_examples" };

    for (size_t depth = 0; depth < LENGTH_OF(path); depth++) {
        enum json_token token;

        if (json_next(reader) != JSON_OBJECT_BEGIN)
            return false;
        while ((token = json_next(reader)) == JSON_KEY &&
               !slice_equal_text(reader->raw, path[depth])) {
            if (!json_skip_value(reader))
                return false;
        }
        if (token != JSON_KEY)
            return false;
    }
    return json_next(reader) == JSON_ARRAY_BEGIN;
}

enum err_code examples_read_rasa_json(struct slice file, const struct examples_sink *sink,
                                      struct err *err)
{
    struct object object = { .bytes = mem_alloc(file.len + 1) };
    struct json_reader reader;
    enum err_code rc = ERR_OK;
    enum json_token token;
    uint32_t line = 1;
    size_t counted = 0; /* line breaks before it are in `line` */

    json_reader_init(&reader, file);
    if (!common_examples_find(&reader)) {
        rc = err_set(err, ERR_INVALID, "line %u: %s", examples_line_of(file, json_offset(&reader)),
                     reader.problem != NULL ? reader.problem : "no rasa_nlu_data.common_examples");
        goto out;
    }
    while (rc == ERR_OK && (token = json_next(&reader)) != JSON_ARRAY_END) {
        const char *problem;

        for (; counted < json_offset(&reader); counted++)
            line += file.ptr[counted] == '\n';
        problem = token == JSON_OBJECT_BEGIN ? object_read(&reader, &object)
                                             : "an example must be an object";
        if (problem != NULL)
            rc = err_set(err, ERR_INVALID, "line %u: %s",
                         examples_line_of(file, json_offset(&reader)), problem);
        else
            rc = examples_put(sink, object.intent, object.text, line, err);
    }
out:
    free(object.bytes);
    return rc;
}
