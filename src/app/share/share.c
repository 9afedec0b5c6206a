/* SPDX-License-Identifier: Apache-2.0 */
#include "share.h"

bool share_find(const char *name, struct slice *out)
{
    for (size_t i = 0; i < share_table_len; i++) {
        if (strcmp(share_table[i].name, name) == 0) {
            *out = share_table[i].bytes;
            return true;
        }
    }
    return false;
}
