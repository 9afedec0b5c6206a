/* SPDX-License-Identifier: Apache-2.0 */
/* What a step says: effects, texts in the visitor's language and channel, asks with their options.
 * Texts are rendered at once, since the slots that they show may be gone when a sub-flow ends. */
#include "flow_step.h"

#include <string.h>

#include "utf8.h"

void step_note(struct flow_step *step, const char *what, struct slice where)
{
    if (step->out->note_count < FLOW_NOTES_MAX)
        step->out->notes[step->out->note_count++] = (struct flow_note){ what, where };
}

struct flow_effect *step_effect(struct flow_step *step, enum flow_effect_kind kind)
{
    struct flow_effect *effect;

    if (step->out->effect_count == FLOW_EFFECTS_MAX) {
        step_note(step, "too_many_effects", slice_of(""));
        return NULL;
    }
    effect = &step->out->effects[step->out->effect_count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    effect->number = -1;
    if (step->s->depth > 0)
        effect->state = step_frame(step)->state;
    return effect;
}

struct buf step_buf(struct flow_step *step)
{
    size_t room = FLOW_OUT_BYTES_MAX - step->out->bytes_used;

    return (struct buf){ .ptr = step->out->bytes + step->out->bytes_used,
                         .cap = room,
                         .len_max = room };
}

struct slice step_buf_done(struct flow_step *step, struct buf *buf)
{
    struct slice written = slice_make(buf->ptr, buf->len);

    if (!buf_ok(buf)) {
        step_note(step, "texts_too_long", slice_of(""));
        written = utf8_cut(written, written.len);
    }
    step->out->bytes_used += written.len;
    return written;
}

struct slice step_keep(struct flow_step *step, struct slice bytes)
{
    struct buf buf = step_buf(step);

    if (bytes.len == 0)
        return slice_of("");
    buf_add_slice(&buf, bytes);
    return step_buf_done(step, &buf);
}

/* ---- locales ---- */
static bool same_language(struct slice a, struct slice b)
{
    size_t len = 0;

    while (len < a.len && len < b.len && (a.ptr[len] | 0x20) == (b.ptr[len] | 0x20) &&
           a.ptr[len] != '-' && a.ptr[len] != '_')
        len++;
    return len > 0 && (len == a.len || a.ptr[len] == '-' || a.ptr[len] == '_') &&
           (len == b.len || b.ptr[len] == '-' || b.ptr[len] == '_');
}

void step_locale(struct flow_step *step)
{
    step->locale = 0;
    for (unsigned i = step->flow->locale_count; i > 0; i--) {
        struct slice name = slice_of(flow_str(step->flow, step->flow->locales[i - 1]));

        if (slice_equal(name, step->env->locale)) {
            step->locale = i - 1;
            return;
        }
        if (same_language(name, step->env->locale))
            step->locale = i - 1;
    }
}

static bool chinese(const struct flow_step *step)
{
    struct slice name = step->flow != NULL
                            ? slice_of(flow_str(step->flow, step->flow->locales[step->locale]))
                            : step->env->locale;

    return slice_starts_with(name, slice_of("zh"));
}

/* The variant for locale and channel, or for the locale; the key itself when there is none. */
static struct slice variant_of(const struct flow_step *step, unsigned text)
{
    const struct flow_text_def *def = FLOW_TABLE(step->flow, texts, struct flow_text_def) + text;
    const struct flow_variant *variants =
        FLOW_TABLE(step->flow, variants, struct flow_variant) + def->variant0;
    struct slice best = slice_of(flow_str(step->flow, def->key));

    for (unsigned i = 0; i < def->variant_count; i++) {
        if (variants[i].locale != step->locale)
            continue;
        if (variants[i].channel == 0)
            best = slice_of(flow_str(step->flow, variants[i].text));
        else if (slice_equal_text(step->env->channel, flow_str(step->flow, variants[i].channel)))
            return slice_of(flow_str(step->flow, variants[i].text));
    }
    return best;
}

/* ---- rendering ---- */
static const char *const builtin_texts[FLOW_SAYS_COUNT][2] = {
    [FLOW_SAYS_INVALID] = { "抱歉，我没看懂，请再说一次。",
                            "Sorry, I did not get that. Once more, please?" },
    [FLOW_SAYS_WORKING] = { "正在处理，请稍候。", "One moment, this is still under way." },
    [FLOW_SAYS_RESUMED] = { "我们继续刚才的事。", "Back to where we were." },
    [FLOW_SAYS_CANCELLED] = { "好的，已取消。", "All right, cancelled." },
    [FLOW_SAYS_CHOOSE] = { "请回复数字：", "Please reply with a number:" },
    [FLOW_SAYS_YES] = { "是", "Yes" },
    [FLOW_SAYS_NO] = { "否", "No" },
};

static struct slice builtin(const struct flow_step *step, enum flow_builtin_text text)
{
    return slice_of(builtin_texts[text][chinese(step) ? 0 : 1]);
}

static const struct flow_value_def *value_of(const struct flow *flow,
                                             const struct flow_slot_def *slot, struct slice name)
{
    const struct flow_value_def *values =
        FLOW_TABLE(flow, values, struct flow_value_def) + slot->value0;

    for (unsigned i = 0; i < slot->value_count; i++) {
        if (slice_equal_text(name, flow_str(flow, values[i].name)))
            return &values[i];
    }
    return NULL;
}

static void add_slot(struct flow_step *step, unsigned at, struct slice path, struct buf *out)
{
    const struct flow_slot_def *slot = flow_slot_def(step->flow, at);
    const struct flow_value_def *value;
    struct flow_record record;
    const uint8_t *bytes;

    if (!step_slot_get(step, at, &record, &bytes))
        return;
    if (path.len > 0 && record.type == FLOW_AREA_JSON) {
        struct flow_json json = flow_json_at(slice_make(bytes, record.len), path);

        step->scratch_used = 0;
        buf_add_slice(out, json.kind == FLOW_JSON_TEXT ? step_json_text(step, &json) : json.raw);
        return;
    }
    value = slot->type == FLOW_SLOT_ENUM ? value_of(step->flow, slot, slice_make(bytes, record.len))
                                         : NULL;
    if (value != NULL && value->label != FLOW_NO)
        buf_add_slice(out, variant_of(step, value->label));
    else if (record.type == FLOW_AREA_BOOL)
        buf_add_slice(out, builtin(step, bytes[0] != 0 ? FLOW_SAYS_YES : FLOW_SAYS_NO));
    else
        flow_record_text(&record, bytes, step->env->utc_offset_minutes, out);
}

static void add_host_value(struct flow_step *step, struct slice name, struct buf *out)
{
    struct expr_value value = { .type = EXPR_UNKNOWN };
    char digits[EXPR_NUMBER_CHARS_MAX];

    step->env->get(step->env->ctx, name, &value);
    if (value.type == EXPR_TEXT)
        buf_add_slice(out, value.text);
    else if (value.type == EXPR_NUMBER)
        buf_add(out, digits, expr_number_format(value.number, digits));
    else if (value.type == EXPR_TIME)
        flow_add_date(out, value.time_ms, step->env->utc_offset_minutes);
}

static void add_placeholder(struct flow_step *step, struct slice name, struct buf *out)
{
    const char *dot = memchr(name.ptr, '.', name.len);
    struct slice head = dot != NULL ? slice_make(name.ptr, (size_t)(dot - name.ptr)) : name;
    unsigned slot = flow_slot_find(step->flow, head);

    if (slot == FLOW_NO)
        add_host_value(step, name, out);
    else
        add_slot(step, slot,
                 dot != NULL ? slice_make(dot + 1, name.len - head.len - 1) : slice_of(""), out);
}

static void render(struct flow_step *step, struct slice text, struct buf *out)
{
    while (text.len > 0) {
        const char *open = memchr(text.ptr, '{', text.len);
        size_t before = open != NULL ? (size_t)(open - text.ptr) : text.len;
        const char *close;

        buf_add(out, text.ptr, before);
        if (open == NULL)
            return;
        close = memchr(open, '}', text.len - before);
        if (close == NULL) {
            buf_add(out, open, text.len - before);
            return;
        }
        add_placeholder(step, slice_make(open + 1, (size_t)(close - open) - 1), out);
        text = slice_make(close + 1, text.len - before - (size_t)(close - open) - 1);
    }
}

static struct slice text_key_of(const struct flow_step *step, unsigned text)
{
    return slice_of(
        flow_str(step->flow, FLOW_TABLE(step->flow, texts, struct flow_text_def)[text].key));
}

void step_say(struct flow_step *step, unsigned text)
{
    struct flow_effect *effect;
    struct buf buf;

    if (text == FLOW_NO)
        return;
    effect = step_effect(step, FLOW_SAY);
    if (effect == NULL)
        return;
    buf = step_buf(step);
    render(step, variant_of(step, text), &buf);
    effect->text = step_buf_done(step, &buf);
    effect->key = text_key_of(step, text);
}

void step_say_builtin(struct flow_step *step, enum flow_builtin_text text)
{
    struct flow_effect *effect = step_effect(step, FLOW_SAY);

    if (effect != NULL)
        effect->text = builtin(step, text);
}

/* ---- asks ---- */
static void option_add(struct flow_step *step, struct flow_effect *effect, struct slice value,
                       struct slice label)
{
    struct flow_out *out = step->out;

    if (out->option_count == FLOW_OPTIONS_MAX)
        return;
    if (effect->option_count == 0)
        effect->option_first = (uint8_t)out->option_count;
    out->options[out->option_count++] = (struct flow_option){ value, label };
    effect->option_count++;
}

static void enum_options(struct flow_step *step, struct flow_effect *effect,
                         const struct flow_slot_def *slot)
{
    const struct flow_value_def *values =
        FLOW_TABLE(step->flow, values, struct flow_value_def) + slot->value0;

    for (unsigned i = 0; i < slot->value_count; i++) {
        struct slice name = slice_of(flow_str(step->flow, values[i].name));
        option_add(step, effect, name,
                   values[i].label != FLOW_NO ? variant_of(step, values[i].label) : name);
    }
}

/* Items of a list by id, labelled by the title or name of the object around the id. */
static void list_options(struct flow_step *step, struct flow_effect *effect,
                         const struct flow_slot_def *slot)
{
    struct flow_json items = step_slot_items(step, slot);

    step->scratch_used = 0;
    for (unsigned i = 0; i < items.count; i++) {
        struct flow_json item = flow_json_item(&items, i);
        struct flow_json around = items;
        struct flow_json label = { .kind = FLOW_JSON_NOTHING };
        struct slice id;

        if (item.kind != FLOW_JSON_TEXT)
            continue;
        id = step_keep(step, step_json_text(step, &item));
        if (items.path.len > 0) {
            around.path = slice_of("title");
            label = flow_json_item(&around, i);
            around.path = slice_of("name");
            if (label.kind != FLOW_JSON_TEXT)
                label = flow_json_item(&around, i);
        }
        option_add(step, effect, id,
                   label.kind == FLOW_JSON_TEXT ? step_keep(step, step_json_text(step, &label))
                                                : id);
    }
}

static bool has_buttons(struct slice channel)
{
    return channel.len == 0 || slice_equal_text(channel, "web") || slice_equal_text(channel, "api");
}

static const char *default_ui(unsigned type)
{
    switch ((enum flow_slot_type)type) {
    case FLOW_SLOT_ENUM:
    case FLOW_SLOT_BOOL:
        return "buttons";
    case FLOW_SLOT_DATE:
        return "date";
    case FLOW_SLOT_FILE:
    case FLOW_SLOT_FILES:
        return "upload";
    case FLOW_SLOT_LIST:
        return "line_picker";
    default:
        return "text";
    }
}

static void add_numbered(struct flow_step *step, const struct flow_effect *effect, struct buf *buf)
{
    buf_add_char(buf, '\n');
    buf_add_slice(buf, builtin(step, FLOW_SAYS_CHOOSE));
    for (unsigned i = 0; i < effect->option_count; i++) {
        buf_printf(buf, "\n%u. ", i + 1);
        buf_add_slice(buf, step->out->options[effect->option_first + i].label);
    }
}

void step_ask(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_slot_def *slot = flow_slot_def(step->flow, state->a);
    struct flow_effect *effect = step_effect(step, FLOW_ASK);
    struct flow_record record;
    const uint8_t *bytes;
    struct buf buf;

    if (effect == NULL)
        return;
    effect->slot = slice_of(flow_str(step->flow, slot->name));
    effect->ui =
        state->b != 0 ? slice_of(flow_str(step->flow, state->b)) : slice_of(default_ui(slot->type));
    effect->key = text_key_of(step, state->text);
    effect->multiple = slot->type == FLOW_SLOT_LIST || slot->type == FLOW_SLOT_FILES;
    effect->optional = slot->optional;
    if (effect->multiple)
        effect->number = slot->max < FLOW_ITEMS_MAX ? slot->max : FLOW_ITEMS_MAX;
    if (slot->type == FLOW_SLOT_ENUM)
        enum_options(step, effect, slot);
    else if (slot->type == FLOW_SLOT_LIST)
        list_options(step, effect, slot);
    else if (slot->type == FLOW_SLOT_BOOL) {
        option_add(step, effect, slice_of("accept"), builtin(step, FLOW_SAYS_YES));
        option_add(step, effect, slice_of("deny"), builtin(step, FLOW_SAYS_NO));
    }
    if (step_slot_get(step, state->a, &record, &bytes)) {
        buf = step_buf(step);
        flow_record_text(&record, bytes, step->env->utc_offset_minutes, &buf);
        effect->value = step_buf_done(step, &buf);
    }
    buf = step_buf(step);
    render(step, variant_of(step, state->text), &buf);
    if (effect->option_count > 0 && !has_buttons(step->env->channel))
        add_numbered(step, effect, &buf);
    effect->text = step_buf_done(step, &buf);
}
