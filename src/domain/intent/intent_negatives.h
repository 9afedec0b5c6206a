/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of everyday life that belong to no customer's intents (share/nlu/negatives-*.txt), as
 * they are built in. Training leaves out those that look like an intent of the set at hand. */
#ifndef KEFU_INTENT_NEGATIVES_H
#define KEFU_INTENT_NEGATIVES_H

#include <stddef.h>

extern const char *const intent_negatives[];
extern const size_t intent_negative_count;

#endif
