/* SPDX-License-Identifier: Apache-2.0 */
/* The generated tables of Han characters (han.py) and how to read them. */
#ifndef KEFU_TEXT_HAN_PRIV_H
#define KEFU_TEXT_HAN_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "text_han.h"

enum {
    TEXT_HAN_FIRST = 0x4E00,
    TEXT_HAN_LAST = 0x9FFF,
    TEXT_HAN_ROWS = (TEXT_HAN_LAST - TEXT_HAN_FIRST + 1) / 16,
};

/* Of 16 characters: which have a value, and where their values start. */
struct text_han_row {
    uint16_t mask;
    uint16_t start;
};

struct text_other_sound {
    uint16_t character;
    uint16_t name;
};

extern const struct text_han_row text_form_rows[TEXT_HAN_ROWS];
extern const uint16_t text_form_values[];
extern const struct text_han_row text_sound_rows[TEXT_HAN_ROWS];
extern const uint16_t text_sound_values[];
extern const char text_sound_names[][TEXT_SOUND_BYTES_MAX + 1];
extern const struct text_other_sound text_other_sounds[]; /* by character */
extern const size_t text_other_sound_count;

#endif
