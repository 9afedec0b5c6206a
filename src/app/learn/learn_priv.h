/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this module. */
#ifndef KEFU_LEARN_PRIV_H
#define KEFU_LEARN_PRIV_H

#include "learn.h"

enum {
    LEARN_PAGE_BYTES_MAX = 128 * 1024 * 1024,   /* a page of records at their largest, decoded */
    LEARN_REPORT_BYTES_MAX = 8 * 1024 * 1024,   /* of a report: what one reply carries */
    LEARN_ANSWERS_BYTES_MAX = 32 * 1024 * 1024, /* 16 for each of EXAMPLES_MAX */
};

enum err_code learn_decode(const struct store_record *record,
                           const ProtobufCMessageDescriptor *desc, struct arena *arena, void *out,
                           struct err *err);
enum err_code learn_encode(struct arena *arena, const ProtobufCMessage *msg, struct slice *out,
                           struct err *err);

#endif
