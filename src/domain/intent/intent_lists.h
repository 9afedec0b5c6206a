/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of share/nlu that are built in. */
#ifndef KEFU_INTENT_LISTS_H
#define KEFU_INTENT_LISTS_H

#include <stddef.h>

/* Sentences of everyday life that belong to no customer's intents (negatives-*.txt). Training
 * leaves out those that look like an intent of the set at hand. */
extern const char *const intent_negatives[];
extern const size_t intent_negatives_count;

/* Words that mean nearly the same, a class a line; "[name]" begins a topic of classes
 * (words-*.txt). */
extern const char *const intent_classes[];
extern const size_t intent_classes_count;

/* Words that say little about what a text is about (function-words-*.txt). */
extern const char *const intent_function_words[];
extern const size_t intent_function_words_count;

#endif
