/* SPDX-License-Identifier: Apache-2.0 */
/* Han characters that stand for each other: traditional for simplified, and those that sound the
 * same. The tables cover what people type (2,440 forms, the 6,763 characters of GB 2312); other
 * characters stand for themselves. Pure; any thread. */
#ifndef KEFU_TEXT_HAN_H
#define KEFU_TEXT_HAN_H

#include <stddef.h>
#include <stdint.h>

enum {
    TEXT_SOUND_BYTES_MAX = 6, /* zhuang */
    TEXT_SOUNDS_MAX = 4,      /* readings of one character */
};

/* The simplified character that a traditional or variant form is read as; others as they are. */
uint32_t text_simplify(uint32_t cp);

/* The usual reading in Mandarin without its tone ("zhong"; v for the u with dots), or NULL. */
const char *text_sound(uint32_t cp);
/* All readings, the usual one first; fills at most TEXT_SOUNDS_MAX and returns how many. */
size_t text_sounds(uint32_t cp, const char *out[TEXT_SOUNDS_MAX]);

#endif
