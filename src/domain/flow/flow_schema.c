/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_schema.h"

#include <string.h>

#include "expr.h"
#include "json.h"

#define SLOT_TYPES                                                                                \
    "text number amount bool enum date phone id_card order_no email address url file files list " \
    "json"

static const struct flow_key flow_keys[] = {
    { "flow", FLOW_KEY_NAME, NULL, true, NULL, "name of the flow" },
    { "version", FLOW_KEY_INT, NULL, true, NULL, "goes up with every published change" },
    { "title", FLOW_KEY_TEXT, NULL, false, NULL, "what lists show" },
    { "locales", FLOW_KEY_NAMES, NULL, true, NULL, "languages of its texts, the default first" },
    { "channels", FLOW_KEY_NAMES, NULL, false, "web wechat whatsapp email sms api",
      "where it runs" },
    { "start", FLOW_KEY_SHAPE, "start", false, NULL, "what begins it; none: only called" },
    { "limits", FLOW_KEY_SHAPE, "limits", false, NULL, "bounds of one run" },
    { "in", FLOW_KEY_NAMES, NULL, false, NULL, "slots that a caller fills" },
    { "out", FLOW_KEY_NAMES, NULL, false, NULL, "slots that a caller may read" },
    { "exits", FLOW_KEY_NAMES, NULL, false, NULL, "names of its ends, for callers" },
    { "slots", FLOW_KEY_MAP, "slot", false, NULL, "what it learns" },
    { "actions", FLOW_KEY_MAP, "action", false, NULL, "what it asks of other systems" },
    { "global", FLOW_KEY_LIST, "global", false, NULL, "rows tried after a state's own" },
    { "states", FLOW_KEY_MAP, "state", true, NULL, "the first one is the entry" },
    { "texts", FLOW_KEY_MAP, "text", false, NULL, "what is said, by key and locale" },
    { "migrate", FLOW_KEY_VERSION_MAP, NULL, false, NULL,
      "old version: {old state: new state} for runs under way" },
};
static const struct flow_key start_keys[] = {
    { "intents", FLOW_KEY_NAMES, NULL, false, NULL, "intents that begin it" },
    { "phrases", FLOW_KEY_TEXTS_OR_MAP, NULL, false, NULL, "sentences that begin it" },
    { "min_confidence", FLOW_KEY_NUMBER, NULL, false, NULL, "of the intent, 0 to 1" },
};
static const struct flow_key limits_keys[] = {
    { "turns", FLOW_KEY_INT, NULL, false, NULL, "messages of the visitor, then event stuck" },
    { "idle", FLOW_KEY_DURATION, NULL, false, NULL, "silence at an ask, then event timeout" },
    { "visits", FLOW_KEY_INT, NULL, false, NULL, "of one ask or wait, then event stuck" },
};
static const struct flow_key slot_keys[] = {
    { "type", FLOW_KEY_NAME, NULL, true, SLOT_TYPES, "what it holds" },
    { "values", FLOW_KEY_NAMES_OR_TEXTS_MAP, NULL, false, NULL,
      "of an enum: names, or names with words that mean them" },
    { "pattern", FLOW_KEY_TEXT, NULL, false, NULL, "regular expression for the whole value" },
    { "of", FLOW_KEY_TEXT, NULL, false, NULL, "of a list: the path of its possible items" },
    { "min", FLOW_KEY_INT, NULL, false, NULL, "smallest number, least characters or items" },
    { "max", FLOW_KEY_INT, NULL, false, NULL, "largest number, most characters or items" },
    { "accept", FLOW_KEY_TEXT, NULL, false, NULL, "of files: kinds, such as image/*" },
    { "optional", FLOW_KEY_BOOL, NULL, false, NULL, "the visitor may skip it" },
    { "pii", FLOW_KEY_BOOL, NULL, false, NULL, "personal: only to actions with the pii right" },
    { "fill", FLOW_KEY_NAMES, NULL, false, NULL, "user, nlu, action, entity.NAME" },
    { "keep", FLOW_KEY_NAME, NULL, false, "turn flow session contact", "how long it lives" },
};
static const struct flow_key action_keys[] = {
    { "in", FLOW_KEY_NAMES_OR_NAME_MAP, NULL, false, NULL, "slots, or names to expressions" },
    { "out", FLOW_KEY_NAME_OR_MAP, NULL, false, NULL,
      "slot of the answer, or slots to its fields" },
    { "timeout", FLOW_KEY_DURATION, NULL, false, NULL, "of one attempt" },
    { "retry", FLOW_KEY_INT, NULL, false, NULL, "further attempts after a failure" },
    { "errors", FLOW_KEY_NAMES, NULL, false, NULL, "answers that need a row of their own" },
    { "side_effect", FLOW_KEY_BOOL, NULL, false, NULL, "it changes something elsewhere" },
    { "idempotency", FLOW_KEY_NAME_OR_NAMES, NULL, false, NULL,
      "call, or the slots that make two calls the same" },
    { "rights", FLOW_KEY_NAMES, NULL, false, "pii", "what it may be sent" },
};
static const struct flow_key global_keys[] = {
    { "event", FLOW_KEY_NAME, NULL, true, NULL, "what happened" },
    { "if", FLOW_KEY_EXPR, NULL, false, NULL, "only when this holds" },
    { "do", FLOW_KEY_NAME, NULL, false, "kb.answer", "kb.answer: the ladder's answer" },
    { "say", FLOW_KEY_NAME, NULL, false, NULL, "text key" },
    { "to", FLOW_KEY_NAME, NULL, true, NULL, "a state, .same or .refill" },
};
static const struct flow_key row_keys[] = {
    { "to", FLOW_KEY_NAME, NULL, true, NULL, "a state, .same or .refill" },
    { "if", FLOW_KEY_EXPR, NULL, false, NULL, "only when this holds" },
    { "say", FLOW_KEY_NAME, NULL, false, NULL, "text key" },
    { "set", FLOW_KEY_TEXT_MAP, NULL, false, NULL, "slots to expressions" },
};
static const struct flow_key choose_keys[] = {
    { "if", FLOW_KEY_EXPR, NULL, false, NULL, "the guard" },
    { "to", FLOW_KEY_NAME, NULL, false, NULL, "where it leads" },
    { "else", FLOW_KEY_NAME, NULL, false, NULL, "where the last row leads" },
};
static const struct flow_key handoff_keys[] = {
    { "queue", FLOW_KEY_NAME, NULL, false, NULL, "queue of the desk" },
    { "skills", FLOW_KEY_INT_MAP, NULL, false, NULL, "skills and their least level" },
    { "priority", FLOW_KEY_EXPR, NULL, false, NULL, "0 to 9" },
    { "carry", FLOW_KEY_NAMES, NULL, false, NULL, "slots that the agent sees" },
};
static const struct flow_key state_keys[] = {
    { "ask", FLOW_KEY_NAME, NULL, false, NULL, "kind: fill this slot" },
    { "do", FLOW_KEY_NAME, NULL, false, NULL, "kind: this action" },
    { "choose", FLOW_KEY_LIST, "choose", false, NULL, "kind: the first guard that holds" },
    { "call", FLOW_KEY_NAME, NULL, false, NULL, "kind: run this flow" },
    { "wait", FLOW_KEY_DURATION, NULL, false, NULL, "kind: this long, or for an event" },
    { "handoff", FLOW_KEY_NAME_OR_SHAPE, "handoff", false, NULL, "kind: to a person" },
    { "end", FLOW_KEY_NAME, NULL, false, NULL, "kind: over, with this outcome" },
    { "say", FLOW_KEY_NAME, NULL, false, NULL, "kind when alone; else what is said first" },
    { "ui", FLOW_KEY_TEXT, NULL, false, NULL,
      "buttons, line_picker, upload, date, card, recent_orders(N)" },
    { "retries", FLOW_KEY_INT, NULL, false, NULL, "wrong answers before exhausted" },
    { "timeout", FLOW_KEY_DURATION, NULL, false, NULL, "instead of limits.idle" },
    { "progress", FLOW_KEY_NAME, NULL, false, NULL, "text that says how far we are" },
    { "in", FLOW_KEY_TEXT_MAP, NULL, false, NULL, "of a call: its slots to expressions" },
    { "out", FLOW_KEY_NAME_MAP, NULL, false, NULL, "of a call: our slots to its slots" },
    { "csat", FLOW_KEY_BOOL, NULL, false, NULL, "of an end: ask for a rating" },
    { "to", FLOW_KEY_NAME, NULL, false, NULL, "of a say: what comes next" },
    { "when", FLOW_KEY_ROWS, "row", false, NULL, "outcomes and where they lead" },
};
static const struct flow_key text_keys[] = { { NULL, FLOW_KEY_TEXT, NULL, false, NULL, NULL } };

#define SHAPE(name, keys, help)           \
    {                                     \
        name, keys, LENGTH_OF(keys), help \
    }
static const struct flow_shape shapes[] = {
    SHAPE("flow", flow_keys, "one dialogue flow"),
    SHAPE("start", start_keys, "what begins a flow"),
    SHAPE("limits", limits_keys, "bounds of one run"),
    SHAPE("slot", slot_keys, "one thing that a flow learns"),
    SHAPE("action", action_keys, "one thing that a flow asks of another system"),
    SHAPE("global", global_keys, "a row for every state"),
    SHAPE("row", row_keys, "where an outcome leads"),
    SHAPE("choose", choose_keys, "a guarded row"),
    SHAPE("handoff", handoff_keys, "to a person"),
    SHAPE("state", state_keys, "one state: exactly one of the kinds"),
    SHAPE("text", text_keys, "one text: locale, or locale@channel, to text"),
};

const struct flow_shape *flow_shape_find(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(shapes); i++) {
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    }
    return NULL;
}

const struct flow_shape *flow_shape_at(size_t index)
{
    return index < LENGTH_OF(shapes) ? &shapes[index] : NULL;
}

bool flow_name_valid(struct slice name)
{
    if (name.len == 0 || name.len > EXPR_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool word = c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                    (c >= 'A' && c <= 'Z');
        /* One dot may lead: .same and .refill. */
        bool dot = c == '.' && i + 1 < name.len && (i == 0 || name.ptr[i - 1] != '.');
        if (!word && !dot && c != '@')
            return false;
    }
    return true;
}

/* ---- checking ---- */
static void check_shape(const struct flow_shape *shape, const struct flow_node *node,
                        struct flow_report *report);

static void fault(struct flow_report *report, const struct flow_node *node, const char *what)
{
    if (node->key.len > 0)
        flow_report_add(report, "E0", node->line, node->column, "%.*s: %s", (int)node->key.len,
                        node->key.ptr, what);
    else
        flow_report_add(report, "E0", node->line, node->column, "%s", what);
}

static void check_text(const struct flow_node *node, struct flow_report *report)
{
    if (node->kind != FLOW_NODE_SCALAR)
        fault(report, node, "a text belongs here");
    else if (node->text.len == 0)
        fault(report, node, "a text is missing here");
}

static bool word_allowed(const char *words, struct slice name)
{
    for (const char *at = words; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, " ");
        if (slice_equal(name, slice_make(at, len)))
            return true;
        at += len + (at[len] == ' ');
    }
    return words == NULL;
}

static void suggest_word(const char *words, struct slice name, struct slice *best)
{
    unsigned best_distance = 3;

    for (const char *at = words; *at != '\0';) {
        struct slice word = slice_make(at, strcspn(at, " "));
        unsigned distance = expr_distance(name, word, 2);
        if (distance < best_distance) {
            best_distance = distance;
            *best = word;
        }
        at += word.len + (at[word.len] == ' ');
    }
}

static void check_name(const struct flow_key *key, const struct flow_node *node,
                       struct flow_report *report)
{
    struct slice best = slice_of("");

    if (node->kind != FLOW_NODE_SCALAR || !flow_name_valid(node->text)) {
        fault(report, node, "a name belongs here: letters, digits, _ and -, dots between");
        return;
    }
    if (word_allowed(key->words, node->text))
        return;
    suggest_word(key->words, node->text, &best);
    if (best.len > 0)
        flow_report_add(report, "E0", node->line, node->column,
                        "%s: no %.*s there (did you mean %.*s?)", key->name, (int)node->text.len,
                        node->text.ptr, (int)best.len, best.ptr);
    else
        flow_report_add(report, "E0", node->line, node->column, "%s: one of %s", key->name,
                        key->words);
}

static void check_scalar(const struct flow_key *key, const struct flow_node *node,
                         struct flow_report *report)
{
    int64_t whole;
    bool truth;

    switch (key->type) {
    case FLOW_KEY_NAME:
        check_name(key, node, report);
        break;
    case FLOW_KEY_INT:
        if (!flow_node_int(node, &whole))
            fault(report, node, "a whole number belongs here");
        break;
    case FLOW_KEY_NUMBER:
        if (node->kind != FLOW_NODE_SCALAR || node->quoted ||
            !expr_number_parse(node->text, &whole))
            fault(report, node, "a number belongs here");
        break;
    case FLOW_KEY_BOOL:
        if (!flow_node_bool(node, &truth))
            fault(report, node, "true or false belongs here (yes, no, on and off are not)");
        break;
    case FLOW_KEY_DURATION:
        if (!flow_node_duration(node, &whole))
            fault(report, node, "a duration belongs here, such as 30s, 15m, 48h or 7d");
        break;
    default:
        check_text(node, report);
        break;
    }
}

static bool is_kind(const struct flow_node *node, enum flow_node_kind kind,
                    struct flow_report *report, const char *what)
{
    if (node->kind == kind)
        return true;
    fault(report, node, what);
    return false;
}

/* Every child by the rules of one scalar type. */
static void check_children(const struct flow_key *key, enum flow_key_type type,
                           const struct flow_node *node, struct flow_report *report)
{
    struct flow_key item = *key;

    item.type = type;
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        if (node->kind == FLOW_NODE_MAP && !flow_name_valid(child->key))
            flow_report_add(report, "E0", child->key_line, child->key_column,
                            "a name belongs here: letters, digits, _ and -, dots between");
        if (node->kind == FLOW_NODE_MAP)
            item.words = NULL;
        check_scalar(&item, child, report);
    }
}

static void check_map(const struct flow_key *key, const struct flow_node *node,
                      struct flow_report *report)
{
    if (!is_kind(node, FLOW_NODE_MAP, report, "a map {name: …} belongs here"))
        return;
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        if (!flow_name_valid(child->key))
            flow_report_add(report, "E0", child->key_line, child->key_column,
                            "a name belongs here: letters, digits, _ and -, dots between");
        check_shape(flow_shape_find(key->ref), child, report);
    }
}

static void check_rows(const struct flow_key *key, const struct flow_node *node,
                       struct flow_report *report)
{
    const struct flow_shape *row = flow_shape_find(key->ref);

    if (!is_kind(node, FLOW_NODE_MAP, report, "outcomes {outcome: state} belong here"))
        return;
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        if (child->kind == FLOW_NODE_SCALAR)
            check_scalar(&row->keys[0], child, report);
        else if (child->kind == FLOW_NODE_MAP)
            check_shape(row, child, report);
        for (const struct flow_node *item = child->first;
             child->kind == FLOW_NODE_LIST && item != NULL; item = item->next)
            check_shape(row, item, report);
    }
}

/* Maps of lists of texts, and maps of maps of names. */
static void check_nested(const struct flow_key *key, const struct flow_node *node,
                         enum flow_node_kind inner, enum flow_key_type type,
                         struct flow_report *report)
{
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        if (is_kind(child, inner, report,
                    inner == FLOW_NODE_LIST ? "a list [ … ] belongs here"
                                            : "a map {old: new} belongs here"))
            check_children(key, type, child, report);
    }
}

static void check_list_of_shapes(const struct flow_key *key, const struct flow_node *node,
                                 struct flow_report *report)
{
    if (!is_kind(node, FLOW_NODE_LIST, report, "a list [ … ] belongs here"))
        return;
    for (const struct flow_node *child = node->first; child != NULL; child = child->next)
        check_shape(flow_shape_find(key->ref), child, report);
}

static void check_value(const struct flow_key *key, const struct flow_node *node,
                        struct flow_report *report)
{
    switch (key->type) {
    case FLOW_KEY_SHAPE:
        check_shape(flow_shape_find(key->ref), node, report);
        return;
    case FLOW_KEY_NAME_OR_SHAPE:
        if (node->kind == FLOW_NODE_SCALAR)
            check_name(key, node, report);
        else
            check_shape(flow_shape_find(key->ref), node, report);
        return;
    case FLOW_KEY_MAP:
        check_map(key, node, report);
        return;
    case FLOW_KEY_ROWS:
        check_rows(key, node, report);
        return;
    case FLOW_KEY_LIST:
        check_list_of_shapes(key, node, report);
        return;
    case FLOW_KEY_NAMES:
    case FLOW_KEY_TEXTS:
        if (is_kind(node, FLOW_NODE_LIST, report, "a list [a, b] belongs here"))
            check_children(key, key->type == FLOW_KEY_NAMES ? FLOW_KEY_NAME : FLOW_KEY_TEXT, node,
                           report);
        return;
    case FLOW_KEY_TEXT_MAP:
    case FLOW_KEY_NAME_MAP:
    case FLOW_KEY_INT_MAP:
        if (is_kind(node, FLOW_NODE_MAP, report, "a map {name: …} belongs here"))
            check_children(key,
                           key->type == FLOW_KEY_TEXT_MAP   ? FLOW_KEY_TEXT
                           : key->type == FLOW_KEY_NAME_MAP ? FLOW_KEY_NAME
                                                            : FLOW_KEY_INT,
                           node, report);
        return;
    case FLOW_KEY_NAMES_OR_TEXTS_MAP:
    case FLOW_KEY_TEXTS_OR_MAP:
        if (node->kind == FLOW_NODE_MAP)
            check_nested(key, node, FLOW_NODE_LIST, FLOW_KEY_TEXT, report);
        else if (is_kind(node, FLOW_NODE_LIST, report, "a list or a map belongs here"))
            check_children(key, key->type == FLOW_KEY_TEXTS_OR_MAP ? FLOW_KEY_TEXT : FLOW_KEY_NAME,
                           node, report);
        return;
    case FLOW_KEY_VERSION_MAP:
        if (is_kind(node, FLOW_NODE_MAP, report, "a map {old version: {…}} belongs here"))
            check_nested(key, node, FLOW_NODE_MAP, FLOW_KEY_NAME, report);
        return;
    case FLOW_KEY_NAMES_OR_NAME_MAP:
    case FLOW_KEY_NAME_OR_NAMES:
    case FLOW_KEY_NAME_OR_MAP:
        if (node->kind == FLOW_NODE_SCALAR)
            check_name(key, node, report);
        else
            check_children(key,
                           node->kind == FLOW_NODE_MAP && key->type == FLOW_KEY_NAMES_OR_NAME_MAP
                               ? FLOW_KEY_TEXT
                               : FLOW_KEY_NAME,
                           node, report);
        return;
    default:
        check_scalar(key, node, report);
        return;
    }
}

const char *flow_keyword_for(struct slice key)
{
    static const char *const words[][2] = { { "on", "when" },
                                            { "yes", "accept" },
                                            { "no", "deny" },
                                            { "if", "choose" },
                                            { "goto", "to" } };

    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (slice_equal_ignore_case(key, slice_of(words[i][0])))
            return words[i][1];
    }
    return NULL;
}

/* NULL: nothing is near enough to be meant; of short keys only one letter may differ. */
static const char *key_near(const struct flow_shape *shape, struct slice key)
{
    const char *meant = flow_keyword_for(key);
    unsigned best_distance = key.len < 4 ? 2 : 4;
    const char *best = NULL;

    for (size_t i = 0; i < shape->count; i++) {
        unsigned distance = expr_distance(key, slice_of(shape->keys[i].name), 3);

        if (meant != NULL && strcmp(shape->keys[i].name, meant) == 0)
            return meant;
        if (distance < best_distance) {
            best_distance = distance;
            best = shape->keys[i].name;
        }
    }
    return best;
}

static void report_unknown(const struct flow_shape *shape, const struct flow_node *child,
                           struct flow_report *report)
{
    const char *best = key_near(shape, child->key);

    if (best != NULL)
        flow_report_add(report, "E0", child->key_line, child->key_column,
                        "no key %.*s here (did you mean %s?)", (int)child->key.len, child->key.ptr,
                        best);
    else
        flow_report_add(report, "E0", child->key_line, child->key_column, "no key %.*s here",
                        (int)child->key.len, child->key.ptr);
}

static void check_shape(const struct flow_shape *shape, const struct flow_node *node,
                        struct flow_report *report)
{
    if (node->kind != FLOW_NODE_MAP) {
        fault(report, node, "a map {…} belongs here");
        return;
    }
    if (shape->keys[0].name == NULL) { /* any names, all of the one type */
        check_children(&shape->keys[0], shape->keys[0].type, node, report);
        return;
    }
    for (const struct flow_node *child = node->first; child != NULL; child = child->next) {
        const struct flow_key *key = NULL;

        for (size_t i = 0; i < shape->count && key == NULL; i++) {
            if (slice_equal_text(child->key, shape->keys[i].name))
                key = &shape->keys[i];
        }
        if (key != NULL)
            check_value(key, child, report);
        else
            report_unknown(shape, child, report);
    }
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->keys[i].required && flow_node_get(node, shape->keys[i].name) == NULL)
            flow_report_add(report, "E0", node->line, node->column, "key %s is missing",
                            shape->keys[i].name);
    }
}

void flow_schema_check(const struct flow_node *root, struct flow_report *report)
{
    check_shape(&shapes[0], root, report);
}

/* ---- JSON Schema ---- */
static void write_ref(struct json_writer *json, const char *shape)
{
    char ref[64] = "#/$defs/";

    strncat(ref, shape, sizeof(ref) - strlen(ref) - 1);
    json_key(json, "$ref");
    json_text(json, slice_of(ref));
}

static void write_type(struct json_writer *json, const char *type)
{
    json_key(json, "type");
    json_text(json, slice_of(type));
}

static void write_words(struct json_writer *json, const char *words)
{
    json_key(json, "enum");
    json_array_begin(json);
    for (const char *at = words; *at != '\0';) {
        size_t len = strcspn(at, " ");
        json_text(json, slice_make(at, len));
        at += len + (at[len] == ' ');
    }
    json_array_end(json);
}

static void write_scalar(struct json_writer *json, enum flow_key_type type, const char *words)
{
    switch (type) {
    case FLOW_KEY_INT:
        write_type(json, "integer");
        break;
    case FLOW_KEY_NUMBER:
        write_type(json, "number");
        break;
    case FLOW_KEY_BOOL:
        write_type(json, "boolean");
        break;
    case FLOW_KEY_DURATION:
        write_type(json, "string");
        json_key(json, "pattern");
        json_text(json, slice_of("^[0-9]+(ms|s|m|h|d)$"));
        break;
    default:
        write_type(json, "string");
        if (words != NULL)
            write_words(json, words);
        break;
    }
}

static void write_array(struct json_writer *json, enum flow_key_type item, const char *ref,
                        const char *words)
{
    write_type(json, "array");
    json_key(json, "items");
    json_object_begin(json);
    if (ref != NULL)
        write_ref(json, ref);
    else
        write_scalar(json, item, words);
    json_object_end(json);
}

static void write_map(struct json_writer *json, enum flow_key_type item, const char *ref)
{
    write_type(json, "object");
    json_key(json, "additionalProperties");
    json_object_begin(json);
    if (ref != NULL)
        write_ref(json, ref);
    else
        write_scalar(json, item, NULL);
    json_object_end(json);
}

static void write_map_of_arrays(struct json_writer *json)
{
    write_type(json, "object");
    json_key(json, "additionalProperties");
    json_object_begin(json);
    write_array(json, FLOW_KEY_TEXT, NULL, NULL);
    json_object_end(json);
}

/* Values that may have two or three forms. */
static void write_forms(struct json_writer *json, const struct flow_key *key)
{
    bool name = key->type == FLOW_KEY_NAME_OR_NAMES || key->type == FLOW_KEY_NAME_OR_MAP ||
                key->type == FLOW_KEY_NAME_OR_SHAPE;
    bool list = key->type == FLOW_KEY_NAME_OR_NAMES || key->type == FLOW_KEY_NAMES_OR_TEXTS_MAP ||
                key->type == FLOW_KEY_NAMES_OR_NAME_MAP || key->type == FLOW_KEY_TEXTS_OR_MAP;

    json_key(json, "anyOf");
    json_array_begin(json);
    if (name) {
        json_object_begin(json);
        write_type(json, "string");
        json_object_end(json);
    }
    if (list) {
        json_object_begin(json);
        write_array(json, FLOW_KEY_TEXT, NULL, NULL);
        json_object_end(json);
    }
    if (key->type != FLOW_KEY_NAME_OR_NAMES) {
        json_object_begin(json);
        if (key->type == FLOW_KEY_NAME_OR_SHAPE)
            write_ref(json, key->ref);
        else if (key->type == FLOW_KEY_NAMES_OR_TEXTS_MAP || key->type == FLOW_KEY_TEXTS_OR_MAP)
            write_map_of_arrays(json);
        else
            write_map(json, FLOW_KEY_TEXT, NULL);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_rows(struct json_writer *json, const char *ref)
{
    write_type(json, "object");
    json_key(json, "additionalProperties");
    json_object_begin(json);
    json_key(json, "anyOf");
    json_array_begin(json);
    json_object_begin(json);
    write_type(json, "string");
    json_object_end(json);
    json_object_begin(json);
    write_ref(json, ref);
    json_object_end(json);
    json_object_begin(json);
    write_array(json, FLOW_KEY_TEXT, ref, NULL);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
}

static void write_value(struct json_writer *json, const struct flow_key *key)
{
    switch (key->type) {
    case FLOW_KEY_SHAPE:
        write_ref(json, key->ref);
        break;
    case FLOW_KEY_MAP:
        write_map(json, FLOW_KEY_TEXT, key->ref);
        break;
    case FLOW_KEY_LIST:
        write_array(json, FLOW_KEY_TEXT, key->ref, NULL);
        break;
    case FLOW_KEY_NAMES:
    case FLOW_KEY_TEXTS:
        write_array(json, FLOW_KEY_TEXT, NULL, key->words);
        break;
    case FLOW_KEY_TEXT_MAP:
    case FLOW_KEY_NAME_MAP:
        write_map(json, FLOW_KEY_TEXT, NULL);
        break;
    case FLOW_KEY_INT_MAP:
        write_map(json, FLOW_KEY_INT, NULL);
        break;
    case FLOW_KEY_VERSION_MAP:
        write_type(json, "object");
        json_key(json, "additionalProperties");
        json_object_begin(json);
        write_map(json, FLOW_KEY_TEXT, NULL);
        json_object_end(json);
        break;
    case FLOW_KEY_ROWS:
        write_rows(json, key->ref);
        break;
    case FLOW_KEY_NAMES_OR_TEXTS_MAP:
    case FLOW_KEY_NAMES_OR_NAME_MAP:
    case FLOW_KEY_NAME_OR_NAMES:
    case FLOW_KEY_NAME_OR_MAP:
    case FLOW_KEY_NAME_OR_SHAPE:
    case FLOW_KEY_TEXTS_OR_MAP:
        write_forms(json, key);
        break;
    default:
        write_scalar(json, key->type, key->words);
        break;
    }
}

static void write_required(struct json_writer *json, const struct flow_shape *shape)
{
    json_key(json, "required");
    json_array_begin(json);
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->keys[i].required)
            json_text(json, slice_of(shape->keys[i].name));
    }
    json_array_end(json);
}

static void write_shape(struct json_writer *json, const struct flow_shape *shape)
{
    json_key(json, "description");
    json_text(json, slice_of(shape->help));
    if (shape->keys[0].name == NULL) {
        write_map(json, FLOW_KEY_TEXT, NULL);
        return;
    }
    write_type(json, "object");
    json_key(json, "additionalProperties");
    json_bool(json, false);
    write_required(json, shape);
    json_key(json, "properties");
    json_object_begin(json);
    for (size_t i = 0; i < shape->count; i++) {
        json_key(json, shape->keys[i].name);
        json_object_begin(json);
        json_key(json, "description");
        json_text(json, slice_of(shape->keys[i].help));
        write_value(json, &shape->keys[i]);
        json_object_end(json);
    }
    json_object_end(json);
}

void flow_schema_write(struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "$schema");
    json_text(&json, slice_of("https://json-schema.org/draft/2020-12/schema"));
    json_key(&json, "title");
    json_text(&json, slice_of("Kefu flow"));
    write_shape(&json, &shapes[0]);
    json_key(&json, "$defs");
    json_object_begin(&json);
    for (size_t i = 1; i < LENGTH_OF(shapes); i++) {
        json_key(&json, shapes[i].name);
        json_object_begin(&json);
        write_shape(&json, &shapes[i]);
        json_object_end(&json);
    }
    json_object_end(&json);
    json_object_end(&json);
}
