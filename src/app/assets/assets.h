/* SPDX-License-Identifier: Apache-2.0 */
/* The files of widget, console and demo page, built by web/build.mjs and compiled in: bytes, type
 * and validator of each, already compressed. Constant data, readable from any thread; how it is
 * served (headers, conditional requests, which pages may be framed) is the API's business. With
 * KEFU_WEB=OFF the table is empty. */
#ifndef KEFU_ASSETS_H
#define KEFU_ASSETS_H

#include "slice.h"

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path; /* "/w.js", "/panel", "/console/assets/index-B3x1.js"; pages without suffix */
    const char *content_type;
    const char *etag; /* with its quotes; of the identity bytes */
    struct slice identity;
    struct slice br; /* len 0: compressing does not pay */
    struct slice gz;
    bool immutable; /* the name holds a hash of the content: may be cached for ever */
};

/* Sorted by path (byte order). */
extern const struct asset asset_table[];
extern const size_t asset_table_len;

/* The file of this path, NULL if there is none. A slash at the end of a page's path is ignored. */
const struct asset *asset_find(struct slice path);

#endif
