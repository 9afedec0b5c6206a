/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "examples_priv.h"
#include "json.h"
#include "mem.h"

static size_t char_bytes(char first)
{
    unsigned char c = (unsigned char)first;

    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* Whether YAML has a place for the character (YAML 1.1, 5.1): not for control characters, the byte
 * order mark, U+FFFE and U+FFFF. */
static bool printable(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;

    if (c[0] == 0xC2)
        return c[1] >= 0xA0;
    if (c[0] == 0xEF)
        return !(c[1] == 0xBB && c[2] == 0xBF) && !(c[1] == 0xBF && c[2] >= 0xBE);
    return c[0] >= 0x20 && c[0] != 0x7F;
}

/* Formats of lines cannot hold line breaks, nor tabs where these separate. The text is valid UTF-8.
 */
static void add_line(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i += char_bytes(text.ptr[i])) {
        char c = text.ptr[i];

        if (c == '\n' || c == '\r' || c == '\t')
            buf_add_char(out, ' ');
        else if (printable(text.ptr + i))
            buf_add(out, text.ptr + i, char_bytes(c));
        else
            buf_add_char(out, '?'); /* a blank could leave nothing of a text */
    }
}

static void add_quoted(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.ptr[i] == '\n' || text.ptr[i] == '\r' ? ' ' : text.ptr[i]);
    }
    buf_add_char(out, '"');
}

static void write_tsv(const struct example_set *set, struct buf *out)
{
    buf_add_text(out, "intent\ttext\n");
    for (size_t i = 0; i < set->count; i++) {
        add_line(out, set->names[set->items[i].intent]);
        buf_add_char(out, '\t');
        add_line(out, set->items[i].text);
        buf_add_char(out, '\n');
    }
}

static void write_csv(const struct example_set *set, struct buf *out)
{
    buf_add_text(out, "\xEF\xBB\xBFtext,intent\r\n");
    for (size_t i = 0; i < set->count; i++) {
        add_quoted(out, set->items[i].text);
        buf_add_char(out, ',');
        add_quoted(out, set->names[set->items[i].intent]);
        buf_add_text(out, "\r\n");
    }
}

static void add_object(const struct example_set *set, size_t at, struct json_writer *json)
{
    json_object_begin(json);
    json_key(json, "text");
    json_text(json, set->items[at].text);
    json_key(json, "intent");
    json_text(json, set->names[set->items[at].intent]);
    json_object_end(json);
}

static void write_jsonl(const struct example_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        struct json_writer json;

        json_writer_init(&json, out);
        add_object(set, i, &json);
        buf_add_char(out, '\n');
    }
}

static void write_rasa_json(const struct example_set *set, struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "rasa_nlu_data");
    json_object_begin(&json);
    json_key(&json, "common_examples");
    json_array_begin(&json);
    for (size_t i = 0; i < set->count; i++)
        add_object(set, i, &json);
    json_array_end(&json);
    json_object_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

/* order[i]: the examples by intent, in their old order within each. */
static size_t *by_intent(const struct example_set *set, size_t *starts)
{
    size_t *order = mem_alloc((set->count + 1) * sizeof(*order));
    size_t *next = mem_alloc((set->name_count + 1) * sizeof(*next));

    memset(starts, 0, (set->name_count + 1) * sizeof(*starts));
    for (size_t i = 0; i < set->count; i++)
        starts[set->items[i].intent + 1]++;
    for (size_t i = 0; i < set->name_count; i++)
        starts[i + 1] += starts[i];
    memcpy(next, starts, (set->name_count + 1) * sizeof(*next));
    for (size_t i = 0; i < set->count; i++)
        order[next[set->items[i].intent]++] = i;
    free(next);
    return order;
}

/* Each intent with all its examples; names are quoted as JSON, which is YAML. */
static void write_rasa_yaml(const struct example_set *set, struct buf *out)
{
    size_t *starts = mem_alloc((set->name_count + 1) * sizeof(*starts));
    size_t *order = by_intent(set, starts);
    struct buf name;

    buf_init(&name, EXAMPLES_NAME_BYTES_MAX);
    buf_add_text(out, "version: \"3.1\"\nnlu:\n");
    for (size_t intent = 0; intent < set->name_count; intent++) {
        buf_add_text(out, "- intent: ");
        buf_clear(&name);
        add_line(&name, set->names[intent]);
        json_add_text(out, buf_slice(&name));
        buf_add_text(out, "\n  examples: |\n");
        for (size_t i = starts[intent]; i < starts[intent + 1]; i++) {
            buf_add_text(out, "    - ");
            add_line(out, set->items[order[i]].text);
            buf_add_char(out, '\n');
        }
    }
    buf_fini(&name);
    free(order);
    free(starts);
}

/* The lines of one cell are the questions of one intent. */
static void add_questions(const struct example_set *set, const size_t *order, size_t count,
                          struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < count; i++) {
        struct slice text = set->items[order[i]].text;

        if (i > 0)
            buf_add_char(out, '\n');
        for (size_t c = 0; c < text.len; c++) {
            if (text.ptr[c] == '"')
                buf_add_char(out, '"');
            buf_add_char(out, text.ptr[c] == '\n' || text.ptr[c] == '\r' ? ' ' : text.ptr[c]);
        }
    }
    buf_add_char(out, '"');
}

static void write_tiledesk(const struct example_set *set, struct buf *out)
{
    size_t *starts = mem_alloc((set->name_count + 1) * sizeof(*starts));
    size_t *order = by_intent(set, starts);

    buf_add_text(out, "\xEF\xBB\xBFquestion;answer;intent_id;intent_display_name\r\n");
    for (size_t intent = 0; intent < set->name_count; intent++) {
        add_questions(set, order + starts[intent], starts[intent + 1] - starts[intent], out);
        buf_add_text(out, ";;;");
        add_quoted(out, set->names[intent]);
        buf_add_text(out, "\r\n");
    }
    free(order);
    free(starts);
}

void examples_write(const struct example_set *set, enum examples_format format, struct buf *out)
{
    static void (*const writers[EXAMPLES_FORMATS])(const struct example_set *, struct buf *) = {
        [EXAMPLES_TSV] = write_tsv,
        [EXAMPLES_CSV] = write_csv,
        [EXAMPLES_JSONL] = write_jsonl,
        [EXAMPLES_RASA_YAML] = write_rasa_yaml,
        [EXAMPLES_RASA_JSON] = write_rasa_json,
        [EXAMPLES_TILEDESK] = write_tiledesk,
    };

    writers[format](set, out);
}
