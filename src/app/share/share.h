/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the share folder that the program carries in itself: the demo workspace
 * with its intents, and texts that no intent should catch. Constant
 * data; any thread. */
#ifndef KEFU_SHARE_H
#define KEFU_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

struct share_file {
    const char *name; /* below share/: "demo/faq.csv" */
    struct slice bytes;
};

extern const struct share_file share_table[];
extern const size_t share_table_len;

/* False: no such file. */
bool share_find(const char *name, struct slice *out);

#endif
