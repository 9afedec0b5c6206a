/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259), strict and without a tree: a pull reader over bytes in memory, and a writer into
 * a struct buf. Neither allocates (the writer's buf does). One owner, any thread. */
#ifndef KEFU_JSON_H
#define KEFU_JSON_H

#include "buf.h"
#include "check.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 }; /* nesting of our schema is below 8; one bit per level fits a word */

enum json_token {
    JSON_ERROR, /* for good; reader.problem says what */
    JSON_END,   /* the one value is complete and nothing but blanks follows */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY,  /* the colon is read as well */
    JSON_TEXT, /* a string that is a value */
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    const char *begin, *at, *end;
    struct slice raw; /* of KEY and TEXT: between the quotes, escaped; of NUMBER: its characters */
    bool escaped;     /* raw holds escapes: json_unescape before use */
    uint8_t expect;   /* private */
    uint8_t depth;    /* open objects and arrays */
    uint32_t objects; /* bit d: level d is an object */
    const char *problem; /* constant text, after JSON_ERROR */
};

void json_reader_init(struct json_reader *reader, struct slice text);
/* Text was checked: valid UTF-8, known escapes, surrogates in pairs. Repeated keys are not noticed.
 */
enum json_token json_next(struct json_reader *reader);
/* After a KEY, or where a value begins: reads over the whole value. false: JSON_ERROR. */
MUST_USE bool json_skip_value(struct json_reader *reader);
static inline size_t json_offset(const struct json_reader *reader)
{
    return (size_t)(reader->at - reader->begin);
}

/* raw of a KEY or TEXT token to UTF-8; out has room for raw.len bytes. Gives the length. */
size_t json_unescape(struct slice raw, char *out);
/* A NUMBER token that is a whole number without fraction or exponent and fits. */
bool json_number_u64(struct slice raw, uint64_t *out);
bool json_number_i64(struct slice raw, int64_t *out);
/* Any NUMBER token; false: overflows a double, or longer than JSON_NUMBER_MAX. */
enum {
    JSON_NUMBER_MAX = 128
}; /* characters; 17 digits and an exponent are enough for any double */
bool json_number_double(struct slice raw, double *out);

/* Values go one after another; commas are set by themselves. ENSUREs nothing about the order: a
 * misuse shows in the first test that reads the output. Ask buf_ok(out) at the end. */
struct json_writer {
    struct buf *out;
    bool comma; /* the next key or value needs one before it */
};

void json_writer_init(struct json_writer *writer, struct buf *out);
void json_object_begin(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array_begin(struct json_writer *writer);
void json_array_end(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_text(struct json_writer *writer, struct slice text); /* valid UTF-8 */
void json_u64(struct json_writer *writer, uint64_t value);     /* a number: below 2^53, please */
void json_id(struct json_writer *writer, uint64_t value);      /* a string, as 64-bit ids are */
void json_i64(struct json_writer *writer, int64_t value);
void json_double(struct json_writer *writer, double value); /* not finite: null */
void json_bool(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
void json_raw(struct json_writer *writer, struct slice json); /* one value, already JSON */

/* One quoted string; the part of the writer that other encoders need. */
void json_add_text(struct buf *out, struct slice text);
void json_add_double(struct buf *out, double value); /* finite; shortest form that reads back */

#endif
