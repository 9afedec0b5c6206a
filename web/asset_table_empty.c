/* SPDX-License-Identifier: Apache-2.0 */
/* The table of compiled-in files of a build without web pages (KEFU_WEB=OFF). */
#include "assets.h"

const struct asset asset_table[1] = { { .path = "" } };
const size_t asset_table_len = 0;
