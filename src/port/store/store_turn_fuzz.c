/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a turn: what parses lies within them, splits and joins again, and blanks to
 * something that parses. */
#include "store_turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice whole, struct slice part)
{
    ENSURE(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void event_check(struct slice whole, const struct turn_event *event)
{
    struct turn_event again;
    struct buf buf;

    inside(whole, event->event);
    inside(event->event, event->before);
    inside(event->event, event->text);
    inside(event->event, event->after);
    buf_init(&buf, 4 * STORE_TURN_BYTES_MAX);
    buf_add_slice(&buf, event->before);
    buf_add_slice(&buf, event->after);
    turn_text_add(&buf, event->text);
    ENSURE(turn_event_parse(buf_slice(&buf), &again, NULL) == ERR_OK);
    ENSURE(slice_equal(again.text, event->text) && again.seq == event->seq);
    buf_clear(&buf);
    turn_event_blank(&buf, event->event, true);
    ENSURE(turn_event_parse(buf_slice(&buf), &again, NULL) == ERR_OK);
    ENSURE(again.text.len == 0 && again.seq == event->seq);
    buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct turn_view view;
    struct slice whole = slice_make(data, size);
    struct buf buf;

    (void)turn_format(whole);
    if (size > STORE_TURN_BYTES_MAX || turn_view_parse(whole, &view, NULL) != ERR_OK)
        return 0;
    for (size_t i = 0; i < view.events_n; i++)
        event_check(whole, &view.events[i]);
    buf_init(&buf, 2 * STORE_TURN_BYTES_MAX);
    if (view.has_header) {
        struct turn_header header;

        turn_header_blank(&buf, view.header.bytes);
        ENSURE(turn_header_parse(buf_slice(&buf), &header, NULL) == ERR_OK);
        ENSURE(header.id == view.header.id && header.due_at == view.header.due_at);
    }
    if (view.has_visitor)
        turn_visitor_blank(&buf, view.visitor.bytes);
    buf_fini(&buf);
    return 0;
}
