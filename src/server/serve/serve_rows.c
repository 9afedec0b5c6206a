/* SPDX-License-Identifier: Apache-2.0 */
#include "serve_rows.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum err_code rows_load(struct store *store, enum store_kind kind, struct arena *arena,
                        struct rows *rows, struct err *err)
{
    struct store_record_query query = { .kind = kind, .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };

    while (page.more) {
        enum err_code rc = store_record_list(store, &query, arena, &page, err);

        if (rc != ERR_OK)
            return rc;
        if (rows->count + page.n > ROWS_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d rows of %s", ROWS_MAX,
                           store_kind_name(kind));
        if (rows->count + page.n > rows->cap) {
            rows->cap = (rows->count + page.n) * 2;
            rows->items = mem_realloc(rows->items, rows->cap * sizeof(*rows->items));
        }
        for (size_t i = 0; i < page.n; i++)
            rows->items[rows->count++] = page.items[i];
        if (page.n > 0)
            query.after = page.items[page.n - 1].id;
    }
    return ERR_OK;
}

void rows_free(struct rows *rows)
{
    free(rows->items);
    *rows = (struct rows){ 0 };
}

enum err_code row_decode(const struct store_record *row, const ProtobufCMessageDescriptor *desc,
                         struct arena *arena, void *out, struct err *err)
{
    ProtobufCMessage *msg = NULL;
    enum err_code rc = schema_proto_decode(desc, row->body, arena, &msg, err);

    memcpy(out, &msg, sizeof(msg));
    return rc;
}
