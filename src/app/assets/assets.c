/* SPDX-License-Identifier: Apache-2.0 */
/* Look-up in the table of compiled-in files. */
#include "assets.h"

static int compare(struct slice path, const char *name)
{
    size_t name_len = strlen(name);
    size_t common = path.len < name_len ? path.len : name_len;
    int order = common == 0 ? 0 : memcmp(path.ptr, name, common);

    if (order != 0)
        return order;
    return path.len < name_len ? -1 : path.len > name_len;
}

const struct asset *asset_find(struct slice path)
{
    size_t low = 0;
    size_t high = asset_table_len;

    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(path, asset_table[middle].path);

        if (order == 0)
            return &asset_table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
