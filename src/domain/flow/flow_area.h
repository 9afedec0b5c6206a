/* SPDX-License-Identifier: Apache-2.0 */
/* The area of a state: slots and visit counters as records in a row, each eight bytes and its
 * value. Small and scanned from the start: a run has a dozen of them. Records of frame 0 belong to
 * the session and outlive their flow; the others end with their frame. Private to the engine. */
#ifndef KEFU_FLOW_AREA_H
#define KEFU_FLOW_AREA_H

#include "flow_priv.h"

enum flow_area_type {
    FLOW_AREA_VISITS = 1, /* count: how often a state was entered; key: its index; from
                           * FLOW_STATES_MAX on: 1 + the row that a call's exit took */
    FLOW_AREA_TEXT,
    FLOW_AREA_NUMBER,
    FLOW_AREA_BOOL,
    FLOW_AREA_TIME,
    FLOW_AREA_LIST, /* items: two bytes of length, then the text */
    FLOW_AREA_JSON, /* compact */
    FLOW_AREA_TYPE_COUNT,
};

struct flow_record {
    uint32_t key; /* hash of a slot's name */
    uint8_t frame;
    uint8_t type;
    uint16_t len; /* of a visit counter: the count itself */
};

struct flow_value {
    uint8_t type; /* enum flow_area_type */
    uint16_t len;
    uint8_t bytes[FLOW_VALUE_BYTES_MAX];
};

/* NULL: not there; *bytes: the value. Valid until the area changes. */
bool flow_area_get(const struct flow_state *state, unsigned frame, uint32_t key,
                   struct flow_record *out, const uint8_t **bytes);
/* false: no room (the old value stays). */
MUST_USE bool flow_area_put(struct flow_state *state, unsigned frame, uint32_t key,
                            const struct flow_value *value);
void flow_area_remove(struct flow_state *state, unsigned frame, uint32_t key);
void flow_area_drop_frame(struct flow_state *state, unsigned frame);
/* Counts one more visit and gives the count; UINT16_MAX: no room. */
unsigned flow_area_visit(struct flow_state *state, unsigned frame, uint16_t state_index);
/* The row (of the state's own) by which a call was left last; false: it was not. */
void flow_area_exit_set(struct flow_state *state, unsigned frame, uint16_t state_index,
                        unsigned row);
bool flow_area_exit_get(const struct flow_state *state, unsigned frame, uint16_t state_index,
                        unsigned *row);
/* false: the bytes are not a row of records (of a state that has `depth` frames). */
bool flow_area_valid(const uint8_t *area, size_t used, unsigned depth);

/* ---- values ---- */
void flow_value_text(struct flow_value *value, struct slice text); /* cut at a character */
void flow_value_number(struct flow_value *value, int64_t number);
void flow_value_time(struct flow_value *value, int64_t ms);
void flow_value_bool(struct flow_value *value, bool truth);
void flow_value_list(struct flow_value *value); /* empty */
MUST_USE bool flow_value_list_add(struct flow_value *value, struct slice item);
unsigned flow_list_count(const uint8_t *bytes, size_t len);
struct slice flow_list_item(const uint8_t *bytes, size_t len, unsigned index);
bool flow_list_has(const uint8_t *bytes, size_t len, struct slice item);

/* As people read it, and as JSON. */
void flow_record_text(const struct flow_record *record, const uint8_t *bytes,
                      int utc_offset_minutes, struct buf *out);
void flow_record_json(const struct flow_record *record, const uint8_t *bytes,
                      int utc_offset_minutes, struct buf *out);
void flow_add_date(struct buf *out, int64_t ms, int utc_offset_minutes);

/* ---- JSON in slots ---- */
enum flow_json_kind {
    FLOW_JSON_NOTHING,
    FLOW_JSON_TEXT, /* raw: between the quotes, escapes as they are */
    FLOW_JSON_NUMBER,
    FLOW_JSON_BOOL,
    FLOW_JSON_LIST,
    FLOW_JSON_OBJECT,
};
struct flow_json {
    enum flow_json_kind kind;
    bool truth;
    int64_t number;
    struct slice raw;  /* the value's bytes; of a text without its quotes */
    struct slice path; /* of a list met before the path's end: what is left for its items */
    unsigned count;    /* of a list */
};
/* The value at a path ("lines.id") of a JSON text that is well formed. */
struct flow_json flow_json_at(struct slice json, struct slice path);
struct flow_json flow_json_item(const struct flow_json *list, unsigned index);
/* Without blanks, into at most FLOW_VALUE_BYTES_MAX bytes; false: not JSON, or too long. */
bool flow_json_compact(struct slice json, struct flow_value *value);

#endif
