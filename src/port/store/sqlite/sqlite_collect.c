/* SPDX-License-Identifier: Apache-2.0 */
/* From the journal to the items of a slice. Segments stay mapped until the slice is done, because
 * items point into them. */
#include "sqlite_settle_priv.h"

#include "log.h"
#include "mem.h"

void settle_grow(void *items, size_t *cap, size_t n, size_t item_bytes)
{
    void **array = items;

    if (n < *cap)
        return;
    *cap = *cap == 0 ? 64 : *cap * 2;
    *array = mem_realloc(*array, *cap * item_bytes);
}

void settle_views_close(struct settle *settle)
{
    for (size_t i = 0; i < settle->views_n; i++)
        journal_view_close(&settle->views[i]);
    settle->views_n = 0;
}

static void damage_add(struct settle *settle, uint64_t position, size_t bytes)
{
    LOG_ERROR("journal_damaged", KV_U64("segment", journal_position_segment(position)),
              KV_U64("offset", journal_position_offset(position)), KV_U64("bytes", bytes));
    settle_grow(&settle->damages, &settle->damages_cap, settle->damages_n,
                sizeof(*settle->damages));
    settle->damages[settle->damages_n++] = (struct settle_damage){ position, bytes };
}

/* The view of a segment, NULL when there is no such file or it has no sound head. */
static const struct journal_view *view_get(struct settle *settle, uint32_t number,
                                           enum err_code *rc, struct err *err)
{
    struct journal_view *view;

    settle_grow(&settle->views, &settle->views_cap, settle->views_n, sizeof(*settle->views));
    view = &settle->views[settle->views_n];
    *rc = journal_view_open(settle->store->journal, number, view, err);
    if (*rc == ERR_OK) {
        settle->views_n++;
        return view;
    }
    if (*rc == ERR_CORRUPT)
        damage_add(settle, journal_position(number, 0), 0);
    if (*rc == ERR_CORRUPT || *rc == ERR_NOT_FOUND)
        *rc = ERR_OK;
    return NULL;
}

static void item_add(struct settle *settle, uint64_t position,
                     const struct journal_record_head *record)
{
    settle_grow(&settle->items, &settle->items_cap, settle->items_n, sizeof(*settle->items));
    settle->items[settle->items_n++] = (struct settle_item){ record->conv, position, record };
}

/* true: enough turns, and `next` is the start of a batch. */
static bool segment_collect(struct settle *settle, const struct journal_view *view, size_t end,
                            size_t turns)
{
    struct journal_cursor cursor = { .offset = journal_position_offset(settle->next.position),
                                     .number = settle->next.batch };
    const struct journal_record_head *record;
    size_t damaged = 0;
    size_t offset;

    if (cursor.offset < JOURNAL_BLOCK)
        cursor.offset = JOURNAL_BLOCK;
    while ((record = journal_cursor_next(&cursor, view, end, &offset)) != NULL) {
        if (cursor.damaged != damaged)
            damage_add(settle, journal_position(view->number, offset), cursor.damaged - damaged);
        damaged = cursor.damaged;
        item_add(settle, journal_position(view->number, offset), record);
        if (cursor.salvage || cursor.batch_end == 0 || cursor.offset < cursor.batch_end)
            continue;
        settle->next.position =
            journal_position(view->number, journal_round(cursor.offset, JOURNAL_BLOCK));
        settle->next.batch = cursor.number;
        if (settle->items_n >= turns)
            return true;
    }
    if (cursor.damaged != damaged)
        damage_add(settle, journal_position(view->number, end), cursor.damaged - damaged);
    settle->next.batch = cursor.number;
    return false;
}

enum err_code settle_collect(struct settle *settle, uint64_t upto, size_t turns, struct err *err)
{
    uint32_t last = journal_position_segment(upto);
    enum err_code rc = ERR_OK;

    settle->next = settle->point;
    settle->items_n = settle->damages_n = 0;
    while (rc == ERR_OK && settle->next.position < upto) {
        uint32_t number = journal_position_segment(settle->next.position);
        const struct journal_view *view = view_get(settle, number, &rc, err);
        size_t end = 0;

        if (view != NULL)
            end = number == last ? journal_position_offset(upto) : view->len;
        if (view != NULL && segment_collect(settle, view, end, turns))
            break;
        settle->next.position = number < last ? journal_position(number + 1, 0) : upto;
    }
    return rc;
}
