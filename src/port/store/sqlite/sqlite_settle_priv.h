/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of settling: sqlite_collect.c reads committed turns out of the journal in order,
 * sqlite_settle.c writes a sorted batch of them into the tables, sqlite_apply.c writes one turn. */
#ifndef KEFU_SQLITE_SETTLE_PRIV_H
#define KEFU_SQLITE_SETTLE_PRIV_H

#include "sqlite_priv.h"

enum {
    GROUP_MARKS = 8, /* read marks of a conversation kept until its turns are done */
};

/* Where settling stands: always at the start of a batch. */
struct settle_point {
    uint64_t position;
    uint64_t batch; /* number of the batch expected there */
};

struct settle_item {
    uint64_t conv;
    uint64_t position;
    const struct journal_record_head *record; /* in a mapped segment */
};

/* The newest profile of a visitor among the turns of a slice. */
struct settle_profile {
    uint64_t visitor;
    uint64_t position;
    uint64_t workspace;
    uint64_t site;
    struct slice bytes;
};

/* A stretch of the journal that does not read. */
struct settle_damage {
    uint64_t position;
    size_t bytes;
};

/* The turns of one conversation in a slice: its row is read once and written once. */
struct group {
    uint64_t conv;
    bool exists;      /* has a row */
    bool quarantined; /* takes no more turns */
    bool has_header;  /* among these turns */
    uint64_t workspace, site, visitor, agent;
    int64_t state; /* -1: no header yet */
    uint32_t head_seq, stored_head_seq;
    int64_t updated_at, due_at;
    struct turn_header header;
    struct turn_mark marks[GROUP_MARKS];
    size_t marks_n;
};

struct settle {
    struct sqlite_store *store;
    struct db *db;
    struct settle_point point; /* what is settled */
    uint32_t first_segment;    /* the oldest file there may be */
    struct journal_view *views;
    size_t views_n, views_cap;

    /* of the slice being worked on */
    struct settle_point next;
    struct settle_item *items;
    size_t items_n, items_cap;
    struct settle_profile *profiles;
    size_t profiles_n, profiles_cap;
    struct settle_damage *damages;
    size_t damages_n, damages_cap;
    uint64_t *bad_convs; /* quarantined in this slice */
    size_t bad_convs_n, bad_convs_cap;
    size_t events;
    bool careful; /* a unique index refused a row: find out which turn it is */
    struct turn_view view;
    struct buf scratch;
};

/* Room for one more item of an array. */
void settle_grow(void *items, size_t *cap, size_t n, size_t item_bytes);

/* Fills items, damages and next with whole batches up to position `upto`. */
MUST_USE enum err_code settle_collect(struct settle *settle, uint64_t upto, size_t turns,
                                      struct err *err);
void settle_views_close(struct settle *settle);

/* Writes these items, all of some conversations' unsettled turns, ahead of the order of the
 * journal: when settling comes to them it finds them there. They are sorted. */
MUST_USE enum err_code settle_items(struct settle *settle, struct settle_item *items, size_t n,
                                    struct err *err);
/* For the items collected: every conversation's newest header and every visitor's newest profile,
 * and no event. Sorts them. */
MUST_USE enum err_code settle_headers(struct settle *settle, struct err *err);
MUST_USE enum err_code group_header_write(struct settle *settle, uint64_t conv,
                                          const struct turn_header *header, struct err *err);
void settle_profile_keep(struct settle *settle, const struct settle_item *item);

/* Writes one turn, or puts it in quarantine. ERR_CONFLICT: a unique index refused it, and the
 * transaction must be undone (never in careful mode). */
MUST_USE enum err_code settle_turn(struct settle *settle, struct group *group,
                                   const struct settle_item *item, struct err *err);
MUST_USE enum err_code group_begin(struct settle *settle, struct group *group, uint64_t conv,
                                   struct err *err);
/* Writes what of the conversation's row changed. */
MUST_USE enum err_code group_flush(struct settle *settle, struct group *group, struct err *err);
MUST_USE enum err_code quarantine_add(struct settle *settle, uint64_t workspace, uint64_t conv,
                                      uint64_t position, const char *reason, struct slice body,
                                      struct err *err);

#endif
