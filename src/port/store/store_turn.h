/* SPDX-License-Identifier: Apache-2.0 */
/* An encoded kefu.v1.Turn seen in place, for adapters: which bytes are the events, the header, the
 * visitor, and the few numbers that become columns. Nothing is decoded into objects and nothing is
 * allocated: settling 100,000 events/s cannot afford it, and rows keep the bytes as they came.
 * The field numbers are those of proto/kefu/v1; store_turn_test.c holds them against the schema.
 * Pure; any thread. */
#ifndef KEFU_STORE_TURN_H
#define KEFU_STORE_TURN_H

#include "buf.h"
#include "store.h"

enum {
    TURN_FORMAT = 1, /* the newest kefu.v1.Turn.format that this code reads */
    TURN_TRACES_MAX = STORE_TURN_EVENTS_MAX,
    TURN_MARKS_MAX = 64,
    EVENT_KIND_EDIT = 10,
    EVENT_KIND_RECALL = 11,
    CONV_STATE_CLOSED = 5,
};

struct turn_event {
    struct slice event;  /* kefu.v1.Event, complete */
    struct slice before; /* the bytes of event before the text field */
    struct slice after;  /* and those after it */
    struct slice text;
    uint32_t seq;
    uint32_t prev_seq;
    uint32_t kind;
    uint32_t target_seq;
    uint32_t author_kind;
    uint64_t author_id;
    int64_t created_at; /* ms */
    bool internal;
    const uint8_t *client_id; /* NULL: none */
    uint64_t client_hash;
};

struct turn_header {
    struct slice bytes;
    uint64_t id;
    uint64_t workspace;
    uint64_t site;
    uint64_t visitor;
    uint64_t agent;
    uint32_t state;
    uint32_t head_seq;
    int64_t created_at;
    int64_t updated_at;
    int64_t due_at;
    const uint8_t *start_client_id; /* NULL: none */
};

struct turn_visitor {
    struct slice bytes;
    uint64_t id;
    uint64_t site;
};

struct turn_trace {
    struct slice bytes;
    uint64_t conv;
    uint32_t seq;
};

struct turn_mark {
    uint64_t conv;
    uint64_t agent;
    uint32_t seq;
};

struct turn_view {
    uint32_t format;
    uint64_t workspace;
    uint64_t conv;
    size_t events_n;
    size_t traces_n;
    size_t marks_n;
    bool has_header;
    bool has_visitor;
    struct turn_header header;
    struct turn_visitor visitor;
    struct turn_event events[STORE_TURN_EVENTS_MAX];
    struct turn_trace traces[TURN_TRACES_MAX];
    struct turn_mark marks[TURN_MARKS_MAX];
};

/* The format that a Turn says it has, 0 when it says none; the rest is not looked at. */
uint32_t turn_format(struct slice bytes);
/* ERR_CORRUPT: not such a message; ERR_UNSUPPORTED: of a newer format. */
MUST_USE enum err_code turn_view_parse(struct slice bytes, struct turn_view *out, struct err *err);
/* An Event or a Header by itself, as stored. */
MUST_USE enum err_code turn_event_parse(struct slice event, struct turn_event *out,
                                        struct err *err);
MUST_USE enum err_code turn_header_parse(struct slice header, struct turn_header *out,
                                         struct err *err);

/* Appends the text field (nothing when empty) to an Event without one. */
void turn_text_add(struct buf *out, struct slice text);
/* The same field's tag and length, for callers that place the bytes themselves: writes at most
 * TURN_TEXT_HEAD_MAX bytes and gives how many. */
enum { TURN_TEXT_HEAD_MAX = 11 };
size_t turn_text_head(char out[TURN_TEXT_HEAD_MAX], size_t text_len);
/* Appends what is left of an event once it is recalled: who, when and of which kind, never what.
 * without_names drops the author's name as well (a person is erased). */
void turn_event_blank(struct buf *out, struct slice event, bool without_names);
/* What is left of a Header or Visitor when its person is erased: ids, times, state. */
void turn_header_blank(struct buf *out, struct slice header);
void turn_visitor_blank(struct buf *out, struct slice visitor);

#endif
