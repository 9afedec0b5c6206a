/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the product in one place, each with its reason. Bounds that only one module can
 * meet live in that module. */
#ifndef KEFU_LIMIT_H
#define KEFU_LIMIT_H

enum {
    /* A message is read by people: 16 KiB is 5,000 Chinese characters. */
    LIMIT_TEXT_BYTES_MAX = 16 * 1024,
    /* A frame holds one message of which every byte may need a six-byte JSON escape only in
     * hostile input; ordinary text and its envelope fit four times over. */
    LIMIT_FRAME_BYTES_MAX = 64 * 1024,
    /* What browsers and proxies agree on for request heads. */
    LIMIT_HTTP_HEAD_BYTES_MAX = 16 * 1024,
    /* The largest body without streaming: a CSV of a few thousand FAQ entries. */
    LIMIT_HTTP_BODY_BYTES_MAX = 1024 * 1024,
    /* The schema nests 6 deep; recursion on input must end. */
    LIMIT_JSON_DEPTH_MAX = 32,
    /* A reader this far behind is served better by a resync than by more bytes. */
    LIMIT_SESSION_QUEUE_BYTES_MAX = 256 * 1024,
    /* About 1 kB each: 200 MB at most, and only when they are really talking. */
    LIMIT_LIVE_CONV_MAX = 200 * 1000,
    /* Bounds the work of one stimulus; a flow that wants more is wrong. */
    LIMIT_TURN_EVENTS_MAX = 32,
    LIMIT_FLOW_DEPTH_MAX = 8,
    /* Above this group commit gains nothing and latency grows. */
    LIMIT_BATCH_TURNS_MAX = 1024,
    LIMIT_BATCH_BYTES_MAX = 4 * 1024 * 1024,

    LIMIT_CONV_REOPEN_HOURS = 72,   /* later a new conversation begins (DESIGN 5) */
    LIMIT_CLIENT_ID_WINDOW = 8,     /* largest client ids kept with a live conversation */
    LIMIT_CONV_WAITING_MAX = 16,    /* actions that wait for one conversation to be loaded */
    LIMIT_SHARD_WAITING_MAX = 4096, /* the same for all conversations of a shard */
    LIMIT_FETCH_EVENTS_MAX = 200,   /* one page of history; fewer when they are long */
    LIMIT_FETCH_EVENTS_DEFAULT = 50,
    LIMIT_NAME_BYTES_MAX = 120, /* names of people, sites, agents */
    LIMIT_URL_BYTES_MAX = 2048, /* what browsers carry; pages and referrers */
    LIMIT_TITLE_BYTES_MAX = 300,
    LIMIT_REASON_BYTES_MAX = 64, /* stable codes */
    LIMIT_LOCALE_BYTES_MAX = 35, /* longest BCP 47 tag in use */
    LIMIT_ATTRIBUTES_MAX = 32,   /* of a visitor or a form */
    LIMIT_ATTRIBUTE_KEY_BYTES_MAX = 64,
    LIMIT_ATTRIBUTE_VALUE_BYTES_MAX = 1024,
    LIMIT_LAST_TEXT_BYTES_MAX = 96, /* a row of the inbox shows no more */
    LIMIT_SUBSCRIBERS_MAX = 2048,   /* of one conversation: 1,000 watchers must work (fanout) */
    LIMIT_HELLO_CONVS_MAX = 20,     /* conversations that a welcome lists */
    LIMIT_EDIT_WINDOW_MINUTES = 5,  /* own message may be edited */
    LIMIT_RECALL_WINDOW_MINUTES = 2,
    LIMIT_RATING_MAX = 5,
    LIMIT_AGENT_CAPACITY_DEFAULT = 5, /* conversations at once; people manage three to five */
    LIMIT_AGENT_CAPACITY_MAX = 100,
    LIMIT_AGENT_GRACE_SECONDS =
        120, /* offline agent keeps conversations: a reload, a train tunnel */

    /* Rates that settings replace (0 = off). */
    LIMIT_VISITOR_RATE_PER_SECOND = 5, /* faster than anyone types */
    LIMIT_VISITOR_BURST = 20,
    LIMIT_IDLE_CLOSE_MINUTES_DEFAULT = 30,
};

#endif
