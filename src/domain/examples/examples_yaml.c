/* SPDX-License-Identifier: Apache-2.0 */
/* Rasa's nlu.yml:
 *
 *   nlu:
 *   - intent: order_status
 *     examples: |
 *       - where is my order
 *       - is [order 4711](order_id) on its way
 *   - intent: greet
 *     examples:
 *     - text: hello
 *
 * Other sections and other kinds of items (synonym, regex, lookup) are read over. The parser's
 * events are enough, no tree is built: a stack of one word per level says where we are. */
#include <stdlib.h>
#include <yaml.h>

#include "examples_priv.h"

enum { DEPTH_MAX = 16 }; /* the format needs 5 */

enum place {
    PLACE_OTHER,    /* whatever is in here is not ours */
    PLACE_TOP,      /* the mapping of sections */
    PLACE_NLU,      /* the list of items */
    PLACE_ITEM,     /* one item */
    PLACE_EXAMPLES, /* its examples as a list */
    PLACE_EXAMPLE,  /* one of these as a mapping */
};

struct walk {
    const struct examples_sink *sink;
    enum place stack[DEPTH_MAX];
    unsigned depth;
    bool in_mapping[DEPTH_MAX];
    bool key_next[DEPTH_MAX]; /* in a mapping: a key comes next */
    char key[DEPTH_MAX][16];  /* the last key */
    char intent[EXAMPLES_NAME_BYTES_MAX + 1];
    size_t intent_len;
};

struct slice examples_unmark(struct slice text, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len;) {
        const char *close = text.ptr[i] == '[' ? memchr(text.ptr + i, ']', text.len - i) : NULL;
        const char *behind = close != NULL ? close + 1 : NULL;
        const char *end = text.ptr + text.len;
        const char *mark = NULL;

        if (behind != NULL && behind < end && (*behind == '(' || *behind == '{'))
            mark = memchr(behind, *behind == '(' ? ')' : '}', (size_t)(end - behind));
        if (mark == NULL) {
            out[len++] = text.ptr[i++];
            continue;
        }
        memcpy(out + len, text.ptr + i + 1, (size_t)(close - (text.ptr + i + 1)));
        len += (size_t)(close - (text.ptr + i + 1));
        i = (size_t)(mark + 1 - text.ptr);
    }
    return slice_make(out, len);
}

enum err_code examples_put_marked(const struct examples_sink *sink, struct slice intent,
                                  struct slice text, uint32_t line, struct err *err)
{
    char bytes[2 * EXAMPLES_TEXT_BYTES_MAX];

    /* With marks a text may be longer than without, but not without end. */
    if (text.len > sizeof(bytes))
        return examples_put(sink, intent, text, line, err);
    return examples_put(sink, intent, examples_unmark(text, bytes), line, err);
}

static enum place top_place(const struct walk *walk)
{
    return walk->depth > 0 ? walk->stack[walk->depth - 1] : PLACE_OTHER;
}

static bool last_key_is(const struct walk *walk, const char *key)
{
    return walk->depth > 0 && walk->in_mapping[walk->depth - 1] &&
           strcmp(walk->key[walk->depth - 1], key) == 0;
}

/* What a mapping or list that begins here is. */
static enum place place_of(const struct walk *walk, bool mapping)
{
    if (walk->depth == 0)
        return mapping ? PLACE_TOP : PLACE_OTHER;
    switch (top_place(walk)) {
    case PLACE_TOP:
        return !mapping && last_key_is(walk, "nlu") ? PLACE_NLU : PLACE_OTHER;
    case PLACE_NLU:
        return mapping ? PLACE_ITEM : PLACE_OTHER;
    case PLACE_ITEM:
        return !mapping && last_key_is(walk, "examples") ? PLACE_EXAMPLES : PLACE_OTHER;
    case PLACE_EXAMPLES:
        return mapping ? PLACE_EXAMPLE : PLACE_OTHER;
    default:
        return PLACE_OTHER;
    }
}

/* "- one\n- two": each line is an example. */
static enum err_code examples_split(struct walk *walk, struct slice list, uint32_t line,
                                    struct err *err)
{
    struct slice intent = slice_make(walk->intent, walk->intent_len);
    struct slice text;

    for (; examples_line(&list, &text); line++) {
        enum err_code rc;

        text = slice_trim(text);
        if (text.len == 0)
            continue;
        if (text.ptr[0] == '-')
            text = slice_make(text.ptr + 1, text.len - 1);
        rc = examples_put_marked(walk->sink, intent, text, line, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code scalar(struct walk *walk, struct slice value, uint32_t line, bool block,
                            struct err *err)
{
    unsigned top = walk->depth - 1;

    if (walk->depth == 0)
        return ERR_OK;
    if (walk->in_mapping[top] && walk->key_next[top]) {
        size_t len = value.len < sizeof(walk->key[top]) - 1 ? value.len : 0;

        memcpy(walk->key[top], value.ptr, len);
        walk->key[top][len] = '\0';
        walk->key_next[top] = false;
        return ERR_OK;
    }
    walk->key_next[top] = true;
    if (top_place(walk) == PLACE_ITEM && last_key_is(walk, "intent")) {
        if (value.len > EXAMPLES_NAME_BYTES_MAX)
            return err_set(err, ERR_TOO_BIG, "line %u: intent of %zu bytes, limit %d", line,
                           value.len, EXAMPLES_NAME_BYTES_MAX);
        memcpy(walk->intent, value.ptr, value.len);
        walk->intent_len = value.len;
    } else if (top_place(walk) == PLACE_ITEM && last_key_is(walk, "examples")) {
        if (walk->intent_len > 0)
            return examples_split(walk, value, line + (block ? 1 : 0), err);
    } else if (top_place(walk) == PLACE_EXAMPLES ||
               (top_place(walk) == PLACE_EXAMPLE && last_key_is(walk, "text"))) {
        if (walk->intent_len > 0)
            return examples_split(walk, value, line + (block ? 1 : 0), err);
    }
    return ERR_OK;
}

static enum err_code descend(struct walk *walk, bool mapping, uint32_t line, struct err *err)
{
    enum place place = place_of(walk, mapping);

    if (walk->depth == DEPTH_MAX)
        return err_set(err, ERR_INVALID, "line %u: nested deeper than %d", line, DEPTH_MAX);
    if (walk->depth > 0)
        walk->key_next[walk->depth - 1] = true;
    if (place == PLACE_ITEM)
        walk->intent_len = 0;
    walk->stack[walk->depth] = place;
    walk->in_mapping[walk->depth] = mapping;
    walk->key_next[walk->depth] = true;
    walk->key[walk->depth][0] = '\0';
    walk->depth++;
    return ERR_OK;
}

static enum err_code event_take(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;

    switch (event->type) {
    case YAML_MAPPING_START_EVENT:
        return descend(walk, true, line, err);
    case YAML_SEQUENCE_START_EVENT:
        return descend(walk, false, line, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        walk->depth--;
        return ERR_OK;
    case YAML_SCALAR_EVENT:
        return scalar(walk, slice_make(event->data.scalar.value, event->data.scalar.length), line,
                      event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                          event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE,
                      err);
    case YAML_ALIAS_EVENT:
        return err_set(err, ERR_UNSUPPORTED, "line %u: aliases are not read", line);
    default:
        return ERR_OK;
    }
}

enum err_code examples_read_rasa_yaml(struct slice file, const struct examples_sink *sink,
                                      struct err *err)
{
    struct walk walk = { .sink = sink };
    enum err_code rc = ERR_OK;
    yaml_parser_t parser;
    bool done = false;

    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_TOO_BIG, "no memory for the YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)file.ptr, file.len);
    while (rc == ERR_OK && !done) {
        yaml_event_t event;

        if (!yaml_parser_parse(&parser, &event)) {
            rc = err_set(err, ERR_INVALID, "line %zu: %s", parser.problem_mark.line + 1,
                         parser.problem != NULL ? parser.problem : "not YAML");
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        rc = event_take(&walk, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}
