/* SPDX-License-Identifier: Apache-2.0 */
/* The file of rules, line by line: a rule is gathered until the next one begins. Texts stay in the
 * file; what is wrong inside a condition or a word comes back from the compiler as an offset, and
 * is turned into a line and column here. */
#include "rules_file.h"

#include <stdlib.h>

#include "check.h"
#include "hash.h"
#include "mem.h"
#include "rules_times.h"
#include "text.h"

enum {
    LINE_BYTES_MAX = 8192,
    WORDS_TOTAL_MAX = RULES_LITERALS_MAX,
};

/* Ids of rules must be the same on every machine and after every compile. */
static const struct hash_key id_key = { 0x6B65667572756C65u, 0x6E616D6573206F66u };

struct rule_lines { /* where the parts of a rule stand, for naming faults */
    unsigned line;
    unsigned when_line;
    size_t first_word; /* in words and word_lines */
    size_t first_scope;
    bool list;
};

struct file {
    struct slice rest;
    struct slice line; /* the one at hand, without comment and end */
    unsigned number;
    struct rules_rule *rules;
    struct rule_lines *lines;
    size_t count;
    size_t cap;
    struct slice *words; /* of all rules, in order */
    unsigned *word_lines;
    size_t word_count;
    size_t word_cap;
    struct slice *scopes;
    size_t scope_count;
    size_t scope_cap;
    bool in_list;
    struct rules_where *where;
    struct err *err;
    const char *start; /* of the line, for columns */
};

static unsigned column_of(const char *start, const char *at)
{
    unsigned column = 1;

    for (; start < at; start++)
        column += ((unsigned char)*start & 0xC0) != 0x80 ? 1 : 0;
    return column;
}

static enum err_code fault(struct file *f, const char *at, enum err_code code, const char *text)
{
    *f->where = (struct rules_where){ f->number, column_of(f->start, at) };
    return err_set(f->err, code, "%s", text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The next line into f->line, without a comment: # at its start or behind a blank. In quotes and
 * regular expressions a blank before # is rare; write it as \x20 or take another sign. */
static bool line_next(struct file *f)
{
    const char *end;
    size_t len;

    if (f->rest.len == 0)
        return false;
    end = memchr(f->rest.ptr, '\n', f->rest.len);
    len = end != NULL ? (size_t)(end - f->rest.ptr) : f->rest.len;
    f->number++;
    f->start = f->rest.ptr;
    f->line = slice_make(f->rest.ptr, len);
    for (size_t i = 0; i < len; i++) {
        if (f->line.ptr[i] == '#' && (i == 0 || is_blank(f->line.ptr[i - 1]))) {
            f->line.len = i;
            break;
        }
    }
    len += end != NULL ? 1 : 0;
    f->rest.ptr += len;
    f->rest.len -= len;
    return true;
}

static void *grown(void *items, size_t *cap, size_t item)
{
    *cap = *cap == 0 ? 64 : *cap * 2;
    return mem_realloc(items, *cap * item);
}

static void word_add(struct file *f, struct slice word)
{
    if (f->word_count == f->word_cap) {
        size_t cap = f->word_cap;

        f->words = grown(f->words, &f->word_cap, sizeof(*f->words));
        f->word_lines = grown(f->word_lines, &cap, sizeof(*f->word_lines));
    }
    f->words[f->word_count] = word;
    f->word_lines[f->word_count++] = f->number;
}

/* ---- one attribute ---- */
static struct rules_rule *rule_now(struct file *f)
{
    return &f->rules[f->count - 1];
}

/* A whole number with a sign at the front of *in; false: none. */
static bool take_number(struct slice *in, int64_t low, int64_t high, int64_t *out)
{
    bool minus = in->len > 0 && *in->ptr == '-';
    size_t at = minus ? 1 : 0;
    size_t start = at;

    *out = 0;
    for (; at < in->len && at - start < 10 && in->ptr[at] >= '0' && in->ptr[at] <= '9'; at++)
        *out = *out * 10 + (in->ptr[at] - '0');
    *out = minus ? -*out : *out;
    in->ptr += at;
    in->len -= at;
    return at > start && *out >= low && *out <= high;
}

static bool take_text(struct slice *in, const char *text)
{
    struct slice s = slice_of(text);

    if (!slice_starts_with(*in, s))
        return false;
    in->ptr += s.len;
    in->len -= s.len;
    return true;
}

static enum err_code set_priority(struct file *f, struct slice value)
{
    struct slice rest = value;
    int64_t number;

    if (!take_number(&rest, -RULES_PRIORITY_MAX, RULES_PRIORITY_MAX, &number) || rest.len > 0)
        return fault(f, value.ptr, ERR_INVALID, "priority is a whole number");
    rule_now(f)->priority = (int32_t)number;
    return ERR_OK;
}

static enum err_code set_locale(struct file *f, struct slice value)
{
    if (slice_equal_text(value, "zh"))
        rule_now(f)->locale = RULES_ZH;
    else if (slice_equal_text(value, "en"))
        rule_now(f)->locale = RULES_EN;
    else
        return fault(f, value.ptr, ERR_INVALID, "locale is zh or en");
    return ERR_OK;
}

static enum err_code set_action(struct file *f, struct slice value)
{
    for (unsigned i = 0; i < RULES_ACTIONS; i++) {
        if (slice_equal_text(value, rules_action_name((enum rules_action)i))) {
            rule_now(f)->action = (enum rules_action)i;
            return ERR_OK;
        }
    }
    return fault(f, value.ptr, ERR_INVALID, "action is answer, block, mask, review or handoff");
}

static enum err_code set_scope(struct file *f, struct slice value)
{
    while (value.len > 0) {
        const char *comma = memchr(value.ptr, ',', value.len);
        size_t len = comma != NULL ? (size_t)(comma - value.ptr) : value.len;
        struct slice scope = trimmed(slice_make(value.ptr, len));

        if (scope.len == 0 || scope.len > RULES_NAME_BYTES_MAX)
            return fault(f, value.ptr, ERR_INVALID, "scope is empty or too long");
        if (rule_now(f)->scope_count == RULES_SCOPES_MAX)
            return fault(f, value.ptr, ERR_TOO_BIG, "more than 16 scopes");
        if (f->scope_count == f->scope_cap)
            f->scopes = grown(f->scopes, &f->scope_cap, sizeof(*f->scopes));
        f->scopes[f->scope_count++] = scope;
        rule_now(f)->scope_count++;
        len += comma != NULL ? 1 : 0;
        value.ptr += len;
        value.len -= len;
    }
    return ERR_OK;
}

static enum err_code set_times(struct file *f, struct slice value,
                               enum err_code (*parse)(struct slice, struct rules_times *, size_t *,
                                                      struct err *))
{
    struct err found = { 0 };
    size_t at = 0;
    enum err_code rc = parse(value, &rule_now(f)->times, &at, &found);

    return rc == ERR_OK ? ERR_OK : fault(f, value.ptr + at, rc, found.text);
}

static enum err_code set_active(struct file *f, struct slice value)
{
    return set_times(f, value, rules_active_parse);
}

static enum err_code set_hours(struct file *f, struct slice value)
{
    return set_times(f, value, rules_hours_parse);
}

static enum err_code set_disguise(struct file *f, struct slice value)
{
    rule_now(f)->disguise = 0;
    if (slice_equal_text(value, "none"))
        return ERR_OK;
    while (value.len > 0) {
        if (take_text(&value, "symbols"))
            rule_now(f)->disguise |= RULES_SYMBOLS;
        else if (take_text(&value, "pinyin"))
            rule_now(f)->disguise |= RULES_PINYIN;
        else if (take_text(&value, "sound"))
            rule_now(f)->disguise |= RULES_SOUND;
        else
            return fault(f, value.ptr, ERR_INVALID, "disguise is symbols, pinyin, sound or none");
        if (value.len > 0 && !is_blank(*value.ptr))
            return fault(f, value.ptr, ERR_INVALID, "disguise is symbols, pinyin, sound or none");
        value = trimmed(value);
    }
    return ERR_OK;
}

static enum err_code set_when(struct file *f, struct slice value)
{
    if (f->lines[f->count - 1].list)
        return fault(f, f->line.ptr, ERR_INVALID, "a list of words has no condition");
    rule_now(f)->when = value;
    f->lines[f->count - 1].when_line = f->number;
    return ERR_OK;
}

static enum err_code set_list(struct file *f, struct slice value)
{
    if (!f->lines[f->count - 1].list)
        return fault(f, f->line.ptr, ERR_INVALID, "only `words` have a list");
    if (value.len > 0)
        return fault(f, value.ptr, ERR_INVALID, "words of a list stand one a line");
    f->in_list = true;
    return ERR_OK;
}

static const struct {
    const char *name;
    enum err_code (*set)(struct file *f, struct slice value);
} attributes[] = {
    { "priority", set_priority }, { "locale", set_locale }, { "scope", set_scope },
    { "active", set_active },     { "hours", set_hours },   { "action", set_action },
    { "disguise", set_disguise }, { "when", set_when },     { "list", set_list },
};

static enum err_code attribute(struct file *f, struct slice text)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    struct slice name = slice_make(text.ptr, colon != NULL ? (size_t)(colon - text.ptr) : 0);
    struct slice value;

    if (colon == NULL)
        return fault(f, text.ptr, ERR_INVALID, "name: value is expected here");
    value = trimmed(slice_make(colon + 1, text.len - name.len - 1));
    for (size_t i = 0; i < LENGTH_OF(attributes); i++) {
        if (!slice_equal_text(name, attributes[i].name))
            continue;
        if (value.len == 0 && attributes[i].set != set_list)
            return fault(f, text.ptr, ERR_INVALID, "has no value");
        return attributes[i].set(f, value);
    }
    return fault(f, text.ptr, ERR_INVALID, "no such attribute");
}

/* ---- the file ---- */
static enum err_code header(struct file *f, struct slice text)
{
    bool list = slice_starts_with(text, SLICE_LITERAL("words "));
    struct slice name = trimmed(slice_make(text.ptr + 5, text.len > 5 ? text.len - 5 : 0));

    if (!list && !slice_starts_with(text, SLICE_LITERAL("rule ")))
        return fault(f, text.ptr, ERR_INVALID, "rule NAME or words NAME is expected here");
    if (!list)
        name = trimmed(slice_make(text.ptr + 4, text.len - 4));
    if (name.len == 0 || name.len > RULES_NAME_BYTES_MAX)
        return fault(f, text.ptr, ERR_INVALID, "name is empty or longer than 120 bytes");
    if (f->count == RULES_MAX)
        return fault(f, text.ptr, ERR_TOO_BIG, "more than 200000 rules");
    if (f->count == f->cap) {
        size_t cap = f->cap;

        f->rules = grown(f->rules, &f->cap, sizeof(*f->rules));
        f->lines = grown(f->lines, &cap, sizeof(*f->lines));
    }
    f->rules[f->count] = (struct rules_rule){
        .id = hash_bytes(id_key, name.ptr, name.len),
        .name = name,
        .times = RULES_TIMES_ALWAYS,
        .disguise = list ? RULES_SYMBOLS | RULES_PINYIN : 0,
    };
    f->lines[f->count++] = (struct rule_lines){
        .line = f->number, .first_word = f->word_count, .first_scope = f->scope_count, .list = list
    };
    f->in_list = false;
    return ERR_OK;
}

static enum err_code line_read(struct file *f)
{
    struct slice text = trimmed(f->line);

    if (text.len == 0)
        return ERR_OK;
    if (f->line.len > LINE_BYTES_MAX)
        return fault(f, f->line.ptr, ERR_TOO_BIG, "line is longer than 8192 bytes");
    if (text.ptr == f->line.ptr)
        return header(f, text);
    if (f->count == 0)
        return fault(f, text.ptr, ERR_INVALID, "rule NAME or words NAME is expected here");
    if (!f->in_list)
        return attribute(f, text);
    if (f->word_count == WORDS_TOTAL_MAX)
        return fault(f, text.ptr, ERR_TOO_BIG, "more than a million words");
    word_add(f, text);
    rule_now(f)->any_count++;
    return ERR_OK;
}

/* Slices into lists that have stopped growing, and what only the whole rule shows. */
static enum err_code rules_finish(struct file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct rules_rule *rule = &f->rules[i];

        f->number = f->lines[i].line;
        if (rule->any_count > 0)
            rule->any = &f->words[f->lines[i].first_word];
        if (rule->scope_count > 0)
            rule->scopes = &f->scopes[f->lines[i].first_scope];
        if (rule->any_count == 0 && rule->when.len == 0) {
            *f->where = (struct rules_where){ f->number, 1 };
            return err_set(f->err, ERR_INVALID, "rule has no %s",
                           f->lines[i].list ? "words" : "condition");
        }
        if (!f->lines[i].list && rule->disguise != 0) {
            *f->where = (struct rules_where){ f->number, 1 };
            return err_set(f->err, ERR_INVALID, "only `words` have a disguise");
        }
    }
    return ERR_OK;
}

struct named {
    uint64_t id;
    size_t rule;
};

static int named_compare(const void *left, const void *right)
{
    const struct named *a = left;
    const struct named *b = right;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->rule < b->rule ? -1 : 1;
}

static enum err_code names_check(struct file *f)
{
    struct named *named = mem_alloc((f->count + 1) * sizeof(*named));
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < f->count; i++)
        named[i] = (struct named){ f->rules[i].id, i };
    qsort(named, f->count, sizeof(*named), named_compare);
    for (size_t i = 1; i < f->count && rc == ERR_OK; i++) {
        if (named[i].id != named[i - 1].id)
            continue;
        *f->where = (struct rules_where){ f->lines[named[i].rule].line, 1 };
        rc = err_set(f->err, ERR_CONFLICT, "the same name as in line %u",
                     f->lines[named[i - 1].rule].line);
    }
    free(named);
    return rc;
}

/* A line's start, found again by going back from a text in it. */
static const char *line_start(struct slice file, const char *at)
{
    while (at > file.ptr && at[-1] != '\n')
        at--;
    return at;
}

static void place_to_where(const struct file *f, struct slice file, const struct rules_place *place)
{
    const struct rules_rule *rule = &f->rules[place->rule];
    const struct rule_lines *lines = &f->lines[place->rule];
    const char *at;

    *f->where = (struct rules_where){ lines->line, 1 };
    if (place->part == RULES_PART_WHEN) {
        at = rule->when.ptr + place->at;
        *f->where = (struct rules_where){ lines->when_line, column_of(line_start(file, at), at) };
    } else if (place->part == RULES_PART_ANY && place->at < rule->any_count) {
        at = rule->any[place->at].ptr;
        *f->where = (struct rules_where){ f->word_lines[lines->first_word + place->at],
                                          column_of(line_start(file, at), at) };
    }
}

static enum err_code text_check(struct file *f, struct slice file)
{
    size_t at;
    enum text_fault broken;

    if (file.len > RULES_FILE_BYTES_MAX)
        return err_set(f->err, ERR_TOO_BIG, "file is larger than %d bytes", RULES_FILE_BYTES_MAX);
    broken = text_fault_find(file, &at);
    if (broken == TEXT_FAULT_NONE)
        return ERR_OK;
    f->number = 1;
    for (size_t i = 0; i < at; i++)
        f->number += file.ptr[i] == '\n' ? 1 : 0;
    f->start = line_start(file, file.ptr + at);
    (void)fault(f, file.ptr + at, ERR_INVALID, "");
    return err_set(f->err, ERR_INVALID, "not UTF-8: %s", text_fault_name(broken));
}

static enum err_code file_compile(struct file *f, struct slice file, struct rules_set **out)
{
    struct err own = { 0 };
    struct rules_place place = { .rule = RULES_MAX };
    enum err_code rc = text_check(f, file);

    f->number = 0;
    if (rc != ERR_OK)
        return rc;
    if (slice_starts_with(f->rest, SLICE_LITERAL("\xEF\xBB\xBF"))) {
        f->rest.ptr += 3;
        f->rest.len -= 3;
    }
    while (rc == ERR_OK && line_next(f))
        rc = line_read(f);
    if (rc == ERR_OK)
        rc = rules_finish(f);
    if (rc == ERR_OK)
        rc = names_check(f);
    if (rc != ERR_OK)
        return rc;
    rc = rules_compile_at(f->rules, f->count, out, &place, &own);
    if (rc == ERR_OK)
        return rc;
    if (place.rule < f->count)
        place_to_where(f, file, &place);
    return err_set(f->err, rc, "%s", own.text);
}

enum err_code rules_file_compile(struct slice file, struct rules_set **out,
                                 struct rules_where *where, struct err *err)
{
    struct file f = { .rest = file, .where = where, .err = err };
    enum err_code rc;

    *where = (struct rules_where){ 0, 0 };
    rc = file_compile(&f, file, out);
    free(f.rules);
    free(f.lines);
    free(f.words);
    free(f.word_lines);
    free(f.scopes);
    return rc;
}
