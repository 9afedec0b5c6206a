/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 times of the years 1 to 9999, as the JSON mapping of google.protobuf.Timestamp has them.
 * Pure functions, any thread. */
#ifndef KEFU_SCHEMA_TIME_H
#define KEFU_SCHEMA_TIME_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"

/* Any offset, 0 to 9 digits of fraction; capital T and Z; no leap second. */
bool time_parse(struct slice text, int64_t *seconds, int32_t *nanos);
/* "2025-01-31T08:00:00.000Z", always so long; what lies outside of the years is moved to their
 * ends.
 */
enum { TIME_TEXT_LEN = 24 };
void time_write(int64_t seconds, int32_t nanos, char out[TIME_TEXT_LEN]);

#endif
