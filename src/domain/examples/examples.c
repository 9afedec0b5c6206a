/* SPDX-License-Identifier: Apache-2.0 */
#include "examples.h"

#include <stdlib.h>

#include "hash.h"
#include "mem.h"
#include "text.h"

static const struct hash_key name_key = { 0x6E616D6573, 0 };

enum { GROW_FIRST = 256 };

void example_set_init(struct example_set *set)
{
    *set = (struct example_set){ 0 };
    map_u64_init(&set->by_name, EXAMPLES_INTENTS_MAX, 0);
    arena_init(&set->arena, EXAMPLES_BYTES_MAX);
}

void example_set_fini(struct example_set *set)
{
    free(set->items);
    free(set->names);
    free(set->lines);
    map_u64_fini(&set->by_name);
    arena_fini(&set->arena);
}

static uint64_t name_hash(struct slice name)
{
    return hash_bytes(name_key, name.ptr, name.len);
}

int example_set_find(const struct example_set *set, struct slice name)
{
    uintptr_t found = (uintptr_t)map_u64_get(&set->by_name, name_hash(name));

    if (found == 0 || !slice_equal(set->names[found - 1], name))
        return -1;
    return (int)(found - 1);
}

static bool keep(struct example_set *set, struct slice s, struct slice *out)
{
    char *copy = arena_strdup(&set->arena, s);

    *out = slice_make(copy, s.len);
    return copy != NULL;
}

static enum err_code name_add(struct example_set *set, struct slice name, uint32_t line,
                              struct err *err)
{
    void *index = (void *)(uintptr_t)(set->name_count + 1);

    if (set->name_count == set->name_cap) {
        set->name_cap = set->name_cap > 0 ? set->name_cap * 2 : GROW_FIRST;
        set->names = mem_realloc(set->names, set->name_cap * sizeof(*set->names));
        set->lines = mem_realloc(set->lines, set->name_cap * sizeof(*set->lines));
    }
    if (!map_u64_put(&set->by_name, name_hash(name), index))
        return err_set(err, ERR_TOO_BIG, "line %u: more than %d intents", line,
                       EXAMPLES_INTENTS_MAX);
    if (!keep(set, name, &set->names[set->name_count]))
        return err_set(err, ERR_TOO_BIG, "line %u: more than %d bytes of examples", line,
                       EXAMPLES_BYTES_MAX);
    set->lines[set->name_count++] = line;
    return ERR_OK;
}

static enum err_code text_check(struct slice text, const char *what, size_t bytes_max,
                                uint32_t line, struct err *err)
{
    enum text_fault fault;
    size_t at;

    if (text.len == 0)
        return err_set(err, ERR_INVALID, "line %u: %s is empty", line, what);
    if (text.len > bytes_max)
        return err_set(err, ERR_TOO_BIG, "line %u: %s of %zu bytes, limit %zu", line, what,
                       text.len, bytes_max);
    fault = text_fault_find(text, &at);
    if (fault != TEXT_FAULT_NONE)
        return err_set(err, ERR_INVALID, "line %u: %s is not UTF-8: %s at byte %zu", line, what,
                       text_fault_name(fault), at);
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return err_set(err, ERR_INVALID, "line %u: %s holds a zero byte", line, what);
    return ERR_OK;
}

enum err_code example_set_add(struct example_set *set, struct slice name, struct slice text,
                              uint32_t line, struct err *err)
{
    enum err_code rc;
    int intent;

    name = slice_trim(name);
    text = slice_trim(text);
    rc = text_check(name, "intent", EXAMPLES_NAME_BYTES_MAX, line, err);
    if (rc == ERR_OK)
        rc = text_check(text, "text", EXAMPLES_TEXT_BYTES_MAX, line, err);
    if (rc != ERR_OK)
        return rc;
    if (set->count == EXAMPLES_MAX)
        return err_set(err, ERR_TOO_BIG, "line %u: more than %d examples", line, EXAMPLES_MAX);
    intent = example_set_find(set, name);
    if (intent < 0) {
        rc = name_add(set, name, line, err);
        if (rc != ERR_OK)
            return rc;
        intent = (int)set->name_count - 1;
    }
    if (set->count == set->cap) {
        set->cap = set->cap > 0 ? set->cap * 2 : GROW_FIRST;
        set->items = mem_realloc(set->items, set->cap * sizeof(*set->items));
    }
    set->items[set->count] = (struct example){ (uint32_t)intent, line, SLICE_EMPTY };
    if (!keep(set, text, &set->items[set->count].text))
        return err_set(err, ERR_TOO_BIG, "line %u: more than %d bytes of examples", line,
                       EXAMPLES_BYTES_MAX);
    set->count++;
    return ERR_OK;
}
