/* SPDX-License-Identifier: Apache-2.0 */
#include "text_han.h"

#include "text_han_priv.h"

/* NULL: the table has nothing for that character. */
static const uint16_t *value_of(const struct text_han_row *rows, const uint16_t *values,
                                uint32_t cp)
{
    const struct text_han_row *row;
    unsigned bit;

    if (cp < TEXT_HAN_FIRST || cp > TEXT_HAN_LAST)
        return NULL;
    row = &rows[(cp - TEXT_HAN_FIRST) / 16];
    bit = (cp - TEXT_HAN_FIRST) % 16;
    if ((row->mask >> bit & 1) == 0)
        return NULL;
    return &values[row->start + __builtin_popcount(row->mask & ((1u << bit) - 1))];
}

uint32_t text_simplify(uint32_t cp)
{
    const uint16_t *value = value_of(text_form_rows, text_form_values, cp);

    return value != NULL ? *value : cp;
}

const char *text_sound(uint32_t cp)
{
    const uint16_t *value = value_of(text_sound_rows, text_sound_values, cp);

    return value != NULL ? text_sound_names[*value] : NULL;
}

size_t text_sounds(uint32_t cp, const char *out[TEXT_SOUNDS_MAX])
{
    const char *usual = text_sound(cp);
    size_t low = 0;
    size_t high = text_other_sound_count;
    size_t count = 0;

    if (usual != NULL)
        out[count++] = usual;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (text_other_sounds[middle].character < cp)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < text_other_sound_count && text_other_sounds[low].character == cp; low++) {
        if (count < TEXT_SOUNDS_MAX)
            out[count++] = text_sound_names[text_other_sounds[low].name];
    }
    return count;
}
