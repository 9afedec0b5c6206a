/* SPDX-License-Identifier: Apache-2.0 */
#include "action.h"
#include "json.h"

#include <string.h>

static struct slice key_take(struct slice *path)
{
    const char *dot = memchr(path->ptr, '.', path->len);
    struct slice key = *path;

    if (dot == NULL) {
        *path = SLICE_EMPTY;
        return key;
    }
    key.len = (size_t)(dot - path->ptr);
    *path = slice_make(dot + 1, path->len - key.len - 1);
    return key;
}

/* Stands behind the object's brace; goes to the value of a key. Escaped keys are no names of ours.
 */
static bool key_find(struct json_reader *reader, struct slice key)
{
    while (json_next(reader) == JSON_KEY) {
        if (!reader->escaped && slice_equal(reader->raw, key))
            return true;
        if (!json_skip_value(reader))
            return false;
    }
    return false;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool action_json_at(struct slice json, struct slice path, struct slice *out)
{
    struct json_reader reader;
    const char *begin;

    json_reader_init(&reader, json);
    for (int depth = 0; path.len > 0; depth++) {
        struct slice key = key_take(&path);

        if (depth == ACTION_PATH_DEPTH_MAX || json_next(&reader) != JSON_OBJECT_BEGIN ||
            !key_find(&reader, key))
            return false;
    }
    begin = reader.at;
    if (!json_skip_value(&reader))
        return false;
    while (begin < reader.at && blank(*begin))
        begin++;
    *out = slice_make(begin, (size_t)(reader.at - begin));
    return out->len > 0;
}
