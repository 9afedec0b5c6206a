/* SPDX-License-Identifier: Apache-2.0 */
/* Values of slots out of what people write: typed, checked, in Chinese and English. Pure. */
#ifndef KEFU_FLOW_READ_H
#define KEFU_FLOW_READ_H

#include "flow_area.h"

enum { FLOW_READ_TEXT_MAX = 2048 }; /* of a message, this much is looked at */

/* A message, prepared once for all slots. */
struct flow_reading {
    struct slice text; /* as it was written, trimmed */
    struct slice half; /* full width made half width: where values are found */
    struct slice norm; /* the normal form of domain/text: where words are found */
    struct slice key;  /* letters, digits and CJK of it only: whole phrases */
    char half_bytes[FLOW_READ_TEXT_MAX];
    char norm_bytes[FLOW_READ_TEXT_MAX];
    char key_bytes[FLOW_READ_TEXT_MAX];
};
void flow_reading_init(struct flow_reading *reading, struct slice text);

struct flow_read_env {
    int64_t now_ms;
    int utc_offset_minutes;
    bool asked; /* it answers this slot's ask: a plain number or any text will do */
};

/* The value of a slot in a message; false: none, or not a good one. Lists and files are not read
 * from text here. */
bool flow_read_slot(const struct flow *flow, const struct flow_slot_def *slot,
                    const struct flow_reading *reading, const struct flow_read_env *env,
                    struct flow_value *out);
/* A value that came whole (a button, a picker, an action): checked by the slot's rules. */
bool flow_read_whole(const struct flow *flow, const struct flow_slot_def *slot, struct slice text,
                     const struct flow_read_env *env, struct flow_value *out);

enum flow_phrase {
    FLOW_PHRASE_NONE,
    FLOW_PHRASE_YES,
    FLOW_PHRASE_NO,
    FLOW_PHRASE_SKIP,
    FLOW_PHRASE_CANCEL, /* the whole message */
    FLOW_PHRASE_ALL,
};
/* The whole message is such a phrase. */
enum flow_phrase flow_read_phrase(const struct flow_reading *reading);
/* It says that something said before was wrong. */
bool flow_read_corrects(const struct flow_reading *reading);

/* One type each; also for tests. */
bool flow_read_phone(struct slice half, struct slice *out, char *buf, size_t cap);
bool flow_read_id_card(struct slice half, char out[19]);
bool flow_read_date(struct slice half, const struct flow_read_env *env, int64_t *out_ms);
bool flow_read_number(struct slice half, bool money, bool asked, int64_t *out);

#endif
