/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: what is found lies in the text, in order, apart from each other. */
#include <stdint.h>

#include "check.h"
#include "entity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct entity_lookup *lookup_make(void)
{
    static const struct entity_lookup_entry entries[] = {
        { SLICE_LITERAL("北京"), SLICE_EMPTY },      { SLICE_LITERAL("中国工商银行"), SLICE_EMPTY },
        { SLICE_LITERAL("blue tent"), SLICE_EMPTY }, { SLICE_LITERAL("camp chair"), SLICE_EMPTY },
        { SLICE_LITERAL("aaaaa"), SLICE_EMPTY },     { SLICE_LITERAL("1-1-1-1"), SLICE_EMPTY },
    };
    struct entity_lookup *lookup = NULL;

    ENSURE(entity_lookup_create(entries, LENGTH_OF(entries), &lookup, NULL) == ERR_OK);
    return lookup;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice shapes[] = { SLICE_LITERAL("KF####"), SLICE_LITERAL("**-@#") };
    static struct entity_lookup *lookup;
    static struct entity_scratch *scratch;
    static struct entity_list list;
    struct entity_options options = { .kinds = ENTITY_ALL, .today = { 2024, 2, 29 } };
    size_t end = 0;

    if (lookup == NULL) {
        lookup = lookup_make();
        scratch = entity_scratch_create();
    }
    if (size > 0 && (data[0] & 1) != 0) {
        options.order_shapes = shapes;
        options.order_shape_count = LENGTH_OF(shapes);
        options.calling_code = 1;
    }
    options.lookups = (const struct entity_lookup *const *)&lookup;
    options.lookup_count = 1;
    entity_find(slice_make(data, size), &options, scratch, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct entity *e = &list.items[i];

        ENSURE(e->len > 0 && e->start >= end && (size_t)e->start + e->len <= size);
        ENSURE(e->number.scale <= 20);
        end = e->start;
    }
    return 0;
}
