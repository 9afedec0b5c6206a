/* SPDX-License-Identifier: Apache-2.0 */
/* The schema as Markdown tables: the generated part of docs/reference/flows.md. */
#include "flow.h"
#include "flow_schema.h"

static const char *type_words(const struct flow_key *key)
{
    switch (key->type) {
    case FLOW_KEY_TEXT:
        return "text";
    case FLOW_KEY_NAME:
        return "name";
    case FLOW_KEY_INT:
        return "whole number";
    case FLOW_KEY_NUMBER:
        return "number";
    case FLOW_KEY_BOOL:
        return "true or false";
    case FLOW_KEY_DURATION:
        return "duration";
    case FLOW_KEY_EXPR:
        return "expression";
    case FLOW_KEY_NAMES:
        return "list of names";
    case FLOW_KEY_TEXTS:
        return "list of texts";
    case FLOW_KEY_SHAPE:
        return "map";
    case FLOW_KEY_MAP:
        return "names to maps";
    case FLOW_KEY_LIST:
        return "list of maps";
    case FLOW_KEY_TEXT_MAP:
        return "names to expressions";
    case FLOW_KEY_NAME_MAP:
        return "names to names";
    case FLOW_KEY_INT_MAP:
        return "names to whole numbers";
    case FLOW_KEY_NAMES_OR_TEXTS_MAP:
        return "list of names, or names to lists of words";
    case FLOW_KEY_NAMES_OR_NAME_MAP:
        return "list of slots, or names to slots or expressions";
    case FLOW_KEY_NAME_OR_NAMES:
        return "name, or list of names";
    case FLOW_KEY_NAME_OR_MAP:
        return "slot, or slots to fields";
    case FLOW_KEY_NAME_OR_SHAPE:
        return "name, or map";
    case FLOW_KEY_ROWS:
        return "outcomes to states, rows or lists of rows";
    case FLOW_KEY_TEXTS_OR_MAP:
        return "list of texts, or locales to lists";
    case FLOW_KEY_VERSION_MAP:
        return "versions to maps of states";
    }
    return "";
}

static void write_key(const struct flow_key *key, struct buf *out)
{
    buf_printf(out, "| `%s`%s | %s", key->name, key->required ? " (required)" : "",
               type_words(key));
    if (key->ref != NULL)
        buf_printf(out, ": [%s](#%s)", key->ref, key->ref);
    buf_printf(out, " | %s", key->help);
    if (key->words != NULL)
        buf_printf(out, ": `%s`", key->words);
    buf_add_text(out, " |\n");
}

void flow_schema_markdown(struct buf *out)
{
    const struct flow_shape *shape;

    for (size_t i = 0; (shape = flow_shape_at(i)) != NULL; i++) {
        buf_printf(out, "### %s\n\n%s.\n\n", shape->name, shape->help);
        if (shape->keys[0].name == NULL)
            continue; /* any names: said in words */
        buf_add_text(out, "| Key | What stands there | Meaning |\n|---|---|---|\n");
        for (size_t k = 0; k < shape->count; k++)
            write_key(&shape->keys[k], out);
        buf_add_char(out, '\n');
    }
}
