/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_INTENT_SVD_PRIV_H
#define KEFU_INTENT_SVD_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "intent_cooccur_priv.h"

/* The strongest `dim` left singular vectors, each times the square root of its singular value, as
 * size x dim numbers. progress may be NULL; when it gives false, so does this, and out is not
 * written. */
bool intent_svd(const struct intent_sparse *by_rows, const struct intent_sparse *by_columns,
                unsigned dim, uint64_t seed, bool (*progress)(void *ctx), void *ctx, float *out);

#endif
