/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "json.h"
#include "mem.h"

enum { PAGE_EVENTS = 200 };

static const struct hash_key thread_key = { 1, 2 }; /* nobody attacks this table */

/* event.proto, in the order of the numbers. */
static const char *const kinds[] = { "unspecified", "message", "note",     "handoff",    "assigned",
                                     "transferred", "closed",  "reopened", "rated",      "to_bot",
                                     "edit",        "recall",  "form",     "identified", "left" };
static const char *const authors[] = { "unspecified", "visitor", "bot", "agent", "system", "api" };

static unsigned index_of(struct slice name, const char *const *names, size_t count)
{
    for (unsigned i = 0; i < count; i++) {
        if (slice_equal_text(name, names[i]))
            return i;
    }
    return 0;
}

void thread_fini(struct thread *thread)
{
    free(thread->events);
    *thread = (struct thread){ 0 };
}

void thread_add(struct thread *thread, uint32_t seq, bool internal, unsigned author, unsigned kind,
                struct slice text)
{
    const uint64_t parts[] = { seq, author, kind, hash_bytes(thread_key, text.ptr, text.len) };

    if (thread->count == thread->cap) {
        thread->cap = thread->cap > 0 ? thread->cap * 2 : 256;
        thread->events = mem_realloc(thread->events, thread->cap * sizeof(*thread->events));
    }
    thread->events[thread->count++] =
        (struct thread_event){ seq, internal, author == 1,
                               hash_bytes(thread_key, parts, sizeof(parts)) };
}

/* ---- JSON ---- */

struct event_json {
    uint64_t seq;
    bool internal;
    unsigned author, kind;
    struct slice text;
    char *text_room; /* unescaped */
};

static bool author_read(struct json_reader *json, struct event_json *event)
{
    enum json_token token = json_next(json);

    if (token != JSON_OBJECT_BEGIN)
        return false;
    while ((token = json_next(json)) == JSON_KEY) {
        if (!slice_equal_text(json->raw, "kind")) {
            if (!json_skip_value(json))
                return false;
            continue;
        }
        if (json_next(json) != JSON_TEXT)
            return false;
        event->author = index_of(json->raw, authors, LENGTH_OF(authors));
    }
    return token == JSON_OBJECT_END;
}

static bool field_read(struct json_reader *json, struct slice key, struct event_json *event)
{
    if (slice_equal_text(key, "author"))
        return author_read(json, event);
    if (slice_equal_text(key, "seq"))
        return json_next(json) == JSON_NUMBER && json_number_u64(json->raw, &event->seq);
    if (slice_equal_text(key, "visibility")) {
        event->internal = json_next(json) == JSON_TEXT && slice_equal_text(json->raw, "internal");
        return true;
    }
    if (slice_equal_text(key, "kind")) {
        event->kind =
            json_next(json) == JSON_TEXT ? index_of(json->raw, kinds, LENGTH_OF(kinds)) : 0;
        return true;
    }
    if (!slice_equal_text(key, "text"))
        return json_skip_value(json);
    if (json_next(json) != JSON_TEXT)
        return false;
    event->text_room = mem_realloc(event->text_room, json->raw.len + 1);
    event->text = slice_make(event->text_room, json_unescape(json->raw, event->text_room));
    return true;
}

/* Behind the '{' of an event. */
static bool event_read(struct thread *thread, struct json_reader *json, struct event_json *event)
{
    enum json_token token;

    *event = (struct event_json){ .text_room = event->text_room };
    while ((token = json_next(json)) == JSON_KEY) {
        if (!field_read(json, json->raw, event))
            return false;
    }
    if (token != JSON_OBJECT_END ||
        (thread->count > 0 && event->seq <= thread->events[thread->count - 1].seq))
        return false;
    thread_add(thread, (uint32_t)event->seq, event->internal, event->author, event->kind,
               event->text);
    return true;
}

static bool events_read(struct thread *thread, struct json_reader *json)
{
    struct event_json event = { 0 };
    bool good = json_next(json) == JSON_ARRAY_BEGIN;
    enum json_token token = JSON_ERROR;

    while (good && (token = json_next(json)) == JSON_OBJECT_BEGIN)
        good = event_read(thread, json, &event);
    free(event.text_room);
    return good && token == JSON_ARRAY_END;
}

bool thread_add_page(struct thread *thread, struct slice page)
{
    struct json_reader json;
    enum json_token token;

    thread->more = false;
    json_reader_init(&json, page);
    while ((token = json_next(&json)) != JSON_END && token != JSON_ERROR) {
        if (token != JSON_KEY || slice_equal_text(json.raw, "history"))
            continue;
        if (slice_equal_text(json.raw, "events") || slice_equal_text(json.raw, "items")) {
            if (!events_read(thread, &json))
                return false;
        } else if (slice_equal_text(json.raw, "more") || slice_equal_text(json.raw, "next")) {
            token = json_next(&json);
            thread->more = token == JSON_TRUE || (token == JSON_TEXT && json.raw.len > 0);
        } else if (!json_skip_value(&json)) {
            return false;
        }
    }
    return token == JSON_END;
}

/* ---- readers ---- */

int thread_read_rest(struct thread *thread, const struct chaos_login *login, uint16_t port,
                     const char *conv)
{
    int status;

    do {
        uint32_t last = thread->count > 0 ? thread->events[thread->count - 1].seq : 0;
        struct http_reply reply;
        char path[128];

        snprintf(path, sizeof(path), "/api/v1/conversations/%s/events?after=%u&limit=%d", conv,
                 last, PAGE_EVENTS);
        chaos_http_call(port, "GET", path, login->fields, NULL, &reply);
        status = reply.status;
        if (status == 200 && !thread_add_page(thread, reply.body))
            status = -1;
        if (thread->count > 0 && thread->events[thread->count - 1].seq == last)
            thread->more = false; /* an empty page that promises more would be asked for ever */
        chaos_http_free(&reply);
    } while (status == 200 && thread->more);
    return status;
}

static const struct thread_event *event_next(const struct thread *thread, size_t *at,
                                             bool public_only)
{
    while (*at < thread->count && public_only && thread->events[*at].internal)
        (*at)++;
    return *at < thread->count ? &thread->events[(*at)++] : NULL;
}

uint32_t thread_compare(const struct thread *a, const struct thread *b, bool public_only)
{
    const struct thread_event *x;
    const struct thread_event *y;
    size_t i = 0;
    size_t j = 0;

    do {
        x = event_next(a, &i, public_only);
        y = event_next(b, &j, public_only);
        if (x == NULL || y == NULL)
            return x != NULL ? x->seq : y != NULL ? y->seq : 0;
    } while (x->seq == y->seq && x->hash == y->hash);
    return x->seq < y->seq ? x->seq : y->seq;
}

uint64_t thread_hash(const struct thread *thread)
{
    uint64_t hash = thread->count;

    for (size_t i = 0; i < thread->count; i++)
        hash = hash_u64(hash, thread->events[i].hash);
    return hash;
}
