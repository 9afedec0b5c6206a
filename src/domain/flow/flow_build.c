/* SPDX-License-Identifier: Apache-2.0 */
/* Source tree to compiled flow: names, texts, slots, actions; then the states (flow_build_state.c)
 * and the checks (flow_check.c); last, everything is packed into one block.
 *
 * One file, though long: all of it fills and packs the tables of the same struct flow_build. */
#include "flow_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_schema.h"
#include "hash.h"
#include "mem.h"
#include "regex.h"
#include "text.h"

void *flow_vec_add(struct flow_vec *vec, const void *item)
{
    if (vec->count == vec->cap) {
        vec->cap = vec->cap == 0 ? 16 : vec->cap * 2;
        vec->ptr = mem_realloc(vec->ptr, vec->cap * vec->size);
    }
    memcpy(vec->ptr + vec->count * vec->size, item, vec->size);
    return vec->ptr + vec->count++ * vec->size;
}

static void bytes_add(struct flow_vec *vec, const void *ptr, size_t len)
{
    if (len == 0)
        return;
    if (vec->count + len > vec->cap) {
        vec->cap = (vec->count + len) * 2;
        vec->ptr = mem_realloc(vec->ptr, vec->cap);
    }
    memcpy(vec->ptr + vec->count, ptr, len);
    vec->count += len;
}

/* ---- names ---- */
static const struct hash_key name_key = { 0x6b6566752d666c6fU, 0x772d6e616d657321U };

uint64_t flow_name_hash(struct slice name)
{
    return hash_bytes(name_key, name.ptr, name.len);
}

uint32_t flow_hash32(struct slice name)
{
    return (uint32_t)flow_name_hash(name);
}

static void seen_put(struct flow_build *b, uint32_t offset)
{
    size_t at = flow_hash32(slice_of(build_str(b, offset))) & b->seen_mask;

    while (b->seen[at] != 0)
        at = (at + 1) & b->seen_mask;
    b->seen[at] = offset;
}

static void seen_grow(struct flow_build *b)
{
    uint32_t *old = b->seen;
    size_t count = old != NULL ? b->seen_mask + 1 : 0;

    b->seen_mask = count > 0 ? 2 * count - 1 : 255;
    b->seen = mem_zalloc((b->seen_mask + 1) * sizeof(*b->seen));
    for (size_t i = 0; i < count; i++) {
        if (old[i] != 0)
            seen_put(b, old[i]);
    }
    free(old);
}

uint32_t build_intern(struct flow_build *b, struct slice text)
{
    uint32_t offset;

    if (b->seen_count * 2 >= b->seen_mask)
        seen_grow(b);
    for (size_t at = flow_hash32(text) & b->seen_mask; b->seen[at] != 0;
         at = (at + 1) & b->seen_mask) {
        if (slice_equal_text(text, build_str(b, b->seen[at])))
            return b->seen[at];
    }
    offset = (uint32_t)(sizeof(struct flow) + b->pool.count);
    bytes_add(&b->pool, text.ptr, text.len);
    bytes_add(&b->pool, "", 1);
    seen_put(b, offset);
    b->seen_count++;
    return offset;
}

unsigned build_slot_find(const struct flow_build *b, struct slice name)
{
    for (unsigned i = 0; i < b->slots.count; i++) {
        if (slice_equal_text(name,
                             build_str(b, FLOW_VEC_AT(b->slots, struct flow_slot_def, i)->name)))
            return i;
    }
    return FLOW_NO;
}

unsigned build_state_find(const struct flow_build *b, struct slice name)
{
    unsigned at = 0;

    for (const struct flow_node *node = flow_node_get(b->root, "states")->first; node != NULL;
         node = node->next, at++) {
        if (slice_equal(node->key, name))
            return at;
    }
    return FLOW_NO;
}

const struct flow *build_callee(const struct flow_build *b, struct slice name)
{
    const struct flow *best = NULL;

    for (size_t i = 0; b->others != NULL && i < b->others->count; i++) {
        const struct flow *flow = b->others->flows[i];
        if (slice_equal(flow_name(flow), name) && (best == NULL || flow->version > best->version))
            best = flow;
    }
    return best;
}

/* ---- expressions ---- */
static enum expr_type slot_expr_type(unsigned type)
{
    switch ((enum flow_slot_type)type) {
    case FLOW_SLOT_NUMBER:
    case FLOW_SLOT_AMOUNT:
        return EXPR_NUMBER;
    case FLOW_SLOT_BOOL:
        return EXPR_BOOL;
    case FLOW_SLOT_DATE:
        return EXPR_TIME;
    case FLOW_SLOT_FILES:
    case FLOW_SLOT_LIST:
        return EXPR_LIST;
    case FLOW_SLOT_JSON:
        return EXPR_UNKNOWN;
    default:
        return EXPR_TEXT;
    }
}

static uint16_t symbol_add(struct flow_build *b, uint32_t name, unsigned slot)
{
    struct flow_symbol symbol = { .name = name, .slot = (uint16_t)slot };

    for (unsigned i = 0; i < b->symbols.count; i++) {
        const struct flow_symbol *old = FLOW_VEC_AT(b->symbols, struct flow_symbol, i);
        if (old->name == name && old->slot == slot)
            return (uint16_t)i;
    }
    flow_vec_add(&b->symbols, &symbol);
    return (uint16_t)(b->symbols.count - 1);
}

static bool slot_symbol(struct flow_build *b, struct slice name, struct expr_symbol *out)
{
    const char *dot = memchr(name.ptr, '.', name.len);
    struct slice head = dot != NULL ? slice_make(name.ptr, (size_t)(dot - name.ptr)) : name;
    unsigned at = build_slot_find(b, head);
    const struct flow_slot_def *slot;
    uint32_t path = 0;

    if (at == FLOW_NO)
        return false;
    slot = build_slot(b, at);
    if (dot != NULL && slot->type != FLOW_SLOT_JSON)
        return false;
    if (dot != NULL)
        path = build_intern(b, slice_make(dot + 1, name.len - head.len - 1));
    out->id = symbol_add(b, path, at);
    out->type = dot != NULL ? EXPR_UNKNOWN : slot_expr_type(slot->type);
    if (slot->type == FLOW_SLOT_ENUM) {
        struct slice *values = arena_alloc(&b->doc->arena, slot->value_count * sizeof(*values));
        for (unsigned i = 0; values != NULL && i < slot->value_count; i++)
            values[i] = slice_of(build_str(
                b, FLOW_VEC_AT(b->values, struct flow_value_def, slot->value0 + i)->name));
        out->values = values;
        out->value_count = values != NULL ? slot->value_count : 0;
    }
    return true;
}

/* Where a host's names begin when it declares none. */
static bool known_root(struct slice name)
{
    static const char *const roots[] = {
        "user",    "policy", "contact", "session", "visitor",
        "channel", "lang",   "site",    "shop",    "conversation"
    };
    const char *dot = memchr(name.ptr, '.', name.len);
    struct slice head = dot != NULL ? slice_make(name.ptr, (size_t)(dot - name.ptr)) : name;

    for (size_t i = 0; i < LENGTH_OF(roots); i++) {
        if (slice_equal_text(head, roots[i]))
            return true;
    }
    return false;
}

static bool scope_symbol(void *ctx, struct slice name, struct expr_symbol *out)
{
    struct flow_build *b = ctx;
    const struct flow_host *host = b->host;

    *out = (struct expr_symbol){ 0 };
    if (slot_symbol(b, name, out))
        return true;
    if (host == NULL || host->names == NULL) {
        if (!known_root(name))
            return false;
        out->id = symbol_add(b, build_intern(b, name), FLOW_NO);
        return true;
    }
    for (size_t i = 0; i < host->name_count; i++) {
        if (!slice_equal(host->names[i], name))
            continue;
        out->id = symbol_add(b, build_intern(b, name), FLOW_NO);
        out->type = host->name_types[i];
        return true;
    }
    return false;
}

static bool scope_function(void *ctx, struct slice name, struct expr_function *out)
{
    struct flow_build *b = ctx;

    *out = (struct expr_function){ 0 };
    if (slice_equal_text(name, "amount")) {
        out->type = EXPR_NUMBER;
        out->arg_count = 2;
        out->args[1] = EXPR_LIST;
    } else if (slice_equal_text(name, "open")) {
        out->type = EXPR_BOOL;
        out->arg_count = 1;
        out->args[0] = EXPR_TEXT;
    } else {
        return false;
    }
    out->id = symbol_add(b, build_intern(b, name), FLOW_NO);
    return true;
}

static bool scope_name_at(void *ctx, unsigned index, struct slice *out)
{
    struct flow_build *b = ctx;

    if (index < b->slots.count) {
        *out = slice_of(build_str(b, build_slot(b, index)->name));
        return true;
    }
    index -= (unsigned)b->slots.count;
    if (b->host == NULL || b->host->names == NULL || index >= b->host->name_count)
        return false;
    *out = b->host->names[index];
    return true;
}

unsigned build_expr(struct flow_build *b, const struct flow_node *node, struct slice source,
                    enum expr_type want)
{
    const struct expr_scope scope = { b, scope_symbol, scope_function, scope_name_at };
    struct flow_build_expr entry = { .node = node, .state = b->current };
    struct expr_place place = { 1, 1 };
    struct err err = { 0 };

    if (expr_compile(source, want, &scope, &entry.expr, &place, &err) != ERR_OK) {
        bool regex = strncmp(err.text, "regular expression", 18) == 0;
        uint32_t column = place.line == 1 ? node->column + (node->quoted ? 1 : 0) + place.column - 1
                                          : place.column;

        flow_report_add(b->report, regex ? "E13" : "E7", node->line + place.line - 1, column, "%s",
                        err.text);
        return FLOW_NO;
    }
    flow_vec_add(&b->exprs, &entry);
    return (unsigned)b->exprs.count - 1;
}

/* ---- texts ---- */
static unsigned text_find(const struct flow_build *b, struct slice key)
{
    for (unsigned i = 0; i < b->texts.count; i++) {
        if (slice_equal_text(key,
                             build_str(b, FLOW_VEC_AT(b->texts, struct flow_text_def, i)->key)))
            return i;
    }
    return FLOW_NO;
}

static unsigned text_add(struct flow_build *b, struct slice key)
{
    struct flow_text_def text = { .key = build_intern(b, key),
                                  .variant0 = (uint32_t)b->variants.count };
    bool used = false;

    flow_vec_add(&b->texts, &text);
    flow_vec_add(&b->text_used, &used);
    return (unsigned)b->texts.count - 1;
}

unsigned build_text(struct flow_build *b, const struct flow_node *node, struct slice key)
{
    unsigned at = text_find(b, key);

    if (at == FLOW_NO) {
        if (b->has_texts)
            flow_report_add(b->report, "E9", node->line, node->column, "no text %.*s", (int)key.len,
                            key.ptr);
        at = text_add(b, key);
    }
    *FLOW_VEC_AT(b->text_used, bool, at) = true;
    return at;
}

static unsigned locale_find(const struct flow_build *b, struct slice name)
{
    for (unsigned i = 0; i < b->head.locale_count; i++) {
        if (slice_equal_text(name, build_str(b, b->head.locales[i])))
            return i;
    }
    return FLOW_NO;
}

static void text_variants(struct flow_build *b, const struct flow_node *node)
{
    struct flow_text_def *text;
    unsigned at = text_add(b, node->key);
    uint32_t plain = 0; /* bits of locales without a channel */

    for (const struct flow_node *v = node->first; v != NULL; v = v->next) {
        const char *sign = memchr(v->key.ptr, '@', v->key.len);
        struct slice name =
            sign != NULL ? slice_make(v->key.ptr, (size_t)(sign - v->key.ptr)) : v->key;
        unsigned locale = locale_find(b, name);
        struct flow_variant variant = { .locale = (uint16_t)locale };

        if (locale == FLOW_NO) {
            flow_report_add(b->report, "E9", v->key_line, v->key_column,
                            "%.*s is not among the locales of this flow", (int)name.len, name.ptr);
            continue;
        }
        if (sign != NULL)
            variant.channel = build_intern(b, slice_make(sign + 1, v->key.len - name.len - 1));
        else
            plain |= 1U << locale;
        variant.text = build_intern(b, v->text);
        flow_vec_add(&b->variants, &variant);
    }
    for (unsigned i = 0; i < b->head.locale_count; i++) {
        if ((plain >> i & 1U) == 0)
            flow_report_add(b->report, "E9", node->key_line, node->key_column,
                            "text %.*s has no %s", (int)node->key.len, node->key.ptr,
                            build_str(b, b->head.locales[i]));
    }
    text = FLOW_VEC_AT(b->texts, struct flow_text_def, at);
    text->variant_count = (uint32_t)b->variants.count - text->variant0;
}

static void build_texts(struct flow_build *b)
{
    const struct flow_node *texts = flow_node_get(b->root, "texts");

    b->has_texts = texts != NULL;
    if (texts != NULL && texts->count > FLOW_TEXTS_MAX) {
        flow_report_add(b->report, "E0", texts->line, texts->column, "%u texts, limit %d",
                        texts->count, FLOW_TEXTS_MAX);
        return;
    }
    for (const struct flow_node *node = texts != NULL ? texts->first : NULL; node != NULL;
         node = node->next)
        text_variants(b, node);
}

/* A text that may be there: "ask.order_id", "reason.damaged". */
static uint16_t text_optional(struct flow_build *b, struct slice head, const char *dot,
                              struct slice tail)
{
    char key[3 * EXPR_NAME_BYTES_MAX];
    int len = snprintf(key, sizeof(key), "%.*s%s%.*s", (int)head.len, head.ptr, dot, (int)tail.len,
                       tail.ptr);
    unsigned at = text_find(b, slice_make(key, (size_t)len));

    if (at != FLOW_NO)
        *FLOW_VEC_AT(b->text_used, bool, at) = true;
    return (uint16_t)at;
}

/* ---- slots ---- */
static const char *const slot_type_names[FLOW_SLOT_TYPE_COUNT] = {
    "text",     "number", "amount",  "bool", "enum", "date",  "phone", "id_card",
    "order_no", "email",  "address", "url",  "file", "files", "list",  "json",
};

static uint8_t word_index(const char *const *words, unsigned count, const struct flow_node *node,
                          uint8_t otherwise)
{
    for (unsigned i = 0; node != NULL && i < count; i++) {
        if (slice_equal_text(node->text, words[i]))
            return (uint8_t)i;
    }
    return otherwise;
}

/* What people say for names that many flows use; an author's own words come in addition. */
static const struct {
    const char *name, *words;
} common_words[] = {
    { "damaged", "碎\n坏\n破\n裂\n损\nbroken\ndamaged\ncracked\nsmashed" },
    { "wrong_item", "发错\n寄错\n错发\n不是我买的\nwrong item\nwrong one" },
    { "not_as_described", "不符\n不一样\n描述\nnot as described\ndifferent from" },
    { "changed_mind", "不想要\n不喜欢\n不要了\nchanged my mind\nno longer want" },
    { "missing_parts", "少发\n缺件\n少了\nmissing" },
    { "refund", "退款\n退钱\nrefund\nmoney back" },
    { "exchange", "换货\n换一\n更换\nexchange\nreplace\nswap" },
    { "repair", "维修\n修理\n返修\nrepair\nfix" },
    { "courier", "快递\n上门\n取件\ncourier\npick up\npickup" },
    { "dropoff", "自寄\n自己寄\n网点\ndrop off\ndropoff\ndrop it" },
    { "company", "公司\n企业\n单位\ncompany\nbusiness" },
    { "personal", "个人\npersonal\nindividual" },
    { "morning", "上午\n早上\nmorning" },
    { "afternoon", "下午\nafternoon" },
    { "evening", "晚上\n傍晚\nevening" },
};

struct words {
    char text[4096];
    size_t len;
    bool full;
};

/* One word in normal form, once. */
static void words_add(struct words *words, struct slice word)
{
    char norm[512];
    struct slice plain = text_normalise(word, norm, sizeof(norm));

    if (plain.len == 0)
        return;
    if (words->len + plain.len + 1 > sizeof(words->text)) {
        words->full = true;
        return;
    }
    if (words->len > 0)
        words->text[words->len++] = '\n';
    memcpy(words->text + words->len, plain.ptr, plain.len);
    words->len += plain.len;
}

static void words_of_label(struct flow_build *b, struct words *words, uint16_t label)
{
    const struct flow_text_def *text;

    if (label == FLOW_NO)
        return;
    text = FLOW_VEC_AT(b->texts, struct flow_text_def, label);
    for (unsigned i = 0; i < text->variant_count; i++)
        words_add(words,
                  slice_of(build_str(
                      b, FLOW_VEC_AT(b->variants, struct flow_variant, text->variant0 + i)->text)));
}

static void words_common(struct words *words, struct slice name)
{
    for (size_t i = 0; i < LENGTH_OF(common_words); i++) {
        const char *at = common_words[i].words;

        if (!slice_equal_text(name, common_words[i].name))
            continue;
        while (*at != '\0') {
            size_t len = strcspn(at, "\n");
            words_add(words, slice_make(at, len));
            at += len + (at[len] == '\n');
        }
    }
}

/* Words that mean a value, in normal form, one a line: the author's, its labels, its name, and the
 * common ones. */
static uint32_t value_words(struct flow_build *b, const struct flow_node *value, struct slice name,
                            uint16_t label)
{
    struct words *words = mem_zalloc(sizeof(*words));
    char spaced[EXPR_NAME_BYTES_MAX];
    uint32_t offset;

    for (const struct flow_node *word = value->first; word != NULL; word = word->next)
        words_add(words, word->text);
    words_of_label(b, words, label);
    for (size_t i = 0; i < name.len; i++)
        spaced[i] = name.ptr[i] == '_' || name.ptr[i] == '-' ? ' ' : name.ptr[i];
    words_add(words, slice_make(spaced, name.len));
    words_common(words, name);
    if (words->full)
        flow_report_add(b->report, "E0", value->line, value->column,
                        "the words of a value take at most %zu bytes", sizeof(words->text));
    offset = build_intern(b, slice_make(words->text, words->len));
    free(words);
    return offset;
}

static void slot_values(struct flow_build *b, const struct flow_node *node,
                        struct flow_slot_def *slot)
{
    const struct flow_node *values = flow_node_get(node, "values");

    if ((values != NULL) != (slot->type == FLOW_SLOT_ENUM)) {
        flow_report_add(b->report, "E0", node->key_line, node->key_column,
                        values == NULL ? "an enum needs values" : "only an enum has values");
        return;
    }
    if (values == NULL)
        return;
    if (values->count == 0 || values->count > FLOW_VALUES_MAX)
        flow_report_add(b->report, "E0", values->line, values->column, "1 to %d values",
                        FLOW_VALUES_MAX);
    slot->value0 = (uint16_t)b->values.count;
    for (const struct flow_node *v = values->first; v != NULL; v = v->next) {
        struct slice name = values->kind == FLOW_NODE_MAP ? v->key : v->text;
        struct flow_value_def value = { .name = build_intern(b, name),
                                        .label = text_optional(b, node->key, ".", name) };

        value.words = value_words(b, v, name, value.label);
        flow_vec_add(&b->values, &value);
        slot->value_count++;
    }
}

static void slot_pattern(struct flow_build *b, const struct flow_node *node,
                         struct flow_slot_def *slot)
{
    const struct flow_node *pattern = flow_node_get(node, "pattern");
    struct regex *regex = NULL;
    struct err err = { 0 };
    size_t offset = 0;
    size_t pad;

    if (pattern == NULL)
        return;
    if (regex_compile(pattern->text, REGEX_WHOLE, &regex, &offset, &err) != ERR_OK) {
        flow_report_add(b->report, "E13", pattern->line,
                        pattern->column + (pattern->quoted ? 1 : 0) + (uint32_t)offset, "%s",
                        err.text);
        return;
    }
    pad = (8 - b->blobs.count % 8) % 8;
    bytes_add(&b->blobs, "\0\0\0\0\0\0\0", pad);
    slot->pattern = (uint32_t)b->blobs.count + 1; /* moved to its place when packed */
    bytes_add(&b->blobs, regex, regex_bytes(regex));
    free(regex);
}

static void slot_fill(struct flow_build *b, const struct flow_node *node,
                      struct flow_slot_def *slot)
{
    const struct flow_node *fill = flow_node_get(node, "fill");

    if (fill == NULL)
        slot->fill = FLOW_FILL_USER;
    for (const struct flow_node *f = fill != NULL ? fill->first : NULL; f != NULL; f = f->next) {
        if (slice_equal_text(f->text, "user")) {
            slot->fill |= FLOW_FILL_USER;
        } else if (slice_equal_text(f->text, "nlu")) {
            slot->fill |= FLOW_FILL_NLU;
        } else if (slice_equal_text(f->text, "action")) {
            slot->fill |= FLOW_FILL_ACTION;
        } else if (slice_starts_with(f->text, slice_of("entity."))) {
            slot->fill |= FLOW_FILL_ENTITY;
            slot->entity = build_intern(b, slice_make(f->text.ptr + 7, f->text.len - 7));
        } else {
            flow_report_add(b->report, "E0", f->line, f->column,
                            "fill: user, nlu, action or entity.NAME");
        }
    }
}

static int32_t slot_bound(const struct flow_node *node, const char *key, int32_t otherwise)
{
    int64_t value;

    return flow_node_int(flow_node_get(node, key), &value) ? (int32_t)value : otherwise;
}

static bool is_personal(unsigned type)
{
    return type == FLOW_SLOT_PHONE || type == FLOW_SLOT_ID_CARD || type == FLOW_SLOT_ADDRESS ||
           type == FLOW_SLOT_EMAIL;
}

static void build_one_slot(struct flow_build *b, const struct flow_node *node)
{
    static const char *const keeps[] = { "turn", "flow", "session", "contact" };
    const struct flow_node *of = flow_node_get(node, "of");
    const struct flow_node *accept = flow_node_get(node, "accept");
    struct flow_slot_def slot = { .name = build_intern(b, node->key),
                                  .hash = flow_hash32(node->key),
                                  .writer = FLOW_NO };
    bool flag = false;

    slot.type = word_index(slot_type_names, FLOW_SLOT_TYPE_COUNT, flow_node_get(node, "type"), 0);
    slot.keep = word_index(keeps, 4, flow_node_get(node, "keep"), FLOW_KEEP_FLOW);
    slot.optional = flow_node_bool(flow_node_get(node, "optional"), &flag) && flag;
    slot.pii = is_personal(slot.type);
    if (flow_node_bool(flow_node_get(node, "pii"), &flag))
        slot.pii = flag;
    slot.min = slot_bound(node, "min", INT32_MIN);
    slot.max = slot_bound(node, "max", INT32_MAX);
    slot.of = of != NULL ? build_intern(b, of->text) : 0;
    if (accept != NULL)
        slot.accept = build_intern(b, accept->text);
    slot.prompt = text_optional(b, slice_of("ask"), ".", node->key);
    slot.invalid = text_optional(b, slice_of("invalid"), ".", node->key);
    if (memchr(node->key.ptr, '.', node->key.len) != NULL)
        flow_report_add(b->report, "E0", node->key_line, node->key_column,
                        "a slot's name has no dot");
    for (unsigned i = 0; i < b->slots.count; i++) {
        if (build_slot(b, i)->hash == slot.hash)
            flow_report_add(b->report, "E0", node->key_line, node->key_column,
                            "this name collides with %s: choose another",
                            build_str(b, build_slot(b, i)->name));
    }
    slot_values(b, node, &slot);
    slot_pattern(b, node, &slot);
    slot_fill(b, node, &slot);
    flow_vec_add(&b->slots, &slot);
    flow_vec_add(&b->slot_nodes, &node);
}

void build_slots(struct flow_build *b)
{
    const struct flow_node *slots = flow_node_get(b->root, "slots");

    if (slots == NULL)
        return;
    if (slots->count > FLOW_SLOTS_MAX) {
        flow_report_add(b->report, "E0", slots->line, slots->column, "%u slots, limit %d",
                        slots->count, FLOW_SLOTS_MAX);
        return;
    }
    for (const struct flow_node *node = slots->first; node != NULL; node = node->next)
        build_one_slot(b, node);
}

/* ---- the head ---- */
static void names_add(struct flow_build *b, const char *key, struct flow_vec *out)
{
    const struct flow_node *list = flow_node_get(b->root, key);

    for (const struct flow_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        uint32_t name = build_intern(b, n->text);
        flow_vec_add(out, &name);
    }
}

static void phrases_add(struct flow_build *b, const struct flow_node *list)
{
    for (const struct flow_node *n = list->first; n != NULL; n = n->next) {
        char norm[512];
        char key[512];
        struct slice plain;
        uint32_t phrase;

        if (n->kind == FLOW_NODE_LIST) {
            phrases_add(b, n);
            continue;
        }
        plain = text_normalise(n->text, norm, sizeof(norm));
        phrase = build_intern(b, text_key(plain, key, sizeof(key)));
        flow_vec_add(&b->phrases, &phrase);
    }
}

static void build_start(struct flow_build *b)
{
    const struct flow_node *start = flow_node_get(b->root, "start");
    const struct flow_node *intents = flow_node_get(start, "intents");
    const struct flow_node *phrases = flow_node_get(start, "phrases");
    const struct flow_node *least = flow_node_get(start, "min_confidence");

    b->head.min_confidence = EXPR_ONE / 2;
    if (least != NULL)
        (void)expr_number_parse(least->text, &b->head.min_confidence);
    for (const struct flow_node *n = intents != NULL ? intents->first : NULL; n != NULL;
         n = n->next) {
        uint32_t name = build_intern(b, n->text);
        flow_vec_add(&b->intents, &name);
    }
    if (phrases != NULL)
        phrases_add(b, phrases);
}

static void build_limits(struct flow_build *b)
{
    const struct flow_node *limits = flow_node_get(b->root, "limits");
    int64_t value;

    b->head.turns = FLOW_TURNS_DEFAULT;
    b->head.visits = FLOW_VISITS_DEFAULT;
    b->head.idle_ms = FLOW_IDLE_DEFAULT_MS;
    if (flow_node_int(flow_node_get(limits, "turns"), &value) && value > 0 && value <= 1000)
        b->head.turns = (uint16_t)value;
    if (flow_node_int(flow_node_get(limits, "visits"), &value) && value > 0 && value <= 100)
        b->head.visits = (uint16_t)value;
    (void)flow_node_duration(flow_node_get(limits, "idle"), &b->head.idle_ms);
}

static void build_head(struct flow_build *b)
{
    const struct flow_node *title = flow_node_get(b->root, "title");
    const struct flow_node *locales = flow_node_get(b->root, "locales");
    int64_t version = 0;

    (void)flow_node_int(flow_node_get(b->root, "version"), &version);
    if (version < 1)
        flow_report_add(b->report, "E0", flow_node_get(b->root, "version")->line,
                        flow_node_get(b->root, "version")->column, "versions count from 1");
    b->head.version = (uint32_t)version;
    b->head.name = build_intern(b, flow_node_get(b->root, "flow")->text);
    b->head.hash = flow_name_hash(flow_node_get(b->root, "flow")->text);
    b->head.title = title != NULL ? build_intern(b, title->text) : 0;
    if (locales->count == 0 || locales->count > FLOW_LOCALES_MAX)
        flow_report_add(b->report, "E0", locales->line, locales->column, "1 to %d locales",
                        FLOW_LOCALES_MAX);
    for (const struct flow_node *n = locales->first;
         n != NULL && b->head.locale_count < FLOW_LOCALES_MAX; n = n->next)
        b->head.locales[b->head.locale_count++] = build_intern(b, n->text);
    build_start(b);
    build_limits(b);
    names_add(b, "in", &b->ins);
    names_add(b, "out", &b->outs);
}

static void check_slot_names(struct flow_build *b, const char *key)
{
    const struct flow_node *list = flow_node_get(b->root, key);

    for (const struct flow_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        if (build_slot_find(b, n->text) == FLOW_NO)
            flow_report_add(b->report, "E1", n->line, n->column, "no slot %.*s", (int)n->text.len,
                            n->text.ptr);
    }
}

static void build_migrations(struct flow_build *b)
{
    const struct flow_node *versions = flow_node_get(b->root, "migrate");

    for (const struct flow_node *v = versions != NULL ? versions->first : NULL; v != NULL;
         v = v->next) {
        unsigned long long version = 0;

        if (!slice_to_u64(v->key, &version) || version == 0 || version >= b->head.version)
            flow_report_add(b->report, "E0", v->key_line, v->key_column,
                            "migrate: an older version's number");
        for (const struct flow_node *n = v->first; n != NULL; n = n->next) {
            unsigned to = build_state_find(b, n->text);
            struct flow_migration migration = { .version = (uint32_t)version,
                                                .from = build_intern(b, n->key),
                                                .to = (uint16_t)to };
            if (to == FLOW_NO)
                flow_report_add(b->report, "E1", n->line, n->column, "no state %.*s",
                                (int)n->text.len, n->text.ptr);
            flow_vec_add(&b->migrations, &migration);
        }
    }
}

/* ---- packing ---- */
static void put_table(struct flow_build *b, struct buf *out, const struct flow_vec *vec,
                      struct flow_table *table)
{
    static const char zeros[8];

    (void)b;
    buf_add(out, zeros, (8 - out->len % 8) % 8);
    table->at = (uint32_t)out->len;
    table->count = (uint32_t)vec->count;
    buf_add(out, vec->ptr, vec->count * vec->size);
}

/* Expressions go into the blobs, and their offsets become a table. */
static void pack_exprs(struct flow_build *b, struct flow_vec *offsets)
{
    for (unsigned i = 0; i < b->exprs.count; i++) {
        const struct expr *expr = FLOW_VEC_AT(b->exprs, struct flow_build_expr, i)->expr;
        uint32_t at;

        bytes_add(&b->blobs, "\0\0\0\0\0\0\0", (8 - b->blobs.count % 8) % 8);
        at = (uint32_t)b->blobs.count;
        bytes_add(&b->blobs, expr, expr_bytes(expr));
        flow_vec_add(offsets, &at);
    }
}

static void move_blobs(struct flow_build *b, struct flow_vec *offsets, uint32_t base)
{
    for (unsigned i = 0; i < offsets->count; i++)
        *FLOW_VEC_AT(*offsets, uint32_t, i) += base;
    for (unsigned i = 0; i < b->slots.count; i++) {
        if (build_slot(b, i)->pattern != 0)
            build_slot(b, i)->pattern += base - 1;
    }
}

static struct flow *pack(struct flow_build *b)
{
    struct flow_vec offsets = { .size = sizeof(uint32_t) };
    struct flow *head = &b->head;
    static const char zeros[8];
    struct buf out;
    struct flow *flow;

    buf_init(&out, 64 * 1024 * 1024);
    head->row_count = (uint16_t)(b->rows.count - b->global_rows);
    head->global_count = (uint16_t)b->global_rows;
    buf_add(&out, head, sizeof(*head));
    buf_add(&out, b->pool.ptr, b->pool.count);
    buf_add(&out, zeros, (8 - out.len % 8) % 8);
    pack_exprs(b, &offsets);
    move_blobs(b, &offsets, (uint32_t)out.len);
    buf_add(&out, b->blobs.ptr, b->blobs.count);
    put_table(b, &out, &b->states, &head->states);
    put_table(b, &out, &b->rows, &head->rows);
    put_table(b, &out, &b->acts, &head->acts);
    put_table(b, &out, &b->slots, &head->slots);
    put_table(b, &out, &b->values, &head->values);
    put_table(b, &out, &b->actions, &head->actions);
    put_table(b, &out, &b->maps, &head->maps);
    put_table(b, &out, &b->keys, &head->keys);
    put_table(b, &out, &b->handoffs, &head->handoffs);
    put_table(b, &out, &b->symbols, &head->symbols);
    put_table(b, &out, &b->texts, &head->texts);
    put_table(b, &out, &b->variants, &head->variants);
    put_table(b, &out, &offsets, &head->exprs);
    put_table(b, &out, &b->events, &head->events);
    put_table(b, &out, &b->migrations, &head->migrations);
    put_table(b, &out, &b->intents, &head->intents);
    put_table(b, &out, &b->phrases, &head->phrases);
    put_table(b, &out, &b->ins, &head->ins);
    put_table(b, &out, &b->outs, &head->outs);
    put_table(b, &out, &b->exits, &head->exits);
    put_table(b, &out, &b->calls, &head->calls);
    head->bytes = (uint32_t)out.len;
    flow = mem_alloc(out.len);
    memcpy(flow, out.ptr, out.len);
    memcpy(flow, head, sizeof(*head));
    buf_fini(&out);
    free(offsets.ptr);
    return flow;
}

static void build_init(struct flow_build *b)
{
    b->pool.size = b->blobs.size = 1;
    b->events.size = b->intents.size = b->phrases.size = sizeof(uint32_t);
    b->ins.size = b->outs.size = b->exits.size = b->calls.size = sizeof(uint32_t);
    b->states.size = sizeof(struct flow_state_def);
    b->rows.size = sizeof(struct flow_row);
    b->acts.size = sizeof(struct flow_act);
    b->slots.size = sizeof(struct flow_slot_def);
    b->values.size = sizeof(struct flow_value_def);
    b->actions.size = sizeof(struct flow_action_def);
    b->maps.size = sizeof(struct flow_map);
    b->keys.size = sizeof(uint16_t);
    b->handoffs.size = sizeof(struct flow_handoff_def);
    b->symbols.size = sizeof(struct flow_symbol);
    b->texts.size = sizeof(struct flow_text_def);
    b->variants.size = sizeof(struct flow_variant);
    b->migrations.size = sizeof(struct flow_migration);
    b->exprs.size = sizeof(struct flow_build_expr);
    b->state_nodes.size = b->row_nodes.size = b->slot_nodes.size = b->action_nodes.size =
        sizeof(const struct flow_node *);
    b->text_used.size = sizeof(bool);
    b->current = FLOW_GLOBAL;
}

static void build_fini(struct flow_build *b)
{
    struct flow_vec *vecs[] = {
        &b->pool,         &b->blobs,     &b->states,      &b->rows,      &b->acts,
        &b->slots,        &b->values,    &b->actions,     &b->maps,      &b->keys,
        &b->handoffs,     &b->symbols,   &b->texts,       &b->variants,  &b->events,
        &b->migrations,   &b->intents,   &b->phrases,     &b->ins,       &b->outs,
        &b->exits,        &b->calls,     &b->state_nodes, &b->row_nodes, &b->slot_nodes,
        &b->action_nodes, &b->text_used,
    };

    for (unsigned i = 0; i < b->exprs.count; i++)
        free(FLOW_VEC_AT(b->exprs, struct flow_build_expr, i)->expr);
    free(b->exprs.ptr);
    free(b->seen);
    for (size_t i = 0; i < LENGTH_OF(vecs); i++)
        free(vecs[i]->ptr);
}

void flow_compile(struct slice source, const struct flow_host *host,
                  const struct flow_others *others, struct flow **out, struct flow_facts *facts,
                  struct flow_report *report)
{
    struct flow_facts ignored;
    struct flow_build *b;
    struct flow_doc *doc;

    *out = NULL;
    if (facts == NULL)
        facts = &ignored;
    memset(facts, 0, sizeof(*facts));
    if (!flow_doc_read(source, 1, &doc, report))
        return;
    b = mem_zalloc(sizeof(*b));
    build_init(b);
    b->doc = doc;
    b->root = doc->roots[0];
    b->host = host;
    b->others = others;
    b->report = report;
    flow_schema_check(b->root, report);
    if (report->errors == 0) {
        build_head(b);
        build_texts(b);
        build_slots(b);
        check_slot_names(b, "in");
        check_slot_names(b, "out");
        build_actions(b);
        build_states(b);
        build_migrations(b);
        flow_check(b, facts);
    }
    flow_report_sort(report);
    if (report->errors == 0)
        *out = pack(b);
    build_fini(b);
    free(b);
    flow_doc_destroy(&doc);
}

/* ---- reading a compiled flow ---- */
void flow_destroy(struct flow **flow)
{
    free(*flow);
    *flow = NULL;
}

size_t flow_bytes(const struct flow *flow)
{
    return flow->bytes;
}

struct slice flow_name(const struct flow *flow)
{
    return flow_slice(flow, flow->name);
}

unsigned flow_version(const struct flow *flow)
{
    return flow->version;
}

struct slice flow_title(const struct flow *flow)
{
    return flow_slice(flow, flow->title != 0 ? flow->title : flow->name);
}

unsigned flow_slot_find(const struct flow *flow, struct slice name)
{
    uint32_t hash = flow_hash32(name);

    for (unsigned i = 0; i < flow->slots.count; i++) {
        if (flow_slot_def(flow, i)->hash == hash)
            return i;
    }
    return FLOW_NO;
}

unsigned flow_state_find(const struct flow *flow, struct slice name)
{
    for (unsigned i = 0; i < flow->states.count; i++) {
        if (slice_equal_text(name, flow_str(flow, flow_state_def(flow, i)->name)))
            return i;
    }
    return FLOW_NO;
}

unsigned flow_text_find(const struct flow *flow, struct slice key)
{
    const struct flow_text_def *texts = FLOW_TABLE(flow, texts, struct flow_text_def);

    for (unsigned i = 0; i < flow->texts.count; i++) {
        if (slice_equal_text(key, flow_str(flow, texts[i].key)))
            return i;
    }
    return FLOW_NO;
}

bool flow_has_exit(const struct flow *flow, struct slice name)
{
    const uint32_t *exits = FLOW_TABLE(flow, exits, uint32_t);

    for (unsigned i = 0; i < flow->exits.count; i++) {
        if (slice_equal_text(name, flow_str(flow, exits[i])))
            return true;
    }
    return false;
}
