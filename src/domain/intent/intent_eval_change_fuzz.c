/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as kept answers, as they are and behind a header that fits them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc32c.h"
#include "intent_eval.h"
#include "mem.h"

enum { HEADER = 16 }; /* magic, version, checksum */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct slice kept)
{
    struct example_set set;
    struct intent_eval *eval;
    struct intent_eval_change change;

    example_set_init(&set);
    ENSURE(example_set_add(&set, SLICE_LITERAL("pay"), SLICE_LITERAL("how do I pay"), 1, NULL) ==
           ERR_OK);
    eval = intent_eval_create(&set);
    if (intent_eval_compare(eval, kept, NULL) == ERR_OK) {
        change = intent_eval_change(eval);
        ENSURE(change.compared == 0); /* nothing was answered now */
    }
    intent_eval_destroy(&eval);
    example_set_fini(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t version = 1;
    uint32_t crc = crc32c(0, data, size);
    char *bytes;

    if (size > 1 << 16)
        return 0;
    bytes = mem_alloc(size + HEADER);
    memcpy(bytes, "kefuANS\n", 8);
    memcpy(bytes + 8, &version, sizeof(version));
    memcpy(bytes + 12, &crc, sizeof(crc));
    memcpy(bytes + HEADER, data, size);
    compare(slice_make(bytes, size + HEADER));
    compare(slice_make(bytes + HEADER, size));
    free(bytes);
    return 0;
}
