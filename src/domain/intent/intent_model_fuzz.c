/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes behind a valid checksum: refused, or a model that answers and explains. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "intent_model_priv.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct intent_scratch *scratch; /* 400 KiB: once is enough */

static void use(const struct intent_model *model)
{
    static const char *const texts[] = { "where is my order 4711", "退款 refnd wheer", "", "x" };

    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        struct intent_cause causes[8];
        struct intent_result result;

        intent_predict(model, scratch, slice_of(texts[i]), INTENT_TOP_MAX, &result);
        ENSURE(result.count <= INTENT_TOP_MAX);
        for (unsigned h = 0; h < result.count; h++)
            ENSURE(result.hits[h].intent < intent_model_count(model));
        (void)intent_explain(model, scratch, 0, causes, LENGTH_OF(causes));
        (void)intent_model_find(model, SLICE_LITERAL("none"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct intent_model *model;
    char *copy;

    if (size < sizeof(struct intent_header) || size > 1 << 20)
        return 0;
    if (scratch == NULL)
        scratch = intent_scratch_create();
    copy = mem_alloc(size);
    memcpy(copy, data, size);
    intent_model_seal(copy, size);
    if (intent_model_open(slice_make(copy, size), &model, NULL) == ERR_OK) {
        use(model);
        intent_model_close(&model);
    }
    free(copy);
    return 0;
}
